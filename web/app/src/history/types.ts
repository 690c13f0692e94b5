// What is kept of conversations. A conversation is a tree of messages: each names the one before it, and messages with the same
// one before are branches. What is shown is the path from the first message to `leaf`.

import type { Settings } from '../settings/settings';

export interface Conversation {
  id: string;
  /** Empty until there is one. */
  title: string;
  /** Whose title it is: the person's is never changed by itself. */
  titledBy: 'words' | 'model' | 'person';
  /** In milliseconds since 1970, as all times here. */
  created: number;
  /** When something was last said. */
  updated: number;
  pinned: boolean;
  archived: boolean;
  /** What it has differently from the defaults. */
  settings: Partial<Settings>;
  /** The last message of the path that is shown; null: there are none. */
  leaf: string | null;
  /** When it was deleted, while that can be undone. Such conversations are not among `conversations`. */
  deleted?: number;
}

interface Said {
  id: string;
  conversation: string;
  /** The message before; null for a first one. */
  parent: string | null;
  created: number;
}

export interface Question extends Said {
  role: 'user';
  content: string;
  files: AttachedFile[];
}

/** A file's text, given with a question. */
export interface AttachedFile {
  name: string;
  /** Its kind, as for a fence in Markdown: `csv`, `python`, or empty. */
  kind: string;
  text: string;
  /** Whether it was cut so that it fits. */
  cut: boolean;
}

export interface Answer extends Said {
  role: 'assistant';
  content: string;
  reasoning: string;
  /**
   * `waiting`: for a model; `running`: being written. Both are what a page leaves that ends in the middle: another goes on
   * with it. `length`: the most tokens were reached; `stopped`: by the person, or cut off for good.
   */
  state: 'waiting' | 'running' | 'done' | 'length' | 'stopped' | 'failed';
  /** What failed, in words. */
  error?: string;
  /** The engine's name of the reply, to resume it by. */
  completion?: string;
  /** How much there was before the reply of that name: characters, and tokens. */
  before?: { reasoning: number; content: number; tokens: number };
  /** Seconds of thinking; so far, as long as there is no content. */
  thoughtFor?: number;
  /** What ended the thinking, if not the model itself. */
  thinkingEnded?: 'budget' | 'answer_now' | 'repetition';
  facts: Facts;
}

/** What is told of a reply. */
export interface Facts {
  model: string;
  /** The server that answered; undefined: this device. */
  server?: string;
  seed?: number;
  tokens?: number;
  reasoningTokens?: number;
  promptTokens?: number;
  tokensPerSecond?: number;
  /** In milliseconds. */
  timeToFirstToken?: number;
}

export type Message = Question | Answer;

/** Whether a reply is still being made, here or in another tab. */
export const isUnfinished = (message: Message): boolean =>
  message.role === 'assistant' && (message.state === 'waiting' || message.state === 'running');
