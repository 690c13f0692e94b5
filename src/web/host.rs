//! What a download needs of a browser: fetch, Blobs, timers, and the page's wishes.

use super::caller::{Caller, Hasher};
use crate::store::{self, Answer, Body, Headers, Host, Phase, Sha256, Status};
use crate::{Error, Result};
use futures_channel::oneshot;
use futures_util::future::select;
use gloo_events::EventListener;
use gloo_net::http::{Request, Response};
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, BroadcastChannel, MessageEvent, ReadableStream, ReadableStreamByobReader,
    ReadableStreamDefaultReader, RequestCache, ResponseType, WorkerGlobalScope,
};

/// The browser, for one download.
pub struct WebHost {
    caller: Caller,
    /// What the person gave, by the addresses that they go by.
    files: HashMap<String, gloo_file::Blob>,
    /// Where the tabs that load the same model tell each other how far it has come.
    tabs: Option<Tabs>,
    /// Whether nothing is kept, so that the browser's own cache may help.
    cached: bool,
}

impl WebHost {
    pub fn new(caller: &Caller, files: HashMap<String, gloo_file::Blob>, model: &str, keep: bool) -> Self {
        let tabs = keep.then(|| Tabs::new(model, caller.clone())).flatten();
        Self { caller: caller.clone(), files, tabs, cached: !keep }
    }
}

/// The other tabs.
struct Tabs {
    channel: BroadcastChannel,
    waiting: Rc<Cell<bool>>,
    _listener: Closure<dyn FnMut(MessageEvent)>,
}

impl Tabs {
    fn new(model: &str, caller: Caller) -> Option<Self> {
        let channel = BroadcastChannel::new(&format!("minke {model}")).ok()?;
        let waiting = Rc::new(Cell::new(false));
        let listens = waiting.clone();
        let listener = Closure::new(move |event: MessageEvent| {
            let status = event.data();
            let phase = JsValue::from("waiting"); // here, whatever it is there
            if listens.get() && Reflect::set(&status, &"phase".into(), &phase).is_ok() {
                caller.tell(&status);
            }
        });
        channel.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        Some(Self { channel, waiting, _listener: listener })
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl Host for WebHost {
    type Body = WebBody;
    type Hasher = Hasher;

    async fn get(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        headers: &[(String, String)],
    ) -> Result<Answer<WebBody>> {
        if let Some(blob) = self.files.get(url) {
            return Ok(slice(url, blob, range));
        }
        let failed = |e: gloo_net::Error| Error::Network {
            url: url.into(),
            received: 0,
            cause: match e {
                gloo_net::Error::JsError(error) => error.message,
                other => other.to_string(),
            },
        };
        let abort = Abort(AbortController::new().map_err(|e| network(url, &e))?);
        let mut request = Request::get(url).abort_signal(Some(&abort.0.signal()));
        if !self.cached {
            request = request.cache(RequestCache::NoStore); // it is kept once already
        }
        let ranged = range.is_some();
        if let Some(range) = range {
            request = request.header("Range", &format!("bytes={}-{}", range.start, range.end - 1));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(failed)?;
        let reader = response.body().as_ref().map(Reader::new);
        Ok(Answer {
            status: response.status(),
            url: Some(response.url()).filter(|url| !url.is_empty()).unwrap_or_else(|| url.into()),
            headers: headers_of(&response, ranged),
            body: WebBody::Stream { url: url.into(), reader, _abort: abort },
        })
    }

    async fn digest(&self, bytes: &[u8]) -> Sha256 {
        self.caller.digest(bytes).await
    }

    fn hasher(&self) -> Hasher {
        self.caller.hasher()
    }

    async fn sleep(&self, milliseconds: f64) {
        let (sender, online) = oneshot::channel();
        let _listener = EventListener::once(&scope(), "online", move |_| {
            let _ = sender.send(()); // nobody waits any more
        });
        select(TimeoutFuture::new(milliseconds as u32), online).await;
    }

    fn now(&self) -> f64 {
        super::now()
    }

    fn date(&self) -> f64 {
        js_sys::Date::now()
    }

    fn random(&self) -> f64 {
        js_sys::Math::random()
    }

    fn offline(&self) -> bool {
        !scope().navigator().on_line()
    }

    fn paused(&self) -> bool {
        self.caller.control().paused()
    }

    async fn proceed(&self) -> Result<()> {
        let (control, signal) = (self.caller.control(), self.caller.signal());
        while control.paused() && !self.caller.aborted() {
            let (sender, aborted) = oneshot::channel();
            let listener = |signal| EventListener::once(signal, "abort", move |_| _ = sender.send(()));
            let _listener = signal.as_deref().map(listener);
            select(JsFuture::from(control.resumed()), pin!(aborted)).await;
        }
        if self.caller.aborted() { Err(Error::Aborted) } else { Ok(()) }
    }

    fn tell(&self, status: &Status) {
        let source = if self.files.is_empty() { status.source } else { store::From::File };
        let Ok(value) = super::to_js(&Status { source, ..*status }) else { return };
        self.caller.tell(&value);
        if let Some(tabs) = &self.tabs {
            tabs.waiting.set(status.phase == Phase::Waiting);
            if !tabs.waiting.get() {
                let _ = tabs.channel.post_message(&value); // a closed channel has no listeners
            }
        }
    }
}

/// Ends a request when nobody wants its answer any more.
pub struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The bytes of an answer.
pub enum WebBody {
    /// Of a server.
    Stream { url: String, reader: Option<Reader>, _abort: Abort },
    /// Of a file that the person gave: the part that was asked for, until it is read.
    Blob { name: String, blob: Option<gloo_file::Blob> },
}

impl Body for WebBody {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Blob { name, blob } => {
                let Some(blob) = blob.take() else { return Ok(None) };
                let bytes = gloo_file::futures::read_as_bytes(&blob).await;
                bytes.map(Some).map_err(|e| Error::File { path: name.clone(), cause: e.to_string() })
            }
            Self::Stream { url, reader, .. } => {
                let Some(reader) = reader else { return Ok(None) };
                reader.read().await.map_err(|e| network(url, &e))
            }
        }
    }
}

/// Bytes that are read into the same place again and again.
const CHUNK: u32 = 1 << 19;

/// What a body is read with.
pub enum Reader {
    /// Into a buffer of our own, so that no garbage is left behind.
    Into(ReadableStreamByobReader, ArrayBuffer),
    /// Where the browser's bodies do not let us do that.
    Chunks(ReadableStreamDefaultReader),
}

impl Reader {
    fn new(body: &ReadableStream) -> Self {
        match ReadableStreamByobReader::new(body) {
            Ok(reader) => Self::Into(reader, ArrayBuffer::new(CHUNK)),
            Err(_) => Self::Chunks(body.get_reader().unchecked_into()),
        }
    }

    async fn read(&mut self) -> std::result::Result<Option<Vec<u8>>, JsValue> {
        let next = match self {
            Self::Into(reader, buffer) => reader.read_with_array_buffer_view(&Uint8Array::new(buffer)),
            Self::Chunks(reader) => reader.read(),
        };
        let next = JsFuture::from(next).await?;
        let value = Reflect::get(&next, &"value".into())?;
        let bytes = value.dyn_into::<Uint8Array>().ok().filter(|bytes| bytes.length() > 0);
        if let (Self::Into(_, buffer), Some(bytes)) = (self, &bytes) {
            *buffer = bytes.buffer(); // the same memory by another name
        }
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }
}

fn slice(name: &str, blob: &gloo_file::Blob, range: Option<Range<u64>>) -> Answer<WebBody> {
    let total = blob.size();
    let range = range.unwrap_or(0..total);
    let end = range.end.min(total);
    let headers = Headers {
        content_range: (range.start < end).then(|| format!("bytes {}-{}/{total}", range.start, end - 1)),
        ..Headers::default()
    };
    let status = if range.start < end { 206 } else { 416 };
    let blob = Some(blob.slice(range.start.min(end), end));
    Answer { status, url: name.into(), headers, body: WebBody::Blob { name: name.into(), blob } }
}

fn headers_of(response: &Response, ranged: bool) -> Headers {
    let header = |name| response.headers().get(name);
    // browsers ask for no compression of ranges; otherwise another origin need not tell that there is one
    let known = ranged || response.type_() == ResponseType::Basic;
    let encoded = !known || header("content-encoding").is_some_and(|encoding| encoding != "identity");
    Headers {
        content_range: header("content-range"),
        content_length: header("content-length").filter(|_| !encoded).and_then(|n| n.parse().ok()),
        content_type: header("content-type"),
        etag: header("etag"),
        last_modified: header("last-modified"),
        retry_after: header("retry-after"),
    }
}

/// The worker's global scope.
pub fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// What went wrong, in the browser's words.
pub fn words(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}"))
}

fn network(url: &str, error: &JsValue) -> Error {
    Error::Network { url: url.into(), received: 0, cause: words(error) }
}
