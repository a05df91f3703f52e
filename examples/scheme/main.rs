//! A small Scheme, every value and every environment of which lives in the traced heap.
//!
//! ```text
//! cargo run --release --example scheme -- examples/scheme/programs/queens.scm
//! cargo run --release --example scheme
//! ```
//!
//! The first runs a file, the second is a prompt. Names and behaviour are those of R7RS-small where they exist, and of
//! SRFI 69 for hash tables. Beyond it the program sees the collector: `(gc)`, `(gc-stats)`, `(make-weak object)`,
//! `(weak-value weak)` and `(on-death object message)`, which prints the message some time after the object has died.
//!
//! Closures and the frames they close over refer to each other in cycles, lists close on themselves, hash tables hold
//! whatever they are given: nothing here tells the collector about it but `#[derive(Trace)]`.

mod data;
mod eval;
mod interp;
mod numbers;
mod printer;
mod reader;
mod system;
mod value;

use std::io::Cursor;
use std::time::Duration;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tracegc::{cleanup, collect};

use crate::interp::{Interp, Outcome};
use crate::reader::CharStream;
use crate::value::{Fault, Value};

/// Calls that are not in tail position nest on the stack, up to a fixed depth.
const STACK_SIZE: usize = 1 << 30;

fn main() {
    let run = || match std::env::args().nth(1) {
        Some(file) => report(Interp::new().run_file(&file)).unwrap_or(0),
        None => prompt(),
    };
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(run);
    let code = thread.expect("cannot start a thread").join().unwrap_or(70);
    // The interpreter is gone, and with it all references: the cleanups write out what its files still buffer.
    collect();
    cleanup::wait(Duration::from_secs(10));
    std::process::exit(code);
}

/// Says what went wrong; the exit code.
fn report(outcome: Outcome) -> Option<i32> {
    match outcome {
        Ok(_) => None,
        Err(Fault::Exit(code)) => Some(code),
        Err(fault) => {
            eprintln!("{fault}");
            Some(1)
        }
    }
}

/// Reads, evaluates and prints until the end of the input.
fn prompt() -> i32 {
    let mut interp = Interp::new();
    let Ok(mut editor) = DefaultEditor::new() else {
        return 1;
    };
    let mut text = String::new();
    loop {
        match editor.readline(if text.is_empty() { "> " } else { "  " }) {
            Ok(line) => text = text + &line + "\n",
            Err(ReadlineError::Interrupted) => text.clear(),
            Err(_) => return 0,
        }
        match interp.run(&mut CharStream::new("prompt", Cursor::new(text.clone()))) {
            Err(Fault::Incomplete(_)) => continue,
            Err(Fault::Exit(code)) => return code,
            Ok(Value::Unspecified) => {}
            Ok(value) => println!("{value}"),
            failed => drop(report(failed)),
        }
        let _ = editor.add_history_entry(text.trim_end());
        text.clear();
    }
}
