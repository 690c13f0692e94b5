// What the innermost loop of a matvec does with a word of four weights, to see which way is faster: with bytes as in
// shared/dot_fixed.wgsl, or with floats as in shared/operand_floats.wgsl. Constants: BYTES, WORDS (a power of two),
// STEPS (so many that a browser's cost of a dispatch is little beside them).

@group(0) @binding(0) var<storage, read_write> words: array<u32>; // [WORDS]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = vec4(words[id.x % WORDS], words[1], words[2], words[3]);
    let v = vec4<f32>(x);
    var sums = vec3(0);
    var sum = 0.0;
    for (var i = 0u; i < STEPS; i++) {
        let w = words[(i + id.x) % WORDS];
        if (BYTES == 1u) {
            sums += vec3(dot4I8Packed(w, x.x), dot4I8Packed(w, x.y), dot4I8Packed(w, x.z));
        } else {
            sum += dot(signed(w), v);
        }
    }
    if (sums.x + sums.y + sums.z + i32(sum) == 1) { words[id.x % WORDS] = 0u; }
}
