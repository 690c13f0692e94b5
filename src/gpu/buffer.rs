//! Memory on the GPU.

use std::cell::Cell;
use std::rc::Rc;

/// A buffer, freed when its last handle goes: at once, because a browser frees a buffer only when it collects
/// garbage, and its collector does not see a GPU's memory.
#[derive(Clone, Debug)]
pub struct Buffer(Rc<Memory>);

#[derive(Debug)]
struct Memory {
    raw: wgpu::Buffer,
    live: Rc<Cell<u64>>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.raw.destroy();
        self.live.set(self.live.get() - 1);
    }
}

impl Buffer {
    /// Takes charge of `raw`, and counts it among the `live` ones.
    pub(super) fn new(raw: wgpu::Buffer, live: &Rc<Cell<u64>>) -> Self {
        live.set(live.get() + 1);
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
