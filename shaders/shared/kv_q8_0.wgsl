// A KV cache in GGML's Q8_0: 32 values of a head are integers from -127 to 127, times the largest magnitude among them
// over 127. The kernel binds k_cache and v_cache: array<KvBlock>.
struct KvBlock { most: f32, quants: array<u32, 8> }
const KV_VECS = 8u; // vectors of four values in a block

fn k_vec(i: u32) -> vec4<f32> {
    return k_cache[i / KV_VECS].most * unpack4x8snorm(k_cache[i / KV_VECS].quants[i % KV_VECS]);
}
fn v_vec(i: u32) -> vec4<f32> {
    return v_cache[i / KV_VECS].most * unpack4x8snorm(v_cache[i / KV_VECS].quants[i % KV_VECS]);
}

fn kv_block(v: array<vec4<f32>, KV_VECS>) -> KvBlock {
    var most = vec4(0x1p-100f); // of zeros too it can be divided by
    for (var i = 0u; i < KV_VECS; i++) { most = max(most, abs(v[i])); }
    var block = KvBlock();
    block.most = max(max(most.x, most.y), max(most.z, most.w));
    for (var i = 0u; i < KV_VECS; i++) { block.quants[i] = pack4x8snorm(v[i] / block.most); }
    return block;
}
