// Titles of conversations: their first words, or what the model calls them.

import type { ChatEngine, ChatMessage } from 'minke';
import { titles } from '../settings/settings';
import { change, conversations } from './conversations';
import type { Message } from './types';

const WORDS = 6;
const CHARACTERS = 40;
/** Of each message so much is shown to the model. */
const SHOWN = 1500;

/** The first words of a text, without Markdown's marks; empty if it has none. */
export function titleFrom(text: string): string {
  const plain = withoutMarks(text.slice(0, 1000));
  let words = 0;
  let title = '';
  for (const { segment, isWordLike } of segmented(plain)) {
    if (isWordLike && (++words > WORDS || title.length + segment.length > CHARACTERS)) break;
    title += segment;
  }
  title = title.trim() || graphemes(plain).slice(0, CHARACTERS).join('');
  const cut = title.length < plain.length;
  return cut && title ? `${title.replace(/[\p{Ps}\p{Pi}\p{Pd}.,:;،、，\s]+$/u, '')}…` : title;
}

function withoutMarks(text: string): string {
  return text
    .replace(/^\s*(?:`{3,}|~{3,}).*$/gm, '') // fences
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\d+[.)])\s+/gm, '') // headings, quotes, lists
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1') // links
    .replace(/(\*\*|__|~~|`)(.+?)\1/g, '$2')
    .replace(/(?<!\w)([*_])(\S(?:.*?\S)?)\1(?!\w)/g, '$2')
    .replace(/\s+/g, ' ')
    .trim();
}

function segmented(text: string): Iterable<{ segment: string; isWordLike?: boolean }> {
  if ('Segmenter' in Intl) return new Intl.Segmenter(undefined, { granularity: 'word' }).segment(text);
  return text.split(/(\s+)/).map((segment) => ({ segment, isWordLike: /\S/.test(segment) }));
}

function graphemes(text: string): string[] {
  if (!('Segmenter' in Intl)) return [...text];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

/**
 * Has the model name the conversation of these messages, if that is wished and the person did not. Call it once the first answer
 * is done. What fails leaves the title as it is, but for an abort, which is the caller's.
 */
export async function titleByModel(
  engine: ChatEngine,
  messages: readonly Message[],
  signal?: AbortSignal,
): Promise<void> {
  const [first] = messages;
  const isOurs = () => first && conversations.value.get(first.conversation)?.titledBy === 'words';
  if (titles.value !== 'model' || !first || !isOurs()) return;
  const title = await ask(engine, messages, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    return '';
  });
  if (title && isOurs()) await change(first.conversation, { title, titledBy: 'model' });
}

async function ask(engine: ChatEngine, messages: readonly Message[], signal?: AbortSignal): Promise<string> {
  const shown: ChatMessage[] = messages
    .slice(0, 2)
    .map(({ role, content }) => ({ role, content: content.slice(0, SHOWN) }));
  const wish = 'Name this conversation in at most six words, in its own language. Write the name only.';
  const { choices } = await engine.chat.completions.create({
    messages: [...shown, { role: 'user', content: wish }],
    thinking: { type: 'disabled' },
    temperature: 0.2,
    max_tokens: 32,
    signal: signal ?? null,
  });
  return cleaned(choices[0]?.message.content ?? '');
}

/** A title as a model wrote it: its first line, without "Title:", quotes and marks. */
function cleaned(text: string): string {
  const line =
    text
      .replace(/<\/?think>/g, '')
      .trim()
      .split('\n')[0] ?? '';
  const bare = withoutMarks(line)
    .replace(/^(?:title|name)\s*[:：]\s*/i, '')
    .replace(/^["'“”„«»‘’「」『』《》]+|["'“”„«»‘’「」『』《》.。]+$/gu, '')
    .trim();
  return titleFrom(bare);
}
