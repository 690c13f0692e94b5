// The text of PDF files, by pdf.js. Loaded when there is one.

import { getDocument, type PDFDocumentProxy, PDFWorker, VerbosityLevel } from 'pdfjs-dist/legacy/build/pdf.mjs';
import workerAddress from './pdf-worker?worker&url';
import { MOST_PAGES, Refused } from './read';
import { ownScript } from '../privacy/trusted';

/** Tables of the encodings that PDF files may name without having them, mostly East Asian ones: from this site as all else. */
const encodings = import.meta.glob<string>('../../../../node_modules/pdfjs-dist/cmaps/*.bcmap', {
  query: '?url',
  import: 'default',
  eager: true,
});

/** What pdf.js asks for data that it comes with. Fonts are not among it: they are for painting. */
class Encodings {
  async fetch({ kind, filename }: { kind: string; filename: string }): Promise<Uint8Array> {
    const address = encodings[`../../../../node_modules/pdfjs-dist/cmaps/${filename}`];
    if (kind !== 'cMapUrl' || !address) throw new Error(`there is no ${filename}`);
    return new Uint8Array(await (await fetch(address)).arrayBuffer());
  }
}

/** Throws {@link Refused}. */
export async function pdfText(data: Uint8Array): Promise<string> {
  const port = new Worker(ownScript(workerAddress), { type: 'module' });
  const failed = new Promise<never>((_, reject) => {
    port.onerror = () => reject(new Refused('files.no.brokenPdf'));
  });
  const worker = PDFWorker.create({ port, verbosity: VerbosityLevel.ERRORS });
  try {
    return await Promise.race([failed, textOfPages(data, worker)]);
  } finally {
    worker.destroy();
    port.terminate();
  }
}

async function textOfPages(data: Uint8Array, worker: PDFWorker): Promise<string> {
  const options = { data, worker, BinaryDataFactory: Encodings, useWorkerFetch: false, useWasm: false };
  const document = await getDocument({ ...options, verbosity: VerbosityLevel.ERRORS }).promise.catch((error: Error) => {
    throw new Refused(error.name === 'PasswordException' ? 'files.no.locked' : 'files.no.brokenPdf');
  });
  if (document.numPages > MOST_PAGES) {
    throw new Refused('files.no.tooManyPages', { count: document.numPages, most: MOST_PAGES });
  }
  const pages: string[] = [];
  for (let number = 1; number <= document.numPages; number++) pages.push(await textOfPage(document, number));
  const text = pages.join('\n\n').trim();
  if (text === '') throw new Refused('files.no.scanned');
  return text;
}

async function textOfPage(document: PDFDocumentProxy, number: number): Promise<string> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  const pieces = items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : ''));
  page.cleanup();
  return pieces.join('').replaceAll('\0', '').trim();
}
