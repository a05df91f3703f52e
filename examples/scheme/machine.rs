//! The machine: compiled code, frames and the loop that runs them.
//!
//! The stack of calls is a vector of frames, not the stack of the thread, so that a tail call costs nothing, deep
//! recursion ends in an error, and a continuation is a copy of two vectors.

use tracegc::{Gc, Trace};

use crate::interp::{Interp, Outcome, PRELUDE, Run};
use crate::reader::{Place, Position};
use crate::value::{Fault, FaultKind, Locked, Symbol, Value};

/// How many calls may wait for each other.
const MAX_DEPTH: usize = 400_000;

/// One step. A variable is given by its depth and index, a constant or global by its index in the constants.
#[derive(Clone, Copy)]
pub(crate) enum Op {
    Constant(u32),
    Local(u16, u16),
    SetLocal(u16, u16),
    Global(u32),
    SetGlobal(u32),
    Define(u32),
    Lambda(u32),
    Pop,
    Jump(u32),
    JumpIfFalse(u32),
    /// Jumps and keeps the value if it is true, else drops it.
    Or(u32),
    /// The operands are on the stack, the operator above them.
    Call(u16),
    TailCall(u16),
    Return,
}

/// A compiled `lambda` expression.
#[derive(Default, Trace)]
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) required: usize,
    pub(crate) rest: bool,
    /// The parameters that are assigned to.
    pub(crate) boxed: Vec<usize>,
    #[trace(skip)]
    pub(crate) ops: Vec<(Op, Position)>,
    pub(crate) constants: Vec<Value>,
}

/// The variables of one call. They never change (those that are assigned to are cells), so that reading one
/// takes no lock.
#[derive(Trace)]
pub(crate) struct Env {
    first: [Value; Env::INLINE],
    more: Vec<Value>,
    parent: Option<Gc<Env>>,
}

#[derive(Trace)]
pub(crate) struct Closure {
    pub(crate) code: Gc<Code>,
    pub(crate) env: Option<Gc<Env>>,
}

#[derive(Clone, Trace)]
pub(crate) struct Frame {
    code: Gc<Code>,
    next: usize,
    env: Option<Gc<Env>>,
}

#[derive(Trace)]
pub(crate) struct Continuation {
    stack: Vec<Value>,
    frames: Vec<Frame>,
}

impl Env {
    const INLINE: usize = 4;

    fn new(mut values: impl Iterator<Item = Value>, parent: Option<Gc<Env>>) -> Option<Gc<Env>> {
        let mut next = || values.next().unwrap_or(Value::Nil);
        let first = [next(), next(), next(), next()];
        Some(Gc::new(Env { first, more: values.collect(), parent }))
    }

    fn slot(&self, index: u16) -> &Value {
        let index = usize::from(index);
        if index < Env::INLINE { &self.first[index] } else { &self.more[index - Env::INLINE] }
    }
}

pub(crate) struct Machine {
    stack: Vec<Value>,
    /// The calls that wait for the current one.
    frames: Vec<Frame>,
    current: Frame,
}

impl Machine {
    /// Runs the code of a top-level form.
    pub(crate) fn run(interp: &mut Interp, code: Gc<Code>) -> Outcome {
        let current = Frame { code, next: 0, env: None };
        let mut machine = Machine { stack: Vec::new(), frames: Vec::new(), current };
        loop {
            let fault = match machine.execute(interp) {
                Err(fault) if fault.kind == FaultKind::Error => fault.at(&machine.place()),
                outcome => return outcome,
            };
            let Some(handler) = interp.handler() else {
                return Err(fault);
            };
            machine.stack.extend([fault.payload, Value::Bool(false)]);
            machine.call(interp, handler, 2, false)?;
        }
    }

    /// Where the program is: in the innermost frame that is the user's.
    fn place(&self) -> Place {
        let mut frames = std::iter::once(&self.current).chain(self.frames.iter().rev());
        let frame = frames.find(|frame| frame.code.file != PRELUDE).unwrap_or(&self.current);
        let (_, position) = frame.code.ops[frame.next.saturating_sub(1)];
        Place::new(&frame.code.file, position)
    }

    fn execute(&mut self, interp: &mut Interp) -> Outcome {
        loop {
            let (op, _) = self.current.code.ops[self.current.next];
            self.current.next += 1;
            match op {
                Op::Constant(index) => self.stack.push(self.constant(index).clone()),
                Op::Local(depth, index) => {
                    let value = match self.env(depth).slot(index) {
                        Value::Cell(cell) => cell.get(),
                        value => value.clone(),
                    };
                    if let Value::Undefined = value {
                        return Err(Fault::new("variable used before its definition"));
                    }
                    self.stack.push(value);
                }
                Op::SetLocal(depth, index) => {
                    let value = self.pop();
                    match self.env(depth).slot(index) {
                        Value::Cell(cell) => cell.set(value),
                        _ => unreachable!("a variable that is assigned to is a cell"),
                    }
                    self.stack.push(Value::Unspecified);
                }
                Op::Global(index) => match self.global(index).get() {
                    Value::Undefined => return Err(self.unbound(index)),
                    value => self.stack.push(value),
                },
                Op::SetGlobal(index) if matches!(self.global(index).get(), Value::Undefined) => {
                    return Err(self.unbound(index));
                }
                Op::SetGlobal(index) | Op::Define(index) => {
                    let value = self.pop();
                    self.global(index).set(value);
                    self.stack.push(Value::Unspecified);
                }
                Op::Lambda(index) => {
                    let Value::Closure(template) = self.constant(index) else { unreachable!() };
                    let (code, env) = (template.code.clone(), self.current.env.clone());
                    self.stack.push(Value::Closure(Gc::new(Closure { code, env })));
                }
                Op::Pop => drop(self.pop()),
                Op::Jump(target) => self.current.next = target as usize,
                Op::JumpIfFalse(target) => {
                    if !self.pop().is_true() {
                        self.current.next = target as usize;
                    }
                }
                Op::Or(target) => {
                    if self.stack.last().is_some_and(Value::is_true) {
                        self.current.next = target as usize;
                    } else {
                        self.pop();
                    }
                }
                Op::Call(count) | Op::TailCall(count) => {
                    let callee = self.pop();
                    self.call(interp, callee, count.into(), matches!(op, Op::TailCall(_)))?;
                }
                Op::Return => match self.frames.pop() {
                    Some(frame) => self.current = frame,
                    None => return Ok(self.pop()),
                },
            }
        }
    }

    /// Calls `callee` with the topmost values of the stack. A primitive leaves its value there; of everything else the
    /// loop runs the code.
    fn call(&mut self, interp: &mut Interp, callee: Value, count: usize, tail: bool) -> Result<(), Fault> {
        let first = self.stack.len() - count;
        match callee {
            Value::Closure(closure) => {
                let code = &closure.code;
                let max = if code.rest { usize::MAX } else { code.required };
                check_count(&code.name, code.required, max, count)?;
                if self.frames.len() == MAX_DEPTH && !tail {
                    return Err(Fault::new(format!("recursion deeper than {MAX_DEPTH} calls")));
                }
                if code.rest {
                    let rest = Value::list(self.stack.drain(first + code.required..));
                    self.stack.push(rest);
                }
                for index in &code.boxed {
                    let slot = &mut self.stack[first + index];
                    *slot = Value::Cell(Gc::new(Locked::new(slot.clone())));
                }
                let mut env = closure.env.clone();
                if self.stack.len() > first {
                    env = Env::new(self.stack.drain(first..), env);
                }
                let frame = Frame { code: code.clone(), next: 0, env };
                let caller = std::mem::replace(&mut self.current, frame);
                if !tail {
                    self.frames.push(caller);
                }
            }
            Value::Primitive(primitive) => {
                check_count(primitive.name, primitive.min, primitive.max, count)?;
                match primitive.run {
                    Run::Plain(run) => {
                        let result = run(interp, &self.stack[first..]);
                        let value = result.map_err(|fault| fault.inside(primitive.name))?;
                        self.stack.truncate(first);
                        self.stack.push(value);
                    }
                    Run::Apply => {
                        let last = self.pop();
                        let items = last.list_items();
                        self.stack.extend(items.ok_or_else(|| Fault::wrong("a list", &last))?);
                        let callee = self.stack.remove(first);
                        let count = self.stack.len() - first;
                        self.call(interp, callee, count, tail)?;
                    }
                    Run::CallCc => {
                        let (callee, stack) = (self.pop(), self.stack.clone());
                        let mut frames = self.frames.clone();
                        if !tail {
                            frames.push(self.current.clone());
                        }
                        let continuation = Gc::new(Continuation { stack, frames });
                        self.stack.push(Value::Continuation(continuation));
                        self.call(interp, callee, 1, tail)?;
                    }
                }
            }
            Value::Continuation(continuation) => {
                check_count("continuation", 1, 1, count)?;
                let value = self.pop();
                self.stack.clone_from(&continuation.stack);
                self.stack.push(value);
                self.frames.clone_from(&continuation.frames);
                // The frame of a top-level form never ends in a tail call, so one is always left.
                self.current = self.frames.pop().expect("a continuation has a frame");
            }
            other => return Err(Fault::wrong("a procedure", &other)),
        }
        Ok(())
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("compiled code keeps the stack balanced")
    }

    fn env(&self, depth: u16) -> &Env {
        let mut env = &self.current.env;
        for _ in 0..depth {
            env = env.as_ref().map_or(&None, |env| &env.parent);
        }
        env.as_ref().expect("compiled code names variables in scope")
    }

    fn constant(&self, index: u32) -> &Value {
        &self.current.code.constants[index as usize]
    }

    fn global(&self, index: u32) -> &Symbol {
        match self.constant(index) {
            Value::Symbol(symbol) => symbol,
            _ => unreachable!("globals are symbols"),
        }
    }

    fn unbound(&self, index: u32) -> Fault {
        Fault::new(format!("unbound variable {}", self.global(index).name))
    }
}

impl Code {
    pub(crate) fn new(name: &str, file: &str) -> Code {
        Code { name: name.to_owned(), file: file.to_owned(), ..Code::default() }
    }
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
