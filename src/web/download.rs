//! A model's bytes from a URL or a Blob, through one stream reader.

use crate::model::ByteSource;
use crate::{Error, Result};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Blob, ReadableStream, ReadableStreamDefaultReader, Request, RequestInit, Response,
    WorkerGlobalScope,
};

/// The bytes, from the first on.
pub struct Download {
    reader: ReadableStreamDefaultReader,
    name: String,
    received: u64,
    signal: Option<AbortSignal>,
    /// Length of the whole, where known: for progress.
    pub total: Option<u64>,
    /// Whether `total` can be nothing else than the file's.
    exact: bool,
}

impl Download {
    /// Opens a URL (string) or a Blob. [`Error::Http`] for an error status.
    pub async fn open(source: JsValue, signal: Option<&AbortSignal>) -> Result<Self> {
        let signal = signal.cloned();
        let (stream, name, total, exact) = match source.dyn_into::<Blob>() {
            Ok(blob) => (blob.stream(), "the file".to_owned(), Some(blob.size() as u64), true),
            Err(other) => {
                let url = other.as_string().ok_or_else(|| Error::InvalidRequest {
                    param: "model".into(),
                    problem: "it is neither a URL nor a Blob".into(),
                })?;
                let (stream, total, exact) = fetch(&url, signal.as_ref()).await?;
                (stream, url, total, exact)
            }
        };
        let reader = stream.get_reader().unchecked_into();
        Ok(Self { reader, name, received: 0, signal, total, exact })
    }
}

impl ByteSource for Download {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        if self.signal.as_ref().is_some_and(AbortSignal::aborted) {
            let _ = self.reader.cancel(); // stops the download; nobody waits for it
            return Err(Error::Aborted);
        }
        let next = JsFuture::from(self.reader.read()).await;
        let next = next.map_err(|e| failure(&self.name, self.received, &e, self.signal.as_ref()))?;
        let value = Reflect::get(&next, &"value".into()).unwrap_or_default();
        let Ok(bytes) = value.dyn_into::<Uint8Array>() else {
            return Ok(false);
        };
        let start = piece.len();
        piece.resize(start + bytes.length() as usize, 0);
        bytes.copy_to(&mut piece[start..]);
        self.received += u64::from(bytes.length());
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.received
    }

    fn length(&self) -> Option<u64> {
        self.total.filter(|_| self.exact)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let _ = self.reader.cancel(); // after an error the rest of the download is not wanted
    }
}

/// The body, its length, and whether the length is exact.
async fn fetch(url: &str, signal: Option<&AbortSignal>) -> Result<(ReadableStream, Option<u64>, bool)> {
    let failed = |e: JsValue| failure(url, 0, &e, signal);
    let init = RequestInit::new();
    init.set_signal(signal);
    let request = Request::new_with_str_and_init(url, &init).map_err(failed)?;
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into(); // a window's `fetch` is the same
    let response = JsFuture::from(scope.fetch_with_request(&request)).await.map_err(failed)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(Error::Http { url: url.into(), status: response.status() });
    }
    let headers = response.headers();
    let compressed = headers.has("content-encoding").unwrap_or(false); // then the length is not the stream's
    let length = headers.get("content-length").ok().flatten().filter(|_| !compressed);
    // of another origin's answer the length can be read, but not whether it is that of compressed bytes
    let exact = Reflect::get(&response, &"type".into()).is_ok_and(|ty| ty == "basic");
    let body = response.body().ok_or_else(|| failure(url, 0, &"the response has no body".into(), signal))?;
    Ok((body, length.and_then(|v| v.parse().ok()), exact))
}

fn failure(url: &str, received: u64, cause: &JsValue, signal: Option<&AbortSignal>) -> Error {
    if signal.is_some_and(AbortSignal::aborted) {
        return Error::Aborted;
    }
    let message = Reflect::get(cause, &"message".into()).ok().and_then(|m| m.as_string());
    let cause = message.or_else(|| cause.as_string()).unwrap_or_else(|| format!("{cause:?}"));
    Error::Network { url: url.into(), received, cause }
}
