//! `cargo xtask fuzz`: spoiled inputs for every parser that takes a stranger's bytes, for as long as one likes.

use std::fs;
use std::io::ErrorKind;

use crate::bench::report::machine_description;
use crate::figures::{Campaign, Record};
use crate::options::Options;
use crate::shell::run_reading;
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask fuzz [OPTIONS]

Feeds spoiled inputs to every parser that takes a stranger's bytes: model files, saved states, tables of every format, links,
documents, records, runs, data sets, pictures, settings, results. A panic, more memory than an input justifies, or an input that takes longer
than a second ends a target; the input is then kept in the build folder under fuzz-failures/, with the words that run it
again. The tests of `cargo xtask test` run the same targets for a second or two each.

    --seconds N     processor time for each target (default 60)
    --seed S        another seed than 0: other inputs; with --add the next that was not used
    --add           adds the figures to those in the file, so that several calls make an hour
    --light         without the trainer, whose build takes long
    --filter NAME   only targets whose test's name holds NAME
    --out FILE      where the figures go (default records/reliability/fuzz.json)";

/// What begins a line of figures in the output of a test program; see `fuzz/src/campaign.rs`.
const MARK: &str = "fuzz: {";

/// A crate with targets: its name, what cargo is told about it, and what its targets' names begin with.
struct Program {
    package: &'static str,
    arguments: &'static [&'static str],
    tests: Option<&'static str>,
}

const PROGRAMS: [Program; 7] = [
    Program { package: "shaders", arguments: &["--no-default-features", "--test", "fuzz"], tests: None },
    Program {
        package: "tables",
        arguments: &["--features", "numpy,parquet,spreadsheets", "--test", "fuzz"],
        tests: None,
    },
    // a program's targets are among its unit tests
    Program { package: "web", arguments: &["--bins"], tests: Some("spoiled::") },
    Program { package: "reader", arguments: &["--test", "fuzz"], tests: None },
    Program { package: "engine", arguments: &["--test", "fuzz"], tests: None },
    Program { package: "training", arguments: &["--test", "fuzz"], tests: None },
    Program { package: TRAINER, arguments: &["--test", "fuzz"], tests: None },
];
const TRAINER: &str = "trainer";

/// Runs all targets; false when one failed.
///
/// # Errors
/// Options that are none; a file that cannot be written.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<bool, String> {
    let seconds = options.whole("--seconds", 60)?;
    let seed = options.value("--seed")?.map(|text| text.parse::<u64>().map_err(|_| text));
    let seed = seed.transpose().map_err(|text| format!("--seed: expected a whole number, found `{text}`"))?;
    let (light, add) = (options.switch("--light"), options.switch("--add"));
    let filter = options.value("--filter")?;
    let out = options.value("--out")?.unwrap_or_else(|| "records/reliability/fuzz.json".into());
    options.finish()?;
    let record = if add { earlier(workspace, &out)? } else { Record::default() };
    let seed = seed.unwrap_or_else(|| record.next_seed());
    if record.has_seed(seed) {
        return Err(format!(
            "--seed {seed}: expected a seed that is not in {out} yet, as the inputs would be the same"
        ));
    }
    let machine = machine_description(workspace);
    let failures = workspace.target.join("fuzz-failures");
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    let mut path = workspace.root.join(&out);
    for program in PROGRAMS.iter().filter(|program| !(light && program.package == TRAINER)) {
        eprintln!("\n== {}", program.package);
        let mut cargo = workspace.cargo(&["test", "--profile", "fuzz", "--no-fail-fast", "-p", program.package]);
        cargo.args(program.arguments).arg("--");
        cargo.args(filter.as_deref().or(program.tests));
        // one at a time, so that each has the processor that its limit of time needs
        cargo.args(["--nocapture", "--test-threads", "1"]);
        cargo.env("FUZZ_SECONDS", seconds.to_string()).env("FUZZ_SEED", seed.to_string());
        cargo.env("FUZZ_FAILURES", &failures);
        let before = lines.len();
        let passed = run_reading(&mut cargo, |line| lines.extend(figures(line)))?;
        // a program without its features has no targets, and passes
        if !passed || (filter.is_none() && lines.len() == before) {
            failed.push(program.package);
        }
        // after each, as a long campaign may be broken off
        let mut so_far = record.clone();
        so_far.add(&Campaign { machine: &machine, seconds, seed, failed: &failed }, &lines);
        path = workspace.write(&out, &so_far.text())?;
    }
    println!("\n{} targets, {seconds} s each; their figures are in {}", lines.len(), path.display());
    if !failed.is_empty() {
        println!("failed, or without a target: {}; the inputs are in {}", failed.join(", "), failures.display());
    }
    Ok(failed.is_empty())
}

/// What earlier campaigns have left in the file; nothing where there is none.
fn earlier(workspace: &Workspace, out: &str) -> Result<Record, String> {
    let path = workspace.root.join(out);
    match fs::read_to_string(&path) {
        Ok(text) => Record::read(&text).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// The figures in a line, as JSON.
fn figures(line: &str) -> Option<String> {
    line.starts_with(MARK).then(|| line[MARK.len() - 1..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_taken_from_the_lines_of_targets_alone() {
        assert_eq!(figures("fuzz: {\"target\":\"a\"}").as_deref(), Some("{\"target\":\"a\"}"));
        assert_eq!(figures("test fuzz: {x} ... ok"), None);
        assert_eq!(figures("fuzz: far beyond the allowance"), None);
    }
}
