// Choosing, saving, renaming and deleting presets.

import { Pencil, Trash2 } from 'lucide';
import { useId, useState } from 'preact/hooks';
import { Button, IconButton } from '../parts/button';
import { say } from '../parts/toast';
import { t } from '../text/text';
import { Choices } from './controls';
import type { Form } from './fields';
import {
  deletePreset,
  isOf,
  type OwnPreset,
  ownPresets,
  PRESETS,
  renamePreset,
  type Sampling,
  savePreset,
} from './presets';

type Known = keyof typeof PRESETS;

export function Presets({ form }: { form: Form }) {
  const known = Object.entries(PRESETS).map(([id, values]) => ({
    value: values as Sampling,
    label: t(`settings.preset.${id as Known}`),
    about: t(`settings.preset.${id as Known}.about`),
  }));
  const own = ownPresets.value.map((preset) => ({
    value: preset.values,
    label: <bdi>{preset.name}</bdi>,
  }));
  const all = [...known, ...own];
  const chosen = all.find(({ value }) => isOf(value, form.values))?.value;
  return (
    <div class="setting">
      <Choices
        label={t('settings.presets')}
        about={t('settings.presets.about')}
        choices={all}
        value={chosen}
        onChange={(values) => form.change(values)}
      />
      {ownPresets.value.length > 0 && (
        <details class="more">
          <summary>{t('settings.presets.own')}</summary>
          <ul class="list">
            {ownPresets.value.map((preset, index) => (
              <OwnPresetLine key={index} preset={preset} />
            ))}
          </ul>
        </details>
      )}
      {!chosen && (
        <div class="note">
          <p>{t('settings.presets.none')}</p>
          <NameForm action={t('settings.presets.save')} onName={(name) => savePreset(name, form.values)} />
        </div>
      )}
    </div>
  );
}

function OwnPresetLine({ preset }: { preset: OwnPreset }) {
  const { name } = preset;
  const [renaming, setRenaming] = useState(false);
  const rename = (name: string) => {
    renamePreset(preset, name);
    setRenaming(false);
  };
  if (renaming)
    return (
      <li>
        <NameForm name={name} action={t('settings.presets.rename')} onName={rename} />
      </li>
    );
  return (
    <li>
      <bdi>{name}</bdi>
      <IconButton icon={Pencil} label={t('settings.presets.renameOne', { name })} onClick={() => setRenaming(true)} />
      <IconButton
        icon={Trash2}
        label={t('settings.presets.deleteOne', { name })}
        onClick={() => say(t('settings.presets.deleted', { name }), deletePreset(preset))}
      />
    </li>
  );
}

/** Asks for a name. */
function NameForm({ name = '', action, onName }: { name?: string; action: string; onName: (name: string) => void }) {
  const id = useId();
  const [typed, setTyped] = useState(name);
  const submit = (event: Event) => {
    event.preventDefault();
    if (typed.trim()) onName(typed.trim());
  };
  return (
    <form class="one-line" onSubmit={submit}>
      <label for={id}>{t('settings.presets.name')}</label>
      <input
        id={id}
        dir="auto"
        maxLength={60}
        required
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
      />
      <Button type="submit">{action}</Button>
    </form>
  );
}
