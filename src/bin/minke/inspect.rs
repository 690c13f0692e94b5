//! `minke inspect`.

use crate::Shared;
use crate::source::read_header;
use clap::Args;
use minke::config::ModelConfig;
use minke::engine::TextParts;
use minke::gguf::Header;
use minke::model::plan::MemoryPlan;
use minke::{Error, Result};
use serde_json::{Value, json};

/// Works on a whole file, on one cut after the header, and on a URL
#[derive(Args)]
pub struct Inspect {
    model: String,
}

impl Inspect {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let (header, length) = read_header(&self.model, shared).await?;
        let config = ModelConfig::from_header(&header)?;
        let plan = MemoryPlan::new(&config, &header, &shared.model())?;
        let value = json!({
            "version": header.version,
            "config": config,
            "tokenizer": tokenizer(&header),
            "tensors": tensors(&header),
            "data_offset": header.data_offset,
            "file_bytes": header.file_len,
            "complete": length.map(|length| length >= header.file_len),
            "memory": plan,
        });
        shared.print(&value, || words(&config, &header, &plan));
        Ok(())
    }
}

fn tensors(header: &Header) -> Vec<Value> {
    let tensor = |t: &minke::gguf::TensorInfo| json!({"name": t.name, "type": t.ty.name(), "shape": t.shape, "bytes": t.bytes, "offset": t.offset});
    header.tensors.iter().map(tensor).collect()
}

/// What the tokenizer is, or why it cannot be used: the rest of the model is still worth seeing.
fn tokenizer(header: &Header) -> Value {
    let found = |text: TextParts| {
        let t = &text.tokenizer;
        json!({
            "model": header.metadata.str("tokenizer.ggml.model").ok().flatten(),
            "pre": t.pre,
            "n_vocab": t.n_vocab(),
            "bos": t.bos,
            "eos": t.eos,
            "add_bos": t.add_bos,
            "end_ids": t.end_ids(),
            "chat_template": text.template.is_some(),
        })
    };
    let error = |error: Error| json!({ "error": error.to_string(), "code": error.code() });
    TextParts::from_metadata(&header.metadata).map_or_else(error, found)
}

fn words(config: &ModelConfig, header: &Header, plan: &MemoryPlan) -> String {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let mut text = format!(
        "{} ({}), {} layers, {} heads ({} for k and v) of {}, width {}, feed-forward {}, vocabulary {}, context {}\n",
        config.name.as_deref().unwrap_or("unnamed"),
        config.architecture.name(),
        config.n_layer,
        config.n_head,
        config.n_kv_head,
        config.head_dim,
        config.n_embd,
        config.n_ff,
        config.n_vocab,
        config.n_ctx_train,
    );
    for t in &header.tensors {
        text += &format!("{:<32} {:<6} {:?} {}\n", t.name, t.ty, t.shape, mib(t.bytes));
    }
    text += &format!("tokenizer: {}\n", tokenizer(header));
    text + &format!(
        "memory at {} positions: weights {}, KV cache ({}) {}, activations {}, together {}",
        plan.n_ctx,
        mib(plan.weights),
        plan.kv,
        mib(plan.kv_cache),
        mib(plan.activations),
        mib(plan.total),
    )
}
