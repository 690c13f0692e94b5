//! Embedding rows of the batch's tokens.

use super::fixed::Form;
use super::{Matrix, generated};
use crate::gpu::shader::shared;
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work, shader};
use crate::quant::CHUNK;

/// `x[t]` = row `token[t]` of `table`; one dispatch a slab, each filling its own rows' tokens.
pub fn embed(gpu: &Gpu, table: &Matrix, batch: &Buffer, x: &Buffer) -> Vec<Dispatch> {
    let chunks = table.cols / CHUNK;
    let mut dispatches = Vec::new();
    for slab in &table.slabs {
        let first_row = slab.parts.first().map_or(0, |part| part.out);
        let rows = slab.groups(1, 1);
        let constants = [("CHUNKS", chunks), ("FIRST_ROW", first_row), ("ROWS", rows)];
        let source = shader::compose(
            gpu.caps(),
            &constants,
            &generated::unpack(slab, table.cols, 1, 1, Form::Floats),
            &[shared::BATCH, include_str!("../../shaders/embed.wgsl")],
        );
        let binds = [Bind::Read(&slab.buffer), Bind::Read(&slab.buffer), Bind::Read(batch), Bind::Write(x)];
        let groups = [Groups::Fixed(chunks.div_ceil(64)), Groups::PerTokens(1)];
        let row = slab.buffer.size() / u64::from(rows.max(1)) + 4 * u64::from(table.cols);
        let bytes = Amount { per_token: row, ..Amount::default() };
        dispatches
            .push(gpu.dispatch("embed", source, &binds, groups).doing(Work { bytes, ..Work::default() }));
    }
    dispatches
}
