//! The values of the language. Everything larger than a word is an object of the traced heap, and every mutable part is
//! behind a lock of its own: values may be shared with other threads, and the collector looks at them at any time.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tracegc::{Gc, Trace};

use crate::eval::{Closure, Primitive};
use crate::printer;
use crate::reader::{CharStream, Place};

#[derive(Clone, Trace)]
pub(crate) enum Value {
    Nil,
    Unspecified,
    /// What a variable holds before its definition has been evaluated.
    Undefined,
    Eof,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    Primitive(#[trace(skip)] &'static Primitive),
    Symbol(Gc<Symbol>),
    Pair(Gc<Pair>),
    Text(Gc<Text>),
    Vector(Gc<Vector>),
    Table(Gc<Table>),
    Record(Gc<Record>),
    Closure(Gc<Closure>),
    /// What `call/cc` passes: an object that only its identity matters of.
    Escape(Gc<()>),
    Condition(Gc<Condition>),
    Port(Gc<Port>),
    WeakBox(Gc<WeakBox>),
}

/// A mutable part.
#[derive(Trace)]
pub(crate) struct Locked<T>(Mutex<T>);

pub(crate) type Pair = Locked<(Value, Value)>;
/// A string is a vector of characters, so that `string-ref` takes constant time.
pub(crate) type Text = Locked<Vec<char>>;
pub(crate) type Vector = Locked<Vec<Value>>;
pub(crate) type Table = Locked<HashMap<Key, Value>>;

/// A name, which also holds the global variable of that name.
#[derive(Trace)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) value: Locked<Value>,
}

/// A record; its type is a symbol that no other type has, its fields are a vector.
#[derive(Trace)]
pub(crate) struct Record {
    pub(crate) kind: Gc<Symbol>,
    pub(crate) fields: Value,
}

/// What `error` raises, and what a failing primitive does.
#[derive(Trace)]
pub(crate) struct Condition {
    pub(crate) message: String,
    pub(crate) irritants: Vec<Value>,
    /// Where it was raised first.
    #[trace(skip)]
    pub(crate) place: OnceLock<Place>,
}

/// A weak pointer to an object of any kind. What it captures is weak, so there is nothing to trace.
#[derive(Trace)]
pub(crate) struct WeakBox(#[trace(skip)] pub(crate) Box<dyn Fn() -> Option<Value> + Send + Sync>);

/// A port shares what it reads or writes with a cleanup, which closes it when the port has died.
#[derive(Trace)]
pub(crate) enum Port {
    Input(#[trace(skip)] Arc<Mutex<Option<CharStream>>>),
    Output(#[trace(skip)] Arc<Mutex<Option<Box<dyn Write + Send>>>>),
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds a lock")
}

impl<T> Locked<T> {
    pub(crate) fn new(value: T) -> Locked<T> {
        Locked(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.0)
    }

    pub(crate) fn get(&self) -> T
    where
        T: Clone,
    {
        self.lock().clone()
    }

    /// The old value dies after the lock has been released.
    pub(crate) fn set(&self, value: T) {
        let old = std::mem::replace(&mut *self.lock(), value);
        drop(old);
    }
}

impl Pair {
    pub(crate) fn car(&self) -> Value {
        self.lock().0.clone()
    }

    pub(crate) fn cdr(&self) -> Value {
        self.lock().1.clone()
    }
}

/// What is done alike for objects of every kind.
macro_rules! object_kinds {
    ($($kind:ident),*) => {
        impl Value {
            /// The identity of an object; 0 for an immediate value.
            pub(crate) fn address(&self) -> usize {
                match self {
                    $(Value::$kind(gc) => Gc::as_ptr(gc).addr(),)*
                    _ => 0,
                }
            }

            /// A weak pointer; `None` for an immediate value.
            pub(crate) fn downgrade(&self) -> Option<WeakBox> {
                match self {
                    $(Value::$kind(gc) => {
                        let weak = Gc::downgrade(gc);
                        Some(WeakBox(Box::new(move || weak.upgrade().map(Value::$kind))))
                    })*
                    _ => None,
                }
            }

            /// Has a line printed when this object has died; `false` for an immediate value.
            pub(crate) fn print_on_death(&self, message: String) -> bool {
                let print = |message| drop(writeln!(std::io::stdout(), "{message}"));
                match self {
                    $(Value::$kind(gc) => Gc::add_cleanup(gc, message, print).is_ok(),)*
                    _ => false,
                }
            }
        }
    };
}

object_kinds! { Symbol, Pair, Text, Vector, Table, Record, Closure, Escape, Condition, Port, WeakBox }

impl Value {
    pub(crate) fn cons(car: Value, cdr: Value) -> Value {
        Value::Pair(Gc::new(Locked::new((car, cdr))))
    }

    pub(crate) fn list(items: impl IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>) -> Value {
        Value::list_with_tail(items, Value::Nil)
    }

    pub(crate) fn list_with_tail(
        items: impl IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>,
        tail: Value,
    ) -> Value {
        items.into_iter().rfold(tail, |rest, item| Value::cons(item, rest))
    }

    pub(crate) fn text(chars: impl IntoIterator<Item = char>) -> Value {
        Value::Text(Gc::new(Locked::new(chars.into_iter().collect())))
    }

    pub(crate) fn vector(items: Vec<Value>) -> Value {
        Value::Vector(Gc::new(Locked::new(items)))
    }

    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Value::Bool(false))
    }

    pub(crate) fn is_symbol(&self, name: &str) -> bool {
        matches!(self, Value::Symbol(symbol) if symbol.name == name)
    }

    /// The elements of a proper list; `None` for anything else, circular lists included.
    pub(crate) fn list_items(&self) -> Option<Vec<Value>> {
        let (mut items, mut rest) = (Vec::new(), self.clone());
        let (mut mark, mut lap) = (self.address(), 2);
        while let Value::Pair(pair) = &rest {
            let (car, cdr) = pair.get();
            items.push(car);
            rest = cdr;
            if rest.address() == mark {
                return None;
            }
            if items.len() == lap {
                (mark, lap) = (rest.address(), lap * 2);
            }
        }
        matches!(rest, Value::Nil).then_some(items)
    }

    /// `eqv?`, and `eq?` too.
    pub(crate) fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Char(a), Value::Char(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Primitive(a), Value::Primitive(b)) => std::ptr::eq(*a, *b),
            _ if self.address() != 0 => self.address() == other.address(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// `equal?`: works off a list of what remains to be compared, so that neither depth nor cycles matter.
    pub(crate) fn equal(&self, other: &Value) -> bool {
        let mut work = vec![(self.clone(), other.clone())];
        let (mut steps, mut seen) = (0, HashSet::new());
        while let Some((a, b)) = work.pop() {
            steps += 1;
            if a.same(&b) || (steps > 1000 && !seen.insert((a.address(), b.address()))) {
                continue;
            }
            match (&a, &b) {
                (Value::Text(a), Value::Text(b)) if *a.lock() == *b.lock() => {}
                (Value::Pair(a), Value::Pair(b)) => {
                    let ((a, rest_a), (b, rest_b)) = (a.get(), b.get());
                    work.extend([(rest_a, rest_b), (a, b)]);
                }
                (Value::Vector(a), Value::Vector(b)) => {
                    let (a, b) = (a.get(), b.get());
                    if a.len() != b.len() {
                        return false;
                    }
                    work.extend(a.into_iter().zip(b));
                }
                _ => return false,
            }
        }
        true
    }
}

/// A value as the key of a hash table, compared by `equal?`.
#[derive(Clone, Trace)]
pub(crate) struct Key(pub(crate) Value);

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.0.equal(&other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Text(_) | Value::Pair(_) | Value::Vector(_) => self.0.to_string().hash(state),
            other if other.address() == 0 => other.to_string().hash(state),
            other => other.address().hash(state),
        }
    }
}

/// Why an evaluation stopped.
pub(crate) enum Fault {
    Raised(Value, Option<Place>),
    /// The continuation of a running `call/cc` has been called with a value.
    Escape(Gc<()>, Value),
    Exit(i32),
    /// The text ended within a datum that starts here: a prompt reads on.
    Incomplete(Place),
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Fault {
        Fault::error(message, Vec::new())
    }

    pub(crate) fn error(message: impl Into<String>, irritants: Vec<Value>) -> Fault {
        let condition = Condition { message: message.into(), irritants, place: OnceLock::new() };
        Fault::Raised(Value::Condition(Gc::new(condition)), None)
    }

    pub(crate) fn wrong(wanted: &str, value: &Value) -> Fault {
        Fault::new(format!("expected {wanted}, got {value}"))
    }

    /// Says where it happened, unless that is known: the innermost place counts, and the first if it is raised again.
    pub(crate) fn at(mut self, place: &Place) -> Fault {
        if let Fault::Raised(payload, known) = &mut self {
            let first = match payload {
                Value::Condition(condition) => condition.place.get_or_init(|| place.clone()),
                _ => place,
            };
            known.get_or_insert_with(|| first.clone());
        }
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Fault::Raised(_, Some(place)) | Fault::Incomplete(place) = self {
            write!(f, "{place}: ")?;
        }
        match self {
            Fault::Raised(Value::Condition(condition), _) => f.write_str(&printer::describe(condition)),
            Fault::Raised(other, _) => write!(f, "uncaught {other}"),
            Fault::Incomplete(_) => f.write_str("what starts here is never closed"),
            Fault::Escape(..) => f.write_str("a continuation was called after its call/cc had returned"),
            Fault::Exit(code) => write!(f, "exit {code}"),
        }
    }
}
