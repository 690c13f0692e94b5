// The models of the list: listed ones, those that this browser keeps, and those that are on their way.

import { computed } from '@preact/signals';
import type { KeptModel, ListedModel } from 'minke';
import { kept } from '../model/model';
import { listed, nameOf } from '../model/names';
import { work } from './work';

export interface Row {
  url: string;
  name: string;
  listed: ListedModel | undefined;
  kept: KeptModel | undefined;
}

/** The order of a visit: what is kept at its beginning is first, and nothing moves while one looks at it. */
const order: string[] = [];

export const rows = computed<readonly Row[]>(() => {
  const byUrl = new Map((kept.value ?? []).map((model) => [model.url, model]));
  const urls = new Set([...byUrl.keys(), ...work.value.keys(), ...listed.map(({ url }) => url)]);
  if (kept.value === undefined) urls.clear();
  order.unshift(...[...urls].filter((url) => !order.includes(url)));
  return order
    .filter((url) => urls.has(url))
    .map((url) => ({
      url,
      name: work.value.get(url)?.task.name ?? nameOf(url),
      listed: listed.find((model) => model.url === url),
      kept: byUrl.get(url),
    }));
});
