//! Numbers: exact integers of 64 bits and floating-point numbers. What leaves the range of the former, and a quotient
//! that is no integer, becomes one of the latter.

use crate::interp::{ANY, Outcome, Primitive, Run, int, primitives, string};
use crate::value::{Fault, Value};

pub(crate) fn parse_number(text: &str, radix: u32) -> Option<Value> {
    match text {
        "+inf.0" => return Some(Value::Float(f64::INFINITY)),
        "-inf.0" => return Some(Value::Float(f64::NEG_INFINITY)),
        "+nan.0" => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    for (prefix, radix) in [("#x", 16), ("#o", 8), ("#b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return parse_number(digits, radix);
        }
    }
    if let Ok(int) = i64::from_str_radix(text, radix) {
        return Some(Value::Int(int));
    }
    let is_decimal = radix == 10 && text.chars().all(|char| "0123456789.eE+-".contains(char));
    let starts = text.trim_start_matches(['+', '-', '.']).starts_with(|char: char| char.is_ascii_digit());
    (is_decimal && starts).then(|| text.parse().ok().map(Value::Float))?
}

fn radix(argument: Option<&Value>) -> Result<u32, Fault> {
    let radix = argument.map_or(Ok(10), |radix| int(radix).copied())?;
    let radix = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix));
    radix.ok_or_else(|| Fault::new("the radix must be between 2 and 36"))
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
        Value::Int(_) => Ok(value.clone()),
        other => Err(Fault::wrong("an integer of 64 bits", other)),
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
    let unit = Value::Int(unit);
    let (first, rest) = match args {
        [] => return Ok(unit),
        [only] => (&unit, std::slice::from_ref(only)),
        [first, rest @ ..] => (first, rest),
    };
    let mut sum = operate(first, &rest[0], on_ints, on_floats)?;
    for arg in &rest[1..] {
        sum = operate(&sum, arg, on_ints, on_floats)?;
    }
    Ok(sum)
}

fn divide(unit: i64, args: &[Value], on_ints: IntOp, on_floats: FloatOp) -> Outcome {
    let divisors = if args.len() == 1 { args } else { &args[1..] };
    if divisors.iter().any(|divisor| matches!(divisor, Value::Int(0))) {
        return Err(Fault::new("division by zero"));
    }
    fold(unit, args, on_ints, on_floats)
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

fn floor_remainder(a: i64, b: i64) -> Option<i64> {
    let rest = a.checked_rem(b)?;
    Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

fn expt(base: i64, exponent: i64) -> Option<i64> {
    base.checked_pow(u32::try_from(exponent).ok()?)
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
    "/"[args; 1, ANY] => divide(1, args, |a, b| (a.checked_rem(b)? == 0).then(|| a / b), |a, b| a / b)?;
    "quotient"[args; 2, 2] => divide(1, args, i64::checked_div, |a, b| (a / b).trunc())?;
    "remainder"[args; 2, 2] => divide(1, args, i64::checked_rem, |a, b| a % b)?;
    "modulo"[args; 2, 2] => divide(1, args, floor_remainder, |a, b| a - b * (a / b).floor())?;
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
    "exp"(a) => real(a)?.exp();
    "log"[args; 1, 2] => real(&args[0])?.ln() / args.get(1).map_or(Ok(1.0), |base| real(base).map(f64::ln))?;
    "sin"(a) => real(a)?.sin();
    "cos"(a) => real(a)?.cos();
    "tan"(a) => real(a)?.tan();
    "atan"[args; 1, 2] => real(&args[0])?.atan2(args.get(1).map_or(Ok(1.0), real)?);
    "sqrt"(a) => operate(a, a, exact_root, |a, _| a.sqrt())?;
    "expt"(base, exponent) => operate(base, exponent, expt, f64::powf)?;
    "%number->string"(a) => Value::text(real(a).map(|_| a.to_string())?.chars());
    "string->number"[args; 1, 2] => {
        parse_number(&string(&args[0])?, radix(args.get(1))?).unwrap_or(Value::Bool(false))
    };
}
