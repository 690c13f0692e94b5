// Going on with an answer that ended too early, on the device: the model gets the chat as its template writes it, and what it
// has said itself so far.

import type { Answer, Conversation, Message } from '../history/types';
import type { Answerer } from '../model/model';
import { settingsOf } from '../settings/settings';
import type { Reply } from './reply';
import { promptRequest, sampling } from './request';

const OPEN = '<think>';
const CLOSE = '</think>';

/** What follows the template's text: what was said, in the form in which R1 says it. `opened`: the template opens the thinking. */
function saidSoFar({ reasoning, content, thinkingEnded }: Answer, opened: boolean): string {
  const isOver = content !== '' || thinkingEnded !== undefined;
  const closed = isOver ? `\n${CLOSE}\n\n${content}` : '';
  if (reasoning !== '') return `${opened ? '' : `${OPEN}\n`}${reasoning}${closed}`;
  return opened ? `\n${CLOSE}\n\n${content}` : content;
}

/** Tells what is still thought from the answer, in a text that comes in pieces. */
export class Parted {
  #held = '';
  /** Line breaks before the answer are not its text. */
  #leading = false;

  constructor(private thinking: boolean) {}

  push(text: string): { reasoning: string; content: string } {
    this.#held += text;
    if (!this.thinking) return { reasoning: '', content: this.#answer() };
    const at = this.#held.indexOf(CLOSE);
    if (at < 0) return { reasoning: this.#take(this.#sure()), content: '' };
    const reasoning = this.#take(at).trimEnd();
    this.#take(CLOSE.length);
    this.thinking = false;
    this.#leading = true;
    return { reasoning, content: this.#answer() };
  }

  /** How much is surely no tag, nor the white space before one. */
  #sure(): number {
    const end = /\s*(<(\/(t(h(i(nk?)?)?)?)?)?)?$/.exec(this.#held);
    return end ? end.index : this.#held.length;
  }

  #answer(): string {
    if (this.#leading) this.#held = this.#held.replace(/^[\r\n]+/, '');
    if (this.#held !== '') this.#leading = false;
    return this.#take(this.#held.length);
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return taken;
  }
}

type Device = Answerer & { where: 'device' };

/** Goes on with `reply`, the last message of `path`. */
export async function goOn(
  reply: Reply,
  who: Device,
  conversation: Conversation,
  path: readonly Message[],
): Promise<void> {
  const options = sampling(conversation);
  reply.begin(who, options.seed ?? undefined);
  const template = await fittingTemplate(who, conversation, path.slice(0, -1));
  const prompt = template + saidSoFar(reply.answer, template.trimEnd().endsWith(OPEN));
  const stream_options = { include_usage: true };
  const request = { ...options, prompt, stream: true as const, stream_options, signal: reply.signal };
  const parted = new Parted(
    reply.answer.reasoning !== '' && reply.answer.content === '' && !reply.answer.thinkingEnded,
  );
  for await (const { choices, usage } of await who.engine.completions.create(request)) {
    if (usage) reply.account(usage);
    const [choice] = choices;
    if (!choice) continue;
    const { reasoning, content } = parted.push(choice.text);
    if (reasoning || content) reply.add(reasoning, content);
    reply.finish(choice.finish_reason);
  }
}

/** The chat without as many of its oldest turns as must be left out so that an answer has a quarter of the context. */
async function fittingTemplate(who: Device, conversation: Conversation, path: readonly Message[]): Promise<string> {
  const { overflow } = settingsOf(conversation.settings);
  const first = overflow === 'truncate-middle' ? 2 : 0;
  const room = 0.75 * who.engine.info.nCtx;
  for (let out = 0; ; out += 2) {
    const request = promptRequest(conversation, [...path.slice(0, first), ...path.slice(first + out)], who);
    const isLast = overflow === 'error' || first + out + 2 >= path.length;
    if (isLast || (await who.engine.countTokens(request)) <= room) return who.engine.applyChatTemplate(request);
  }
}
