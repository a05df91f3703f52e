//! Lists, vectors, records, hash tables, characters and strings.

use std::collections::HashMap;

use tracegc::Gc;

use crate::interp::{
    ANY, Outcome, char, chars, index, int, list, pair, primitives, range, string, symbol, table, vector,
};
use crate::printer::displayed;
use crate::value::{Fault, Key, Locked, Record, Symbol, Value};

/// The longest vector or string that a program may ask for.
const MAX_LENGTH: usize = 1 << 24;

/// The rest of a list from the first element on that `found` accepts.
fn find(list: &Value, found: impl Fn(&Value) -> bool) -> Outcome {
    let mut rest = list.clone();
    while let Value::Pair(pair) = &rest {
        if found(&pair.car()) {
            return Ok(rest);
        }
        rest = pair.cdr();
    }
    Ok(Value::Bool(false))
}

fn find_pair(list: &Value, found: impl Fn(&Value) -> bool) -> Outcome {
    let rest = find(list, |item| matches!(item, Value::Pair(pair) if found(&pair.car())))?;
    Ok(if let Value::Pair(pair) = &rest { pair.car() } else { rest })
}

fn list_tail(list: &Value, count: &Value) -> Outcome {
    (0..*int(count)?).try_fold(list.clone(), |rest, _| Ok(pair(&rest)?.cdr()))
}

fn append(lists: &[Value]) -> Outcome {
    let Some((last, lists)) = lists.split_last() else {
        return Ok(Value::Nil);
    };
    lists.iter().rev().try_fold(last.clone(), |tail, items| Ok(Value::list_with_tail(list(items)?, tail)))
}

/// Replaces an element; the old one dies after the lock has been released.
fn store<T>(items: &Locked<Vec<T>>, position: &Value, new: T) -> Result<(), Fault> {
    let mut guard = items.lock();
    let index = index(position, guard.len())?;
    let old = std::mem::replace(&mut guard[index], new);
    drop(guard);
    drop(old);
    Ok(())
}

/// The part of a vector or string between optional bounds.
fn part<T: Clone>(items: &Locked<Vec<T>>, bounds: &[Value]) -> Result<Vec<T>, Fault> {
    let items = items.lock();
    Ok(items[range(bounds, items.len())?].to_vec())
}

fn fetch<T: Clone>(items: &Locked<Vec<T>>, position: &Value) -> Result<T, Fault> {
    let items = items.lock();
    Ok(items[index(position, items.len())?].clone())
}

fn is_record(value: &Value, kind: &Value) -> bool {
    matches!((value, kind), (Value::Record(record), Value::Symbol(kind)) if Gc::ptr_eq(&record.kind, kind))
}

fn record_fields(value: &Value, kind: &Value) -> Outcome {
    match value {
        Value::Record(record) if is_record(value, kind) => Ok(record.fields.clone()),
        other => Err(Fault::new(format!("expected a record of type {kind}, got {other}"))),
    }
}

fn to_char(value: &Value) -> Outcome {
    let char = u32::try_from(*int(value)?).ok().and_then(char::from_u32);
    char.map(Value::Char).ok_or_else(|| Fault::wrong("the number of a character", value))
}

fn a_char(value: &Value) -> Result<char, Fault> {
    char(value).copied()
}

primitives! {
    interp;
    "eq?"(a, b) => a.same(b);
    "eqv?"(a, b) => a.same(b);
    "equal?"(a, b) => a.equal(b);
    "not"(a) => !a.is_true();
    "null?"(a) => matches!(a, Value::Nil);
    "pair?"(a) => matches!(a, Value::Pair(_));
    "list?"(a) => a.list_items().is_some();
    "boolean?"(a) => matches!(a, Value::Bool(_));
    "symbol?"(a) => matches!(a, Value::Symbol(_));
    "string?"(a) => matches!(a, Value::Text(_));
    "char?"(a) => matches!(a, Value::Char(_));
    "vector?"(a) => matches!(a, Value::Vector(_));
    "hash-table?"(a) => matches!(a, Value::Table(_));
    "procedure?"(a) => matches!(a, Value::Closure(_) | Value::Primitive(_) | Value::Escape(_));

    "cons"(car, cdr) => Value::cons(car.clone(), cdr.clone());
    "car"(a) => pair(a)?.car();
    "cdr"(a) => pair(a)?.cdr();
    "set-car!"(a, new) => pair(a)?.set((new.clone(), pair(a)?.cdr()));
    "set-cdr!"(a, new) => pair(a)?.set((pair(a)?.car(), new.clone()));
    "list"[args; 0, ANY] => Value::list(args.to_vec());
    "length"(a) => list(a)?.len();
    "append"[args; 0, ANY] => append(args)?;
    "reverse"(a) => Value::list(list(a)?.into_iter().rev());
    "list-tail"(a, count) => list_tail(a, count)?;
    "list-ref"(a, count) => pair(&list_tail(a, count)?)?.car();
    "memv"(a, list) => find(list, |item| item.same(a))?;
    "member"(a, list) => find(list, |item| item.equal(a))?;
    "assv"(a, list) => find_pair(list, |item| item.same(a))?;
    "assoc"(a, list) => find_pair(list, |item| item.equal(a))?;
    "symbol->string"(a) => Value::text(symbol(a)?.name.chars());
    "string->symbol"(a) => Value::Symbol(interp.symbol(&string(a)?));

    "vector"[args; 0, ANY] => Value::vector(args.to_vec());
    "make-vector"[args; 1, 2] => {
        let fill = args.get(1).unwrap_or(&Value::Unspecified);
        Value::vector(vec![fill.clone(); index(&args[0], MAX_LENGTH)?])
    };
    "vector-length"(a) => vector(a)?.lock().len();
    "vector-ref"(a, index) => fetch(vector(a)?, index)?;
    "vector-set!"(a, index, new) => store(vector(a)?, index, new.clone())?;
    "vector->list"[args; 1, 3] => Value::list(part(vector(&args[0])?, &args[1..])?);
    "list->vector"(a) => Value::vector(list(a)?);
    "%make-record-type"(name) => {
        let (name, value) = (symbol(name)?.name.clone(), Locked::new(Value::Undefined));
        Value::Symbol(Gc::new(Symbol { name, value }))
    };
    "%record"(kind, fields) => {
        Value::Record(Gc::new(Record { kind: symbol(kind)?.clone(), fields: fields.clone() }))
    };
    "%record?"(a, kind) => is_record(a, kind);
    "%record-fields"(a, kind) => record_fields(a, kind)?;

    "make-hash-table"[args; 0, ANY] => Value::Table(Gc::new(Locked::new(HashMap::new())));
    "hash-table-ref/default"(a, key, default) => {
        table(a)?.lock().get(&Key(key.clone())).unwrap_or(default).clone()
    };
    "hash-table-set!"(a, key, value) => {
        let old = table(a)?.lock().insert(Key(key.clone()), value.clone());
        drop(old)
    };
    "hash-table-delete!"(a, key) => {
        let old = table(a)?.lock().remove_entry(&Key(key.clone()));
        drop(old)
    };
    "hash-table-size"(a) => table(a)?.lock().len();
    "hash-table->alist"(a) => {
        let pairs = table(a)?.get().into_iter().map(|(key, value)| Value::cons(key.0, value));
        Value::list(pairs.collect::<Vec<_>>())
    };

    "char-alphabetic?"(a) => char(a)?.is_alphabetic();
    "char-numeric?"(a) => char(a)?.is_numeric();
    "char-whitespace?"(a) => char(a)?.is_whitespace();
    "char-upper-case?"(a) => char(a)?.is_uppercase();
    "char-lower-case?"(a) => char(a)?.is_lowercase();
    "char-upcase"(a) => char(a)?.to_uppercase().next().unwrap_or(a_char(a)?);
    "char-downcase"(a) => char(a)?.to_lowercase().next().unwrap_or(a_char(a)?);
    "char->integer"(a) => i64::from(u32::from(a_char(a)?));
    "integer->char"(a) => to_char(a)?;

    "%string=?"(a, b) => string(a)? == string(b)?;
    "%string<?"(a, b) => string(a)? < string(b)?;
    "make-string"[args; 1, 2] => {
        let fill = args.get(1).map_or(Ok(&' '), char)?;
        Value::text(vec![*fill; index(&args[0], MAX_LENGTH)?])
    };
    "string"[args; 0, ANY] => Value::text(args.iter().map(displayed).collect::<String>().chars());
    "string-length"(a) => chars(a)?.lock().len();
    "string-ref"(a, index) => fetch(chars(a)?, index)?;
    "string-set!"(a, index, new) => store(chars(a)?, index, a_char(new)?)?;
    "string-append"[args; 0, ANY] => Value::text(args.iter().map(string).collect::<Result<String, Fault>>()?.chars());
    "string-copy"[args; 1, 3] => Value::text(part(chars(&args[0])?, &args[1..])?);
    "string->list"[args; 1, 3] => Value::list(part(chars(&args[0])?, &args[1..])?.into_iter().map(Value::Char));
    "list->string"(a) => Value::text(list(a)?.iter().map(a_char).collect::<Result<Vec<char>, Fault>>()?);
    "string-upcase"(a) => Value::text(string(a)?.to_uppercase().chars());
    "string-downcase"(a) => Value::text(string(a)?.to_lowercase().chars());
}
