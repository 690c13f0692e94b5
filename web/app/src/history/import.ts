// Reads a file of conversations, which may come from anywhere: each field is checked, and what is returned was made anew of the
// fields that are known.

import { readSettings, RECOMMENDED, type Settings } from '../settings/settings';
import { t, type TextKey } from '../text/text';
import type { Whole } from './keeper';
import type { Answer, AttachedFile, Conversation, Facts, Message } from './types';

export const FORMAT = 'minke.conversations';
export const VERSION = 1;

const REASONS = {
  tooLarge: 'history.import.tooLarge',
  notJson: 'history.import.notJson',
  notOurs: 'history.import.notOurs',
  newer: 'history.import.newer',
  field: 'history.import.field',
  duplicate: 'history.import.duplicate',
  noParent: 'history.import.noParent',
  circle: 'history.import.circle',
  taken: 'history.import.taken',
} satisfies Record<string, TextKey>;

/** Why a file was refused. The message is for people; `where` is the place in the file. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  constructor(
    readonly reason: keyof typeof REASONS,
    readonly where = '',
  ) {
    super(t(REASONS[reason], { where }));
  }
}

/** The conversations of a file's text. */
export function checked(text: string): Whole[] {
  const file = parsed(text);
  if (!isObject(file) || own(file, 'format') !== FORMAT) throw new ImportError('notOurs');
  const version = integer(own(file, 'version'), 'version');
  if (version > VERSION) throw new ImportError('newer');
  const given = list(own(file, 'conversations'), 'conversations');
  const wholes = given.map((value, index) => whole(value, `conversations[${index}]`));
  const ids = new Set<string>();
  for (const { conversation, messages } of wholes) {
    for (const { id } of [conversation, ...messages]) {
      if (ids.has(id)) throw new ImportError('duplicate', id);
      ids.add(id);
    }
  }
  return wholes;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ImportError('notJson');
  }
}

function whole(value: unknown, at: string): Whole {
  const from = fieldsOf(value, at);
  const conversation: Conversation = {
    id: from.id('id'),
    title: from.text('title', 1000),
    titledBy: from.oneOf('titledBy', ['words', 'model', 'person']),
    created: from.time('created'),
    updated: from.time('updated'),
    pinned: from.flag('pinned'),
    archived: from.flag('archived'),
    settings: settings(from.value('settings'), `${at}.settings`),
    leaf: from.value('leaf') === null ? null : from.id('leaf'),
  };
  const messages = list(from.value('messages'), `${at}.messages`).map((one, index) =>
    message(one, conversation.id, `${at}.messages[${index}]`),
  );
  checkTree(conversation, messages, at);
  return { conversation, messages };
}

/** Each message's parent is there, and each way up ends. */
function checkTree({ leaf }: Conversation, messages: readonly Message[], at: string): void {
  const parents = new Map(messages.map(({ id, parent }) => [id, parent]));
  if (leaf !== null && !parents.has(leaf)) throw new ImportError('noParent', `${at}.leaf`);
  const ending = new Set<string>();
  for (const start of parents.keys()) {
    const way = new Set<string>();
    for (let id: string | null = start; id !== null && !ending.has(id);) {
      if (way.has(id)) throw new ImportError('circle', at);
      way.add(id);
      const parent = parents.get(id);
      if (parent === undefined) throw new ImportError('noParent', `${at}: ${id}`);
      id = parent;
    }
    way.forEach((id) => ending.add(id));
  }
}

function message(value: unknown, conversation: string, at: string): Message {
  const from = fieldsOf(value, at);
  const said = {
    id: from.id('id'),
    conversation,
    parent: from.value('parent') === null ? null : from.id('parent'),
    created: from.time('created'),
    content: from.text('content'),
  };
  const role = from.oneOf('role', ['user', 'assistant']);
  if (role === 'user') {
    const files = list(from.value('files'), `${at}.files`).map((one, index) => file(one, `${at}.files[${index}]`));
    return { ...said, role, files };
  }
  const state = from.oneOf('state', ['waiting', 'running', 'done', 'length', 'stopped', 'failed']);
  const answer: Answer = {
    ...said,
    role,
    reasoning: from.text('reasoning'),
    // The engine that made it is not here to go on with it
    state: state === 'waiting' || state === 'running' ? 'stopped' : state,
    ...from.maybe('error', (key) => from.text(key, 10_000)),
    ...from.maybe('completion', (key) => from.text(key, 200)),
    ...from.maybe('thoughtFor', from.number),
    ...from.maybe('thinkingEnded', (key) => from.oneOf(key, ['budget', 'answer_now', 'repetition'] as const)),
    facts: facts(from.value('facts'), `${at}.facts`),
  };
  return answer;
}

function file(value: unknown, at: string): AttachedFile {
  const from = fieldsOf(value, at);
  return {
    name: from.text('name', 1000),
    kind: from.text('kind', 100),
    text: from.text('text'),
    cut: from.flag('cut'),
  };
}

function facts(value: unknown, at: string): Facts {
  const from = fieldsOf(value, at);
  return {
    model: from.text('model', 1000),
    ...from.maybe('server', (key) => from.text(key, 2000)),
    ...from.maybe('seed', from.number),
    ...from.maybe('tokens', from.number),
    ...from.maybe('reasoningTokens', from.number),
    ...from.maybe('promptTokens', from.number),
    ...from.maybe('tokensPerSecond', from.number),
    ...from.maybe('timeToFirstToken', from.number),
  };
}

/** What a conversation has differently: of each known setting, a value that makes sense. */
function settings(value: unknown, at: string): Partial<Settings> {
  const { value: given } = fieldsOf(value, at);
  const known = readSettings(value);
  const wrong = Object.keys(RECOMMENDED).find((key) => given(key) !== undefined && !Object.hasOwn(known, key));
  if (wrong) throw new ImportError('field', `${at}.${wrong}`);
  return known;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (object: object, key: string): unknown =>
  Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;

function list(value: unknown, at: string): unknown[] {
  if (!Array.isArray(value)) throw new ImportError('field', at);
  return value;
}

function integer(value: unknown, at: string): number {
  if (!Number.isSafeInteger(value)) throw new ImportError('field', at);
  return value as number;
}

/** Reads an object's fields, each as what it must be. */
function fieldsOf(object: unknown, at: string) {
  if (!isObject(object)) throw new ImportError('field', at);
  const value = (key: string) => own(object, key);
  const must = <T>(key: string, is: boolean): T => {
    if (!is) throw new ImportError('field', `${at}.${key}`);
    return value(key) as T;
  };
  return {
    value,
    text(key: string, most = Infinity): string {
      const given = value(key);
      return must(key, typeof given === 'string' && given.length <= most);
    },
    /** As addresses have them (see route.ts). */
    id: (key: string): string =>
      must(key, /^[\w-]{1,100}$/.test(typeof value(key) === 'string' ? String(value(key)) : '')),
    flag: (key: string): boolean => must(key, typeof value(key) === 'boolean'),
    number: (key: string): number => must(key, Number.isFinite(value(key))),
    time: (key: string): number =>
      must(key, Math.abs(Number.isFinite(value(key)) ? Number(value(key)) : NaN) <= 8.64e15),
    oneOf: <T extends string>(key: string, all: readonly T[]): T => must(key, all.includes(value(key) as T)),
    /** A field that need not be there. */
    maybe<K extends string, T>(key: K, read: (key: K) => T): Partial<Record<K, T>> {
      return value(key) === undefined ? {} : ({ [key]: read(key) } as Record<K, T>);
    },
  };
}
