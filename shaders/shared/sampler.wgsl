// What the kernels of sampling share: the reply's parameters, and the best of a workgroup. The vocabulary is cut into SPANS
// spans: blocks of BLOCK tokens in turns, because its first tokens are its likeliest. Constants: LANES (of a workgroup, a
// multiple of 16), SPANS, BLOCK, NOT_A_TOKEN.

struct Params {
    temperature: f32, // 0: greedy
    top_p: f32,
    typical_p: f32,
    top_k: f32,       // 0: off
    min_weight: u32,  // at least 1
    seed_low: u32,
    seed_high: u32,
    repetition_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    has_penalties: u32,
    has_bias: u32,
    n_vocab: u32, // no constant, so that the self-test and the model share what is compiled
    has_mask: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;

// A token, or NOT_A_TOKEN where a logit is no finite number, which nothing is better than.
struct Best {
    value: f32,
    id: u32,
}

const NONE = Best(-3.4e38, 0u);

// The larger value, of equals the lower id.
fn better(a: Best, b: Best) -> Best {
    let other = a.id != NOT_A_TOKEN && (b.id == NOT_A_TOKEN || b.value > a.value || (b.value == a.value && b.id < a.id));
    return Best(select(a.value, b.value, other), select(a.id, b.id, other));
}

var<workgroup> contenders: array<Best, LANES>;

// The best of a workgroup, the same in every invocation.
fn group_best(own: Best, lid: u32) -> Best {
    workgroupBarrier();
    contenders[lid] = own;
    workgroupBarrier();
    var best = own;
    if (lid % 16u == 0u) {
        for (var i = lid + 1u; i < lid + 16u; i++) { best = better(best, contenders[i]); }
        contenders[lid] = best;
    }
    workgroupBarrier();
    if (lid == 0u) {
        for (var i = 16u; i < LANES; i += 16u) { best = better(best, contenders[i]); }
        contenders[0] = best;
    }
    workgroupBarrier();
    return contenders[0];
}
