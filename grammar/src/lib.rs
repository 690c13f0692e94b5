//! Which tokens may come next, so that a reply has the form that was asked for.
//!
//! llguidance does the work. Here stand its limits, what it shall refuse and not ignore, and how JSON is spaced.

mod forced;
mod form;
mod schema;
mod tighten;
mod vocabulary;
#[cfg(target_arch = "wasm32")]
mod web;

use llguidance::TokenParser;
use llguidance::api::TopLevelGrammar;
pub use vocabulary::Vocabulary;

/// A reply that is being written, and what it may go on with.
pub struct Grammar {
    parser: TokenParser,
}

impl Grammar {
    /// A reply's beginning. Its form is JSON: `{"json_schema": …}`, `{"json_object": true}`, `{"regex": "…"}` or
    /// `{"lark": "…"}`. An error says what of it is wrong, or not supported.
    pub fn new(vocabulary: &Vocabulary, form: &str) -> Result<Self, String> {
        let grammar = TopLevelGrammar::from_grammar(form::read(form)?);
        let parser = with_room(|| vocabulary.factory.create_parser(grammar));
        let mut parser = parser.map_err(|error| form::words(&error))?;
        parser.start_without_prompt();
        let mut grammar = Self { parser };
        grammar.mask()?; // some forms leave nothing that could come first
        Ok(grammar)
    }

    /// A bit for each token, the lowest first: whether it may come next. Tokens that end a reply may where the form is
    /// complete.
    pub fn mask(&mut self) -> Result<Vec<u32>, String> {
        let n_vocab = self.parser.token_env.tok_trie().vocab_size();
        let set = if self.parser.stopped() {
            self.parser.token_env.tok_trie().eos_token_set()
        } else {
            self.parser.compute_mask().map_err(|error| form::words(&error))?
        };
        Ok(set.as_slice()[..n_vocab.div_ceil(32)].to_vec())
    }

    /// Takes the next token; whether the reply is finished, so that only a token that ends it may follow.
    pub fn commit(&mut self, token: u32) -> Result<bool, String> {
        if self.parser.stopped() {
            let is_end = self.parser.token_env.tok_trie().eos_tokens().contains(&token);
            return if is_end { Ok(true) } else { Err(format!("token {token} follows a finished reply")) };
        }
        let taken = self.parser.consume_token(token).and_then(|_| self.parser.check_stop());
        taken.map_err(|error| form::words(&error))
    }

    /// The tokens that come next whatever the model says, in the model's own way to write them (`tokenize`, without any
    /// token in front). They are not committed yet. Their last bytes are left out where a longer token may take them.
    pub fn forced(&mut self, tokenize: impl Fn(&[u8]) -> Vec<u32>) -> Vec<u32> {
        if self.parser.stopped() { Vec::new() } else { forced::tokens(&mut self.parser, tokenize) }
    }
}

/// llguidance calls itself for each schema within a schema, which asks for more stack than a thread may have. (In wasm the
/// build sees to that.)
#[cfg(not(target_arch = "wasm32"))]
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    const STACK: usize = 64 << 20;
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, work);
        thread
            .expect("the system has a thread")
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(target_arch = "wasm32")]
fn with_room<T>(work: impl FnOnce() -> T) -> T {
    work()
}
