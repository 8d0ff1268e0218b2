//! The command line of the trainer. Logs and progress go to stderr, results to stdout.
#![recursion_limit = "256"]
#![warn(clippy::too_many_arguments)]

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trainer::data::data_dir;

/// Keeps the memory of tensors that a step made for those of the next.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Meta-train a learner, measure it, export it as one file.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Cli {
    /// Folder of data sets [default: $GPICL_DATA, else gpicl in the user's cache]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Meta-train a learner into a run's folder; Ctrl-C writes a checkpoint. `mpirun -n N trainer train …` shares one run
    /// among N processes, in a build with the feature `mpi`
    Train(cli::train::Arguments),
    /// Measure learners on data sets they were not trained on
    Eval(cli::eval::Arguments),
    /// Show a learner rows or pictures of your own and let it answer others, with no gradient step
    Predict(cli::predict::Arguments),
    /// Write a learner as one safetensors or ONNX file (not a research learner, which lives in the trainer alone)
    Export(cli::export::Arguments),
    /// Print what a model file holds
    Inspect(cli::inspect::Arguments),
    /// Run one of the paper's experiments as a grid of small runs; Ctrl-C stops it at checkpoints, the same command goes on
    Experiment(cli::experiment::Arguments),
    /// Figures, tables and findings of experiments as one HTML file, with SVG, CSV and all results beside it
    Report(cli::report::Arguments),
    /// Check a GPU: does it compute what the CPU computes, how fast, and does it train; one report to share
    Gpu(cli::gpu::Arguments),
    /// Data sets: what there is, download, check
    Data {
        #[command(subcommand)]
        command: cli::data::Arguments,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = data_dir(cli.data_dir.as_deref()).map_err(Into::into).and_then(|dir| match &cli.command {
        Command::Train(arguments) => cli::train::run(arguments, &dir),
        Command::Eval(arguments) => cli::eval::run(arguments, &dir),
        Command::Predict(arguments) => cli::predict::run(arguments),
        Command::Export(arguments) => cli::export::run(arguments),
        Command::Inspect(arguments) => cli::inspect::run(arguments),
        Command::Experiment(arguments) => cli::experiment::run(arguments, &dir),
        Command::Report(arguments) => cli::report::run(arguments),
        Command::Gpu(arguments) => cli::gpu::run(arguments, &dir),
        Command::Data { command } => cli::data::run(command, &dir),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::output::note(format!("error: {error}"));
            // EX_TEMPFAIL of sysexits.h: a scheduler may try again
            if error.is::<cli::cells::Busy>() { ExitCode::from(75) } else { ExitCode::FAILURE }
        }
    }
}
