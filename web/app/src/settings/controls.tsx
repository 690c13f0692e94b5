// Controls with a label and what they do, the same everywhere in the settings.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { number } from '../text/format';
import { t } from '../text/text';
import { isWithin, type Range } from './settings';

/** What is below a control: what it does, what is wrong with it, and what else there is to say. */
interface Told {
  about?: ComponentChildren;
  /** Such as how it differs from the default. */
  extra?: ComponentChildren;
}

/** A number, by a slider or as it is typed. What is typed counts once it makes sense. */
export function NumberField({
  label,
  about,
  extra,
  range,
  value,
  slider = true,
  onChange,
}: Told & { label: string; range: Range; value: number; slider?: boolean; onChange: (value: number) => void }) {
  const id = useId();
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const wrong = typed.trim() === '' || !isWithin(range, Number(typed));
  const type = (text: string) => {
    setTyped(text);
    if (text.trim() !== '' && isWithin(range, Number(text))) onChange(Number(text));
  };
  const described = `${id}-about ${wrong ? `${id}-wrong` : ''}`;
  return (
    <div class="setting">
      <div class="setting-line">
        <label for={id}>{label}</label>
        <input
          id={id}
          type="number"
          inputMode="decimal"
          step="any"
          min={range.low}
          max={range.high}
          value={typed}
          aria-invalid={wrong}
          aria-describedby={described}
          onInput={({ currentTarget }) => type(currentTarget.value)}
        />
      </div>
      {slider && (
        <input
          type="range"
          aria-label={label}
          aria-describedby={`${id}-about`}
          min={range.low}
          max={range.high}
          step={range.step}
          value={value}
          onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
        />
      )}
      <p id={`${id}-wrong`} class="wrong" role="alert">
        {wrong && t(range.step < 1 ? 'settings.between' : 'settings.betweenWhole', told(range))}
      </p>
      <p id={`${id}-about`} class="soft">
        {about}
      </p>
      {extra}
    </div>
  );
}

const told = ({ low, high }: Range) => ({ low: number(low), high: number(high) });

/** A number that need not be: off is null. */
export function OptionalNumber({
  label,
  about,
  extra,
  numberLabel,
  range,
  value,
  first,
  onChange,
}: Told & {
  label: string;
  numberLabel: string;
  range: Range;
  value: number | null;
  /** What it is when it is turned on. */
  first: () => number;
  onChange: (value: number | null) => void;
}) {
  const id = useId();
  return (
    <div class="setting">
      <div class="setting-check">
        <input
          id={id}
          type="checkbox"
          checked={value !== null}
          aria-describedby={`${id}-about`}
          onChange={({ currentTarget }) => onChange(currentTarget.checked ? first() : null)}
        />
        <label for={id}>{label}</label>
      </div>
      <p id={`${id}-about`} class="soft">
        {about}
      </p>
      {value !== null && (
        <NumberField label={numberLabel} range={range} value={value} slider={false} onChange={onChange} />
      )}
      {extra}
    </div>
  );
}

/** One of some. */
export interface Choice<Value> {
  value: Value;
  label: ComponentChildren;
  about?: ComponentChildren;
  /** At the end of the line. */
  aside?: ComponentChildren;
  disabled?: boolean;
}

/** A choice between some, all in sight: as cards with what each does, or side by side where there is nothing to explain. */
export function Choices<Value>({
  label,
  about,
  extra,
  look = 'cards',
  choices,
  value,
  onChange,
}: Told & {
  label: string;
  look?: 'cards' | 'line';
  choices: readonly Choice<Value>[];
  /** Which is chosen; undefined: none of them. */
  value: Value | undefined;
  onChange: (value: Value) => void;
}) {
  const id = useId();
  return (
    <fieldset class="setting" aria-describedby={about ? `${id}-about` : undefined}>
      <legend>{label}</legend>
      {about && (
        <p id={`${id}-about`} class="soft">
          {about}
        </p>
      )}
      <div class={`choices ${look}`}>
        {choices.map((choice, index) => (
          <label key={index} class="choice">
            <input
              type="radio"
              name={id}
              checked={choice.value === value}
              disabled={choice.disabled}
              aria-labelledby={`${id}-${index}`}
              aria-describedby={`${id}-${index}-aside ${id}-${index}-about`}
              onChange={() => onChange(choice.value)}
            />
            <span id={`${id}-${index}`} class="choice-label">
              {choice.label}
            </span>
            {choice.aside && (
              <span id={`${id}-${index}-aside`} class="choice-aside">
                {choice.aside}
              </span>
            )}
            {choice.about && (
              <span id={`${id}-${index}-about`} class="choice-about soft">
                {choice.about}
              </span>
            )}
          </label>
        ))}
      </div>
      {extra}
    </fieldset>
  );
}
