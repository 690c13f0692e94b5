// Cached keys or values in half precision, packed, for which a device needs no f16. Names are as in kv_f32.wgsl.
alias KvBlock = vec2<u32>;
const KV_VECS = 1u; // vectors of four values in a block
const KV_LARGEST = vec4(65504.0);

fn kv_vec(i: u32) -> vec4<f32> { return vec4(unpack2x16float(kv_cache[i].x), unpack2x16float(kv_cache[i].y)); }

// Rounds to the nearest half by itself, because pack2x16float may as well cut off.
fn kv_block(x: array<vec4<f32>, KV_VECS>) -> KvBlock {
    let bits = bitcast<vec4<u32>>(clamp(x[0], -KV_LARGEST, KV_LARGEST));
    let h = bitcast<vec4<f32>>((bits + vec4(0xfffu) + ((bits >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u));
    return vec2(pack2x16float(h.xy), pack2x16float(h.zw));
}
