//! A weight matrix on the GPU: repacked planes, cut by rows where it is larger than a binding may be.

use crate::gpu::{Buffer, Gpu};
use crate::quant::{GgmlType, Layout, Planes};
use crate::{Error, Result};

/// `rows` x `cols` weights, possibly of several tensors one under the other (Q, K and V; gate and up).
#[derive(Debug)]
pub struct Matrix {
    /// What it is to the model, such as `qkv`; `weights` where it stands alone.
    pub name: &'static str,
    /// Rows of all tensors together: the outputs.
    pub rows: u32,
    /// Columns: the inputs, a multiple of 32.
    pub cols: u32,
    /// The pieces, in row order.
    pub slabs: Vec<Slab>,
    /// How the tensors share the slabs.
    pub arrangement: Arrangement,
}

/// How tensors share the slabs of a matrix. Rows are numbered one tensor after the other in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// One after the other.
    Stacked,
    /// Two tensors of equal height whose rows are used in pairs (gate and up): the same rows of both lie in a slab,
    /// as neighbouring parts.
    Paired,
}

impl Arrangement {
    /// Parts of equal height that a workgroup uses together.
    pub fn together(self) -> usize {
        match self {
            Self::Stacked => 1,
            Self::Paired => 2,
        }
    }
}

/// The rows that lie in one buffer.
#[derive(Debug)]
pub struct Slab {
    /// The planes of all parts.
    pub buffer: Buffer,
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
    /// Lays out tensors of `cols` columns and asks for their buffers; whether there is memory for them,
    /// [`Gpu::check_allocations`] tells.
    ///
    /// Errors: [`Error::TensorType`] for a type without layout, [`Error::Unsupported`] for columns that are
    /// no multiple of 32, [`Error::TooLarge`] for a row that no binding can hold.
    pub fn new(gpu: &Gpu, cols: u32, tensors: &[Tensor<'_>]) -> Result<Self> {
        Self::arranged(gpu, cols, tensors, Arrangement::Stacked)
    }

    /// The same in some arrangement.
    pub fn arranged(gpu: &Gpu, cols: u32, tensors: &[Tensor<'_>], arrangement: Arrangement) -> Result<Self> {
        let together = arrangement.together();
        let mut plan = Plan { slabs: vec![Vec::new()], end: 0, limit: gpu.caps().max_binding, cols };
        let mut out = 0;
        let mut columns = Vec::new();
        for (index, &(name, ty, rows)) in tensors.iter().enumerate() {
            columns.push(Column { tensor: index, name, rows, out, layout: plan.layout(name, ty)? });
            out += rows;
        }
        for columns in columns.chunks(together) {
            plan.add(columns)?;
        }
        let mut slabs = Vec::new();
        for parts in plan.slabs {
            let bytes = 4 * u64::from(parts.last().map_or(0, |part| part.planes.end));
            let name = tensors.first().map_or("weights", |tensor| tensor.0);
            let buffer = gpu.buffer(name, bytes)?;
            for part in &parts {
                if let Some(grid) = part.layout.grid {
                    gpu.write(&buffer, 4 * u64::from(part.planes.grid), bytemuck::cast_slice(&grid.words()));
                }
            }
            slabs.push(Slab { buffer, parts });
        }
        Ok(Self { name: "weights", rows: out, cols, slabs, arrangement })
    }

    /// Whether some of the weights are floats, and not scaled integers.
    pub fn has_floats(&self) -> bool {
        self.slabs.iter().flat_map(|slab| &slab.parts).any(|part| part.layout.is_float())
    }

    /// Bytes of weights on the GPU.
    pub fn bytes(&self) -> u64 {
        self.slabs.iter().map(|slab| slab.buffer.size()).sum()
    }
}

/// A tensor's name, type and rows.
pub type Tensor<'a> = (&'a str, GgmlType, u32);

/// A tensor on its way into slabs.
struct Column<'a> {
    tensor: usize,
    name: &'a str,
    rows: u32,
    out: u32,
    layout: &'static Layout,
}

/// Parts distributed over slabs, before any buffer exists.
struct Plan {
    slabs: Vec<Vec<Part>>,
    end: u32,
    limit: u64,
    cols: u32,
}

impl Plan {
    fn layout(&self, name: &str, ty: GgmlType) -> Result<&'static Layout> {
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
        Ok(layout)
    }

    /// Adds tensors of equal height, as many rows of all of them to each slab as it has room for.
    fn add(&mut self, columns: &[Column]) -> Result<()> {
        let Some(first) = columns.first() else { return Ok(()) };
        let mut row = 0;
        while row < first.rows {
            let mut fit = self.rows_that_fit(columns).min(first.rows - row);
            // a workgroup may leave a block of 32 outputs of paired rows, which so lie in one slab
            if columns.len() > 1 && fit < first.rows - row {
                fit -= fit % 32;
            }
            if fit == 0 {
                self.next_slab(first.name)?;
                continue;
            }
            for column in columns {
                let layout = column.layout;
                let (grid, start) = self.grid(layout);
                let blocks = fit * (self.cols / layout.block_len());
                let planes = Planes { grid, ..layout.planes(start, blocks) };
                self.end = planes.end;
                let (tensor, out) = (column.tensor, column.out + row);
                let part = Part { tensor, tensor_row: row, rows: fit, out, layout, planes };
                self.slabs.last_mut().into_iter().for_each(|slab| slab.push(part.clone()));
            }
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

    /// Rows of these tensors for which the current slab has room.
    fn rows_that_fit(&self, columns: &[Column]) -> u32 {
        let mut free = self.limit.saturating_sub(4 * u64::from(self.end));
        let mut row = 0;
        for column in columns {
            let (_, start) = self.grid(column.layout);
            // 5 planes may each be padded by 12 bytes
            free = free.saturating_sub(4 * u64::from(start - self.end) + 64);
            let blocks = u64::from(self.cols / column.layout.block_len());
            row += u64::from(column.layout.block_bytes()) * blocks;
        }
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
    /// Workgroups of `tile` rows of `together` parts that cover all; none spans more.
    pub fn groups(&self, tile: u32, together: usize) -> u32 {
        self.parts.iter().step_by(together).map(|part| part.rows.div_ceil(tile)).sum()
    }
}
