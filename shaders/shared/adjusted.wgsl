// The logits after bias, penalties and mask.

@group(0) @binding(1) var<storage, read> logits: array<f32>; // [n_vocab]
@group(0) @binding(2) var<storage, read> bias: array<u32>;   // [n_vocab], floats; then a bit a token: may it be chosen
@group(0) @binding(3) var<storage, read> counts: array<u32>; // [n_vocab], how often the reply has a token

const MASKED = 1e30; // as in src/sampler.rs: no token comes back from there, and a logit that is no number stays none

fn adjusted(id: u32) -> f32 {
    var l = logits[id];
    if (params.has_bias == 1u) { l += bitcast<f32>(bias[id]); }
    if (params.has_penalties == 1u && counts[id] > 0u) {
        l = select(l * params.repetition_penalty, l / params.repetition_penalty, l > 0.0);
        l -= params.presence_penalty + params.frequency_penalty * f32(counts[id]);
    }
    if (params.has_mask == 1u && ((bias[params.n_vocab + id / 32u] >> (id % 32u)) & 1u) == 0u) { l -= MASKED; }
    return l;
}
