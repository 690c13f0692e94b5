// The 16 values of the non-linear 4-bit formats.
const IQ4_VALUES = array<f32, 16>(
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0);

fn iq4_values(i: vec4<u32>) -> vec4<f32> {
    var table = IQ4_VALUES;
    return vec4(table[i.x], table[i.y], table[i.z], table[i.w]);
}

fn iq4_quants(v: vec4<u32>) -> array<vec4<f32>, 8> {
    return array(
        iq4_values(nibbles(v, 0u)), iq4_values(nibbles(v, 1u)), iq4_values(nibbles(v, 2u)), iq4_values(nibbles(v, 3u)),
        iq4_values(nibbles(v, 4u)), iq4_values(nibbles(v, 5u)), iq4_values(nibbles(v, 6u)), iq4_values(nibbles(v, 7u)));
}
