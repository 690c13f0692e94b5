//! Models as the page names them, and the store's: to download, list, export, delete, and to plan for.

use super::caller::Caller;
use super::host::WebHost;
use super::opfs::Opfs;
use super::{error_value, from_js, to_js};
use crate::config::ModelConfig;
use crate::gguf::Header;
use crate::gpu::{Gpu, GpuOptions};
use crate::model::fit::fit;
use crate::model::{ModelOptions, drain, read_header};
use crate::store::{self, Download, KeptModel, ModelSpec, Options, PartSpec, Store};
use crate::{Error, Result};
use js_sys::Array;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// How the page wants a model to come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Wishes {
    /// Whether it is kept in the store: by default a download is, and a file is not.
    keep: Option<bool>,
    /// An address that has the same paths as the model's own.
    mirror: Option<String>,
    /// For the model's own origin. They are not kept.
    headers: BTreeMap<String, String>,
}

/// A model by its name in the store, or by its files.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Kept { id: String },
    Parts { parts: Vec<PartSpec> },
}

/// A model that is being read.
pub struct Opened {
    pub download: Download<WebHost, Opfs>,
    /// Its name in the store.
    pub id: String,
}

/// The files that a page gave, by the addresses that they go by.
type Files = HashMap<String, gloo_file::Blob>;

/// What the page means: a URL (of the first part, where there are several), an array of Blobs, `{ id }` for a kept model, or
/// `{ parts: [{ url, bytes?, sha256?, pieces? }] }`. Also whether it is a file that was imported, which only the store has.
async fn source(source: &JsValue) -> Result<(ModelSpec, Files, bool)> {
    if let Some(url) = source.as_string() {
        return Ok((ModelSpec::of_url(&url)?, Files::new(), false));
    }
    if let Some(blobs) = source.dyn_ref::<Array>() {
        return files(blobs);
    }
    match from_js("model", source.clone())? {
        Named::Parts { parts } => Ok((ModelSpec::new(parts)?, Files::new(), false)),
        Named::Kept { id } => {
            let kept = store::model(&Opfs, &id).await?.ok_or(Error::NotKept { what: id })?;
            Ok((kept.spec()?, Files::new(), kept.url.starts_with("file:")))
        }
    }
}

fn files(blobs: &Array) -> Result<(ModelSpec, Files, bool)> {
    let mut parts = Vec::new();
    let mut files = Files::new();
    for blob in blobs.iter() {
        let (name, modified) = match blob.dyn_ref::<web_sys::File>() {
            Some(file) => (file.name(), file.last_modified()),
            None => ("model.gguf".into(), 0.0),
        };
        let blob: web_sys::Blob = blob.dyn_into().map_err(|_| Error::InvalidRequest {
            param: "model".into(),
            problem: "among its files is something that is no File".into(),
        })?;
        // one file is told from another by what the browser says of it, until its bytes are read
        let url = format!("file:{name}?bytes={}&modified={modified}", blob.size());
        parts.push(PartSpec { url: url.clone(), bytes: Some(blob.size() as u64), ..PartSpec::default() });
        files.insert(url, blob.into());
    }
    Ok((ModelSpec::new(parts)?, files, false))
}

/// Opens a model.
pub async fn open(model: &JsValue, wishes: &Wishes, caller: &Caller) -> Result<Opened> {
    let (spec, files, imported) = source(model).await?;
    let keep = wishes.keep.unwrap_or(files.is_empty());
    let id = spec.id.clone();
    let host = Rc::new(WebHost::new(caller, files, &id, keep));
    let headers = wishes.headers.clone().into_iter().collect();
    let options = Options { mirror: wishes.mirror.clone(), headers, offline: imported };
    let download = Download::open(&host, keep.then_some(Opfs), spec, options).await?;
    Ok(Opened { download, id })
}

type JsResult = std::result::Result<JsValue, JsValue>;

/// Downloads a model into the store, or verifies what is there and mends it; what is kept then.
#[wasm_bindgen(js_name = downloadModel)]
pub async fn download_model(source: JsValue, wishes: JsValue, caller: Caller) -> JsResult {
    let kept = async {
        let wishes = Wishes { keep: Some(true), ..from_js("options", wishes)? };
        let downloading = store::again_if_changed(async || {
            let mut opened = open(&source, &wishes, &caller).await?;
            drain(&mut opened.download).await?;
            match opened.download.is_kept() {
                true => Ok(opened.id),
                false => Err(Error::NotKept { what: opened.id }),
            }
        });
        let id = downloading.await?;
        store::model(&Opfs, &id).await?.ok_or(Error::NotKept { what: id })
    };
    to_js(&kept.await.map_err(error_value)?)
}

/// The models in the store.
#[wasm_bindgen(js_name = listModels)]
pub async fn list_models() -> JsResult {
    let models = match store::list(&Opfs).await {
        Err(Error::Storage { .. }) => Vec::new(), // a browser that keeps nothing
        models => models.map_err(error_value)?,
    };
    to_js(&models)
}

/// Deletes a model from the store.
#[wasm_bindgen(js_name = deleteModel)]
pub async fn delete_model(id: String) -> std::result::Result<(), JsValue> {
    store::remove(&Opfs, &id).await.map_err(error_value)
}

/// The files of a complete model, for the page to save: `[file, url]` each.
#[wasm_bindgen(js_name = exportModel)]
pub async fn export_model(id: String) -> std::result::Result<Array, JsValue> {
    let export = async {
        let kept = store::model(&Opfs, &id).await?.filter(|kept| kept.complete);
        let kept: KeptModel = kept.ok_or_else(|| Error::NotKept { what: id.clone() })?;
        let files = Array::new();
        for (part, kept) in kept.files.iter().enumerate() {
            let file = Opfs.file(&id, &store::names(part).0).await?;
            files.push(&Array::of2(&file, &kept.url.as_str().into()));
        }
        Ok(files)
    };
    export.await.map_err(error_value)
}

/// Whether a model fits this device, by its header alone.
#[wasm_bindgen(js_name = planModel)]
pub async fn plan_model(source: JsValue, options: JsValue, caller: Caller) -> JsResult {
    let plan = async {
        let wishes: Wishes = from_js("options", options.clone())?;
        let gpu: GpuOptions = from_js("options", options.clone())?;
        let model: ModelOptions = from_js("options", options)?;
        plan(&source, wishes, &gpu, &model, &caller).await
    };
    to_js(&plan.await.map_err(error_value)?)
}

async fn plan(
    model: &JsValue,
    wishes: Wishes,
    gpu: &GpuOptions,
    options: &ModelOptions,
    caller: &Caller,
) -> Result<serde_json::Value> {
    let (spec, ..) = source(model).await?;
    let kept = store::model(&Opfs, &spec.id).await.unwrap_or_default();
    // of a model that nobody has begun to download, nothing is kept
    let wishes = Wishes { keep: Some(kept.is_some()), ..wishes };
    let opened = open(model, &wishes, caller).await?;
    let (header, _) = read_header(&mut opened.download.alone()).await?;
    let config = ModelConfig::from_header(&header)?;
    let gpu = match Gpu::request(gpu).await {
        Ok(gpu) => Some(gpu),
        Err(Error::NoAdapter(_)) => None,
        Err(error) => return Err(error),
    };
    let fit = fit(gpu.as_ref(), &config, &header, options).await?;
    Ok(serde_json::json!({
        "verdict": fit.verdict,
        "reason": fit.reason,
        "largestCtx": fit.largest_ctx,
        "memory": fit.memory,
        "model": about(&config, &header),
        "device": gpu.as_ref().map(Gpu::caps),
        "kept": kept.map_or(0, |kept| kept.kept_bytes),
        "free": Opfs.free().await,
    }))
}

fn about(config: &ModelConfig, header: &Header) -> serde_json::Value {
    serde_json::json!({
        "name": config.name,
        "architecture": config.architecture,
        "nCtxTrain": config.n_ctx_train,
        "bytes": header.file_len,
    })
}
