// What the facts of a device mean for a person.

import { bytes } from '../text/format';
import { t } from '../text/text';
import { type Device, freeOf, suggestedFor } from './device';

export interface Verdict {
  tone: 'good' | 'warn' | 'bad';
  title: string;
  /** What it means, and what can be done. */
  words: string[];
}

/** Less memory than this is little for a model, a browser and all else. */
const LITTLE_MEMORY = 4e9;

export function verdictOf(device: Device): Verdict {
  const bad = (title: string, words: string): Verdict => ({ tone: 'bad', title, words: [words] });
  if (device.gpu === 'insecure') return bad(t('welcome.insecure'), t('welcome.insecureWords'));
  if (device.gpu === 'missing') return bad(t('welcome.missing'), t('welcome.missingWords'));
  if (device.gpu === 'no_adapter') return bad(t('welcome.noAdapter'), t('welcome.noAdapterWords'));
  const { adapter } = device;
  const concerns = concernsOf(device);
  if (adapter?.software)
    return { tone: 'warn', title: t('welcome.slow'), words: [t('welcome.softwareWords'), ...concerns] };
  const words = adapter?.name ? t('welcome.goodWords', { adapter: adapter.name }) : t('welcome.goodWordsUnnamed');
  if (concerns.length > 0) return { tone: 'warn', title: t('welcome.mostly'), words: [words, ...concerns] };
  return { tone: 'good', title: t('welcome.good'), words: [words] };
}

function concernsOf(device: Device): string[] {
  const { memory, room, keeps } = device;
  const { name, bytes: size = 0 } = suggestedFor(device);
  const free = freeOf(room);
  const concerns: string[] = [];
  if (!keeps) concerns.push(t('welcome.keepsNothing'));
  else if (free !== null && free < size)
    concerns.push(t('welcome.littleRoom', { name, free: bytes(free), size: bytes(size) }));
  if (memory !== null && memory < LITTLE_MEMORY) concerns.push(t('welcome.littleMemory', { memory: bytes(memory) }));
  return concerns;
}
