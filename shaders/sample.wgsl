// The reply's next token from its candidates, as src/sampler.rs defines it, and its way back into the batch. One
// workgroup of LANES; LANES / SPANS invocations walk the candidates of a span.
//
// Filters keep all candidates whose key is at least a threshold, found digit by digit from the masses of the 128
// values that a digit can have. Constants: RING and shared/sampling.wgsl's.

@group(0) @binding(1) var<storage, read> bests: array<Best>;            // [SPANS]
@group(0) @binding(2) var<storage, read> candidates: array<vec2<u32>>;  // [1 + n][SPANS]: how many; id and weight
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;      // [n_vocab], how often the reply has a token
@group(0) @binding(4) var<storage, read_write> batch: array<u32>;
@group(0) @binding(5) var<storage, read_write> sampled: array<u32>;     // [RING], by position

const KEY_BITS = 28u;
const DIGIT_BITS = 7u;
const DIGITS = 128u; // values of a digit

var<workgroup> mass_low: array<atomic<u32>, DIGITS>;
var<workgroup> mass_high: array<atomic<u32>, DIGITS>;
var<workgroup> found: u32;
var<workgroup> sums: array<vec2<f32>, LANES>;

fn candidate_count(lid: u32) -> u32 {
    return candidates[lid % SPANS].x;
}

// Number i of an invocation's span, id and weight.
fn candidate(i: u32, lid: u32) -> vec2<u32> {
    return candidates[(1u + i) * SPANS + lid % SPANS];
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

// In the order of the filters.
const BY_COUNT = 0u;   // largest weights first, each of mass 1
const BY_TYPICAL = 1u; // most typical first, each of its own mass
const BY_WEIGHT = 2u;  // largest weights first, each of its own mass

// The largest key down to which candidates have together a `share` of the mass of all, or are that many.
fn threshold(order: u32, share: f32, kept: Kept, lid: u32) -> u32 {
    let count = candidate_count(lid);
    var digits = 0u;     // found so far
    var above = 0.0;     // mass of larger digits, used by lane 0
    var target_mass = share; // lane 0 multiplies it by the mass of all
    for (var shift = i32(KEY_BITS - DIGIT_BITS); shift >= 0; shift -= i32(DIGIT_BITS)) {
        if (lid < DIGITS) {
            atomicStore(&mass_low[lid], 0u);
            atomicStore(&mass_high[lid], 0u);
        }
        workgroupBarrier();
        for (var i = lid / SPANS; i < count; i += LANES / SPANS) {
            let weight = candidate(i, lid).y;
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
    var kept = Kept(params.min_weight, 0u, 0.0, 0.0);
    // one call of threshold, as compilers copy it to each
    for (var order = BY_COUNT; order <= BY_WEIGHT; order++) {
        var share = params.top_k;
        var wanted = share > 0.0;
        if (order != BY_COUNT) {
            share = select(params.top_p, params.typical_p, order == BY_TYPICAL);
            wanted = share < 1.0;
        }
        if (!wanted) { continue; }
        if (order == BY_TYPICAL) {
            var sum = vec2(0.0); // of weights, and of weights times their logarithms
            let count = candidate_count(lid);
            for (var i = lid / SPANS; i < count; i += LANES / SPANS) {
                let weight = candidate(i, lid).y;
                if (weight >= kept.weight) { sum += f32(weight) * vec2(1.0, log(f32(weight))); }
            }
            sum = reduce_sums(lid, sum);
            kept.log_total = log(sum.x);
            kept.entropy = kept.log_total - sum.y / sum.x;
        }
        let key = threshold(order, share, kept, lid);
        if (order == BY_TYPICAL) {
            kept.typical = key;
        } else {
            kept.weight = max(kept.weight, weight_of_key(key));
        }
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

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lid: u32) {
    let position = batch_pos() + batch_row() + 1u;
    var best = NONE;
    if (lid < SPANS) { best = bests[lid]; }
    best = group_best(best, lid);
    if (params.temperature > 0.0) {
        let kept = filtered(lid);
        var first = Best(-1.0, 0u);
        let count = candidate_count(lid);
        for (var i = lid / SPANS; i < count; i += LANES / SPANS) {
            let c = candidate(i, lid);
            if (keeps(kept, c.y)) {
                first = better(first, Best(f32(c.y) / exponential(random(position, c.x)), c.x));
            }
        }
        first = group_best(first, lid);
        if (first.value < 0.0) { first.id = NOT_A_TOKEN; } // no candidate is left
        if (best.id != NOT_A_TOKEN) { best = first; }
    }
    if (lid == 0u) {
        sampled[position % RING] = best.id;
        let token = select(best.id, 0u, best.id == NOT_A_TOKEN);
        counts[token] += 1u;
        batch[0] = position;
        batch[1] = 1u;
        batch[2] = 0u;
        batch[4] = token;
    }
}
