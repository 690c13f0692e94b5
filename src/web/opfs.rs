//! The store in the origin's private file system (<https://fs.spec.whatwg.org>), with Web Locks between tabs.

use super::host::{scope, words};
use crate::store::{Store, StoreFile};
use crate::{Error, Result};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{AsyncIterator, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemRemoveOptions,
    FileSystemSyncAccessHandle, StorageEstimate,
};

/// Folders in each other, from the origin's root.
const ROOT: [&str; 2] = ["minke", "models"];
/// How often a file is tried to be opened that another has open, and milliseconds between: a tab that died may not be quite
/// gone.
const TRIES: u32 = 20;
const TRY_MS: u32 = 50;

/// The origin's private file system.
#[derive(Clone, Copy, Debug)]
pub struct Opfs;

/// An error of the browser's as one of ours.
fn failed(place: &str, error: &JsValue) -> Error {
    match error.dyn_ref::<DomException>().map(DomException::name).as_deref() {
        Some("QuotaExceededError") => Error::StorageFull { place: STORE.into() },
        _ => Error::Storage { place: place.into(), cause: words(error) },
    }
}

const STORE: &str = "this browser's store";

/// Waits for a promise.
async fn done<T: JsCast>(place: &str, promise: Promise) -> Result<T> {
    JsFuture::from(promise).await.map(JsCast::unchecked_into).map_err(|e| failed(place, &e))
}

/// The folder of all models.
async fn root() -> Result<FileSystemDirectoryHandle> {
    let storage = scope().navigator().storage();
    if storage.is_undefined() || !Reflect::has(&storage, &"getDirectory".into()).unwrap_or(false) {
        let cause = "the browser has no file system for pages, or not for this one".into();
        return Err(Error::Storage { place: STORE.into(), cause });
    }
    let mut folder: FileSystemDirectoryHandle = done(STORE, storage.get_directory()).await?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    for name in ROOT {
        folder = done(name, folder.get_directory_handle_with_options(name, &options)).await?;
    }
    Ok(folder)
}

impl Opfs {
    async fn handle(self, model: &str, file: &str, create: bool) -> Result<FileSystemFileHandle> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(create);
        let folder = root().await?.get_directory_handle_with_options(model, &options);
        let folder: FileSystemDirectoryHandle = done(model, folder).await?;
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        done(file, folder.get_file_handle_with_options(file, &options)).await
    }

    /// A file as it is now, for the page.
    pub async fn file(self, model: &str, file: &str) -> Result<File> {
        done(file, self.handle(model, file, false).await?.get_file()).await
    }

    /// Bytes that the page's origin uses and may use.
    pub async fn estimate(self) -> Option<(u64, u64)> {
        let storage = scope().navigator().storage();
        let estimate: StorageEstimate = done(STORE, storage.estimate().ok()?).await.ok()?;
        Some((estimate.get_usage()? as u64, estimate.get_quota()? as u64))
    }
}

/// Names of what is in a folder.
async fn names(folder: FileSystemDirectoryHandle, place: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let keys: AsyncIterator = folder.keys();
    loop {
        let next: JsValue = done(place, keys.next().map_err(|e| failed(place, &e))?).await?;
        match Reflect::get(&next, &"value".into()).ok().and_then(|value| value.as_string()) {
            Some(name) => names.push(name),
            None => return Ok(names),
        }
    }
}

impl Store for Opfs {
    type File = OpfsFile;
    type Lock = Lock;

    async fn open(&self, model: &str, file: &str) -> Result<OpfsFile> {
        let handle = self.handle(model, file, true).await?;
        let place = format!("{model}/{file}");
        let mut tries = 1;
        loop {
            let error = match JsFuture::from(handle.create_sync_access_handle()).await {
                Ok(handle) => return Ok(OpfsFile { handle: handle.unchecked_into(), place }),
                Err(error) => error,
            };
            let open = error.dyn_ref::<DomException>().map(DomException::name);
            if tries == TRIES || open.as_deref() != Some("NoModificationAllowedError") {
                return Err(failed(&place, &error));
            }
            tries += 1;
            TimeoutFuture::new(TRY_MS).await;
        }
    }

    async fn read(&self, model: &str, file: &str) -> Result<Vec<u8>> {
        let blob = gloo_file::Blob::from(web_sys::Blob::from(self.file(model, file).await?));
        let bytes = gloo_file::futures::read_as_bytes(&blob).await;
        bytes.map_err(|e| Error::Storage { place: format!("{model}/{file}"), cause: e.to_string() })
    }

    async fn models(&self) -> Result<Vec<String>> {
        names(root().await?, STORE).await
    }

    async fn files(&self, model: &str) -> Result<Vec<String>> {
        let folder = JsFuture::from(root().await?.get_directory_handle(model)).await;
        match folder {
            Ok(folder) => names(folder.unchecked_into(), model).await,
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn remove(&self, model: &str) -> Result<()> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        let removed: Result<JsValue> =
            done(model, root().await?.remove_entry_with_options(model, &options)).await;
        removed.map(|_| ())
    }

    async fn lock(&self, model: &str) -> Result<Lock> {
        request(model, false).await?.ok_or_else(|| Error::InUse { model: model.into() })
    }

    async fn try_lock(&self, model: &str) -> Result<Option<Lock>> {
        root().await?; // where there is no store, there is nothing to lock
        request(model, true).await
    }

    async fn free(&self) -> Option<u64> {
        self.estimate().await.map(|(usage, quota)| quota.saturating_sub(usage))
    }
}

/// An open file, which nobody else can open meanwhile.
#[derive(Debug)]
pub struct OpfsFile {
    handle: FileSystemSyncAccessHandle,
    place: String,
}

impl OpfsFile {
    fn at(at: u64) -> FileSystemReadWriteOptions {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(at as f64);
        options
    }
}

impl Drop for OpfsFile {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl StoreFile for OpfsFile {
    fn len(&self) -> Result<u64> {
        self.handle.get_size().map(|size| size as u64).map_err(|e| failed(&self.place, &e))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<bool> {
        let read = self.handle.read_with_u8_array_and_options(bytes, &Self::at(at));
        Ok(read.map_err(|e| failed(&self.place, &e))? == bytes.len() as f64)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let wrote = self.handle.write_with_u8_array_and_options(bytes, &Self::at(at));
        match wrote.map_err(|e| failed(&self.place, &e))? {
            wrote if wrote == bytes.len() as f64 => Ok(()),
            // Chromium's private windows throw nothing when they are full (crbug.com/541725401)
            _ => Err(Error::StorageFull { place: STORE.into() }),
        }
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.handle.truncate_with_f64(len as f64).map_err(|e| failed(&self.place, &e))
    }

    fn flush(&self) -> Result<()> {
        self.handle.flush().map_err(|e| failed(&self.place, &e))
    }
}

#[wasm_bindgen]
extern "C" {
    /// <https://w3c.github.io/web-locks>; web-sys has it only as unstable.
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        callback: &Function,
    ) -> std::result::Result<Promise, JsValue>;
}

/// A Web Lock, which also goes when its tab goes.
#[derive(Debug)]
pub struct Lock(Option<Function>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            super::call(release, &JsValue::UNDEFINED);
        }
    }
}

/// The model's lock; `None` where another has it and it is not to be waited for. A browser without locks gives it to everyone.
async fn request(model: &str, only_if_available: bool) -> Result<Option<Lock>> {
    let locks = Reflect::get(&scope().navigator(), &"locks".into()).unwrap_or_default();
    if locks.is_undefined() {
        return Ok(Some(Lock(None)));
    }
    let options = Object::new();
    let _ = Reflect::set(&options, &"ifAvailable".into(), &only_if_available.into()); // a plain object takes any key
    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let (sender, granted) = oneshot::channel();
    let callback = Closure::once(move |lock: JsValue| {
        let _ = sender.send(!lock.is_null()); // nobody waits any more
        held
    });
    let locks: LockManager = locks.unchecked_into();
    let name = format!("minke model {model}");
    let asked = locks.request(&name, &options, callback.as_ref().unchecked_ref());
    let asked = JsFuture::from(asked.map_err(|e| failed(STORE, &e))?);
    match select(granted, asked).await {
        Either::Left((granted, _)) => Ok(granted.unwrap_or(false).then_some(Lock(release))),
        Either::Right((Err(error), _)) => Err(failed(STORE, &error)),
        Either::Right((Ok(_), _)) => Ok(None),
    }
}
