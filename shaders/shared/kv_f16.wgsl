// A KV cache in half precision, packed, for which a device needs no f16. The kernel binds k_cache and v_cache:
// array<KvBlock>.
alias KvBlock = vec2<u32>;
const KV_VECS = 1u; // vectors of four values in a block
const LARGEST_HALF = vec4(65504.0);

fn half_vec(b: KvBlock) -> vec4<f32> { return vec4(unpack2x16float(b.x), unpack2x16float(b.y)); }
fn k_vec(i: u32) -> vec4<f32> { return half_vec(k_cache[i]); }
fn v_vec(i: u32) -> vec4<f32> { return half_vec(v_cache[i]); }

// Rounds to the nearest half by itself, because pack2x16float may as well cut off.
fn kv_block(v: array<vec4<f32>, KV_VECS>) -> KvBlock {
    let bits = bitcast<vec4<u32>>(clamp(v[0], -LARGEST_HALF, LARGEST_HALF));
    let h = bitcast<vec4<f32>>((bits + vec4(0xfffu) + ((bits >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u));
    return vec2(pack2x16float(h.xy), pack2x16float(h.zw));
}
