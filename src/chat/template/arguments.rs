//! Arguments by place and by name, as Python binds them.

use super::operators::Number;
use super::value::{Python, Result, charge, error, type_name, view};
use minijinja::value::Kwargs;
use minijinja::{State, Value};

/// The arguments of a call.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    pub placed: Vec<Value>,
    pub named: Vec<(String, Value)>,
}

impl Arguments {
    /// Charges for their texts: whoever gets them may copy them.
    pub fn new(state: &State, values: &[Value]) -> Result<Self> {
        charge_texts(state, values.iter())?;
        let Some((last, placed)) = values.split_last().filter(|(last, _)| last.is_kwargs()) else {
            return Ok(Self { placed: values.to_vec(), named: Vec::new() });
        };
        let named = Kwargs::try_from(last.clone())?;
        let named = named.args().map(|name| Ok((name.to_owned(), named.peek::<Value>(name)?)));
        let named: Vec<(String, Value)> = named.collect::<Result<_>>()?;
        charge_texts(state, named.iter().map(|entry| &entry.1))?;
        Ok(Self { placed: placed.to_vec(), named })
    }

    /// Each of `names`, in their order. An error names the argument that is too much.
    pub fn bind<const N: usize>(self, names: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.placed.len() > N {
            return Err(error(format!("{} arguments are given, but there are {N}", self.placed.len())));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.placed) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let place = names.iter().position(|known| *known == name);
            match place.map(|place| &mut bound[place]) {
                Some(slot @ None) => *slot = Some(value),
                Some(Some(_)) => return Err(error(format!("the argument {name} is given twice"))),
                None => return Err(error(format!("the argument {name} is not known"))),
            }
        }
        Ok(bound)
    }

    /// As [`Self::bind`], where no argument has a name.
    pub fn place<const N: usize>(self) -> Result<[Option<Value>; N]> {
        self.bind([""; N])
    }
}

fn charge_texts<'v>(state: &State, values: impl Iterator<Item = &'v Value>) -> Result<()> {
    charge(state, values.filter_map(Value::as_str).map(str::len).sum())
}

/// An argument that must be given.
pub(super) fn required(argument: Option<Value>, name: &str) -> Result<Value> {
    argument.ok_or_else(|| error(format!("the argument {name} is missing")))
}

/// An int, within what a place in memory needs.
pub(super) fn int(argument: &Option<Value>, default: i64) -> Result<i64> {
    match argument.as_ref().map(|value| (value, Number::of(value))) {
        None => Ok(default),
        Some((_, Some(Number::Int(int)))) => {
            Ok(i64::try_from(int.clamp(-(1 << 40), 1 << 40)).unwrap_or(default))
        }
        Some((value, _)) => Err(error(format!("an int is needed, not {}", type_name(value)))),
    }
}

/// A text that must be one.
pub(super) fn text(argument: &Option<Value>, default: &str) -> Result<String> {
    match argument.as_ref().map(view) {
        None => Ok(default.into()),
        Some(Python::Text(text)) => Ok(text.into()),
        Some(_) => Err(error(format!("a text is needed, not {}", argument.as_ref().map_or("", type_name)))),
    }
}

/// Whether an argument is given and true.
pub(super) fn flag(argument: &Option<Value>) -> bool {
    argument.as_ref().is_some_and(Value::is_true)
}

/// An argument that is neither absent nor None.
pub(super) fn some(argument: Option<Value>) -> Option<Value> {
    argument.filter(|value| !value.is_none())
}
