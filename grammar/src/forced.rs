//! What a grammar leaves no choice about.

use llguidance::TokenParser;
use llguidance::toktrie::{TokTrie, parse_numeric_token};

/// See [`crate::Grammar::forced`].
pub fn tokens(parser: &mut TokenParser, tokenize: impl Fn(&[u8]) -> Vec<u32>) -> Vec<u32> {
    let bytes = parser.force_bytes();
    let env = parser.token_env.clone();
    let Some((mut tokens, text_from)) = written(env.tok_trie(), &bytes, tokenize) else { return Vec::new() };
    let (open, _) =
        parser.parser.with_recognizer(|end| env.tok_trie().chop_tokens(end, &tokens[text_from..]));
    tokens.truncate(tokens.len() - open);
    tokens
}

/// The tokens of forced bytes, and where behind the last control token text begins. A control token is written as the
/// marker and its id in brackets. None if the tokenizer does not give the text back.
fn written(trie: &TokTrie, bytes: &[u8], tokenize: impl Fn(&[u8]) -> Vec<u32>) -> Option<(Vec<u32>, usize)> {
    let mut tokens = Vec::new();
    let mut text_from = 0;
    for (index, part) in bytes.split(|&byte| byte == TokTrie::SPECIAL_TOKEN_MARKER).enumerate() {
        let mut text = part;
        if index > 0 {
            let (length, id) = parse_numeric_token(part)?;
            tokens.push(id);
            text_from = tokens.len();
            text = &part[length..];
        }
        let of_text = if text.is_empty() { Vec::new() } else { tokenize(text) };
        if trie.decode_raw(&of_text) != text {
            return None;
        }
        tokens.extend(of_text);
    }
    Some((tokens, text_from))
}
