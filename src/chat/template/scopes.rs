//! Jinja2's rule for a variable that a scope sets before it has read it itself: from the start of the scope on it is
//! undefined, whatever the context has under that name. That shows in scopes within, which may read it first.

use std::collections::BTreeSet;

/// A scope: the template, or the body of a block that is none of `if`'s.
#[derive(Default)]
struct Scope {
    parent: usize,
    /// Where its text begins.
    start: usize,
    /// The variables that it reads or sets itself.
    known: BTreeSet<String>,
    /// Those that scopes within have read.
    read_within: BTreeSet<String>,
    /// Those that may have to be undefined at its start.
    set_first: BTreeSet<String>,
}

/// All scopes of a template; the first is the template.
pub(super) struct Scopes {
    all: Vec<Scope>,
    current: usize,
}

impl Scopes {
    pub fn new() -> Self {
        Self { all: vec![Scope::default()], current: 0 }
    }

    /// A scope within, whose text begins at `start`.
    pub fn open(&mut self, start: usize) {
        self.all.push(Scope { parent: self.current, start, ..Scope::default() });
        self.current = self.all.len() - 1;
    }

    pub fn close(&mut self) {
        let scope = &mut self.all[self.current];
        let read: Vec<String> = scope.known.union(&scope.read_within).cloned().collect();
        self.current = scope.parent;
        self.all[self.current].read_within.extend(read);
    }

    pub fn read(&mut self, names: Vec<String>) {
        self.all[self.current].known.extend(names);
    }

    /// A variable is set, and certainly so where the scope has no `if` around it. The body of a `set` block may read it.
    pub fn set(&mut self, name: &str, certainly: bool, is_block: bool) {
        let scope = &mut self.all[self.current];
        let is_first = scope.known.insert(name.into());
        if is_first && certainly && (is_block || scope.read_within.contains(name)) {
            scope.set_first.insert(name.into());
        }
    }

    /// Where which variables have to be undefined, the last place first.
    pub fn undefined(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_known_outside = |scope: &Scope, name: &str| {
            let (mut scope, mut parent) = (scope, scope.parent);
            loop {
                let outer = &self.all[parent];
                if std::ptr::eq(outer, scope) {
                    return false;
                }
                if outer.known.contains(name) {
                    return true;
                }
                (scope, parent) = (outer, outer.parent);
            }
        };
        self.all.iter().rev().flat_map(move |scope| {
            let names = scope.set_first.iter().map(String::as_str);
            let names = names.filter(move |name| !is_known_outside(scope, name));
            names.map(move |name| (scope.start, name))
        })
    }
}
