// Numbers for people.

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** 98362432 → "98.4 MB", in the reader's own notation. */
export function bytes(n: number): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(n, 1)) / 3));
  const digits = { style: 'unit', unit: UNITS[step], maximumSignificantDigits: 3 } as const;
  return new Intl.NumberFormat(undefined, digits as Intl.NumberFormatOptions).format(n / 1000 ** step);
}

/** 75 → "1 min 15 s". */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

export const rate = (n: number): string => n.toLocaleString(undefined, { maximumSignificantDigits: 3 });
