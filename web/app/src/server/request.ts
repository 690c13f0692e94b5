// What a server is asked: only what servers know, as some refuse a request for a field that they do not.

import type { ChatCompletionRequest, ChatEngine, ChatMessage, CreateChatCompletion } from 'minke';

/**
 * The same request without what only the engine on the device knows, and without values that ask for nothing. Without thinking,
 * the chat template is told so, which is how vLLM, SGLang, NIM and llama.cpp take it; a budget is known to none of them.
 */
export function forServer(request: ChatCompletionRequest): ChatCompletionRequest {
  const { overflow, prompt_cache_key, thinking, top_k, min_p, repetition_penalty, messages, ...rest } = request;
  void [overflow, prompt_cache_key];
  const template = { ...request.chat_template_kwargs, enable_thinking: false, thinking: false };
  return {
    ...rest,
    messages: messages.map(withoutThoughts),
    ...(top_k && { top_k }),
    ...(min_p && { min_p }),
    ...(repetition_penalty && repetition_penalty !== 1 && { repetition_penalty }),
    ...(thinking?.type === 'disabled' && { chat_template_kwargs: template }),
  };
}

/** Earlier thoughts are not for the model, and some servers refuse them. */
function withoutThoughts(message: ChatMessage): ChatMessage {
  if (message.role !== 'assistant') return message;
  const { reasoning_content, ...rest } = message;
  void reasoning_content;
  return rest;
}

/** A server's engine that takes what the chat asks of any. */
export function asAny(engine: ChatEngine): ChatEngine {
  const create = (request: ChatCompletionRequest) => engine.chat.completions.create(forServer(request));
  return {
    chat: { completions: { create: create as CreateChatCompletion } },
    completions: engine.completions,
    embeddings: engine.embeddings,
    models: engine.models,
    info: engine.info,
    answerNow: () => false,
    dispose: () => engine.dispose(),
  };
}
