// Cached keys or values in GGML's Q8_0: 32 values of a head are integers from -127 to 127, times the largest magnitude
// among them over 127. Names are as in kv_f32.wgsl.
struct KvBlock { most: f32, quants: array<u32, 8> }
const KV_VECS = 8u; // vectors of four values in a block

fn kv_vec(i: u32) -> vec4<f32> {
    return kv_cache[i / KV_VECS].most * unpack4x8snorm(kv_cache[i / KV_VECS].quants[i % KV_VECS]);
}

fn kv_block(x: array<vec4<f32>, KV_VECS>) -> KvBlock {
    var most = vec4(0x1p-100f); // of zeros too it can be divided by
    for (var i = 0u; i < KV_VECS; i++) { most = max(most, abs(x[i])); }
    var block = KvBlock();
    block.most = max(max(most.x, most.y), max(most.z, most.w));
    for (var i = 0u; i < KV_VECS; i++) { block.quants[i] = pack4x8snorm(x[i] / block.most); }
    return block;
}
