//! From data to code. Variables are resolved to a depth and an index here, so that the machine never looks up a name.
//! What is not among the few special forms below is a macro of the prelude.

use std::mem;

use tracegc::Gc;

use crate::interp::{Interp, Outcome};
use crate::machine::{Closure, Code, Machine, Op};
use crate::reader::{Place, Position, Positions};
use crate::value::{Fault, Value};

/// How deep expressions may be nested.
const MAX_NESTING: usize = 1000;

type Done = Result<(), Fault>;

/// Compiles and runs one top-level form.
pub(crate) fn evaluate(interp: &mut Interp, form: &Value, place: &Place, positions: &Positions) -> Outcome {
    let code = Code::new("top level", &place.file);
    let (scopes, position) = (Vec::new(), place.position);
    let mut compiler = Compiler { interp, positions, scopes, code, position, nesting: 0 };
    if let Err(fault) = compiler.expression(form, false) {
        return Err(fault.at(&compiler.place()));
    }
    compiler.emit(Op::Return);
    let code = Gc::new(compiler.code);
    Machine::run(interp, code)
}

struct Compiler<'a> {
    interp: &'a mut Interp,
    positions: &'a Positions,
    /// The variables in scope: the name of each, and whether it is assigned to.
    scopes: Vec<Vec<(Value, bool)>>,
    code: Code,
    position: Position,
    nesting: usize,
}

impl Compiler<'_> {
    /// Code in the place of a tail call ends in a return.
    fn expression(&mut self, form: &Value, tail: bool) -> Done {
        // After an error the position stays where it was found.
        let outer = self.position;
        self.position = *self.positions.get(&form.address()).unwrap_or(&outer);
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Fault::new("expressions are nested too deeply"));
        }
        match form {
            Value::Symbol(_) => self.variable(form, Op::Local, Op::Global, tail),
            Value::Pair(pair) => {
                let (head, rest) = pair.get();
                let operands = rest.list_items().ok_or_else(|| Fault::new("not a proper list"))?;
                self.form(&head, &operands, tail)?;
            }
            Value::Nil => return Err(Fault::new("empty combination")),
            constant => self.constant(constant.clone(), tail),
        }
        self.position = outer;
        self.nesting -= 1;
        Ok(())
    }

    fn form(&mut self, head: &Value, operands: &[Value], tail: bool) -> Done {
        match (&*self.keyword(head), operands) {
            ("quote", [datum]) => self.constant(datum.clone(), tail),
            ("if", [test, then, rest @ ..]) if rest.len() <= 1 => {
                self.expression(test, false)?;
                let to_else = self.emit(Op::JumpIfFalse(0));
                self.expression(then, tail)?;
                let to_end = self.emit(Op::Jump(0));
                self.land(to_else);
                self.expression(rest.first().unwrap_or(&Value::Unspecified), tail)?;
                self.land(to_end);
            }
            ("or", [test, rest]) => {
                self.expression(test, false)?;
                let to_end = self.emit(Op::Or(0));
                self.expression(rest, tail)?;
                self.land(to_end);
                self.finish(tail);
            }
            ("begin", forms) => self.sequence(forms, tail)?,
            ("define", [target, body @ ..]) => self.define(target, body, tail)?,
            ("set!", [name @ Value::Symbol(_), value]) => {
                self.expression(value, false)?;
                self.assign(name);
                self.variable(name, Op::SetLocal, Op::SetGlobal, tail);
            }
            ("lambda", [parameters, body @ ..]) => {
                self.lambda("lambda", parameters, body, false)?;
                self.finish(tail);
            }
            ("quote" | "if" | "define" | "set!" | "lambda", _) => {
                return Err(Fault::new(format!("malformed {head}")));
            }
            _ => match self.expand(head, operands)? {
                Some(form) => self.expression(&form, tail)?,
                None => {
                    for operand in operands.iter().chain([head]) {
                        self.expression(operand, false)?;
                    }
                    self.call(operands.len(), tail)?;
                }
            },
        }
        Ok(())
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
        let operands = Value::list([self.interp.symbol("quote"), Value::list(operands.to_vec())]);
        let call = Value::list([self.interp.symbol("apply"), expander, operands]);
        let expansion = evaluate(self.interp, &call, &self.place(), self.positions);
        let malformed = |fault: Fault| Fault::new(format!("malformed {head}: {}", fault.message()));
        expansion.map(Some).map_err(malformed)
    }

    fn call(&mut self, count: usize, tail: bool) -> Done {
        let count = u16::try_from(count).map_err(|_| Fault::new("too many operands"))?;
        self.emit(if tail { Op::TailCall(count) } else { Op::Call(count) });
        // A primitive in the place of a tail call only leaves its value: it still has to be returned.
        self.finish(tail);
        Ok(())
    }

    fn define(&mut self, target: &Value, body: &[Value], tail: bool) -> Done {
        let name = defined_name(target);
        match (target, body) {
            (Value::Pair(pair), _) => self.lambda(&name.to_string(), &pair.cdr(), body, false)?,
            (_, [value]) => self.expression(value, false)?,
            _ => return Err(Fault::new("malformed define")),
        }
        if !matches!(name, Value::Symbol(_)) || (!self.scopes.is_empty() && self.lookup(&name).is_none()) {
            return Err(Fault::new(format!("{name} cannot be defined here")));
        }
        self.assign(&name);
        self.variable(&name, Op::SetLocal, Op::Define, tail);
        Ok(())
    }

    fn lambda(&mut self, name: &str, parameters: &Value, body: &[Value], is_flat: bool) -> Done {
        let code = Code::new(name, &self.code.file);
        let outer = mem::replace(&mut self.code, code);
        let (mut scope, mut rest) = (Vec::new(), parameters.clone());
        while let Value::Pair(pair) = &rest {
            scope.push((pair.car(), false));
            rest = pair.cdr();
        }
        self.code.required = scope.len();
        self.code.rest = !matches!(rest, Value::Nil);
        scope.extend(self.code.rest.then_some((rest, false)));
        if let Some((other, _)) = scope.iter().find(|(name, _)| !matches!(name, Value::Symbol(_))) {
            return Err(Fault::new(format!("{other} is not the name of a variable")));
        }
        if u16::try_from(scope.len()).is_err() {
            return Err(Fault::new("too many parameters"));
        }
        self.scopes.push(scope);
        if is_flat {
            self.sequence(body, true)?
        } else {
            self.body(body)?
        }
        let scope = self.scopes.pop().unwrap_or_default();
        self.code.boxed = (0..scope.len()).filter(|index| scope[*index].1).collect();
        let code = Gc::new(mem::replace(&mut self.code, outer));
        let template = self.add(Value::Closure(Gc::new(Closure { code, env: None })));
        self.emit(Op::Lambda(template));
        Ok(())
    }

    /// A body. If it has definitions, it is called as a procedure whose parameters are the names that it defines.
    fn body(&mut self, forms: &[Value]) -> Done {
        let (mut flat, mut names) = (Vec::new(), Vec::new());
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
                    names.push(defined_name(target));
                    flat.push(form);
                }
                _ => flat.push(form),
            }
        }
        if flat.is_empty() {
            return Err(Fault::new("a body has no expressions"));
        }
        if names.is_empty() {
            return self.sequence(&flat, true);
        }
        for _ in &names {
            self.constant(Value::Undefined, false);
        }
        let count = names.len();
        self.lambda("body", &Value::list(names), &flat, true)?;
        self.call(count, true)
    }

    fn sequence(&mut self, forms: &[Value], tail: bool) -> Done {
        let Some((last, init)) = forms.split_last() else {
            self.constant(Value::Unspecified, tail);
            return Ok(());
        };
        for form in init {
            self.expression(form, false)?;
            self.emit(Op::Pop);
        }
        self.expression(last, tail)
    }

    fn lookup(&self, name: &Value) -> Option<(u16, u16)> {
        self.scopes.iter().rev().filter(|scope| !scope.is_empty()).enumerate().find_map(|(depth, scope)| {
            let index = scope.iter().rposition(|(known, _)| known.same(name))?;
            Some((depth as u16, index as u16))
        })
    }

    /// Notes that a variable is assigned to, if it is a local one.
    fn assign(&mut self, name: &Value) {
        let mut scopes = self.scopes.iter_mut().rev();
        if let Some(variable) = scopes.find_map(|scope| scope.iter_mut().rfind(|(known, _)| known.same(name))) {
            variable.1 = true;
        }
    }

    /// Reads or writes a variable.
    fn variable(&mut self, name: &Value, local: fn(u16, u16) -> Op, global: fn(u32) -> Op, tail: bool) {
        let op = match self.lookup(name) {
            Some((depth, index)) => local(depth, index),
            None => global(self.add(name.clone())),
        };
        self.emit(op);
        self.finish(tail);
    }

    fn constant(&mut self, value: Value, tail: bool) {
        let constant = self.add(value);
        self.emit(Op::Constant(constant));
        self.finish(tail);
    }

    fn add(&mut self, constant: Value) -> u32 {
        self.code.constants.push(constant);
        self.code.constants.len() as u32 - 1
    }

    fn finish(&mut self, tail: bool) {
        if tail {
            self.emit(Op::Return);
        }
    }

    fn emit(&mut self, op: Op) -> usize {
        self.code.ops.push((op, self.position));
        self.code.ops.len() - 1
    }

    /// Makes an earlier jump come here.
    fn land(&mut self, jump: usize) {
        let here = self.code.ops.len() as u32;
        match &mut self.code.ops[jump].0 {
            Op::Jump(target) | Op::JumpIfFalse(target) | Op::Or(target) => *target = here,
            _ => unreachable!("only jumps land"),
        }
    }

    fn place(&self) -> Place {
        Place::new(&self.code.file, self.position)
    }
}

/// What a definition defines: `name`, or `(name parameter ...)`.
fn defined_name(target: &Value) -> Value {
    match target {
        Value::Pair(pair) => pair.car(),
        name => name.clone(),
    }
}
