//! Splits a reply into what the model thought and what it answers.
//!
//! DeepSeek-R1's reply is `reasoning</think>answer`, because its template ends the prompt with `<think>`;
//! older templates do not, and there the model writes `<think>` itself. Where the vocabulary has a tag as a token, only that
//! token is the tag, and the same characters in other tokens are text.

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

impl std::ops::AddAssign for Delta {
    fn add_assign(&mut self, next: Self) {
        self.reasoning += &next.reasoning;
        self.content += &next.content;
    }
}

/// A mark between the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `<think>`.
    Open,
    /// `</think>`.
    Close,
}

impl Tag {
    /// The tag that a token's text is.
    pub fn of(token: &str) -> Option<Self> {
        match token {
            OPEN => Some(Self::Open),
            CLOSE => Some(Self::Close),
            _ => None,
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Open => OPEN,
            Self::Close => CLOSE,
        }
    }
}

/// Where in a reply its text belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing so far: `<think>` may follow, after white space.
    Start,
    /// What the model thinks.
    Reasoning,
    /// What it answers.
    Answer,
}

/// Takes text as it is generated; never gives out half a tag.
#[derive(Clone, Debug)]
pub struct ReasoningSplitter {
    part: Part,
    held: String,
    /// Leading newlines of a part are not its text.
    leading: bool,
    /// There was a `<think>`, in the prompt or in the reply.
    opened: bool,
    /// The tags that are told by [`ReasoningSplitter::tag`], and so are no tags in a text.
    tokens: Vec<Tag>,
}

/// Whether the reply to `prompt` starts inside `<think>`.
pub fn opens(prompt: &str) -> bool {
    prompt.trim_end().ends_with(OPEN)
}

/// Whether the prompt has reasoning already, such as none at all, which the reply follows.
pub fn closes(prompt: &str) -> bool {
    prompt.trim_end().ends_with(CLOSE)
}

impl ReasoningSplitter {
    /// A splitter for a reply that starts inside `<think>` (see [`opens`]), or may start with it. The vocabulary has those
    /// of `tokens` as tokens.
    pub fn new(thinking: bool, tokens: Vec<Tag>) -> Self {
        let part = if thinking { Part::Reasoning } else { Part::Start };
        Self { part, held: String::new(), leading: true, opened: thinking, tokens }
    }

    /// A splitter for a reply that goes on in the middle of a part.
    pub fn within(part: Part, tokens: Vec<Tag>) -> Self {
        Self { part, leading: false, ..Self::new(part == Part::Reasoning, tokens) }
    }

    /// Whether the model is thinking.
    pub fn is_reasoning(&self) -> bool {
        self.part == Part::Reasoning
    }

    /// Whether nothing has been said yet, so that thinking may begin.
    pub fn is_open(&self) -> bool {
        self.part == Part::Start
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

    /// Takes a token of the reply that is a tag. The first `<think>` opens the reasoning, and another is dropped; of
    /// `</think>`, the first that follows it closes it, and another is text.
    pub fn tag(&mut self, tag: Tag) -> Delta {
        let mut delta = Delta::default();
        match (tag, self.part) {
            (Tag::Open, _) if self.opened => return delta,
            (Tag::Open, _) => {
                self.held.clear(); // white space, if anything
                self.opened = true;
                self.begin(Part::Reasoning);
            }
            (Tag::Close, Part::Answer) => return self.push(CLOSE),
            (Tag::Close, Part::Start) => {
                self.held.clear();
                self.begin(Part::Answer);
            }
            (Tag::Close, Part::Reasoning) => {
                let reasoning = std::mem::take(&mut self.held);
                self.give(reasoning.trim_end(), &mut delta);
                self.begin(Part::Answer);
            }
        }
        delta
    }

    /// What is left when the reply ends.
    pub fn finish(&mut self) -> Delta {
        let rest = std::mem::take(&mut self.held);
        let mut delta = Delta::default();
        match self.part {
            Part::Start => delta.content = rest, // no reasoning: the answer is the reply, as it is
            Part::Reasoning => self.give(rest.trim_end(), &mut delta),
            Part::Answer => self.give(&rest, &mut delta),
        }
        delta
    }

    fn begin(&mut self, part: Part) {
        self.part = part;
        self.leading = true;
    }

    /// The tag's text, where text can be the tag.
    fn in_text(&self, tag: Tag) -> Option<&'static str> {
        (!self.tokens.contains(&tag)).then(|| tag.text())
    }

    fn start(&mut self, delta: &mut Delta) {
        let text = self.held.trim_start();
        let open = self.in_text(Tag::Open);
        if let Some(rest) = open.and_then(|open| text.strip_prefix(open)) {
            self.held = rest.to_owned();
            self.opened = true;
            self.begin(Part::Reasoning);
        } else if !text.is_empty() && !open.is_some_and(|open| open.starts_with(text)) {
            self.part = Part::Answer;
            self.leading = false; // no reasoning: the answer is the reply, as it is
            let answer = std::mem::take(&mut self.held);
            self.give(&answer, delta);
        }
    }

    fn reason(&mut self, delta: &mut Delta) {
        let mut partial = 0;
        if let Some(close) = self.in_text(Tag::Close) {
            if let Some(at) = self.held.find(close) {
                let answer = self.held.split_off(at + close.len());
                let reasoning = std::mem::replace(&mut self.held, answer);
                self.give(reasoning[..at].trim_end(), delta);
                self.begin(Part::Answer);
                return;
            }
            partial = (1..close.len()).rev().find(|n| self.held.ends_with(&close[..*n])).unwrap_or(0);
        }
        // hold back what may be the start of the tag, and white space that may stand before it
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
