// What people do with messages.

import { signal } from '@preact/signals';
import { EngineAbortError, type PromptRequest } from 'minke';
import { conversations } from '../history/conversations';
import { newId } from '../history/id';
import { titleFrom } from '../history/titles';
import { allBelow, branchesAt, newestLeaf, pathTo } from '../history/tree';
import type { Answer, AttachedFile, Conversation, Message, Question } from '../history/types';
import { type Answerer, answerer } from '../model/model';
import { say } from '../parts/toast';
import { titles } from '../settings/settings';
import { t } from '../text/text';
import { tellEnd } from './announce';
import { toMessage } from './follow';
import { current, keep, keepWithout, path, read, settle, treeOf } from './open';
import { ready, Reply } from './reply';
import { goingOn, ofDevice, promptRequest, sampling } from './request';

/** Answers that are being made in this page, by conversation: one at a time in each. */
export const replies = signal<ReadonlyMap<string, Reply>>(new Map());

/** Answers that another tab is making. */
export const elsewhere = signal<ReadonlySet<string>>(new Set());

export const replyOf = (message: Message): Reply | undefined => {
  const reply = replies.value.get(message.conversation);
  return reply?.answer.id === message.id ? reply : undefined;
};

/** Asks a new question at the end of what is shown. */
export function send(content: string, files: AttachedFile[]): void {
  const conversation = current.value;
  if (conversation) ask(conversation, conversation.leaf, content, files);
}

/** Asks a question in another way, in a branch beside it. */
export function edit(question: Question, content: string): void {
  const conversation = conversations.value.get(question.conversation);
  if (conversation) ask(conversation, question.parent, content, question.files);
}

function ask(conversation: Conversation, parent: string | null, content: string, files: AttachedFile[]): void {
  const question: Question = {
    ...{ id: newId(), conversation: conversation.id, parent, created: Date.now() },
    ...{ role: 'user', content, files },
  };
  const title = conversation.title || titleFrom(content || (files[0]?.name ?? ''));
  answerTo({ ...conversation, title }, question);
}

/** Asks for an answer to a question, in a branch beside those that there are. */
export function answerTo(conversation: Conversation, question: Question): void {
  if (replies.value.has(conversation.id)) return;
  const answer: Answer = {
    ...{ id: newId(), conversation: conversation.id, parent: question.id, created: Date.now() + 1 },
    ...{ role: 'assistant', content: '', reasoning: '', state: 'waiting', facts: { model: '' } },
  };
  const kept = keep({ ...conversation, leaf: answer.id, updated: Date.now() }, question, answer);
  settle(conversation);
  begin(answer, askAnew, kept);
}

export function regenerate({ conversation, parent }: Answer): void {
  const question = treeOf(conversation).value?.get(parent ?? '');
  const known = conversations.value.get(conversation);
  if (known && question?.role === 'user') answerTo(known, question);
}

/** Goes on with an answer that ended too early, in the same message. */
export function continueAnswer(answer: Answer): void {
  const again = withoutEnd(answer);
  const conversation = conversations.value.get(answer.conversation);
  if (!conversation || replies.value.has(conversation.id)) return;
  const kept = keep({ ...conversation, leaf: answer.id }, again);
  begin(again, wayOn(again), kept);
}

/** What is there of an answer is not said twice. */
const wayOn = ({ content, reasoning }: Answer) => (content !== '' || reasoning !== '' ? goOnWith : askAnew);

function withoutEnd(answer: Answer): Answer {
  const again: Answer = { ...answer, state: 'waiting' };
  delete again.error;
  delete again.completion;
  delete again.before;
  return again;
}

/** Makes an answer, and keeps what it is in the end. Other tabs leave it alone meanwhile. */
function begin(answer: Answer, work: (reply: Reply) => Promise<void>, before?: Promise<void>): void {
  const reply = new Reply(answer);
  naming.abort();
  replies.value = new Map(replies.value).set(answer.conversation, reply);
  const make = async () => {
    await before;
    await work(reply).then(
      () => reply.end(),
      (error: unknown) => reply.end(error),
    );
    finish(reply);
  };
  void (navigator.locks ? navigator.locks.request(lockOf(answer.id), make) : make());
}

const lockOf = (answer: string) => `minke-answer-${answer}`;

function finish({ answer }: Reply): void {
  const conversation = conversations.value.get(answer.conversation);
  const isThere = treeOf(answer.conversation).value?.has(answer.id); // and was not deleted
  if (conversation && isThere) {
    void keep({ ...conversation, updated: Date.now() }, answer);
    if (answer.state === 'done') void nameConversation(answer);
  }
  const left = new Map(replies.value);
  left.delete(answer.conversation);
  replies.value = left;
  if (answer.conversation === current.value?.id) tellEnd(answer);
}

/** Ends the naming of a conversation, which must not keep a question waiting. */
let naming = new AbortController();

/** After the first answer. */
async function nameConversation(answer: Answer): Promise<void> {
  const { path } = around(answer);
  if (titles.value !== 'model' || path.length !== 2 || !answerer.value) return;
  const { titleByModel } = await import('../history/title-by-model');
  naming = new AbortController();
  await titleByModel(answerer.value.engine, path, naming.signal).catch(() => {}); // it ended for a question
}

/** The conversation as it is now, and its messages up to the answer. */
function around(answer: Answer): { conversation: Conversation; path: Message[] } {
  const conversation = conversations.value.get(answer.conversation);
  const tree = treeOf(answer.conversation).value;
  if (!conversation || !tree) throw new Error(t('chat.gone'));
  return { conversation, path: pathTo(tree, answer.id) };
}

const askAnew = async (reply: Reply) => make(reply, await ready(reply.signal), (request) => request);

async function goOnWith(reply: Reply): Promise<void> {
  const who = await ready(reply.signal);
  if (who.where === 'server') throw new Error(t('chat.serverCannotContinue'));
  await make(reply, who, (request) => goingOn(request, reply.answer, who.thinks));
}

async function make(reply: Reply, who: Answerer, prompt: (request: PromptRequest) => PromptRequest): Promise<void> {
  const { conversation, path } = around(reply.answer);
  const options = sampling(conversation);
  reply.begin(who, options.seed ?? undefined);
  const stream = await who.engine.chat.completions.create({
    ...prompt(promptRequest(conversation, path.slice(0, -1), who)),
    ...options,
    ...ofDevice(conversation, who),
    stream: true,
    stream_options: { include_usage: true },
    signal: reply.signal,
  });
  reply.named(stream.id);
  for await (const chunk of stream) reply.take(chunk);
}

/** Ends the thinking of an answer, so that it says what it has. */
export const answerNow = ({ answer }: Reply): boolean =>
  answer.completion !== undefined && answerer.value?.engine.answerNow(answer.completion) === true;

/** Shows a message's branch. */
export function show(message: Message): void {
  const conversation = conversations.value.get(message.conversation);
  const tree = treeOf(message.conversation).value;
  if (conversation && tree) void keep({ ...conversation, leaf: newestLeaf(tree, message).id });
}

/** Shows a message that was looked for, in whichever branch it is. */
export function reveal(conversation: string, id: string): void {
  const message = treeOf(conversation).value?.get(id);
  if (!message) return;
  if (!path.value.some((shown) => shown.id === id)) show(message);
  toMessage(id);
}

/** Deletes a message and what follows it; it can be undone as long as the note is there. */
export function remove(message: Message): void {
  const conversation = conversations.value.get(message.conversation);
  const tree = treeOf(message.conversation).value;
  if (!conversation || !tree) return;
  const gone = [message, ...allBelow(tree, message)].map(stopped);
  const branches = branchesAt(tree, message);
  const at = branches.findIndex(({ id }) => id === message.id);
  const beside = branches[at - 1] ?? branches[at + 1];
  const leaf = beside ? newestLeaf(tree, beside).id : message.parent;
  void keepWithout({ ...conversation, leaf }, gone);
  say(t('chat.deleted'), () => {
    const now = conversations.value.get(conversation.id);
    if (now) void keep({ ...now, leaf: conversation.leaf }, ...gone);
  });
}

function stopped(message: Message): Message {
  const reply = replyOf(message);
  if (!reply) return message;
  reply.stop();
  return { ...reply.answer, state: 'stopped' };
}

/** Reads a conversation that is opened, and goes on with its last answer if a reload or a crash has cut that off. */
export async function open(id: string): Promise<void> {
  if (replies.value.has(id)) return;
  const tree = await read(id);
  const last = tree.get(conversations.value.get(id)?.leaf ?? '');
  if (last?.role === 'assistant' && ['waiting', 'running'].includes(last.state)) await recover(last);
}

async function recover(answer: Answer): Promise<void> {
  if (await isMadeElsewhere(answer.id)) {
    elsewhere.value = new Set(elsewhere.value).add(answer.id);
    await navigator.locks.request(lockOf(answer.id), () => {}); // until the other tab is done with it, or closed
    elsewhere.value = new Set([...elsewhere.value].filter((id) => id !== answer.id));
    return open(answer.conversation);
  }
  if (replies.value.has(answer.conversation)) return;
  begin({ ...answer, state: 'waiting' }, answer.state === 'waiting' ? wayOn(answer) : resume);
}

async function isMadeElsewhere(answer: string): Promise<boolean> {
  const { held } = (await navigator.locks?.query()) ?? {};
  return held?.some(({ name }) => name === lockOf(answer)) ?? false;
}

/** The engine goes on with what it has; what it has not stays as it was left. */
async function resume(reply: Reply): Promise<void> {
  const { completion } = reply.answer;
  if (completion === undefined) throw new EngineAbortError();
  const who = await ready(reply.signal);
  const known = who.where === 'device' && (await who.engine.unfinished()).some(({ id }) => id === completion);
  if (!known) throw new EngineAbortError();
  const stream = await who.engine.resume(completion, { stream_options: { include_usage: true }, signal: reply.signal });
  reply.again();
  for await (const chunk of stream) reply.take(chunk);
}
