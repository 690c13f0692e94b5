//! The GPU: device, queue, and the few ways in which the rest of the crate uses them. Every call that
//! costs host time is counted here.

mod buffer;
mod caps;
mod dispatch;
mod failure;
mod held;
mod pipeline;
mod read;
pub mod shader;
mod timestamps;
mod tuning;

pub use buffer::Buffer;
pub use caps::{Caps, GpuOptions};
pub use dispatch::{Amount, Bind, Dispatch, Extent, Groups, Work};
pub use pipeline::{CompileAhead, KernelText};
pub use read::PendingRead;
pub use tuning::{Dots, Splits, Tile, Tuning};

use crate::{Error, Result};
use buffer::Live;
use failure::Failures;
use futures_channel::oneshot::{self, Canceled, Receiver};
use held::{Command, Held};
use pipeline::Pipelines;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

/// What the host asked of the GPU since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Dispatches recorded.
    pub dispatches: u64,
    /// Compute passes.
    pub passes: u64,
    /// Queue submissions.
    pub submits: u64,
    /// Buffer writes.
    pub buffer_writes: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Buffers made.
    pub buffers: u64,
    /// WGSL texts put together.
    pub texts: u64,
    /// Texts compiled.
    pub pipelines: u64,
    /// Buffer maps.
    pub maps: u64,
}

impl std::ops::Sub for Counters {
    type Output = Self;

    /// What happened since `before`.
    fn sub(self, before: Self) -> Self {
        Self {
            dispatches: self.dispatches - before.dispatches,
            passes: self.passes - before.passes,
            submits: self.submits - before.submits,
            buffer_writes: self.buffer_writes - before.buffer_writes,
            bind_groups: self.bind_groups - before.bind_groups,
            buffers: self.buffers - before.buffers,
            texts: self.texts - before.texts,
            pipelines: self.pipelines - before.pipelines,
            maps: self.maps - before.maps,
        }
    }
}

/// What an error scope caught, once the driver knows.
#[cfg(not(target_arch = "wasm32"))]
type Verdict = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
#[cfg(target_arch = "wasm32")]
type Verdict = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// A device with its queue, and the tier that kernels are compiled for. Handles of one device share all but the tier.
#[derive(Clone)]
pub struct Gpu {
    shared: Rc<Shared>,
    caps: Caps,
    held: Held,
}

struct Shared {
    device: wgpu::Device,
    queue: wgpu::Queue,
    options: GpuOptions,
    counters: Cell<Counters>,
    pipelines: Pipelines,
    /// Free staging buffers.
    staging: RefCell<Vec<Buffer>>,
    live: Rc<Live>,
    /// See [`Gpu::limit_memory`].
    memory: Cell<Option<u64>>,
    /// Of the buffers made since the last wait: what for, how many bytes, and the driver's verdict; None where a test leaves
    /// no memory.
    allocations: RefCell<Vec<(String, u64, Option<Verdict>)>>,
    failures: Failures,
}

/// A submit, to be waited for; of a handle that holds it back, the last one.
#[derive(Debug)]
pub struct Submission(Option<wgpu::SubmissionIndex>);

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("caps", &self.caps).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Opens the adapter that `options` name (or the best one). [`Error::NoAdapter`] where there is none.
    pub async fn request(options: &GpuOptions) -> Result<Self> {
        let (device, queue, caps) = caps::open(options).await?;
        let failures = Failures::of(&device);
        let shared = Shared {
            device,
            queue,
            options: options.clone(),
            counters: Cell::default(),
            pipelines: Pipelines::default(),
            staging: RefCell::default(),
            live: Rc::default(),
            memory: Cell::default(),
            allocations: RefCell::default(),
            failures,
        };
        Ok(Self { shared: Rc::new(shared), caps, held: Held::default() })
    }

    /// What the device can do, and the tier.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// The same device with other choices of speed.
    pub fn with_tuning(&self, tuning: Tuning) -> Self {
        let mut gpu = self.clone();
        gpu.caps.tuning = tuning;
        gpu
    }

    /// The same device, its kernels using subgroups or not.
    pub fn with_subgroups(&self, subgroups: bool) -> Self {
        let mut gpu = self.clone();
        gpu.caps.subgroups = subgroups;
        gpu
    }

    /// The same device, as if no binding could be larger.
    pub fn with_max_binding(&self, bytes: u64) -> Self {
        let mut gpu = self.clone();
        gpu.caps.max_binding = bytes;
        gpu
    }

    /// From now on an allocation fails where all buffers together would have more bytes, as on a device that has no more
    /// memory: for tests.
    pub fn limit_memory(&self, bytes: Option<u64>) {
        self.shared.memory.set(bytes);
    }

    /// What was asked of the device so far.
    pub fn counters(&self) -> Counters {
        self.shared.counters.get()
    }

    /// Buffers that were not freed, staging buffers included.
    pub fn live_buffers(&self) -> u64 {
        self.shared.live.buffers.get()
    }

    /// Bytes of those buffers.
    pub fn live_bytes(&self) -> u64 {
        self.shared.live.bytes.get()
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let mut counters = self.shared.counters.get();
        change(&mut counters);
        self.shared.counters.set(counters);
    }

    /// A storage buffer of `bytes` bytes (rounded up to 16), zeroed.
    ///
    /// Fails with [`Error::TooLarge`] above the device's limits. [`Error::OutOfMemory`] comes with the next wait, or from
    /// [`Gpu::allocate`] around it.
    pub fn buffer(&self, what: &str, bytes: u64) -> Result<Buffer> {
        let size = bytes.max(16).next_multiple_of(16);
        if size > self.caps.max_binding {
            return Err(Error::TooLarge {
                what: format!("the GPU buffer for {what}"),
                value: size,
                limit: self.caps.max_binding,
            });
        }
        let copied = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        Ok(self.new_buffer(what, size, wgpu::BufferUsages::STORAGE | copied))
    }

    fn new_buffer(&self, what: &str, size: u64, usage: wgpu::BufferUsages) -> Buffer {
        self.count(|c| c.buffers += 1);
        let fits = self.shared.memory.get().is_none_or(|most| self.live_bytes() + size <= most);
        let scope = self.shared.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.shared.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage,
            mapped_at_creation: false,
        });
        let verdict: Verdict = Box::pin(scope.pop());
        self.shared.allocations.borrow_mut().push((what.into(), size, fits.then_some(verdict)));
        Buffer::new(raw, &self.shared.live)
    }

    /// Makes buffers of so many bytes together, and waits until it is sure that the device has them:
    /// [`Error::OutOfMemory`] for all of it where it has not.
    pub async fn allocate<T>(&self, what: &str, bytes: u64, make: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check_allocations().await?; // of others
        let made = make()?;
        match self.check_allocations().await {
            Err(Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { what: what.into(), bytes }),
            other => other.map(|()| made),
        }
    }

    /// [`Error::OutOfMemory`] if a buffer was not made since this was last asked.
    pub async fn check_allocations(&self) -> Result<()> {
        let mut first = Ok(());
        for (what, bytes, verdict) in self.shared.allocations.take() {
            let failed = match verdict {
                Some(verdict) => verdict.await.is_some(),
                None => true,
            };
            if failed && first.is_ok() {
                first = Err(Error::OutOfMemory { what, bytes });
            }
        }
        if first.is_err() {
            self.shared.staging.borrow_mut().clear(); // those are made again when they are needed
        }
        first
    }

    /// Writes `data` (a multiple of 4 bytes) to `buffer` at `offset`, before the next submit.
    pub fn write(&self, buffer: &Buffer, offset: u64, data: &[u8]) {
        if self.held.is_on() {
            return self.held.add(Command::Write(buffer.clone(), offset, data.to_vec()));
        }
        self.count(|c| c.buffer_writes += 1);
        self.shared.queue.write_buffer(buffer.raw(), offset, data);
    }

    /// A storage buffer holding `data`.
    pub fn buffer_with(&self, what: &str, data: &[u8]) -> Result<Buffer> {
        let buffer = self.buffer(what, data.len() as u64)?;
        self.write(&buffer, 0, data);
        Ok(buffer)
    }

    /// Submits the dispatches in order, in one pass, for a batch of some extent.
    pub fn submit<'a>(
        &self,
        dispatches: impl IntoIterator<Item = &'a Dispatch>,
        extent: impl Into<Extent>,
    ) -> Submission {
        let (dispatches, extent) = (dispatches.into_iter(), extent.into());
        if self.held.is_on() {
            self.held.add(Command::Submit(dispatches.cloned().collect(), extent));
            return Submission(None);
        }
        let mut encoder = self.encoder();
        self.record(&mut encoder, dispatches, extent, None);
        Submission(Some(self.send(encoder)))
    }

    /// Waits as [`Gpu::finish`] does, but only for what was submitted up to there, which `submission` must be the last of when
    /// this is called; it may be awaited later.
    pub fn finished(&self, submission: Submission) -> impl Future<Output = Result<()>> + use<> {
        let (gpu, done) = (self.clone(), self.watch());
        async move {
            gpu.wait(submission.0);
            let done = gone(done.await);
            gpu.check().await.and(done)
        }
    }

    /// Copies `from` to the start of `to`, after all submitted work.
    pub fn copy(&self, from: &Buffer, to: &Buffer) {
        self.copy_start(from, to, from.size());
    }

    /// The same of the first `bytes` bytes, a multiple of 4, of which either has as many.
    pub fn copy_start(&self, from: &Buffer, to: &Buffer, bytes: u64) {
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(from.raw(), 0, to.raw(), 0, bytes);
        self.send(encoder);
    }

    /// Sets `buffer` to zeros after all submitted work.
    pub fn clear(&self, buffer: &Buffer) {
        if self.held.is_on() {
            return self.held.add(Command::Clear(buffer.clone()));
        }
        let mut encoder = self.encoder();
        encoder.clear_buffer(buffer.raw(), 0, None);
        self.send(encoder);
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.shared.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn record<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        dispatches: impl IntoIterator<Item = &'a Dispatch>,
        extent: Extent,
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites>,
    ) {
        let mut pass =
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        let mut recorded = 0;
        for dispatch in dispatches.into_iter().filter(|dispatch| dispatch.runs(extent)) {
            dispatch.record(self, &mut pass, extent);
            recorded += 1;
        }
        drop(pass);
        self.count(|c| {
            c.dispatches += recorded;
            c.passes += 1;
        });
    }

    fn send(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.count(|c| c.submits += 1);
        self.shared.queue.submit([encoder.finish()])
    }

    /// Waits until the GPU has done all that was submitted. Errors: [`Error::DeviceLost`], [`Error::OutOfMemory`],
    /// [`Error::Shader`] and [`Error::Validation`], for what was asked since the last wait.
    pub async fn finish(&self) -> Result<()> {
        let done = self.drain().await;
        self.check().await.and(done)
    }

    /// Waits as [`Gpu::finish`] does, and leaves what went wrong to be told there; all but [`Error::DeviceLost`].
    pub async fn drain(&self) -> Result<()> {
        let done = self.watch();
        self.wait(None);
        gone(done.await)
    }

    /// Tells when all that is submitted now is done.
    fn watch(&self) -> Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.shared.queue.on_submitted_work_done(move || {
            let _ = sender.send(()); // the receiver is gone only when the caller gave up
        });
        receiver
    }

    /// What went wrong since this was last asked.
    async fn check(&self) -> Result<()> {
        let (allocated, compiled) = (self.check_allocations().await, self.check_shaders().await);
        // what follows from a kernel or buffer that is not there is not told as well
        let reported = self.shared.failures.check();
        match reported {
            Err(lost @ Error::DeviceLost { .. }) => Err(lost),
            _ => allocated.and(compiled).and(reported),
        }
    }

    /// Until a submission (or the last one) is done. Natively callbacks only run while the device is polled; in a
    /// browser this does nothing.
    fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) {
        let poll = wgpu::PollType::Wait { submission_index, timeout: None };
        if let Err(error) = self.shared.device.poll(poll) {
            self.shared.failures.give_up(error.to_string());
        }
    }
}

/// The device's fault where nothing tells any more.
fn gone(done: std::result::Result<(), Canceled>) -> Result<()> {
    done.map_err(|e| Error::DeviceLost { reason: e.to_string() })
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.device.destroy(); // frees what is left now, not when the last handle goes
    }
}
