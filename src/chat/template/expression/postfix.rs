//! What stands behind a value in an expression: attributes, subscripts, calls, filters and tests.

use super::super::attributes::is_method_name;
use super::super::lexer::Token;
use super::super::runtime;
use super::{Expression, Form, MAX_NESTING, MAX_OPERANDS, Parser, quoted};
use crate::Result;

impl Parser<'_> {
    pub(super) fn postfix(&mut self, mut value: Expression) -> Result<Expression> {
        loop {
            if self.skip_operator(".") {
                value = self.attribute(value)?;
            } else if self.skip_operator("[") {
                value = self.subscript(value)?;
            } else if self.is_operator("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn attribute(&mut self, value: Expression) -> Result<Expression> {
        if let Some(Token::Int(index)) = self.peek() {
            self.at += 1;
            return self.apply(value, "py_item", &[Expression::new(index.to_string(), Form::Operand)]);
        }
        let name = self.name()?;
        if name.starts_with("__") {
            return self.fail(format!("the attribute {name} is not supported"));
        }
        let is_path = matches!(value.form, Form::Name | Form::Path);
        let is_called = self.is_operator("(");
        let is_path = is_path && (name != "changed" || value.text == "loop");
        if is_path && (is_called || !is_method_name(name)) {
            let (depth, text) = (value.depth + 1, value.text + "." + name);
            return self.checked(Expression { text, form: Form::Path, depth });
        }
        let mut arguments = vec![quoted(name)];
        if !is_called {
            return self.apply(value, "py_attribute", &arguments);
        }
        arguments.extend(self.arguments()?);
        self.apply(value, "py_call", &arguments)
    }

    fn subscript(&mut self, value: Expression) -> Result<Expression> {
        let none = || Expression::new("none".into(), Form::Operand);
        let mut bounds = Vec::new();
        loop {
            let is_given = !self.is_operator(":") && !self.is_operator("]");
            bounds.push(if is_given { self.expression()? } else { none() });
            if bounds.len() > 3 {
                return self.fail("a slice has three bounds at most");
            }
            if self.skip_operator("]") {
                break;
            }
            if self.is_operator(",") {
                return self.fail("a tuple as subscript is not supported");
            }
            self.expect(":")?;
        }
        match bounds.len() {
            1 if bounds[0].text == "none" => self.fail("a subscript is empty or none"),
            1 => self.apply(value, "py_item", &bounds),
            _ => self.apply(value, "py_slice", &bounds),
        }
    }

    fn call(&mut self, callee: Expression) -> Result<Expression> {
        let first_default = self.defaults.get(&callee.text).copied();
        let is_loop = callee.text == "loop";
        let is_changed = callee.text == "loop.changed";
        self.expect("(")?;
        let mut place = 0;
        let arguments = self.items(")", |parser| {
            let (prefix, mut value) = parser.argument()?;
            let is_default = first_default.is_some_and(|first| place >= first || !prefix.is_empty());
            place += 1;
            if is_default {
                value = parser.apply(
                    value,
                    if prefix.starts_with('*') { "py_given_all" } else { "py_given" },
                    &[],
                )?;
            } else if is_changed {
                value = parser.apply(value, "py_identity", &[])?;
            } else if is_loop {
                value = parser.apply(value, "py_iterate", &[])?;
            }
            Ok(Expression { text: prefix + &value.text, ..value })
        })?;
        let depth = arguments.iter().map(|a| a.depth).max().unwrap_or(0).max(callee.depth) + 1;
        let arguments: Vec<String> = arguments.into_iter().map(|a| a.text).collect();
        if arguments.len() > MAX_OPERANDS {
            return self.fail(format!("more than {MAX_OPERANDS} arguments"));
        }
        let is_path = matches!(callee.form, Form::Name | Form::Path);
        let callee = if is_path { callee.text } else { format!("({})", callee.text) };
        let text = callee + "(" + &arguments.join(", ") + ")";
        self.checked(Expression { text, form: Form::Call, depth })
    }

    fn arguments(&mut self) -> Result<Vec<Expression>> {
        self.expect("(")?;
        self.items(")", |parser| {
            let (prefix, value) = parser.argument()?;
            Ok(Expression { text: prefix + &value.text, ..value })
        })
    }

    /// What stands in front of an argument (its name, `*` or `**`), and its value.
    fn argument(&mut self) -> Result<(String, Expression)> {
        if self.skip_operator("**") {
            let mapping = self.expression()?;
            return Ok(("**".into(), self.apply(mapping, "py_keywords", &[])?));
        }
        if self.skip_operator("*") {
            let items = self.expression()?;
            return Ok(("*".into(), self.apply(items, "py_iterate", &[])?));
        }
        if let (Some(Token::Name(name)), Some(Token::Operator("="))) =
            (self.peek(), self.tokens.get(self.at + 1))
        {
            self.at += 2;
            return Ok((format!("{name}="), self.expression()?));
        }
        Ok((String::new(), self.expression()?))
    }

    /// Filters, tests and calls behind a value.
    pub(super) fn filtered(&mut self, mut value: Expression) -> Result<Expression> {
        loop {
            if self.skip_operator("|") {
                value = self.filter(value)?;
            } else if self.skip_word("is") {
                value = self.test(value)?;
            } else if self.is_operator("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    /// A filter and its arguments, behind the `|`.
    fn filter(&mut self, value: Expression) -> Result<Expression> {
        let (name, arguments) = self.filter_call()?;
        self.apply(value, &name, &arguments)
    }

    fn filter_call(&mut self) -> Result<(String, Vec<Expression>)> {
        let name = self.name()?;
        if !runtime::is_filter(name) && (!self.conditional || runtime::is_known(name)) {
            return self.fail(format!("the filter {name} is not supported"));
        }
        let arguments = if self.is_operator("(") { self.arguments()? } else { Vec::new() };
        Ok((name.into(), arguments))
    }

    /// The filters of a block: `a|b(c)`.
    pub fn filters(&mut self) -> Result<String> {
        let mut text = String::new();
        for i in 0.. {
            let (name, arguments) = self.filter_call()?;
            if i == MAX_NESTING {
                return self.fail(format!("a block has more than {MAX_NESTING} filters"));
            }
            let arguments: Vec<String> = arguments.into_iter().map(|a| a.text).collect();
            text += &format!("{}{name}({})", if i == 0 { "" } else { "|" }, arguments.join(", "));
            if !self.skip_operator("|") {
                break;
            }
        }
        Ok(text)
    }

    fn test(&mut self, value: Expression) -> Result<Expression> {
        let negated = self.skip_word("not");
        let name = self.name()?;
        if !runtime::is_test(name) && !self.conditional {
            return self.fail(format!("the test {name} is not supported"));
        }
        let has_argument = match self.peek() {
            Some(Token::Name(word)) => !matches!(word.as_str(), "else" | "or" | "and"),
            Some(Token::Text(_) | Token::Int(_) | Token::Float(_) | Token::Operator("[" | "{")) => true,
            _ => false,
        };
        let mut arguments = vec![quoted(name)];
        if self.is_operator("(") {
            arguments.extend(self.arguments()?);
        } else if self.is_word("is") {
            return self.fail("tests cannot be chained");
        } else if has_argument {
            let argument = self.primary()?;
            arguments.push(self.postfix(argument)?);
        }
        self.apply(value, if negated { "py_is_not" } else { "py_is" }, &arguments)
    }
}
