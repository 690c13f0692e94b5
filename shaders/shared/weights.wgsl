// A quantised matrix after repack: planes in one buffer, seen as words and as 16-byte vectors.
// A chunk is 32 consecutive weights of a row; chunk n of a matrix is number row * (cols / 32) + c.

struct Planes {
    wide: u32,   // first vec4<u32> of the widest plane (4-bit, 8-bit, 16-bit or 32-bit elements)
    two: u32,    // first word of the 2-bit plane: 2 words a chunk, element e at word e / 16, bit 2 * (e % 16)
    one: u32,    // first word of the 1-bit plane: 1 word a chunk, element e at bit e
    scales: u32, // first word of the per-block words: scales, and quants that do not lie element by element
    narrow: u32,   // first word of the per-block scales of 16 or 8 bits, several a word
    grid: u32,   // first word of the grid, two entries a word
}

// 32 weights: weight e is d[e / 16] * q[e] - m[e / 16], with q as vectors of 4.
struct Chunk {
    q: array<vec4<f32>, 8>,
    d: vec2<f32>,
    m: vec2<f32>,
}

const BYTE_SHIFT = vec4<u32>(0u, 8u, 16u, 24u);

fn bytes(w: u32) -> vec4<u32> {
    return (vec4(w) >> BYTE_SHIFT) & vec4(0xffu);
}

fn half_at(p: Planes, block: u32) -> f32 {
    return f16_bits((words[p.narrow + (block >> 1u)] >> (16u * (block & 1u))) & 0xffffu);
}

fn scale_byte(p: Planes, at: u32, i: u32) -> u32 {
    return (words[p.scales + at + (i >> 2u)] >> (8u * (i & 3u))) & 0xffu;
}

// 4-bit plane: one vec4<u32> a chunk, element e < 16 in the low nibble of byte e, e + 16 in the high one.
fn nibbles(v: vec4<u32>, j: u32) -> vec4<u32> {
    return (vec4(v[j & 3u]) >> (BYTE_SHIFT + vec4(j & 4u))) & vec4(15u);
}

fn twos(p: Planes, n: u32, j: u32) -> vec4<u32> {
    return (vec4(words[p.two + 2u * n + (j >> 2u)]) >> (vec4(0u, 2u, 4u, 6u) + vec4(8u * (j & 3u)))) & vec4(3u);
}

fn ones(p: Planes, n: u32, j: u32) -> vec4<u32> {
    return (vec4(words[p.one + n]) >> (vec4(0u, 1u, 2u, 3u) + vec4(4u * j))) & vec4(1u);
}

// The eight vectors of a 4-bit chunk, minus a centre.
fn quants4(v: vec4<u32>, centre: f32) -> array<vec4<f32>, 8> {
    let c = vec4(centre);
    return array(
        vec4<f32>(nibbles(v, 0u)) - c, vec4<f32>(nibbles(v, 1u)) - c,
        vec4<f32>(nibbles(v, 2u)) - c, vec4<f32>(nibbles(v, 3u)) - c,
        vec4<f32>(nibbles(v, 4u)) - c, vec4<f32>(nibbles(v, 5u)) - c,
        vec4<f32>(nibbles(v, 6u)) - c, vec4<f32>(nibbles(v, 7u)) - c);
}

fn five(p: Planes, n: u32, v: vec4<u32>, j: u32, c: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(nibbles(v, j) | (ones(p, n, j) << vec4(4u))) - c;
}

// 4-bit plane plus 1-bit plane.
fn quants5(p: Planes, n: u32, centre: f32) -> array<vec4<f32>, 8> {
    let v = wide[p.wide + n];
    let c = vec4(centre);
    return array(
        five(p, n, v, 0u, c), five(p, n, v, 1u, c), five(p, n, v, 2u, c), five(p, n, v, 3u, c),
        five(p, n, v, 4u, c), five(p, n, v, 5u, c), five(p, n, v, 6u, c), five(p, n, v, 7u, c));
}

// The 6-bit scale and minimum of sub-block s in Q4_K and Q5_K, times d and dmin.
fn scale_min_k4(p: Planes, n: u32) -> vec2<f32> {
    let at = p.scales + 4u * (n >> 3u);
    let s = n & 7u;
    let d = words[at];
    let i = s & 3u;
    let low = (words[at + 1u] >> (8u * i)) & 0xffu;
    let mid = (words[at + 2u] >> (8u * i)) & 0xffu;
    let high = (words[at + 3u] >> (8u * i)) & 0xffu;
    let scale = select((high & 15u) | ((low >> 6u) << 4u), low & 63u, s < 4u);
    let minimum = select((high >> 4u) | ((mid >> 6u) << 4u), mid & 63u, s < 4u);
    return vec2(f16_low(d) * f32(scale), f16_high(d) * f32(minimum));
}
