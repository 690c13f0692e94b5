//! Jinja2's expressions, rewritten for minijinja: operators, subscripts, tests and literals become calls of the
//! filters in [`super::runtime`], which do what Python does.

mod postfix;

use super::lexer::{Tag, Token, error};
use crate::Result;
use std::collections::BTreeMap;

/// How deep an expression may nest, as written: the parsers are recursive. A chain of filters nests too.
const MAX_NESTING: usize = 24;
/// How deep its tree may become.
const MAX_DEPTH: usize = 100;
/// How many operands a chain or a list may have (minijinja's own limit is 2,000 arguments).
const MAX_OPERANDS: usize = 1500;

/// A rewritten expression.
pub(super) struct Expression {
    pub text: String,
    pub form: Form,
    depth: usize,
}

/// What an expression is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    Name,
    /// Attributes of a name.
    Path,
    Call,
    /// Anything else that a filter can follow.
    Operand,
    /// `and`, `or`, `not` and `if`.
    Logic,
}

impl Expression {
    fn new(text: String, form: Form) -> Self {
        Self { text, form, depth: 1 }
    }

    /// In parentheses where a filter could not follow it.
    pub fn operand(mut self) -> Self {
        if self.form == Form::Logic {
            self.text = format!("({})", self.text);
            self.form = Form::Operand;
        }
        self
    }
}

/// Reads the tokens of one tag.
pub(super) struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    pub line: usize,
    nesting: usize,
    /// Whether what is read may not be evaluated: an unknown filter is an error only then.
    pub conditional: bool,
    /// The macros whose arguments have defaults, and the place of the first.
    defaults: &'t BTreeMap<String, usize>,
    /// The variables read so far.
    read: Vec<String>,
}

impl<'t> Parser<'t> {
    pub fn new(tag: &'t Tag, defaults: &'t BTreeMap<String, usize>) -> Self {
        Self {
            tokens: &tag.tokens,
            at: 0,
            line: tag.line,
            nesting: 0,
            conditional: false,
            defaults,
            read: Vec::new(),
        }
    }

    pub fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(error(self.line, message))
    }

    /// The variables that were read since the last time.
    pub fn take_read(&mut self) -> Vec<String> {
        std::mem::take(&mut self.read)
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    pub fn end(&self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { self.fail(format!("unexpected {:?}", self.tokens[self.at])) }
    }

    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    pub fn is_operator(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Token::Operator(o)) if *o == operator)
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(name)) if name == word)
    }

    pub fn skip_operator(&mut self, operator: &str) -> bool {
        let found = self.is_operator(operator);
        self.at += usize::from(found);
        found
    }

    pub fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, operator: &str) -> Result<()> {
        if self.skip_operator(operator) { Ok(()) } else { self.fail(format!("expected {operator}")) }
    }

    pub fn name(&mut self) -> Result<&'t str> {
        match self.peek() {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.fail("expected a name"),
        }
    }

    /// One of `operators`, if it comes next.
    fn any(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        operators.iter().copied().find(|operator| self.skip_operator(operator))
    }

    /// What `read` reads, one level down.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.fail(format!("an expression nests deeper than {MAX_NESTING}"));
        }
        let value = read(self);
        self.nesting -= 1;
        value
    }

    fn checked(&self, expression: Expression) -> Result<Expression> {
        if expression.depth > MAX_DEPTH {
            return self.fail(format!("an expression is a chain of more than {MAX_DEPTH}"));
        }
        Ok(expression)
    }

    /// `value|filter(arguments)`.
    fn apply(&self, value: Expression, filter: &str, arguments: &[Expression]) -> Result<Expression> {
        if arguments.len() > MAX_OPERANDS {
            return self.fail(format!("more than {MAX_OPERANDS} operands"));
        }
        let depth = arguments.iter().map(|a| a.depth).max().unwrap_or(0).max(value.depth) + 1;
        let mut text = value.operand().text;
        text = text + "|" + filter + "(";
        for (i, argument) in arguments.iter().enumerate() {
            text += if i == 0 { "" } else { ", " };
            text += &argument.text;
        }
        self.checked(Expression { text: text + ")", form: Form::Operand, depth })
    }

    /// A call of a filter for what is no filter.
    pub fn build(&self, filter: &str, arguments: &[Expression]) -> Result<Expression> {
        self.apply(Expression::new("0".into(), Form::Operand), filter, arguments)
    }

    /// An expression.
    pub fn expression(&mut self) -> Result<Expression> {
        self.nested(|parser| {
            let mut value = parser.or()?;
            let mut is_condition = false;
            while parser.skip_word("if") {
                let outer = std::mem::replace(&mut parser.conditional, true);
                let condition = parser.or()?;
                let other = if parser.skip_word("else") { Some(parser.expression()?) } else { None };
                parser.conditional = outer;
                let depth = value.depth.max(condition.depth).max(other.as_ref().map_or(0, |o| o.depth)) + 1;
                let other = other.map_or(String::new(), |other| format!(" else {}", other.text));
                if is_condition {
                    value = value.operand();
                }
                is_condition = true;
                let text = format!("{} if {}{other}", value.text, condition.text);
                value = parser.checked(Expression { text, form: Form::Logic, depth })?;
            }
            Ok(value)
        })
    }

    /// Expressions with commas between them.
    pub fn list(&mut self) -> Result<Vec<Expression>> {
        let mut values = vec![self.expression()?];
        while self.skip_operator(",") {
            values.push(self.expression()?);
        }
        Ok(values)
    }

    /// Expressions with commas between them are a tuple. Without `condition` none may have an `if`.
    pub fn tuple(&mut self, condition: bool) -> Result<Expression> {
        let mut items = Vec::new();
        loop {
            let ends = self.is_at_end() || self.is_operator(")") || self.is_word("recursive") && !condition;
            if ends {
                break;
            }
            items.push(if condition { self.expression()? } else { self.nested(Self::or)? });
            if !self.skip_operator(",") {
                return match items.len() {
                    1 => Ok(items.remove(0)),
                    _ => self.build("py_tuple", &items),
                };
            }
        }
        if items.is_empty() && !self.is_operator(")") {
            return self.fail("expected an expression");
        }
        self.build("py_tuple", &items)
    }

    fn logic(&mut self, word: &str, next: fn(&mut Self) -> Result<Expression>) -> Result<Expression> {
        let mut left = next(self)?;
        while self.skip_word(word) {
            let right = next(self)?;
            let depth = left.depth.max(right.depth) + 1;
            left.text = left.text + " " + word + " " + &right.text;
            left = self.checked(Expression { text: left.text, form: Form::Logic, depth })?;
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expression> {
        self.logic("or", Self::and)
    }

    fn and(&mut self) -> Result<Expression> {
        self.logic("and", Self::not)
    }

    fn not(&mut self) -> Result<Expression> {
        if !self.skip_word("not") {
            return self.comparison();
        }
        let value = self.nested(Self::not)?;
        Ok(Expression { text: format!("not {}", value.text), form: Form::Logic, depth: value.depth + 1 })
    }

    fn comparison(&mut self) -> Result<Expression> {
        let left = self.sum()?;
        let mut arguments = Vec::new();
        loop {
            let operator = match self.any(&["==", "!=", "<=", ">=", "<", ">"]) {
                Some(operator) => operator,
                None if self.skip_word("in") => "in",
                None if self.is_word("not")
                    && matches!(self.tokens.get(self.at + 1), Some(Token::Name(n)) if n == "in") =>
                {
                    self.at += 2;
                    "not in"
                }
                None => break,
            };
            arguments.push(quoted(operator));
            arguments.push(self.sum()?);
        }
        if arguments.is_empty() { Ok(left) } else { self.apply(left, "py_compare", &arguments) }
    }

    /// Operators of one rank, from the left.
    fn chain(
        &mut self,
        operators: &[&'static str],
        next: fn(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        let left = next(self)?;
        let mut arguments = Vec::new();
        while let Some(operator) = self.any(operators) {
            arguments.push(quoted(operator));
            arguments.push(next(self)?);
        }
        if arguments.is_empty() { Ok(left) } else { self.apply(left, "py_calculate", &arguments) }
    }

    fn sum(&mut self) -> Result<Expression> {
        self.chain(&["+", "-"], Self::concatenation)
    }

    fn concatenation(&mut self) -> Result<Expression> {
        let left = self.product()?;
        let mut arguments = Vec::new();
        while self.skip_operator("~") {
            arguments.push(self.product()?);
        }
        if arguments.is_empty() { Ok(left) } else { self.apply(left, "py_concatenate", &arguments) }
    }

    fn product(&mut self) -> Result<Expression> {
        self.chain(&["*", "//", "/", "%"], Self::power)
    }

    fn power(&mut self) -> Result<Expression> {
        self.chain(&["**"], |parser| parser.unary(true))
    }

    fn unary(&mut self, with_filters: bool) -> Result<Expression> {
        let value = match self.any(&["-", "+"]) {
            Some(sign) => {
                let operand = self.nested(|parser| parser.unary(false))?;
                self.apply(operand, "py_sign", &[quoted(sign)])?
            }
            None => self.primary()?,
        };
        let value = self.postfix(value)?;
        if with_filters { self.filtered(value) } else { Ok(value) }
    }

    fn primary(&mut self) -> Result<Expression> {
        let Some(token) = self.peek() else { return self.fail("expected an expression") };
        self.at += 1;
        let text = match token {
            Token::Name(name) => match name.as_str() {
                "true" | "True" => "true".into(),
                "false" | "False" => "false".into(),
                "none" | "None" => "none".into(),
                "self" | "super" | "varargs" | "kwargs" | "in" | "is" | "not" | "and" | "or" | "if"
                | "else" => {
                    return self.fail(format!("{name} is not supported as a variable"));
                }
                _ => {
                    self.read.push(name.clone());
                    return Ok(Expression::new(name.clone(), Form::Name));
                }
            },
            Token::Text(text) => {
                let mut text = text.clone();
                while let Some(Token::Text(more)) = self.peek() {
                    text += more;
                    self.at += 1;
                }
                return Ok(quoted(&text));
            }
            Token::Int(int) => int.to_string(),
            Token::Float(float) if float.is_infinite() => return self.fail("a float beyond the largest"),
            Token::Float(float) => format!("{float:?}"),
            Token::Operator("(") => {
                let value = self.tuple(true)?;
                self.expect(")")?;
                return Ok(value.operand());
            }
            Token::Operator("[") => {
                let items = self.items("]", Self::expression)?;
                return self.build("py_list", &items);
            }
            Token::Operator("{") => return self.dict(),
            Token::Operator(operator) => return self.fail(format!("unexpected {operator}")),
        };
        Ok(Expression::new(text, Form::Operand))
    }

    /// What stands before `close`, with commas between.
    pub fn items<T>(&mut self, close: &str, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.skip_operator(close) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.skip_operator(close) {
                    break;
                }
            }
            items.push(read(self)?);
        }
        Ok(items)
    }

    fn dict(&mut self) -> Result<Expression> {
        let pairs = self.items("}", |parser| {
            let key = parser.expression()?;
            parser.expect(":")?;
            Ok([key, parser.expression()?])
        })?;
        let pairs: Vec<Expression> = pairs.into_iter().flatten().collect();
        self.build("py_dict", &pairs)
    }
}

/// A text as minijinja reads it.
pub(super) fn quoted(text: &str) -> Expression {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    Expression::new(format!("\"{text}\""), Form::Operand)
}
