// silu(g) = g / (1 + exp(-g)); the exponent is cut at 80, where silu is 0 in f32 anyway.
fn silu(g: f32) -> f32 { return g / (1.0 + exp(min(-g, 80.0))); }
