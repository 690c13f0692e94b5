//! Random inputs to what reads other people's: `cargo run --release --example fuzz -- TARGET (--runs N | --seconds S)`.
//!
//! The targets are header, template, tokenizer, reply, request, journal and download, or all of them, one after the other. Inputs are seeds
//! (those in ../shared/cases where that stands beside the checkout, and a few from here) with random changes, by numbers from
//! a fixed generator. A panic or a broken rule ends the run, and tells which input it was.

#[path = "../tests/common/store/mod.rs"]
mod fake;
mod store;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Marsaglia's xorshift64 (2003).
pub struct Random(u64);

impl Random {
    /// A number below `n`; 0 below 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// One of several.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    /// Of some of `pieces`, up to `most`, one after the other.
    pub fn joined(&mut self, pieces: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| *self.pick(pieces)).collect()
    }
}

/// The files below a folder of ../shared whose names end so.
pub fn shared(folder: &str, end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    files
}

/// How long to go on.
enum Limit {
    Runs(u64),
    Time(Duration),
}

fn arguments() -> Option<(String, Limit)> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next()?;
    let limit = match (arguments.next()?.as_str(), arguments.next()?.parse().ok()?) {
        ("--runs", n) => Limit::Runs(n),
        ("--seconds", n) => Limit::Time(Duration::from_secs(n)),
        _ => return None,
    };
    Some((target, limit))
}

fn main() -> ExitCode {
    let Some((name, limit)) = arguments() else {
        eprintln!("fuzz TARGET (--runs N | --seconds S)");
        return ExitCode::from(2);
    };
    let wanted: Vec<_> = targets::ALL.iter().filter(|target| name == "all" || name == target.0).collect();
    if wanted.is_empty() {
        let known: Vec<_> = targets::ALL.iter().map(|(target, _)| *target).collect();
        eprintln!("fuzz: no target {name:?}, but all and {}", known.join(", "));
        return ExitCode::from(2);
    }
    // a stack as small as wasm's
    let run = move || {
        for (name, make) in wanted {
            run(name, make(), &limit);
        }
    };
    match std::thread::Builder::new().stack_size(1 << 20).spawn(run).map(std::thread::JoinHandle::join) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs a target as often, or as long, as it should.
fn run(name: &str, mut target: targets::Target, limit: &Limit) {
    let start = Instant::now();
    let (mut runs, mut slowest) = (0u64, Duration::ZERO);
    while match limit {
        Limit::Runs(n) => runs < *n,
        Limit::Time(time) => start.elapsed() < *time,
    } {
        runs += 1;
        let began = Instant::now();
        target(&mut Random(runs.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        slowest = slowest.max(began.elapsed());
    }
    println!("{name}: {runs} runs in {:?}, the slowest {slowest:?}", start.elapsed());
}
