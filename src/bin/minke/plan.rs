//! `minke plan`.

use crate::Shared;
use crate::source::read_header;
use clap::Args;
use minke::config::ModelConfig;
use minke::gpu::Gpu;
use minke::model::fit::fit;
use minke::{Error, Result};
use serde_json::json;

/// Tells from a model's header alone whether it fits this device, and with which context
#[derive(Args)]
pub struct Plan {
    model: String,
}

impl Plan {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let (header, _) = read_header(&self.model, shared).await?;
        let config = ModelConfig::from_header(&header)?;
        let gpu = match Gpu::request(&shared.gpu()).await {
            Ok(gpu) => Some(gpu),
            Err(Error::NoAdapter(_)) => None,
            Err(error) => return Err(error),
        };
        let fit = fit(gpu.as_ref(), &config, &header, &shared.model()).await?;
        let value = json!({
            "verdict": fit.verdict,
            "reason": fit.reason,
            "largest_ctx": fit.largest_ctx,
            "memory": fit.memory,
            "file_bytes": header.file_len,
            "device": gpu.as_ref().map(Gpu::caps),
        });
        shared.print(&value, || fit.reason.clone());
        Ok(())
    }
}
