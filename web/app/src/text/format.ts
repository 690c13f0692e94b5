// Numbers, times and dates as the person's language writes them.

import { language } from './text';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** 98362432 → "98.4 MB". */
export function bytes(n: number): string {
  const step = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(n, 1)) / 3)));
  return number(n / 1000 ** step, { style: 'unit', unit: UNITS[step] as string, maximumSignificantDigits: 3 });
}

/** 75 → "1 min 15 sec". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const unit = (n: number, unit: string) => number(n, { style: 'unit', unit });
  if (whole < 60) return unit(whole, 'second');
  if (whole < 3600) return `${unit(Math.floor(whole / 60), 'minute')} ${unit(whole % 60, 'second')}`;
  return `${unit(Math.floor(whole / 3600), 'hour')} ${unit(Math.floor((whole % 3600) / 60), 'minute')}`;
}

export function number(n: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(language.value, options).format(n);
}

/** 0.42 → "42%". */
export const percent = (part: number): string => number(part, { style: 'percent', maximumFractionDigits: 0 });

/** A day, as in "12 Nov 2026". */
export const day = (time: number): string =>
  new Intl.DateTimeFormat(language.value, { dateStyle: 'medium' }).format(time);

/** A day and an hour. */
export const moment = (time: number): string =>
  new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'short' }).format(time);
