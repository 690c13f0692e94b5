import { invalid } from './errors.js';

/** Makes an address absolute, for the worker's own may be another. */
export function absolute(param: string, url: string | URL): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch {
    throw invalid(param, `"${url}" is no URL`);
  }
}

/** The absolute address of what may be none. */
export const optional = (param: string, url: string | URL | undefined): string | undefined =>
  url === undefined ? undefined : absolute(param, url).href;
