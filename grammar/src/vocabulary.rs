//! A model's tokens, as a tree of their bytes.

use llguidance::ParserFactory;
use llguidance::api::ParserLimits;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use std::sync::Arc;

/// What a grammar may cost. A state of the lexer takes one or two kB.
const LIMITS: ParserLimits = ParserLimits {
    max_items_in_row: 5_000,
    initial_lexer_fuel: 1_000_000,
    step_lexer_fuel: 200_000,
    step_max_items: 50_000,
    max_lexer_states: 50_000,
    max_grammar_size: 60_000, // it counts them in 16 bits
    precompute_large_lexemes: true,
    verbose_errors: false,
};

/// Tokens that a mask has at once where a text may go on with all of them: those that are short, and those of any length.
const SLICES: [&str; 2] = [r#"[^"\\\x00-\x1F\x7F]{1,10}"#, r#"[^"\\\x00-\x1F\x7F]+"#];

/// What a tree can hold: of longer tokens, which no grammar then allows, and in all.
const MAX_TOKEN: usize = 512;
const MAX_BYTES: usize = 1 << 22;

/// A model's tokens. Made once for a model.
pub struct Vocabulary {
    pub(crate) factory: ParserFactory,
}

impl Vocabulary {
    /// From the bytes of each token and whether it is a control token, whose text only a grammar that names it may
    /// produce; and from the tokens that end a reply.
    pub fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], bool)>, ends: &[u32]) -> Result<Self, String> {
        let words: Vec<_> = (0..)
            .zip(tokens)
            .map(|(id, (text, control))| word(text, control || ends.contains(&id)))
            .collect();
        let Some(&end) = ends.first() else {
            return Err("the vocabulary has no token that ends a reply".into());
        };
        if let Some(end) = ends.iter().find(|&&end| end as usize >= words.len()) {
            return Err(format!(
                "the token {end}, which ends a reply, is not in the vocabulary of {}",
                words.len()
            ));
        }
        if words.iter().map(Vec::len).sum::<usize>() > MAX_BYTES {
            return Err(format!("the vocabulary has more than {MAX_BYTES} bytes"));
        }
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end), &words).with_eos_tokens(ends);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let factory =
            ParserFactory::new(&tokens, InferenceCapabilities::default(), &SLICES.map(str::to_owned));
        let mut factory = factory.map_err(|error| error.to_string())?;
        *factory.quiet().limits_mut() = LIMITS;
        Ok(Self { factory })
    }
}

fn word(text: &[u8], control: bool) -> Vec<u8> {
    let mark: &[u8] = if control { &[TokTrie::SPECIAL_TOKEN_MARKER] } else { &[] };
    if text.len() > MAX_TOKEN { Vec::new() } else { [mark, text].concat() }
}
