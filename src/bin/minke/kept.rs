//! `minke pull`, `minke models` and `minke rm`.

use crate::Shared;
use crate::source::Source;
use clap::Args;
use minke::model;
use minke::store::{self, KeptModel, ModelSpec};
use minke::{Error, Result};
use serde_json::json;

/// Downloads a model into the store, or finishes and verifies what is there; prints what is kept
#[derive(Args)]
pub struct Pull {
    model: String,
}

impl Pull {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        store::again_if_changed(async || pull(&self.model, shared).await).await?;
        let store = shared.downloads.store()?;
        let id = id(&self.model)?;
        let kept = store::model(&store, &id).await?.ok_or(Error::NotKept { what: id })?;
        shared.print(&json!(kept), || words(&kept));
        Ok(())
    }
}

async fn pull(name: &str, shared: &Shared) -> Result<()> {
    let mut source = shared.downloads.open(name, false).await?;
    if let Source::Files(_) = source {
        let problem = "it is a file here already: only a URL can be downloaded".into();
        return Err(Error::InvalidRequest { param: name.into(), problem });
    }
    model::drain(&mut source).await
}

/// Lists the models in the store
#[derive(Args)]
pub struct Models;

impl Models {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let models = store::list(&shared.downloads.store()?).await?;
        let lines = || models.iter().map(words).collect::<Vec<_>>().join("\n");
        shared.print(&json!(models), lines);
        Ok(())
    }
}

/// Deletes a model from the store
#[derive(Args)]
pub struct Rm {
    /// Its id, as `minke models` prints it, or its URL
    model: String,
}

impl Rm {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let id = id(&self.model)?;
        store::remove(&shared.downloads.store()?, &id).await?;
        shared.print(&json!({ "deleted": id }), || format!("deleted {id}"));
        Ok(())
    }
}

/// The id of a URL, or the id itself.
fn id(model: &str) -> Result<String> {
    match model.contains("://") {
        true => Ok(ModelSpec::of_url(model)?.id),
        false => Ok(model.into()),
    }
}

fn words(model: &KeptModel) -> String {
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let size = match (model.complete, model.bytes) {
        (true, Some(bytes)) => megabytes(bytes),
        (_, Some(bytes)) => format!("{} of {}", megabytes(model.kept_bytes), megabytes(bytes)),
        (_, None) => format!("{} so far", megabytes(model.kept_bytes)),
    };
    let verified = model.verified_on.and_then(|at| jiff::Timestamp::from_millisecond(at as i64).ok());
    let verified = verified.map_or_else(|| "not verified yet".into(), |at| format!("verified on {at:.0}"));
    format!("{}\n  {size}, {verified}, from {}", model.id, model.url)
}
