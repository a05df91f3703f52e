//! The values of the language. Everything larger than a word is an object of the traced heap, and every mutable part is
//! behind a lock of its own: values may be shared with other threads, and the collector looks at them at any time.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tracegc::{Gc, Trace};

use crate::interp::Primitive;
use crate::machine::{Closure, Continuation};
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
    Continuation(Gc<Continuation>),
    Condition(Gc<Condition>),
    /// A variable that is assigned to: frames never change, so it lives in an object of its own.
    Cell(Gc<Cell>),
    Port(Gc<Port>),
    WeakBox(Gc<WeakBox>),
}

/// A mutable part.
#[derive(Trace)]
pub(crate) struct Locked<T>(Mutex<T>);

pub(crate) type Cell = Locked<Value>;
pub(crate) type Pair = Locked<(Value, Value)>;
/// A string is a vector of characters, so that `string-ref` takes constant time.
pub(crate) type Text = Locked<Vec<char>>;
pub(crate) type Vector = Locked<Vec<Value>>;
pub(crate) type Table = Locked<HashMap<Key, Value>>;

/// A name, which also holds the global variable of that name.
#[derive(Trace)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    value: Cell,
    #[trace(skip)]
    primitive: Option<&'static Primitive>,
    redefined: AtomicBool,
}

/// A record; its type is a symbol that no other type has.
#[derive(Trace)]
pub(crate) struct Record {
    pub(crate) kind: Gc<Symbol>,
    /// A vector.
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
    TextOutput(Mutex<String>),
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

impl Symbol {
    pub(crate) fn new(name: &str, primitive: Option<&'static Primitive>) -> Gc<Symbol> {
        let redefined = AtomicBool::new(false);
        let value = Locked::new(Value::Undefined);
        Gc::new(Symbol { name: name.to_owned(), value, primitive, redefined })
    }

    /// The value of the global variable. That of a primitive takes no lock, unless the program has redefined it.
    #[inline]
    pub(crate) fn get(&self) -> Value {
        // Relaxed: only the interpreter's thread reads or writes the flag.
        match self.primitive {
            Some(primitive) if !self.redefined.load(Ordering::Relaxed) => Value::Primitive(primitive),
            _ => self.value.get(),
        }
    }

    pub(crate) fn set(&self, value: Value) {
        self.redefined.store(true, Ordering::Relaxed);
        self.value.set(value);
    }
}

/// What is done alike for objects of every kind.
macro_rules! object_kinds {
    ($($kind:ident),*) => {
        impl Value {
            /// The identity of an object; 0 for an immediate value.
            pub(crate) fn address(&self) -> usize {
                match self {
                    $(Value::$kind(gc) => Gc::as_ptr(gc) as usize,)*
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

object_kinds! { Symbol, Pair, Text, Vector, Table, Record, Closure, Continuation, Condition, Port, WeakBox }

impl Value {
    pub(crate) fn cons(car: Value, cdr: Value) -> Value {
        Value::Pair(Gc::new(Locked::new((car, cdr))))
    }

    pub(crate) fn list(items: impl IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>) -> Value {
        items.into_iter().rfold(Value::Nil, |rest, item| Value::cons(item, rest))
    }

    pub(crate) fn list_with_tail(items: Vec<Value>, tail: Value) -> Value {
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

macro_rules! conversions {
    ($($type:ty, $from:ident => $value:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($from: $type) -> Value {
                $value
            }
        })*
    };
}

conversions! {
    bool, bool => Value::Bool(bool);
    i64, int => Value::Int(int);
    usize, size => Value::Int(size as i64);
    f64, float => Value::Float(float);
    char, char => Value::Char(char);
    (), _unit => Value::Unspecified;
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
            Value::Int(int) => int.hash(state),
            Value::Text(_) | Value::Pair(_) | Value::Vector(_) => self.0.to_string().hash(state),
            other if other.address() == 0 => other.to_string().hash(state),
            other => other.address().hash(state),
        }
    }
}

/// Why an evaluation stopped.
pub(crate) struct Fault {
    pub(crate) payload: Value,
    pub(crate) place: Option<Place>,
    pub(crate) kind: FaultKind,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FaultKind {
    Error,
    /// The text ended within a datum: a prompt reads on.
    Incomplete,
    Exit(i32),
}

impl Fault {
    pub(crate) fn raise(payload: Value) -> Fault {
        Fault { payload, place: None, kind: FaultKind::Error }
    }

    pub(crate) fn new(message: impl Into<String>) -> Fault {
        let condition = Condition { message: message.into(), irritants: Vec::new(), place: OnceLock::new() };
        Fault::raise(Value::Condition(Gc::new(condition)))
    }

    pub(crate) fn at(mut self, place: &Place) -> Fault {
        let place = match &self.payload {
            Value::Condition(condition) => condition.place.get_or_init(|| place.clone()),
            _ => place,
        };
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// Names the primitive that failed.
    pub(crate) fn inside(self, primitive: &str) -> Fault {
        match &self.payload {
            Value::Condition(condition) if !matches!(primitive, "error" | "raise") => {
                let name = primitive.trim_start_matches('%');
                let named = Fault::new(format!("{name}: {}", condition.message));
                Fault { payload: named.payload, ..self }
            }
            _ => self,
        }
    }

    pub(crate) fn message(&self) -> String {
        match &self.payload {
            Value::Condition(condition) => printer::describe(condition),
            other => format!("uncaught {other}"),
        }
    }
}
