// The reply's next token, as src/sampler.rs defines it, and its way back into the batch. One workgroup of 256.
//
// Filters keep all candidates whose key is at least a threshold, found digit by digit from the masses of the 128
// values that a digit can have. Constants: RING.

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
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;         // [n_vocab]
@group(0) @binding(2) var<storage, read> bias: array<f32>;           // [n_vocab]
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;   // [n_vocab], how often the reply has a token
@group(0) @binding(4) var<storage, read_write> weights: array<u32>;  // [n_vocab], scratch
@group(0) @binding(5) var<storage, read_write> batch: array<u32>;
@group(0) @binding(6) var<storage, read_write> sampled: array<u32>;  // [RING], by position

const LANES = 256u;
const KEY_BITS = 28u;
const DIGIT_BITS = 7u;
const DIGITS = 128u; // values of a digit
const NOT_A_TOKEN = 0xffffffffu;

var<workgroup> mass_low: array<atomic<u32>, DIGITS>;
var<workgroup> mass_high: array<atomic<u32>, DIGITS>;
var<workgroup> found: u32;
var<workgroup> broken: atomic<u32>; // a logit is no finite number
var<workgroup> best_value: array<f32, LANES>;
var<workgroup> best_id: array<u32, LANES>;
var<workgroup> sums: array<vec2<f32>, LANES>;

fn adjusted(id: u32) -> f32 {
    var l = logits[id];
    if (params.has_bias == 1u) { l += bias[id]; }
    if (params.has_penalties == 1u && counts[id] > 0u) {
        l = select(l * params.repetition_penalty, l / params.repetition_penalty, l > 0.0);
        l -= params.presence_penalty + params.frequency_penalty * f32(counts[id]);
    }
    return l;
}

// The lane with the largest value, of equals the lowest id, comes to lane 0.
fn reduce_best(lid: u32, value: f32, id: u32) {
    best_value[lid] = value;
    best_id[lid] = id;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lid < half) {
            let other = best_value[lid + half];
            let other_id = best_id[lid + half];
            if (other > best_value[lid] || (other == best_value[lid] && other_id < best_id[lid])) {
                best_value[lid] = other;
                best_id[lid] = other_id;
            }
        }
    }
    workgroupBarrier();
}

fn reduce_sums(lid: u32, value: vec2<f32>) -> vec2<f32> {
    sums[lid] = value;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lid < half) { sums[lid] += sums[lid + half]; }
    }
    workgroupBarrier();
    return sums[0];
}

// What is kept so far, and what `typical_p` measures by.
struct Kept {
    weight: u32,    // the lowest weight
    typical: u32,   // the lowest typicality; 0 before that filter
    log_total: f32,
    entropy: f32,
}

// A positive integer of at most 24 significant bits -> 28 bits in the same order: those of its float.
fn weight_key(weight: u32) -> u32 {
    return bitcast<u32>(f32(weight)) - 0x3f800000u;
}

fn typicality(weight: u32, kept: Kept) -> u32 {
    let oddness = abs(kept.log_total - log(f32(weight)) - kept.entropy);
    return 0x0fffffffu - u32(min(oddness, 63.0) * 0x1p22f);
}

fn keeps(kept: Kept, weight: u32) -> bool {
    return weight >= kept.weight && (kept.typical == 0u || typicality(weight, kept) >= kept.typical);
}

const BY_COUNT = 0u;   // largest weights first, each of mass 1
const BY_WEIGHT = 1u;  // largest weights first, each of its own mass
const BY_TYPICAL = 2u; // most typical first, each of its own mass

// The largest key down to which candidates have together a `share` of the mass of all, or are that many.
fn threshold(order: u32, share: f32, kept: Kept, lid: u32) -> u32 {
    let n_vocab = params.n_vocab;
    var digits = 0u;     // found so far
    var above = 0.0;     // mass of larger digits, used by lane 0
    var target_mass = share; // lane 0 multiplies it by the mass of all
    for (var shift = i32(KEY_BITS - DIGIT_BITS); shift >= 0; shift -= i32(DIGIT_BITS)) {
        if (lid < DIGITS) {
            atomicStore(&mass_low[lid], 0u);
            atomicStore(&mass_high[lid], 0u);
        }
        workgroupBarrier();
        for (var id = lid; id < n_vocab; id += LANES) {
            let weight = weights[id];
            if (!keeps(kept, weight)) { continue; }
            var key = weight_key(weight);
            if (order == BY_TYPICAL) { key = typicality(weight, kept); }
            let rest = key >> u32(shift);
            if ((rest >> DIGIT_BITS) != digits) { continue; }
            let mass = select(weight, 1u, order == BY_COUNT);
            let before = atomicAdd(&mass_low[rest & (DIGITS - 1u)], mass);
            if (before + mass < before) { atomicAdd(&mass_high[rest & (DIGITS - 1u)], 1u); } // the carry
        }
        workgroupBarrier();
        if (lid == 0u) {
            if (shift == i32(KEY_BITS - DIGIT_BITS) && order != BY_COUNT) {
                var total = 0.0;
                for (var digit = 0u; digit < DIGITS; digit++) { total += mass_of(digit); }
                target_mass *= total;
            }
            var digit = DIGITS - 1u;
            for (; digit > 0u; digit--) {
                let mass = mass_of(digit);
                if (above + mass >= target_mass) { break; }
                above += mass;
            }
            found = (digits << DIGIT_BITS) | digit;
        }
        digits = workgroupUniformLoad(&found);
    }
    return digits;
}

fn mass_of(digit: u32) -> f32 {
    return f32(atomicLoad(&mass_high[digit])) * 0x1p32f + f32(atomicLoad(&mass_low[digit]));
}

// The weight with this key.
fn weight_of_key(key: u32) -> u32 {
    return u32(bitcast<f32>(key + 0x3f800000u));
}

fn filtered(lid: u32) -> Kept {
    let n_vocab = params.n_vocab;
    var kept = Kept(params.min_weight, 0u, 0.0, 0.0);
    if (params.top_k > 0.0) {
        kept.weight = max(kept.weight, weight_of_key(threshold(BY_COUNT, params.top_k, kept, lid)));
    }
    if (params.typical_p < 1.0) {
        var sum = vec2(0.0); // of weights, and of weights times their logarithms
        for (var id = lid; id < n_vocab; id += LANES) {
            let weight = weights[id];
            if (weight >= kept.weight) { sum += f32(weight) * vec2(1.0, log(f32(weight))); }
        }
        sum = reduce_sums(lid, sum);
        kept.log_total = log(sum.x);
        kept.entropy = kept.log_total - sum.y / sum.x;
        kept.typical = threshold(BY_TYPICAL, params.typical_p, kept, lid);
    }
    if (params.top_p < 1.0) {
        kept.weight = max(kept.weight, weight_of_key(threshold(BY_WEIGHT, params.top_p, kept, lid)));
    }
    return kept;
}

// pcg4d (Jarzynski & Olano 2020), its first word.
fn random(position: u32, id: u32) -> u32 {
    var v = vec4(params.seed_low, params.seed_high, position, id) * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4(16u);
    return v.x + v.y * v.w;
}

// The race's time: an exponential variate. Near 0, where WGSL's log is inexact, by its series.
fn exponential(bits: u32) -> f32 {
    let u = (f32(bits) + 0.5) * 0x1p-32f;
    if (u < 0x1p-6f) { return u + u * u * (0.5 + u / 3.0); }
    return -log(1.0 - min(u, 0x1.fffffep-1f));
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lid: u32) {
    let n_vocab = params.n_vocab;
    let position = batch_pos() + batch_row() + 1u;
    var value = -3.4e38;
    var token = 0u;
    for (var id = lid; id < n_vocab; id += LANES) {
        let l = adjusted(id);
        if ((bitcast<u32>(l) & 0x7f800000u) == 0x7f800000u) { atomicStore(&broken, 1u); }
        if (l > value) {
            value = l;
            token = id;
        }
    }
    reduce_best(lid, value, token);
    if (params.temperature > 0.0) {
        let best = best_value[0];
        for (var id = lid; id < n_vocab; id += LANES) {
            weights[id] = u32(exp((adjusted(id) - best) / params.temperature) * 0x1p31f);
        }
        let kept = filtered(lid);
        value = -1.0;
        for (var id = lid; id < n_vocab; id += LANES) {
            let weight = weights[id];
            if (!keeps(kept, weight)) { continue; }
            let score = f32(weight) / exponential(random(position, id));
            if (score > value) {
                value = score;
                token = id;
            }
        }
        workgroupBarrier();
        reduce_best(lid, value, token);
    }
    if (lid == 0u) {
        token = best_id[0];
        counts[token] += 1u;
        batch[0] = position;
        batch[1] = 1u;
        batch[2] = 0u;
        batch[4] = token;
        sampled[position % RING] = select(token, NOT_A_TOKEN, atomicLoad(&broken) == 1u);
    }
}
