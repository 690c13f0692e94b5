//! Tensor types: their names, numbers and block sizes in GGUF.

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

/// Names of the types this engine computes with, for messages.
pub fn supported_names() -> String {
    "F32, F16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K".into()
}
