//! The native command as a shell sees it.

use crate::common;
use std::process::{Command, Output, Stdio};

/// Runs `minke` on a small model's file.
fn minke(command: &[&str], stdout: impl Into<Stdio>) -> Output {
    let model = common::vectors_dir().join("refuse/control-llama.gguf");
    let mut minke = Command::new(env!("CARGO_BIN_EXE_minke"));
    minke.args(&command[..1]).arg(model).args(&command[1..]);
    minke.stdout(stdout).stderr(Stdio::piped()).output().expect("the command")
}

/// As with `minke inspect MODEL | head -1`.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    for command in [&["inspect"][..], &["inspect", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = minke(command, writer);
        assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]), "{command:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = std::fs::File::create("/dev/full") else {
        println!("skipped: this system has no /dev/full");
        return;
    };
    let output = minke(&["inspect"], full);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && words.starts_with("minke: stdout: "), "{output:?}");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    for (command, named) in [
        (&["inspect", "--ctx", "1000000000000000000"][..], "n_ctx: 1000000000000000000"),
        (&["inspect", "--no-such-flag"], "--no-such-flag"),
    ] {
        let output = minke(command, Stdio::null());
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && words.contains(named), "{output:?}");
    }
}
