// Half-precision scales, decoded by integer arithmetic: WGSL lets unpack2x16float and f16 flush
// subnormals to zero, and most block scales of real models are subnormal.

fn f16_bits(h: u32) -> f32 {
    let magnitude = h & 0x7fffu;
    let sign = (h & 0x8000u) << 16u;
    // exponent 0: mantissa * 2^-24, exact in f32; otherwise re-bias the exponent by 127 - 15
    let small = f32(magnitude) * 0x1p-24f;
    let value = select(bitcast<f32>((magnitude << 13u) + 0x38000000u), small, magnitude < 0x400u);
    return bitcast<f32>(bitcast<u32>(value) | sign);
}

fn f16_low(w: u32) -> f32 { return f16_bits(w & 0xffffu); }
fn f16_high(w: u32) -> f32 { return f16_bits(w >> 16u); }
