// Choosing a model and watching it load.

import { useSignal } from '@preact/signals';
import type { LoadPhase } from 'minke';
import { useEffect } from 'preact/hooks';
import { choices, kept, load, loadError, loading, type Loading, lookAtKept } from './loading';
import { bytes, duration } from './units';

export function NoWebGpu() {
  return (
    <section class="card" role="alert">
      <h2>This browser has no WebGPU</h2>
      <p>
        Minke computes on your graphics processor through WebGPU. Please use a current Chrome, Edge, Firefox or Safari
        with hardware acceleration turned on, and open this page over https or from localhost.
      </p>
    </section>
  );
}

export function Picker() {
  useEffect(() => void lookAtKept(), []);
  if (loading.value) return <Progress {...loading.value} />;
  return (
    <section class="card" aria-labelledby="choose">
      <h2 id="choose">Choose a model</h2>
      <p>
        The model comes to this browser, is kept in it, and runs here. What you write never leaves your device: there is
        no server to send it to.
      </p>
      {loadError.value && (
        <p role="alert" class="error">
          {loadError.value}
        </p>
      )}
      <ul class="models">
        {choices.map(({ id, name, url, bytes: size, licence }) => (
          <li key={id}>
            <button type="button" onClick={() => void load(name, url)}>
              <span>
                {name}
                {licence && <small>{licence}</small>}
              </span>
              <small>{[size && bytes(size), here(url)].filter(Boolean).join(' · ')}</small>
            </button>
          </li>
        ))}
      </ul>
      <FromFile />
      <FromUrl />
    </section>
  );
}

function FromFile() {
  const open = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const file = currentTarget.files?.[0];
    if (file) void load(file.name, file);
  };
  return (
    <label class="field">
      Open a .gguf file
      <input type="file" accept=".gguf" onChange={open} />
    </label>
  );
}

function FromUrl() {
  const url = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    void load(new URL(url.value).pathname.split('/').pop() || url.value, url.value);
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for="url">Address of a .gguf file</label>
      <div class="row">
        <input
          id="url"
          type="url"
          required
          placeholder="https://…/model.gguf"
          value={url.value}
          onInput={({ currentTarget }) => (url.value = currentTarget.value)}
        />
        <button type="submit">Load</button>
      </div>
    </form>
  );
}

/** How much of a model is in this browser. */
function here(url: string): string | undefined {
  const model = kept.value.get(new URL(url, location.href).href);
  return model && (model.complete ? 'kept here' : `${bytes(model.keptBytes)} kept here`);
}

const PHASES: Record<LoadPhase, string> = {
  waiting: 'Another tab is loading it:',
  download: 'Downloading',
  retry: 'No answer, trying again:',
  offline: 'No network, waiting for it:',
  paused: 'Paused:',
  prepare: 'Preparing the GPU:',
  ready: 'Ready',
};

function Progress({ name, progress, control, cancel }: Loading) {
  const { loaded = 0, total = null, phase = 'download', bytesPerSecond, secondsLeft, source, room } = progress ?? {};
  const paused = useSignal(false);
  const toggle = () => {
    paused.value = !paused.value;
    if (paused.value) control.pause();
    else control.resume();
  };
  const coming = phase === 'download' && source === 'network';
  const words = phase === 'download' && source && source !== 'network' ? 'Reading' : PHASES[phase];
  return (
    <section class="card" aria-busy="true">
      <h2>{name}</h2>
      <progress aria-label="Loading" max={total ?? 1} {...(total === null ? {} : { value: loaded })} />
      <p class="progress">
        {words} {bytes(loaded)}
        {total !== null && ` of ${bytes(total)}`}
        {coming && bytesPerSecond ? ` · ${bytes(bytesPerSecond)}/s` : ''}
        {coming && secondsLeft ? ` · ${duration(secondsLeft)} left` : ''}
      </p>
      {typeof room === 'number' && (
        <p class="progress">
          This browser may have room for {bytes(room)} only. If it gets full, what has come is kept: delete something
          and load again.
        </p>
      )}
      <div class="row">
        <button type="button" onClick={toggle}>
          {paused.value ? 'Go on' : 'Pause'}
        </button>
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </section>
  );
}
