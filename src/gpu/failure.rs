//! What the device reports between two waits, kept until somebody waits.

use crate::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// The device's reports. Its callbacks may come from another thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(Arc<Mutex<Reports>>);

#[derive(Debug, Default)]
struct Reports {
    /// The device is gone for good.
    lost: Option<String>,
    /// The first command that was refused since this was last asked.
    refused: Option<String>,
}

impl Failures {
    /// Listens to `device`.
    pub fn of(device: &wgpu::Device) -> Self {
        let failures = Self::default();
        let refused = failures.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            refused.update(|reports| _ = reports.refused.get_or_insert(error.to_string()));
        }));
        let lost = failures.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                lost.lose(message);
            }
        });
        failures
    }

    /// Notes that the device is gone.
    pub fn lose(&self, reason: String) {
        let reason = reason.trim_end_matches('.').to_owned(); // a sentence of ours follows
        self.update(|reports| _ = reports.lost.get_or_insert(reason));
    }

    /// Notes that waiting for the device failed, as it does after a submission that it refused: then that is the reason.
    pub fn give_up(&self, reason: String) {
        let refused = self.update(|reports| reports.refused.clone());
        self.lose(refused.unwrap_or(reason));
    }

    /// [`Error::DeviceLost`] from the moment on when the device was; [`Error::Validation`] once for what was refused.
    pub fn check(&self) -> Result<()> {
        let (lost, refused) = self.update(|reports| (reports.lost.clone(), reports.refused.take()));
        match (lost, refused) {
            (Some(reason), _) => Err(Error::DeviceLost { reason }),
            (None, Some(problem)) => Err(Error::Validation { problem }),
            (None, None) => Ok(()),
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut Reports) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
