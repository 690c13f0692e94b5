//! A kernel ready to run: its buffers, its grid and its work, the last two as functions of the batch.

use super::pipeline::Pipeline;
use super::{Buffer, Gpu};
use std::rc::Rc;

/// The size of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Tokens.
    pub tokens: u32,
    /// Positions that the last of them attends to, its own included.
    pub positions: u32,
}

impl From<u32> for Extent {
    /// So many tokens at positions 0, 1, ...
    fn from(tokens: u32) -> Self {
        Self { tokens, positions: tokens }
    }
}

/// How many workgroups a dispatch has along one axis.
#[derive(Clone, Copy, Debug)]
pub enum Groups {
    /// Always this many.
    Fixed(u32),
    /// One for every so many tokens of the batch.
    PerTokens(u32),
    /// One for every so many positions that the batch's last token attends to.
    PerPositions(u32),
}

impl Groups {
    fn at(self, extent: Extent) -> u32 {
        match self {
            Self::Fixed(n) => n,
            Self::PerTokens(per) => extent.tokens.div_ceil(per),
            Self::PerPositions(per) => extent.positions.div_ceil(per),
        }
    }
}

/// A number that grows with the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Of any batch.
    pub fixed: u64,
    /// More for every token.
    pub per_token: u64,
    /// More for every position that the last token attends to.
    pub per_position: u64,
    /// More for every pair of a token and a position that it attends to.
    pub per_pair: u64,
}

impl Amount {
    /// The number for a batch of consecutive tokens.
    pub fn at(&self, extent: impl Into<Extent>) -> u64 {
        let extent = extent.into();
        let (tokens, positions) = (u64::from(extent.tokens), u64::from(extent.positions));
        // each token attends to a position less than the one after it
        let pairs = (tokens * positions).saturating_sub(tokens * tokens.saturating_sub(1) / 2);
        self.fixed + self.per_token * tokens + self.per_position * positions + self.per_pair * pairs
    }
}

/// What a kernel cannot do without: measured time over this says how near it comes to what the device can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes read or written, each counted once however often the kernel asks for it.
    pub bytes: Amount,
    /// Floating point operations of the formula, a multiply-add being two; unpacking weights does not count.
    pub flops: Amount,
}

/// A buffer as a kernel sees it.
#[derive(Clone, Copy, Debug)]
pub enum Bind<'a> {
    /// `var<storage, read>`
    Read(&'a Buffer),
    /// `var<storage, read_write>`
    Write(&'a Buffer),
}

impl<'a> Bind<'a> {
    pub(super) fn buffer(self) -> &'a Buffer {
        let (Self::Read(buffer) | Self::Write(buffer)) = self;
        buffer
    }
}

/// A kernel bound to its buffers, ready to be recorded any number of times.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pipeline: Rc<Pipeline>,
    bind_group: wgpu::BindGroup,
    /// What is bound, kept alive.
    buffers: Vec<Buffer>,
    groups: [Groups; 2],
    /// Of how many positions it runs: more than the first, and not more than the second.
    positions: (u32, u32),
    /// The kernel's name, and that of the matrix it works on where it has one, such as `matvec qkv`.
    pub label: String,
    /// None where nobody has said.
    pub work: Work,
}

impl Dispatch {
    /// With its work.
    pub fn doing(self, work: Work) -> Self {
        Self { work, ..self }
    }

    /// Only where the last token attends to more than so many positions.
    pub fn beyond(self, positions: u32) -> Self {
        Self { positions: (positions, self.positions.1), ..self }
    }

    /// Only where the last token attends to no more than so many positions.
    pub fn up_to(self, positions: u32) -> Self {
        Self { positions: (self.positions.0, positions), ..self }
    }

    /// Whether it is recorded for such a batch.
    pub fn runs(&self, extent: Extent) -> bool {
        let (beyond, up_to) = self.positions;
        (beyond + 1..=up_to).contains(&extent.positions)
    }

    /// With the name of the matrix it works on.
    pub fn on(self, matrix: &str) -> Self {
        Self { label: format!("{} {matrix}", self.label), ..self }
    }

    /// The same kernel with other buffers in place of some: nothing is composed or compiled.
    pub fn rebound(&self, gpu: &Gpu, other: &impl Fn(&Buffer) -> Option<Buffer>) -> Self {
        let others: Vec<_> = self.buffers.iter().map(other).collect();
        if others.iter().all(Option::is_none) {
            return self.clone();
        }
        let pairs = self.buffers.iter().zip(others);
        let buffers = pairs.map(|(buffer, other)| other.unwrap_or_else(|| buffer.clone())).collect();
        let bound = gpu.bind(self.label.clone(), self.pipeline.clone(), buffers, self.groups);
        Self { positions: self.positions, work: self.work, ..bound }
    }

    pub(super) fn record(&self, gpu: &Gpu, pass: &mut wgpu::ComputePass, extent: Extent) {
        let [x, y] = self.groups.map(|groups| groups.at(extent));
        pass.set_pipeline(gpu.compiled(&self.pipeline));
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }
}

impl Gpu {
    pub(super) fn bind(
        &self,
        label: String,
        pipeline: Rc<Pipeline>,
        buffers: Vec<Buffer>,
        groups: [Groups; 2],
    ) -> Dispatch {
        let entries: Vec<_> = buffers
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.raw().as_entire_binding(),
            })
            .collect();
        self.count(|c| c.bind_groups += 1);
        let bind_group = self.shared.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&label),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let (positions, work) = ((0, u32::MAX), Work::default());
        Dispatch { pipeline, bind_group, buffers, groups, positions, label, work }
    }
}
