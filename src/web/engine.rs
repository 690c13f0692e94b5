//! A loaded model, as the worker calls it.

use super::caller::Caller;
use super::models::{self, Opened, Wishes};
use super::{call, error_value, from_js, now, to_js, unless_aborted};
use crate::chat::tools::Piece;
use crate::engine::{
    Chat, ChatRequest, Completion, CompletionRequest, Constraint, Control, Delta, Engine, Pooling,
    ReasoningFinish, TextParts, Thinking,
};
use crate::gguf::Header;
use crate::gpu::{CompileAhead, Gpu, GpuOptions, KernelText};
use crate::model::{self, ModelOptions, Progress};
use crate::tokenizer::Special;
use crate::{Error, Result, store};
use jiff::civil::DateTime;
use js_sys::{Function, Promise, Reflect, Uint8Array, Uint32Array};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::any::Any;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

/// What `WasmEngine.load` takes.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LoadOptions {
    #[serde(flatten)]
    gpu: GpuOptions,
    #[serde(flatten)]
    model: ModelOptions,
    #[serde(flatten)]
    wishes: Wishes,
}

/// What `WasmEngine.reply` takes: a request in OpenAI's names, and what makes its reply the same again.
#[derive(Deserialize)]
struct Asked {
    /// A chat, or a prompt as it is.
    chat: bool,
    request: Map<String, Json>,
    /// Seeds the sampler when the request has no seed.
    entropy: f64,
    /// The page's local time, for templates that print the date.
    now: DateTime,
    /// Tokens of the reply that were made before, by an engine that is gone.
    #[serde(default)]
    tokens: Vec<u32>,
    /// Why the reasoning ended in those.
    #[serde(default)]
    reasoning_finish_reason: Option<ReasoningFinish>,
    /// Whether those were heard already.
    #[serde(default)]
    heard: bool,
}

/// What `WasmEngine.prompt` takes.
#[derive(Deserialize)]
struct Rendered {
    request: Map<String, Json>,
    now: DateTime,
    add_generation_prompt: bool,
}

#[wasm_bindgen]
extern "C" {
    /// What the worker's `Grammar` is: see [`Constraint`].
    type JsGrammar;

    #[wasm_bindgen(method, catch)]
    fn mask(this: &JsGrammar) -> std::result::Result<Uint32Array, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &JsGrammar, token: u32) -> std::result::Result<bool, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn forced(this: &JsGrammar) -> std::result::Result<Uint32Array, JsValue>;
}

impl Constraint for JsGrammar {
    fn mask(&mut self) -> Result<Vec<u32>> {
        JsGrammar::mask(self).map(|mask| mask.to_vec()).map_err(grammar_error)
    }

    fn commit(&mut self, token: u32) -> Result<bool> {
        JsGrammar::commit(self, token).map_err(grammar_error)
    }

    fn forced(&mut self) -> Result<Vec<u32>> {
        JsGrammar::forced(self).map(|tokens| tokens.to_vec()).map_err(grammar_error)
    }
}

/// A loaded model.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WasmEngine {
    engine: Engine,
    bytes: u64,
    /// Its name in the store, where it is kept.
    kept: Option<String>,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Loads a model (see [`models::source`]). `caller` hears of a [`crate::store::Status`], of further phases too;
    /// `compile_ahead` gets `[{ code, writes }]`, kernels that are about to be made, and returns a promise;
    /// `compile` gets JSON for [`crate::engine::Compile`], and returns the promise of a grammar.
    pub async fn load(
        source: JsValue,
        options: JsValue,
        caller: Caller,
        compile_ahead: Function,
        compile: Function,
    ) -> std::result::Result<WasmEngine, JsValue> {
        let ahead = ahead(compile_ahead);
        let mut loaded = load(&source, options, &caller, ahead).await.map_err(error_value)?;
        let compile = move |format: Json| grammar(compile.clone(), format);
        loaded.engine = loaded.engine.with_grammars(Box::new(move |format| Box::pin(compile(format))));
        Ok(loaded)
    }

    /// Facts about the model, the device and the tier.
    pub fn info(&self) -> std::result::Result<JsValue, JsValue> {
        let model = self.engine.model();
        let info = json!({
            "where": "device",
            "model": {
                "name": model.config.name,
                "architecture": model.config.architecture,
                "nLayer": model.config.n_layer,
                "nVocab": model.config.n_vocab,
                "nCtxTrain": model.config.n_ctx_train,
                "bytes": self.bytes,
                "kept": self.kept,
            },
            "nCtx": model.n_ctx,
            "kv": model.kv(),
            "device": model.gpu().caps(),
            "selfTest": model.self_test,
        });
        to_js(&info)
    }

    /// Makes the reply to [`Asked`]. `on_delta` gets its pieces; where `steering.answerNow` is true, the thinking is ended.
    pub async fn reply(
        &self,
        asked: JsValue,
        on_delta: Function,
        steering: JsValue,
        signal: Option<AbortSignal>,
    ) -> std::result::Result<JsValue, JsValue> {
        let cancelled = || signal.as_ref().is_some_and(AbortSignal::aborted);
        let answer_now =
            || Reflect::get(&steering, &"answerNow".into()).is_ok_and(|answer_now| answer_now.is_truthy());
        let answer = async {
            let asked: Asked = from_js("request", asked)?;
            let control = Control {
                entropy: asked.entropy as u64,
                reply: &asked.tokens,
                reasoning_finish: asked.reasoning_finish_reason,
                cancelled: &cancelled,
                answer_now: &answer_now,
            };
            let mut unheard = if asked.heard { asked.tokens.len() } else { 0 };
            let mut show = |delta: Delta| {
                let is_known = delta.tokens.len() <= unheard;
                unheard = unheard.saturating_sub(delta.tokens.len());
                if !is_known && let Ok(value) = to_js(&delta_json(&delta)) {
                    call(&on_delta, &value);
                }
            };
            if asked.chat {
                let request = ChatRequest::from_json(asked.request)?;
                self.engine.chat(&request, asked.now, control, &mut show).await
            } else {
                let request = CompletionRequest::from_json(asked.request)?;
                let prompt = self.engine.raw_prompt(&request.prompt)?;
                self.engine.generate(prompt, &request.options, control, &mut show).await
            }
        };
        let done = unless_aborted(answer, signal.as_ref()).await.map_err(error_value)?;
        to_js(&reply_json(&done))
    }

    /// The ids of a text; with `special`, control tokens in it are recognised.
    pub fn tokenize(&self, text: &str, special: bool) -> std::result::Result<Vec<u32>, JsValue> {
        let special = if special { Special::Parse } else { Special::Text };
        self.engine.tokenizer.encode(text, special).map_err(error_value)
    }

    /// The text of ids.
    pub fn detokenize(&self, ids: &[u32]) -> std::result::Result<String, JsValue> {
        let tokenizer = &self.engine.tokenizer;
        match ids.iter().find(|id| tokenizer.token(**id).is_none()) {
            None => Ok(tokenizer.decode(ids)),
            Some(id) => {
                let problem = format!("{id} is not a token id: the vocabulary has {}", tokenizer.n_vocab());
                Err(error_value(Error::InvalidRequest { param: "tokens".into(), problem }))
            }
        }
    }

    /// `{ text, tokens }`: what the template makes of the messages of [`Rendered`], and how many tokens that is.
    pub fn prompt(&self, rendered: JsValue) -> std::result::Result<JsValue, JsValue> {
        let prompt = || {
            let Rendered { request, now, add_generation_prompt } = from_js("request", rendered)?;
            let ChatRequest { chat, options, .. } = ChatRequest::from_json(request)?;
            self.prompt_of(&chat, options.thinking, add_generation_prompt, now)
        };
        let (text, tokens) = prompt().map_err(error_value)?;
        to_js(&json!({ "text": text, "tokens": tokens }))
    }

    /// What a text means, `[n_embd]` of length 1, and how many tokens it has: `{ embedding, tokens }`. `pooling` is `mean` or
    /// `last`.
    pub async fn embed(
        &self,
        text: String,
        pooling: JsValue,
        signal: Option<AbortSignal>,
    ) -> std::result::Result<JsValue, JsValue> {
        let cancelled = || signal.as_ref().is_some_and(AbortSignal::aborted);
        let work = async {
            let pooling: Pooling = from_js("pooling", pooling)?;
            self.engine.embed(&text, pooling, &cancelled).await
        };
        let (embedding, tokens) = unless_aborted(work, signal.as_ref()).await.map_err(error_value)?;
        to_js(&json!({ "embedding": embedding, "tokens": tokens }))
    }

    /// `{ bytes, stops, control, ends }`: all tokens' bytes one after the other, where each stops, whether
    /// each is a control token, and the ids that end a reply.
    pub fn vocabulary(&self) -> std::result::Result<JsValue, JsValue> {
        let tokenizer = &self.engine.tokenizer;
        let (mut bytes, mut stops, mut control) = (Vec::new(), Vec::new(), Vec::new());
        for id in 0..tokenizer.n_vocab() as u32 {
            bytes.extend(tokenizer.token_bytes(id));
            stops.push(bytes.len() as u32);
            control.push(u8::from(tokenizer.is_special(id)));
        }
        let value = js_sys::Object::new();
        let parts: [(&str, JsValue); 4] = [
            ("bytes", Uint8Array::from(&bytes[..]).into()),
            ("stops", Uint32Array::from(&stops[..]).into()),
            ("control", Uint8Array::from(&control[..]).into()),
            ("ends", Uint32Array::from(tokenizer.end_ids()).into()),
        ];
        for (name, part) in parts {
            Reflect::set(&value, &name.into(), &part)?;
        }
        Ok(value.into())
    }

    /// Lets go of the keys and values of conversations that nobody is running: they can be computed again.
    pub fn forget(&self) {
        self.engine.conversations.forget();
    }
}

impl WasmEngine {
    fn prompt_of(
        &self,
        chat: &Chat,
        thinking: Thinking,
        add_generation_prompt: bool,
        now: DateTime,
    ) -> Result<(String, usize)> {
        let text = self.engine.render(chat, thinking, add_generation_prompt, now)?;
        let prompt = self.engine.chat_prompt(chat, thinking, now)?;
        Ok((text, prompt.tokens.len()))
    }
}

fn grammar_error(error: JsValue) -> Error {
    let problem = error.as_string().or_else(|| {
        let message = Reflect::get(&error, &"message".into()).ok()?;
        message.as_string()
    });
    let problem = problem.unwrap_or_else(|| "the grammar cannot be computed".into());
    Error::InvalidRequest { param: "response_format".into(), problem }
}

async fn grammar(compile: Function, format: Json) -> Result<Box<dyn Constraint>> {
    let promise = compile.call1(&JsValue::NULL, &format.to_string().into()).map_err(grammar_error)?;
    let grammar = JsFuture::from(Promise::resolve(&promise)).await.map_err(grammar_error)?;
    Ok(Box::new(grammar.unchecked_into::<JsGrammar>()))
}

async fn load(
    source: &JsValue,
    options: JsValue,
    caller: &Caller,
    ahead: CompileAhead,
) -> Result<WasmEngine> {
    let mut options: LoadOptions = from_js("options", options)?;
    options.gpu.compile_ahead = Some(ahead);
    let on_bytes = |bytes| {
        if let Progress::Complete(bytes) = bytes {
            progress(caller, "prepare", bytes);
        }
    };
    let check = |header: &Header| TextParts::from_metadata(&header.metadata);
    let gpu = async || Gpu::request(&options.gpu).await;
    let loading = store::again_if_changed(async || {
        let Opened { mut download, id } = models::open(source, &options.wishes, caller).await?;
        let (model, text, bytes) =
            model::load(&mut download, check, gpu, &options.model, now, on_bytes).await?;
        Ok((model, text, bytes, download.is_kept().then_some(id)))
    });
    let (model, text, bytes, kept) = loading.await?;
    let engine = Engine::new(&Rc::new(model), text).await?;
    progress(caller, "ready", bytes);
    Ok(WasmEngine { engine, bytes, kept })
}

/// What a function of the page does to compile kernels.
fn ahead(function: Function) -> CompileAhead {
    Rc::new(move |kernels: Vec<KernelText>| {
        let promise = to_js(&kernels).and_then(|kernels| function.call1(&JsValue::NULL, &kernels));
        Box::pin(async move {
            let compiled = match promise {
                Ok(promise) => JsFuture::from(Promise::from(promise)).await,
                refused => refused,
            };
            Box::new(compiled) as Box<dyn Any> // what was refused is asked of wgpu again
        })
    })
}

/// Tells of a phase in which all bytes have come.
fn progress(caller: &Caller, phase: &str, bytes: u64) {
    if let Ok(value) = to_js(&json!({ "phase": phase, "loaded": bytes, "total": bytes })) {
        caller.tell(&value);
    }
}

/// A piece of a reply, in OpenAI's names; `tokens` and `reasoning_finish_reason` are for [`Asked`].
fn delta_json(delta: &Delta) -> Json {
    let mut value = json!({ "tokens": delta.tokens });
    if !delta.content.is_empty() {
        value["content"] = delta.content.as_str().into();
    }
    if !delta.reasoning.is_empty() {
        value["reasoning_content"] = delta.reasoning.as_str().into();
    }
    if !delta.calls.is_empty() {
        value["tool_calls"] = delta.calls.iter().filter_map(call_json).collect();
    }
    if !delta.logprobs.is_empty() {
        value["logprobs"] = json!(delta.logprobs);
    }
    if let Some(why) = delta.reasoning_finish {
        value["reasoning_finish_reason"] = json!(why);
    }
    value
}

fn call_json(piece: &Piece) -> Option<Json> {
    match piece {
        Piece::Content(_) => None,
        Piece::Call { index, id, name } => {
            let function = json!({ "name": name, "arguments": "" });
            Some(json!({ "index": index, "id": id, "type": "function", "function": function }))
        }
        Piece::Arguments { index, text } => {
            Some(json!({ "index": index, "function": { "arguments": text } }))
        }
    }
}

fn reply_json(done: &Completion) -> Json {
    let calls = done.calls.iter().map(|call| {
        let function = json!({ "name": call.name, "arguments": call.arguments });
        json!({ "id": call.id, "type": "function", "function": function })
    });
    json!({
        "finish_reason": done.finish_reason,
        "reasoning_finish_reason": done.reasoning_finish,
        "content": done.text,
        "reasoning_content": done.reasoning,
        "tool_calls": calls.collect::<Vec<_>>(),
        "logprobs": (!done.logprobs.is_empty()).then_some(&done.logprobs),
        "usage": {
            "prompt_tokens": done.prompt_tokens.len(),
            "completion_tokens": done.tokens.len(),
            "total_tokens": done.prompt_tokens.len() + done.tokens.len(),
            "prompt_tokens_details": { "cached_tokens": done.cached_tokens },
            "completion_tokens_details": { "reasoning_tokens": done.reasoning_tokens },
            "timings": done.timings,
        },
    })
}
