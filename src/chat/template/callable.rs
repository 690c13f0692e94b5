//! What is called and remembers something: cyclers, joiners, and methods that are not called at once.

use super::methods;
use super::value::{Held, Result, error};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{State, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Such an object.
#[derive(Debug)]
pub(super) struct Callable {
    kind: Kind,
    /// What it holds.
    values: Vec<Value>,
    /// How often it was called.
    calls: AtomicUsize,
    pub held: Held,
}

#[derive(Debug)]
enum Kind {
    /// Gives its values in turn, for ever.
    Cycler,
    /// Gives nothing the first time, then its value.
    Joiner,
    /// A method of its value.
    Method(String),
}

impl Callable {
    fn create(kind: Kind, values: Vec<Value>) -> Result<Value> {
        let held = Held::by(values.iter())?;
        Ok(Value::from_object(Self { kind, values, calls: AtomicUsize::new(0), held }))
    }

    pub fn cycler(values: Vec<Value>) -> Result<Value> {
        if values.is_empty() {
            return Err(error("a cycler needs at least one value"));
        }
        Self::create(Kind::Cycler, values)
    }

    pub fn joiner(separator: Value) -> Result<Value> {
        Self::create(Kind::Joiner, vec![separator])
    }

    pub fn method(value: &Value, name: &str) -> Result<Value> {
        Self::create(Kind::Method(name.into()), vec![value.clone()])
    }

    /// Whether it can be called as a function.
    pub fn is_function(&self) -> bool {
        !matches!(self.kind, Kind::Cycler)
    }

    fn current(&self) -> Value {
        self.values[self.calls.load(Ordering::Relaxed) % self.values.len()].clone()
    }
}

impl Object for Callable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (matches!(self.kind, Kind::Cycler) && key.as_str() == Some("current")).then(|| self.current())
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value> {
        match &self.kind {
            Kind::Method(name) => methods::call(state, &self.values[0], name, args),
            Kind::Joiner if args.is_empty() => {
                let is_first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
                Ok(if is_first { "".into() } else { self.current() })
            }
            _ => Err(error("this object cannot be called so")),
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value> {
        match (&self.kind, method, args) {
            (Kind::Cycler, "next", []) => {
                let current = self.current();
                self.calls.fetch_add(1, Ordering::Relaxed);
                Ok(current)
            }
            (Kind::Cycler, "reset", []) => {
                self.calls.store(0, Ordering::Relaxed);
                Ok(().into())
            }
            _ => Err(error(format!("this object has no method {method}"))),
        }
    }
}
