//! Memory on the GPU.

use std::cell::Cell;
use std::rc::Rc;

/// What a device holds.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub buffers: Cell<u64>,
    pub bytes: Cell<u64>,
}

/// A buffer, freed when its last handle goes: at once, because a browser frees a buffer only when it collects
/// garbage, and its collector does not see a GPU's memory.
#[derive(Clone, Debug)]
pub struct Buffer(Rc<Memory>);

#[derive(Debug)]
struct Memory {
    raw: wgpu::Buffer,
    live: Rc<Live>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.raw.destroy();
        self.live.buffers.update(|n| n - 1);
        self.live.bytes.update(|n| n - self.raw.size());
    }
}

impl Buffer {
    /// Takes charge of `raw`, and counts it among the `live` ones.
    pub(super) fn new(raw: wgpu::Buffer, live: &Rc<Live>) -> Self {
        live.buffers.update(|n| n + 1);
        live.bytes.update(|n| n + raw.size());
        Self(Rc::new(Memory { raw, live: live.clone() }))
    }

    pub(super) fn raw(&self) -> &wgpu::Buffer {
        &self.0.raw
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.raw.size()
    }

    /// Whether both are handles of one buffer.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}
