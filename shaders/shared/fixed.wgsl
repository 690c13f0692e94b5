// Activations in fixed point: blocks of 32 values, value = scale * (65536 a + 256 b + c) with signed bytes a, b and c. The
// largest value of a block keeps 23 bits, as in f32, and products with a chunk of weights are sums of bytes, exact in i32.
// A block is 7 vectors: the bytes a, b and c of the 32, then scale, sum of the first 16, sum of the others, and 1 where the
// largest value is an outlier, more than 16 times the mean magnitude: then c is of weight, even for a prompt.

const BLOCK = 7u;
const LIMIT = 8355708.0; // 65536 * 127 + 256 * 127 + 127, and room for rounding

// Numbers of three bytes, made unsigned by 0x808080.
fn numbers(v: vec4<f32>, largest: f32) -> vec4<u32> {
    return vec4<u32>(vec4<i32>(round(LIMIT / largest * v)) + vec4(0x808080));
}

// Their bytes at `shift`, signed again.
fn plane(u: vec4<u32>, shift: u32) -> u32 {
    return packed(u >> vec4(shift)) ^ 0x80808080u;
}

fn planes(u: array<vec4<u32>, 4>, shift: u32) -> vec4<u32> {
    return vec4(plane(u[0], shift), plane(u[1], shift), plane(u[2], shift), plane(u[3], shift));
}

fn sum_of(v: vec4<f32>) -> f32 { return dot(v, vec4(1.0)); }

// The header of a block with such a largest value and sums of halves and of magnitudes.
fn header(largest: f32, low: f32, high: f32, magnitudes: f32) -> vec4<f32> {
    return vec4(largest / LIMIT, low, high, select(0.0, 1.0, largest > 16.0 / 32.0 * magnitudes));
}

fn largest_of_block(most: vec4<f32>) -> f32 {
    return max(max(max(most.x, most.y), max(most.z, most.w)), 1e-30);
}

fn fixed_block(v: array<vec4<f32>, 8>) -> array<vec4<u32>, BLOCK> {
    var most = abs(v[0]);
    var magnitudes = most;
    for (var i = 1u; i < 8u; i++) {
        most = max(most, abs(v[i]));
        magnitudes += abs(v[i]);
    }
    let largest = largest_of_block(most);
    var low: array<vec4<u32>, 4>;
    var high: array<vec4<u32>, 4>;
    for (var i = 0u; i < 4u; i++) {
        low[i] = numbers(v[i], largest);
        high[i] = numbers(v[i + 4u], largest);
    }
    let sums = vec2(sum_of(v[0] + v[1] + v[2] + v[3]), sum_of(v[4] + v[5] + v[6] + v[7]));
    return array(
        planes(low, 16u), planes(high, 16u), planes(low, 8u), planes(high, 8u), planes(low, 0u), planes(high, 0u),
        bitcast<vec4<u32>>(header(largest, sums.x, sums.y, sum_of(magnitudes))));
}
