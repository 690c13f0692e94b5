//! Tensor types: their names, numbers and block sizes in GGUF, and how the ones we compute with are
//! laid out in the file and, after repack, on the GPU.

pub mod grids;

use grids::Grid;

/// One row of the type table: a GGUF tensor type and its block in the file.
struct Row(GgmlType, u32, &'static str, u32, u32);

macro_rules! types {
    ($($name:ident = $id:literal, $len:literal, $bytes:literal;)*) => {
        /// A GGUF tensor type. Every type of the format has its size here, so that a file's layout can
        /// be checked; which of them can be computed with is [`GgmlType::layout`]'s business.
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum GgmlType { $($name),* }
        const TYPES: &[Row] = &[$(Row(GgmlType::$name, $id, stringify!($name), $len, $bytes)),*];
    };
}

// Name = number in the file, elements per block, bytes per block (ggml.h).
types! {
    F32 = 0, 1, 4;
    F16 = 1, 1, 2;
    Q4_0 = 2, 32, 18;
    Q4_1 = 3, 32, 20;
    Q5_0 = 6, 32, 22;
    Q5_1 = 7, 32, 24;
    Q8_0 = 8, 32, 34;
    Q8_1 = 9, 32, 36;
    Q2_K = 10, 256, 84;
    Q3_K = 11, 256, 110;
    Q4_K = 12, 256, 144;
    Q5_K = 13, 256, 176;
    Q6_K = 14, 256, 210;
    Q8_K = 15, 256, 292;
    IQ2_XXS = 16, 256, 66;
    IQ2_XS = 17, 256, 74;
    IQ3_XXS = 18, 256, 98;
    IQ1_S = 19, 256, 50;
    IQ4_NL = 20, 32, 18;
    IQ3_S = 21, 256, 110;
    IQ2_S = 22, 256, 82;
    IQ4_XS = 23, 256, 136;
    I8 = 24, 1, 1;
    I16 = 25, 1, 2;
    I32 = 26, 1, 4;
    I64 = 27, 1, 8;
    F64 = 28, 1, 8;
    IQ1_M = 29, 256, 56;
    BF16 = 30, 1, 2;
    TQ1_0 = 34, 256, 54;
    TQ2_0 = 35, 256, 66;
    MXFP4 = 39, 32, 17;
}

impl GgmlType {
    fn row(self) -> &'static Row {
        &TYPES[self as usize]
    }

    /// The type with this number in a GGUF file.
    pub fn from_id(id: u32) -> Option<Self> {
        TYPES.iter().find(|row| row.1 == id).map(|row| row.0)
    }

    /// Its number in a GGUF file.
    pub fn id(self) -> u32 {
        self.row().1
    }

    /// The type with this name, such as `Q4_K`.
    pub fn from_name(name: &str) -> Option<Self> {
        TYPES.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// The field's name for the type, such as `Q4_K`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Elements in a block.
    pub fn block_len(self) -> u32 {
        self.row().3
    }

    /// Bytes of a block in the file.
    pub fn block_bytes(self) -> u32 {
        self.row().4
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Weights in a chunk, the unit in which the kernels unpack: 32 consecutive weights of a row.
pub const CHUNK: u32 = 32;

/// A bit field of the elements of a block in the file.
///
/// Element `e` has its `bits` bits at byte `offset + stride * (e / (stride * per)) + e % stride`,
/// shifted by `bits * (e / stride % per)`, where `per = 8 / bits` elements share a byte (whole-byte
/// elements: `per = 1` and byte positions are multiplied by the element's bytes). Each field becomes a
/// plane of its own on the GPU (shaders/shared/weights.wgsl). With a stride of 16, and with whole-byte elements, each chunk
/// lies in the file as in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bits of the element in this field: 1, 2, 4, 8, 16 or 32.
    pub bits: u32,
    /// First byte of the field in the block.
    pub offset: u32,
    /// Elements that lie in neighbouring bytes before the next bits of the same bytes are used.
    pub stride: u32,
}

/// A scale of one or two bytes that is all a block has to itself: an f16, or the exponent byte of MXFP4. Several
/// blocks' share a word on the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NarrowScale {
    /// Byte offset in the block.
    pub offset: u32,
    /// 16 or 8.
    pub bits: u32,
}

const fn half(offset: u32) -> Option<NarrowScale> {
    Some(NarrowScale { offset, bits: 16 })
}

const fn byte(offset: u32) -> Option<NarrowScale> {
    Some(NarrowScale { offset, bits: 8 })
}

/// How a block lies in the file and which WGSL unpacks it after repack: the one description of a
/// format that repack, matvec, matmul and embedding share.
#[derive(Debug)]
pub struct Layout {
    /// The type.
    pub ty: GgmlType,
    /// The quants, low bits first; the first field is the widest. Empty where they do not lie element by element.
    pub fields: &'static [Field],
    /// Runs of 4-byte words copied as they are to the scale plane, with the quants that are no fields: (byte
    /// offset, words).
    pub scales: &'static [(u32, u32)],
    /// The block's scale that is no whole word, where it has one.
    pub narrow: Option<NarrowScale>,
    /// The grid that quants index, where they do.
    pub grid: Option<&'static Grid>,
    /// Stem of `shaders/quant/STEM.wgsl` and of its function `STEM_chunk`, or `STEM_floats`.
    pub stem: &'static str,
    /// The text of that file.
    pub wgsl: &'static str,
}

macro_rules! layouts {
    ($($ty:ident $stem:literal [$(($bits:literal, $offset:literal, $stride:literal)),*]
       $scales:expr, $narrow:expr, $grid:expr;)*) => {
        const LAYOUTS: &[Layout] = &[$(Layout {
            ty: GgmlType::$ty,
            fields: &[$(Field { bits: $bits, offset: $offset, stride: $stride }),*],
            scales: &$scales,
            narrow: $narrow,
            grid: $grid,
            stem: $stem,
            wgsl: include_str!(concat!("../shaders/quant/", $stem, ".wgsl")),
        }),*];
    };
}

// Type, WGSL stem, fields (bits, offset, stride), scale words (offset, words), narrow scale, grid.
layouts! {
    F32 "f32" [(32, 0, 1)] [], None, None;
    F16 "f16" [(16, 0, 1)] [], None, None;
    BF16 "bf16" [(16, 0, 1)] [], None, None;
    Q4_0 "q4_0" [(4, 2, 16)] [], half(0), None;
    Q4_1 "q4_1" [(4, 4, 16)] [(0, 1)], None, None;
    Q5_0 "q5_0" [(4, 6, 16), (1, 2, 1)] [], half(0), None;
    Q5_1 "q5_1" [(4, 8, 16), (1, 4, 1)] [(0, 1)], None, None;
    Q8_0 "q8_0" [(8, 2, 1)] [], half(0), None;
    Q2_K "q2_k" [(2, 16, 32)] [(0, 4), (80, 1)], None, None;
    Q3_K "q3_k" [(2, 32, 32), (1, 0, 32)] [(96, 3)], half(108), None;
    Q4_K "q4_k" [(4, 16, 32)] [(0, 4)], None, None;
    Q5_K "q5_k" [(4, 48, 32), (1, 16, 32)] [(0, 4)], None, None;
    Q6_K "q6_k" [(4, 0, 64), (2, 128, 32)] [(192, 4)], half(208), None;
    IQ4_NL "iq4_nl" [(4, 2, 16)] [], half(0), None;
    IQ4_XS "iq4_xs" [(4, 8, 16)] [(0, 2)], None, None;
    IQ1_S "iq1_s" [] [(2, 12)], half(0), Some(&grids::IQ1);
    IQ1_M "iq1_m" [] [(0, 14)], None, Some(&grids::IQ1);
    IQ2_XXS "iq2_xxs" [] [(2, 16)], half(0), Some(&grids::IQ2_XXS);
    IQ2_XS "iq2_xs" [] [(2, 18)], half(0), Some(&grids::IQ2_XS);
    IQ2_S "iq2_s" [] [(2, 20)], half(0), Some(&grids::IQ2_S);
    IQ3_XXS "iq3_xxs" [] [(2, 24)], half(0), Some(&grids::IQ3_XXS);
    IQ3_S "iq3_s" [] [(2, 27)], half(0), Some(&grids::IQ3_S);
    TQ1_0 "tq1_0" [] [(0, 13)], half(52), None;
    TQ2_0 "tq2_0" [(2, 0, 32)] [], half(64), None;
    MXFP4 "mxfp4" [(4, 1, 16)] [], byte(0), None;
}

/// Names of the types this engine computes with, for messages.
pub fn supported_names() -> String {
    LAYOUTS.iter().map(|layout| layout.ty.name()).collect::<Vec<_>>().join(", ")
}

impl GgmlType {
    /// All types this engine computes with.
    pub fn supported() -> impl Iterator<Item = GgmlType> {
        LAYOUTS.iter().map(|layout| layout.ty)
    }

    /// The layout of a type this engine computes with.
    pub fn layout(self) -> Option<&'static Layout> {
        LAYOUTS.iter().find(|layout| layout.ty == self)
    }
}

impl Layout {
    /// Weights in a repack unit: the block, or a whole chunk for types without blocks.
    pub fn block_len(&self) -> u32 {
        self.ty.block_len().max(CHUNK)
    }

    /// Bytes of a repack unit in the file.
    pub fn block_bytes(&self) -> u32 {
        self.ty.block_bytes() * (self.block_len() / self.ty.block_len())
    }

    /// Whether the weights are floats, and not scaled integers.
    pub fn is_float(&self) -> bool {
        self.fields.first().is_some_and(|field| field.bits > 8)
    }

    /// Whether each half of a chunk has a scale of its own.
    pub fn has_scales_of_16(&self) -> bool {
        use GgmlType::{IQ1_M, IQ2_S, IQ2_XS, Q2_K, Q3_K, Q6_K};
        matches!(self.ty, Q2_K | Q3_K | Q6_K | IQ1_M | IQ2_XS | IQ2_S)
    }

    /// Scale words of a block.
    pub fn scale_words(&self) -> u32 {
        self.scales.iter().map(|run| run.1).sum()
    }

    /// Where the planes of `blocks` blocks lie in a buffer, from word `start` (a multiple of 4) on. They take the
    /// bytes that the blocks have in the file, and padding. The grid is not among them: it serves a whole buffer.
    pub fn planes(&self, start: u32, blocks: u32) -> Planes {
        let chunks = blocks * (self.block_len() / CHUNK);
        let mut end = start;
        let mut take = |words: u32| {
            let at = end;
            end = (end + words).next_multiple_of(4);
            at
        };
        let mut planes = Planes::default();
        for field in self.fields {
            let at = take(chunks * field.bits);
            match field.bits {
                1 => planes.one = at,
                2 => planes.two = at,
                _ => planes.wide = at / 4,
            }
        }
        planes.scales = take(blocks * self.scale_words());
        planes.narrow = take(self.narrow.map_or(0, |narrow| blocks.div_ceil(32 / narrow.bits)));
        planes.end = end;
        planes
    }
}

/// Places of a repacked matrix in its buffer. All in words, but `wide` in 16-byte vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planes {
    /// The plane of 4, 8, 16 or 32-bit elements.
    pub wide: u32,
    /// The 2-bit plane.
    pub two: u32,
    /// The 1-bit plane.
    pub one: u32,
    /// The scale words.
    pub scales: u32,
    /// The narrow scales, several a word.
    pub narrow: u32,
    /// The grid, two entries a word.
    pub grid: u32,
    /// One past the last word.
    pub end: u32,
}
