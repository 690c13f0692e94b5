//! Jinja2's statements, rewritten for minijinja. What is not supported is refused by name, and so is what would
//! take a deep stack: minijinja's parser, compiler and clean-up are recursive.

use super::expression::{Expression, Form, Parser, quoted};
use super::lexer::{self, Piece, Tag, Token, error};
use crate::Result;
use std::collections::BTreeMap;

/// Bytes of a template: the longest known has 30,000.
const MAX_LENGTH: usize = 256 << 10;
/// How deep blocks may nest; an `elif` nests too.
const MAX_BLOCKS: usize = 40;

/// A block that is open.
struct Block {
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
    let mut writer = Writer { out: String::new(), lines: 1, blocks: Vec::new(), defaults: &defaults };
    for piece in pieces {
        match piece {
            Piece::Text(text) => writer.text(&text),
            Piece::Print(tag) => writer.print(&tag)?,
            Piece::Statement(tag) => writer.statement(&tag)?,
        }
    }
    match writer.blocks.last() {
        Some(block) => Err(error(writer.lines, format!("{} does not end", block.kind))),
        None => Ok(writer.out),
    }
}

struct Writer<'d> {
    out: String,
    /// How many `out` has.
    lines: usize,
    blocks: Vec<Block>,
    /// See [`Parser`].
    defaults: &'d BTreeMap<String, usize>,
}

/// The macros whose arguments have defaults, and the place of the first.
fn defaults(pieces: &[Piece]) -> BTreeMap<String, usize> {
    let mut defaults = BTreeMap::new();
    for piece in pieces {
        let Piece::Statement(Tag { tokens, .. }) = piece else { continue };
        let [Token::Name(statement), Token::Name(name), parameters @ ..] = &tokens[..] else { continue };
        if statement == "macro"
            && let Some(first) = parameters.iter().position(|t| *t == Token::Operator("="))
        {
            let place = parameters[..first].iter().filter(|t| **t == Token::Operator(",")).count();
            let least = defaults.entry(name.clone()).or_insert(place);
            *least = place.min(*least);
        }
    }
    defaults
}

impl<'d> Writer<'d> {
    fn text(&mut self, text: &str) {
        let has_tag = ["{{", "{%", "{#"].iter().any(|start| text.contains(start)) || text.ends_with('{');
        if has_tag {
            self.out += &format!("{{{{{}}}}}", quoted(text).text);
        } else {
            self.lines += text.matches('\n').count();
            self.out += text;
        }
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
        self.tag(tag.line, "{{ ", &value.text, " }}");
        Ok(())
    }

    fn open(&mut self, kind: &'static str, line: usize) -> Result<()> {
        let depth = self.blocks.last().map_or(0, |block| block.depth) + 1;
        if depth > MAX_BLOCKS {
            return Err(error(line, format!("blocks nest deeper than {MAX_BLOCKS}")));
        }
        self.blocks.push(Block { kind, depth });
        Ok(())
    }

    fn statement(&mut self, tag: &Tag) -> Result<()> {
        let mut parser = self.parser(tag);
        let name = parser.name()?;
        let text = match name {
            "for" => self.start_for(&mut parser)?,
            "if" => {
                self.open("if", tag.line)?;
                format!("if {}", parser.tuple(false)?.text)
            }
            "elif" | "else" => self.branch(&mut parser, name)?,
            "set" => return self.set(tag, parser),
            "macro" => self.start_macro(&mut parser)?,
            "call" => self.start_call(&mut parser)?,
            "filter" => {
                self.open("filter", tag.line)?;
                format!("filter {}", parser.filters()?)
            }
            "with" => {
                self.open("with", tag.line)?;
                with(&mut parser)?
            }
            "generation" => {
                self.open("generation", tag.line)?;
                "with".into()
            }
            "print" => loop {
                self.tag(tag.line, "{{ ", &parser.expression()?.text, " }}");
                if !parser.skip_operator(",") {
                    return parser.end();
                }
            },
            "break" | "continue" => {
                self.check_loop(&parser, name)?;
                name.into()
            }
            _ => return self.end(tag, parser, name),
        };
        parser.end()?;
        self.tag(tag.line, "{% ", &text, if name == "filter" { " %}{% with %}" } else { " %}" });
        Ok(())
    }

    /// `endfor` and its like.
    fn end(&mut self, tag: &Tag, parser: Parser, name: &str) -> Result<()> {
        let kind = match name.strip_prefix("end") {
            Some("for") => "for",
            Some("if") => "if",
            Some("set") => "set",
            Some("macro") => "macro",
            Some("call") => "call",
            Some("filter") => "filter",
            Some("with") => "with",
            Some("generation") => "generation",
            _ => return parser.fail(format!("the statement {name} is not supported")),
        };
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
        parser.end()?;
        self.tag(tag.line, "{% ", text, " %}");
        Ok(())
    }

    fn start_for(&mut self, parser: &mut Parser) -> Result<String> {
        self.open("for", parser.line)?;
        let target = target(parser)?;
        if !parser.skip_word("in") {
            return parser.fail("expected in");
        }
        let iterable = parser.tuple(false)?.operand();
        let condition = if parser.skip_word("if") {
            format!(" if {}", parser.expression()?.operand().text)
        } else {
            String::new()
        };
        let recursive = if parser.skip_word("recursive") { " recursive" } else { "" };
        Ok(format!("for {target} in {}|py_iterate(){condition}{recursive}", iterable.text))
    }

    fn branch(&mut self, parser: &mut Parser, name: &str) -> Result<String> {
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
            return Ok(format!("elif {}", parser.tuple(false)?.text));
        }
        let kind = if block.kind == "if" { "else" } else { "empty" }; // of a loop without items
        let depth = block.depth;
        self.blocks.push(Block { kind, depth });
        Ok(if kind == "empty" { "else %}{% with" } else { "else" }.into())
    }

    fn check_loop(&self, parser: &Parser, name: &str) -> Result<()> {
        let within = self.blocks.iter().rev().find(|b| !matches!(b.kind, "if" | "else" | "with"));
        match within {
            Some(block) if block.kind == "for" => Ok(()),
            _ => parser.fail(format!("{name} outside of a loop")),
        }
    }

    fn set(&mut self, tag: &Tag, mut parser: Parser) -> Result<()> {
        let name = target(&mut parser)?;
        let attribute = if parser.skip_operator(".") { Some(quoted(parser.name()?).text) } else { None };
        if parser.skip_operator("=") {
            let value = parser.tuple(true)?;
            parser.end()?;
            match attribute {
                Some(attribute) => {
                    self.tag(tag.line, "{{ ", &format!("{name}|py_set({attribute}, {})", value.text), " }}");
                }
                None => self.tag(tag.line, "{% set ", &format!("{name} = {}", value.text), " %}"),
            }
            return Ok(());
        }
        let filters = if parser.skip_operator("|") { parser.filters()? } else { String::new() };
        parser.end()?;
        self.open(if attribute.is_some() { "namespace" } else { "set" }, tag.line)?;
        let bar = if filters.is_empty() { "" } else { "|" };
        match attribute {
            Some(attribute) => {
                let text = format!("filter {filters}{bar}py_set_block({name}, {attribute})");
                self.tag(tag.line, "{% ", &text, " %}{% with %}");
            }
            None => self.tag(tag.line, "{% set ", &format!("{name}{bar}{filters}"), " %}{% with %}"),
        }
        Ok(())
    }

    fn start_macro(&mut self, parser: &mut Parser) -> Result<String> {
        self.open("macro", parser.line)?;
        let name = parser.name()?;
        Ok(format!("macro {name}{}", parameters(parser)?))
    }

    fn start_call(&mut self, parser: &mut Parser) -> Result<String> {
        self.open("call", parser.line)?;
        let parameters = if parser.is_operator("(") { parameters(parser)? } else { String::new() };
        let call = parser.expression()?;
        if call.form != Form::Call {
            return parser.fail("a call block needs a call");
        }
        Ok(format!("call{parameters} {}", call.text))
    }
}

/// What a value is assigned to: a name, or several to unpack it.
fn target(parser: &mut Parser) -> Result<String> {
    let mut targets = Vec::new();
    loop {
        if parser.skip_operator("(") {
            targets.push(format!("({})", parser.nested(target)?));
            parser.expect(")")?;
        } else {
            let name = parser.name()?;
            if matches!(
                name,
                "true" | "True" | "false" | "False" | "none" | "None" | "loop" | "self" | "super"
            ) {
                return parser.fail(format!("cannot assign to {name}"));
            }
            targets.push(name.into());
        }
        if !parser.skip_operator(",") {
            break;
        }
        if parser.is_word("in") || parser.is_operator("=") || parser.is_operator(")") {
            targets.push(String::new());
            break;
        }
    }
    if targets.len() > 100 {
        return parser.fail("more than 100 targets");
    }
    Ok(targets.join(", "))
}

/// The names of a macro's arguments and their defaults.
fn parameters(parser: &mut Parser) -> Result<String> {
    parser.expect("(")?;
    let (mut names, mut named) = (Vec::new(), Vec::new());
    let parameters = parser.items(")", |parser| {
        let name = parser.name()?;
        if names.contains(&name) {
            return parser.fail(format!("the argument {name} stands twice"));
        }
        names.push(name);
        let start = parser.at;
        let default = if parser.skip_operator("=") { Some(parser.expression()?) } else { None };
        named.extend(parser.names_since(start));
        Ok(default.map_or(name.into(), |default: Expression| format!("{name}={}", default.text)))
    })?;
    match named.iter().find(|name| names.contains(name)) {
        Some(name) => parser.fail(format!("a default that names the argument {name} is not supported")),
        None => Ok(format!("({})", parameters.join(", "))),
    }
}

/// The assignments of `with`: none sees another.
fn with(parser: &mut Parser) -> Result<String> {
    let (mut targets, mut values) = (Vec::new(), Vec::new());
    while !parser.is_at_end() {
        if !targets.is_empty() {
            parser.expect(",")?;
        }
        let target = target(parser)?;
        parser.expect("=")?;
        targets.push(if target.contains(',') { format!("({target})") } else { target });
        values.push(parser.expression()?);
    }
    Ok(match (&targets[..], &values[..]) {
        ([], _) => "with".into(),
        ([target], [value]) => format!("with {target} = {}", value.text),
        _ => format!("with ({}) = {}", targets.join(", "), parser.build("py_tuple", &values)?.text),
    })
}
