//! Whether a model thinks, how long it may, and what ends its thinking.

use serde::{Deserialize, Serialize};

/// What a request says of thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Whether it is to think at all; as the template has it if None.
    pub enabled: Option<bool>,
    /// Most tokens of reasoning.
    pub budget: Option<usize>,
}

impl Thinking {
    /// Whether it is not to think.
    pub fn is_off(self) -> bool {
        self.enabled == Some(false) || self.budget == Some(0)
    }
}

/// Why the reasoning ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningFinish {
    /// The model ended it.
    Stop,
    /// Its budget is spent.
    Budget,
    /// The caller wanted the answer.
    AnswerNow,
    /// It went round in a circle.
    Repetition,
}

/// What ends the reasoning from outside, in the form in which R1 ends it itself.
pub const CLOSE: &str = "\n</think>\n\n";
/// What opens it where a template does not.
pub const OPEN: &str = "<think>\n";
/// Reasoning that says nothing, as Qwen3's template writes it.
pub const NOTHING: &str = "<think>\n\n</think>\n\n";

/// Least tokens that a circle is told by: shorter ones are rows of numbers, lines of a table.
const CIRCLE: usize = 256;
/// Least rounds.
const ROUNDS: usize = 4;
/// Most tokens that are looked back at.
const WINDOW: usize = 4096;

/// Whether `tokens` end in one passage that is repeated again and again: at least [`ROUNDS`] times, and for [`CIRCLE`] tokens.
/// Looks back as far as [`WINDOW`], in time that is linear in it (the prefix function of Knuth, Morris and Pratt).
pub fn goes_in_circles(tokens: &[u32]) -> bool {
    let back: Vec<u32> = tokens.iter().rev().take(WINDOW).copied().collect();
    let mut border = vec![0; back.len()]; // of each beginning, the longest that is its end too
    for i in 1..back.len() {
        let mut length: usize = border[i - 1];
        while length > 0 && back[i] != back[length] {
            length = border[length - 1];
        }
        border[i] = length + usize::from(back[i] == back[length]);
        let (whole, period) = (i + 1, i + 1 - border[i]);
        if whole >= CIRCLE && whole >= ROUNDS * period {
            return true;
        }
    }
    false
}
