/** Now, in seconds since 1970. */
export const seconds = (): number => Math.floor(Date.now() / 1000);

/** The page's time without its zone, as clocks on its wall show it. */
export function localTime(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
