// The public shapes of requests and replies: OpenAI's, and what reasoning models add to them. Types only.
//
// The `openai` package's messages are assignable to these, and these replies to its own; tests/types holds both to it. So
// what a reply may leave out is `?:` without `undefined`, and what a request may leave out takes null and undefined too.

/** A piece of a message's text. */
export interface TextPart {
  type: 'text';
  text: string;
}

/** An image. A server behind `connect` may read it; the models on the device do not, and refuse it. */
export interface ImagePart {
  type: 'image_url';
  image_url: { url: string };
}

/** A sound. A server behind `connect` may hear it; the models on the device do not, and refuse it. */
export interface AudioPart {
  type: 'input_audio';
  input_audio: { data: string; format: 'wav' | 'mp3' };
}

/** A file. A server behind `connect` may read it; the models on the device do not, and refuse it. */
export interface FilePart {
  type: 'file';
  file: { file_data?: string; file_id?: string; filename?: string };
}

/** What OpenAI's models write in place of an answer that they do not give. */
export interface RefusalPart {
  type: 'refusal';
  refusal: string;
}

/** Instructions. `developer` is OpenAI's newer name for `system`, and means the same. */
export interface SystemMessage {
  role: 'system' | 'developer';
  content: string | TextPart[];
  name?: string;
}

/** What the person says. */
export interface UserMessage {
  role: 'user';
  content: string | (TextPart | ImagePart | AudioPart | FilePart)[];
  name?: string;
}

/** What the model said: the `message` of a completion is one. */
export interface AssistantMessage {
  role: 'assistant';
  /** May be left out beside `tool_calls`. */
  content?: string | (TextPart | RefusalPart)[] | null;
  /** What it thought. Earlier thoughts are not shown to the model, unless its own template does so. */
  reasoning_content?: string | null;
  /**
   * Whether this, the last message, is how the reply begins: it goes on after these thoughts, or after this answer, and tells only
   * what is new. As in DeepSeek's chat prefix completion.
   */
  prefix?: boolean;
  tool_calls?: (ToolCall | CustomToolCall)[];
  refusal?: string | null;
  name?: string;
}

/** What a tool gave back. */
export interface ToolMessage {
  role: 'tool';
  /** The `id` of the call that this answers. */
  tool_call_id: string;
  content: string | TextPart[];
}

/** OpenAI's old form of a tool's message, refused on the device: give a `tool` message. */
export interface FunctionMessage {
  role: 'function';
  name: string;
  content: string | null;
}

/**
 * A message of the conversation.
 *
 * A list that is not written inside the call itself needs its type, or TypeScript takes `role` for any string:
 *
 * ```ts
 * const messages = [{ role: 'user', content: 'Why is the sky blue?' }] satisfies ChatMessage[];
 * ```
 */
export type ChatMessage = SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage;

/** A function that the model wants called. */
export interface ToolCall {
  /** To be named by the `tool` message that answers it. */
  id: string;
  type: 'function';
  function: {
    name: string;
    /** JSON, of the function's parameters. */
    arguments: string;
  };
}

/** A call of OpenAI's tools that take free text; refused on the device. */
export interface CustomToolCall {
  id: string;
  type: 'custom';
  custom: { name: string; input: string };
}

/** A function that the model may have called. */
export interface Tool {
  type: 'function';
  function: {
    name: string;
    description?: string;
    /** A JSON Schema of its arguments. Left out: it takes none. */
    parameters?: Record<string, unknown>;
    strict?: boolean | null;
  };
}

/** Whether tools are called: `none`, as the model likes (`auto`), at least one (`required`), or this one. */
export type ToolChoice = 'none' | 'auto' | 'required' | { type: 'function'; function: { name: string } };

/** What the answer must be. Thinking stays free. */
export type ResponseFormat =
  | { type: 'text' }
  /** Any JSON object. */
  | { type: 'json_object' }
  | {
      type: 'json_schema';
      json_schema: {
        name: string;
        description?: string;
        /** Needed; optional here because the `openai` package's helpers have it so. */
        schema?: Record<string, unknown>;
        strict?: boolean | null;
      };
    }
  /** A grammar in Lark's syntax, or a regular expression. */
  | { type: 'grammar'; grammar: { syntax: 'lark' | 'regex'; definition: string } };

/** Whether the model thinks before it answers, and with how many tokens at most. */
export interface Thinking {
  type: 'enabled' | 'disabled';
  /** After so many tokens of reasoning the thinking is ended, and the answer follows. */
  budget_tokens?: number | null | undefined;
}

/**
 * How much a model is to think. On the device `none` is not at all, `minimal`, `low` and `medium` are budgets of 512, 1024 and
 * 4096 tokens, and more than that is no limit. What `thinking` says comes first.
 */
export type ReasoningEffort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';

/**
 * What to do when the context is full: end with an error; `slide`, leave the oldest turns out; or `truncate-middle`, keep
 * the first turn and the last ones. Both keep the system message, and whole turns.
 */
export type Overflow = 'error' | 'slide' | 'truncate-middle';

/** What all requests for text take. Everything is optional; null counts as not given. */
export interface GenerationRequest {
  /** The engine has one model: its name, or nothing. A server may have several. */
  model?: string | null | undefined;
  /** Whether the reply comes in chunks, as it is made. */
  stream?: boolean | null | undefined;
  stream_options?:
    | {
        /** A last chunk, without choices, tells the usage. */
        include_usage?: boolean | null | undefined;
      }
    | null
    | undefined;
  /** 0 is greedy. */
  temperature?: number | null | undefined;
  /** Of the likeliest tokens, as many as have this probability together. */
  top_p?: number | null | undefined;
  /** Only so many of the likeliest tokens. */
  top_k?: number | null | undefined;
  /** Only tokens at least this likely, as a part of the likeliest one's probability. */
  min_p?: number | null | undefined;
  /** Of the most typical tokens, as many as have this probability together. */
  typical_p?: number | null | undefined;
  /** Makes tokens that were there less likely, by this factor; 1 is none. */
  repetition_penalty?: number | null | undefined;
  /** Subtracted from the logits of tokens that were there. */
  presence_penalty?: number | null | undefined;
  /** The same, for each time that they were there. */
  frequency_penalty?: number | null | undefined;
  /** Added to the logits of token ids, which `tokenize` tells. */
  logit_bias?: Record<string, number> | null | undefined;
  /** For the same reply each time on the same device. */
  seed?: number | null | undefined;
  /** How many replies, at most 128; 1 if not given. They are made one after the other, the second with `seed` + 1, and so on. */
  n?: number | null | undefined;
  /** The answer ends before any of these, which are not part of it. Reasoning is not searched for them. */
  stop?: string | string[] | null | undefined;
  /** Most tokens of the reply, reasoning included. */
  max_tokens?: number | null | undefined;
  /** What to do when the conversation does not fit the context. */
  overflow?: Overflow | null | undefined;
  /** Who asks. Of no effect on the device. */
  user?: string | null | undefined;
  /** Ends the request. */
  signal?: AbortSignal | null | undefined;
}

/** A request for a reply to messages. What is left out takes what DeepSeek recommends for R1. */
export interface ChatCompletionRequest extends GenerationRequest {
  messages: readonly ChatMessage[];
  /** OpenAI's newer name for `max_tokens`: give one of them. */
  max_completion_tokens?: number | null | undefined;
  /** Whether to tell how likely each token was. */
  logprobs?: boolean | null | undefined;
  /** How many of the likeliest tokens to name beside each, at most 20. */
  top_logprobs?: number | null | undefined;
  response_format?: ResponseFormat | null | undefined;
  tools?: readonly Tool[] | null | undefined;
  tool_choice?: ToolChoice | null | undefined;
  /** False: at most one call in a reply. */
  parallel_tool_calls?: boolean | null | undefined;
  thinking?: Thinking | null | undefined;
  /** `thinking` in OpenAI's words. */
  reasoning_effort?: ReasoningEffort | null | undefined;
  /** More variables for the model's chat template, such as Qwen3's `enable_thinking`. */
  chat_template_kwargs?: Record<string, unknown> | null | undefined;
  /** Which conversation this is, so that its cache is found again. */
  prompt_cache_key?: string | null | undefined;
  /** What the caller notes down. Of no effect on the device; so are the next three. */
  metadata?: Record<string, string> | null | undefined;
  store?: boolean | null | undefined;
  service_tier?: string | null | undefined;
  safety_identifier?: string | null | undefined;
}

/** How likely the model itself (before bias, penalties and temperature) held a token. */
export interface TokenLogprob {
  token: string;
  logprob: number;
  /** The token's bytes, which need not be whole UTF-8; null where a server does not tell. */
  bytes: number[] | null;
  /** The likeliest tokens at this place, as many as `top_logprobs` asked for. */
  top_logprobs: Omit<TokenLogprob, 'top_logprobs'>[];
}

/** The tokens of an answer, and of the reasoning before it. */
export interface Logprobs {
  content: TokenLogprob[];
  refusal: null;
  reasoning_content: TokenLogprob[];
}

/** How fast a reply came; null is what is not known. */
export interface Timings {
  /** From the request to its first token. */
  time_to_first_token_ms: number | null;
  /** Tokens of the prompt that were run in a second. */
  prefill_tokens_per_second: number | null;
  /** Tokens of the reply that were made in a second. */
  decode_tokens_per_second: number | null;
}

/** What a reply took. */
export interface Usage {
  prompt_tokens: number;
  /** Reasoning and answer. */
  completion_tokens: number;
  total_tokens: number;
  /** Tokens of the prompt that had been run before; 0 too where a server does not tell. */
  prompt_tokens_details: { cached_tokens: number };
  /** 0 too where a server does not tell. */
  completion_tokens_details: { reasoning_tokens: number };
  timings: Timings;
}

/** Why a reply ended: by itself or a stop string, at its most tokens, for tools to be called; `content_filter` says a server. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/**
 * Why the thinking ended: by itself (`stop`), at its budget, because `answerNow` asked so, or because it repeated itself
 * without end. Null: there was none, it was not ended, or a server does not tell.
 */
export type ReasoningFinishReason = 'stop' | 'budget' | 'answer_now' | 'repetition' | null;

/** A reply. */
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  /** In seconds since 1970. */
  created: number;
  model: string;
  /** As many as `n`. */
  choices: ChatCompletionChoice[];
  usage: Usage;
}

/** One of the replies to a request. */
export interface ChatCompletionChoice {
  index: number;
  message: {
    role: 'assistant';
    /** The answer; null where the reply only calls tools. */
    content: string | null;
    refusal: null;
    /** What the model thought; null where it did not. */
    reasoning_content: string | null;
    tool_calls?: ToolCall[];
  };
  finish_reason: FinishReason;
  reasoning_finish_reason: ReasoningFinishReason;
  logprobs: Logprobs | null;
}

/** A piece of a reply. */
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  /** None in the chunk that tells the usage. */
  choices: ChatCompletionChunkChoice[];
  /** Only in a last chunk of its own, where `stream_options.include_usage` asks for it. */
  usage?: Usage;
}

/** What a chunk has of one reply. */
export interface ChatCompletionChunkChoice {
  index: number;
  delta: ChatCompletionDelta;
  /** Null but in the last chunk of each choice. */
  finish_reason: FinishReason | null;
  /** Said with `finish_reason`. */
  reasoning_finish_reason: ReasoningFinishReason;
  logprobs: Logprobs | null;
}

/** What a chunk adds. The first of each choice has the role. */
export interface ChatCompletionDelta {
  role?: 'assistant';
  content?: string;
  reasoning_content?: string;
  tool_calls?: ToolCallDelta[];
}

/** What a chunk adds to a tool call. The first of each call has `id`, `type` and the name; later ones, more of its arguments. */
export interface ToolCallDelta {
  /** Which of the reply's calls. */
  index: number;
  id?: string;
  type?: 'function';
  function?: { name?: string; arguments?: string };
}

/** A reply as it is made. Breaking out of the loop over it ends the request. It can be read once. */
export interface ChatStream extends AsyncIterable<ChatCompletionChunk> {
  /** The `id` of its chunks, for `answerNow` and `resume`. */
  readonly id: string;
}

/** A request for what follows a text, which the model gets as it is: without a template, and with no reasoning split off. */
export interface CompletionRequest extends GenerationRequest {
  prompt: string;
  /** To tell how likely each token was, and name so many of the likeliest beside it, at most 20. */
  logprobs?: number | null | undefined;
}

/** How likely tokens of a raw completion were: lists side by side, as OpenAI has them here. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: Record<string, number>[];
  /** Where each token starts, in UTF-16 units of the text. */
  text_offset: number[];
}

/** What follows a text; as a stream, the pieces of it. */
export interface Completion {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: {
    index: number;
    text: string;
    finish_reason: Exclude<FinishReason, 'tool_calls'>;
    logprobs: CompletionLogprobs | null;
  }[];
  usage: Usage;
}

/** A piece of what follows a text. */
export interface CompletionChunk extends Omit<Completion, 'choices' | 'usage'> {
  /** None in the chunk that tells the usage. */
  choices: (Omit<Completion['choices'][number], 'finish_reason'> & {
    /** Null but in the last chunk of each choice. */
    finish_reason: Completion['choices'][number]['finish_reason'] | null;
  })[];
  /** Only in a last chunk of its own, where `stream_options.include_usage` asks for it. */
  usage?: Usage;
}

/** A raw completion as it is made. Breaking out of the loop over it ends the request. It can be read once. */
export interface CompletionStream extends AsyncIterable<CompletionChunk> {
  readonly id: string;
}

/** A request for texts as vectors. */
export interface EmbeddingRequest {
  input: string | readonly string[];
  /** Of the last layer's vectors: their mean, or that of the last token. Default on the device: the mean. */
  pooling?: 'mean' | 'last' | null | undefined;
  model?: string | null | undefined;
  encoding_format?: 'float' | null | undefined;
  signal?: AbortSignal | null | undefined;
}

/** Texts as vectors, in their order. Those of the device have length 1. */
export interface EmbeddingList {
  object: 'list';
  data: { object: 'embedding'; index: number; embedding: number[] }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
}

/** A model that requests can name. */
export interface Model {
  id: string;
  object: 'model';
  /** In seconds since 1970. */
  created: number;
  owned_by: string;
}

/** The models that requests can name. */
export interface ModelList {
  object: 'list';
  data: Model[];
}

/** Rejects with what is wrong with the request; a stream's promise does so too, as it resolves with the first event. */
export interface CreateChatCompletion {
  (request: ChatCompletionRequest & { stream: true }): Promise<ChatStream>;
  (request: ChatCompletionRequest & { stream?: false | null | undefined }): Promise<ChatCompletion>;
  (request: ChatCompletionRequest): Promise<ChatCompletion | ChatStream>;
}

/** Rejects with what is wrong with the request; a stream's promise does so too, as it resolves with the first event. */
export interface CreateCompletion {
  (request: CompletionRequest & { stream: true }): Promise<CompletionStream>;
  (request: CompletionRequest & { stream?: false | null | undefined }): Promise<Completion>;
  (request: CompletionRequest): Promise<Completion | CompletionStream>;
}

/** What answers: a model on the device (`createEngine`), or a server (`connect`). */
export interface ChatEngine {
  readonly chat: { readonly completions: { readonly create: CreateChatCompletion } };
  readonly completions: { readonly create: CreateCompletion };
  readonly embeddings: {
    /** Makes vectors of texts. */
    readonly create: (request: EmbeddingRequest) => Promise<EmbeddingList>;
  };
  readonly models: {
    /** The models that requests can name; on the device, the one that is loaded. */
    readonly list: () => Promise<ModelList>;
  };
  readonly info: {
    /** `device`, or the server's address. */
    readonly where: 'device' | (string & {});
  };
  /**
   * Ends the thinking of the reply with this `id`, or of every reply that is being made, and lets the answer follow.
   * Whether there was one to end; a server has no way to be asked, so there it is always false.
   */
  answerNow(id?: string): boolean;
  /** Ends what is running, with an abort error, and frees what is held. */
  dispose(): Promise<void>;
}
