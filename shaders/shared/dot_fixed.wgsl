// The product of a chunk of weights and a block of activations in fixed point (fixed.wgsl). Generated: HALVES, whether a
// chunk's halves may have scales of their own.

fn sum_of_products(w: vec4<u32>, x: vec4<u32>) -> i32 {
    return dot4I8Packed(w.x, x.x) + dot4I8Packed(w.y, x.y) + dot4I8Packed(w.z, x.z) + dot4I8Packed(w.w, x.w);
}

// 65536 a + 256 b + c, where the first two fit i32 together.
fn joined(a: i32, b: i32, c: i32) -> f32 {
    return 256.0 * f32(256 * a + b) + f32(c);
}

fn dot_fixed(w: Chunk, x: array<vec4<u32>, BLOCK>) -> f32 {
    let a = vec2(sum_of_products(w.q.low, x[0]), sum_of_products(w.q.high, x[1]));
    let b = vec2(sum_of_products(w.q.low, x[2]), sum_of_products(w.q.high, x[3]));
    let c = vec2(sum_of_products(w.q.low, x[4]), sum_of_products(w.q.high, x[5]));
    let header = bitcast<vec4<f32>>(x[6]);
    var sum = 0.0;
    if (HALVES) {
        sum = w.d.x * joined(a.x, b.x, c.x) + w.d.y * joined(a.y, b.y, c.y);
    } else {
        sum = w.d.x * joined(a.x + a.y, b.x + b.y, c.x + c.y);
    }
    return header.x * sum - dot(w.m, header.yz);
}
