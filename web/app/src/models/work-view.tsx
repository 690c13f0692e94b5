// How far a download is, or what went wrong with it and what can be done.

import { Pause, Play, RotateCw, X } from 'lucide';
import { useSignal } from '@preact/signals';
import type { LoadProgress } from 'minke';
import { share } from '../model/progress';
import { Button, IconButton } from '../parts/button';
import { ProgressBar } from '../parts/progress';
import { bytes, duration } from '../text/format';
import { t } from '../text/text';
import { openDoor } from './doors';
import type { Way } from './problem';
import type { Row } from './rows';
import { begin, dismiss, toggle, type Work } from './work';

type Of<State> = Extract<Work, { state: State }>;

export function WorkView({ row, now }: { row: Row; now: Work }) {
  if (now.state === 'running') return <Running now={now} />;
  if (now.state === 'failed') return <Failed row={row} now={now} />;
  const { kind, name } = now.task;
  return <p class="note good">{t(kind === 'verify' ? 'models.verifiedNow' : 'models.arrived', { name })}</p>;
}

function Running({ now }: { now: Of<'running'> }) {
  const { task, progress, control, cancel } = now;
  const room = progress?.room;
  return (
    <div class="work">
      <ProgressBar
        label={t(task.kind === 'verify' ? 'models.verifying' : 'models.downloading', { name: task.name })}
        part={share(progress)}
      />
      <div class="work-line">
        <div>
          <p role="status">{phaseOf(now)}</p>
          <p class="soft work-figures">{progress && figuresOf(progress)}</p>
        </div>
        <div class="model-ways">
          <Button icon={control.paused ? Play : Pause} onClick={() => toggle(now)}>
            {t(control.paused ? 'models.resume' : 'models.pause')}
          </Button>
          <Button icon={X} look="plain" onClick={cancel}>
            {t('cancel')}
          </Button>
        </div>
      </div>
      {typeof room === 'number' && <p class="note warn">{t('models.roomShort', { room: bytes(room) })}</p>}
      {task.kind === 'download' && <p class="soft small">{t('models.keptOnCancel')}</p>}
    </div>
  );
}

/** What goes on, in words. */
function phaseOf({ task, progress, control }: Of<'running'>): string {
  const { phase = 'download', source } = progress ?? {};
  if (control.paused) return t('models.phase.paused');
  if (phase === 'waiting') return t('models.phase.waiting');
  if (phase === 'retry') return t('models.phase.retry');
  if (phase === 'offline') return t('models.phase.offline');
  if (phase === 'prepare' || phase === 'ready') return t('models.phase.finishing');
  if (!progress) return t('models.phase.starting');
  if (source === 'store') return t('models.phase.checking');
  if (source === 'file') return t('models.phase.copying');
  return t(task.kind === 'verify' ? 'models.phase.mending' : 'models.phase.downloading');
}

function figuresOf({ phase, source, loaded, total, bytesPerSecond, secondsLeft, retries }: LoadProgress): string {
  const coming = phase === 'download' && source === 'network';
  const done = total === null ? bytes(loaded) : t('models.of', { loaded: bytes(loaded), total: bytes(total) });
  return [
    done,
    coming && bytesPerSecond ? t('models.speed', { size: bytes(bytesPerSecond) }) : '',
    coming && typeof secondsLeft === 'number' ? t('models.left', { time: duration(secondsLeft) }) : '',
    retries ? t('models.retries', { count: retries }) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

function Failed({ row, now }: { row: Row; now: Of<'failed'> }) {
  const { task, problem } = now;
  const { words, details, ways } = problem;
  return (
    <div class="work">
      <div class="note bad work-problem" role="alert">
        <p>{words}</p>
        {(row.kept?.keptBytes ?? 0) > 0 && !row.kept?.complete && <p>{t('models.partKept')}</p>}
        <details>
          <summary>{t('models.problem.details')}</summary>
          <p dir="auto">{details}</p>
        </details>
        <IconButton icon={X} label={t('close')} onClick={() => dismiss(task.url)} />
      </div>
      {ways.includes('token') && <TokenForm now={now} />}
      <div class="model-ways">
        {ways.includes('again') && (
          <Button icon={RotateCw} onClick={() => void begin(task)}>
            {t('models.again')}
          </Button>
        )}
        {(['mirror', 'address', 'file', 'room'] as const)
          .filter((way) => ways.includes(way))
          .map((way) => (
            <Button key={way} onClick={() => openDoor(way)}>
              {t(DOORS[way])}
            </Button>
          ))}
      </div>
    </div>
  );
}

const DOORS = {
  mirror: 'models.mirror',
  address: 'models.address',
  file: 'models.file',
  room: 'models.room.see',
} as const satisfies Partial<Record<Way, string>>;

/** For hosts that want to know who asks. What is entered is in this field only. */
function TokenForm({ now }: { now: Of<'failed'> }) {
  const token = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    void begin(now.task, { Authorization: `Bearer ${token.value.trim()}` });
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for="token">{t('models.token')}</label>
      <div class="models-input">
        <input
          id="token"
          type="password"
          required
          autocomplete="off"
          value={token.value}
          onInput={({ currentTarget }) => (token.value = currentTarget.value)}
        />
        <Button type="submit">{t('models.again')}</Button>
      </div>
      <span class="soft">{t('models.tokenHint')}</span>
    </form>
  );
}
