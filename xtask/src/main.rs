//! The project's commands. `cargo xtask --help` lists them.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use xtask::options::Options;
use xtask::setup::{self, Need};
use xtask::workspace::Workspace;
use xtask::{bench, demo, fuzz, gpu, kills, mpi, package, page, profile, site, soak, test};

const HELP: &str = "\
The project's commands.

    cargo xtask demo     build the page and serve it, then meta-train a learner and add it to the page
    cargo xtask test     check formatting and lints, and run every test, also in real browsers
    cargo xtask setup    install the tools that the other commands need, and nothing else
    cargo xtask bench    time a training step; --page: the page against onnxruntime-web; --training-page: its training steps
    cargo xtask fuzz     feed spoiled inputs to every parser, for as long as you like
    cargo xtask kills    kill commands of the trainer at random moments, and see that nothing is lost
    cargo xtask soak     stay on the page for hours, and open spoiled model files by the thousand
    cargo xtask gpu      check a GPU: does it compute what the CPU computes, how fast; or pack a folder that does so elsewhere
    cargo xtask mpi      build the trainer for several machines, and test it on several processes of this one
    cargo xtask page     build the page into dist/ (--out FOLDER), with the models of models/; --quick: faster, but larger
    cargo xtask package       build the npm package into pkg/
    cargo xtask publish-site  build the page for a static host into site/, and write a workflow for GitHub Pages

Each command lists what it will install before it installs it. `cargo xtask COMMAND --help` lists its options.";

fn main() -> ExitCode {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let command = if words.is_empty() { "--help".to_string() } else { words.remove(0) };
    match dispatch(&command, Options { words }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a help text. Whoever reads it may have seen enough before its end.
fn show(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Runs one command; false when it ran to its end and found faults.
fn dispatch(command: &str, mut options: Options) -> Result<bool, String> {
    let help = options.switch("--help") || options.switch("-h");
    match command {
        "--help" | "-h" | "help" => show(HELP),
        "demo" if help => show(demo::HELP),
        "test" if help => show(test::HELP),
        "package" if help => show(package::HELP),
        "publish-site" if help => show(site::HELP),
        "gpu" if help => show(gpu::HELP),
        "mpi" if help => show(mpi::HELP),
        "bench" if help => show(bench::HELP),
        "fuzz" if help => show(fuzz::HELP),
        "kills" if help => show(kills::HELP),
        "soak" if help => show(soak::HELP),
        "setup" | "page" if help => show(HELP),
        "demo" => demo::run(&Workspace::find()?, options)?,
        "test" => return test::run(&Workspace::find()?, options),
        "gpu" => gpu::run(&Workspace::find()?, options)?,
        "mpi" => mpi::run(&Workspace::find()?, options)?,
        "fuzz" => return fuzz::run(&Workspace::find()?, options),
        "kills" => return kills::run(&Workspace::find()?, options),
        "soak" => return soak::run(&Workspace::find()?, options),
        "bench" => bench::run(&Workspace::find()?, options)?,
        "page" => {
            let profile = if options.switch("--quick") { profile::QUICK } else { profile::SMALL };
            let folder = options.value("--out")?.unwrap_or_else(|| "dist".to_string());
            options.finish()?;
            let workspace = Workspace::find()?;
            let tools = setup::setup(&workspace, &[Need::Page])?;
            page::build(&workspace, &tools, &workspace.root.join(folder), profile)?;
        }
        "package" => {
            let folder = options.value("--out")?.unwrap_or_else(|| "pkg".to_string());
            options.finish()?;
            let workspace = Workspace::find()?;
            let tools = setup::setup(&workspace, &[Need::Page])?;
            package::publish(&workspace, &tools, &workspace.root.join(folder))?;
        }
        "publish-site" => site::run(&Workspace::find()?, options)?,
        "setup" => {
            options.finish()?;
            let start = Instant::now();
            let needs = [
                Need::Lints,
                Need::Page,
                Need::Browser,
                Need::Engines,
                Need::SoftwareAdapter,
                Need::Python,
                Need::Onnx,
            ];
            setup::setup(&Workspace::find()?, &needs)?;
            println!("Every tool is there ({:.1} s).", start.elapsed().as_secs_f64());
        }
        _ => return Err(format!("unknown command `{command}`\n\n{HELP}")),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commands_are_told_what_there_is() {
        let error = dispatch("dmeo", Options { words: Vec::new() }).unwrap_err();
        assert!(error.contains("dmeo") && error.contains("cargo xtask demo"), "{error}");
    }
}
