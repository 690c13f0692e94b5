//! All WGSL that Rust writes, but for constants: what depends on a matrix's formats, and on the types of the KV cache.

use super::fixed::Form;
use super::matrix::{Part, Slab};
use crate::gpu::shader::shared;
use crate::kv_type::{KvType, KvTypes};
use crate::quant::{CHUNK, Layout, Planes};
use std::fmt::Write;

/// What a kernel over a slab needs: the unpack functions of the parts' formats, `unpack(part, row, c)` or, for activations in
/// fixed point, `chunk(part, row, c)`, and, for workgroups of `tile` rows of `together` parts at once, `part_of(workgroup)`:
/// the first of them.
pub fn unpack(slab: &Slab, cols: u32, tile: u32, together: usize, form: Form) -> String {
    let stems = layouts(slab);
    let mut text = files(&stems);
    text.push_str("struct Part { index: u32, rows: u32, out: u32, first_group: u32 }\n");
    // writing to a String cannot fail
    let (mut part_of, mut planes_of) = (String::new(), String::new());
    let mut group = slab.groups(tile, together);
    for (index, part) in slab.parts.iter().enumerate().rev() {
        let Planes { wide, two, one, scales, narrow, grid, .. } = part.planes;
        let (rows, out) = (part.rows, part.out);
        if index.is_multiple_of(together) {
            group -= rows.div_ceil(tile);
            let _ = writeln!(
                part_of,
                "if (group >= {group}u) {{ return Part({index}u, {rows}u, {out}u, {group}u); }}"
            );
        }
        let planes = format!("Planes({wide}u, {two}u, {one}u, {scales}u, {narrow}u, {grid}u)");
        let _ = writeln!(planes_of, "if (part == {index}u) {{ return {planes}; }}");
    }
    // once for each format, however many parts have it: compilers copy a function to wherever it is called
    let halves = stems.iter().any(|layout| layout.has_scales_of_16());
    let (floats, quants): (Vec<_>, Vec<_>) = stems.into_iter().partition(|layout| layout.is_float());
    let choice = |layout: &Layout, kind| (parts_with(slab, layout), format!("{}_{kind}(p, n)", layout.stem));
    let chunks: Vec<_> = quants.iter().map(|layout| choice(layout, "chunk")).collect();
    let mut values: Vec<_> = floats.iter().map(|layout| choice(layout, "floats")).collect();
    if !chunks.is_empty() {
        values.push((String::new(), "floats(chunk_at(part, p, n))".into()));
    }
    // WGSL wants a value on every path; the last `if` of each is always taken
    let n = cols / CHUNK;
    let _ = write!(
        text,
        "fn part_of(group: u32) -> Part {{\n{part_of}return Part(); }}\n\
         fn planes_of(part: u32) -> Planes {{\n{planes_of}return Planes(); }}\n\
         fn chunk_at(part: u32, p: Planes, n: u32) -> Chunk {{\n{}return Chunk(); }}\n",
        returns(&chunks),
    );
    let _ = match form {
        Form::Floats => write!(
            text,
            "fn unpack(part: u32, row: u32, c: u32) -> Floats {{\n\
             let p = planes_of(part);\nlet n = row * {n}u + c;\n{}return Floats(); }}\n",
            returns(&values)
        ),
        Form::Fixed => write!(
            text,
            "const HALVES = {halves};\n\
             fn chunk(part: u32, row: u32, c: u32) -> Chunk {{\n\
             return chunk_at(part, planes_of(part), row * {n}u + c); }}\n"
        ),
    };
    text
}

/// The layouts of a slab's parts, each once.
fn layouts(slab: &Slab) -> Vec<&'static Layout> {
    let mut layouts: Vec<_> = slab.parts.iter().map(|part| part.layout).collect();
    layouts.sort_by_key(|layout| layout.stem);
    layouts.dedup_by_key(|layout| layout.stem);
    layouts
}

/// The files that these layouts need.
fn files(layouts: &[&Layout]) -> String {
    let mut text = [shared::HALF, shared::BYTES, shared::WEIGHTS, ""].join("\n");
    if layouts.iter().any(|layout| layout.stem.starts_with("iq4")) {
        text.push_str(shared::IQ4);
    }
    if layouts.iter().any(|layout| layout.grid.is_some()) {
        text.push_str(shared::GRID);
    }
    layouts.iter().for_each(|layout| text.push_str(layout.wgsl));
    text
}

/// The condition that a part has this layout.
fn parts_with(slab: &Slab, layout: &Layout) -> String {
    let with = |(index, part): (usize, &Part)| {
        (part.layout.stem == layout.stem).then(|| format!("part == {index}u"))
    };
    slab.parts.iter().enumerate().filter_map(with).collect::<Vec<_>>().join(" || ")
}

/// Returns the value of the first condition that holds; the last is taken to.
fn returns(choices: &[(String, String)]) -> String {
    let line = |(i, (condition, value)): (usize, &(String, String))| {
        let condition = if i + 1 < choices.len() { condition } else { "true" };
        format!("if ({condition}) {{ return {value}; }}\n")
    };
    choices.iter().enumerate().map(line).collect()
}

/// What the repack kernel needs for a format: `fields(start, e0, chunk)` and `scales(start, at)`, which copy a chunk's bit
/// fields and a block's scale words to their planes.
pub fn repack(layout: &Layout) -> String {
    let mut fields = String::new();
    for field in layout.fields {
        let plane = match field.bits {
            1 => "one",
            2 => "two",
            _ => "wide",
        };
        let (bits, offset, stride) = (field.bits, field.offset, field.stride);
        let at = format!("params.{plane} + {bits}u * chunk");
        let _ = match (stride < CHUNK, bits) {
            (true, 1) => writeln!(fields, "spread(start + {offset}u + e0 / 8u, {at});"),
            (true, _) => writeln!(fields, "copy(start + {offset}u + e0 / 8u * {bits}u, {bits}u, {at});"),
            (false, _) => writeln!(fields, "gather(start + {offset}u, {bits}u, {stride}u, e0, {at});"),
        };
    }
    let mut scales = String::new();
    let mut word = 0;
    for (offset, words) in layout.scales {
        let _ = writeln!(scales, "copy(start + {offset}u, {words}u, at + {word}u);");
        word += words;
    }
    format!(
        "fn fields(start: u32, e0: u32, chunk: u32) {{\n{fields}}}\nfn scales(start: u32, at: u32) {{\n{scales}}}\n"
    )
}

/// How a kernel writes and reads keys and values: a file of `shaders/shared/` for each, its names made theirs.
pub fn kv(kv: KvTypes) -> String {
    let named = |kv: KvType, lower: &str, upper: &str| {
        let file = match kv {
            KvType::F32 => include_str!("../../shaders/shared/kv_f32.wgsl"),
            KvType::F16 => include_str!("../../shaders/shared/kv_f16.wgsl"),
            KvType::Q8_0 => include_str!("../../shaders/shared/kv_q8_0.wgsl"),
        };
        file.replace("kv_", &format!("{lower}_"))
            .replace("KV_", &format!("{upper}_"))
            .replace("KvBlock", &format!("{upper}Block"))
    };
    named(kv.keys, "k", "K") + &named(kv.values, "v", "V")
}
