//! Splits a reply into what the model thought and what it answers.
//!
//! DeepSeek-R1's reply is `reasoning</think>answer`, because its template ends the prompt with `<think>`;
//! older templates do not, and there the model writes `<think>` itself.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A piece of the reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// What the model thought.
    pub reasoning: String,
    /// What it answers.
    pub content: String,
}

impl Delta {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.reasoning.is_empty() && self.content.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing but white space so far: `<think>` may follow.
    Start,
    Reasoning,
    Answer,
}

/// Takes text as it is generated; never gives out half a tag.
#[derive(Debug)]
pub struct ReasoningSplitter {
    part: Part,
    held: String,
    /// Leading newlines of a part are not its text.
    leading: bool,
}

/// Whether the reply to `prompt` starts inside `<think>`.
pub fn opens(prompt: &str) -> bool {
    prompt.trim_end().ends_with(OPEN)
}

impl ReasoningSplitter {
    /// A splitter for a reply that starts inside `<think>` (see [`opens`]), or may start with it.
    pub fn new(thinking: bool) -> Self {
        let part = if thinking { Part::Reasoning } else { Part::Start };
        Self { part, held: String::new(), leading: true }
    }

    /// Whether the model is thinking.
    pub fn is_reasoning(&self) -> bool {
        self.part == Part::Reasoning
    }

    /// Takes more of the reply; what can be told apart now.
    pub fn push(&mut self, text: &str) -> Delta {
        self.held.push_str(text);
        let mut delta = Delta::default();
        if self.part == Part::Start {
            self.start(&mut delta);
        }
        if self.part == Part::Reasoning {
            self.reason(&mut delta);
        }
        if self.part == Part::Answer {
            let answer = std::mem::take(&mut self.held);
            self.give(&answer, &mut delta);
        }
        delta
    }

    /// What is left when the reply ends.
    pub fn finish(&mut self) -> Delta {
        let rest = std::mem::take(&mut self.held);
        let mut delta = Delta::default();
        let rest = if self.part == Part::Reasoning { rest.trim_end() } else { rest.as_str() };
        self.give(rest, &mut delta);
        delta
    }

    fn start(&mut self, delta: &mut Delta) {
        let text = self.held.trim_start();
        if let Some(rest) = text.strip_prefix(OPEN) {
            self.held = rest.to_owned();
            self.part = Part::Reasoning;
        } else if !OPEN.starts_with(text) {
            self.part = Part::Answer;
            self.leading = false; // no reasoning: the answer is the reply, as it is
            let answer = std::mem::take(&mut self.held);
            self.give(&answer, delta);
        }
    }

    fn reason(&mut self, delta: &mut Delta) {
        if let Some(at) = self.held.find(CLOSE) {
            let answer = self.held.split_off(at + CLOSE.len());
            let reasoning = std::mem::replace(&mut self.held, answer);
            self.give(reasoning[..at].trim_end(), delta);
            self.part = Part::Answer;
            self.leading = true;
            return;
        }
        // hold back what may be the start of the tag, and white space that may stand before it
        let partial = (1..CLOSE.len()).rev().find(|n| self.held.ends_with(&CLOSE[..*n])).unwrap_or(0);
        let sure = self.held[..self.held.len() - partial].trim_end().len();
        let rest = self.held.split_off(sure);
        let reasoning = std::mem::replace(&mut self.held, rest);
        self.give(&reasoning, delta);
    }

    fn give(&mut self, text: &str, delta: &mut Delta) {
        let text = if self.leading { text.trim_start_matches(['\n', '\r']) } else { text };
        self.leading &= text.is_empty();
        match self.part {
            Part::Reasoning => delta.reasoning.push_str(text),
            _ => delta.content.push_str(text),
        }
    }
}
