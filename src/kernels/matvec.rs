//! Matrix times vector: every projection of a decoded token.

use super::fixed::Form;
use super::matrix::Arrangement;
use super::rope::Heads;
use super::{Matrix, generated};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Caps, Dispatch, Gpu, Groups, Work};
use crate::quant::CHUNK;

/// What happens to the product, shared with [`super::matmul`].
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// f32 `[rows]`, added where given.
    pub bias: Option<&'a Buffer>,
    /// Whether y is added to (a residual) instead of overwritten.
    pub accumulate: bool,
    /// f32 `[tokens][rows]`, or of a paired matrix and one token `[rows / 2]` of `form`.
    pub y: &'a Buffer,
    /// [`Form::Fixed`] only of a paired matrix and one token.
    pub form: Form,
}

impl<'a> Output<'a> {
    /// y as floats, with neither bias nor residual.
    pub fn to(y: &'a Buffer) -> Self {
        Self { bias: None, accumulate: false, y, form: Form::Floats }
    }
}

/// What is multiplied.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// `[cols]` in the form of the [`RowTile`], or what is made into that first.
    pub x: &'a Buffer,
    /// What is done with it first.
    pub before: Before<'a>,
}

/// What a matvec does with x first.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// Nothing.
    Nothing,
    /// x is f32 `[tokens][cols]`, of which the row whose logits are wanted is normed.
    Norm(Norm<'a>),
    /// x is what [`super::decode_attention`] leaves.
    Join(Join<'a>),
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

/// The parts of attention's heads, to be joined.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// Of dimensions that are a multiple of 32.
    pub heads: Heads,
    /// Positions of a part.
    pub split: u32,
    /// Says the position.
    pub batch: &'a Buffer,
}

impl<'a> From<&'a Buffer> for Input<'a> {
    /// x as it is.
    fn from(x: &'a Buffer) -> Self {
        Self { x, before: Before::Nothing }
    }
}

impl Before<'_> {
    /// The form of x for a matrix whose own is `form`.
    fn form(&self, gpu: &Gpu, w: &Matrix, form: Form) -> Form {
        match self {
            Self::Norm(_) => form.normed(gpu, w.cols),
            _ => form,
        }
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        match self {
            Self::Join(Join { heads, split, .. }) => {
                vec![("N_HEAD", heads.n_head as u32), ("HEAD_DIM", heads.head_dim as u32), ("SPLIT", *split)]
            }
            _ => vec![("NORM", matches!(self, Self::Norm(_)).into())],
        }
    }

    fn norm(&self) -> Option<&Norm<'_>> {
        match self {
            Self::Norm(norm) => Some(norm),
            _ => None,
        }
    }
}

/// How the rows of a matrix are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTile {
    /// How x is multiplied.
    pub form: Form,
    /// Invocations of a workgroup.
    workgroup: u32,
    /// Invocations that share rows: 8, 16, 32 or a whole workgroup.
    lanes: u32,
    /// The rows that they share.
    rows: u32,
    /// How often they do.
    rounds: u32,
}

impl std::fmt::Display for RowTile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { form, workgroup, lanes, rows, .. } = self;
        match form {
            Form::Floats => write!(f, "{lanes} lanes x {rows}"),
            Form::Fixed => write!(f, "{lanes} of {workgroup} lanes x {rows}, bytes"),
        }
    }
}

/// Workgroups of a dispatch along an axis (WebGPU, maxComputeWorkgroupsPerDimension).
const MOST_GROUPS: u32 = 65_535;
/// Workgroups that keep a large GPU busy: some for each of its cores.
const ENOUGH_GROUPS: u32 = 1024;
/// Outputs that a workgroup leaves as a block in fixed point.
const BLOCK_ROWS: u32 = 32;

const fn floats(lanes: u32, rows: u32) -> RowTile {
    RowTile { form: Form::Floats, workgroup: 64, lanes, rows, rounds: 1 }
}

const fn bytes(workgroup: u32, lanes: u32, rows: u32, rounds: u32) -> RowTile {
    RowTile { form: Form::Fixed, workgroup, lanes, rows, rounds }
}

impl RowTile {
    /// With floats from the fewest invocations for a row to the most, then with bytes.
    pub const ALL: [Self; 8] = [
        floats(8, 4),
        floats(32, 4),
        floats(32, 1),
        floats(64, 1),
        bytes(128, 32, 1, 1),
        bytes(128, 16, 2, 1),
        bytes(128, 128, 2, 1),
        bytes(256, 16, 4, 1),
    ];
    /// Those with floats.
    pub const FLOATS: [Self; 4] = [Self::ALL[0], Self::ALL[1], Self::ALL[2], Self::ALL[3]];

    /// How the rows of `w` are shared out, which is multiplied by x in `form`.
    pub fn of(gpu: &Gpu, w: &Matrix, form: Form) -> Self {
        match form {
            Form::Floats => Self::of_floats(gpu, w),
            Form::Fixed => Self::of_bytes(w),
        }
    }

    /// The first of those that fit that keeps the device busy.
    fn of_floats(gpu: &Gpu, w: &Matrix) -> Self {
        let busy = |tile: &Self| tile.invocations(w) >= gpu.caps().tuning.invocations;
        let mut last = Self::ALL[0];
        for tile in Self::in_use(gpu, Form::Floats).iter().filter(|tile| tile.fits(w)) {
            last = *tile;
            if busy(tile) {
                break;
            }
        }
        last
    }

    /// What was fastest for matrices of such shapes on an H200, in models of 1.5 and 8 billion weights (27 November 2026): long
    /// rows are shared by a whole workgroup. The more rows there are the more a set of lanes takes, because a workgroup that
    /// norms does so first; of very many, such as the output's, several times.
    fn of_bytes(w: &Matrix) -> Self {
        let [few_rows, some_rows, long_rows, many_rows] = [4, 5, 6, 7].map(|i| Self::ALL[i]);
        match w.arrangement {
            Arrangement::Paired => many_rows,
            Arrangement::Stacked if w.rows >= 8192 => {
                let rounds = (w.rows / many_rows.group_rows(1) / ENOUGH_GROUPS).clamp(1, 16);
                Self { rounds, ..many_rows }
            }
            Arrangement::Stacked if w.cols > 128 * CHUNK => long_rows,
            Arrangement::Stacked if w.rows > 4096 => some_rows,
            Arrangement::Stacked => few_rows,
        }
    }

    /// Whether invocations have a chunk to unpack, up to 32 of them, and one dispatch has so many workgroups.
    pub fn fits(self, w: &Matrix) -> bool {
        let form = self.form == Form::Floats || !w.has_floats();
        form && self.lanes <= (w.cols / CHUNK).max(32) && self.groups(w) <= MOST_GROUPS
    }

    /// All that [`RowTile::of`] may say of a usual matrix. Where few invocations suffice there is one way with floats; else a
    /// row never gets as few as 8, whose loads would wait for each other in a loop that is four times as long.
    pub fn in_use(gpu: &Gpu, form: Form) -> &'static [Self] {
        match form {
            Form::Fixed => &Self::ALL[4..],
            Form::Floats if gpu.caps().tuning.invocations == 0 => &Self::ALL[..1],
            Form::Floats => &Self::ALL[1..4],
        }
    }

    /// Invocations of a workgroup.
    pub fn workgroup(self) -> u32 {
        self.workgroup
    }

    /// Rows of a part that a set of lanes takes at once, with so many parts together.
    fn outputs(self, together: usize) -> u32 {
        (self.rows / together as u32).max(1)
    }

    /// Rows of a part that a workgroup takes, with so many parts together.
    fn group_rows(self, together: usize) -> u32 {
        self.workgroup / self.lanes * self.outputs(together) * self.rounds
    }

    /// Workgroups of the largest slab's dispatch.
    fn groups(self, w: &Matrix) -> u32 {
        let together = w.arrangement.together();
        let groups = w.slabs.iter().map(|slab| slab.groups(self.group_rows(together), together));
        groups.max().unwrap_or(0)
    }

    /// How many invocations share the work on a matrix.
    pub fn invocations(self, w: &Matrix) -> u32 {
        w.rows / self.rows * self.lanes
    }
}

/// `y = W x`, or `silu(gate x) * (up x)` where gate and up are paired; one dispatch a slab. x has the form that [`Form::of`]
/// says.
pub fn matvec<'a>(gpu: &Gpu, w: &Matrix, input: impl Into<Input<'a>>, output: Output) -> Vec<Dispatch> {
    let input = input.into();
    let form = input.before.form(gpu, w, Form::of(gpu, w));
    matvec_tiled(gpu, w, input, output, RowTile::of(gpu, w, form))
}

/// The same in a given way.
pub fn matvec_tiled<'a>(
    gpu: &Gpu,
    w: &Matrix,
    input: impl Into<Input<'a>>,
    output: Output,
    tile: RowTile,
) -> Vec<Dispatch> {
    let Input { x, before } = input.into();
    let together = w.arrangement.together();
    // every workgroup writes a block
    let rounds = match output.form {
        Form::Floats => tile.rounds,
        Form::Fixed => BLOCK_ROWS / (tile.group_rows(together) / tile.rounds),
    };
    let tile = RowTile { rounds, ..tile };
    let constants = constants(gpu.caps(), w, tile, &before, output);
    let eps = shader::float(before.norm().map_or(0.0, |norm| norm.eps));
    let parts = parts(gpu.caps(), tile.form, &before, output.form);
    let (norm_weight, batch) = match &before {
        Before::Nothing => (x, x),
        Before::Norm(norm) => (norm.weight, norm.batch),
        Before::Join(join) => (x, join.batch),
    };
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let rows = tile.group_rows(together);
        let unpack = generated::unpack(slab, w.cols, rows, together, tile.form);
        let source =
            shader::compose(gpu.caps(), &constants, &format!("const EPS: f32 = {eps};\n{unpack}"), &parts);
        let binds = [
            Bind::Write(output.y),
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Read(norm_weight),
            Bind::Read(batch),
        ];
        let groups = [Groups::Fixed(slab.groups(rows, together)), Groups::Fixed(1)];
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

fn constants(
    caps: &Caps,
    w: &Matrix,
    tile: RowTile,
    before: &Before,
    output: Output,
) -> Vec<(&'static str, u32)> {
    let together = w.arrangement.together();
    let mut constants = vec![
        ("WORKGROUP", tile.workgroup),
        ("LANES", tile.lanes),
        ("CLUSTER", tile.lanes.min(caps.cluster())),
        ("OUTPUTS", tile.outputs(together)),
        ("ROUNDS", tile.rounds),
        ("CHUNKS", w.cols / CHUNK),
        ("ROWS", w.rows),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
        ("GATED", (w.arrangement == Arrangement::Paired).into()),
    ];
    constants.extend(before.constants());
    constants
}

/// The files that the kernel consists of: how x is multiplied, and where y goes.
fn parts(caps: &Caps, form: Form, before: &Before, output: Form) -> Vec<&'static str> {
    let mut parts = vec![shader::cluster(caps), shared::BATCH, shader::reduce(caps), shared::SILU];
    if (form, output) != (Form::Floats, Form::Floats) {
        parts.push(shared::FIXED);
    }
    let kept = match form {
        Form::Floats => {
            parts.push(include_str!("../../shaders/shared/operand_floats.wgsl"));
            include_str!("../../shaders/shared/kept_floats.wgsl")
        }
        Form::Fixed => {
            parts.extend([shared::DOT_FIXED, include_str!("../../shaders/shared/operand_fixed.wgsl")]);
            include_str!("../../shaders/shared/kept_fixed.wgsl")
        }
    };
    match (before, form) {
        (Before::Nothing, Form::Fixed) => {
            parts.push(include_str!("../../shaders/shared/matvec_fixed.wgsl"));
        }
        (Before::Norm(_), Form::Fixed) => {
            parts.extend([kept, include_str!("../../shaders/shared/matvec_normed.wgsl")]);
        }
        (Before::Join(_), _) => {
            parts.extend([kept, include_str!("../../shaders/shared/matvec_joined.wgsl")]);
        }
        (_, Form::Floats) => parts.push(include_str!("../../shaders/shared/matvec_floats.wgsl")),
    }
    match output {
        Form::Floats => parts.push(include_str!("../../shaders/shared/output_floats.wgsl")),
        Form::Fixed => {
            parts.extend([shared::FOUR_FIXED, include_str!("../../shaders/shared/output_fixed.wgsl")]);
        }
    }
    parts.push(include_str!("../../shaders/matvec.wgsl"));
    parts
}
