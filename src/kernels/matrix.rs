//! A weight matrix on the GPU: repacked planes, cut by rows where it is larger than a binding may be.

use crate::gpu::Gpu;
use crate::gpu::shader::shared;
use crate::quant::{CHUNK, GgmlType, Layout, Planes};
use crate::{Error, Result};
use std::fmt::Write;

/// `rows` x `cols` weights, possibly of several tensors one under the other (Q, K and V; gate and up).
#[derive(Debug)]
pub struct Matrix {
    /// Rows of all tensors together: the outputs.
    pub rows: u32,
    /// Columns: the inputs, a multiple of 32.
    pub cols: u32,
    /// The pieces, in row order.
    pub slabs: Vec<Slab>,
}

/// The rows that lie in one buffer.
#[derive(Debug)]
pub struct Slab {
    /// The planes of all parts.
    pub buffer: wgpu::Buffer,
    /// The parts, in row order; each has one type.
    pub parts: Vec<Part>,
}

/// Rows of one tensor in a slab.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which tensor of the matrix.
    pub tensor: usize,
    /// The first of the tensor's rows.
    pub tensor_row: u32,
    /// How many rows.
    pub rows: u32,
    /// The matrix row of the first.
    pub out: u32,
    /// How the weights are stored.
    pub layout: &'static Layout,
    /// Where they are in the buffer.
    pub planes: Planes,
}

impl Part {
    /// Repack blocks in a row of `cols` weights.
    fn blocks_per_row(&self, cols: u32) -> u32 {
        cols / self.layout.block_len()
    }

    /// Bytes of the part in the file.
    pub fn file_bytes(&self, cols: u32) -> u64 {
        u64::from(self.rows) * u64::from(self.blocks_per_row(cols)) * u64::from(self.layout.block_bytes())
    }
}

impl Matrix {
    /// Lays out tensors (name, type, rows) of `cols` columns and allocates their buffers.
    ///
    /// Errors: [`Error::TensorType`] for a type without layout, [`Error::Unsupported`] for columns that are
    /// no multiple of 32, [`Error::OutOfMemory`].
    pub async fn new(gpu: &Gpu, cols: u32, tensors: &[(&str, GgmlType, u32)]) -> Result<Self> {
        let mut plan = Plan { slabs: vec![Vec::new()], end: 0, limit: gpu.caps.max_binding, cols };
        let mut out = 0;
        for (index, &(name, ty, rows)) in tensors.iter().enumerate() {
            plan.add(index, name, ty, rows, out)?;
            out += rows;
        }
        let mut slabs = Vec::new();
        for parts in plan.slabs {
            let bytes = 4 * u64::from(parts.last().map_or(0, |part| part.planes.end));
            let name = tensors.first().map_or("weights", |tensor| tensor.0);
            let buffer = gpu.allocate(name, bytes, || gpu.buffer(name, bytes)).await?;
            for part in &parts {
                if let Some(grid) = part.layout.grid {
                    gpu.write(&buffer, 4 * u64::from(part.planes.grid), bytemuck::cast_slice(&grid.words()));
                }
            }
            slabs.push(Slab { buffer, parts });
        }
        Ok(Self { rows: out, cols, slabs })
    }

    /// Bytes of weights on the GPU.
    pub fn bytes(&self) -> u64 {
        self.slabs.iter().map(|slab| slab.buffer.size()).sum()
    }
}

/// Parts distributed over slabs, before any buffer exists.
struct Plan {
    slabs: Vec<Vec<Part>>,
    end: u32,
    limit: u64,
    cols: u32,
}

impl Plan {
    fn add(&mut self, tensor: usize, name: &str, ty: GgmlType, rows: u32, out: u32) -> Result<()> {
        let layout = ty.layout().ok_or_else(|| Error::TensorType {
            name: name.into(),
            ty: ty.to_string(),
            supported: crate::quant::supported_names(),
        })?;
        if !self.cols.is_multiple_of(layout.block_len()) {
            return Err(Error::Unsupported {
                what: format!("the row length of {name}"),
                value: self.cols.to_string(),
                supported: Some(format!("multiples of {}", layout.block_len())),
            });
        }
        let mut row = 0;
        while row < rows {
            let fit = self.rows_that_fit(layout).min(rows - row);
            if fit == 0 {
                self.next_slab(name)?;
                continue;
            }
            let (grid, start) = self.grid(layout);
            let blocks = fit * (self.cols / layout.block_len());
            let planes = Planes { grid, ..layout.planes(start, blocks) };
            self.end = planes.end;
            let part = Part { tensor, tensor_row: row, rows: fit, out: out + row, layout, planes };
            self.slabs.last_mut().into_iter().for_each(|slab| slab.push(part.clone()));
            row += fit;
        }
        Ok(())
    }

    /// Where the layout's grid lies in the current slab, whose parts share grids, and where planes can follow.
    fn grid(&self, layout: &Layout) -> (u32, u32) {
        let Some(grid) = layout.grid else { return (0, self.end) };
        let same = |part: &&Part| part.layout.grid.is_some_and(|other| std::ptr::eq(grid, other));
        match self.slabs.last().into_iter().flatten().find(same) {
            Some(part) => (part.planes.grid, self.end),
            None => (self.end, self.end + grid.n_words()),
        }
    }

    /// Rows of this layout for which the current slab has room.
    fn rows_that_fit(&self, layout: &Layout) -> u32 {
        let (_, start) = self.grid(layout);
        // 5 planes may each be padded by 12 bytes
        let free = self.limit.saturating_sub(4 * u64::from(start) + 64);
        let row = u64::from(layout.block_bytes()) * u64::from(self.cols / layout.block_len());
        (free / row).min(u64::from(u32::MAX)) as u32
    }

    fn next_slab(&mut self, name: &str) -> Result<()> {
        if self.end == 0 {
            let what = format!("one row of {name}");
            return Err(Error::TooLarge { what, value: u64::from(self.cols), limit: self.limit });
        }
        self.end = 0;
        self.slabs.push(Vec::new());
        Ok(())
    }
}

impl Slab {
    /// WGSL that a kernel over this slab needs: the unpack functions of the parts' formats, `unpack(part,
    /// row, c)` and, for workgroups of `tile` rows, `part_of(workgroup)`.
    pub fn wgsl(&self, cols: u32, tile: u32) -> String {
        let mut text = format!("{}\n{}\n", shared::HALF, shared::WEIGHTS);
        let mut stems: Vec<_> = self.parts.iter().map(|part| part.layout).collect();
        stems.sort_by_key(|layout| layout.stem);
        stems.dedup_by_key(|layout| layout.stem);
        if stems.iter().any(|layout| layout.stem.starts_with("iq4")) {
            text.push_str(shared::IQ4);
        }
        if stems.iter().any(|layout| layout.grid.is_some()) {
            text.push_str(shared::GRID);
        }
        stems.iter().for_each(|layout| text.push_str(layout.wgsl));
        text.push_str("struct Part { index: u32, rows: u32, out: u32, first_group: u32 }\n");
        let (mut part_of, mut unpack) = (String::new(), String::new());
        let mut group = self.groups(tile);
        for (index, part) in self.parts.iter().enumerate().rev() {
            group -= part.rows.div_ceil(tile);
            let Planes { wide, two, one, scales, lone, grid, .. } = part.planes;
            let (rows, out, stem) = (part.rows, part.out, part.layout.stem);
            let chunks = cols / CHUNK;
            // writing to a String cannot fail
            let _ = writeln!(
                part_of,
                "if (group >= {group}u) {{ return Part({index}u, {rows}u, {out}u, {group}u); }}"
            );
            let _ = writeln!(
                unpack,
                "if (part == {index}u) {{ return {stem}_chunk(Planes({wide}u, {two}u, {one}u, {scales}u, {lone}u, {grid}u), row * {chunks}u + c); }}"
            );
        }
        // WGSL wants a value on every path; the last `if` of each is always taken
        let _ = write!(
            text,
            "fn part_of(group: u32) -> Part {{\n{part_of}return Part(); }}\n\
             fn unpack(part: u32, row: u32, c: u32) -> Chunk {{\n{unpack}return Chunk(); }}\n"
        );
        text
    }

    /// Workgroups of `tile` rows that cover the parts; none spans two parts.
    pub fn groups(&self, tile: u32) -> u32 {
        self.parts.iter().map(|part| part.rows.div_ceil(tile)).sum()
    }
}
