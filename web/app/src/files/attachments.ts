// The files of the message that is being written, of each conversation its own.

import { computed, effect, signal, untracked } from '@preact/signals';
import type { AttachedFile } from '../history/types';
import { answerer } from '../model/model';
import { route } from '../route';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { cutTo, type Keep, mostEach } from './cut';
import { blockOf } from './prompt';
import { type Cost, costOf, roomBeside } from './tokens';

export interface Attachment {
  readonly id: number;
  readonly name: string;
  /** Of the file as it was given. */
  readonly bytes: number;
  /** What was read; undefined: it is being read. */
  readonly whole?: AttachedFile;
  /** What the model is given: `whole`, or it cut. */
  readonly file?: AttachedFile;
  /** Undefined: it is being counted. */
  readonly cost?: Cost;
  /** Where a pasted text would have gone. */
  readonly field?: HTMLTextAreaElement;
}

/** A file that could not be added, and why, in words. */
export interface Problem {
  readonly id: number;
  readonly text: string;
}

interface Draft {
  readonly attachments: readonly Attachment[];
  readonly problems: readonly Problem[];
}

const MOST_FILES = 20;
/** Pasted texts of more characters become files. */
const LONG = 5000;

const EMPTY: Draft = { attachments: [], problems: [] };
/** By conversation; a new one is ''. */
const drafts = signal<ReadonlyMap<string, Draft>>(new Map());
const current = computed(() => route.value.conversation ?? '');
const draft = computed(() => drafts.value.get(current.value) ?? EMPTY);
let count = 0;

/** Those of the conversation that is open. */
export const attachments = computed(() => draft.value.attachments);
export const problems = computed(() => draft.value.problems);

function change(of: string, by: (draft: Draft) => Partial<Draft>): void {
  const before = drafts.value.get(of) ?? EMPTY;
  drafts.value = new Map(drafts.value).set(of, { ...before, ...by(before) });
}

/** Changes an attachment, wherever it is, if it still is. */
function update(id: number, to: Partial<Attachment>): void {
  for (const of of drafts.value.keys()) {
    change(of, ({ attachments }) => ({
      attachments: attachments.map((each) => (each.id === id ? { ...each, ...to } : each)),
    }));
  }
}

export function remove(id: number): void {
  change(current.value, ({ attachments, problems }) => ({
    attachments: attachments.filter((each) => each.id !== id),
    problems: problems.filter((each) => each.id !== id),
  }));
}

/** Adds files to the message that is being written. */
export async function attach(files: Iterable<File>, field?: HTMLTextAreaElement): Promise<void> {
  const of = current.value;
  const added: [Attachment, File][] = [];
  for (const file of files) {
    added.push([{ id: ++count, name: file.name, bytes: file.size, ...(field && { field }) }, file]);
  }
  const free = MOST_FILES - attachments.value.length;
  if (added.length > free) refuse(of, t('files.tooMany', { count: MOST_FILES }));
  const taken = added.slice(0, Math.max(0, free));
  change(of, ({ attachments }) => ({ attachments: [...attachments, ...taken.map(([attachment]) => attachment)] }));
  await Promise.all(taken.map(([attachment, file]) => readInto(of, attachment, file)));
}

function refuse(of: string, text: string): void {
  change(of, ({ problems }) => ({ problems: [...problems, { id: ++count, text }] }));
}

async function readInto(of: string, { id, name }: Attachment, file: File): Promise<void> {
  const { read, Refused, MOST_BYTES } = await import('./read');
  try {
    const whole = await read(file);
    update(id, { whole, file: whole });
    await recount(id, whole);
  } catch (error) {
    const { key, values } = error instanceof Refused ? error : new Refused('files.no.unreadable');
    change(of, ({ attachments }) => ({ attachments: attachments.filter((each) => each.id !== id) }));
    refuse(of, t(key, { ...values, name, size: bytes(MOST_BYTES) }));
  }
}

async function recount(id: number, file: AttachedFile): Promise<void> {
  update(id, { cost: await costOf(blockOf(file)) });
}

// Another model has another tokenizer.
effect(() => {
  if (!answerer.value) return;
  untracked(() => {
    for (const { attachments } of drafts.value.values()) {
      for (const { id, file } of attachments) file && void recount(id, file);
    }
  });
});

/** Tokens of all files of the message. */
export const total = computed<Cost>(() => {
  const costs = attachments.value.map(({ cost }) => cost ?? { tokens: 0, exact: false });
  return { tokens: costs.reduce((sum, { tokens }) => sum + tokens, 0), exact: costs.every(({ exact }) => exact) };
});

/** Whether the files do not fit beside what the conversation has `taken` of the context, in tokens. */
export function tooLarge(taken: number): boolean {
  const room = roomBeside(taken);
  return room !== undefined && attachments.value.length > 0 && total.value.tokens > room;
}

/** Whether the message has to wait: a file is being read or counted, or they do not fit. */
export const mustWait = (taken: number): boolean =>
  attachments.value.some(({ cost }) => cost === undefined) || tooLarge(taken);

/** The files of the message, which is sent: they are its own from now on. */
export function takeFiles(): AttachedFile[] {
  const files = attachments.value.flatMap(({ file }) => file ?? []);
  change(current.value, () => EMPTY);
  return files;
}

/** How much of each file would stay so that all fit, as a part of it; those that stay whole are not in it. */
export function partsThatFit(taken: number): Map<number, number> {
  const sizes = attachments.value.map(({ cost }) => cost?.tokens ?? 0);
  const most = mostEach(sizes, roomBeside(taken) ?? Infinity);
  const large = attachments.value.filter(({ cost }) => cost && cost.tokens > most);
  // of the whole file, which may have been cut before
  const kept = ({ whole, file }: Attachment) => (file?.text.length ?? 0) / (whole?.text.length || 1);
  return new Map(large.map((each) => [each.id, (kept(each) * most) / (each.cost?.tokens ?? 1)]));
}

/** Cuts the files that are too large. Parts of a text differ in tokens, so it goes on until they fit. */
export async function cutToFit(taken: number, keep: Keep): Promise<void> {
  for (let slack = 1; slack > 0.5 && tooLarge(taken); slack -= 0.02) {
    for (const [id, part] of partsThatFit(taken)) {
      const whole = attachments.value.find((each) => each.id === id)?.whole;
      if (!whole) continue;
      const file = cutTo(whole, part * slack, keep);
      update(id, { file });
      await recount(id, file);
    }
  }
}

/** For the field of the message: files that are pasted are added, and so are long texts. */
export function onPaste(event: ClipboardEvent): void {
  const { clipboardData, target } = event;
  const text = clipboardData?.getData('text/plain') ?? '';
  const files = [...(clipboardData?.files ?? [])];
  const field = target instanceof HTMLTextAreaElement ? target : undefined;
  if (files.length > 0 && text === '') {
    event.preventDefault();
    void attach(files);
  } else if (text.length > LONG) {
    event.preventDefault();
    void attach([new File([text], t('files.pasted'))], field);
  }
}

/** Puts a pasted text where it would have gone. */
export function intoMessage({ id, whole, field }: Attachment): void {
  remove(id);
  if (!field || !whole) return;
  field.focus();
  field.setRangeText(whole.text, field.selectionStart, field.selectionEnd, 'end');
  field.dispatchEvent(new InputEvent('input', { bubbles: true }));
}
