//! Jinja2's statements, rewritten for minijinja. What is not supported is refused by name, and so is what would
//! take a deep stack: minijinja's parser, compiler and clean-up are recursive.

use super::expression::{Parser, quoted};
use super::lexer::{self, Piece, Tag, Token, error};
use super::scopes::Scopes;
use super::statements;
use crate::Result;
use std::collections::BTreeMap;

/// Bytes of a template: the longest known has 30,000.
const MAX_LENGTH: usize = 256 << 10;
/// How deep blocks may nest; an `elif` nests too.
const MAX_BLOCKS: usize = 40;

/// A block that is open.
pub(super) struct Block {
    kind: &'static str,
    /// How deep minijinja's tree is inside.
    depth: usize,
}

/// The template as minijinja reads it, without `trim_blocks` and `lstrip_blocks`.
/// [`crate::Error::Template`] says what cannot be read, or is not supported.
pub(super) fn rewrite(source: &str) -> Result<String> {
    if source.len() > MAX_LENGTH {
        return Err(error(1, format!("the template is longer than {MAX_LENGTH} bytes")));
    }
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let pieces = lexer::pieces(source.strip_suffix('\n').unwrap_or(&source))?;
    let defaults = defaults(&pieces);
    let mut writer = Writer {
        out: String::new(),
        lines: 1,
        blocks: Vec::new(),
        scopes: Scopes::new(),
        defaults: &defaults,
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => writer.text(&text),
            Piece::Print(tag) => writer.print(&tag)?,
            Piece::Statement(tag) => writer.statement(&tag)?,
        }
    }
    if let Some(block) = writer.blocks.last() {
        return Err(error(writer.lines, format!("{} does not end", block.kind)));
    }
    for (at, name) in writer.scopes.undefined() {
        writer.out.insert_str(at, &format!("{{% set {name} = 0|py_undefined() %}}"));
    }
    Ok(writer.out)
}

/// The macros whose arguments have defaults, and the place of the first. What a call block gives is a macro too.
fn defaults(pieces: &[Piece]) -> BTreeMap<String, usize> {
    let mut defaults = BTreeMap::new();
    for piece in pieces {
        let Piece::Statement(Tag { tokens, .. }) = piece else { continue };
        let (name, parameters) = match &tokens[..] {
            [Token::Name(word), Token::Name(name), rest @ ..] if word == "macro" => (name.as_str(), rest),
            [Token::Name(word), rest @ ..] if word == "call" => ("caller", rest),
            _ => continue,
        };
        if let Some(first) = parameters.iter().position(|token| *token == Token::Operator("=")) {
            let place = parameters[..first].iter().filter(|t| **t == Token::Operator(",")).count();
            let least = defaults.entry(name.to_owned()).or_insert(place);
            *least = place.min(*least);
        }
    }
    defaults
}

/// Writes the template that minijinja reads.
pub(super) struct Writer<'d> {
    out: String,
    /// How many `out` has.
    lines: usize,
    blocks: Vec<Block>,
    pub scopes: Scopes,
    /// See [`Parser`].
    defaults: &'d BTreeMap<String, usize>,
}

impl<'d> Writer<'d> {
    /// Text goes the way of values: what is written is charged for there.
    fn text(&mut self, text: &str) {
        self.out += "{{ ";
        self.out += &quoted(text).text;
        self.out += " }}";
    }

    /// A tag, on the line that it had.
    fn tag(&mut self, line: usize, open: &str, text: &str, close: &str) {
        self.out += open;
        for _ in self.lines..line {
            self.out.push('\n');
        }
        self.lines = self.lines.max(line);
        self.out += text;
        self.out += close;
    }

    /// `{{ text }}`.
    pub fn value(&mut self, line: usize, text: &str) {
        self.tag(line, "{{ ", text, " }}");
    }

    /// `{% text %}`.
    pub fn block(&mut self, line: usize, text: &str) {
        self.tag(line, "{% ", text, " %}");
    }

    fn parser<'t>(&self, tag: &'t Tag) -> Parser<'t>
    where
        'd: 't,
    {
        let mut parser = Parser::new(tag, self.defaults);
        parser.conditional = self.blocks.last().is_some_and(|block| matches!(block.kind, "if" | "else"));
        parser
    }

    fn print(&mut self, tag: &Tag) -> Result<()> {
        let mut parser = self.parser(tag);
        let value = parser.tuple(true)?;
        parser.end()?;
        self.value(tag.line, &value.text);
        self.scopes.read(parser.take_read());
        Ok(())
    }

    /// Begins a block whose body is no scope.
    pub fn open(&mut self, kind: &'static str, line: usize) -> Result<()> {
        let depth = self.blocks.last().map_or(0, |block| block.depth) + 1;
        if depth > MAX_BLOCKS {
            return Err(error(line, format!("blocks nest deeper than {MAX_BLOCKS}")));
        }
        self.blocks.push(Block { kind, depth });
        Ok(())
    }

    /// Begins a block whose body is a scope with these variables: `text` is its tag.
    pub fn enter(&mut self, kind: &'static str, line: usize, text: &str, known: Vec<String>) -> Result<()> {
        self.open(kind, line)?;
        self.block(line, text);
        self.scopes.open(self.out.len());
        self.scopes.read(known);
        Ok(())
    }

    /// Whether a statement runs whenever its scope does.
    pub fn is_certain(&self) -> bool {
        !self.blocks.last().is_some_and(|block| matches!(block.kind, "if" | "else"))
    }

    fn statement(&mut self, tag: &Tag) -> Result<()> {
        let mut parser = self.parser(tag);
        let name = parser.name()?;
        match name {
            "for" => statements::start_for(self, parser),
            "if" => {
                self.open("if", tag.line)?;
                let condition = parser.tuple(false)?;
                self.scopes.read(parser.take_read());
                self.block(tag.line, &format!("if {}", condition.text));
                parser.end()
            }
            "elif" | "else" => self.branch(parser, name),
            "set" => statements::set(self, parser),
            "macro" => statements::start_macro(self, parser),
            "call" => statements::start_call(self, parser),
            "filter" => statements::start_filter(self, parser),
            "with" => statements::start_with(self, parser),
            "generation" => {
                self.enter("generation", tag.line, "with", Vec::new())?;
                parser.end()
            }
            "print" => {
                let values = parser.list()?;
                self.scopes.read(parser.take_read());
                values.iter().for_each(|value| self.value(tag.line, &value.text));
                parser.end()
            }
            "break" | "continue" => {
                self.check_loop(&parser, name)?;
                self.block(tag.line, name);
                parser.end()
            }
            _ => self.end(parser, name),
        }
    }

    /// `endfor` and its like.
    fn end(&mut self, parser: Parser, name: &str) -> Result<()> {
        let kinds = ["for", "if", "set", "macro", "call", "filter", "with", "generation"];
        let kind = name.strip_prefix("end").and_then(|kind| kinds.into_iter().find(|k| *k == kind));
        let Some(kind) = kind else { return parser.fail(format!("the statement {name} is not supported")) };
        let Some(mut block) = self.blocks.pop() else { return parser.fail(format!("{name} ends nothing")) };
        let is_empty = block.kind == "empty";
        if matches!(block.kind, "else" | "empty") {
            block = self.blocks.pop().unwrap_or(block);
        }
        let text = match block.kind {
            "for" if kind == "for" && is_empty => "endwith %}{% endfor",
            "namespace" if kind == "set" => "endwith %}{% endfilter",
            "set" if kind == "set" => "endwith %}{% endset",
            "filter" if kind == "filter" => "endwith %}{% endfilter",
            "generation" if kind == "generation" => "endwith",
            open if open == kind => name,
            open => return parser.fail(format!("{name} where {open} is open")),
        };
        if kind != "if" {
            self.scopes.close();
        }
        self.block(parser.line, text);
        parser.end()
    }

    fn branch(&mut self, mut parser: Parser, name: &str) -> Result<()> {
        let Some(block) =
            self.blocks.last_mut().filter(|b| b.kind == "if" || b.kind == "for" && name == "else")
        else {
            return parser.fail(format!("unexpected {name}"));
        };
        if name == "elif" {
            block.depth += 1;
            if block.depth > MAX_BLOCKS {
                return parser.fail(format!("more than {MAX_BLOCKS} branches"));
            }
            let condition = parser.tuple(false)?;
            self.scopes.read(parser.take_read());
            self.block(parser.line, &format!("elif {}", condition.text));
            return parser.end();
        }
        let depth = block.depth;
        let is_if = block.kind == "if";
        self.blocks.push(Block { kind: if is_if { "else" } else { "empty" }, depth });
        if is_if {
            self.block(parser.line, "else");
        } else {
            self.scopes.close();
            self.block(parser.line, "else %}{% with");
            self.scopes.open(self.out.len());
        }
        parser.end()
    }

    fn check_loop(&self, parser: &Parser, name: &str) -> Result<()> {
        let within = self.blocks.iter().rev().find(|b| !matches!(b.kind, "if" | "else" | "with"));
        match within {
            Some(block) if block.kind == "for" => Ok(()),
            _ => parser.fail(format!("{name} outside of a loop")),
        }
    }
}
