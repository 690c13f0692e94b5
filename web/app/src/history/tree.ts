// The tree of a conversation's messages (see types.ts).

import type { Message } from './types';

/** The messages from the first one to `leaf`. */
export function pathTo(messages: ReadonlyMap<string, Message>, leaf: string | null): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>(); // an imported file may go round in a circle
  for (let id = leaf; id !== null && !seen.has(id);) {
    seen.add(id);
    const message = messages.get(id);
    if (!message) break;
    path.unshift(message);
    id = message.parent;
  }
  return path;
}

const byTime = (a: Message, b: Message) => a.created - b.created || (a.id < b.id ? -1 : 1);

/** The branches at a message's place, itself among them, oldest first. */
export function branchesAt(messages: ReadonlyMap<string, Message>, message: Message): Message[] {
  return [...messages.values()].filter(({ parent }) => parent === message.parent).sort(byTime);
}

/** The last message below one, along the newest branch each time. */
export function newestLeaf(messages: ReadonlyMap<string, Message>, from: Message): Message {
  const seen = new Set<string>();
  for (let at = from; ;) {
    seen.add(at.id);
    const next = [...messages.values()]
      .filter(({ id, parent }) => parent === at.id && !seen.has(id))
      .sort(byTime)
      .at(-1);
    if (!next) return at;
    at = next;
  }
}

/** All that follows a message, along every branch. */
export function allBelow(messages: ReadonlyMap<string, Message>, from: Message): Message[] {
  const below = new Set([from.id]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { id, parent } of messages.values()) if (parent !== null && below.has(parent)) below.add(id);
  }
  return [...messages.values()].filter(({ id }) => id !== from.id && below.has(id));
}
