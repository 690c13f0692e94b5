//! Blocks as the file has them -> planes, on the GPU, piece by piece as they arrive.

use super::generated;
use super::matrix::{Part, Slab};
use crate::Result;
use crate::gpu::{Bind, Buffer, Gpu, Groups, shader};
use crate::quant::{CHUNK, Layout, NarrowScale};

/// Bytes of file data repacked at once.
pub const STAGE: usize = 4 << 20;

/// The staging buffers of the repack kernel.
#[derive(Debug)]
pub struct Repack {
    raw: Buffer,
    params: Buffer,
}

impl Repack {
    /// Allocates the staging buffers.
    pub fn new(gpu: &Gpu) -> Result<Self> {
        // the kernel reads up to one word past the last block
        Ok(Self {
            raw: gpu.buffer("staging", STAGE as u64 + 16)?,
            params: gpu.buffer("repack parameters", 32)?,
        })
    }

    /// Blocks of which all calls of [`Repack::run`] for a part but the last must take a multiple: as many as may
    /// have their scales in one word.
    pub const STEP: u32 = 4;

    /// Bytes of `layout` that one call of [`Repack::run`] takes at most, a multiple of [`Repack::STEP`] blocks.
    pub fn most_bytes(layout: &Layout) -> usize {
        let step = (Self::STEP * layout.block_bytes()) as usize;
        STAGE / step * step
    }

    /// Repacks `bytes` (whole blocks, at most [`Repack::most_bytes`]), of which the first is number
    /// `first_block` of `part`, a multiple of [`Repack::STEP`].
    pub fn run(&self, gpu: &Gpu, slab: &Slab, part: &Part, first_block: u32, bytes: &[u8]) {
        let layout = part.layout;
        let blocks = bytes.len() as u32 / layout.block_bytes();
        let planes = part.planes;
        let params =
            [first_block, blocks, planes.wide * 4, planes.two, planes.one, planes.scales, planes.narrow, 0];
        let (words, rest) = bytes.split_at(bytes.len() / 4 * 4);
        gpu.write(&self.raw, 0, words);
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            gpu.write(&self.raw, words.len() as u64, &last);
        }
        gpu.write(&self.params, 0, bytemuck::cast_slice(&params));
        let chunks = blocks * (layout.block_len() / CHUNK);
        let dispatch = gpu.dispatch(
            "repack",
            source(gpu, layout),
            &[Bind::Read(&self.raw), Bind::Read(&self.params), Bind::Write(&slab.buffer)],
            [Groups::Fixed(chunks.div_ceil(64)), Groups::Fixed(1)],
        );
        gpu.submit([&dispatch], 1);
    }
}

fn source(gpu: &Gpu, layout: &Layout) -> String {
    let narrow = layout.narrow.unwrap_or(NarrowScale { offset: 0, bits: 32 });
    let constants = [
        ("BLOCK_BYTES", layout.block_bytes()),
        ("CHUNKS", layout.block_len() / CHUNK),
        ("SCALE_WORDS", layout.scale_words()),
        ("HAS_NARROW", layout.narrow.is_some().into()),
        ("NARROW_OFFSET", narrow.offset),
        ("NARROW_BITS", narrow.bits),
    ];
    let extra = generated::repack(layout);
    shader::compose(gpu.caps(), &constants, &extra, &[include_str!("../../shaders/repack.wgsl")])
}
