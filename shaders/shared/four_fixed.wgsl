// Where a kernel leaves its results, a vector an invocation: in fixed point (fixed.wgsl), a block by eight of them.
// Constants: WORKGROUP.

@group(0) @binding(0) var<storage, read_write> y: array<u32>; // blocks of BLOCK * 4 words

var<workgroup> neighbours: array<vec4<f32>, WORKGROUP>;

// Vector i, where it exists; called by all invocations, of which eight neighbours have the vectors of a block.
fn store_four(i: u32, v: vec4<f32>, exists: bool, lid: u32) {
    workgroupBarrier(); // until all have read the last ones
    neighbours[lid] = v;
    workgroupBarrier();
    let first = lid & ~7u;
    var most = vec4(0.0);
    var magnitudes = vec4(0.0);
    var low = vec4(0.0);
    var high = vec4(0.0);
    for (var j = 0u; j < 4u; j++) {
        let a = neighbours[first + j];
        let b = neighbours[first + 4u + j];
        most = max(most, max(abs(a), abs(b)));
        magnitudes += abs(a) + abs(b);
        low += a;
        high += b;
    }
    if (!exists) { return; }
    let largest = largest_of_block(most);
    let u = numbers(v, largest);
    let at = 4u * BLOCK * (i / 8u);
    let j = lid & 7u;
    y[at + j] = plane(u, 16u);
    y[at + 8u + j] = plane(u, 8u);
    y[at + 16u + j] = plane(u, 0u);
    if (j < 4u) { y[at + 24u + j] = bitcast<u32>(header(largest, sum_of(low), sum_of(high), sum_of(magnitudes))[j]); }
}
