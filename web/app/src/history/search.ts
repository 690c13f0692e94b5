// Search over all titles, questions, answers and thoughts.

import { conversations } from './conversations';
import { byUpdate } from './groups';
import { keeper } from './keeper';
import { matcher, type Passage, passage } from './match';
import type { Conversation } from './types';

/** A conversation that was found: its title's match, if it is there, or a message's. */
export interface Found {
  conversation: Conversation;
  title: Passage | undefined;
  message: { id: string; passage: Passage } | undefined;
}

/** How many are shown. */
export const MOST = 50;
/** For how long search holds up the page at a time, in milliseconds. */
const SLICE = 8;

type AllTexts = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reads all texts into memory, where they stay as long as what this returns. */
export async function readTexts(): Promise<AllTexts> {
  const all = await (await keeper()).texts();
  return new Map(all.map(({ conversation, texts }) => [conversation, texts]));
}

/** What a query finds, the last conversations first; `more`: there are others. Rejects when the signal is aborted. */
export async function search(
  query: string,
  texts: AllTexts,
  signal: AbortSignal,
): Promise<{ found: Found[]; more: boolean }> {
  const expression = matcher(query);
  const found: Found[] = [];
  if (!expression) return { found, more: false };
  let until = performance.now() + SLICE;
  for (const conversation of [...conversations.value.values()].sort(byUpdate)) {
    if (performance.now() > until) {
      await nextTask();
      until = performance.now() + SLICE;
    }
    signal.throwIfAborted();
    const one = findIn(conversation, texts.get(conversation.id), expression);
    if (one && found.length === MOST) return { found, more: true };
    if (one) found.push(one);
  }
  return { found, more: false };
}

function findIn(
  conversation: Conversation,
  texts: ReadonlyMap<string, string> | undefined,
  expression: RegExp,
): Found | undefined {
  const title = passage(conversation.title, expression);
  for (const [id, text] of texts ?? []) {
    const found = passage(text, expression);
    if (found) return { conversation, title, message: { id, passage: found } };
  }
  return title && { conversation, title, message: undefined };
}

/** Lets what waits be done, without the 4 milliseconds that timers take. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
