//! From a source of bytes to a [`Model`]: the one loop that pulls them.

use super::autotune::{self, autotune};
use super::kv_cache::kv_types;
use super::loader::Loader;
use super::{Clock, Model, ModelOptions, self_test};
use crate::config::ModelConfig;
use crate::gguf::{Header, HeaderParser};
use crate::gpu::Gpu;
use crate::quant::GgmlType;
use crate::{Error, Result};
use futures_util::future::try_join;
use std::collections::BTreeSet;
use std::io::Cursor;

/// Bytes that are gathered before they go to the GPU together.
const PIECE: usize = 1 << 20;

/// Where a model's bytes come from: a file, a download, a store. A model may be several files, which are read one after the
/// other; what follows is of the one that is open, at first the first.
pub trait ByteSource {
    /// Appends the next bytes to `piece`; false at the end.
    fn read(&mut self, piece: &mut Vec<u8>) -> impl Future<Output = Result<bool>>;

    /// Where in the file the next bytes stand.
    fn position(&self) -> u64;

    /// The whole file's bytes, if it is known for sure.
    fn length(&self) -> Option<u64>;

    /// How many files there are.
    fn parts(&self) -> usize {
        1
    }

    /// Opens a file, counted from 0, at its first byte. Only those with several are asked to.
    fn open_part(&mut self, _part: usize) -> impl Future<Output = Result<()>> {
        async { Ok(()) }
    }
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

/// Pulls the header, of all files where there are several; also returns the bytes that were read beyond it in the file that is
/// open, the first, where the source stands.
pub async fn read_header(source: &mut impl ByteSource) -> Result<(Header, Vec<u8>)> {
    let count = source.parts();
    let (mut header, beyond) = read_part_header(source).await?;
    header.check_split(0, count)?;
    if count == 1 {
        return Ok((header, beyond));
    }
    for part in 1..count {
        source.open_part(part).await?;
        let (next, _) = read_part_header(source).await?;
        next.check_split(part, count)?;
        header.join(next)?;
    }
    header.check_tensors()?;
    source.open_part(0).await?;
    Ok((header, Vec::new()))
}

/// Pulls the header of the file that is open, and what came with it.
async fn read_part_header(source: &mut impl ByteSource) -> Result<(Header, Vec<u8>)> {
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
/// device. Where waiting for the GPU leaves the thread free, as in a browser, bytes come while the device is tested.
///
/// Also returns what `check` made of the header, and the length of the file.
pub async fn load<T>(
    source: &mut impl ByteSource,
    check: impl FnOnce(&Header) -> Result<T>,
    gpu: impl AsyncFnOnce() -> Result<Gpu>,
    options: &ModelOptions,
    now: Clock,
    on_progress: impl FnMut(Progress),
) -> Result<(Model, T, u64)> {
    let (header, beyond) = read_header(source).await?;
    let config = ModelConfig::from_header(&header)?;
    let length = source.length().filter(|_| source.parts() == 1);
    Loader::check(&header, &config, length)?;
    let checked = check(&header)?;
    let kv = kv_types(&config, options.kv, !options.no_f16)?;
    let gpu = gpu().await?;
    let tensor = header.tensors.iter().find(|t| t.name == autotune::TENSOR);
    let tuning = match (options.tuning, tensor) {
        (Some(tuning), _) => tuning,
        // not beside the download, whose way to the GPU would be measured too
        (None, Some(tensor)) => autotune(&gpu, &config, kv, tensor.ty, now).await?,
        (None, None) => gpu.caps().tuning,
    };
    let gpu = gpu.with_tuning(tuning);
    let types = matrix_types(&header);
    let parts = header.parts.clone();
    let (mut loader, weights) = Loader::new(&gpu, header, &config).await?;
    let making = async {
        let (gpu, kv, self_test) = self_test::choose(&gpu, &config, kv, &types, now).await?;
        Model::new(gpu, config, weights, options.n_ctx, kv, self_test, now).await
    };
    let (model, length) = try_join(making, pull(source, beyond, &parts, &mut loader, on_progress)).await?;
    model.set_rope(loader.finish()?.as_deref());
    model.gpu().finish().await?;
    Ok((model, checked, length))
}

/// Pulls all that comes behind the header, whose last piece ended with `beyond`, from files that end as `parts` say; their
/// bytes together.
async fn pull(
    source: &mut impl ByteSource,
    beyond: Vec<u8>,
    parts: &[u64],
    loader: &mut Loader,
    mut on_progress: impl FnMut(Progress),
) -> Result<u64> {
    let mut piece = beyond;
    let mut received = 0;
    for (part, end) in parts.iter().enumerate() {
        let base = if part == 0 { 0 } else { parts[part - 1] };
        if part > 0 {
            source.open_part(part).await?;
        }
        received += source.position();
        let mut at = source.position() - piece.len() as u64;
        loop {
            let wanted = if parts.len() == 1 { u64::MAX } else { end - base }; // what lies behind is not of the next file
            let wanted = wanted.saturating_sub(at).min(piece.len() as u64) as usize;
            loader.push(base + at, &piece[..wanted]).await?;
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
                break;
            }
        }
    }
    on_progress(Progress::Complete(received));
    Ok(received)
}

/// Pulls a whole model and makes no use of it: for a source that keeps, or verifies, what is pulled.
///
/// Errors: those of the source, and [`Error::Truncated`] where it ends too early.
pub async fn drain(source: &mut impl ByteSource) -> Result<()> {
    let (header, _) = read_header(source).await?;
    check_length(&header, source)?; // before all of it is fetched, where that can be
    let mut piece = Vec::new();
    for part in 0..source.parts() {
        if part > 0 {
            source.open_part(part).await?;
        }
        while source.read(&mut piece).await? {
            piece.clear();
        }
    }
    check_length(&header, source)
}

fn check_length(header: &Header, source: &impl ByteSource) -> Result<()> {
    let length = source.length().filter(|_| source.parts() == 1);
    length.map_or(Ok(()), |length| header.check_length(length))
}

/// The formats of the matrices, each once.
fn matrix_types(header: &Header) -> Vec<GgmlType> {
    let matrices = header.tensors.iter().filter(|tensor| tensor.shape.len() == 2);
    let types: BTreeSet<_> = matrices.map(|tensor| tensor.ty).collect();
    types.into_iter().collect()
}
