//! Which turns of a conversation are left out where all of them do not fit the context.

use serde::Deserialize;
use serde_json::Value as Json;
use std::ops::Range;

/// What to do where a conversation does not fit the context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// Refuse it.
    #[default]
    Error,
    /// Leave out the oldest turns.
    Slide,
    /// Leave out turns after the first.
    TruncateMiddle,
}

/// A conversation's beginning (what the system says), and its turns: what the person says, with all that follows.
#[derive(Debug)]
pub struct Turns<'m> {
    messages: &'m [Json],
    turns: Vec<Range<usize>>,
}

fn is(message: &Json, roles: &[&str]) -> bool {
    message["role"].as_str().is_some_and(|role| roles.contains(&role))
}

impl<'m> Turns<'m> {
    /// Finds them.
    pub fn of(messages: &'m [Json]) -> Self {
        let first = messages.iter().position(|m| !is(m, &["system", "developer"])).unwrap_or(messages.len());
        let mut turns: Vec<Range<usize>> = Vec::new();
        for (i, message) in messages.iter().enumerate().skip(first) {
            match turns.last_mut() {
                Some(turn) if !is(message, &["user"]) => turn.end = i + 1,
                _ => turns.push(i..i + 1),
            }
        }
        Self { messages, turns }
    }

    /// How many turns may be left out: all but the last.
    pub fn most(&self) -> usize {
        self.turns.len().saturating_sub(1)
    }

    /// How many to leave out, as [`Turns::without`] does, where each turn takes `sizes` and all may take `room`. Once they do not
    /// fit, they are brought down to half of it, so that the next turns find the same beginning again.
    pub fn to_leave_out(&self, sizes: &[usize], room: usize, overflow: Overflow) -> usize {
        let kept = usize::from(overflow == Overflow::TruncateMiddle).min(sizes.len());
        let (first, sizes) = sizes.split_at(kept);
        let room = room.saturating_sub(first.iter().sum());
        let (mut out, mut sum) = (0, 0);
        for (i, size) in sizes.iter().enumerate() {
            sum += size;
            if sum > room {
                while sum > room / 2 && out < i {
                    sum -= sizes[out];
                    out += 1;
                }
            }
        }
        out
    }

    /// The messages without `out` turns: the oldest, or those after the first.
    pub fn without(&self, out: usize, overflow: Overflow) -> Vec<Json> {
        let kept = usize::from(overflow == Overflow::TruncateMiddle && out < self.most());
        [self.only(0..kept), self.turns_of(kept + out..self.turns.len())].concat()
    }

    /// The beginning and these turns.
    pub fn only(&self, turns: Range<usize>) -> Vec<Json> {
        let first = self.turns.first().map_or(self.messages.len(), |turn| turn.start);
        [&self.messages[..first], &self.turns_of(turns)].concat()
    }

    fn turns_of(&self, turns: Range<usize>) -> Vec<Json> {
        let messages =
            self.turns.get(turns).unwrap_or_default().iter().map(|turn| &self.messages[turn.clone()]);
        messages.flatten().cloned().collect()
    }
}
