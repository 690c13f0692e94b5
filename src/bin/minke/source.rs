//! Where a model's bytes come from: a file, or an http(s) URL.

use crate::Shared;
use minke::engine::{Engine, TextParts};
use minke::gguf::{Header, HeaderParser};
use minke::gpu::{Gpu, GpuOptions};
use minke::model::Loader;
use minke::{Error, Result};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::sync::LazyLock;
use std::time::Instant;

/// Bytes asked of a server at a time while only the header is wanted.
const RANGE: u64 = 1 << 20;

/// A stream of the model's bytes, from the first on.
pub struct Source {
    name: String,
    reader: Box<dyn Read>,
    received: u64,
    /// Length of the whole, where known.
    pub length: Option<u64>,
}

impl Source {
    /// Opens a path or URL.
    pub fn open(model: &str) -> Result<Self> {
        let name = model.to_owned();
        if is_url(model) {
            let mut response = get(model, None)?;
            let length = header(&response, "content-length").and_then(|v| v.parse().ok());
            let body = std::mem::replace(response.body_mut(), ureq::Body::builder().data(""));
            return Ok(Self { name, reader: Box::new(body.into_reader()), received: 0, length });
        }
        let file = File::open(model).map_err(|e| file_error(model, &e))?;
        let regular = file.metadata().ok().filter(|m| m.is_file()); // a pipe's length is unknown, not 0
        let length = regular.map(|m| m.len());
        Ok(Self { name, reader: Box::new(file), received: 0, length })
    }

    /// The next bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = self.reader.read(buffer).map_err(|e| match is_url(&self.name) {
            true => Error::Network { url: self.name.clone(), received: self.received, cause: e.to_string() },
            false => file_error(&self.name, &e),
        })?;
        self.received += n as u64;
        Ok(n)
    }
}

/// The header of a model and the length of the whole file, where known. Of a URL only as many ranges are
/// fetched as the header needs; a server without ranges is read until the header is whole.
pub fn read_header(model: &str) -> Result<(Header, Option<u64>)> {
    let mut parser = HeaderParser::default();
    if !is_url(model) {
        return read_stream(Source::open(model)?, parser);
    }
    let mut position = 0;
    loop {
        let mut response = get(model, Some((position, position + RANGE - 1)))?;
        if response.status().as_u16() == 200 {
            return read_stream(Source::open(model)?, parser);
        }
        let total = header(&response, "content-range")
            .and_then(|range| range.rsplit('/').next().and_then(|total| total.parse::<u64>().ok()));
        let bytes = response.body_mut().read_to_vec().map_err(|e| Error::Network {
            url: model.into(),
            received: position,
            cause: e.to_string(),
        })?;
        if bytes.is_empty() {
            return Err(parser.truncated());
        }
        position += bytes.len() as u64;
        if let Some(header) = parser.push(&bytes)? {
            return Ok((header, total));
        }
        if total.is_some_and(|total| position >= total) {
            return Err(parser.truncated());
        }
    }
}

fn read_stream(mut source: Source, mut parser: HeaderParser) -> Result<(Header, Option<u64>)> {
    let mut piece = vec![0; 1 << 16];
    loop {
        let n = source.read(&mut piece)?;
        if n == 0 {
            return Err(parser.truncated());
        }
        if let Some(header) = parser.push(&piece[..n])? {
            return Ok((header, source.length));
        }
    }
}

/// Loads a whole model; its header, and when its last byte had come.
pub async fn load(
    model: &str,
    options: &GpuOptions,
    n_ctx: Option<usize>,
) -> Result<(minke::model::Model, Header, Instant)> {
    let mut source = Source::open(model)?;
    let mut loader = Loader::new(Gpu::request(options).await?, n_ctx, source.length, now);
    let mut piece = vec![0; 4 << 20];
    loop {
        let n = source.read(&mut piece)?;
        if n == 0 {
            break;
        }
        loader.push(&piece[..n]).await?;
    }
    let last_byte = Instant::now();
    let header = loader.header().cloned().unwrap_or_default();
    Ok((loader.finish().await?, header, last_byte))
}

fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    1e3 * START.elapsed().as_secs_f64()
}

/// Loads a model with its tokenizer and template.
pub async fn load_engine(model: &str, shared: &Shared) -> Result<Engine> {
    let (model, header, _) = load(model, &shared.gpu(), shared.ctx).await?;
    Ok(Engine::new(model, TextParts::from_metadata(&header.metadata)?))
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

fn header(response: &ureq::http::Response<ureq::Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(String::from)
}

pub fn file_error(path: &str, cause: &std::io::Error) -> Error {
    Error::File { path: path.into(), cause: cause.to_string() }
}
