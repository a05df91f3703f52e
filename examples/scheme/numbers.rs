//! Numbers: exact integers of 64 bits and floating-point numbers. What leaves the range of the former, and a quotient
//! that is no integer, becomes one of the latter.

use crate::interp::{ANY, Outcome, int, primitives, string};
use crate::value::{Fault, Value};

pub(crate) fn parse_number(text: &str) -> Option<Value> {
    let digits = text.trim_start_matches(['+', '-', '.']);
    if !digits.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float)).ok()
}

fn real(value: &Value) -> Result<f64, Fault> {
    match value {
        Value::Int(int) => Ok(*int as f64),
        Value::Float(float) => Ok(*float),
        other => Err(Fault::wrong("a number", other)),
    }
}

fn exact(value: &Value) -> Outcome {
    match value {
        Value::Float(float) if float.fract() == 0.0 && float.abs() < i64::MAX as f64 => Ok(Value::Int(*float as i64)),
        other => int(other).map(|int| Value::Int(*int)),
    }
}

type IntOp = fn(i64, i64) -> Option<i64>;
type FloatOp = fn(f64, f64) -> f64;

fn operate(a: &Value, b: &Value, on_ints: IntOp, on_floats: FloatOp) -> Outcome {
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        if let Some(int) = on_ints(*a, *b) {
            return Ok(Value::Int(int));
        }
    }
    Ok(Value::Float(on_floats(real(a)?, real(b)?)))
}

/// Folds the arguments, a single one after `unit`.
fn fold(unit: i64, args: &[Value], on_ints: IntOp, on_floats: FloatOp) -> Outcome {
    let (mut sum, rest) = match args {
        [first, rest @ ..] if !rest.is_empty() => (first.clone(), rest),
        _ => (Value::Int(unit), args),
    };
    for arg in rest {
        sum = operate(&sum, arg, on_ints, on_floats)?;
    }
    Ok(sum)
}

fn divide(args: &[Value], on_ints: IntOp, on_floats: FloatOp) -> Outcome {
    let divisors = if args.len() == 1 { args } else { &args[1..] };
    if divisors.iter().any(|divisor| matches!(divisor, Value::Int(0))) {
        return Err(Fault::new("division by zero"));
    }
    fold(1, args, on_ints, on_floats)
}

fn compare(args: &[Value], on_ints: fn(&i64, &i64) -> bool, on_floats: fn(&f64, &f64) -> bool) -> Outcome {
    let mut all = true;
    for arg in args {
        real(arg)?;
    }
    for two in args.windows(2) {
        all &= match two {
            [Value::Int(a), Value::Int(b)] => on_ints(a, b),
            _ => on_floats(&real(&two[0])?, &real(&two[1])?),
        };
    }
    Ok(Value::Bool(all))
}

fn round(value: &Value, on_float: fn(f64) -> f64) -> Outcome {
    match value {
        Value::Int(_) => Ok(value.clone()),
        other => Ok(Value::Float(on_float(real(other)?))),
    }
}

/// The remainder that has the sign of the divisor.
fn modulo(a: i64, b: i64) -> Option<i64> {
    let rest = a.checked_rem(b)?;
    Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

fn exact_root(int: i64, _: i64) -> Option<i64> {
    let root = (int as f64).sqrt() as i64;
    (root.checked_mul(root) == Some(int)).then_some(root)
}

primitives! {
    interp;
    "+"[args; 0, ANY] => fold(0, args, i64::checked_add, |a, b| a + b)?;
    "*"[args; 0, ANY] => fold(1, args, i64::checked_mul, |a, b| a * b)?;
    "-"[args; 1, ANY] => fold(0, args, i64::checked_sub, |a, b| a - b)?;
    "/"[args; 1, ANY] => divide(args, |a, b| (a.checked_rem(b)? == 0).then(|| a / b), |a, b| a / b)?;
    "quotient"[args; 2, 2] => divide(args, i64::checked_div, |a, b| (a / b).trunc())?;
    "remainder"[args; 2, 2] => divide(args, i64::checked_rem, |a, b| a % b)?;
    "modulo"[args; 2, 2] => divide(args, modulo, |a, b| a - b * (a / b).floor())?;
    "="[args; 1, ANY] => compare(args, i64::eq, f64::eq)?;
    "<"[args; 1, ANY] => compare(args, i64::lt, f64::lt)?;
    ">"[args; 1, ANY] => compare(args, i64::gt, f64::gt)?;
    "<="[args; 1, ANY] => compare(args, i64::le, f64::le)?;
    ">="[args; 1, ANY] => compare(args, i64::ge, f64::ge)?;
    "number?"(a) => real(a).is_ok();
    "integer?"(a) => real(a).is_ok_and(|real| real.fract() == 0.0);
    "exact?"(a) => real(a).map(|_| matches!(a, Value::Int(_)))?;
    "floor"(a) => round(a, f64::floor)?;
    "ceiling"(a) => round(a, f64::ceil)?;
    "truncate"(a) => round(a, f64::trunc)?;
    "round"(a) => round(a, f64::round_ties_even)?;
    "exact"(a) => exact(a)?;
    "inexact"(a) => real(a)?;
    "sqrt"(a) => operate(a, a, exact_root, |a, _| a.sqrt())?;
    "expt"(base, power) => operate(base, power, |a, b| a.checked_pow(u32::try_from(b).ok()?), f64::powf)?;
    "number->string"(a) => Value::text(real(a).map(|_| a.to_string())?.chars());
    "string->number"(a) => parse_number(&string(a)?).unwrap_or(Value::Bool(false));
}
