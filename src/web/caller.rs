//! Who wants a model: the worker, for a page (web/src/worker.ts).

use crate::store::{self, Sha256};
use crate::{Error, Result};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

#[wasm_bindgen]
extern "C" {
    /// For one load, download or plan.
    #[derive(Clone)]
    pub type Caller;
    /// What it throws is the page's own business.
    #[wasm_bindgen(method, catch, js_name = onProgress)]
    fn on_progress(this: &Caller, status: &JsValue) -> std::result::Result<(), JsValue>;
    #[wasm_bindgen(method, getter)]
    pub fn signal(this: &Caller) -> Option<AbortSignal>;
    #[wasm_bindgen(method, getter)]
    pub fn control(this: &Caller) -> Control;
    /// None where the worker's script may not run again.
    #[wasm_bindgen(method, getter)]
    fn hashes(this: &Caller) -> Option<Hashes>;

    /// How the page pauses a download.
    pub type Control;
    #[wasm_bindgen(method, getter)]
    pub fn paused(this: &Control) -> bool;
    /// Resolves when it may go on.
    #[wasm_bindgen(method)]
    pub fn resumed(this: &Control) -> Promise;

    /// A worker that hashes beside this one (web/src/hashes.ts).
    pub type Hashes;
    /// Room for so many bytes, to be given to one of the next two.
    #[wasm_bindgen(method)]
    fn room(this: &Hashes, bytes: u32) -> Uint8Array;
    /// Resolves to the SHA-256 of these bytes.
    #[wasm_bindgen(method)]
    fn digest(this: &Hashes, bytes: &Uint8Array) -> Promise;
    /// Resolves when there is room for more of the file's bytes.
    #[wasm_bindgen(method)]
    fn update(this: &Hashes, bytes: &Uint8Array) -> Promise;
    /// Resolves to the SHA-256 of the file's bytes so far.
    #[wasm_bindgen(method)]
    fn file(this: &Hashes) -> Promise;
    /// Another file begins.
    #[wasm_bindgen(method)]
    fn begin(this: &Hashes);
}

impl Caller {
    /// Hears how far a load is.
    pub fn tell(&self, status: &JsValue) {
        let _ = self.on_progress(status);
    }

    pub fn aborted(&self) -> bool {
        self.signal().as_ref().is_some_and(AbortSignal::aborted)
    }

    /// SHA-256 of some bytes.
    pub async fn digest(&self, bytes: &[u8]) -> Sha256 {
        let beside = async {
            let hashes = self.hashes()?;
            let digest = hashes.digest(&copy(&hashes, bytes));
            digest_of(JsFuture::from(digest).await.ok()?)
        };
        match beside.await {
            Some(digest) => digest,
            None => Sha256::of(bytes),
        }
    }

    pub fn hasher(&self) -> Hasher {
        match self.hashes() {
            Some(hashes) => {
                hashes.begin();
                Hasher::Beside(hashes)
            }
            None => Hasher::Here(sha2::Sha256::default()),
        }
    }
}

/// What hashes a file.
pub enum Hasher {
    Beside(Hashes),
    Here(sha2::Sha256),
}

impl store::Hasher for Hasher {
    async fn update(&mut self, bytes: &[u8]) {
        match self {
            // what goes wrong shows in the end
            Self::Beside(hashes) => _ = JsFuture::from(hashes.update(&copy(hashes, bytes))).await,
            Self::Here(hasher) => store::Hasher::update(hasher, bytes).await,
        }
    }

    async fn hash(&mut self) -> Result<Sha256> {
        let hashes = match self {
            Self::Beside(hashes) => hashes,
            Self::Here(hasher) => return store::Hasher::hash(hasher).await,
        };
        let digest = JsFuture::from(hashes.file()).await;
        let lost = |cause| Error::Storage { place: "the worker that hashes".into(), cause };
        let digest = digest.map_err(|error| lost(super::host::words(&error)))?;
        digest_of(digest).ok_or_else(|| lost("it gave no hash".into()))
    }
}

fn copy(hashes: &Hashes, bytes: &[u8]) -> Uint8Array {
    let room = hashes.room(bytes.len() as u32);
    room.copy_from(bytes);
    room
}

fn digest_of(value: JsValue) -> Option<Sha256> {
    value.dyn_into::<Uint8Array>().ok()?.to_vec().try_into().ok().map(Sha256)
}

/// SHA-256 for the worker that hashes: of bytes that come one after the other, or that the browser's own cannot take.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct FileHash(sha2::Sha256);

#[wasm_bindgen]
impl FileHash {
    /// Of no bytes.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next ones.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// Of all so far.
    pub fn digest(&self) -> Vec<u8> {
        sha2::Digest::finalize(self.0.clone()).to_vec()
    }
}

/// The engine's wasm, compiled, for another worker.
#[wasm_bindgen(js_name = compiledWasm)]
pub fn compiled_wasm() -> JsValue {
    wasm_bindgen::module()
}
