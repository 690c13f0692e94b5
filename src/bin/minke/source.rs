//! Where a model's bytes come from: files, an http(s) URL, or the store, which keeps what was downloaded.

use crate::host::NativeHost;
use crate::{Downloads, Shared, time};
use minke::engine::{Engine, TextParts};
use minke::gguf::Header;
use minke::gpu::{Gpu, GpuOptions};
use minke::model::{self, ByteSource, Model};
use minke::store::{self, Download, Folder, ModelSpec, Options};
use minke::{Error, Result};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// Bytes read from a file at a time.
const PIECE: u64 = 1 << 20;

/// A model's bytes.
pub enum Source {
    /// From files.
    Files(Files),
    /// From a server or the store.
    Download(Box<Download<NativeHost, Folder>>),
}

/// A model's files.
pub struct Files {
    paths: Vec<String>,
    part: usize,
    file: File,
    read: u64,
    /// Where known: that of a pipe is not.
    length: Option<u64>,
}

impl Files {
    fn open(paths: Vec<String>, part: usize) -> Result<Self> {
        let path = &paths[part];
        let file = File::open(path).map_err(|e| match paths.len() {
            1 => file_error(path, &e),
            count => {
                let cause = format!("{e} (this is part {} of {count} of a split model)", part + 1);
                Error::File { path: path.clone(), cause }
            }
        })?;
        let length = file.metadata().ok().filter(|m| m.is_file()).map(|m| m.len());
        Ok(Self { paths, part, file, read: 0, length })
    }

    fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let read = (&mut self.file).take(PIECE).read_to_end(piece);
        let n = read.map_err(|e| file_error(&self.paths[self.part], &e))?;
        self.read += n as u64;
        Ok(n > 0)
    }
}

impl ByteSource for Source {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        match self {
            Self::Files(files) => files.read(piece),
            Self::Download(download) => download.read(piece).await,
        }
    }

    fn position(&self) -> u64 {
        match self {
            Self::Files(files) => files.read,
            Self::Download(download) => download.position(),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Files(files) => files.length,
            Self::Download(download) => download.length(),
        }
    }

    fn parts(&self) -> usize {
        match self {
            Self::Files(files) => files.paths.len(),
            Self::Download(download) => download.parts(),
        }
    }

    async fn open_part(&mut self, part: usize) -> Result<()> {
        match self {
            Self::Files(files) => *files = Files::open(std::mem::take(&mut files.paths), part)?,
            Self::Download(download) => download.open_part(part).await?,
        }
        Ok(())
    }
}

impl Downloads {
    /// The folder that keeps models.
    pub fn store(&self) -> Result<Folder> {
        let folder = self.cache.clone().or_else(|| Some(dirs::cache_dir()?.join("minke")));
        folder.map(Folder).ok_or_else(|| Error::InvalidRequest {
            param: "--cache".into(),
            problem: "this system tells no folder for caches, so one must be named".into(),
        })
    }

    fn options(&self) -> Result<Options> {
        let parse = |text: &String| match text.split_once(':') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => {
                let problem = format!("{text:?} is not of the form `Name: value`");
                Err(Error::InvalidRequest { param: "--header".into(), problem })
            }
        };
        let headers = self.header.iter().map(parse).collect::<Result<_>>()?;
        Ok(Options { mirror: self.mirror.clone(), headers, offline: false })
    }

    /// Opens a path, a URL, or a kept model by its id. Of a URL whose header alone is wanted nothing is kept, unless its
    /// download was begun before.
    pub async fn open(&self, model: &str, header_only: bool) -> Result<Source> {
        let is_url = model.starts_with("http://") || model.starts_with("https://");
        if !is_url && (Path::new(model).exists() || self.kept(model).await?.is_none()) {
            return Ok(Source::Files(Files::open(store::part_urls(model)?, 0)?));
        }
        let options = self.options()?;
        let spec = match self.kept(model).await? {
            Some(kept) if !is_url => kept.spec()?,
            _ => ModelSpec::of_url(model)?,
        };
        let begun = store::model(&self.store()?, &spec.id).await?.is_some();
        let keep = !self.no_keep && (begun || !header_only);
        let store = keep.then(|| self.store()).transpose()?;
        let host = Rc::new(NativeHost::new(self.quiet || header_only));
        let download = Download::open(&host, store, spec, options).await?;
        Ok(Source::Download(Box::new(if header_only { download.alone() } else { download })))
    }

    /// The kept model of that id.
    async fn kept(&self, id: &str) -> Result<Option<store::KeptModel>> {
        let store = self.store()?;
        match id.contains(['/', '\\']) || id.starts_with('.') {
            true => Ok(None),
            false => store::model(&store, id).await,
        }
    }
}

/// The header of a model and the length of the whole file, where known.
pub async fn read_header(model: &str, shared: &Shared) -> Result<(Header, Option<u64>)> {
    let mut source = shared.downloads.open(model, true).await?;
    let (header, _) = model::read_header(&mut source).await?;
    let length = source.length().filter(|_| source.parts() == 1);
    Ok((header, length))
}

/// Loads a whole model; also what `check` made of its header, and when its last byte had come.
pub async fn load<T>(
    model: &str,
    gpu: &GpuOptions,
    shared: &Shared,
    check: impl Fn(&Header) -> Result<T>,
) -> Result<(Rc<Model>, T, Instant)> {
    let mut last_byte = Instant::now();
    let loading = store::again_if_changed(async || {
        let mut source = shared.downloads.open(model, false).await?;
        let on_progress = |_| last_byte = Instant::now();
        let gpu = async || Gpu::request(gpu).await;
        model::load(&mut source, &check, gpu, &shared.model(), time::now, on_progress).await
    });
    let (model, checked, _) = loading.await?;
    Ok((Rc::new(model), checked, last_byte))
}

/// Loads a model with its tokenizer and template.
pub async fn load_engine(model: &str, shared: &Shared) -> Result<Engine> {
    let check = |header: &Header| TextParts::from_metadata(&header.metadata);
    let (model, text, _) = load(model, &shared.gpu(), shared, check).await?;
    Engine::new(&model, text).await
}

/// A JSON file.
pub fn json_file<T: DeserializeOwned>(path: &str) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| file_error(path, &e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::InvalidRequest { param: path.into(), problem: e.to_string() })
}

pub fn file_error(path: &str, cause: &std::io::Error) -> Error {
    Error::File { path: path.into(), cause: cause.to_string() }
}
