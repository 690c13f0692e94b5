//! Matrix times vector: every projection of a decoded token.

use super::matrix::Arrangement;
use super::{Matrix, generated};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};
use crate::quant::CHUNK;

/// What happens to the product, shared with [`super::matmul`].
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// f32 `[rows]`, added where given.
    pub bias: Option<&'a Buffer>,
    /// Whether y is added to (a residual) instead of overwritten.
    pub accumulate: bool,
    /// f32 `[tokens][rows]`, or `[rows / 2]` of a paired matrix and one token.
    pub y: &'a Buffer,
}

/// What is multiplied.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// f32 `[cols]`; with a norm `[tokens][cols]`, of which the row whose logits are wanted is taken.
    pub x: &'a Buffer,
    /// What normalises it first.
    pub norm: Option<Norm<'a>>,
}

/// An RMSNorm.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// f32 `[cols]`.
    pub weight: &'a Buffer,
    /// Added to the mean of squares.
    pub eps: f32,
    /// Says which row of x is wanted.
    pub batch: &'a Buffer,
}

impl<'a> From<&'a Buffer> for Input<'a> {
    /// x as it is.
    fn from(x: &'a Buffer) -> Self {
        Self { x, norm: None }
    }
}

/// The rows that a set of invocations takes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTile {
    /// Invocations that share rows: 8, 32 or a whole workgroup.
    lanes: u32,
    /// The rows that they share.
    rows: u32,
}

impl std::fmt::Display for RowTile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lanes x {}", self.lanes, self.rows)
    }
}

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;
/// Workgroups of a dispatch along an axis (WebGPU, maxComputeWorkgroupsPerDimension).
const MOST_GROUPS: u32 = 65_535;

impl RowTile {
    /// From the fewest invocations for a row to the most.
    pub const ALL: [Self; 4] = [
        Self { lanes: 8, rows: 4 },
        Self { lanes: 32, rows: 4 },
        Self { lanes: 32, rows: 1 },
        Self { lanes: WORKGROUP, rows: 1 },
    ];

    /// The first of those that fit that keeps the device busy.
    pub fn of(gpu: &Gpu, w: &Matrix) -> Self {
        let busy = |tile: &Self| tile.invocations(w) >= gpu.caps().tuning.invocations;
        let mut last = Self::ALL[0];
        for tile in Self::in_use(gpu).iter().filter(|tile| tile.fits(w)) {
            last = *tile;
            if busy(tile) {
                break;
            }
        }
        last
    }

    /// Whether invocations have a chunk to unpack, up to 32 of them, and one dispatch has so many workgroups.
    pub fn fits(self, w: &Matrix) -> bool {
        self.lanes <= (w.cols / CHUNK).max(32) && self.groups(w) <= MOST_GROUPS
    }

    /// All that [`RowTile::of`] may say of a usual matrix. Where few invocations suffice there is one way; else a row never
    /// gets as few as 8, whose loads would wait for each other in a loop that is four times as long.
    pub fn in_use(gpu: &Gpu) -> &'static [Self] {
        if gpu.caps().tuning.invocations == 0 { &Self::ALL[..1] } else { &Self::ALL[1..] }
    }

    /// Rows of a part that a workgroup and that a set of lanes takes, with so many parts together.
    fn tile(self, together: usize) -> (u32, u32) {
        let outputs = (self.rows / together as u32).max(1);
        (WORKGROUP / self.lanes * outputs, outputs)
    }

    /// Workgroups of the largest slab's dispatch.
    fn groups(self, w: &Matrix) -> u32 {
        let together = w.arrangement.together();
        let groups = w.slabs.iter().map(|slab| slab.groups(self.tile(together).0, together));
        groups.max().unwrap_or(0)
    }

    /// How many invocations share the work on a matrix.
    pub fn invocations(self, w: &Matrix) -> u32 {
        w.rows / self.rows * self.lanes
    }
}

/// `y = W x`, or `silu(gate x) * (up x)` where gate and up are paired; one dispatch a slab.
pub fn matvec<'a>(gpu: &Gpu, w: &Matrix, input: impl Into<Input<'a>>, output: Output) -> Vec<Dispatch> {
    matvec_tiled(gpu, w, input, output, RowTile::of(gpu, w))
}

/// The same in a given way.
pub fn matvec_tiled<'a>(
    gpu: &Gpu,
    w: &Matrix,
    input: impl Into<Input<'a>>,
    output: Output,
    row_tile: RowTile,
) -> Vec<Dispatch> {
    let Input { x, norm } = input.into();
    let together = w.arrangement.together();
    let (tile, outputs) = row_tile.tile(together);
    let constants = [
        ("LANES", row_tile.lanes),
        ("OUTPUTS", outputs),
        ("CHUNKS", w.cols / CHUNK),
        ("ROWS", w.rows),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
        ("NORM", norm.is_some().into()),
        ("GATED", (w.arrangement == Arrangement::Paired).into()),
    ];
    let eps = shader::float(norm.map_or(0.0, |norm| norm.eps));
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let kernel = include_str!("../../shaders/matvec.wgsl");
        let parts =
            [shader::cluster(gpu.caps()), shared::BATCH, shader::reduce(gpu.caps()), shared::SILU, kernel];
        let extra = format!("const EPS: f32 = {eps};\n{}", generated::unpack(slab, w.cols, tile, together));
        let source = shader::compose(gpu.caps(), &constants, &extra, &parts);
        let binds = [
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Write(output.y),
            Bind::Read(norm.map_or(x, |norm| norm.weight)),
            Bind::Read(norm.map_or(x, |norm| norm.batch)),
        ];
        let groups = [Groups::Fixed(slab.groups(tile, together)), Groups::Fixed(1)];
        let [rows, outputs] = [1, together].map(|together| u64::from(slab.groups(1, together)));
        let cols = u64::from(w.cols);
        let work = Work {
            bytes: Amount { fixed: slab.buffer.size() + 4 * (cols + outputs), ..Amount::default() },
            flops: Amount { fixed: 2 * rows * cols, ..Amount::default() },
        };
        dispatches.push(gpu.dispatch("matvec", source, &binds, groups).on(w.name).doing(work));
    }
    dispatches
}
