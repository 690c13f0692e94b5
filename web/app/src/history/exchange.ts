// Conversations as files: JSON that the app reads again, and Markdown to read. The JSON is
//
//   { "format": "minke.conversations", "version": 1, "exported": "2026-11-28T12:00:00.000Z",
//     "conversations": [{ ...a Conversation of types.ts, "messages": [...its Messages] }] }
//
// with times in milliseconds since 1970. A later version may read earlier ones; what it adds gets a new number here.

import { fenced } from '../files/prompt';
import { saveFile } from '../parts/save-file';
import { moment } from '../text/format';
import { t } from '../text/text';
import { conversations, messagesOf, replaceConversations } from './conversations';
import { checked, FORMAT, ImportError, VERSION } from './import';
import { nameOf } from './row';
import { pathTo } from './tree';
import type { Answer, Conversation, Question } from './types';

/** The largest file that is read: more would not fit a page's memory. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Conversations, with all branches of their messages, as a JSON file. */
async function toJson(which: Iterable<Conversation>): Promise<Blob> {
  const parts: string[] = [];
  for (const conversation of which) {
    const messages = await messagesOf(conversation.id);
    parts.push(JSON.stringify({ ...conversation, messages }));
  }
  const head = JSON.stringify({ format: FORMAT, version: VERSION, exported: new Date().toISOString() }).slice(0, -1);
  return new Blob([`${head},"conversations":[\n`, parts.join(',\n'), '\n]}\n'], { type: 'application/json' });
}

/** The path of a conversation that is shown, as Markdown. */
async function toMarkdown(conversation: Conversation): Promise<Blob> {
  const messages = new Map((await messagesOf(conversation.id)).map((message) => [message.id, message]));
  const turns = pathTo(messages, conversation.leaf).map((message) =>
    message.role === 'user' ? questionText(message) : answerText(message),
  );
  const head = [`# ${nameOf(conversation)}`, `*${moment(conversation.created)}*`];
  return new Blob([[...head, ...turns].join('\n\n') + '\n'], { type: 'text/markdown' });
}

function questionText({ content, files }: Question): string {
  const attached = files.map((file) => `**${file.name}**\n\n${fenced(file)}`);
  return [`## ${t('history.you')}`, content, ...attached].join('\n\n');
}

function answerText({ content, reasoning, facts }: Answer): string {
  const thoughts = reasoning.trim() && `**${t('history.thoughts')}**\n\n${reasoning.trim()}`.replace(/^/gm, '> ');
  return [`## ${facts.model}`, thoughts, content].filter(Boolean).join('\n\n');
}

/** Has the browser save one conversation. */
export async function exportOne(conversation: Conversation, as: 'json' | 'markdown'): Promise<void> {
  const blob = as === 'json' ? await toJson([conversation]) : await toMarkdown(conversation);
  saveFile(blob, `${fileName(nameOf(conversation))}.${as === 'json' ? 'json' : 'md'}`);
}

/** Has the browser save all conversations. */
export async function exportAll(): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  saveFile(await toJson(conversations.value.values()), `minke-${today}.json`);
}

/** A title as systems take it for a file's name. */
const fileName = (title: string) =>
  title
    .replace(/[\s\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, ' ')
    .trim()
    .slice(0, 80) || 'minke';

/** How many conversations came. */
interface Imported {
  added: number;
  /** They were here, and are newer in the file. */
  replaced: number;
  /** They are here, as new or newer. */
  kept: number;
}

/**
 * Takes over a file's conversations: all that are not here, and those that are newer there. Rejects with an {@link ImportError}
 * in words, and then nothing was taken.
 */
export async function importFile(file: Blob): Promise<Imported> {
  if (file.size > MOST_BYTES) throw new ImportError('tooLarge');
  const all = checked(await file.text());
  const here = conversations.value;
  const wanted = all.filter(({ conversation: { id, updated } }) => updated > (here.get(id)?.updated ?? -1));
  try {
    await replaceConversations(wanted);
  } catch (error) {
    const taken = error instanceof DOMException && error.name === 'ConstraintError';
    throw taken ? new ImportError('taken') : error;
  }
  const replaced = wanted.filter(({ conversation: { id } }) => here.has(id)).length;
  return { added: wanted.length - replaced, replaced, kept: all.length - wanted.length };
}
