//! How long kernels take on the GPU, by its own clock.

use super::{Buffer, Dispatch, Extent, Gpu};
use crate::{Error, Result};

/// Passes of one submit: few enough that no watchdog ends it, and that their queries fit a set.
const PASSES: usize = 64;

impl Gpu {
    /// Whether [`Gpu::time`] can be asked: [`super::GpuOptions::timestamps`] was, and the adapter has them.
    pub fn has_timestamps(&self) -> bool {
        self.shared.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Runs dispatches for a batch of some extent, each of `passes` in a pass of its own, and returns the microseconds
    /// that each pass took. A pass waits for the one before it, so that the sum is more than the time of all in one.
    ///
    /// [`Error::Unsupported`] without [`Gpu::has_timestamps`].
    pub async fn time(&self, passes: &[&[Dispatch]], extent: impl Into<Extent>) -> Result<Vec<f64>> {
        if !self.has_timestamps() {
            return Err(Error::Unsupported {
                what: "timing kernels".into(),
                value: self.caps.adapter.clone(),
                supported: Some("adapters with timestamp queries".into()),
            });
        }
        let extent = extent.into();
        let mut times = Vec::new();
        for passes in passes.chunks(PASSES) {
            times.extend(self.time_submit(passes, extent).await?);
        }
        Ok(times)
    }

    async fn time_submit(&self, passes: &[&[Dispatch]], extent: Extent) -> Result<Vec<f64>> {
        let count = 2 * passes.len() as u32;
        let bytes = u64::from(count * wgpu::QUERY_SIZE);
        let query_set = self.shared.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let stamps = self.shared.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: bytes,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let stamps = Buffer::new(stamps, &self.shared.live);
        let mut encoder = self.encoder();
        for (pass, first) in passes.iter().zip((0..).step_by(2)) {
            let timestamps = wgpu::ComputePassTimestampWrites {
                query_set: &query_set,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            };
            self.record(&mut encoder, pass.iter(), extent, Some(timestamps));
        }
        encoder.resolve_query_set(&query_set, 0..count, stamps.raw(), 0);
        self.send(encoder);
        let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&self.read(&stamps, bytes).await?);
        let microseconds = f64::from(self.shared.queue.get_timestamp_period()) / 1e3;
        let of_pass = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * microseconds;
        Ok(stamps.chunks_exact(2).map(of_pass).collect())
    }
}
