//! The native command: the same engine as in the browser, for tests, measurements and a look at models.
//! With `--json` every subcommand prints one JSON document on stdout; messages go to stderr. Exit code 0:
//! done, 1: failed, 2: wrong usage.

mod bench;
mod host;
mod inspect;
mod kept;
mod plan;
mod run;
mod source;
mod synth;
mod text;
mod time;

use clap::{Args, Parser, Subcommand};
use minke::gpu::GpuOptions;
use minke::kv_type::KvTypes;
use minke::model::ModelOptions;
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{ExitCode, exit};

/// DeepSeek's distilled reasoning models on WebGPU
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: Shared,
}

/// What every subcommand takes.
#[derive(Args)]
struct Shared {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Use the adapter whose name contains this
    #[arg(long, global = true, value_name = "NAME")]
    adapter: Option<String>,
    /// Keep keys and values in f32 where --kv does not say otherwise
    #[arg(long, global = true)]
    no_f16: bool,
    /// Do not use subgroups
    #[arg(long, global = true)]
    no_subgroups: bool,
    /// Keep to WebGPU's default limits
    #[arg(long, global = true)]
    default_limits: bool,
    /// Type of the KV cache: f32, f16 or q8_0, or one for keys and one for values, such as f32,f16 (default: f16 where
    /// that is exact, which it is not for keys with biases)
    #[arg(long, global = true, value_name = "TYPE[,TYPE]")]
    kv: Option<KvTypes>,
    /// Positions of the KV cache (default: the model's own)
    #[arg(long, global = true, value_name = "N")]
    ctx: Option<usize>,
    #[command(flatten)]
    downloads: Downloads,
}

/// How models come from servers, and where they are kept.
#[derive(Args)]
#[command(next_help_heading = "Downloads")]
struct Downloads {
    /// Folder that keeps downloaded models (default: minke in the user's folder for caches)
    #[arg(long, global = true, value_name = "FOLDER", env = "MINKE_CACHE")]
    cache: Option<PathBuf>,
    /// Do not keep what is downloaded
    #[arg(long, global = true)]
    no_keep: bool,
    /// Fetch from this address in place of the model's own host
    #[arg(long, global = true, value_name = "URL", env = "MINKE_MIRROR")]
    mirror: Option<String>,
    /// A header for the model's own host, such as `Authorization: Bearer TOKEN`; may be given several times, is not kept
    #[arg(long, global = true, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Show no progress bar
    #[arg(long, global = true)]
    quiet: bool,
}

impl Shared {
    fn gpu(&self) -> GpuOptions {
        GpuOptions {
            adapter: self.adapter.clone(),
            no_subgroups: self.no_subgroups,
            default_limits: self.default_limits,
            ..GpuOptions::default()
        }
    }

    fn model(&self) -> ModelOptions {
        ModelOptions { n_ctx: self.ctx, kv: self.kv, no_f16: self.no_f16, tuning: None }
    }

    /// Prints `value` as JSON, or what `words` makes of it.
    fn print(&self, value: &serde_json::Value, words: impl FnOnce() -> String) {
        if self.json {
            print(format_args!("{value}\n"));
        } else {
            print(format_args!("{}\n", words()));
        }
    }
}

/// Writes to stdout. Who has closed it has read enough: then the command is done.
fn print(text: Arguments) {
    let mut stdout = std::io::stdout();
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("minke: stdout: {error}");
            exit(1)
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Whether a model fits this device
    Plan(plan::Plan),
    /// Download a model into the store
    Pull(kept::Pull),
    /// The models in the store
    Models(kept::Models),
    /// Delete a model from the store
    Rm(kept::Rm),
    /// Configuration, tensors, tokenizer and memory plan of a model file or URL
    Inspect(inspect::Inspect),
    /// Strings (a JSON array on stdin) to token ids, or back
    Tokenize(text::Tokenize),
    /// The prompt that the model's chat template makes of messages
    Render(text::Render),
    /// Logits after given tokens
    Logits(run::Logits),
    /// Generate text
    Run(run::Run),
    /// Measure prefill and decode
    Bench(bench::Bench),
    /// Write a model of real size with random weights
    Synth(synth::Synth),
}

fn main() -> ExitCode {
    let cli = Cli::parse(); // wrong usage ends here with exit code 2
    let done = pollster::block_on(async {
        match cli.command {
            Command::Plan(command) => command.run(&cli.shared).await,
            Command::Pull(command) => command.run(&cli.shared).await,
            Command::Models(command) => command.run(&cli.shared).await,
            Command::Rm(command) => command.run(&cli.shared).await,
            Command::Inspect(command) => command.run(&cli.shared).await,
            Command::Tokenize(command) => command.run(&cli.shared).await,
            Command::Render(command) => command.run(&cli.shared).await,
            Command::Logits(command) => command.run(&cli.shared).await,
            Command::Run(command) => command.run(&cli.shared).await,
            Command::Bench(command) => command.run(&cli.shared).await,
            Command::Synth(command) => command.run(&cli.shared),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("minke: {error}");
            ExitCode::from(if matches!(error, minke::Error::InvalidRequest { .. }) { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn help_tells_what_every_flag_does() {
        let cli = super::Cli::command();
        let flags = cli.get_subcommands().flat_map(|command| command.get_opts());
        let silent: Vec<_> =
            flags.filter(|flag| flag.get_help().is_none()).map(|flag| flag.get_id()).collect();
        assert!(silent.is_empty(), "{silent:?}");
    }
}
