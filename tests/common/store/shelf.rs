//! A store in memory. Like a browser's it gives a file to one only, and it may be full or not to be used at all.

use minke::store::{Store, StoreFile};
use minke::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Clone)]
pub struct Shelf(Rc<Inner>);

struct Inner {
    models: RefCell<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
    /// Files that are open.
    open: RefCell<BTreeSet<(String, String)>>,
    locked: RefCell<BTreeSet<String>>,
    waiting: RefCell<Vec<Waker>>,
    /// Most bytes of all files.
    capacity: Cell<u64>,
    /// Whether it refuses to open anything.
    broken: Cell<bool>,
}

fn failed(place: &str, cause: &str) -> Error {
    Error::Storage { place: place.into(), cause: cause.into() }
}

impl Default for Shelf {
    fn default() -> Self {
        Self(Rc::new(Inner {
            models: RefCell::default(),
            open: RefCell::default(),
            locked: RefCell::default(),
            waiting: RefCell::default(),
            capacity: Cell::new(u64::MAX),
            broken: Cell::new(false),
        }))
    }
}

impl Shelf {
    pub fn set_capacity(&self, bytes: u64) {
        self.0.capacity.set(bytes);
    }

    pub fn set_broken(&self, broken: bool) {
        self.0.broken.set(broken);
    }

    pub fn bytes(&self) -> u64 {
        self.0.models.borrow().values().flat_map(BTreeMap::values).map(|file| file.len() as u64).sum()
    }

    /// The names of all files, as `MODEL/FILE`.
    pub fn names(&self) -> Vec<String> {
        let models = self.0.models.borrow();
        models
            .iter()
            .flat_map(|(model, files)| files.keys().map(move |file| format!("{model}/{file}")))
            .collect()
    }

    /// Does something to a file that nobody has open.
    pub fn edit<T>(&self, model: &str, file: &str, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut models = self.0.models.borrow_mut();
        edit(models.entry(model.into()).or_default().entry(file.into()).or_default())
    }

    /// A copy of a file.
    pub fn copy(&self, model: &str, file: &str) -> Vec<u8> {
        self.edit(model, file, |bytes| bytes.clone())
    }
}

impl Store for Shelf {
    type File = OpenFile;
    type Lock = Held;

    async fn open(&self, model: &str, file: &str) -> Result<OpenFile> {
        if self.0.broken.get() {
            return Err(failed(model, "no leave"));
        }
        if !self.0.open.borrow_mut().insert((model.into(), file.into())) {
            return Err(failed(file, "it is open"));
        }
        self.edit(model, file, |_| ());
        Ok(OpenFile { shelf: self.clone(), model: model.into(), name: file.into() })
    }

    async fn read(&self, model: &str, file: &str) -> Result<Vec<u8>> {
        Ok(self.copy(model, file))
    }

    async fn models(&self) -> Result<Vec<String>> {
        Ok(self.0.models.borrow().keys().cloned().collect())
    }

    async fn files(&self, model: &str) -> Result<Vec<String>> {
        let models = self.0.models.borrow();
        Ok(models.get(model).into_iter().flat_map(BTreeMap::keys).cloned().collect())
    }

    async fn remove(&self, model: &str) -> Result<()> {
        self.0.models.borrow_mut().remove(model);
        Ok(())
    }

    async fn lock(&self, model: &str) -> Result<Held> {
        poll_fn(|context| {
            if self.0.locked.borrow_mut().insert(model.into()) {
                return Poll::Ready(Ok(Held { shelf: self.clone(), model: model.into() }));
            }
            self.0.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn try_lock(&self, model: &str) -> Result<Option<Held>> {
        let free = self.0.locked.borrow_mut().insert(model.into());
        Ok(free.then(|| Held { shelf: self.clone(), model: model.into() }))
    }

    async fn free(&self) -> Option<u64> {
        Some(self.0.capacity.get().saturating_sub(self.bytes()))
    }
}

/// A lock.
pub struct Held {
    shelf: Shelf,
    model: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shelf.0.locked.borrow_mut().remove(&self.model);
        self.shelf.0.waiting.take().into_iter().for_each(Waker::wake);
    }
}

pub struct OpenFile {
    shelf: Shelf,
    model: String,
    name: String,
}

impl OpenFile {
    fn edit<T>(&self, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.shelf.edit(&self.model, &self.name, edit)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.shelf.0.open.borrow_mut().remove(&(self.model.clone(), self.name.clone()));
    }
}

impl StoreFile for OpenFile {
    fn len(&self) -> Result<u64> {
        Ok(self.edit(|file| file.len() as u64))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<bool> {
        let at = at as usize;
        Ok(self
            .edit(|file| file.get(at..at + bytes.len()).map(|found| bytes.copy_from_slice(found)).is_some()))
    }

    /// Like a disk it writes as much as there is room for, and then tells.
    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let others = self.shelf.bytes() - self.len()?;
        let room = self.shelf.0.capacity.get().saturating_sub(others.saturating_add(at)) as usize;
        let fits = &bytes[..room.min(bytes.len())];
        let at = at as usize;
        self.edit(|file| {
            if fits.is_empty() {
                return;
            }
            file.extend(vec![0; at.saturating_sub(file.len())]);
            let over = fits.len().min(file.len() - at.min(file.len()));
            file[at..at + over].copy_from_slice(&fits[..over]);
            file.extend(&fits[over..]);
        });
        if fits.len() < bytes.len() { Err(Error::StorageFull { place: self.name.clone() }) } else { Ok(()) }
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.edit(|file| file.resize(len as usize, 0));
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
