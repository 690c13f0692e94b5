//! A store in a folder of the system.

use super::{Store, StoreFile};
use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder with a folder for each model.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

fn failed(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::StorageFull { place: path.display().to_string() }
        }
        _ => Error::Storage { place: path.display().to_string(), cause: error.to_string() },
    }
}

impl Folder {
    fn names(path: &Path, folders: bool) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| failed(path, &e))?,
        };
        let named = entries.flatten().filter(|entry| entry.path().is_dir() == folders);
        let mut names: Vec<_> = named.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    fn lock_file(&self, model: &str) -> Result<(PathBuf, File)> {
        // beside the model's folder: what is locked cannot be deleted everywhere
        let path = self.0.join(format!("{model}.lock"));
        std::fs::create_dir_all(&self.0).map_err(|e| failed(&self.0, &e))?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| failed(&path, &e))?;
        Ok((path, file))
    }
}

impl Store for Folder {
    type File = FolderFile;
    type Lock = File;

    async fn open(&self, model: &str, file: &str) -> Result<FolderFile> {
        let folder = self.0.join(model);
        let path = folder.join(file);
        std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(|e| failed(&path, &e))?;
        Ok(FolderFile { file, path })
    }

    async fn models(&self) -> Result<Vec<String>> {
        Self::names(&self.0, true)
    }

    async fn files(&self, model: &str) -> Result<Vec<String>> {
        Self::names(&self.0.join(model), false)
    }

    async fn remove(&self, model: &str) -> Result<()> {
        let path = self.0.join(model);
        std::fs::remove_dir_all(&path).map_err(|e| failed(&path, &e))
    }

    async fn lock(&self, model: &str) -> Result<File> {
        let (path, file) = self.lock_file(model)?;
        file.lock().map_err(|e| failed(&path, &e))?;
        Ok(file)
    }

    async fn try_lock(&self, model: &str) -> Result<Option<File>> {
        let (path, file) = self.lock_file(model)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    async fn free(&self) -> Option<u64> {
        None
    }
}

/// An open file.
#[derive(Debug)]
pub struct FolderFile {
    file: File,
    path: PathBuf,
}

impl FolderFile {
    fn attempt<T>(&self, work: impl FnOnce(&mut &File) -> io::Result<T>) -> Result<T> {
        work(&mut &self.file).map_err(|e| failed(&self.path, &e))
    }
}

impl StoreFile for FolderFile {
    fn len(&self) -> Result<u64> {
        self.attempt(|file| Ok(file.metadata()?.len()))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<bool> {
        let read = |file: &mut &File| {
            file.seek(SeekFrom::Start(at))?;
            match file.read_exact(bytes) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.attempt(read)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.attempt(|file| {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(bytes)
        })
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.attempt(|file| file.set_len(len))
    }

    fn flush(&self) -> Result<()> {
        self.attempt(|file| file.sync_data())
    }
}
