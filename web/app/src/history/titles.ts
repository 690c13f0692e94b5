// Titles of conversations: their first words, or what the model calls them (see title-by-model.ts for when).

import type { ChatEngine, ChatMessage } from 'minke';
import { wordsOf } from '../text/segments';
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
  for (const { segment, isWordLike } of wordsOf(plain)) {
    if (isWordLike && ++words > WORDS) break;
    if (title.length + segment.length > CHARACTERS) break;
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

function graphemes(text: string): string[] {
  if (!('Segmenter' in Intl)) return [...text];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

/** What the model calls the conversation of these messages; empty if it does not say. */
export async function titleOf(engine: ChatEngine, messages: readonly Message[], signal?: AbortSignal): Promise<string> {
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
