//! RoPE, head norms, the KV cache and attention.

use super::{Case, Random, Values, batch, case, doubles, floats, most};
use crate::Result;
use crate::config::{Architecture, ModelConfig};
use crate::gpu::{Buffer, Dots, Extent, Gpu};
use crate::kernels::attention::attention;
use crate::kernels::decode_attention::{combine, decode_attention, partial_bytes};
use crate::kernels::fixed::Form;
use crate::kernels::rope::{self, HeadBuffers, Heads, rope};
use crate::kv_type::{KvType, KvTypes};
use crate::model::program;
use crate::reference;

/// Tokens of two batches, the second of which crosses a multiple of 64 and of 256 and attends to the first, and of one
/// token after them.
const BATCHES: [usize; 3] = [230, 40, 1];
const LAST: usize = BATCHES[0] + BATCHES[1];
const POSITIONS: usize = LAST + 1;

/// RoPE with head norms, the KV cache, and attention, with the model's own heads: so the kernels are the model's, and are
/// compiled once for both.
pub fn heads(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    many: Form,
    random: &mut Random,
) -> Result<Vec<Case>> {
    let shape = program::heads(config, kv);
    let row = (shape.n_head + 2 * shape.n_kv_head) * shape.head_dim;
    let norms = config.architecture == Architecture::Qwen3;
    let inputs = HeadInputs {
        config,
        shape,
        row,
        qkv: random.floats(POSITIONS * row),
        norms: norms.then(|| (random.floats(shape.head_dim), random.floats(shape.head_dim))),
        inv_freq: config.rope.inv_freq(None),
    };
    let form = if gpu.caps().tuning.dots == Dots::Bytes { Form::Fixed } else { Form::Floats };
    let many_form = if shape.in_blocks() { many } else { Form::Floats };
    let [many, one] = inputs.submit(gpu, many_form, form)?;
    // The twin keeps keys and values as the cache does, but one at the middle between two that the cache can keep may
    // become either; an output is a mean over more than 200 positions, and so far less than that step off.
    let bound = 1e-4 + reference::kv::step(kv.keys).max(reference::kv::step(kv.values));
    let case = |kernel: &str, output: &Buffer, first_position: usize, position: usize, h: usize| {
        let want = inputs.expected(position, h);
        let scale = most(&want, shape.head_dim);
        let first = ((position - first_position) * shape.n_head + h) * shape.head_dim;
        Case { first, ..case(kernel, output.clone(), want, scale, bound) }
    };
    // query heads of the first and the last group, at the ends of the second batch
    let last = shape.n_head - 1;
    let ends = [(BATCHES[0], 0), (LAST - 1, last / 2), (LAST - 1, last)];
    let many = ends.map(|(position, h)| Case {
        values: Values::of(many_form),
        ..case("rope and attention", &many, BATCHES[0], position, h)
    });
    let one = [0, last].map(|h| Case {
        values: Values::of(form),
        ..case("decode_attention and combine", &one, LAST, LAST, h)
    });
    Ok(many.into_iter().chain(one).collect())
}

struct HeadInputs<'a> {
    config: &'a ModelConfig,
    shape: Heads,
    /// Values of a token's `[q | k | v]`.
    row: usize,
    /// `[POSITIONS][row]`.
    qkv: Vec<f32>,
    norms: Option<(Vec<f32>, Vec<f32>)>,
    inv_freq: Vec<f64>,
}

impl HeadInputs<'_> {
    /// Puts all batches into the cache. Attention's output for the last two, `[tokens][n_head][head_dim]`.
    fn submit(&self, gpu: &Gpu, many_form: Form, form: Form) -> Result<[Buffer; 2]> {
        let (shape, config) = (self.shape, self.config);
        let table = floats(gpu, "table", &rope::table(&self.inv_freq, config.rope.mscale, POSITIONS))?;
        let cache = |what: &str, position: u64| gpu.buffer(what, POSITIONS as u64 * position);
        let (k_cache, v_cache) = (cache("keys", shape.key_bytes())?, cache("values", shape.value_bytes())?);
        let heads = |n: usize| gpu.buffer("out", 4 * (n * shape.n_head * shape.head_dim) as u64);
        let (many, one) = (heads(BATCHES[1])?, heads(1)?);
        let partial = gpu.buffer("parts", partial_bytes(shape, POSITIONS))?;
        let norms = match &self.norms {
            Some((q, k)) => Some((floats(gpu, "q norm", q)?, floats(gpu, "k norm", k)?)),
            None => None,
        };
        let params = program::rope_params(config);
        let mut pos = 0;
        for n in BATCHES {
            let qkv = floats(gpu, "qkv", &self.qkv[pos * self.row..][..n * self.row])?;
            let batch = batch(gpu, pos, n)?;
            let buffers = HeadBuffers {
                table: &table,
                batch: &batch,
                head_norms: norms.as_ref().map(|(q, k)| (q, k)),
                qkv: &qkv,
                k_cache: &k_cache,
                v_cache: &v_cache,
            };
            let extent = Extent { tokens: n as u32, positions: (pos + n) as u32 };
            if pos == LAST {
                let attend = decode_attention(gpu, shape, params, buffers, &partial);
                gpu.submit([&attend, &combine(gpu, shape, form, [&partial, &batch, &one])], extent);
            } else {
                gpu.submit([&rope(gpu, shape, params, buffers)], extent);
            }
            if pos == BATCHES[0] {
                let attend = attention(gpu, shape, many_form, [&qkv, &k_cache, &v_cache, &batch, &many]);
                gpu.submit([&attend], extent);
            }
            pos += n;
        }
        Ok([many, one])
    }

    /// Head `h` of position `p` as attention sees it; query heads come first, then key heads, then value heads.
    fn head(&self, p: usize, h: usize) -> Vec<f64> {
        let (shape, rope) = (self.shape, &self.config.rope);
        let mut head = doubles(&self.qkv[p * self.row + h * shape.head_dim..][..shape.head_dim]);
        if h >= shape.n_head + shape.n_kv_head {
            return head;
        }
        if let Some((q, k)) = &self.norms {
            let weight = if h < shape.n_head { q } else { k };
            head = reference::rms_norm::rms_norm(&head, weight, self.config.rms_eps);
        }
        reference::rope::rope(&mut head, p, &self.inv_freq, rope.mscale, rope.neox);
        head
    }

    fn expected(&self, p: usize, h: usize) -> Vec<f64> {
        let Heads { n_head, n_kv_head, kv, .. } = self.shape;
        let key = n_head + h / (n_head / n_kv_head);
        let all = |kv: KvType, h: usize| -> Vec<f64> {
            (0..=p).flat_map(|p| reference::kv::kept(kv, &self.head(p, h))).collect()
        };
        let (keys, values) = (all(kv.keys, key), all(kv.values, key + n_kv_head));
        reference::attention::attention(&self.head(p, h), &keys, &values)
    }
}
