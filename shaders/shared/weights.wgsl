// A quantised matrix after repack: planes in one buffer, seen as words and as 16-byte vectors.
// A chunk is 32 consecutive weights of a row; chunk n of a matrix is number row * (cols / 32) + c. A plane of B bits, up to 4,
// has B words a chunk: byte i of word w has elements 4 * (w + B * k) + i for all k, each at bit B * k.

struct Planes {
    wide: u32,   // first vec4<u32> of the widest plane (4-bit, 8-bit, 16-bit or 32-bit elements)
    two: u32,    // first word of the 2-bit plane
    one: u32,    // first word of the 1-bit plane
    scales: u32, // first word of the per-block words: scales, and quants that do not lie element by element
    narrow: u32,   // first word of the per-block scales of 16 or 8 bits, several a word
    grid: u32,   // first word of the grid, two entries a word
}

// 32 bytes: bytes 0 to 15, four a word, and 16 to 31.
struct Bytes {
    low: vec4<u32>,
    high: vec4<u32>,
}

// 32 weights: weight e is d[e / 16] * q[e] - m[e / 16], with q as signed bytes.
struct Chunk {
    q: Bytes,
    d: vec2<f32>,
    m: vec2<f32>,
}

// The same with q as floats, in vectors of 4: also the form of F32, F16 and BF16.
struct Floats {
    q: array<vec4<f32>, 8>,
    d: vec2<f32>,
    m: vec2<f32>,
}

fn floats(c: Chunk) -> Floats {
    let q = array(
        signed(c.q.low.x), signed(c.q.low.y), signed(c.q.low.z), signed(c.q.low.w),
        signed(c.q.high.x), signed(c.q.high.y), signed(c.q.high.z), signed(c.q.high.w));
    return Floats(q, c.d, c.m);
}

fn half_at(p: Planes, block: u32) -> f32 {
    return f16_bits((words[p.narrow + (block >> 1u)] >> (16u * (block & 1u))) & 0xffffu);
}

fn scale_byte(p: Planes, at: u32, i: u32) -> u32 {
    return (words[p.scales + at + (i >> 2u)] >> (8u * (i & 3u))) & 0xffu;
}

// The elements of the planes of 4, 2 and 1 bits.
fn fours(p: Planes, n: u32) -> Bytes {
    let v = wide[p.wide + n];
    return Bytes(v & vec4(0x0f0f0f0fu), (v >> vec4(4u)) & vec4(0x0f0f0f0fu));
}

fn twos(p: Planes, n: u32) -> Bytes {
    let v = vec2(words[p.two + 2u * n], words[p.two + 2u * n + 1u]).xyxy;
    return Bytes((v >> vec4(0u, 0u, 2u, 2u)) & vec4(0x03030303u), (v >> vec4(4u, 4u, 6u, 6u)) & vec4(0x03030303u));
}

fn ones(p: Planes, n: u32) -> Bytes {
    let v = vec4(words[p.one + n]);
    return Bytes((v >> vec4(0u, 1u, 2u, 3u)) & vec4(0x01010101u), (v >> vec4(4u, 5u, 6u, 7u)) & vec4(0x01010101u));
}

// Bytes of so many bits, and above those the ones of `upper`.
fn stacked(lower: Bytes, upper: Bytes, bits: u32) -> Bytes {
    return Bytes(lower.low | (upper.low << vec4(bits)), lower.high | (upper.high << vec4(bits)));
}

// Bytes of 0 to 127 minus a centre: a weight of 0 must stay 0 however large the value that it is multiplied by.
fn minus(v: vec4<u32>, centre: u32) -> vec4<u32> {
    let top = vec4(0x80808080u);
    return ((v | top) - vec4(centre * 0x01010101u)) ^ top;
}

fn centred(b: Bytes, centre: u32) -> Bytes {
    return Bytes(minus(b.low, centre), minus(b.high, centre));
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
