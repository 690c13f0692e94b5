//! Bindings that the browser tests need to compare the engine with golden vectors, and the package does not have.
//! `buildGolden` of scripts/build.mjs makes them a wasm of their own.
#![cfg(target_arch = "wasm32")]

use js_sys::{Array, Float32Array};
use minke::chat::template::ChatTemplate;
use minke::context::Context;
use minke::engine::{ChatRequest, Control, Delta, Engine, TextParts};
use minke::gguf::{Header, HeaderParser};
use minke::gpu::{Gpu, GpuOptions};
use minke::kernels::matvec::{Output, RowTile, matvec_tiled};
use minke::kernels::repack::Repack;
use minke::kernels::{
    BATCH_HEADER, Matrix,
    embed::embed,
    fixed::Form,
    matmul::{Vectors, matmul},
};
use minke::model::ModelOptions;
use minke::quant::GgmlType;
use minke::reference::fixed;
use minke::tokenizer::Special;
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

mod texts;

type Result<T> = std::result::Result<T, JsError>;

fn to_js(value: &impl Serialize) -> Result<JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

/// A bug, as the engine has none to show.
#[wasm_bindgen]
pub fn panics(words: &str) {
    panic!("{words}");
}

/// The package's options.
#[derive(Deserialize)]
struct Options {
    #[serde(flatten)]
    gpu: GpuOptions,
    #[serde(flatten)]
    model: ModelOptions,
}

/// A model that gives out its logits.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GoldenModel {
    context: Context,
}

#[wasm_bindgen]
impl GoldenModel {
    /// Loads a GGUF file; `options` are those of the package.
    pub async fn load(file: &[u8], options: JsValue, n_ctx: usize) -> Result<GoldenModel> {
        let options: Options = serde_wasm_bindgen::from_value(options)?;
        let model = ModelOptions { n_ctx: Some(n_ctx), ..options.model };
        let gpu = async || Gpu::request(&options.gpu).await;
        let mut file = Cursor::new(file);
        let loading = minke::model::load(&mut file, |_| Ok(()), gpu, &model, js_sys::Date::now, |_| {});
        let (model, ..) = loading.await?;
        Ok(Self { context: Context::new(&Rc::new(model)).await? })
    }

    /// `{ tier, kv }`, see [`minke::model::self_test::SelfTest`].
    pub fn info(&self) -> Result<JsValue> {
        let model = self.context.model();
        to_js(&serde_json::json!({ "tier": model.self_test.tier, "kv": model.kv() }))
    }

    /// Logits after each of `positions` of `tokens`, joined.
    pub async fn logits(&mut self, tokens: Vec<u32>, positions: Vec<usize>) -> Result<Vec<f32>> {
        Ok(self.context.logits(&tokens, &positions).await?.concat())
    }

    /// Appends a token to what `logits` ran; the logits after it.
    pub async fn decode(&mut self, token: u32) -> Result<Vec<f32>> {
        Ok(self.context.decode(token).await?)
    }
}

/// One device, on which tiny models are loaded one after the other, so that their kernels are compiled once.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GoldenEngine {
    gpu: Gpu,
    options: ModelOptions,
    engine: Option<Engine>,
}

#[wasm_bindgen]
impl GoldenEngine {
    /// Opens the adapter; `options` are those of the package.
    pub async fn open(options: JsValue) -> Result<GoldenEngine> {
        let options: Options = serde_wasm_bindgen::from_value(options)?;
        Ok(Self { gpu: Gpu::request(&options.gpu).await?, options: options.model, engine: None })
    }

    /// Loads a GGUF file in place of the one before, on a device with so much memory, if that is bounded. `{ code, message }`
    /// of an error, or nothing.
    pub async fn load(&mut self, file: &[u8], memory: Option<f64>) -> Result<JsValue> {
        self.engine = None;
        match self.engine_of(file, memory).await {
            Ok(engine) => {
                self.engine = Some(engine);
                Ok(JsValue::UNDEFINED)
            }
            Err(error) => to_js(&serde_json::json!({ "code": error.code(), "message": error.to_string() })),
        }
    }

    async fn engine_of(&self, file: &[u8], memory: Option<f64>) -> minke::Result<Engine> {
        self.gpu.limit_memory(memory.map(|bytes| bytes as u64));
        let gpu = async || Ok(self.gpu.clone());
        let text = |header: &Header| TextParts::from_metadata(&header.metadata);
        let mut file = Cursor::new(file);
        let loading = minke::model::load(&mut file, text, gpu, &self.options, js_sys::Date::now, |_| {});
        let (model, text, _) = loading.await?;
        Engine::new(&Rc::new(model), text).await
    }

    /// Buffers on the device.
    #[wasm_bindgen(js_name = liveBuffers)]
    pub fn live_buffers(&self) -> f64 {
        self.gpu.live_buffers() as f64
    }

    /// The reply to a request (JSON), or to `prompt` as it is; streamed and whole.
    pub async fn reply(&mut self, request: &str, prompt: Option<String>) -> Result<JsValue> {
        let request = ChatRequest::from_json(serde_json::from_str(request)?)?;
        let engine = self.engine.as_mut().ok_or_else(|| JsError::new("no model is loaded"))?;
        let prompt = match prompt {
            Some(text) => engine.raw_prompt(&text)?,
            None => {
                engine.chat_prompt(&request.chat, request.options.thinking, "2025-01-01T00:00:00".parse()?)?
            }
        };
        let mut streamed = String::new();
        let mut show = |delta: Delta| streamed += &delta.content;
        let done = engine.generate(prompt, &request.options, Control::new(0), &mut show).await?;
        to_js(&serde_json::json!({ "reply": done, "streamed": streamed }))
    }
}

/// One device, for the kernels of a tier.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GoldenKernels {
    gpu: Gpu,
    repack: Repack,
}

#[wasm_bindgen]
impl GoldenKernels {
    /// Opens the adapter; `options` are those of the package.
    pub async fn open(options: JsValue) -> Result<GoldenKernels> {
        let options: Options = serde_wasm_bindgen::from_value(options)?;
        let gpu = Gpu::request(&options.gpu).await?.with_tuning(options.model.tuning.unwrap_or_default());
        Ok(Self { repack: Repack::new(&gpu)?, gpu })
    }

    /// What the device really uses ([`minke::gpu::Caps`]).
    pub fn caps(&self) -> Result<JsValue> {
        to_js(self.gpu.caps())
    }

    /// Makes the pipelines of all kernels, as for a device with subgroups or without.
    pub async fn compile(self, subgroups: bool) -> Result<()> {
        Ok(texts::compile(&self.gpu.with_subgroups(subgroups), &self.repack).await?)
    }

    /// Three Float32Arrays of a matrix of `rows` x `cols` weights with the blocks `raw`: matvec of the first
    /// `cols` values of `x`, by [`RowTile::ALL`]`[row_tile]`, or of float weights another; matmul of all of `x`, a token each `cols` values; and the embeddings of as many
    /// tokens of the ids 0, 1, ..., `rows` - 1, 0, ...
    pub async fn run(
        &self,
        ty: &str,
        rows: u32,
        cols: u32,
        raw: Vec<u8>,
        x: Vec<f32>,
        row_tile: usize,
    ) -> Result<Array> {
        let gpu = &self.gpu;
        let ty = GgmlType::from_name(ty).ok_or_else(|| JsError::new(&format!("{ty} is no type")))?;
        let w = Matrix::new(gpu, cols, &[("golden", ty, rows)])?;
        for slab in &w.slabs {
            slab.parts.iter().for_each(|part| self.repack.run(gpu, slab, part, 0, &raw));
        }
        let tokens = x.len() as u32 / cols;
        let mut batch = vec![0; BATCH_HEADER];
        batch[1] = tokens;
        batch.extend((0..tokens).map(|t| t % rows));
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&batch))?;
        let tile = RowTile::ALL[row_tile];
        let tile = if w.has_floats() { RowTile::FLOATS[row_tile % 4] } else { tile };
        let one = match tile.form {
            Form::Floats => gpu.buffer_with("x", bytemuck::cast_slice(&x))?,
            Form::Fixed => gpu.buffer_with("x", bytemuck::cast_slice(&fixed::blocks(&x[..cols as usize])))?,
        };
        let x = gpu.buffer_with("x", bytemuck::cast_slice(&x))?;
        let y = gpu.buffer("y", 4 * u64::from(tokens * rows.max(cols)))?;
        let output = Output::to(&y);
        let results = Array::new();
        for (dispatches, n_tokens, n) in [
            (matvec_tiled(gpu, &w, &one, output, tile), 1, rows),
            (matmul(gpu, &w, Vectors::Floats, &x, &batch, output), tokens, tokens * rows),
            (embed(gpu, &w, &batch, &y), tokens, tokens * cols),
        ] {
            gpu.submit(&dispatches, n_tokens);
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&y, 4 * u64::from(n)).await?);
            results.push(&Float32Array::from(values.as_slice()));
        }
        Ok(results)
    }
}

/// The tokenizer of a GGUF file.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GoldenText {
    parts: TextParts,
}

#[wasm_bindgen]
impl GoldenText {
    /// Reads the header in `file`, the first bytes of a GGUF file, and builds tokenizer and template.
    #[wasm_bindgen(constructor)]
    pub fn new(file: &[u8]) -> Result<GoldenText> {
        let header =
            HeaderParser::default().push(file)?.ok_or_else(|| JsError::new("the header is not whole"))?;
        Ok(Self { parts: TextParts::from_metadata(&header.metadata)? })
    }

    /// `{ bos, eos, add_bos, end_ids }`.
    pub fn info(&self) -> Result<JsValue> {
        let tokenizer = &self.parts.tokenizer;
        to_js(&serde_json::json!({
            "bos": tokenizer.bos,
            "eos": tokenizer.eos,
            "add_bos": tokenizer.add_bos,
            "end_ids": tokenizer.end_ids(),
        }))
    }

    /// Ids of a text, its control tokens recognised (`parse`) or taken as text.
    pub fn encode(&self, text: &str, parse: bool) -> Result<Vec<u32>> {
        let special = if parse { Special::Parse } else { Special::Text };
        Ok(self.parts.tokenizer.encode(text, special)?)
    }

    /// The prompt that the file's template makes of a request (JSON) at a local time.
    pub fn prompt(&self, request: &str, add_generation_prompt: bool, now: &str) -> Result<String> {
        let request = ChatRequest::from_json(serde_json::from_str(request)?)?;
        Ok(self.parts.render(&request.chat, add_generation_prompt, now.parse()?)?)
    }

    /// The bytes of a token.
    pub fn bytes(&self, id: u32) -> Vec<u8> {
        self.parts.tokenizer.token_bytes(id)
    }
}

/// What a chat template makes of `context` (JSON) at a local time (`2025-01-01T00:00:00`).
#[wasm_bindgen]
pub fn render(template: &str, context: &str, now: &str) -> Result<String> {
    let context = serde_json::from_str(context)?;
    Ok(ChatTemplate::new(template).render(context, std::iter::empty(), now.parse()?)?.text())
}
