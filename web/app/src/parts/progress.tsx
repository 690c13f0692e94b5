import { percent } from '../text/format';

/** A bar. `part` of 1 is done; null: that is not known. It is announced in steps of a quarter, not at each change. */
export function ProgressBar({ label, part }: { label: string; part: number | null }) {
  const step = part === null ? undefined : Math.floor(part * 4) * 25;
  return (
    <div
      class={`progress ${part === null ? 'unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={step}
      aria-valuetext={part === null ? undefined : percent(part)}
    >
      <div style={{ inlineSize: part === null ? undefined : `${100 * part}%` }} />
    </div>
  );
}
