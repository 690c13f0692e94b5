// TQ1_0: w = d * (q - 1), q in 0, 1, 2. A byte is a fraction of 256 with five ternary digits: multiplying by 3 moves the
// next digit in front of the point. Digit 0 of 32 bytes comes first, then digit 1, ...; so with the next 16 bytes,
// and so, without digit 4, with the last 4.
fn tq1_0_digits(at: u32, e: u32) -> u32 {
    var word = (e & 31u) >> 2u;
    var digit = e >> 5u;
    if (e >= 160u) {
        word = 8u + ((e & 15u) >> 2u);
        digit = (e - 160u) >> 4u;
    }
    if (e >= 240u) {
        word = 12u;
        digit = (e & 15u) >> 2u;
    }
    let power = select((0x1b090301u >> (8u * digit)) & 0xffu, 81u, digit == 4u); // 3 to the digit
    let fraction = (bytes(words[at + word]) * power) & vec4(0xffu);
    return packed((3u * fraction) >> vec4(8u));
}

fn tq1_0_chunk(p: Planes, n: u32) -> Chunk {
    let at = p.scales + 13u * (n >> 3u);
    let e = 32u * (n & 7u);
    let low = vec4(
        tq1_0_digits(at, e), tq1_0_digits(at, e + 4u), tq1_0_digits(at, e + 8u), tq1_0_digits(at, e + 12u));
    let high = vec4(
        tq1_0_digits(at, e + 16u), tq1_0_digits(at, e + 20u), tq1_0_digits(at, e + 24u), tq1_0_digits(at, e + 28u));
    let q = centred(Bytes(low, high), 1u);
    return Chunk(q, vec2(half_at(p, n >> 3u)), vec2(0.0));
}
