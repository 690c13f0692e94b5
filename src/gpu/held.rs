//! A handle that holds back what it is asked to do, until all kernels for it are known and compiled together.

use super::{Buffer, Dispatch, Extent, Gpu};
use std::cell::RefCell;
use std::rc::Rc;

/// What can be held back.
pub(super) enum Command {
    Write(Buffer, u64, Vec<u8>),
    Clear(Buffer),
    Submit(Vec<Dispatch>, Extent),
}

/// What a handle holds back, if it does.
#[derive(Clone, Default)]
pub(super) struct Held(Option<Rc<RefCell<Vec<Command>>>>);

impl Held {
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub fn add(&self, command: Command) {
        if let Some(held) = &self.0 {
            held.borrow_mut().push(command);
        }
    }
}

impl Gpu {
    /// The same device, but what this handle writes, clears and submits is done by [`Gpu::release`].
    pub fn holding(&self) -> Self {
        let mut gpu = self.clone();
        gpu.held = Held(Some(Rc::default()));
        gpu
    }

    /// Compiles what waits for that, and does what was held back.
    pub async fn release(&self) {
        self.compile().await;
        let mut open = self.clone();
        open.held = Held::default();
        for command in self.held.0.iter().flat_map(|held| held.take()) {
            match command {
                Command::Write(buffer, offset, data) => open.write(&buffer, offset, &data),
                Command::Clear(buffer) => open.clear(&buffer),
                Command::Submit(dispatches, extent) => _ = open.submit(&dispatches, extent),
            }
        }
    }
}
