//! Clocks, rounds, child processes and tables.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode, Stdio, exit},
    time::{Duration, Instant},
};

use crate::workloads::{self, Contender, Workload};

/// A contender that needed longer than this for one round is not asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// How large the workloads are.
#[derive(Clone, Copy)]
pub struct Opts {
    /// 1.0 for real figures; the smoke test runs with much less.
    pub scale: f64,
}

impl Opts {
    pub fn n(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(1)
    }
}

/// What one run of one contender took.
#[derive(Clone, Default)]
pub struct Sample {
    pub ops: f64,
    pub wall_ns: f64,
    /// Of the whole process, background collectors included.
    pub cpu_ns: f64,
    /// Of the threads that do the work which is counted.
    pub own_ns: f64,
    /// Further figures, as they are to be printed.
    pub extra: Vec<(&'static str, f64)>,
}

impl Sample {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.extra.push((name, value));
        self
    }

    pub fn wall(&self) -> f64 {
        self.wall_ns / self.ops
    }

    pub fn cpu(&self) -> f64 {
        self.cpu_ns / self.ops
    }
}

fn clock(id: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes.
    let result = unsafe { libc::clock_gettime(id, &mut time) };
    assert_eq!(result, 0, "clock_gettime");
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// CPU time of this process so far.
pub fn process_cpu() -> f64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of this thread so far.
pub fn thread_cpu() -> f64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Times `ops` operations on this thread.
pub fn measure<R>(ops: usize, work: impl FnOnce() -> R) -> (Sample, R) {
    let (cpu, own, wall) = (process_cpu(), thread_cpu(), Instant::now());
    let result = work();
    let wall_ns = wall.elapsed().as_nanos() as f64;
    let (own_ns, cpu_ns) = (thread_cpu() - own, process_cpu() - cpu);
    (Sample { ops: ops as f64, wall_ns, cpu_ns, own_ns, extra: Vec::new() }, result)
}

/// Bytes resident now.
pub fn rss() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    // SAFETY: no preconditions.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

struct Args {
    filter: Option<String>,
    contenders: Option<Vec<String>>,
    rounds: Option<usize>,
    big: bool,
    scale: f64,
    list: bool,
    /// Set in a child: the workload that it runs.
    workload: Option<String>,
    /// Set in a child of a child: the one contender that it runs once.
    only: Option<String>,
}

const USAGE: &str = "\
usage: compare [workload-filter] [--contenders a,b] [--rounds N] [--big] [--scale F] [--list]

  workload-filter  run the workloads whose name contains this
  --contenders     run the contenders with these names (see --list); a prefix will do
  --rounds         rounds of each workload instead of its own number
  --big            run the workloads of 1e7 traced nodes too
  --scale          multiply all sizes (for trying things out, not for figures)
  --list           list workloads and contenders";

fn parse() -> Args {
    let mut args = Args {
        filter: None,
        contenders: None,
        rounds: None,
        big: false,
        scale: 1.0,
        list: false,
        workload: None,
        only: None,
    };
    let mut rest = env::args().skip(1);
    while let Some(arg) = rest.next() {
        let mut value = || {
            rest.next().unwrap_or_else(|| {
                eprintln!("{arg} needs a value\n\n{USAGE}");
                exit(2)
            })
        };
        match arg.as_str() {
            "--contenders" => args.contenders = Some(value().split(',').map(str::to_owned).collect()),
            "--rounds" => args.rounds = Some(value().parse().expect("a number of rounds")),
            "--scale" => args.scale = value().parse().expect("a factor"),
            "--big" => args.big = true,
            "--list" => args.list = true,
            "--workload" => args.workload = Some(value()),
            "--child" => {
                args.workload = Some(value());
                args.only = Some(rest.next().expect("a contender"));
            }
            "--help" | "-h" => {
                println!("{USAGE}");
                exit(0)
            }
            // What `cargo bench` and `cargo test` add.
            "--bench" | "--test" => {}
            other if other.starts_with('-') => {
                eprintln!("unknown option {other}\n\n{USAGE}");
                exit(2)
            }
            other => args.filter = Some(other.to_owned()),
        }
    }
    args
}

impl Args {
    fn wants(&self, contender: &Contender) -> bool {
        match &self.contenders {
            Some(wanted) => wanted.iter().any(|w| contender.name.to_lowercase().starts_with(&w.to_lowercase())),
            None => true,
        }
    }

    /// This program again, with the stack that recursive tracers and drops need.
    fn again(&self) -> Command {
        let mut command = Command::new(env::current_exe().expect("the path of this program"));
        command.args(["--scale", &self.scale.to_string()]);
        if let Some(contenders) = &self.contenders {
            command.args(["--contenders", &contenders.join(",")]);
        }
        if let Some(rounds) = self.rounds {
            command.args(["--rounds", &rounds.to_string()]);
        }
        // SAFETY: between fork and exec only `getrlimit` and `setrlimit` are called.
        unsafe {
            command.pre_exec(|| {
                let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                if libc::getrlimit(libc::RLIMIT_STACK, &mut limit) == 0 {
                    limit.rlim_cur = limit.rlim_max.min(4 << 30);
                    libc::setrlimit(libc::RLIMIT_STACK, &limit);
                }
                Ok(())
            })
        };
        command
    }
}

/// Runs what the command line asks for.
pub fn main(allocator: &str) -> ExitCode {
    let args = parse();
    let opts = Opts { scale: args.scale };
    let workloads = workloads::all();
    if args.list {
        for workload in &workloads {
            let names: Vec<_> = workload.contenders.iter().map(|c| c.name).collect();
            println!("{}: {}\n    {}", workload.name, workload.about, names.join(", "));
        }
        return ExitCode::SUCCESS;
    }
    if let Some(name) = &args.workload {
        let workload = workloads.iter().find(|w| w.name == name).expect("a workload");
        match &args.only {
            Some(only) => run_once(workload, only, &opts),
            None => run_rounds(workload, &args, &opts),
        }
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<_> = workloads
        .iter()
        .filter(|w| (args.big || !w.big) && args.filter.as_ref().is_none_or(|f| w.name.contains(f.as_str())))
        .collect();
    if chosen.is_empty() {
        eprintln!("no such workload; --list names them (some need --big)");
        return ExitCode::FAILURE;
    }
    println!("Allocator: {allocator}. All figures are medians; times in ns per operation.\n");
    let mut failed = false;
    for workload in chosen {
        // A process for each: what one workload does to a heap, or to the threshold of a collector, is not the next one's.
        let status = args.again().args(["--workload", workload.name]).status().expect("a child process");
        if !status.success() {
            println!("\n{} ended with {status}\n", workload.name);
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// In the child of a child: one contender, once; the sample goes to standard output.
fn run_once(workload: &Workload, only: &str, opts: &Opts) {
    let contender = workload.contenders.iter().find(|c| c.name == only).expect("a contender");
    let sample = (contender.run)(opts);
    print!("{} {} {} {}", sample.ops, sample.wall_ns, sample.cpu_ns, sample.own_ns);
    for (name, value) in &sample.extra {
        print!(" {}={value}", name.replace(' ', "_"));
    }
    println!();
}

/// Runs one contender in a process of its own, for the memory of the process to be its.
#[allow(clippy::zombie_processes, reason = "waited for by `wait4`")]
fn run_isolated(workload: &Workload, contender: &Contender, args: &Args) -> Option<Sample> {
    let mut child = args
        .again()
        .args(["--child", workload.name, contender.name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("the figures of the child");
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `child` has not been waited for, and both pointers are valid for writes.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if waited < 0 || status != 0 {
        return None;
    }
    let mut words = out.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
    let mut sample =
        Sample { ops: number()?, wall_ns: number()?, cpu_ns: number()?, own_ns: number()?, extra: Vec::new() };
    for word in words {
        let (name, value) = word.split_once('=')?;
        sample.extra.push((name.replace('_', " ").leak(), value.parse().ok()?));
    }
    // Kilobytes on Linux, bytes on macOS.
    let unit = if cfg!(target_os = "linux") { 1024.0 } else { 1.0 };
    Some(sample.with("peak RSS MiB", usage.ru_maxrss as f64 * unit / (1 << 20) as f64))
}

fn run_rounds(workload: &Workload, args: &Args, opts: &Opts) {
    let contenders: Vec<_> = workload.contenders.iter().filter(|c| args.wants(c)).collect();
    if contenders.is_empty() {
        return;
    }
    let rounds = args.rounds.unwrap_or(workload.rounds);
    let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
    let mut gone = vec![false; contenders.len()];
    for _ in 0..rounds {
        for (i, contender) in contenders.iter().enumerate() {
            if gone[i] {
                continue;
            }
            let start = Instant::now();
            if workload.isolated {
                match run_isolated(workload, contender, args) {
                    Some(sample) => samples[i].push(sample),
                    None => gone[i] = true,
                }
            } else {
                samples[i].push((contender.run)(opts));
            }
            gone[i] |= start.elapsed() > PATIENCE;
        }
    }
    print!("{}", table(workload, &contenders, &samples));
    std::io::stdout().flush().expect("standard output");
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_owned(),
        a if a >= 100.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn table(workload: &Workload, contenders: &[&Contender], samples: &[Vec<Sample>]) -> String {
    let arc = contenders.iter().position(|c| c.name == "Arc").map(|i| &samples[i]);
    let arc_wall = arc.map_or(f64::NAN, |s| median(s.iter().map(Sample::wall)));
    let arc_cpu = arc.map_or(f64::NAN, |s| median(s.iter().map(Sample::cpu)));
    let mut extras: Vec<&str> = Vec::new();
    for (name, _) in samples.iter().flatten().flat_map(|s| &s.extra) {
        if !extras.contains(name) {
            extras.push(name);
        }
    }

    let mut head = vec!["contender", "wall", "CPU", "other threads", "fastest..slowest", "x Arc wall", "x Arc CPU"];
    head.extend(&extras);
    let mut rows = vec![head.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()];
    for (contender, samples) in contenders.iter().zip(samples) {
        if samples.is_empty() {
            let mut row = vec![contender.name.to_owned(), "failed".to_owned()];
            row.resize(head.len(), String::new());
            rows.push(row);
            continue;
        }
        let wall = median(samples.iter().map(Sample::wall));
        let cpu = median(samples.iter().map(Sample::cpu));
        let other = median(samples.iter().map(|s| (1.0 - s.own_ns / s.cpu_ns).max(0.0) * 100.0));
        let fastest = samples.iter().map(Sample::wall).fold(f64::INFINITY, f64::min);
        let slowest = samples.iter().map(Sample::wall).fold(0.0, f64::max);
        let mut row = vec![
            contender.name.to_owned(),
            number(wall),
            number(cpu),
            format!("{other:.0} %"),
            format!("{}..{}", number(fastest), number(slowest)),
            number(wall / arc_wall),
            number(cpu / arc_cpu),
        ];
        for extra in &extras {
            let found = |s: &Sample| s.extra.iter().find(|(name, _)| name == extra).map(|(_, value)| *value);
            row.push(number(median(samples.iter().filter_map(found))));
        }
        rows.push(row);
    }

    let widths: Vec<usize> =
        (0..head.len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0)).collect();
    let mut out = format!(
        "### {}\n\n{} ({} rounds)\n\n",
        workload.name,
        workload.about,
        samples.iter().map(Vec::len).max().unwrap_or(0)
    );
    for (i, row) in rows.iter().enumerate() {
        for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
            out += &if c == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        out += "|\n";
        if i == 0 {
            for (c, width) in widths.iter().enumerate() {
                out += &if c == 0 {
                    format!("|{}", "-".repeat(width + 2))
                } else {
                    format!("|{}:", "-".repeat(width + 1))
                };
            }
            out += "|\n";
        }
    }
    out + "\n"
}
