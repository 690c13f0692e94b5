//! Bytes from the GPU, through staging buffers that are used again.

use super::{Buffer, Dispatch, Extent, Gpu};
use crate::{Error, Result};
use std::ops::Range;

/// A buffer's bytes on their way to the CPU. To be received even if nobody wants them any more: else its staging buffer is
/// lost and another must be made.
#[derive(Debug)]
pub struct PendingRead {
    staging: Buffer,
    bytes: u64,
    submission: wgpu::SubmissionIndex,
    mapped: futures_channel::oneshot::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

impl Gpu {
    /// Submits as [`Gpu::submit`] does, and starts to read the first `bytes` bytes of `buffer` as they are then.
    pub fn submit_and_read<'a>(
        &self,
        dispatches: impl IntoIterator<Item = &'a Dispatch>,
        extent: impl Into<Extent>,
        buffer: &Buffer,
        bytes: u64,
    ) -> PendingRead {
        let mut encoder = self.encoder();
        self.record(&mut encoder, dispatches, extent.into(), None);
        self.send_and_read(encoder, &[(buffer, 0..bytes)])
    }

    /// Reads the first `bytes` bytes of `buffer` after all submitted work.
    pub async fn read(&self, buffer: &Buffer, bytes: u64) -> Result<Vec<u8>> {
        self.receive(&mut self.send_and_read(self.encoder(), &[(buffer, 0..bytes)])).await
    }

    /// Reads bytes (multiples of 4) of several buffers after all submitted work, with one map for all.
    pub async fn read_all(&self, parts: &[(&Buffer, Range<u64>)]) -> Result<Vec<Vec<u8>>> {
        let mut rest = self.receive(&mut self.send_and_read(self.encoder(), parts)).await?;
        let mut take = |(_, range): &(_, Range<u64>)| {
            let after = rest.split_off((range.end - range.start) as usize);
            std::mem::replace(&mut rest, after)
        };
        Ok(parts.iter().map(&mut take).collect())
    }

    /// The bytes that [`Gpu::submit_and_read`] asked for, once.
    pub async fn receive(&self, read: &mut PendingRead) -> Result<Vec<u8>> {
        self.wait(Some(read.submission.clone()));
        let mapped = (&mut read.mapped).await;
        self.check().await?;
        let failed = |problem: String| Error::Read { problem };
        mapped.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        let data =
            read.staging.raw().get_mapped_range(..read.bytes).map_err(|e| failed(e.to_string()))?.to_vec();
        read.staging.raw().unmap();
        self.shared.staging.borrow_mut().push(read.staging.clone());
        Ok(data)
    }

    fn send_and_read(
        &self,
        mut encoder: wgpu::CommandEncoder,
        parts: &[(&Buffer, Range<u64>)],
    ) -> PendingRead {
        let bytes = parts.iter().map(|(_, range)| range.end - range.start).sum();
        let staging = self.staging_buffer(bytes);
        let mut at = 0;
        for (buffer, range) in parts {
            let n = range.end - range.start;
            encoder.copy_buffer_to_buffer(buffer.raw(), range.start, staging.raw(), at, n);
            at += n;
        }
        let submission = self.send(encoder);
        self.count(|c| c.maps += 1);
        let (sender, mapped) = futures_channel::oneshot::channel();
        staging.raw().map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            let _ = sender.send(result); // the receiver is gone only when the caller dropped the read
        });
        PendingRead { staging, bytes, submission, mapped }
    }

    /// Makes staging buffers where there are too few, so that `count` reads of `bytes` bytes can be on their way at once.
    pub fn reserve_reads(&self, count: usize, bytes: u64) {
        let mut free = self.shared.staging.borrow_mut();
        let there = free.iter().filter(|buffer| buffer.size() >= bytes).count();
        free.extend((there..count).map(|_| self.new_staging_buffer(bytes)));
    }

    /// A free staging buffer, or a new one.
    fn staging_buffer(&self, bytes: u64) -> Buffer {
        let mut free = self.shared.staging.borrow_mut();
        match free.iter().position(|buffer| buffer.size() >= bytes) {
            Some(found) => free.swap_remove(found),
            None => self.new_staging_buffer(bytes),
        }
    }

    fn new_staging_buffer(&self, bytes: u64) -> Buffer {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        self.new_buffer("reading from the GPU", bytes.next_multiple_of(16), usage)
    }
}
