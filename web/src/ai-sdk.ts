// `minke/ai-sdk`: engines as models of the Vercel AI SDK. Only its types are used.

import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from '@ai-sdk/provider';
import { EngineAbortError, EngineError } from './errors.js';
import type {
  AssistantMessage,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatEngine,
  ChatMessage,
  EmbeddingRequest,
  FinishReason,
  ReasoningFinishReason,
  ToolCallDelta,
  Usage,
} from './types.js';

/** The name under which `providerOptions` and `providerMetadata` have what is ours. */
const PROVIDER = 'minke';

/** What a model of the AI SDK is to be. */
export interface ModelOptions {
  /** What requests name as their model; needed for a server with several. */
  model?: string | undefined;
}

/**
 * An engine as a language model of the AI SDK:
 *
 * ```ts
 * const { textStream } = streamText({ model: languageModel(engine), prompt: 'Why is the sky blue?' });
 * ```
 *
 * What the AI SDK has no setting for goes by `providerOptions: { minke: { thinking: { type: 'disabled' } } }`: any field of
 * a `ChatCompletionRequest`.
 */
export function languageModel(engine: ChatEngine, { model }: ModelOptions = {}): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: PROVIDER,
    modelId: model ?? engine.info.where,
    supportedUrls: {},
    doGenerate: (options) => generate(engine, model, options),
    doStream: async (options) => ({ stream: await stream(engine, model, options) }),
  };
}

/** An engine as an embedding model of the AI SDK. `providerOptions: { minke: { pooling: 'last' } }` says how to pool. */
export function embeddingModel(engine: ChatEngine, { model }: ModelOptions = {}): EmbeddingModelV4 {
  return {
    specificationVersion: 'v4',
    provider: PROVIDER,
    modelId: model ?? engine.info.where,
    maxEmbeddingsPerCall: undefined,
    supportsParallelCalls: false,
    async doEmbed({ values, dimensions, abortSignal, providerOptions, headers }) {
      const own = providerOptions?.[PROVIDER] as Partial<EmbeddingRequest> | undefined;
      const { data, usage } = await engine.embeddings.create({ input: values, model, signal: abortSignal, ...own });
      const warnings = [...unsupported({ dimensions }), ...headerWarnings(headers)];
      return { embeddings: data.map(({ embedding }) => embedding), usage: { tokens: usage.prompt_tokens }, warnings };
    },
  };
}

/** A warning for each setting that is given, and means nothing here. */
function unsupported(settings: Record<string, unknown>): SharedV4Warning[] {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return given.map(([feature]) => ({ type: 'unsupported', feature }));
}

/** The SDK itself always says who it is. */
function headerWarnings(headers: Record<string, string | undefined> = {}): SharedV4Warning[] {
  const own = Object.keys(headers).some((name) => name.toLowerCase() !== 'user-agent');
  return own ? unsupported({ headers }) : [];
}

/** A call as our request, and what of it has no meaning here. */
function requestOf(options: LanguageModelV4CallOptions, model: string | undefined) {
  const { maxOutputTokens, temperature, stopSequences, topP, topK, presencePenalty, frequencyPenalty, seed } = options;
  const { prompt, tools = [], toolChoice, reasoning, abortSignal, headers, providerOptions } = options;
  const functions = tools.flatMap((tool) => (tool.type === 'function' ? [tool] : []));
  const request: ChatCompletionRequest = {
    messages: prompt.flatMap(messagesOf),
    model,
    max_tokens: maxOutputTokens,
    temperature,
    stop: stopSequences,
    top_p: topP,
    top_k: topK,
    presence_penalty: presencePenalty,
    frequency_penalty: frequencyPenalty,
    seed,
    response_format: responseFormat(options.responseFormat),
    reasoning_effort: reasoning === 'provider-default' ? undefined : reasoning,
    signal: abortSignal,
    ...(functions.length > 0 && { tools: functions.map(toolOf), tool_choice: toolChoiceOf(toolChoice) }),
    ...(providerOptions?.[PROVIDER] as Partial<ChatCompletionRequest> | undefined),
  };
  const providers = tools.flatMap((tool) =>
    tool.type === 'provider' ? unsupported({ [`tool ${tool.id}`]: tool }) : [],
  );
  const examples = functions.flatMap(({ inputExamples }) => unsupported({ inputExamples })).slice(0, 1);
  return { request, warnings: [...providers, ...examples, ...headerWarnings(headers)] };
}

function responseFormat(
  format: LanguageModelV4CallOptions['responseFormat'],
): ChatCompletionRequest['response_format'] {
  if (format?.type !== 'json') return format;
  const { schema, name = 'response', description } = format;
  if (!schema) return { type: 'json_object' };
  const json_schema = { name, schema: { ...schema }, strict: true, ...(description && { description }) };
  return { type: 'json_schema', json_schema };
}

type FunctionTool = Extract<NonNullable<LanguageModelV4CallOptions['tools']>[number], { type: 'function' }>;

const toolOf = ({ name, description, inputSchema, strict }: FunctionTool) => ({
  type: 'function' as const,
  function: {
    name,
    parameters: { ...inputSchema },
    ...(description && { description }),
    ...(strict !== undefined && { strict }),
  },
});

function toolChoiceOf(choice: LanguageModelV4CallOptions['toolChoice']): ChatCompletionRequest['tool_choice'] {
  return choice?.type === 'tool' ? { type: 'function', function: { name: choice.toolName } } : choice?.type;
}

const refuse = (what: string) => new EngineError('unsupported', `prompt: ${what} cannot be given to the model`);

function messagesOf(message: LanguageModelV4Message): ChatMessage[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: message.content.map(textPart) }];
    case 'assistant':
      return [assistantMessage(message.content)];
    case 'tool':
      // an approval is for the SDK; what came of it is a result
      return message.content.flatMap((part) =>
        part.type === 'tool-result'
          ? [{ role: 'tool', tool_call_id: part.toolCallId, content: resultText(part.output) }]
          : [],
      );
  }
}

function textPart(part: { type: string; text?: string }): { type: 'text'; text: string } {
  if (part.type !== 'text') throw refuse(`a part of type ${part.type}`);
  return { type: 'text', text: part.text ?? '' };
}

function assistantMessage(parts: Extract<LanguageModelV4Message, { role: 'assistant' }>['content']): AssistantMessage {
  const other = parts.find(({ type }) => !['text', 'reasoning', 'tool-call'].includes(type));
  if (other) throw refuse(`a part of type ${other.type} of an assistant`);
  const textOf = (type: string) => parts.flatMap((part) => (part.type === type && 'text' in part ? part.text : []));
  const calls = parts.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
  const tool_calls = calls.map(({ toolCallId, toolName, input }) => ({
    id: toolCallId,
    type: 'function' as const,
    function: { name: toolName, arguments: JSON.stringify(input) },
  }));
  const reasoning = textOf('reasoning').join('');
  return {
    role: 'assistant',
    content: textOf('text').join('') || (calls.length > 0 ? null : ''), // templates tell calls by null
    ...(reasoning && { reasoning_content: reasoning }),
    ...(tool_calls.length > 0 && { tool_calls }),
  };
}

function resultText(output: LanguageModelV4ToolResultOutput): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'The user did not allow this call.';
    case 'content':
      return output.value.map((part) => textPart(part).text).join('\n');
  }
}

function finishReason(reason: FinishReason): LanguageModelV4FinishReason {
  const unified = {
    stop: 'stop',
    length: 'length',
    tool_calls: 'tool-calls',
    content_filter: 'content-filter',
  } as const;
  return { unified: unified[reason], raw: reason };
}

/** @param usage Undefined where a server does not tell. */
function usageOf(usage: Usage | undefined): LanguageModelV4Usage {
  const input = usage?.prompt_tokens;
  const cached = usage?.prompt_tokens_details.cached_tokens;
  const output = usage?.completion_tokens;
  const reasoning = usage?.completion_tokens_details.reasoning_tokens;
  const rest = (all: number | undefined, part: number | undefined) =>
    all === undefined || part === undefined ? undefined : all - part;
  return {
    inputTokens: { total: input, noCache: rest(input, cached), cacheRead: cached, cacheWrite: undefined },
    outputTokens: { total: output, text: rest(output, reasoning), reasoning },
    ...(usage && { raw: { ...usage, timings: { ...usage.timings } } }),
  };
}

const metadata = (reasoningFinishReason: ReasoningFinishReason): SharedV4ProviderMetadata => ({
  [PROVIDER]: { reasoningFinishReason },
});

const response = ({ id, model, created }: { id: string; model: string; created: number }) => ({
  id,
  modelId: model,
  timestamp: new Date(created * 1000),
});

async function generate(
  engine: ChatEngine,
  model: string | undefined,
  options: LanguageModelV4CallOptions,
): Promise<LanguageModelV4GenerateResult> {
  const { request, warnings } = requestOf(options, model);
  const reply = await engine.chat.completions.create({ ...request, stream: false });
  const [choice] = reply.choices;
  if (!choice) throw new EngineError('bad_server', 'the reply has no choices');
  const { content, reasoning_content, tool_calls = [] } = choice.message;
  const parts: LanguageModelV4Content[] = [];
  if (reasoning_content) parts.push({ type: 'reasoning', text: reasoning_content });
  if (content) parts.push({ type: 'text', text: content });
  for (const { id, function: called } of tool_calls)
    parts.push({ type: 'tool-call', toolCallId: id, toolName: called.name, input: called.arguments });
  return {
    content: parts,
    finishReason: finishReason(choice.finish_reason),
    usage: usageOf(reply.usage),
    providerMetadata: metadata(choice.reasoning_finish_reason),
    response: response(reply),
    warnings,
  };
}

async function stream(
  engine: ChatEngine,
  model: string | undefined,
  options: LanguageModelV4CallOptions,
): Promise<ReadableStream<LanguageModelV4StreamPart>> {
  const { request, warnings } = requestOf(options, model);
  const chunks = await engine.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  const parts = partsOf(chunks, warnings, options.includeRawChunks ?? false);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next(); // what it throws, the stream fails with
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await parts.return();
    },
  });
}

/** The parts of a stream. An abort is thrown; any other error is a part. */
async function* partsOf(
  chunks: AsyncIterable<ChatCompletionChunk>,
  warnings: SharedV4Warning[],
  raw: boolean,
): AsyncGenerator<LanguageModelV4StreamPart, void, undefined> {
  yield { type: 'stream-start', warnings };
  const blocks = new Blocks();
  let named = false;
  let usage: Usage | undefined;
  let finish: LanguageModelV4FinishReason = { unified: 'interrupted', raw: undefined };
  let reasoningFinish: ReasoningFinishReason = null;
  try {
    for await (const chunk of chunks) {
      if (raw) yield { type: 'raw', rawValue: chunk };
      if (!named) yield { type: 'response-metadata', ...response(chunk) };
      named = true;
      usage = chunk.usage ?? usage;
      const [choice] = chunk.choices;
      if (!choice) continue;
      const { reasoning_content, content, tool_calls = [] } = choice.delta;
      if (reasoning_content) yield* blocks.add('reasoning', reasoning_content);
      if (content) yield* blocks.add('text', content);
      for (const call of tool_calls) yield* blocks.call(call);
      reasoningFinish = choice.reasoning_finish_reason ?? reasoningFinish;
      if (choice.finish_reason) finish = finishReason(choice.finish_reason);
    }
    yield* blocks.end();
  } catch (error) {
    if (error instanceof EngineAbortError) throw error;
    finish = { unified: 'error', raw: undefined };
    yield { type: 'error', error };
  }
  yield { type: 'finish', finishReason: finish, usage: usageOf(usage), providerMetadata: metadata(reasoningFinish) };
}

type Parts = Generator<LanguageModelV4StreamPart, void, undefined>;

/** The block that is open: reasoning, text, or the call of a tool. */
class Blocks {
  #count = 0;
  #open: { type: 'reasoning' | 'text'; id: string } | undefined;
  #call: { index: number; id: string; name: string; input: string } | undefined;

  *add(type: 'reasoning' | 'text', delta: string): Parts {
    if (this.#open?.type !== type) {
      yield* this.end();
      this.#open = { type, id: `${this.#count++}` };
      yield { type: `${type}-start`, id: this.#open.id };
    }
    yield { type: `${type}-delta`, id: this.#open.id, delta };
  }

  *call({ index, id = '', function: called }: ToolCallDelta): Parts {
    if (this.#call?.index !== index) {
      yield* this.end();
      this.#call = { index, id, name: called?.name ?? '', input: '' };
      yield { type: 'tool-input-start', id, toolName: this.#call.name };
    }
    const delta = called?.arguments;
    if (!delta) return;
    this.#call.input += delta;
    yield { type: 'tool-input-delta', id: this.#call.id, delta };
  }

  *end(): Parts {
    if (this.#open) yield { type: `${this.#open.type}-end`, id: this.#open.id };
    if (this.#call) {
      const { id, name, input } = this.#call;
      yield { type: 'tool-input-end', id };
      yield { type: 'tool-call', toolCallId: id, toolName: name, input: input || '{}' };
    }
    this.#open = this.#call = undefined;
  }
}
