//! The browser edge: what the package's worker calls. Errors cross as `{ code, message }`.

mod caller;
mod engine;
mod host;
mod models;
mod opfs;

use crate::{Error, Result};
use js_sys::{Function, Object, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::task::Poll;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

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

/// Calls back into the page; what a callback throws is the page's own business.
fn call(callback: &Function, value: &JsValue) {
    let _ = callback.call1(&JsValue::NULL, value);
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
        let _ = Reflect::set(&value, &key.into(), &text.into()); // a plain object takes any key
    }
    value.into()
}
