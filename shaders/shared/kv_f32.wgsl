// Cached keys or values in f32. The names are those of keys or of values once `kv` and `KV` are `k` and `K`, or `v` and
// `V` (gpu/shader.rs); the kernel binds kv_cache: array<KvBlock>.
alias KvBlock = vec4<f32>;
const KV_VECS = 1u; // vectors of four values in a block

fn kv_vec(i: u32) -> vec4<f32> { return kv_cache[i]; }

fn kv_block(x: array<vec4<f32>, KV_VECS>) -> KvBlock { return x[0]; }
