// Activations in fixed point: blocks of 32 values, value = scale * (65536 a + 256 b + c) with signed bytes a, b and c. The
// largest value of a block keeps 23 bits, as in f32, and products with a chunk of weights are sums of bytes, exact in i32.
// A block is 7 vectors: the bytes a, b and c of the 32, then scale, sum of the first 16, sum of the others, and 1 where the
// largest value is an outlier, more than 6 times the mean magnitude: then c is of weight, even for a prompt.

const BLOCK = 7u;
const LIMIT = 8355708.0; // 65536 * 127 + 256 * 127 + 127, and room for rounding

// The bytes at `shift` of vectors that were made unsigned by 0x808080, signed again.
fn plane(u: array<vec4<u32>, 4>, shift: u32) -> vec4<u32> {
    let s = vec4(shift);
    return vec4(packed(u[0] >> s), packed(u[1] >> s), packed(u[2] >> s), packed(u[3] >> s)) ^ vec4(0x80808080u);
}

fn fixed_block(v: array<vec4<f32>, 8>) -> array<vec4<u32>, BLOCK> {
    var most = abs(v[0]);
    for (var i = 1u; i < 8u; i++) { most = max(most, abs(v[i])); }
    let largest = max(max(max(most.x, most.y), max(most.z, most.w)), 1e-30);
    let by = LIMIT / largest;
    var low: array<vec4<u32>, 4>;
    var high: array<vec4<u32>, 4>;
    for (var i = 0u; i < 4u; i++) {
        low[i] = vec4<u32>(vec4<i32>(round(by * v[i])) + vec4(0x808080));
        high[i] = vec4<u32>(vec4<i32>(round(by * v[i + 4u])) + vec4(0x808080));
    }
    let sums = vec2(dot(v[0] + v[1] + v[2] + v[3], vec4(1.0)), dot(v[4] + v[5] + v[6] + v[7], vec4(1.0)));
    var magnitudes = abs(v[0]);
    for (var i = 1u; i < 8u; i++) { magnitudes += abs(v[i]); }
    let outlier = select(0.0, 1.0, largest > 6.0 / 32.0 * dot(magnitudes, vec4(1.0)));
    return array(
        plane(low, 16u), plane(high, 16u), plane(low, 8u), plane(high, 8u), plane(low, 0u), plane(high, 0u),
        bitcast<vec4<u32>>(vec4(largest / LIMIT, sums, outlier)));
}
