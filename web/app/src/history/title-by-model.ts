import type { ChatEngine } from 'minke';
import { titles } from '../settings/settings';
import { change, conversations } from './conversations';
import { titleOf } from './titles';
import type { Message } from './types';

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
  const title = await titleOf(engine, messages, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    return '';
  });
  if (title && isOurs()) await change(first.conversation, { title, titledBy: 'model' });
}
