//! Scripted models: their weights are such that one token follows another, whatever came before.

use super::gguf::{self, EPS, File, array, string};
use super::{Options, load_from, parse};
use minke::engine::{Engine, TextParts};
use minke::model::Model;
use std::collections::HashMap;
use std::rc::Rc;

/// More than the tokens that a script may have, for their embeddings are orthogonal: rows of a Hadamard matrix.
const N_EMBD: usize = 128;

/// A byte-level vocabulary's text for bytes: GPT-2's table.
pub fn letters(bytes: &[u8]) -> String {
    let is_plain = |b: u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    let letter = |b: &u8| match is_plain(*b) {
        true => char::from(*b),
        false => {
            let others = (0..*b).filter(|other| !is_plain(*other)).count() as u32;
            char::from_u32(256 + others).expect("a letter")
        }
    };
    bytes.iter().map(letter).collect()
}

/// A model that says, after the first token of each chain, the second, and so on. A byte's id is the byte; behind them come
/// `special` tokens with their types, and what else the chains name. All other tokens are followed by `<|im_end|>`.
pub struct Script {
    tokens: Vec<(String, i32)>,
    ids: HashMap<Vec<u8>, u32>,
    file: File,
    follows: HashMap<u32, u32>,
}

impl Script {
    /// Line ends merge in pairs, as they do in the vocabularies of real models.
    pub fn new(special: &[(&str, i32)], chains: &[&[&str]]) -> Self {
        let mut tokens: Vec<(String, i32)> = (0..=255u8).map(|b| (letters(&[b]), 1)).collect();
        let mut ids: HashMap<Vec<u8>, u32> = (0..=255u8).map(|b| (vec![b], u32::from(b))).collect();
        let special = special.iter().chain(&[("<|im_end|>", 3)]).map(|(text, kind)| (*text, *kind));
        let words = chains.iter().copied().flatten().chain(&["\n\n"]).map(|word| (*word, 1));
        for (text, kind) in special.chain(words) {
            ids.entry(text.as_bytes().into()).or_insert_with(|| {
                let entry = if kind == 1 { letters(text.as_bytes()) } else { text.into() };
                tokens.push((entry, kind));
                tokens.len() as u32 - 1
            });
        }
        let mut follows = HashMap::new();
        for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
            let [before, after] = [pair[0], pair[1]].map(|text| ids[text.as_bytes()]);
            let other = follows.insert(before, after).filter(|other| *other != after);
            assert!(other.is_none(), "two tokens follow {:?}", pair[0]);
        }
        let entries: Vec<(&str, i32)> = tokens.iter().map(|(text, kind)| (text.as_str(), *kind)).collect();
        let mut file = gguf::bpe(&entries, &["Ċ Ċ"]);
        file.set("tokenizer.ggml.pre", gguf::text("qwen2"));
        file.set("tokenizer.ggml.eos_token_id", gguf::uint(ids[&b"<|im_end|>"[..]]));
        Self { tokens, ids, file, follows }
    }

    pub fn id(&self, token: &str) -> u32 {
        self.ids[token.as_bytes()]
    }

    /// The file, of one layer that does nothing.
    fn bytes(&mut self) -> Vec<u8> {
        let (n, n_vocab) = (N_EMBD as u64, self.ids.len() as u64);
        for (key, value) in [
            ("embedding_length", gguf::uint(N_EMBD as u32)),
            ("attention.head_count", gguf::uint(4)),
            ("context_length", gguf::uint(2048)),
            (EPS, gguf::float(1e-6)),
        ] {
            self.file.llama(key, value);
        }
        let tensors = std::mem::take(&mut self.file.tensors);
        for tensor in tensors {
            let name = String::from_utf8_lossy(&tensor.name[8..]).into_owned(); // behind its length
            let dims = tensor.dims.iter().map(|dim| match dim {
                32 => n,
                40 => n_vocab,
                other => *other,
            });
            self.file.add(&name, &dims.collect::<Vec<_>>());
        }
        self.file.add("output.weight", &[n, n_vocab]);
        let mut bytes = self.file.whole();
        for tensor in parse(&bytes).expect("a header").tensors {
            let values = match &*tensor.name {
                "output.weight" => self.output(),
                "token_embd.weight" => (0..n_vocab as u32).flat_map(|id| hadamard(self.row(id))).collect(),
                name if name.ends_with("norm.weight") => vec![1.0; N_EMBD],
                _ => continue,
            };
            bytes[tensor.offset as usize..][..4 * values.len()]
                .copy_from_slice(bytemuck::cast_slice(&values));
        }
        bytes
    }

    /// Which of the orthogonal rows is a token's embedding: one of its own where something follows it.
    fn row(&self, id: u32) -> usize {
        let mut followed: Vec<_> = self.follows.keys().collect();
        followed.sort_unstable();
        assert!(followed.len() < N_EMBD);
        followed.binary_search(&&id).map_or(0, |at| at + 1)
    }

    fn output(&self) -> Vec<f32> {
        let mut output = vec![0f32; self.ids.len() * N_EMBD];
        let end = self.id("<|im_end|>");
        let pairs = self.follows.iter().map(|(before, after)| (self.row(*before), *after));
        for (row, after) in pairs.chain([(0, end)]) {
            let values = &mut output[after as usize * N_EMBD..][..N_EMBD];
            values.iter_mut().zip(hadamard(row)).for_each(|(value, more)| *value += more);
        }
        output
    }

    pub fn model(&mut self, options: &Options) -> Rc<Model> {
        let bytes = self.bytes();
        load_from(&bytes[..], bytes.len() as u64, options, None).expect("a model")
    }

    /// The model with a template, and without special tokens of these texts: their ids mean something else.
    pub fn engine(&self, model: &Rc<Model>, template: &str, without: &[&str]) -> Engine {
        let text = |text: &str| if without.contains(&text) { text.replace('<', "[") } else { text.into() };
        let texts: Vec<u8> = self.tokens.iter().flat_map(|token| string(&text(&token.0))).collect();
        let mut file = File { entries: self.file.entries.clone(), ..gguf::tiny() };
        file.set("tokenizer.ggml.tokens", array(8, self.tokens.len() as u64, &texts));
        file.set("tokenizer.chat_template", gguf::text(template));
        let header = parse(&file.header()).expect("a header");
        let text = TextParts::from_metadata(&header.metadata).expect("a tokenizer");
        pollster::block_on(Engine::new(model, text)).expect("a conversation")
    }
}

/// A row of the matrix of +1 and -1 whose rows are orthogonal.
fn hadamard(row: usize) -> impl Iterator<Item = f32> {
    (0..N_EMBD).map(move |column| if (row & column).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 })
}

/// A BPE header with tokens of such bytes, all ordinary, and then special ones.
pub fn vocabulary(tokens: &[Vec<u8>], special: &[(&str, i32)]) -> File {
    let texts: Vec<u8> = tokens.iter().flat_map(|bytes| string(&letters(bytes))).collect();
    let types: Vec<u8> = tokens.iter().flat_map(|_| 1i32.to_le_bytes()).collect();
    let mut file = gguf::bpe(&[], &[]);
    let texts = [texts, special.iter().flat_map(|(text, _)| string(text)).collect()].concat();
    let types = [types, special.iter().flat_map(|(_, kind)| kind.to_le_bytes()).collect()].concat();
    let n = (tokens.len() + special.len()) as u64;
    file.set("tokenizer.ggml.tokens", array(8, n, &texts));
    file.set("tokenizer.ggml.token_type", array(5, n, &types));
    file
}
