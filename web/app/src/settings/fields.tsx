// The settings of what a conversation is asked with, for the defaults and for one conversation alike.

import { useId, useState } from 'preact/hooks';
import { t, type TextKey } from '../text/text';
import { number } from '../text/format';
import { Choices, NumberField, OptionalNumber } from './controls';
import { Presets } from './preset-picker';
import { isOf, samplingOf } from './presets';
import { OVERFLOWS, RANGES, type Settings, THINKING } from './settings';

/** What the fields show, and what they do. */
export interface Form {
  values: Settings;
  change: (change: Partial<Settings>) => void;
  /** For a conversation: the defaults, beside which differences are told. */
  beside?: Settings;
}

const ABOUTS = {
  temperature: 'settings.temperature.about',
  topP: 'settings.topP.about',
  topK: 'settings.topK.about',
  minP: 'settings.minP.about',
  repetitionPenalty: 'settings.repetitionPenalty.about',
} as const satisfies Partial<Record<keyof Settings, TextKey>>;

export function SystemField({ form }: { form: Form }) {
  const id = useId();
  return (
    <div class="setting">
      <label for={id}>{t('settings.system')}</label>
      <textarea
        id={id}
        rows={4}
        dir="auto"
        aria-describedby={`${id}-about`}
        value={form.values.system}
        onInput={({ currentTarget }) => form.change({ system: currentTarget.value })}
      />
      <p id={`${id}-about`} class="soft">
        {t('settings.system.about')}
      </p>
      <Difference form={form} name="system" />
    </div>
  );
}

export function ThinkingField({ form }: { form: Form }) {
  const { thinking, thinkingBudget } = form.values;
  return (
    <>
      <Choices
        label={t('settings.thinking')}
        about={t('settings.thinking.about')}
        choices={THINKING.map((value) => ({
          value,
          label: t(`settings.thinking.${value}`),
          about: t(`settings.thinking.${value}.about`),
        }))}
        value={thinking}
        onChange={(thinking) => form.change({ thinking })}
        extra={<Difference form={form} name="thinking" />}
      />
      {thinking === 'budget' && (
        <NumberField
          label={t('settings.thinkingBudget')}
          about={t('settings.thinkingBudget.about')}
          range={RANGES.thinkingBudget}
          value={thinkingBudget}
          onChange={(thinkingBudget) => form.change({ thinkingBudget })}
          extra={<Difference form={form} name="thinkingBudget" />}
        />
      )}
    </>
  );
}

export function SamplingFields({ form }: { form: Form }) {
  const { values, beside } = form;
  // open at first where a conversation differs, and then as the reader leaves it
  const [open] = useState(beside !== undefined && !isOf(samplingOf(beside), values));
  return (
    <>
      <Presets form={form} />
      <details class="more" open={open}>
        <summary>{t('settings.sampling.each')}</summary>
        {(Object.keys(ABOUTS) as (keyof typeof ABOUTS)[]).map((name) => (
          <NumberField
            key={name}
            label={t(`settings.${name}`)}
            about={t(ABOUTS[name])}
            range={RANGES[name]}
            value={form.values[name]}
            onChange={(value) => form.change({ [name]: value })}
            extra={<Difference form={form} name={name} />}
          />
        ))}
        <Optional form={form} name="seed" first={() => Math.floor(Math.random() * 1_000_000)} />
      </details>
    </>
  );
}

/** A number that may be left open; `first` is where one begins who sets it. */
function Optional({ form, name, first }: { form: Form; name: 'seed' | 'maxTokens'; first: () => number }) {
  return (
    <OptionalNumber
      label={t(`settings.${name}`)}
      about={t(`settings.${name}.about`)}
      numberLabel={t(`settings.${name}.number`)}
      range={RANGES[name]}
      value={form.values[name]}
      first={first}
      onChange={(value) => form.change({ [name]: value })}
      extra={<Difference form={form} name={name} />}
    />
  );
}

export function LengthFields({ form }: { form: Form }) {
  return (
    <>
      <Optional form={form} name="maxTokens" first={() => 4096} />
      <Choices
        label={t('settings.overflow')}
        choices={OVERFLOWS.map((value) => ({
          value,
          label: t(`settings.overflow.${value}`),
          about: t(`settings.overflow.${value}.about`),
        }))}
        value={form.values.overflow}
        onChange={(overflow) => form.change({ overflow })}
        extra={<Difference form={form} name="overflow" />}
      />
    </>
  );
}

/** Where a conversation differs: the default, and the way back to it. */
function Difference({ form: { values, change, beside }, name }: { form: Form; name: keyof Settings }) {
  if (!beside || values[name] === beside[name]) return null;
  return (
    <p class="difference">
      <span>{t('settings.difference', { default: written(name, beside[name]) })}</span>
      <button
        type="button"
        class="link"
        aria-label={t('settings.useDefaultOf', { name: t(`settings.${name}`) })}
        onClick={() => change({ [name]: beside[name] })}
      >
        {t('settings.useDefault')}
      </button>
    </p>
  );
}

/** A setting's value in words. */
function written<Name extends keyof Settings>(name: Name, value: Settings[Name]): string {
  if (typeof value === 'number') return number(value, { maximumFractionDigits: 3 });
  if (value === null || value === '') return t('settings.none');
  return name === 'system' ? value : t(`settings.${name}.${value}` as TextKey);
}
