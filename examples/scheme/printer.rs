//! From data to text. Printing keeps its own stack: no nesting is too deep for it, and where a cycle closes it prints
//! `...`.

use std::collections::HashSet;
use std::fmt;

use crate::reader::CHAR_NAMES;
use crate::value::{Condition, Value};

/// As `write` prints it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self, true))
    }
}

/// As `display` prints it.
pub(crate) fn displayed(value: &Value) -> String {
    print(value, false)
}

/// The message of an error, then its irritants.
pub(crate) fn describe(condition: &Condition) -> String {
    let irritants = condition.irritants.iter().map(|irritant| format!(" {irritant}"));
    condition.message.clone() + &irritants.collect::<String>()
}

enum Work {
    Value(Value),
    /// What follows the first elements of a list.
    Rest(Value),
    Text(&'static str),
    /// The inside of this object is behind us.
    Leave(usize),
}

fn print(value: &Value, write: bool) -> String {
    let mut out = String::new();
    let mut inside = HashSet::new();
    let mut work = vec![Work::Value(value.clone())];
    while let Some(item) = work.pop() {
        let (value, is_rest) = match item {
            Work::Value(value) => (value, false),
            Work::Rest(value) => (value, true),
            Work::Text(text) => {
                out += text;
                continue;
            }
            Work::Leave(address) => {
                inside.remove(&address);
                continue;
            }
        };
        let address = value.address();
        match &value {
            Value::Nil if is_rest => out.push(')'),
            Value::Pair(pair) if inside.insert(address) => {
                out.push(if is_rest { ' ' } else { '(' });
                let (car, cdr) = pair.get();
                work.extend([Work::Leave(address), Work::Rest(cdr), Work::Value(car)]);
            }
            _ if is_rest => {
                out += " . ";
                work.extend([Work::Text(")"), Work::Value(value)]);
            }
            Value::Vector(vector) if inside.insert(address) => {
                out += "#(";
                work.extend([Work::Leave(address), Work::Text(")")]);
                for (index, item) in vector.get().into_iter().enumerate().rev() {
                    work.push(Work::Value(item));
                    work.push(Work::Text(if index == 0 { "" } else { " " }));
                }
            }
            leaf => out += &print_leaf(leaf, write),
        }
    }
    out
}

fn print_leaf(value: &Value, write: bool) -> String {
    match value {
        Value::Nil => "()".into(),
        Value::Bool(bool) => if *bool { "#t" } else { "#f" }.into(),
        Value::Int(int) => int.to_string(),
        Value::Float(f64::INFINITY) => "+inf.0".into(),
        Value::Float(f64::NEG_INFINITY) => "-inf.0".into(),
        Value::Float(float) if float.is_nan() => "+nan.0".into(),
        Value::Float(float) => format!("{float:?}"),
        Value::Char(char) if write => match CHAR_NAMES.iter().find(|(_, named)| named == char) {
            Some((name, _)) => format!("#\\{name}"),
            None => format!("#\\{char}"),
        },
        Value::Char(char) => char.to_string(),
        Value::Text(text) if write => format!("{:?}", text.lock().iter().collect::<String>()),
        Value::Text(text) => text.lock().iter().collect(),
        Value::Symbol(symbol) => symbol.name.clone(),
        Value::Primitive(primitive) => format!("#<procedure {}>", primitive.name),
        Value::Closure(closure) => format!("#<procedure {}>", closure.lambda.name),
        Value::Condition(condition) => format!("#<error {}>", describe(condition)),
        Value::Record(record) => format!("#<{}>", record.kind.name),
        Value::Unspecified | Value::Undefined => "#<unspecified>".into(),
        Value::Eof => "#<eof>".into(),
        Value::Table(_) => "#<hash-table>".into(),
        Value::Port(_) => "#<port>".into(),
        Value::WeakBox(_) => "#<weak>".into(),
        Value::Escape(_) => "#<continuation>".into(),
        Value::Pair(_) | Value::Vector(_) => "...".into(),
    }
}
