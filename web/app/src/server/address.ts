// Addresses of servers, as people type them.

import type { TextKey } from '../text/text';

/** The address of an API, or the text of what is wrong with what was typed. */
export type Read = { address: URL } | { wrong: TextKey };

/** Paths that are below an API's own, as they are copied from examples. */
const BELOW = /\/(chat\/completions|completions|models)\/?$/;

/** Reads an address; what nobody types is added: the scheme, and OpenAI's own path where there is none. */
export function readAddress(typed: string): Read {
  const text = typed.trim();
  if (text === '') return { wrong: 'server.address.missing' };
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(text) ?? [];
  if (scheme !== undefined && !/^https?$/i.test(scheme)) return { wrong: 'server.address.scheme' };
  const whole = scheme === undefined ? `${isLocal(hostOf(text)) ? 'http' : 'https'}://${text}` : text;
  if (/\s/.test(whole) || !URL.canParse(whole)) return { wrong: 'server.address.wrong' };
  const address = new URL(whole);
  if (address.hostname.startsWith('[')) return { wrong: 'server.address.brackets' }; // no policy can name it
  if (address.username || address.password) return { wrong: 'server.address.password' };
  address.search = '';
  address.hash = '';
  address.pathname = address.pathname.replace(BELOW, '').replace(/\/+$/, '') || '/v1';
  return { address };
}

/** The host of an address without a scheme. */
const hostOf = (text: string) => (URL.canParse(`http://${text}`) ? new URL(`http://${text}`).hostname : '');

/** Whether a host is this device itself. */
export const isThisDevice = (host: string): boolean =>
  /^(localhost|.*\.localhost|127(\.\d+){3})$/.test(host.toLowerCase());

/** Whether a host is this device, or in the same house by its address or name. */
export const isLocal = (host: string): boolean =>
  isThisDevice(host) ||
  /^(10(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|169\.254(\.\d+){2})$/.test(host) ||
  /^.*\.(local|lan|home\.arpa)$/.test(host.toLowerCase());
