//! What lasts from form to form: the symbols, the macros, the ports; and what all primitives need.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use tracegc::Gc;

use crate::eval::{self, evaluate};
use crate::reader::{CharStream, Place, read};
use crate::value::{Condition, Fault, Locked, Pair, Port, Symbol, Table, Text, Value, Vector, WeakBox};
use crate::{data, numbers, system};

/// The name of the file whose procedures error messages look through.
pub(crate) const PRELUDE: &str = "prelude.scm";

pub(crate) type Outcome = Result<Value, Fault>;

/// A table of primitives: `"name"(a, b) => body;`, or `"name"[args; min, max] => body;` for optional arguments.
macro_rules! primitives {
    ($interp:ident; $($name:literal $args:tt => $body:expr;)*) => {
        pub(crate) const PRIMITIVES: &[crate::eval::Primitive] = &[$(primitives!(@one $interp $name $args $body)),*];
    };
    (@one $interp:ident $name:literal ($($arg:ident),*) $body:expr) => {
        primitives!(@plain $interp, $name, <[&str]>::len(&[$(stringify!($arg)),*]), <[&str]>::len(&[$(stringify!($arg)),*]), args, {
            let [$($arg),*] = args else { unreachable!("the arguments have been counted") };
            $body
        })
    };
    (@one $interp:ident $name:literal [$args:ident; $min:expr, $max:expr] $body:expr) => {
        primitives!(@plain $interp, $name, $min, $max, $args, $body)
    };
    (@plain $interp:ident, $name:expr, $min:expr, $max:expr, $args:ident, $body:expr) => {{
        let run = crate::eval::Run::Plain(|$interp, $args| {
            let _ = (&$interp, &$args);
            Ok(Value::from($body))
        });
        crate::eval::Primitive { name: $name, min: $min, max: $max, run }
    }};
}
pub(crate) use primitives;

/// Any number of arguments.
pub(crate) const ANY: usize = usize::MAX;

pub(crate) struct Interp {
    symbols: HashMap<String, Gc<Symbol>>,
    /// The expander of a macro, by the address of its name.
    pub(crate) macros: HashMap<usize, Value>,
    pub(crate) input: Value,
    pub(crate) output: Value,
    /// How many calls wait for each other.
    pub(crate) depth: usize,
}

impl Interp {
    pub(crate) fn new() -> Interp {
        let stdin = CharStream::new("standard input", BufReader::new(io::stdin()));
        let stdout: Box<dyn Write + Send> = Box::new(io::stdout());
        let mut interp = Interp {
            symbols: HashMap::new(),
            macros: HashMap::new(),
            input: Value::Port(Gc::new(Port::Input(Arc::new(Mutex::new(Some(stdin)))))),
            output: Value::Port(Gc::new(Port::Output(Arc::new(Mutex::new(Some(stdout)))))),
            depth: 0,
        };
        let tables = [eval::PRIMITIVES, numbers::PRIMITIVES, data::PRIMITIVES, system::PRIMITIVES];
        for primitive in tables.into_iter().flatten() {
            interp.symbol(primitive.name).value.set(Value::Primitive(primitive));
        }
        let prelude = include_str!("prelude.scm");
        let outcome = interp.run(&mut CharStream::new(PRELUDE, prelude.as_bytes()));
        outcome.unwrap_or_else(|fault| panic!("the prelude fails: {fault}"));
        interp
    }

    pub(crate) fn symbol(&mut self, name: &str) -> Gc<Symbol> {
        if let Some(symbol) = self.symbols.get(name) {
            return symbol.clone();
        }
        let symbol = Gc::new(Symbol { name: name.to_owned(), value: Locked::new(Value::Undefined) });
        self.symbols.insert(name.to_owned(), symbol.clone());
        symbol
    }

    pub(crate) fn run_file(&mut self, name: &str) -> Outcome {
        let start = Place { file: name.into(), position: (1, 1) };
        let file = File::open(name).map_err(|error| Fault::new(error.to_string()).at(&start))?;
        self.run(&mut CharStream::new(name, BufReader::new(file)))
    }

    /// Evaluates all forms of a text; the value of the last.
    pub(crate) fn run(&mut self, stream: &mut CharStream) -> Outcome {
        let mut last = Value::Unspecified;
        while let Some((form, place, positions)) = read(self, stream)? {
            last = evaluate(self, &form, &place, &positions)?;
        }
        Ok(last)
    }
}

macro_rules! extractors {
    ($($name:ident: $kind:ident, $type:ty, $wanted:literal;)*) => {
        $(pub(crate) fn $name(value: &Value) -> Result<&$type, Fault> {
            match value {
                Value::$kind(inner) => Ok(inner),
                other => Err(Fault::wrong($wanted, other)),
            }
        })*
    };
}

extractors! {
    int: Int, i64, "an exact integer";
    char: Char, char, "a character";
    symbol: Symbol, Gc<Symbol>, "a symbol";
    pair: Pair, Pair, "a pair";
    chars: Text, Text, "a string";
    vector: Vector, Vector, "a vector";
    table: Table, Table, "a hash table";
    port: Port, Port, "a port";
    condition: Condition, Condition, "an error object";
    weak: WeakBox, WeakBox, "a weak pointer";
}

pub(crate) fn list(value: &Value) -> Result<Vec<Value>, Fault> {
    value.list_items().ok_or_else(|| Fault::wrong("a list", value))
}

pub(crate) fn string(value: &Value) -> Result<String, Fault> {
    Ok(chars(value)?.lock().iter().collect())
}

/// An index below `end`.
pub(crate) fn index(value: &Value, end: usize) -> Result<usize, Fault> {
    let index = usize::try_from(*int(value)?).ok().filter(|index| *index < end);
    index.ok_or_else(|| Fault::new(format!("index {value} is out of range, the length is {end}")))
}

/// The optional start and end of a part of a sequence, at the end of the arguments.
pub(crate) fn range(bounds: &[Value], length: usize) -> Result<Range<usize>, Fault> {
    let end = bounds.get(1).map_or(Ok(length), |end| index(end, length + 1))?;
    let start = bounds.first().map_or(Ok(0), |start| index(start, end + 1))?;
    Ok(start..end)
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
