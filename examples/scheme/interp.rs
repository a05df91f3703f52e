//! What lasts from form to form: the symbols, the macros, the ports; and what all primitives need.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::sync::{Arc, Mutex};

use tracegc::Gc;

use crate::reader::{CharStream, Place, read};
use crate::value::{Condition, Fault, Pair, Port, Symbol, Table, Text, Value, Vector, WeakBox};
use crate::{compiler, data, numbers, system};

/// The name of the file whose procedures error messages look through.
pub(crate) const PRELUDE: &str = "prelude.scm";

pub(crate) type Outcome = Result<Value, Fault>;

/// A procedure written in Rust.
pub(crate) struct Primitive {
    pub(crate) name: &'static str,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) run: Run,
}

impl Primitive {
    pub(crate) const fn new(name: &'static str, min: usize, max: usize, run: Run) -> Primitive {
        Primitive { name, min, max, run }
    }
}

pub(crate) enum Run {
    Plain(fn(&mut Interp, &[Value]) -> Outcome),
    Apply,
    CallCc,
}

/// A table of primitives: `"name"(a, b) => body;`, or `"name"[args; min, max] => body;` for optional arguments.
macro_rules! primitives {
    ($interp:ident; $($name:literal $args:tt => $body:expr;)*) => {
        pub(crate) const PRIMITIVES: &[Primitive] = &[$(primitives!(@one $interp $name $args $body)),*];
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
    (@plain $interp:ident, $name:expr, $min:expr, $max:expr, $args:ident, $body:expr) => {
        Primitive::new($name, $min, $max, Run::Plain(|$interp, $args| {
            let _ = (&$interp, &$args);
            Ok(Value::from($body))
        }))
    };
}
pub(crate) use primitives;

/// Any number of arguments.
pub(crate) const ANY: usize = usize::MAX;

/// The primitives that change what the machine does next.
const CONTROL: [Primitive; 2] =
    [Primitive::new("apply", 2, ANY, Run::Apply), Primitive::new("%call/cc", 1, 1, Run::CallCc)];

pub(crate) struct Interp {
    symbols: HashMap<String, Gc<Symbol>>,
    /// The expander of a macro, by the address of its name.
    pub(crate) macros: HashMap<usize, Value>,
    pub(crate) input: Value,
    pub(crate) output: Value,
}

impl Interp {
    pub(crate) fn new() -> Result<Interp, Fault> {
        let stdin = CharStream::new("standard input", BufReader::new(io::stdin()));
        let stdout: Box<dyn Write + Send> = Box::new(io::stdout());
        let mut interp = Interp {
            symbols: HashMap::new(),
            macros: HashMap::new(),
            input: Value::Port(Gc::new(Port::Input(Arc::new(Mutex::new(Some(stdin)))))),
            output: Value::Port(Gc::new(Port::Output(Arc::new(Mutex::new(Some(stdout)))))),
        };
        let tables = [&CONTROL, numbers::PRIMITIVES, data::PRIMITIVES, system::PRIMITIVES];
        for primitive in tables.into_iter().flatten() {
            let symbol = Symbol::new(primitive.name, Some(primitive));
            interp.symbols.insert(primitive.name.to_owned(), symbol);
        }
        let prelude = include_str!("prelude.scm");
        interp.run(&mut CharStream::new(PRELUDE, prelude.as_bytes()))?;
        Ok(interp)
    }

    pub(crate) fn symbol(&mut self, name: &str) -> Value {
        if let Some(symbol) = self.symbols.get(name) {
            return Value::Symbol(symbol.clone());
        }
        let symbol = Symbol::new(name, None);
        self.symbols.insert(name.to_owned(), symbol.clone());
        Value::Symbol(symbol)
    }

    pub(crate) fn run_file(&mut self, name: &str) -> Outcome {
        let start = Place::new(name, (1, 1));
        let file = File::open(name).map_err(|error| Fault::new(error.to_string()).at(&start))?;
        self.run(&mut CharStream::new(name, BufReader::new(file)))
    }

    /// Evaluates all forms of a text; the value of the last.
    pub(crate) fn run(&mut self, stream: &mut CharStream) -> Outcome {
        let mut last = Value::Unspecified;
        loop {
            match read(self, stream)? {
                Some((form, place, positions)) => {
                    last = compiler::evaluate(self, &form, &place, &positions)?;
                }
                None => return Ok(last),
            }
        }
    }

    /// The prelude's procedure that calls the handler of the program, if it has installed one.
    pub(crate) fn handler(&mut self) -> Option<Value> {
        let [handlers, handle] = ["%handlers", "%handle"].map(|name| match self.symbol(name) {
            Value::Symbol(symbol) => symbol.get(),
            other => other,
        });
        matches!(handlers, Value::Pair(_)).then_some(handle)
    }
}

impl Fault {
    pub(crate) fn wrong(wanted: &str, value: &Value) -> Fault {
        Fault::new(format!("expected {wanted}, got {value}"))
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
    symbol: Symbol, Symbol, "a symbol";
    pair: Pair, Pair, "a pair";
    chars: Text, Text, "a string";
    vector: Vector, Vector, "a vector";
    table: Table, Table, "a hash table";
    port_of: Port, Gc<Port>, "a port";
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
pub(crate) fn range(bounds: &[Value], length: usize) -> Result<std::ops::Range<usize>, Fault> {
    let end = bounds.get(1).map_or(Ok(length), |end| index(end, length + 1))?;
    let start = bounds.first().map_or(Ok(0), |start| index(start, end + 1))?;
    Ok(start..end)
}
