// Reads what people add to a message. What cannot be read is refused in words, which say what would work.

import type { AttachedFile } from '../history/types';
import type { TextKey } from '../text/text';
import { isPdf, refusedKind, textKind } from './kinds';

/** Most bytes of a file. */
export const MOST_BYTES = 20e6;
/** Most pages of a PDF. */
export const MOST_PAGES = 500;

/** Why a file cannot be added: a text of the app, and its values. */
export class Refused extends Error {
  constructor(
    readonly key: TextKey & `files.no.${string}`,
    readonly values: Record<string, string | number> = {},
  ) {
    super(key);
  }
}

/** The text of a file. Throws {@link Refused}. */
export async function read(file: File): Promise<AttachedFile> {
  if (file.size > MOST_BYTES) throw new Refused('files.no.tooBig');
  const bytes = await bytesOf(file);
  if (bytes.length === 0) throw new Refused('files.no.empty');
  if (isPdf(bytes)) return { name: file.name, kind: '', text: await textOfPdf(bytes), cut: false };
  const kind = textKind(file.name);
  const other = refusedKind(file.name);
  if (kind === undefined && other) throw new Refused(`files.no.${other}`);
  return { name: file.name, kind: kind ?? '', text: textOf(bytes), cut: false };
}

/** A folder that was dropped, or a file that was deleted since, looks like a file until it is read. */
const bytesOf = (file: File): Promise<Uint8Array> =>
  file.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => {
      throw new Refused('files.no.unreadable');
    },
  );

async function textOfPdf(bytes: Uint8Array): Promise<string> {
  const { pdfText } = await import('./pdf');
  return pdfText(bytes);
}

/** Bytes as text: UTF-8, or UTF-16 with its mark. Other encodings cannot be told from each other, so they are not guessed at. */
function textOf(bytes: Uint8Array): string {
  const utf16 = { fffe: 'utf-16le', feff: 'utf-16be' }[hex(bytes.subarray(0, 2))];
  const text = decoded(bytes, utf16 ?? 'utf-8');
  if (text === undefined) throw new Refused(isBinary(bytes) ? 'files.no.binary' : 'files.no.encoding');
  if (text.includes('\0')) throw new Refused('files.no.binary');
  if (text.trim() === '') throw new Refused('files.no.empty');
  return text.replace(/\r\n?/g, '\n');
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function decoded(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether there are control characters that no text has. */
const isBinary = (bytes: Uint8Array): boolean =>
  bytes.some((byte) => byte < 0x20 && ![9, 10, 12, 13, 27].includes(byte));
