//! Matrix times vector: every projection of a decoded token.

use super::Matrix;
use super::matrix::Arrangement;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Work};
use crate::quant::CHUNK;

/// What happens to the product, shared with [`super::matmul`].
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// f32 `[rows]`, added where given.
    pub bias: Option<&'a wgpu::Buffer>,
    /// Whether y is added to (a residual) instead of overwritten.
    pub accumulate: bool,
    /// f32 `[tokens][rows]`, or `[rows / 2]` of a paired matrix and one token.
    pub y: &'a wgpu::Buffer,
}

/// What is multiplied.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// f32 `[cols]`; with a norm `[tokens][cols]`, of which the row whose logits are wanted is taken.
    pub x: &'a wgpu::Buffer,
    /// What normalises it first.
    pub norm: Option<Norm<'a>>,
}

/// An RMSNorm.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// f32 `[cols]`.
    pub weight: &'a wgpu::Buffer,
    /// Added to the mean of squares.
    pub eps: f32,
    /// Says which row of x is wanted.
    pub batch: &'a wgpu::Buffer,
}

impl<'a> From<&'a wgpu::Buffer> for Input<'a> {
    /// x as it is.
    fn from(x: &'a wgpu::Buffer) -> Self {
        Self { x, norm: None }
    }
}

/// How rows are spread over invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Invocations that share rows, 8 or a whole workgroup.
    lanes: u32,
    /// The rows that they share.
    rows: u32,
}

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;
/// Workgroups of a dispatch along an axis (WebGPU, maxComputeWorkgroupsPerDimension).
const MOST_GROUPS: u32 = 65_535;

impl Spread {
    /// From the fewest invocations for a row to the most.
    pub const ALL: [Self; 3] =
        [Self { lanes: 8, rows: 4 }, Self { lanes: 8, rows: 1 }, Self { lanes: WORKGROUP, rows: 1 }];

    /// The first that keeps the device busy, as far as each invocation has a chunk to unpack and one dispatch has so
    /// many workgroups.
    pub fn of(gpu: &Gpu, w: &Matrix) -> Self {
        let fits =
            |spread: &&Self| spread.lanes <= (w.cols / CHUNK).max(8) && spread.groups(w) <= MOST_GROUPS;
        let busy = |spread: &Self| spread.invocations(w) >= gpu.caps.tuning.invocations;
        let mut last = Self::ALL[0];
        for spread in Self::ALL.iter().filter(fits) {
            last = *spread;
            if busy(spread) {
                break;
            }
        }
        last
    }

    /// All that [`Spread::of`] may say.
    pub fn in_use(gpu: &Gpu) -> &'static [Self] {
        if gpu.caps.tuning.invocations == 0 { &Self::ALL[..1] } else { &Self::ALL }
    }

    /// Rows of a part that a workgroup and that a set of lanes takes, with so many parts abreast.
    fn tile(self, abreast: usize) -> (u32, u32) {
        let outputs = (self.rows / abreast as u32).max(1);
        (WORKGROUP / self.lanes * outputs, outputs)
    }

    /// Workgroups of the largest slab's dispatch.
    fn groups(self, w: &Matrix) -> u32 {
        let abreast = w.arrangement.abreast();
        let groups = w.slabs.iter().map(|slab| slab.groups(self.tile(abreast).0, abreast));
        groups.max().unwrap_or(0)
    }

    /// How many invocations share the work on a matrix.
    pub fn invocations(self, w: &Matrix) -> u32 {
        w.rows / self.rows * self.lanes
    }
}

/// `y = W x`, or `silu(gate x) * (up x)` where gate and up are paired; one dispatch a slab.
pub fn matvec<'a>(gpu: &Gpu, w: &Matrix, input: impl Into<Input<'a>>, output: Output) -> Vec<Dispatch> {
    spread_matvec(gpu, w, input, output, Spread::of(gpu, w))
}

/// The same in a given way.
pub fn spread_matvec<'a>(
    gpu: &Gpu,
    w: &Matrix,
    input: impl Into<Input<'a>>,
    output: Output,
    spread: Spread,
) -> Vec<Dispatch> {
    let Input { x, norm } = input.into();
    let abreast = w.arrangement.abreast();
    let (tile, outputs) = spread.tile(abreast);
    let constants = [
        ("LANES", spread.lanes),
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
        let parts = [shader::cluster(&gpu.caps), shared::BATCH, shared::REDUCE, shared::SILU, kernel];
        let extra = format!("const EPS: f32 = {eps};\n{}", slab.wgsl(w.cols, tile, abreast));
        let source = shader::compose(&gpu.caps, &constants, &extra, &parts);
        let binds = [
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Write(output.y),
            Bind::Read(norm.map_or(x, |norm| norm.weight)),
            Bind::Read(norm.map_or(x, |norm| norm.batch)),
        ];
        let groups = [Groups::Fixed(slab.groups(tile, abreast)), Groups::Fixed(1)];
        let [rows, outputs] = [1, abreast].map(|abreast| u64::from(slab.groups(1, abreast)));
        let cols = u64::from(w.cols);
        let work = Work {
            bytes: Amount { fixed: slab.buffer.size() + 4 * (cols + outputs), ..Amount::default() },
            flops: Amount { fixed: 2 * rows * cols, ..Amount::default() },
        };
        dispatches.push(gpu.dispatch("matvec", source, &binds, groups).on(w.name).doing(work));
    }
    dispatches
}
