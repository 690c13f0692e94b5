// The app in other tabs: each tells the others what it changed.

import type { Conversation, Message } from './types';

export type Change =
  | { type: 'saved'; conversation: Conversation; messages: Message[] }
  | { type: 'messages-removed'; conversation: Conversation; messages: string[] }
  | { type: 'removed'; conversations: string[] }
  /** So much that it is best read anew. */
  | { type: 'all' };

const channel = new BroadcastChannel('minke.history');

export const tellOthers = (change: Change): void => channel.postMessage(change);

export function hearOthers(listener: (change: Change) => void): void {
  channel.onmessage = ({ data }: MessageEvent<Change>) => listener(data);
}
