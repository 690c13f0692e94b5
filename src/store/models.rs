//! What a store has.

use super::kept::names;
use super::{Journal, ModelSpec, PartSpec, Sha256, Store};
use crate::{Error, Result};
use serde::Serialize;

/// A model in a store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptModel {
    /// Its name there.
    pub id: String,
    /// The address of its (first) file.
    pub url: String,
    /// Bytes of the model, where that is known.
    pub bytes: Option<u64>,
    /// Bytes that are kept.
    pub kept_bytes: u64,
    /// Whether all of it is.
    pub complete: bool,
    /// When all of it last had its hashes, in milliseconds since 1970.
    pub verified_on: Option<u64>,
    /// Its files.
    pub files: Vec<KeptFile>,
}

impl KeptModel {
    /// The same model, to be read again.
    pub fn spec(&self) -> Result<ModelSpec> {
        let part = |file: &KeptFile| PartSpec { url: file.url.clone(), ..PartSpec::default() };
        match self.complete {
            true => ModelSpec::new(self.files.iter().map(part).collect()),
            false => ModelSpec::of_url(&self.url),
        }
    }
}

/// A file of a model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptFile {
    /// Its address.
    pub url: String,
    /// Its bytes, where that is known.
    pub bytes: Option<u64>,
    /// Its hash, once all of it was there.
    pub sha256: Option<Sha256>,
}

/// The models of a store.
pub async fn list<S: Store>(store: &S) -> Result<Vec<KeptModel>> {
    let mut models = Vec::new();
    for id in store.models().await? {
        models.extend(model(store, &id).await?);
    }
    Ok(models)
}

/// What is kept of a model; `None` for a folder that is none of ours.
pub async fn model<S: Store>(store: &S, id: &str) -> Result<Option<KeptModel>> {
    let files = store.files(id).await?;
    let mut journals: Vec<Journal> = Vec::new();
    for part in 0.. {
        let (_, name) = names(part);
        if !files.contains(&name) {
            break;
        }
        let Some((journal, _)) = Journal::parse(&store.read(id, &name).await?) else { break };
        journals.push(journal);
    }
    let Some(first) = journals.first() else { return Ok(None) };
    let all = journals.len() == first.origin.parts;
    let totals: Option<Vec<u64>> = journals.iter().map(Journal::total).collect();
    let sum = |bytes: Vec<u64>| bytes.into_iter().fold(0, u64::saturating_add); // a damaged journal may say anything
    let file = |j: &Journal| KeptFile {
        url: j.origin.url.clone(),
        bytes: j.total(),
        sha256: j.whole.map(|(_, sha256)| sha256),
    };
    Ok(Some(KeptModel {
        id: id.into(),
        url: first.origin.url.clone(),
        bytes: totals.filter(|_| all).map(sum),
        kept_bytes: sum(journals.iter().map(|journal| journal.kept(journal.total())).collect()),
        complete: all && journals.iter().all(|journal| journal.whole.is_some()),
        verified_on: journals.iter().map(|journal| journal.verified).min().flatten(),
        files: journals.iter().map(file).collect(),
    }))
}

/// Deletes a model. [`Error::NotKept`] where there is none of that name, [`Error::InUse`] while it is read.
pub async fn remove<S: Store>(store: &S, id: &str) -> Result<()> {
    if !store.models().await?.iter().any(|model| model == id) {
        return Err(Error::NotKept { what: id.into() });
    }
    let Some(_lock) = store.try_lock(id).await? else {
        return Err(Error::InUse { model: id.into() });
    };
    store.remove(id).await
}
