// What is asked: a conversation's messages and settings in the package's words.

import type { ChatCompletionRequest, ChatMessage, GenerationRequest, PromptRequest } from 'minke';
import { promptOf } from '../files/prompt';
import type { Answer, Conversation, Message } from '../history/types';
import type { Answerer } from '../model/model';
import { type Settings, settingsOf } from '../settings/settings';

/** What makes the prompt. */
export function promptRequest(conversation: Conversation, path: readonly Message[], who: Answerer): PromptRequest {
  const settings = settingsOf(conversation.settings);
  return { messages: messagesOf(settings, path), ...thinkingOf(settings, who) };
}

function messagesOf({ system }: Settings, path: readonly Message[]): ChatMessage[] {
  const said = path.map((message): ChatMessage => {
    if (message.role === 'user') return { role: 'user', content: promptOf(message) };
    return { role: 'assistant', content: message.content };
  });
  return system.trim() === '' ? said : [{ role: 'system', content: system }, ...said];
}

/** A server has no common way to be told; those that render templates take it as variables of them. */
function thinkingOf({ thinking, thinkingBudget }: Settings, who: Answerer): Partial<PromptRequest> {
  if (who.where === 'server')
    return thinking === 'off' ? { chat_template_kwargs: { enable_thinking: false, thinking: false } } : {};
  if (!who.thinks || thinking === 'on') return {};
  if (thinking === 'off') return { thinking: { type: 'disabled' } };
  return { thinking: { type: 'enabled', budget_tokens: thinkingBudget } };
}

/** The same for an answer that has begun. A model that does not think is not given thoughts; thinking that was ended stays so. */
export function goingOn(request: PromptRequest, answer: Answer, thinks: boolean): PromptRequest {
  const { reasoning, content, thinkingEnded } = answer;
  const begun: ChatMessage = {
    ...{ role: 'assistant', prefix: true, content },
    ...(thinks && { reasoning_content: reasoning }),
  };
  const isOver = thinks && thinkingEnded !== undefined && content === '';
  return {
    ...request,
    messages: [...request.messages, begun],
    ...(isOver && { thinking: { type: 'disabled' } }),
  };
}

/** How it is sampled. What is as every model has it is left out, so that servers which do not know it do not refuse it. */
export function sampling(conversation: Conversation): GenerationRequest {
  const settings = settingsOf(conversation.settings);
  const { temperature, topP, topK, minP, repetitionPenalty, maxTokens } = settings;
  return {
    temperature,
    top_p: topP,
    ...(topK > 0 && { top_k: topK }),
    ...(minP > 0 && { min_p: minP }),
    ...(repetitionPenalty !== 1 && { repetition_penalty: repetitionPenalty }),
    ...(maxTokens !== null && { max_tokens: maxTokens }),
    seed: settings.seed ?? drawn(),
  };
}

/** Positive in 32 bits with a sign, as servers want it. */
const drawn = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] as number) >>> 1;

/** What only a model on the device understands, or is to know. */
export function ofDevice(conversation: Conversation, who: Answerer): Partial<ChatCompletionRequest> {
  if (who.where === 'server') return {};
  return { overflow: settingsOf(conversation.settings).overflow, prompt_cache_key: conversation.id };
}
