// Q4_K: w = d * scale * q - dmin * minimum, a 6-bit scale and minimum for every 32 weights.
fn q4_k_chunk(p: Planes, n: u32) -> Chunk {
    let q = fours(p, n);
    let s = scale_min_k4(p, n);
    return Chunk(q, s.xx, s.yy);
}
