//! From a source of bytes to a [`Model`]: the one loop that pulls them.

use super::{Clock, Loader, Model, ModelOptions};
use crate::config::ModelConfig;
use crate::gguf::{Header, HeaderParser};
use crate::gpu::Gpu;
use crate::{Error, Result};
use std::io::Cursor;

/// Bytes that are gathered before they go to the GPU together.
const PIECE: usize = 1 << 20;

/// Where a model's bytes come from: a file, a download, a store.
pub trait ByteSource {
    /// Appends the next bytes to `piece`; false at the end.
    fn read(&mut self, piece: &mut Vec<u8>) -> impl Future<Output = Result<bool>>;

    /// Where in the file the next bytes stand.
    fn position(&self) -> u64;

    /// The whole file's bytes, if it is known for sure.
    fn length(&self) -> Option<u64>;
}

/// A file in memory.
impl<T: AsRef<[u8]>> ByteSource for Cursor<T> {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let rest = self.get_ref().as_ref().get(self.position() as usize..).unwrap_or_default();
        let next = &rest[..rest.len().min(PIECE)];
        piece.extend_from_slice(next);
        let read = next.len() as u64;
        self.set_position(self.position() + read);
        Ok(read > 0)
    }

    fn position(&self) -> u64 {
        self.position()
    }

    fn length(&self) -> Option<u64> {
        Some(self.get_ref().as_ref().len() as u64)
    }
}

/// How far a load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are on the GPU.
    Received(u64),
    /// All of them, so many; what is left to do is on the GPU.
    Complete(u64),
}

/// Pulls the header; also returns the bytes that were read beyond it, which end where the source stands.
pub async fn read_header(source: &mut impl ByteSource) -> Result<(Header, Vec<u8>)> {
    let mut parser = HeaderParser::default();
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        if source.position() != start as u64 {
            let problem = format!("the bytes from {start} on are missing");
            return Err(Error::Malformed { what: "the GGUF header".into(), offset: start as u64, problem });
        }
        if !source.read(&mut bytes).await? {
            return Err(parser.truncated());
        }
        if let Some(header) = parser.push(&bytes[start..])? {
            let beyond = bytes.split_off(bytes.len().min(header.data_offset as usize));
            return Ok((header, beyond));
        }
    }
}

/// Pulls a whole model. What is wrong with its header, and what `check` finds there, is an error before `gpu` is asked for a
/// device.
///
/// Also returns what `check` made of the header, and the length of the file.
pub async fn load<T>(
    source: &mut impl ByteSource,
    check: impl FnOnce(&Header) -> Result<T>,
    gpu: impl AsyncFnOnce() -> Result<Gpu>,
    options: &ModelOptions,
    now: Clock,
    mut on_progress: impl FnMut(Progress),
) -> Result<(Model, T, u64)> {
    let (header, mut piece) = read_header(source).await?;
    let config = ModelConfig::from_header(&header)?;
    Loader::check(&header, &config, source.length())?;
    let checked = check(&header)?;
    let mut loader = Loader::new(gpu().await?, header, config, options, now).await?;
    let mut received = source.position();
    let mut at = received - piece.len() as u64;
    loop {
        loader.push(at, &piece).await?;
        on_progress(Progress::Received(received));
        piece.clear();
        at = source.position();
        while piece.len() < PIECE && source.position() == at + piece.len() as u64 {
            if !source.read(&mut piece).await? {
                break;
            }
        }
        received += piece.len() as u64;
        if piece.is_empty() {
            on_progress(Progress::Complete(received));
            return Ok((loader.finish().await?, checked, received));
        }
    }
}
