//! The Scheme example: its programs print what they should, and bad input ends in an error with a position.
#![cfg(not(any(miri, loom, shuttle)))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Where the examples of this build are: beside the directory of the tests.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let test = std::env::current_exe().expect("the test has a path");
        let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
        let example = profile.join("examples").join(format!("scheme{}", std::env::consts::EXE_SUFFIX));
        if !example.exists() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--example", "scheme", "--target-dir"]);
            build.arg(profile.parent().expect("target/<profile>"));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().expect("cargo runs").success(), "the example does not build");
        }
        example
    })
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scheme/programs")
}

/// A directory for the files of one test.
fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    directory
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

#[track_caller]
fn assert_prints(output: &Output, expected: &str) {
    assert_eq!(text(&output.stdout), expected, "standard error: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[track_caller]
fn check(name: &str) {
    let program = programs().join(name).with_extension("scm");
    let output = Command::new(example()).arg(&program).output().expect("the example runs");
    let expected = std::fs::read_to_string(program.with_extension("out")).expect("an expectation");
    assert_prints(&output, &expected);
}

macro_rules! programs {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        /// No program is left out, here or of the directory.
        #[test]
        fn every_program_is_run() {
            let mut known = vec!["files", $(stringify!($name)),*];
            known.sort_unstable();
            let files = std::fs::read_dir(programs()).expect("the programs are there");
            let paths = files.map(|file| file.expect("a file").path());
            let scheme = paths.filter(|path| path.extension().is_some_and(|end| end == "scm"));
            let mut found: Vec<String> = scheme
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            found.sort_unstable();
            assert_eq!(found, known);
        }
    };
}

programs!(callcc, cycles, deriv, evenodd, metacircular, primes, queens, records, streams, strings, tables, tak, weak);

/// Ten thousand files, none of them closed, and 256 descriptors.
#[test]
#[cfg(unix)]
fn files() {
    let program = programs().join("files.scm");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" \"$1\""])
        .args([example(), &program])
        .current_dir(scratch("scheme-files"))
        .output()
        .expect("the shell runs");
    let expected = std::fs::read_to_string(program.with_extension("out")).expect("an expectation");
    assert_prints(&output, &expected);
}

/// Runs a program that is expected to fail and checks the place, and a part of the message.
#[track_caller]
fn fails(name: &str, source: impl AsRef<[u8]>, place: &str, message: &str) {
    let directory = scratch("scheme-errors");
    let file = format!("{name}.scm");
    std::fs::write(directory.join(&file), source).expect("the program can be written");
    let output = Command::new(example()).arg(&file).current_dir(&directory).output();
    let output = output.expect("the example runs");
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("{file}:{place}: ")), "expected {place}, got: {error}");
    assert!(error.contains(message), "expected {message}, got: {error}");
    assert_eq!(error.lines().count(), 1, "one line: {error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn unbalanced_parentheses() {
    fails("open", "(display 1)\n  (car (list 1 2)\n", "2:3", "never closed");
    fails("close", "(display 1)\n(car '(1)))\n", "2:11", "unexpected )");
    fails("string", "(display\n \"abc", "2:2", "never closed");
    fails("quote", "'", "1:1", "never closed");
}

#[test]
fn unknown_names() {
    fails("unknown", "(define (f)\n  (g 1))\n(f)\n", "2:3", "unbound variable g");
    fails("unknown-value", "(display\n  (list 1 nothing))", "2:3", "unbound variable nothing");
    fails("set-unknown", "\n(set! nothing 1)", "2:1", "unbound variable nothing");
    fails("early", "(define (f) (g)\n (define (g) 1) 2)\n(f)", "1:13", "before its definition");
}

#[test]
fn wrong_types() {
    fails("car", "(display\n  (car 5))", "2:3", "car: expected a pair, got 5");
    fails("add", "(+ 1 \"a\")", "1:1", "+: expected a number");
    fails("string-append", "(string-append \"a\" 'b)", "1:1", "expected a string, got b");
    fails("not-a-procedure", "(define x 5)\n(x 1)", "2:1", "expected a procedure, got 5");
    fails("inside-map", "(define l '(1 2))\n\n(map car l)", "3:1", "car: expected a pair, got 1");
    fails("map", "(map car 5)", "1:1", "expected a pair, got 5");
    let record = "(define-record-type p (make x) p? (x p-x))\n(+ 1 (p-x 5))";
    fails("record", record, "2:6", "expected a record of type p, got 5");
}

#[test]
fn wrong_argument_counts() {
    fails("many", "(define (f x) x)\n(f 1 2)", "2:1", "f: expected 1 arguments, got 2");
    fails("few", "(define (f x . rest) x)\n(+ 1 (f))", "2:6", "at least 1");
    fails("primitive", "(car)", "1:1", "car: expected 1 arguments, got 0");
}

#[test]
fn malformed_forms() {
    fails("if", "\n (if)", "2:2", "malformed if");
    fails("let", "(let ((x)) x)", "1:1", "malformed let");
    fails("parameter", "(lambda (1) 2)", "1:1", "not the name of a variable");
    fails("cond", "(cond 5)", "1:1", "malformed cond");
    fails("define-inside", "(let ((x 1)) (when x (define y 2)) y)", "1:22", "cannot be defined here");
    fails("empty", "(car ())", "1:1", "empty combination");
}

#[test]
fn values_out_of_range() {
    fails("division", "(define (f x)\n  (quotient x 0))\n(f 1)", "2:3", "division by zero");
    fails("slash", "(/ 5 0)", "1:1", "division by zero");
    fails("vector", "(vector-ref (vector 1 2) 2)", "1:1", "out of range");
    fails("negative", "(vector-set! (vector 1 2) -1 0)", "1:1", "out of range");
    fails("string-ref", "(string-ref \"abc\" 3)", "1:1", "out of range");
    fails("list-tail", "(list-tail '(1 2) 3)", "1:1", "expected a pair");
    fails("length", "(let ((l (list 1)))\n (set-cdr! l l)\n (length l))", "3:2", "expected a list");
}

#[test]
fn errors_of_the_program() {
    let source = "(define (check x)\n  (if (< x 0)\n      (error \"negative:\" x 'is \"bad\")))\n(check -1)";
    fails("error", source, "3:7", "negative: -1 is \"bad\"");
    fails("raise", "(raise (list 1 2))", "1:1", "uncaught (1 2)");
    let unhandled = "(guard (e ((string? e) e))\n  (+ 1 (car 5)))";
    fails("guard", unhandled, "2:8", "car: expected a pair, got 5");
}

#[test]
fn files_that_cannot_be_read() {
    fails("no-file", "\n\n(open-input-file \"nothing here\")", "3:1", "cannot open nothing here");
    fails("utf8", b"(display 1)\n(display \"\xff\xfe\")\n", "2:1", "valid UTF-8");
    let output = Command::new(example()).arg("nothing.scm").output().expect("the example runs");
    assert!(text(&output.stderr).starts_with("nothing.scm:1:1: "), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn deep_data_and_deep_recursion() {
    let runaway = "(define (f n)\n  (+ 1 (f n)))\n(f 1)";
    fails("recursion", runaway, "2:8", "recursion deeper than");
    let deep = 50_000;
    fails("deep", "(".repeat(deep) + &")".repeat(deep), "1:10001", "nested too deeply");
    let sums = "(+ 1 ".repeat(deep / 10) + &")".repeat(deep / 10);
    fails("deep-code", sums, "1:4996", "nested too deeply");
    let source = "(define (deep n x) (if (= n 0) x (deep (- n 1) (list x))))
        (define a (deep 200000 'x))
        (write (equal? a (deep 200000 'x)))
        (call-with-output-file \"deep-data.txt\" (lambda (port) (write a port)))
        (write (string-length (call-with-input-file \"deep-data.txt\" read-line)))
        (define c (list 1 2))
        (set-cdr! (cdr c) c)
        (set-car! c c)
        (write c)
        (write (equal? c c))";
    let file = scratch("scheme-errors").join("deep-data.scm");
    std::fs::write(&file, source).expect("the program can be written");
    let output = Command::new(example()).arg(&file).current_dir(scratch("scheme-errors")).output();
    assert_prints(&output.expect("the example runs"), "#t400001(... 2 . ...)#t");
}

#[test]
fn exit_codes_and_what_lost_ports_still_hold() {
    let directory = scratch("scheme-exit");
    let source = "(define p (open-output-file \"out.txt\"))\n(write 'buffered p)\n(exit 3)";
    std::fs::write(directory.join("exit.scm"), source).expect("the program can be written");
    let output = Command::new(example()).arg("exit.scm").current_dir(&directory).output();
    assert_eq!(output.expect("the example runs").status.code(), Some(3));
    let written = std::fs::read_to_string(directory.join("out.txt"));
    assert_eq!(written.expect("the file is there"), "buffered");
}

#[test]
fn prompt() {
    let mut child = Command::new(example())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let input = "(define (twice x)\n  (* 2 x))\n(twice 21)\n(car 5)\n\"still here\"\n(exit 7)\n";
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("the prompt reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the example ends");
    assert_eq!(text(&output.stdout), "42\n\"still here\"\n");
    assert!(text(&output.stderr).starts_with("prompt:1:1: car: "), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(7));
}
