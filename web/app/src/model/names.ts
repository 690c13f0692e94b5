// Models by the names that people know.

import { type ListedModel, models } from 'minke';

/** The small model that the site ships, where it does (scripts/start.mjs). */
const shipped = document.querySelector<HTMLMetaElement>('meta[name=small-model]')?.content;

/** The listed models, and the small one where this site has it, which comes first. */
export const listed: readonly ListedModel[] = [
  ...(shipped
    ? [
        {
          id: 'smollm2-135m-instruct',
          name: 'SmolLM2 135M Instruct',
          url: new URL(shipped, document.baseURI).href,
          bytes: 98_362_432,
          licence: 'Apache 2.0',
          origin: 'Hugging Face; from this site',
        },
      ]
    : []),
  ...models,
];

/** The name of the model that comes from an address: a listed one's own, or else the file's. */
export function nameOf(url: string): string {
  const known = listed.find((model) => model.url === url);
  if (known) return known.name;
  const file = decodeURIComponent(/[^/:]*$/.exec(url.replace(/[?#].*/, ''))?.[0] ?? url);
  return file.replace(/\.gguf$/i, '').replaceAll('-', ' ');
}
