// Q5_K: as Q4_K with a fifth bit.
fn q5_k_chunk(p: Planes, n: u32) -> Chunk {
    let q = stacked(fours(p, n), ones(p, n), 4u);
    let s = scale_min_k4(p, n);
    return Chunk(q, s.xx, s.yy);
}
