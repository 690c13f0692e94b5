// The logits after bias and penalties.

@group(0) @binding(1) var<storage, read> logits: array<f32>; // [n_vocab]
@group(0) @binding(2) var<storage, read> bias: array<f32>;   // [n_vocab]
@group(0) @binding(3) var<storage, read> counts: array<u32>; // [n_vocab], how often the reply has a token

fn adjusted(id: u32) -> f32 {
    var l = logits[id];
    if (params.has_bias == 1u) { l += bias[id]; }
    if (params.has_penalties == 1u && counts[id] > 0u) {
        l = select(l * params.repetition_penalty, l / params.repetition_penalty, l > 0.0);
        l -= params.presence_penalty + params.frequency_penalty * f32(counts[id]);
    }
    return l;
}
