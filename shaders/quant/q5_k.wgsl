// Q5_K: as Q4_K with a fifth bit.
fn q5_k_chunk(p: Planes, n: u32) -> Chunk {
    let s = scale_min_k4(p, n);
    return Chunk(quants5(p, n, 0.0), s.xx, s.yy);
}
