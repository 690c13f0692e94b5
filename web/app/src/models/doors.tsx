// The other ways to a model: a file, another address, a mirror of the hub.

import { FileUp, Link, Server } from 'lucide';
import { useSignal } from '@preact/signals';
import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { nameOf } from '../model/names';
import { Button } from '../parts/button';
import { MODEL_FILES, useFilePicker } from '../parts/file-picker';
import { Icon } from '../parts/icon';
import { t } from '../text/text';
import { reachesAny } from '../scope';
import { mirror, reachAny, useMirror } from './reach';
import { begin } from './work';

/** Takes models from files; those of a split model are one. */
export function importFiles(files: readonly File[]): void {
  const [first] = files;
  if (!first) return;
  const name = nameOf(first.name);
  void begin({ kind: 'import', url: `file:${first.name}`, name, model: files });
}

/** Leads to a door, or to what takes room. */
export function openDoor(door: 'file' | 'address' | 'mirror' | 'room'): void {
  const element = document.getElementById(`door-${door}`);
  if (element instanceof HTMLDetailsElement) element.open = true;
  element?.scrollIntoView({ block: 'center' });
  element?.querySelector<HTMLElement>('input:not([type=file]), button')?.focus({ preventScroll: true });
}

export function Doors() {
  return (
    <section class="models-section" aria-labelledby="models-doors">
      <h2 id="models-doors">{t('models.doors')}</h2>
      <FromFile />
      <FromAddress />
      <Mirror />
    </section>
  );
}

function FromFile() {
  const [open, input] = useFilePicker(t('models.file'), importFiles, MODEL_FILES);
  const over = useSignal(false);
  return (
    <div
      id="door-file"
      class={`drop ${over.value ? 'over' : ''}`}
      onDragEnter={() => (over.value = true)}
      onDragLeave={() => (over.value = false)}
      onDrop={() => (over.value = false)}
    >
      <Icon of={FileUp} size={22} />
      <div>
        <p>{t('models.fileWords')}</p>
        <p class="soft small">{t('models.fileHint')}</p>
      </div>
      <Button onClick={open}>{t('models.file')}</Button>
      {input}
    </div>
  );
}

function Door({
  id,
  icon,
  title,
  children,
}: {
  id: string;
  icon: IconNode;
  title: string;
  children: ComponentChildren;
}) {
  return (
    <details id={id} class="door card">
      <summary>
        <Icon of={icon} />
        {title}
      </summary>
      {children}
    </details>
  );
}

/** Addresses of pages about a file on the hub, as people copy them, become those of the file. */
const fileAddress = (url: string) => url.replace(/^(https:\/\/huggingface\.co\/[^/]+\/[^/]+\/)blob\//, '$1resolve/');

function FromAddress() {
  const address = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    const url = fileAddress(new URL(address.value.trim()).href);
    address.value = '';
    void begin({ kind: 'download', url, name: nameOf(url), model: url });
  };
  return (
    <Door id="door-address" icon={Link} title={t('models.address')}>
      <form class="field" onSubmit={submit}>
        <label for="address">{t('models.addressLabel')}</label>
        <div class="models-input">
          <input
            id="address"
            type="url"
            required
            pattern="https?://.+"
            dir="ltr"
            placeholder="https://…/model.gguf"
            value={address.value}
            onInput={({ currentTarget }) => (address.value = currentTarget.value)}
          />
          <Button type="submit">{t('models.download')}</Button>
        </div>
        <span class="soft">{t('models.addressHint')}</span>
      </form>
    </Door>
  );
}

function Mirror() {
  const address = useSignal(mirror.value);
  const submit = (event: Event) => {
    event.preventDefault();
    useMirror(address.value.trim());
    if (mirror.value && !reachesAny) reachAny([]);
  };
  return (
    <Door id="door-mirror" icon={Server} title={t('models.mirror')}>
      <form class="field" onSubmit={submit}>
        <label for="mirror">{t('models.mirrorLabel')}</label>
        <div class="models-input">
          <input
            id="mirror"
            type="url"
            pattern="https?://.+"
            dir="ltr"
            placeholder="https://…"
            value={address.value}
            onInput={({ currentTarget }) => (address.value = currentTarget.value)}
          />
          <Button type="submit">{t('models.mirrorUse')}</Button>
        </div>
        <span class="soft">{t('models.mirrorHint')}</span>
        {mirror.value && (
          <p class="note" role="status">
            {t('models.mirrorUsed', { address: mirror.value })}
          </p>
        )}
      </form>
    </Door>
  );
}
