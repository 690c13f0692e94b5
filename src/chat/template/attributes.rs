//! Python's attributes: methods come before the items of a dict.

use super::callable::Callable;
use super::items;
use super::value::{Kind, Python, Result, error, view};
use minijinja::{State, Value};

/// What Python's strings, lists, dicts and numbers have as attributes.
const METHODS: &[&str] = &[
    "add",
    "append",
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "capitalize",
    "casefold",
    "center",
    "clear",
    "conjugate",
    "copy",
    "count",
    "denominator",
    "difference",
    "discard",
    "encode",
    "endswith",
    "expandtabs",
    "extend",
    "find",
    "format",
    "format_map",
    "from_bytes",
    "fromhex",
    "fromkeys",
    "get",
    "hex",
    "imag",
    "index",
    "insert",
    "intersection",
    "is_integer",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isdisjoint",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "issubset",
    "issuperset",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "numerator",
    "partition",
    "pop",
    "popitem",
    "real",
    "remove",
    "removeprefix",
    "removesuffix",
    "replace",
    "reverse",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "setdefault",
    "sort",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "symmetric_difference",
    "title",
    "to_bytes",
    "translate",
    "union",
    "update",
    "upper",
    "values",
    "zfill",
];

/// What its strings have.
const TEXT_METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Whether a string, a list, a dict or a number of Python's has such an attribute.
pub(super) fn is_method_name(name: &str) -> bool {
    METHODS.contains(&name)
}

/// Whether the type of `value` has a method.
pub(super) fn has_method(value: &Value, name: &str) -> bool {
    match view(value) {
        Python::Text(_) => is_method_of_texts(name),
        Python::Dict(_) => matches!(name, "copy" | "fromkeys" | "get" | "items" | "keys" | "values"),
        Python::Sequence(one) if one.kind == Kind::List => matches!(name, "copy" | "count" | "index"),
        Python::Sequence(one) if one.kind == Kind::Tuple => matches!(name, "count" | "index"),
        Python::Int(_) | Python::Bool(_) | Python::Float(_) => is_attribute_of_numbers(name),
        _ => false,
    }
}

fn is_method_of_texts(name: &str) -> bool {
    TEXT_METHODS.contains(&name)
}

/// `value.name` where the name is a method of some type.
pub(super) fn attribute(state: &State, value: &Value, name: &str) -> Result<Value> {
    if has_method(value, name) {
        return attribute_only(value, name);
    }
    match view(value) {
        Python::Namespace(_) | Python::Callable(_) | Python::Other => value.get_attr(name),
        _ => match items::item(state, value, &name.into())? {
            Some(item) => Ok(item),
            None => attribute_only(value, name),
        },
    }
}

fn is_attribute_of_numbers(name: &str) -> bool {
    let of_ints =
        matches!(name, "bit_count" | "bit_length" | "denominator" | "from_bytes" | "numerator" | "to_bytes");
    of_ints
        || matches!(
            name,
            "as_integer_ratio" | "conjugate" | "fromhex" | "hex" | "imag" | "is_integer" | "real"
        )
}

/// An attribute, and no item of a dict.
pub(super) fn attribute_only(value: &Value, name: &str) -> Result<Value> {
    match view(value) {
        Python::Undefined => Err(error("an undefined value has no attributes")),
        Python::Int(_) | Python::Bool(_) | Python::Float(_) if is_attribute_of_numbers(name) => {
            Err(error(format!("the attribute {name} of a number is not supported")))
        }
        Python::Namespace(_) | Python::Callable(_) | Python::Other => value.get_attr(name),
        Python::Sequence(one) if one.kind == Kind::Group => value.get_attr(name),
        Python::Dict(_) if matches!(name, "clear" | "pop" | "popitem" | "setdefault" | "update") => {
            Err(error(format!("the method {name} changes its dict: the sandbox refuses it")))
        }
        _ if has_method(value, name) => Callable::method(value, name),
        _ => Ok(Value::UNDEFINED),
    }
}
