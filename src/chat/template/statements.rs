//! The statements that begin a block or set a variable, see [`super::syntax`].

use super::expression::{Form, Parser, quoted};
use super::syntax::Writer;
use crate::Result;

pub(super) fn start_for(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let mut names = Vec::new();
    let target = target(&mut parser, &mut names)?;
    if !parser.skip_word("in") {
        return parser.fail("expected in");
    }
    let iterable = parser.tuple(false)?.operand();
    writer.scopes.read(parser.take_read());
    let condition = if parser.skip_word("if") {
        format!(" if {}", parser.expression()?.operand().text)
    } else {
        String::new()
    };
    names.extend(parser.take_read());
    let recursive = if parser.skip_word("recursive") { " recursive" } else { "" };
    parser.end()?;
    let text = format!("for {target} in {}|py_iterate(){condition}{recursive}", iterable.text);
    writer.enter("for", parser.line, &text, names)
}

pub(super) fn set(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let mut names = Vec::new();
    let name = target(&mut parser, &mut names)?;
    let attribute = if parser.skip_operator(".") { Some(quoted(parser.name()?).text) } else { None };
    if attribute.is_some() {
        writer.scopes.read(std::mem::take(&mut names));
    }
    let certain = writer.is_certain();
    if parser.skip_operator("=") {
        let value = parser.tuple(true)?.text;
        parser.end()?;
        writer.scopes.read(parser.take_read());
        names.iter().for_each(|name| writer.scopes.set(name, certain, false));
        match attribute {
            Some(attribute) => writer.value(parser.line, &format!("{name}|py_set({attribute}, {value})")),
            None => writer.block(parser.line, &format!("set {name} = {value}")),
        }
        return Ok(());
    }
    let filters = if parser.skip_operator("|") { parser.filters()? } else { String::new() };
    parser.end()?;
    writer.scopes.read(parser.take_read());
    names.iter().for_each(|name| writer.scopes.set(name, certain, true));
    let bar = if filters.is_empty() { "" } else { "|" };
    let (kind, text) = match attribute {
        Some(attribute) => ("namespace", format!("filter {filters}{bar}py_set_block({name}, {attribute})")),
        None => ("set", format!("set {name}{bar}{filters}")),
    };
    writer.enter(kind, parser.line, &(text + " %}{% with"), Vec::new())
}

pub(super) fn start_macro(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let name = parser.name()?;
    let (arguments, body, names) = parameters(&mut parser)?;
    parser.end()?;
    writer.scopes.set(name, writer.is_certain(), false);
    writer.enter("macro", parser.line, &format!("macro {name}{arguments}{body}"), names)
}

pub(super) fn start_call(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let (arguments, body, names) =
        if parser.is_operator("(") { parameters(&mut parser)? } else { Default::default() };
    let call = parser.expression()?;
    if call.form != Form::Call {
        return parser.fail("a call block needs a call");
    }
    parser.end()?;
    writer.scopes.read(parser.take_read());
    writer.enter("call", parser.line, &format!("call{arguments} {}{body}", call.text), names)
}

pub(super) fn start_filter(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let filters = parser.filters()?;
    parser.end()?;
    writer.scopes.read(parser.take_read());
    let text = format!("filter {filters}|py_written() %}}{{% with");
    writer.enter("filter", parser.line, &text, Vec::new())
}

/// The assignments of `with`: none sees another.
pub(super) fn start_with(writer: &mut Writer, mut parser: Parser) -> Result<()> {
    let (mut targets, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
    while !parser.is_at_end() {
        if !targets.is_empty() {
            parser.expect(",")?;
        }
        let target = target(&mut parser, &mut names)?;
        parser.expect("=")?;
        targets.push(if target.contains(',') { format!("({target})") } else { target });
        values.push(parser.expression()?);
    }
    let text = match (&targets[..], &values[..]) {
        ([], _) => "with".into(),
        ([target], [value]) => format!("with {target} = {}", value.text),
        _ => format!("with ({}) = {}", targets.join(", "), parser.build("py_tuple", &values)?.text),
    };
    writer.scopes.read(parser.take_read());
    writer.enter("with", parser.line, &text, names)
}

/// What a value is assigned to: a name, or several to unpack it.
fn target(parser: &mut Parser, names: &mut Vec<String>) -> Result<String> {
    let mut targets = Vec::new();
    loop {
        if parser.skip_operator("(") {
            targets.push(format!("({})", parser.nested(|parser| target(parser, names))?));
            parser.expect(")")?;
        } else {
            let name = parser.name()?;
            if matches!(
                name,
                "true" | "True" | "false" | "False" | "none" | "None" | "loop" | "self" | "super"
            ) {
                return parser.fail(format!("cannot assign to {name}"));
            }
            names.push(name.into());
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

/// The arguments of a macro, what its body begins with, and the names that it has.
///
/// Jinja2 gives an argument its default where none is given, minijinja also where what is given is undefined. So the
/// body sets the defaults, and calls mark what is given and undefined.
fn parameters(parser: &mut Parser) -> Result<(String, String, Vec<String>)> {
    parser.expect("(")?;
    let mut names: Vec<String> = Vec::new();
    let mut defaults = Vec::new();
    parser.items(")", |parser| {
        let name = parser.name()?;
        if names.iter().any(|other| other == name) {
            return parser.fail(format!("the argument {name} stands twice"));
        }
        names.push(name.to_owned());
        if parser.skip_operator("=") {
            defaults.push((names.len(), parser.expression()?.operand().text, parser.take_read()));
        } else if !defaults.is_empty() {
            return parser.fail(format!("the argument {name} has no default, but one before it has"));
        }
        Ok(())
    })?;
    let mut body = String::new();
    let arguments = names.join(", ");
    for (place, default, read) in defaults {
        if let Some(later) = read.iter().find(|name| names[place - 1..].contains(name)) {
            return parser.fail(format!("a default that names the argument {later} is not supported"));
        }
        let name = names[place - 1].clone();
        body += &format!(
            " %}}{{% set {name} = {default} if {name}|py_is(\"undefined\") else {name}|py_received()"
        );
        names.extend(read);
    }
    Ok((format!("({arguments})"), body, names))
}
