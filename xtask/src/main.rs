//! The project's commands. `cargo xtask --help` lists them.

mod bench;
mod bench_page;
mod demo;
mod package;
mod page;
mod setup;
mod site;
mod test;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use setup::Need;

const HELP: &str = "\
The project's commands.

    cargo xtask demo     meta-train a learner, put it into the page, build and serve the page
    cargo xtask test     formatting, lints, and every test, in a real browser too
    cargo xtask setup    only install the tools that the others need
    cargo xtask bench    the benchmarks; --page: the page beside onnxruntime-web
    cargo xtask page     only build the page into dist/, with the models of models/; --quick: sooner built, and larger
    cargo xtask package       the engine as an npm package, into pkg/
    cargo xtask publish-site  the page as a static host wants it, into site/, and a workflow for GitHub Pages

Each says what it installs, and why, before it does. `cargo xtask COMMAND --help` tells its options.";

/// Where things lie.
pub struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Workspace {
    fn find() -> Result<Workspace, String> {
        // Cargo tells a running program where its package lies; the compiled-in place may be another clone's.
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(package).parent().map(PathBuf::from).unwrap_or_default();
        if !root.join("Cargo.lock").is_file() {
            return Err(format!("{} is not the workspace. Run this as `cargo xtask` inside it.", root.display()));
        }
        let here = env::current_dir().map_err(|error| format!("there is no current folder: {error}"))?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| here.join(folder));
        Ok(Workspace { root, target })
    }

    /// A cargo command in the workspace.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// A program that cargo has built in release mode.
    pub fn program(&self, name: &str) -> Command {
        let mut program = Command::new(self.target.join("release").join(format!("{name}{}", env::consts::EXE_SUFFIX)));
        program.current_dir(&self.root);
        program
    }

    /// The version of a package that Cargo.lock holds.
    pub fn locked_version(&self, package: &str) -> Result<String, String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        lock.split("[[package]]")
            .filter_map(|entry| {
                let field = |name: &str| {
                    entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
                };
                (field("name")? == package).then(|| field("version").map(String::from)).flatten()
            })
            .next()
            .ok_or_else(|| format!("Cargo.lock names no {package}. Run `cargo check` once and try again."))
    }
}

/// The options of a command line, taken one after another.
pub struct Options {
    words: Vec<String>,
}

impl Options {
    /// Whether a switch such as `--gpu` was given.
    pub fn switch(&mut self, name: &str) -> bool {
        let place = self.words.iter().position(|word| word == name);
        place.map(|place| self.words.remove(place)).is_some()
    }

    /// The value of an option such as `--port 8000` or `--port=8000`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let with_equals = format!("{name}=");
        let Some(place) = self.words.iter().position(|word| word == name || word.starts_with(&with_equals)) else {
            return Ok(None);
        };
        let word = self.words.remove(place);
        if let Some(value) = word.strip_prefix(&with_equals) {
            return Ok(Some(value.to_string()));
        }
        if place < self.words.len() {
            return Ok(Some(self.words.remove(place)));
        }
        Err(format!("{name} needs a value after it"))
    }

    /// An error that names what is left.
    pub fn finish(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("unknown option `{word}`; --help lists those there are")),
        }
    }
}

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

/// Runs one command; false when it ran to its end and found faults.
fn dispatch(command: &str, mut options: Options) -> Result<bool, String> {
    let help = options.switch("--help") || options.switch("-h");
    match command {
        "--help" | "-h" | "help" => println!("{HELP}"),
        "demo" if help => println!("{}", demo::HELP),
        "test" if help => println!("{}", test::HELP),
        "package" if help => println!("{}", package::HELP),
        "publish-site" if help => println!("{}", site::HELP),
        "bench" if help => println!("{}", bench::HELP),
        "setup" | "page" if help => println!("{HELP}"),
        "demo" => demo::run(&Workspace::find()?, options)?,
        "test" => return test::run(&Workspace::find()?, options),
        "bench" => bench::run(&Workspace::find()?, options)?,
        "page" => {
            let profile = if options.switch("--quick") { page::QUICK } else { page::SMALL };
            options.finish()?;
            let workspace = Workspace::find()?;
            let tools = setup::setup(&workspace, &[Need::Page])?;
            page::build(&workspace, &tools, &workspace.root.join("dist"), profile)?;
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
            setup::setup(&Workspace::find()?, &[Need::Lints, Need::Page, Need::Browser, Need::SoftwareAdapter])?;
            println!("Every tool is there ({:.1} s).", start.elapsed().as_secs_f64());
        }
        _ => return Err(format!("unknown command `{command}`\n\n{HELP}")),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options { words: line.split_whitespace().map(String::from).collect() }
    }

    #[test]
    fn options_are_taken_in_any_order_and_leftovers_are_errors() {
        let mut some = options("--gpu --port 80 --filter=abc");
        assert_eq!(some.value("--filter").unwrap().as_deref(), Some("abc"));
        assert_eq!(some.value("--port").unwrap().as_deref(), Some("80"));
        assert!(some.switch("--gpu") && !some.switch("--gpu"));
        assert!(some.finish().is_ok());
        let error = options("--prot 80").finish().unwrap_err();
        assert!(error.contains("--prot") && error.contains("--help"), "{error}");
        assert!(options("--port").value("--port").unwrap_err().contains("needs a value"));
    }

    #[test]
    fn the_lock_file_tells_the_exact_version_of_a_pinned_crate() {
        let workspace = Workspace::find().unwrap();
        assert_eq!(workspace.locked_version("burn").unwrap(), "0.22.1");
        assert!(workspace.locked_version("no-such-crate").unwrap_err().contains("no-such-crate"));
    }

    #[test]
    fn unknown_commands_are_told_what_there_is() {
        let error = dispatch("dmeo", options("")).unwrap_err();
        assert!(error.contains("dmeo") && error.contains("cargo xtask demo"), "{error}");
    }
}
