//! The browser edge: what the package's worker calls. Errors cross as `{ code, message }`.

mod host;
mod models;
mod opfs;

use crate::chat::reasoning::Delta;
use crate::engine::{ChatRequest, Engine, Logprobs, Moment, TextParts};
use crate::gguf::Header;
use crate::gpu::{CompileAhead, Gpu, GpuOptions, KernelText};
use crate::model::{self, ModelOptions, Progress};
use crate::{Error, Result, store};
use host::Control;
use js_sys::{Function, Object, Promise, Reflect};
use models::{Opened, Wishes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
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
    /// Loads a model (see [`models::source`]). `on_progress` gets a [`crate::store::Status`], of further phases too; `control`
    /// pauses the download; `compile_ahead` gets `[{ code, writes }]`, kernels that are about to be made, and returns a promise.
    pub async fn load(
        source: JsValue,
        options: JsValue,
        on_progress: Function,
        control: Control,
        compile_ahead: Function,
        signal: Option<AbortSignal>,
    ) -> std::result::Result<WasmEngine, JsValue> {
        let ahead = ahead(compile_ahead);
        let control = control.unchecked_into();
        load(&source, options, &on_progress, &control, ahead, signal.as_ref()).await.map_err(error_value)
    }

    /// Facts about the model, the device and the tier.
    pub fn info(&self) -> std::result::Result<JsValue, JsValue> {
        let model = self.engine.model();
        let info = serde_json::json!({
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

    /// Answers one chat request (OpenAI's names). `on_delta` gets `{ content?, reasoning_content?,
    /// logprobs? }`.
    pub async fn complete(
        &mut self,
        request: JsValue,
        on_delta: Function,
        signal: Option<AbortSignal>,
    ) -> std::result::Result<JsValue, JsValue> {
        let cancelled = || signal.as_ref().is_some_and(AbortSignal::aborted);
        let answer = async {
            let request = ChatRequest::from_json(from_js("request", request)?)?;
            let mut show =
                |delta: Delta, logprobs: Logprobs| call(&on_delta, &delta_value(&delta, &logprobs));
            self.engine.chat(&request, moment(), &mut show, &cancelled).await
        };
        let done = unless_aborted(answer, signal.as_ref()).await.map_err(error_value)?;
        to_js(&serde_json::json!({
            "finish_reason": done.finish_reason,
            "content": done.text,
            "reasoning_content": done.reasoning,
            "logprobs": (!done.logprobs.is_empty()).then_some(&done.logprobs),
            "usage": {
                "prompt_tokens": done.prompt_tokens.len(),
                "completion_tokens": done.tokens.len(),
                "total_tokens": done.prompt_tokens.len() + done.tokens.len(),
                "prompt_tokens_details": { "cached_tokens": done.cached_tokens },
                "completion_tokens_details": { "reasoning_tokens": done.reasoning_tokens },
            },
        }))
    }
}

/// Breaks `work` off as soon as `signal` says so: a slow device's token may take longer than an abort should.
async fn unless_aborted<T>(work: impl Future<Output = Result<T>>, signal: Option<&AbortSignal>) -> Result<T> {
    let (sender, mut aborted) = futures_channel::oneshot::channel();
    let listener = Closure::once(move || {
        let _ = sender.send(()); // nobody waits once the work is done
    });
    if let Some(signal) = signal {
        signal.set_onabort(Some(listener.as_ref().unchecked_ref()));
    }
    let mut work = std::pin::pin!(work);
    let result = std::future::poll_fn(|context| match Pin::new(&mut aborted).poll(context) {
        Poll::Ready(Ok(())) => Poll::Ready(Err(Error::Aborted)),
        _ => work.as_mut().poll(context),
    });
    let result = result.await;
    if let Some(signal) = signal {
        signal.set_onabort(None);
    }
    result
}

/// Milliseconds since the page began: unlike the date, this never goes back.
fn now() -> f64 {
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now() -> f64;
    }
    performance_now()
}

/// Has a panic's words reach the page: as an exception, which ends the engine as the trap would.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// The engine's version.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// Bytes of the wasm heap. It never shrinks, so this is its peak.
#[wasm_bindgen(js_name = heapBytes)]
pub fn heap_bytes() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

async fn load(
    source: &JsValue,
    options: JsValue,
    on_progress: &Function,
    control: &JsValue,
    ahead: CompileAhead,
    signal: Option<&AbortSignal>,
) -> Result<WasmEngine> {
    let mut options: LoadOptions = from_js("options", options)?;
    options.gpu.compile_ahead = Some(ahead);
    let on_bytes = |bytes| {
        if let Progress::Complete(bytes) = bytes {
            progress(on_progress, "prepare", bytes);
        }
    };
    let check = |header: &Header| TextParts::from_metadata(&header.metadata);
    let gpu = async || Gpu::request(&options.gpu).await;
    let loading = store::again_if_changed(async || {
        let Opened { mut download, id } =
            models::open(source, &options.wishes, on_progress, control, signal).await?;
        let (model, text, bytes) =
            model::load(&mut download, check, gpu, &options.model, now, on_bytes).await?;
        Ok((model, text, bytes, download.is_kept().then_some(id)))
    });
    let (model, text, bytes, kept) = loading.await?;
    let engine = Engine::new(&Rc::new(model), text).await?;
    progress(on_progress, "ready", bytes);
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
fn progress(callback: &Function, phase: &str, bytes: u64) {
    if let Ok(value) = to_js(&serde_json::json!({ "phase": phase, "loaded": bytes, "total": bytes })) {
        call(callback, &value);
    }
}

fn delta_value(delta: &Delta, logprobs: &Logprobs) -> JsValue {
    let value = Object::new();
    for (key, text) in [("content", &delta.content), ("reasoning_content", &delta.reasoning)] {
        if !text.is_empty() {
            let _ = Reflect::set(&value, &key.into(), &text.into()); // a plain object takes any key
        }
    }
    if !logprobs.is_empty()
        && let Ok(logprobs) = to_js(logprobs)
    {
        let _ = Reflect::set(&value, &"logprobs".into(), &logprobs); // likewise
    }
    value.into()
}

/// Calls back into the page; what a callback throws is the page's own business.
fn call(callback: &Function, value: &JsValue) {
    let _ = callback.call1(&JsValue::NULL, value);
}

fn moment() -> Moment {
    let date = js_sys::Date::new_0();
    let now = jiff::civil::DateTime::new(
        date.get_full_year() as i16,
        date.get_month() as i8 + 1,
        date.get_date() as i8,
        date.get_hours() as i8,
        date.get_minutes() as i8,
        date.get_seconds() as i8,
        0,
    );
    let entropy = (js_sys::Math::random() * 2f64.powi(53)) as u64;
    Moment { now: now.unwrap_or_default(), entropy }
}

fn to_js(value: &impl Serialize) -> std::result::Result<JsValue, JsValue> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(JsValue::from)
}

fn from_js<T: DeserializeOwned>(param: &str, value: JsValue) -> Result<T> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|e| Error::InvalidRequest { param: param.into(), problem: e.to_string() })
}

fn error_value(error: Error) -> JsValue {
    let value = Object::new();
    for (key, text) in [("code", error.code()), ("message", error.to_string().as_str())] {
        let _ = Reflect::set(&value, &key.into(), &text.into()); // as in `delta_value`
    }
    value.into()
}
