//! The GPU: device, queue, and the few ways in which the rest of the crate uses them. Every call that
//! costs host time is counted here.

pub mod caps;
mod dispatch;
mod read;
pub mod shader;
mod timing;
mod tuning;

pub use caps::{Caps, GpuOptions};
pub use dispatch::{Amount, Dispatch, Extent, Groups, Work};
pub use read::PendingRead;
pub use tuning::{Splits, Tile, Tuning};
/// The one type of wgpu that rooms above kernels/ see, so that they need not name wgpu.
pub use wgpu::Buffer;

use crate::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

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
            maps: self.maps - before.maps,
        }
    }
}

/// A buffer as a kernel sees it.
#[derive(Clone, Copy, Debug)]
pub enum Bind<'a> {
    /// `var<storage, read>`
    Read(&'a wgpu::Buffer),
    /// `var<storage, read_write>`
    Write(&'a wgpu::Buffer),
}

/// What the driver thinks of a kernel: an error if it rejects it.
type Verdict = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// A device and its queue.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// What this device can do and which tier was chosen.
    pub caps: Caps,
    /// What the caller asked for.
    pub options: GpuOptions,
    counters: Cell<Counters>,
    pipelines: RefCell<HashMap<String, wgpu::ComputePipeline>>,
    /// Of the kernels compiled since the last wait, by label.
    verdicts: RefCell<Vec<(String, Verdict)>>,
    staging: RefCell<Vec<wgpu::Buffer>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("caps", &self.caps).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Opens the adapter that `options` name (or the best one) and decides the tier.
    pub async fn request(options: &GpuOptions) -> Result<Self> {
        let (device, queue, caps) = caps::open(options).await?;
        let failure = Arc::new(Mutex::new(None));
        let keep = |failure: &Arc<Mutex<Option<String>>>, message: String| {
            if let Ok(mut first) = failure.lock() {
                first.get_or_insert(message);
            }
        };
        let sink = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error| keep(&sink, error.to_string())));
        let sink = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                keep(&sink, format!("the device was lost: {message}"));
            }
        });
        Ok(Self {
            device,
            queue,
            caps,
            options: options.clone(),
            counters: Cell::default(),
            pipelines: RefCell::default(),
            verdicts: RefCell::default(),
            staging: RefCell::default(),
            failure,
        })
    }

    /// What was asked of the GPU so far.
    pub fn counters(&self) -> Counters {
        self.counters.get()
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }

    /// The first error the device reported, if any.
    pub fn check(&self) -> Result<()> {
        match self.failure.lock().ok().and_then(|failure| failure.clone()) {
            Some(message) => Err(Error::Device(message)),
            None => Ok(()),
        }
    }

    /// [`Error::Shader`] if the driver rejected a kernel since this was last asked.
    async fn check_shaders(&self) -> Result<()> {
        for (kernel, verdict) in self.verdicts.take() {
            if let Some(error) = verdict.await {
                return Err(Error::Shader { kernel, problem: error.to_string() });
            }
        }
        Ok(())
    }

    /// A storage buffer of `bytes` bytes (rounded up to 16), zeroed.
    ///
    /// Fails with [`Error::TooLarge`] above the device's limits; running out of memory shows in
    /// [`Gpu::allocate`]'s scope.
    pub fn buffer(&self, what: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let size = bytes.max(16).next_multiple_of(16);
        if size > self.caps.max_binding {
            return Err(Error::TooLarge {
                what: format!("the GPU buffer for {what}"),
                value: size,
                limit: self.caps.max_binding,
            });
        }
        self.count(|c| c.buffers += 1);
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        }))
    }

    /// Runs `make`, turning a device that has no memory for it into [`Error::OutOfMemory`].
    pub async fn allocate<T>(&self, what: &str, bytes: u64, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = make();
        let above = self.options.memory.is_some_and(|most| bytes > most);
        if scope.pop().await.is_some() || above {
            return Err(Error::OutOfMemory { what: what.into(), bytes });
        }
        made
    }

    /// Writes `data` (a multiple of 4 bytes) to `buffer` at `offset`, before the next submit.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, data: &[u8]) {
        self.count(|c| c.buffer_writes += 1);
        self.queue.write_buffer(buffer, offset, data);
    }

    /// A storage buffer holding `data`.
    pub fn buffer_with(&self, what: &str, data: &[u8]) -> Result<wgpu::Buffer> {
        let buffer = self.buffer(what, data.len() as u64)?;
        self.write(&buffer, 0, data);
        Ok(buffer)
    }

    /// The pipeline of a WGSL text (from [`shader::compose`]), compiled once. Drivers may compile later, and
    /// browsers always do: an error shows at the next [`Gpu::receive`] or [`Gpu::finish`].
    fn pipeline(&self, label: &str, source: String, binds: &[Bind]) -> wgpu::ComputePipeline {
        if let Some(pipeline) = self.pipelines.borrow().get(&source) {
            return pipeline.clone();
        }
        let compiled = match self.options.patch {
            Some(patch) => patch(label, source.clone()),
            None => source.clone(),
        };
        // WGSL that is refused is the one, a compiler that gives up is the other
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device.push_error_scope(filter));
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(compiled.into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&self.pipeline_layout(binds)),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        for scope in scopes.into_iter().rev() {
            self.verdicts.borrow_mut().push((label.into(), Box::pin(scope.pop())));
        }
        self.pipelines.borrow_mut().insert(source, pipeline.clone());
        pipeline
    }

    /// The layout is stated, not derived: a format may leave a binding unused.
    fn pipeline_layout(&self, binds: &[Bind]) -> wgpu::PipelineLayout {
        let entries: Vec<_> = binds
            .iter()
            .zip(0..)
            .map(|(bind, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: matches!(bind, Bind::Read(_)) },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let group = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&group)],
            ..Default::default()
        })
    }

    /// Binds buffers in order (binding 0, 1, ...) to the kernel that `source` describes.
    pub fn dispatch(&self, label: &str, source: String, binds: &[Bind], groups: [Groups; 2]) -> Dispatch {
        let pipeline = self.pipeline(label, source, binds);
        let entries: Vec<_> = binds
            .iter()
            .zip(0..)
            .map(|(Bind::Read(buffer) | Bind::Write(buffer), binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        self.count(|c| c.bind_groups += 1);
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Dispatch { pipeline, bind_group, groups, label: label.into(), work: Work::default() }
    }

    /// Submits the dispatches in order, in one pass, for a batch of some extent.
    pub fn submit<'a>(&self, dispatches: impl IntoIterator<Item = &'a Dispatch>, extent: impl Into<Extent>) {
        let mut encoder = self.encoder();
        self.record(&mut encoder, dispatches, extent.into(), None);
        self.send(encoder);
    }

    /// Copies each first buffer to the start of the second, after all submitted work.
    pub fn copy(&self, copies: &[(&wgpu::Buffer, &wgpu::Buffer)]) {
        let mut encoder = self.encoder();
        for (from, to) in copies {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
        self.send(encoder);
    }

    /// Sets `buffer` to zeros after all submitted work.
    pub fn clear(&self, buffer: &wgpu::Buffer) {
        let mut encoder = self.encoder();
        encoder.clear_buffer(buffer, 0, None);
        self.send(encoder);
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
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
        for dispatch in dispatches {
            let [x, y] = dispatch.groups.map(|groups| groups.at(extent));
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bind_group, &[]);
            pass.dispatch_workgroups(x, y, 1);
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
        self.queue.submit([encoder.finish()])
    }

    /// Waits until the GPU has done all that was submitted.
    pub async fn finish(&self) -> Result<()> {
        let (sender, receiver) = futures_channel::oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            let _ = sender.send(()); // as in `send_and_read`
        });
        self.wait(None);
        let done = receiver.await;
        self.check_shaders().await?;
        self.check()?;
        done.map_err(|e| Error::Device(e.to_string()))
    }

    /// Until a submission (or the last one) is done. Natively callbacks only run while the device is polled; in a
    /// browser this does nothing.
    fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) {
        if let Err(error) = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None })
            && let Ok(mut first) = self.failure.lock()
        {
            first.get_or_insert(error.to_string());
        }
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        self.device.destroy(); // frees the weights now, not when the last handle goes
    }
}
