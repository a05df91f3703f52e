//! Ports, errors, and the collector as the program sees it.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracegc::{Gc, cleanup, collect, heap};

use crate::interp::{Interp, Outcome, condition, port, primitives, string, weak};
use crate::printer::displayed;
use crate::reader::{CharStream, read};
use crate::value::{Fault, Port, Value, lock};

/// How long to wait for cleanups, which are short here.
const PATIENCE: Duration = Duration::from_secs(10);

/// `EMFILE`: the process has no descriptor left.
const TOO_MANY_FILES: i32 = 24;

/// Opens a file. When descriptors have run out, some may belong to ports that are garbage: a collection finds those, and
/// their cleanups close them.
fn open(name: &Value, open: fn(&str) -> io::Result<File>) -> Result<File, Fault> {
    let name = string(name)?;
    let mut result = open(&name);
    if matches!(&result, Err(error) if error.raw_os_error() == Some(TOO_MANY_FILES)) {
        gc();
        result = open(&name);
    }
    result.map_err(|error| Fault::new(format!("cannot open {name}: {error}")))
}

/// A port that reads from, or writes to, what it shares with its cleanup. Once the port has died the cleanup closes that,
/// and so writes out what is still in the buffer.
fn new_port<T: Send + 'static>(content: T, make: fn(Arc<Mutex<Option<T>>>) -> Port) -> Outcome {
    let shared = Arc::new(Mutex::new(Some(content)));
    let port = Gc::new(make(shared.clone()));
    let close = |shared: Arc<Mutex<Option<T>>>| drop(lock(&shared).take());
    Gc::add_cleanup(&port, shared, close).map_err(|error| Fault::new(error.to_string()))?;
    Ok(Value::Port(port))
}

fn from_io(error: io::Error) -> Fault {
    Fault::new(error.to_string())
}

fn print(interp: &Interp, destination: Option<&Value>, text: &str) -> Result<(), Fault> {
    let destination = destination.unwrap_or(&interp.output);
    match port(destination)? {
        Port::Output(file) => match &mut *lock(file) {
            Some(file) => file.write_all(text.as_bytes()).map_err(from_io),
            None => Err(Fault::new("the port is closed")),
        },
        Port::Input(_) => Err(Fault::wrong("an output port", destination)),
    }
}

/// Uses an input port: the first argument, or else the console.
fn input(interp: &mut Interp, args: &[Value], take: fn(&mut Interp, &mut CharStream) -> Outcome) -> Outcome {
    let source = args.first().unwrap_or(&interp.input).clone();
    match port(&source)? {
        Port::Input(stream) => match &mut *lock(stream) {
            Some(stream) => take(interp, stream),
            None => Err(Fault::new("the port is closed")),
        },
        Port::Output(_) => Err(Fault::wrong("an input port", &source)),
    }
}

fn close(value: &Value) -> Result<(), Fault> {
    match port(value)? {
        Port::Input(stream) => drop(lock(stream).take()),
        Port::Output(file) => {
            if let Some(mut file) = lock(file).take() {
                file.flush().map_err(from_io)?;
            }
        }
    }
    Ok(())
}

/// Collects, and waits until what died has been cleaned up.
fn gc() {
    collect();
    cleanup::wait(PATIENCE);
}

fn gc_stats(interp: &mut Interp) -> Value {
    let stats = heap::stats();
    let entries = [
        ("live-objects", stats.live_objects),
        ("allocated-objects", stats.allocated_objects),
        ("freed-objects", stats.freed_objects),
        ("collected-objects", stats.collected_objects),
        ("collections", stats.collections),
    ];
    Value::list(entries.map(|(name, count)| Value::cons(Value::Symbol(interp.symbol(name)), Value::Int(count as i64))))
}

primitives! {
    interp;
    "error-object?"(a) => matches!(a, Value::Condition(_));
    "error-object-message"(a) => Value::text(condition(a)?.message.chars());
    "error-object-irritants"(a) => Value::list(condition(a)?.irritants.clone());
    "exit"[args; 0, 1] => Err::<(), Fault>(Fault::Exit(match args.first() {
        None | Some(Value::Bool(true)) => 0,
        Some(Value::Int(code)) => *code as i32,
        Some(_) => 1,
    }))?;

    "open-input-file"(name) => {
        let file = BufReader::new(open(name, |name| File::open(name))?);
        new_port(CharStream::new(&string(name)?, file), Port::Input)?
    };
    "open-output-file"(name) => {
        let file = BufWriter::new(open(name, |name| File::create(name))?);
        new_port(Box::new(file) as Box<dyn Write + Send>, Port::Output)?
    };
    "close-port"(a) => close(a)?;
    "read-char"[args; 0, 1] => input(interp, args, |_, stream| Ok(stream.next()?.map_or(Value::Eof, Value::Char)))?;
    "peek-char"[args; 0, 1] => input(interp, args, |_, stream| Ok(stream.peek()?.map_or(Value::Eof, Value::Char)))?;
    "read"[args; 0, 1] => input(interp, args, |interp, stream| {
        Ok(read(interp, stream)?.map_or(Value::Eof, |(datum, ..)| datum))
    })?;
    "display"[args; 1, 2] => print(interp, args.get(1), &displayed(&args[0]))?;
    "write"[args; 1, 2] => print(interp, args.get(1), &args[0].to_string())?;
    "newline"[args; 0, 1] => print(interp, args.first(), "\n")?;
    "eof-object"() => Value::Eof;
    "eof-object?"(a) => matches!(a, Value::Eof);
    "file-exists?"(name) => fs::exists(string(name)?).map_err(from_io)?;
    "delete-file"(name) => fs::remove_file(string(name)?).map_err(from_io)?;

    "gc"() => gc();
    "gc-stats"() => gc_stats(interp);
    "make-weak"(a) => Value::WeakBox(Gc::new(a.downgrade().ok_or_else(|| Fault::wrong("an object", a))?));
    "weak-value"(a) => (weak(a)?.0)().unwrap_or(Value::Bool(false));
    "on-death"(a, message) => if !a.print_on_death(string(message)?) { Err(Fault::wrong("an object", a))? };
}
