// A KV cache in f32. The kernel binds k_cache and v_cache: array<KvBlock>.
alias KvBlock = vec4<f32>;
const KV_VECS = 1u; // vectors of four values in a block

fn k_vec(i: u32) -> vec4<f32> { return k_cache[i]; }
fn v_vec(i: u32) -> vec4<f32> { return v_cache[i]; }

fn kv_block(v: array<vec4<f32>, KV_VECS>) -> KvBlock { return v[0]; }
