//! Where a model's bytes come from: a file, or an http(s) URL.

use crate::Shared;
use minke::engine::{Engine, TextParts};
use minke::gguf::Header;
use minke::gpu::{Gpu, GpuOptions};
use minke::model::{self, ByteSource, Model, ModelOptions};
use minke::{Error, Result};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Instant;

/// Bytes asked of a server at a time while only the header is wanted.
const RANGE: u64 = 1 << 20;
/// Bytes read from a stream at a time.
const PIECE: u64 = 1 << 20;

/// The model's bytes, from the first on.
pub struct Source {
    name: String,
    reader: Reader,
    received: u64,
    /// Length of the whole, where known.
    length: Option<u64>,
}

enum Reader {
    Stream(Box<dyn Read>),
    /// A URL, of which a range is asked for at a time.
    Ranges,
}

impl Source {
    /// Opens a path or URL.
    pub fn open(model: &str) -> Result<Self> {
        let name = model.to_owned();
        if is_url(model) {
            let response = get(model, None)?;
            let length = content_length(&response);
            return Ok(Self { name, reader: body(response), received: 0, length });
        }
        let file = File::open(model).map_err(|e| file_error(model, &e))?;
        let regular = file.metadata().ok().filter(|m| m.is_file()); // a pipe's length is unknown, not 0
        let length = regular.map(|m| m.len());
        Ok(Self { name, reader: Reader::Stream(Box::new(file)), received: 0, length })
    }

    /// The same where only the first bytes will be read: of a URL ranges are fetched one by one, as long as the server
    /// takes such requests.
    fn open_head(model: &str) -> Result<Self> {
        match is_url(model) {
            true => Ok(Self { name: model.into(), reader: Reader::Ranges, received: 0, length: None }),
            false => Self::open(model),
        }
    }

    fn read_range(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        if self.length.is_some_and(|length| self.received >= length) {
            return Ok(false);
        }
        let mut response = get(&self.name, Some((self.received, self.received + RANGE - 1)))?;
        if response.status().as_u16() == 200 {
            if self.received > 0 {
                return Err(self.network_error(&"the server no longer takes requests for ranges"));
            }
            self.length = content_length(&response);
            self.reader = body(response);
            return self.read_stream(piece);
        }
        let range = header(&response, "content-range");
        let total = range.and_then(|range| range.rsplit('/').next().and_then(|total| total.parse().ok()));
        self.length = total.or(self.length);
        let bytes = response.body_mut().read_to_vec().map_err(|e| self.network_error(&e))?;
        self.received += bytes.len() as u64;
        piece.extend_from_slice(&bytes);
        Ok(!bytes.is_empty())
    }

    fn read_stream(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let Reader::Stream(reader) = &mut self.reader else { return Ok(false) };
        match reader.by_ref().take(PIECE).read_to_end(piece) {
            Ok(n) => {
                self.received += n as u64;
                Ok(n > 0)
            }
            Err(error) if is_url(&self.name) => Err(self.network_error(&error)),
            Err(error) => Err(file_error(&self.name, &error)),
        }
    }

    fn network_error(&self, cause: &impl ToString) -> Error {
        Error::Network { url: self.name.clone(), received: self.received, cause: cause.to_string() }
    }
}

impl ByteSource for Source {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        match self.reader {
            Reader::Stream(_) => self.read_stream(piece),
            Reader::Ranges => self.read_range(piece),
        }
    }

    fn position(&self) -> u64 {
        self.received
    }

    fn length(&self) -> Option<u64> {
        self.length
    }
}

/// The header of a model and the length of the whole file, where known.
pub async fn read_header(model: &str) -> Result<(Header, Option<u64>)> {
    let mut source = Source::open_head(model)?;
    let (header, _) = model::read_header(&mut source).await?;
    Ok((header, source.length))
}

/// Loads a whole model; also what `check` made of its header, and when its last byte had come.
pub async fn load<T>(
    path: &str,
    gpu: &GpuOptions,
    options: &ModelOptions,
    check: impl FnOnce(&Header) -> Result<T>,
) -> Result<(Rc<Model>, T, Instant)> {
    let mut source = Source::open(path)?;
    let mut last_byte = Instant::now();
    let on_progress = |_| last_byte = Instant::now();
    let gpu = async || Gpu::request(gpu).await;
    let (model, checked, _) = model::load(&mut source, check, gpu, options, now, on_progress).await?;
    Ok((Rc::new(model), checked, last_byte))
}

fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    1e3 * START.elapsed().as_secs_f64()
}

/// Loads a model with its tokenizer and template.
pub async fn load_engine(model: &str, shared: &Shared) -> Result<Engine> {
    let check = |header: &Header| TextParts::from_metadata(&header.metadata);
    let (model, text, _) = load(model, &shared.gpu(), &shared.model(), check).await?;
    Engine::new(&model, text).await
}

/// A JSON file.
pub fn json_file<T: DeserializeOwned>(path: &str) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| file_error(path, &e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::InvalidRequest { param: path.into(), problem: e.to_string() })
}

fn is_url(model: &str) -> bool {
    model.starts_with("http://") || model.starts_with("https://")
}

fn get(url: &str, range: Option<(u64, u64)>) -> Result<ureq::http::Response<ureq::Body>> {
    let mut request = ureq::get(url);
    if let Some((first, last)) = range {
        request = request.header("Range", format!("bytes={first}-{last}"));
    }
    request.call().map_err(|error| match error {
        ureq::Error::StatusCode(status) => Error::Http { url: url.into(), status },
        other => Error::Network { url: url.into(), received: 0, cause: other.to_string() },
    })
}

fn body(mut response: ureq::http::Response<ureq::Body>) -> Reader {
    let body = std::mem::replace(response.body_mut(), ureq::Body::builder().data(""));
    Reader::Stream(Box::new(body.into_reader()))
}

fn content_length(response: &ureq::http::Response<ureq::Body>) -> Option<u64> {
    header(response, "content-length")?.parse().ok()
}

fn header(response: &ureq::http::Response<ureq::Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(String::from)
}

pub fn file_error(path: &str, cause: &std::io::Error) -> Error {
    Error::File { path: path.into(), cause: cause.to_string() }
}
