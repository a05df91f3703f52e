//! From data to expressions, and from expressions to values.
//!
//! Variables are resolved to a depth and an index first, so that evaluation never looks up a name. A call in tail
//! position is handed back to the loop of the call that it ends, so that loops may run for ever.

use tracegc::{Gc, Trace};

use crate::interp::{Interp, Outcome, PRELUDE, list};
use crate::reader::{Place, Position, Positions};
use crate::value::{Fault, Locked, Symbol, Value};

/// How many calls may wait for each other.
const MAX_DEPTH: usize = 120_000;

/// How deep expressions may be nested.
const MAX_NESTING: usize = 1000;

#[derive(Trace)]
enum Expr {
    Constant(Value),
    Local(usize, usize),
    Global(Gc<Symbol>),
    SetLocal(usize, usize, Box<Expr>),
    /// Whether it also defines the variable.
    SetGlobal(Gc<Symbol>, Box<Expr>, bool),
    Lambda(Gc<Lambda>),
    If(Box<[Expr; 3]>),
    Or(Box<Expr>, Box<Expr>),
    Sequence(Vec<Expr>, Box<Expr>),
    /// The operator and the operands, and where they are, unless in the prelude: errors name the caller of that.
    Call(Vec<Expr>, Option<Place>),
}

#[derive(Trace)]
pub(crate) struct Lambda {
    pub(crate) name: String,
    required: usize,
    rest: bool,
    /// How many variables a frame has: the parameters, then what the body defines.
    size: usize,
    body: Expr,
}

#[derive(Trace)]
pub(crate) struct Closure {
    pub(crate) lambda: Gc<Lambda>,
    env: Option<Gc<Env>>,
}

/// The variables of one call.
#[derive(Trace)]
pub(crate) struct Env {
    slots: Locked<Vec<Value>>,
    parent: Option<Gc<Env>>,
}

/// A procedure written in Rust.
pub(crate) struct Primitive {
    pub(crate) name: &'static str,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) run: Run,
}

pub(crate) enum Run {
    Plain(fn(&mut Interp, &[Value]) -> Outcome),
    /// One that calls what it is given.
    Control(fn(&mut Interp, &[Value]) -> Result<Step, Fault>),
}

/// What has become of an expression in tail position.
pub(crate) enum Step {
    Done(Value),
    Tail(Gc<Lambda>, Gc<Env>),
}

impl Interp {
    pub(crate) fn apply(&mut self, callee: &Value, args: Vec<Value>) -> Outcome {
        let step = self.call(callee, args)?;
        self.finish(step)
    }

    fn eval(&mut self, expr: &Expr, env: Option<&Gc<Env>>) -> Outcome {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(format!("recursion deeper than {MAX_DEPTH} calls")));
        }
        self.depth += 1;
        let outcome = self.step(expr, env).and_then(|step| self.finish(step));
        self.depth -= 1;
        match expr {
            Expr::Call(_, Some(place)) => outcome.map_err(|fault| fault.at(place)),
            _ => outcome,
        }
    }

    fn finish(&mut self, mut step: Step) -> Outcome {
        loop {
            match step {
                Step::Done(value) => return Ok(value),
                Step::Tail(lambda, env) => step = self.step(&lambda.body, Some(&env))?,
            }
        }
    }

    fn step(&mut self, mut expr: &Expr, env: Option<&Gc<Env>>) -> Result<Step, Fault> {
        loop {
            let value = match expr {
                Expr::Constant(value) => value.clone(),
                Expr::Local(depth, index) => match frame(env, *depth).slots.lock()[*index].clone() {
                    Value::Undefined => return Err(Fault::new("variable used before its definition")),
                    value => value,
                },
                Expr::Global(symbol) => match symbol.value.get() {
                    Value::Undefined => return Err(unbound(symbol)),
                    value => value,
                },
                Expr::SetLocal(depth, index, value) => {
                    let value = self.eval(value, env)?;
                    let old = std::mem::replace(&mut frame(env, *depth).slots.lock()[*index], value);
                    drop(old);
                    Value::Unspecified
                }
                Expr::SetGlobal(symbol, value, is_definition) => {
                    let value = self.eval(value, env)?;
                    if !is_definition && matches!(symbol.value.get(), Value::Undefined) {
                        return Err(unbound(symbol));
                    }
                    symbol.value.set(value);
                    Value::Unspecified
                }
                Expr::Lambda(lambda) => {
                    let (lambda, env) = (lambda.clone(), env.cloned());
                    Value::Closure(Gc::new(Closure { lambda, env }))
                }
                Expr::If(parts) => {
                    let [test, then, otherwise] = &**parts;
                    expr = if self.eval(test, env)?.is_true() { then } else { otherwise };
                    continue;
                }
                Expr::Or(first, rest) => match self.eval(first, env)? {
                    Value::Bool(false) => {
                        expr = rest;
                        continue;
                    }
                    value => value,
                },
                Expr::Sequence(init, last) => {
                    for part in init {
                        self.eval(part, env)?;
                    }
                    expr = last;
                    continue;
                }
                Expr::Call(parts, place) => {
                    let step = self.call_parts(parts, env);
                    return if let Some(place) = place { step.map_err(|fault| fault.at(place)) } else { step };
                }
            };
            return Ok(Step::Done(value));
        }
    }

    fn call_parts(&mut self, parts: &[Expr], env: Option<&Gc<Env>>) -> Result<Step, Fault> {
        let callee = self.eval(&parts[0], env)?;
        let mut args = Vec::with_capacity(parts.len() - 1);
        for part in &parts[1..] {
            args.push(self.eval(part, env)?);
        }
        self.call(&callee, args)
    }

    pub(crate) fn call(&mut self, callee: &Value, mut args: Vec<Value>) -> Result<Step, Fault> {
        match callee {
            Value::Closure(closure) => {
                let lambda = closure.lambda.clone();
                let max = if lambda.rest { usize::MAX } else { lambda.required };
                check_count(&lambda.name, lambda.required, max, args.len())?;
                if lambda.rest {
                    let rest = Value::list(args.drain(lambda.required..));
                    args.push(rest);
                }
                args.resize(lambda.size, Value::Undefined);
                let (slots, parent) = (Locked::new(args), closure.env.clone());
                Ok(Step::Tail(lambda, Gc::new(Env { slots, parent })))
            }
            Value::Primitive(primitive) => {
                check_count(primitive.name, primitive.min, primitive.max, args.len())?;
                match primitive.run {
                    Run::Control(run) => run(self, &args),
                    Run::Plain(run) => run(self, &args).map(Step::Done).map_err(|fault| match &fault {
                        Fault::Raised(Value::Condition(condition), _) => {
                            let name = primitive.name.trim_start_matches('%');
                            Fault::new(format!("{name}: {}", condition.message))
                        }
                        _ => fault,
                    }),
                }
            }
            Value::Escape(escape) => {
                check_count("continuation", 1, 1, args.len())?;
                Err(Fault::Escape(escape.clone(), args.remove(0)))
            }
            other => Err(Fault::wrong("a procedure", other)),
        }
    }
}

fn frame(mut env: Option<&Gc<Env>>, depth: usize) -> &Gc<Env> {
    for _ in 0..depth {
        env = env.and_then(|env| env.parent.as_ref());
    }
    env.expect("variables are resolved to frames that are there")
}

fn unbound(symbol: &Symbol) -> Fault {
    Fault::new(format!("unbound variable {}", symbol.name))
}

fn check_count(name: &str, min: usize, max: usize, count: usize) -> Result<(), Fault> {
    let wanted = match max {
        _ if (min..=max).contains(&count) => return Ok(()),
        usize::MAX => format!("at least {min}"),
        _ if min == max => min.to_string(),
        _ => format!("{min} to {max}"),
    };
    Err(Fault::new(format!("{name}: expected {wanted} arguments, got {count}")))
}

/// Evaluates one top-level form.
pub(crate) fn evaluate(interp: &mut Interp, form: &Value, place: &Place, positions: &Positions) -> Outcome {
    let (scopes, position) = (Vec::new(), place.position);
    let mut compiler = Compiler { interp, place, positions, scopes, position, nesting: 0 };
    let expr =
        compiler.expression(form).map_err(|fault| fault.at(&Place { position: compiler.position, ..place.clone() }))?;
    interp.eval(&expr, None).map_err(|fault| fault.at(place))
}

struct Compiler<'a> {
    interp: &'a mut Interp,
    place: &'a Place,
    positions: &'a Positions,
    /// The variables in scope.
    scopes: Vec<Vec<Value>>,
    position: Position,
    nesting: usize,
}

impl Compiler<'_> {
    fn expression(&mut self, form: &Value) -> Result<Expr, Fault> {
        // After an error the position stays where it was found.
        let outer = self.position;
        self.position = *self.positions.get(&form.address()).unwrap_or(&outer);
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Fault::new("expressions are nested too deeply"));
        }
        let expr = match form {
            Value::Symbol(symbol) => match self.lookup(form) {
                Some((depth, index)) => Expr::Local(depth, index),
                None => Expr::Global(symbol.clone()),
            },
            Value::Pair(pair) => self.form(&pair.car(), &list(&pair.cdr())?)?,
            Value::Nil => return Err(Fault::new("empty combination")),
            constant => Expr::Constant(constant.clone()),
        };
        self.position = outer;
        self.nesting -= 1;
        Ok(expr)
    }

    fn all<'f>(&mut self, forms: impl IntoIterator<Item = &'f Value>) -> Result<Vec<Expr>, Fault> {
        forms.into_iter().map(|form| self.expression(form)).collect()
    }

    fn form(&mut self, head: &Value, operands: &[Value]) -> Result<Expr, Fault> {
        Ok(match (&*self.keyword(head), operands) {
            ("quote", [datum]) => Expr::Constant(datum.clone()),
            ("if", [test, then, rest @ ..]) if rest.len() <= 1 => {
                let otherwise = rest.first().unwrap_or(&Value::Unspecified);
                Expr::If(Box::new([self.expression(test)?, self.expression(then)?, self.expression(otherwise)?]))
            }
            ("or", [first, rest]) => Expr::Or(self.expression(first)?.into(), self.expression(rest)?.into()),
            ("begin", forms) => self.sequence(forms)?,
            ("define", [Value::Pair(target), body @ ..]) => {
                let name = target.car();
                let lambda = self.lambda(&name.to_string(), target.cdr(), body)?;
                self.assign(&name, lambda, true)?
            }
            ("define", [name, value]) => {
                let value = self.expression(value)?;
                self.assign(name, value, true)?
            }
            ("set!", [name, value]) => {
                let value = self.expression(value)?;
                self.assign(name, value, false)?
            }
            ("lambda", [parameters, body @ ..]) => self.lambda("lambda", parameters.clone(), body)?,
            ("quote" | "if" | "define" | "set!" | "lambda", _) => {
                return Err(Fault::new(format!("malformed {head}")));
            }
            _ => match self.expand(head, operands)? {
                Some(form) => self.expression(&form)?,
                None => {
                    let parts = self.all([head].into_iter().chain(operands))?;
                    let place = Place { position: self.position, ..self.place.clone() };
                    Expr::Call(parts, (&*place.file != PRELUDE).then_some(place))
                }
            },
        })
    }

    /// The name of a form, unless it is that of a local variable.
    fn keyword(&self, head: &Value) -> String {
        match head {
            Value::Symbol(symbol) if self.lookup(head).is_none() => symbol.name.clone(),
            _ => String::new(),
        }
    }

    /// Expands a form, if it is that of a macro.
    fn expand(&mut self, head: &Value, operands: &[Value]) -> Result<Option<Value>, Fault> {
        let expander = match self.interp.macros.get(&head.address()) {
            Some(expander) if self.lookup(head).is_none() => expander.clone(),
            _ => return Ok(None),
        };
        let expansion = self.interp.apply(&expander, operands.to_vec());
        expansion.map(Some).map_err(|fault| Fault::new(format!("malformed {head}: {fault}")))
    }

    fn assign(&mut self, name: &Value, value: Expr, define: bool) -> Result<Expr, Fault> {
        match (name, self.lookup(name)) {
            (_, Some((depth, index))) if depth == 0 || !define => Ok(Expr::SetLocal(depth, index, value.into())),
            (Value::Symbol(symbol), None) if !define || self.scopes.is_empty() => {
                Ok(Expr::SetGlobal(symbol.clone(), value.into(), define))
            }
            _ => Err(Fault::new(format!("{name} cannot be {} here", if define { "defined" } else { "set" }))),
        }
    }

    fn lambda(&mut self, name: &str, mut parameters: Value, body: &[Value]) -> Result<Expr, Fault> {
        let mut scope = Vec::new();
        while let Value::Pair(pair) = &parameters {
            scope.push(pair.car());
            parameters = pair.cdr();
        }
        let (required, rest) = (scope.len(), !matches!(parameters, Value::Nil));
        scope.extend(rest.then_some(parameters));
        if let Some(other) = scope.iter().find(|name| !matches!(name, Value::Symbol(_))) {
            return Err(Fault::new(format!("{other} is not the name of a variable")));
        }
        self.scopes.push(scope);
        let body = self.body(body)?;
        let size = self.scopes.pop().map_or(0, |scope| scope.len());
        Ok(Expr::Lambda(Gc::new(Lambda { name: name.to_owned(), required, rest, size, body })))
    }

    /// A body. What it defines becomes part of the frame.
    fn body(&mut self, forms: &[Value]) -> Result<Expr, Fault> {
        let mut flat = Vec::new();
        let mut work: Vec<Value> = forms.iter().rev().cloned().collect();
        while let Some(form) = work.pop() {
            let (head, operands) = match &form {
                Value::Pair(pair) => (pair.car(), pair.cdr().list_items().unwrap_or_default()),
                _ => (Value::Nil, Vec::new()),
            };
            match (&*self.keyword(&head), operands.first()) {
                ("begin", Some(_)) => work.extend(operands.into_iter().rev()),
                ("define-record-type", _) => work.extend(self.expand(&head, &operands)?),
                ("define", Some(target)) => {
                    let name = if let Value::Pair(pair) = target { pair.car() } else { target.clone() };
                    self.scopes.last_mut().expect("a body has a scope").push(name);
                    flat.push(form);
                }
                _ => flat.push(form),
            }
        }
        if flat.is_empty() {
            return Err(Fault::new("a body has no expressions"));
        }
        self.sequence(&flat)
    }

    fn sequence(&mut self, forms: &[Value]) -> Result<Expr, Fault> {
        let mut exprs = self.all(forms)?;
        let last = exprs.pop().unwrap_or(Expr::Constant(Value::Unspecified));
        Ok(Expr::Sequence(exprs, last.into()))
    }

    fn lookup(&self, name: &Value) -> Option<(usize, usize)> {
        self.scopes.iter().rev().enumerate().find_map(|(depth, scope)| {
            let index = scope.iter().rposition(|known| known.same(name))?;
            Some((depth, index))
        })
    }
}

/// The primitives that call what they are given.
pub(crate) const PRIMITIVES: &[Primitive] = &[
    control("apply", 2, usize::MAX, |interp, args| {
        let (last, init) = args.split_last().expect("the arguments have been counted");
        let all: Vec<Value> = init[1..].iter().cloned().chain(list(last)?).collect();
        interp.call(&args[0], all)
    }),
    // Only leaves what is still running: another call ends in an error.
    control("call/cc", 1, 1, |interp, args| {
        let escape = Gc::new(());
        match interp.apply(&args[0], vec![Value::Escape(escape.clone())]) {
            Err(Fault::Escape(target, value)) if Gc::ptr_eq(&target, &escape) => Ok(Step::Done(value)),
            outcome => outcome.map(Step::Done),
        }
    }),
    control("dynamic-wind", 3, 3, |interp, args| {
        interp.apply(&args[0], Vec::new())?;
        let outcome = interp.apply(&args[1], Vec::new());
        interp.apply(&args[2], Vec::new())?;
        outcome.map(Step::Done)
    }),
    control("%guard", 2, 2, |interp, args| match interp.apply(&args[1], Vec::new()) {
        Err(Fault::Raised(payload, _)) => interp.call(&args[0], vec![payload]),
        outcome => outcome.map(Step::Done),
    }),
    control("raise", 1, 1, |_, args| Err(Fault::Raised(args[0].clone(), None))),
    control("error", 1, usize::MAX, |_, args| {
        Err(Fault::error(crate::printer::displayed(&args[0]), args[1..].to_vec()))
    }),
    control("%macro", 2, 2, |interp, args| {
        interp.macros.insert(args[0].address(), args[1].clone());
        Ok(Step::Done(Value::Unspecified))
    }),
];

const fn control(
    name: &'static str,
    min: usize,
    max: usize,
    run: fn(&mut Interp, &[Value]) -> Result<Step, Fault>,
) -> Primitive {
    Primitive { name, min, max, run: Run::Control(run) }
}
