//! A small Scheme, every value and every environment of which lives in the traced heap.
//!
//! ```text
//! cargo run --release --example scheme -- examples/scheme/programs/queens.scm
//! cargo run --release --example scheme
//! ```
//!
//! The first runs a file, the second is a prompt. Names and behaviour are those of R7RS-small where they exist. Beyond it
//! the program sees the collector: `(gc)`, `(gc-stats)`, `(make-weak object)`, `(weak-value weak)` and
//! `(on-death object message)`, which prints the message some time after the object has died.
//!
//! Closures and the frames they close over refer to each other in cycles, continuations hold frames, hash tables hold
//! whatever they are given: nothing here tells the collector about it but `#[derive(Trace)]`.

mod compiler;
mod data;
mod interp;
mod machine;
mod numbers;
mod printer;
mod reader;
mod system;
mod value;

use std::io::{Cursor, Write};
use std::time::Duration;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tracegc::{cleanup, collect};

use crate::interp::Interp;
use crate::reader::CharStream;
use crate::value::{Fault, FaultKind, Value};

/// For the compiler, the only part that recurses over its input, and only to a fixed depth.
const STACK_SIZE: usize = 256 << 20;

fn main() {
    let run = || match std::env::args().nth(1) {
        Some(file) => run_file(&file),
        None => prompt(),
    };
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(run);
    let code = thread.expect("cannot start a thread").join().unwrap_or(70);
    // The interpreter is gone, and with it all references: the cleanups write out what its files still buffer.
    collect();
    cleanup::wait(Duration::from_secs(10));
    std::process::exit(code);
}

fn run_file(file: &str) -> i32 {
    let mut interp = Interp::new().unwrap_or_else(|fault| panic!("{}", fault.message()));
    match interp.run_file(file) {
        Ok(_) => 0,
        Err(fault) => report(&fault),
    }
}

/// Says what went wrong; the exit code.
fn report(fault: &Fault) -> i32 {
    if let FaultKind::Exit(code) = fault.kind {
        return code;
    }
    let _ = std::io::stdout().flush();
    match &fault.place {
        Some(place) => eprintln!("{place}: {}", fault.message()),
        None => eprintln!("{}", fault.message()),
    }
    1
}

/// Reads, evaluates and prints until the end of the input.
fn prompt() -> i32 {
    let mut interp = Interp::new().unwrap_or_else(|fault| panic!("{}", fault.message()));
    let Ok(mut editor) = DefaultEditor::new() else {
        return 1;
    };
    let mut text = String::new();
    loop {
        let line = match editor.readline(if text.is_empty() { "> " } else { "  " }) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                text.clear();
                continue;
            }
            Err(_) => return 0,
        };
        text += &line;
        text.push('\n');
        match interp.run(&mut CharStream::new("prompt", Cursor::new(text.clone()))) {
            Err(fault) if fault.kind == FaultKind::Incomplete => continue,
            Err(fault) => {
                if let (FaultKind::Exit(code), _) = (fault.kind, report(&fault)) {
                    return code;
                }
            }
            Ok(Value::Unspecified) => {}
            Ok(value) => println!("{value}"),
        }
        let _ = editor.add_history_entry(text.trim_end());
        text.clear();
    }
}
