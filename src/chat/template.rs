//! The model's own chat template (Jinja, as Hugging Face uses it) through minijinja.

mod arguments;
mod attributes;
mod callable;
mod choose;
mod expression;
mod filters;
mod format;
mod functions;
mod items;
mod json;
mod letters;
mod lexer;
mod methods;
mod operators;
mod printf;
mod runtime;
mod scopes;
mod sequences;
mod spec;
mod split;
mod statements;
mod syntax;
mod tests;
mod text;
mod value;

use crate::trie::Trie;
use crate::{Error, Result};
use jiff::civil::DateTime;
use minijinja::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Characters of an error's message: a template can raise one of any length.
const MAX_MESSAGE: usize = 1000;
/// Unicode's noncharacters, free for internal use by definition.
const MARKS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// A chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    source: String,
}

/// A rendered prompt.
///
/// What a person wrote may contain the text of a control token. Before rendering, a mark (a noncharacter that
/// nobody wrote) is set into each such place, or after it where it has but one character. The tokenizer splits
/// at control tokens that no mark follows, and removes the mark from the text between them: so those words stay
/// words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    marked: String,
    /// The mark in use, if any was needed.
    pub mark: Option<char>,
    /// Texts that are to follow the prompt, with marks.
    pub after: Vec<String>,
}

impl Rendered {
    /// The prompt with marks, for [`crate::tokenizer::Tokenizer::encode_marked`].
    pub fn marked(&self) -> &str {
        &self.marked
    }

    /// The prompt as the template meant it.
    pub fn text(&self) -> String {
        match self.mark {
            Some(mark) => self.marked.replace(mark, ""),
            None => self.marked.clone(),
        }
    }
}

impl ChatTemplate {
    /// A template that [`Self::render`] reads: one that is wrong hinders nobody who does not chat.
    pub fn new(source: &str) -> Self {
        Self { source: source.into() }
    }

    /// Whether the template has this word.
    pub fn mentions(&self, word: &str) -> bool {
        self.source.contains(word)
    }

    /// Renders with the variables of `context` (`messages`, `tools`, `add_generation_prompt`, `bos_token`, ...).
    /// Texts of `control` tokens inside `messages` and `tools` stay text; [`Error::InvalidRequest`] where those
    /// leave no noncharacter to mark them with. `now` is what `strftime_now` tells. [`Error::Template`] tells what of
    /// the template is wrong or not supported, and stops one that takes too much.
    pub fn render<'t>(
        &self,
        context: Json,
        control: impl Iterator<Item = &'t str> + Clone,
        now: DateTime,
    ) -> Result<Rendered> {
        self.render_before(Vec::new(), context, control, now)
    }

    /// The same for a prompt that texts of a person's follow, in which control tokens stay text too.
    pub fn render_before<'t>(
        &self,
        mut after: Vec<String>,
        mut context: Json,
        control: impl Iterator<Item = &'t str> + Clone,
        now: DateTime,
    ) -> Result<Rendered> {
        let mark = mark_control_tokens(&mut context, &mut after, control)?;
        let source = syntax::rewrite(&self.source)?;
        let n_messages = context["messages"].as_array().map_or(0, Vec::len);
        let environment = runtime::environment(now, n_messages);
        let template = environment.template_from_str(&source).map_err(|e| failed(&e))?;
        let Json::Object(variables) = context else {
            return Err(Error::Template { line: None, message: "the variables are no object".into() });
        };
        let variables = variables.into_iter().map(|(name, json)| Ok((name, value::from_json(json)?)));
        let variables = variables.collect::<value::Result<Vec<_>>>().map_err(|e| failed(&e))?;
        let marked = template.render(Value::from_pairs(variables)).map_err(|e| failed(&e))?;
        Ok(Rendered { marked, mark, after })
    }
}

fn failed(error: &minijinja::Error) -> Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let what = match (error.kind(), error.detail()) {
        (minijinja::ErrorKind::OutOfFuel, _) => "it takes too long, or too much memory".into(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    let message = (what + &cause).chars().take(MAX_MESSAGE).collect();
    Error::Template { line: error.line(), message }
}

/// Sets a mark into every control token below `messages` and `tools`, and in `after`; the mark, if any was needed.
fn mark_control_tokens<'t>(
    context: &mut Json,
    after: &mut [String],
    control: impl Iterator<Item = &'t str> + Clone,
) -> Result<Option<char>> {
    let trie = Trie::new(control.clone().zip(0..));
    let mut free: Vec<char> = MARKS.collect();
    let mut use_up = |text: &str| free.retain(|mark| text.is_ascii() || !text.contains(*mark));
    control.for_each(&mut use_up);
    let mut found = false;
    let mut each_text = |each: &mut dyn FnMut(&mut String)| {
        for part in ["messages", "tools"] {
            visit(context.get_mut(part), &mut *each);
        }
        after.iter_mut().for_each(each);
    };
    each_text(&mut |text| {
        found = found || starts(text, &trie).next().is_some();
        use_up(text);
    });
    if !found {
        return Ok(None);
    }
    let mark = *free.first().ok_or_else(|| Error::InvalidRequest {
        param: "messages".into(),
        problem: "the text of a control token cannot stand beside all of U+FDD0 to U+FDEF".into(),
    })?;
    each_text(&mut |text| *text = marked(text, &trie, mark));
    Ok(Some(mark))
}

/// Where a control token starts, and where the shortest that starts there ends.
fn starts<'t>(text: &'t str, control: &'t Trie) -> impl Iterator<Item = (usize, usize)> + 't {
    let shortest = |(start, _)| {
        let (bytes, _) = control.prefixes(&text.as_bytes()[start..]).next()?;
        Some((start, start + bytes))
    };
    text.char_indices().filter_map(shortest)
}

/// Where marks must stand for each control token in `text` to have one: before its last character, or after it where it has
/// but one. What is in a token's shortest prefix that is one itself is in the token too.
fn places(text: &str, control: &Trie) -> BTreeSet<usize> {
    let mut places = BTreeSet::new();
    for (start, end) in starts(text, control) {
        let last = text.floor_char_boundary(end - 1);
        let within = if last > start { start + 1..end } else { end..end + 1 };
        if places.range(within).next().is_none() {
            places.insert(if last > start { last } else { end });
        }
    }
    places
}

/// `text` with `mark` in or after each control token.
fn marked(text: &str, control: &Trie, mark: char) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut at = 0;
    for place in places(text, control) {
        marked.push_str(&text[at..place]);
        marked.push(mark);
        at = place;
    }
    marked + &text[at..]
}

/// Every text below a value, the keys of objects too: `tojson` writes them.
fn visit(value: Option<&mut Json>, each: &mut dyn FnMut(&mut String)) {
    match value {
        Some(Json::String(text)) => each(text),
        Some(Json::Array(items)) => items.iter_mut().for_each(|item| visit(Some(item), each)),
        Some(Json::Object(entries)) => {
            let visited = std::mem::take(entries).into_iter().map(|(mut key, mut item)| {
                each(&mut key);
                visit(Some(&mut item), each);
                (key, item)
            });
            entries.extend(visited);
        }
        _ => {}
    }
}
