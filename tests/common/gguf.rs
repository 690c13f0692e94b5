//! Builds small GGUF files, and broken ones.

use minke::gguf::HeaderParser;
use minke::tokenizer::Tokenizer;

/// A GGUF file in the making; keys and names as the file has them, with their length in front.
pub struct File {
    pub version: u32,
    pub n_tensors: Option<u64>,
    pub n_entries: Option<u64>,
    pub entries: Vec<(Vec<u8>, Value)>,
    pub tensors: Vec<Tensor>,
}

/// Value type and bytes.
pub type Value = (u32, Vec<u8>);

#[derive(Clone)]
pub struct Tensor {
    pub name: Vec<u8>,
    pub dims: Vec<u64>,
    pub ty: u32,
    pub offset: u64,
}

/// The RMS epsilon's key, without prefix.
pub const EPS: &str = "attention.layer_norm_rms_epsilon";

pub const F32: u32 = 0;
pub const Q4_K: u32 = 12;
pub const I32: u32 = 26;

pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

pub fn text(text: &str) -> Value {
    (8, string(text))
}

pub fn uint(value: u32) -> Value {
    (4, value.to_le_bytes().into())
}

pub fn float(value: f32) -> Value {
    (6, value.to_le_bytes().into())
}

pub fn array(kind: u32, n: u64, elements: &[u8]) -> Value {
    (9, [&kind.to_le_bytes()[..], &n.to_le_bytes(), elements].concat())
}

pub fn f32s(name: &str, dims: &[u64], offset: u64) -> Tensor {
    Tensor { name: string(name), dims: dims.into(), ty: F32, offset }
}

impl File {
    pub fn set(&mut self, key: &str, value: Value) {
        self.entries.retain(|entry| entry.0 != string(key));
        self.entries.push((string(key), value));
    }

    /// A key under the architecture's prefix.
    pub fn llama(&mut self, key: &str, value: Value) {
        self.set(&format!("llama.{key}"), value);
    }

    /// A tensor after the others.
    pub fn add(&mut self, name: &str, dims: &[u64]) {
        let end = self.tensors.last().map_or(0, |t| t.offset + 4 * t.dims.iter().product::<u64>());
        self.tensors.push(f32s(name, dims, end.next_multiple_of(32)));
    }

    /// The first tensor with `part` in its name.
    pub fn tensor(&mut self, part: &str) -> &mut Tensor {
        let has = |t: &&mut Tensor| String::from_utf8_lossy(&t.name).contains(part);
        self.tensors.iter_mut().find(has).expect("such a tensor")
    }

    pub fn without(&mut self, key: &str) {
        self.entries.retain(|entry| entry.0 != string(key));
    }

    pub fn header(&self) -> Vec<u8> {
        let counts = [
            self.n_tensors.unwrap_or(self.tensors.len() as u64),
            self.n_entries.unwrap_or(self.entries.len() as u64),
        ];
        let mut bytes = [b"GGUF", &self.version.to_le_bytes()[..]].concat();
        bytes.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
        for (key, (kind, value)) in &self.entries {
            bytes.extend([key, &kind.to_le_bytes()[..], value].concat());
        }
        for tensor in &self.tensors {
            bytes.extend([&tensor.name, &(tensor.dims.len() as u32).to_le_bytes()[..]].concat());
            bytes.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
            bytes.extend([&tensor.ty.to_le_bytes()[..], &tensor.offset.to_le_bytes()].concat());
        }
        bytes
    }

    /// With zeros for weights.
    pub fn whole(&self) -> Vec<u8> {
        let mut bytes = self.header();
        let header = HeaderParser::default().push(&bytes).expect("no error");
        let length = header.expect("a header").file_len;
        bytes.resize(length as usize, 0);
        bytes
    }
}

/// The smallest llama that runs.
pub fn tiny() -> File {
    let mut file = File { version: 3, n_tensors: None, n_entries: None, entries: vec![], tensors: vec![] };
    file.set("general.architecture", text("llama"));
    for (key, value) in [
        ("block_count", uint(1)),
        ("context_length", uint(64)),
        ("embedding_length", uint(32)),
        ("feed_forward_length", uint(64)),
        ("attention.head_count", uint(4)),
        (EPS, float(1e-5)),
    ] {
        file.llama(key, value);
    }
    for (name, dims) in [
        ("attn_norm", &[32][..]),
        ("attn_q", &[32, 32]),
        ("attn_k", &[32, 32]),
        ("attn_v", &[32, 32]),
        ("attn_output", &[32, 32]),
        ("ffn_norm", &[32]),
        ("ffn_gate", &[32, 64]),
        ("ffn_up", &[32, 64]),
        ("ffn_down", &[64, 32]),
    ] {
        file.add(&format!("blk.0.{name}.weight"), dims);
    }
    file.add("output_norm.weight", &[32]);
    file.add("token_embd.weight", &[32, 40]);
    file
}

/// A header with `tokens`, each with its type, and nothing else that a tokenizer reads.
fn vocabulary(model: &str, tokens: &[(&str, i32)]) -> File {
    let mut file = tiny();
    let texts: Vec<u8> = tokens.iter().flat_map(|token| string(token.0)).collect();
    let types: Vec<u8> = tokens.iter().flat_map(|token| token.1.to_le_bytes()).collect();
    file.set("tokenizer.ggml.model", text(model));
    file.set("tokenizer.ggml.tokens", array(8, tokens.len() as u64, &texts));
    file.set("tokenizer.ggml.token_type", array(5, tokens.len() as u64, &types));
    file
}

/// A byte-level vocabulary.
pub fn bpe(tokens: &[(&str, i32)], merges: &[&str]) -> File {
    let mut file = vocabulary("gpt2", tokens);
    let merged: Vec<u8> = merges.iter().flat_map(|merge| string(merge)).collect();
    file.set("tokenizer.ggml.pre", text("gpt-2"));
    file.set("tokenizer.ggml.merges", array(8, merges.len() as u64, &merged));
    file
}

/// A SentencePiece vocabulary, the first tokens with the highest scores.
pub fn spm(tokens: &[(&str, i32)]) -> File {
    let mut file = vocabulary("llama", tokens);
    let scores: Vec<u8> = (0..tokens.len()).flat_map(|i| (-(i as f32)).to_le_bytes()).collect();
    file.set("tokenizer.ggml.scores", array(6, tokens.len() as u64, &scores));
    file
}

pub fn tokenizer(file: &File) -> minke::Result<Tokenizer> {
    let header = HeaderParser::default().push(&file.header()).unwrap().expect("a header");
    Tokenizer::from_metadata(&header.metadata)
}
