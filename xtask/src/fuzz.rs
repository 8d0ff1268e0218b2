//! `cargo xtask fuzz`: spoiled inputs for every parser that takes a stranger's bytes, for as long as one likes.

use crate::bench::report::machine_description;
use crate::options::Options;
use crate::shell::run_reading;
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask fuzz [OPTIONS]

Feeds spoiled inputs to every parser that takes a stranger's bytes: model files, saved states, tables of every format, links,
documents, records, data sets, settings, results. A panic, more memory than an input justifies, or an input that takes longer
than a second ends a target; the input is then kept in the build folder under fuzz-failures/, with the words that run it
again. The tests of `cargo xtask test` run the same targets for a second or two each.

    --seconds N     time for each target (default 60)
    --seed S        another seed than 0: other inputs
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

const PROGRAMS: [Program; 6] = [
    Program { package: "shaders", arguments: &["--no-default-features", "--test", "fuzz"], tests: None },
    Program { package: "tables", arguments: &["--features", "numpy,spreadsheets", "--test", "fuzz"], tests: None },
    // a program's targets are among its unit tests
    Program { package: "web", arguments: &["--bins"], tests: Some("spoiled::") },
    Program { package: "reader", arguments: &["--test", "fuzz"], tests: None },
    Program { package: "engine", arguments: &["--test", "fuzz"], tests: None },
    Program { package: TRAINER, arguments: &["--test", "fuzz"], tests: None },
];
const TRAINER: &str = "trainer";

/// Runs all targets; false when one failed.
///
/// # Errors
/// Options that are none; a file that cannot be written.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<bool, String> {
    let seconds = options.whole("--seconds", 60)?;
    let seed = options.whole("--seed", 0)?;
    let light = options.switch("--light");
    let filter = options.value("--filter")?;
    let out = options.value("--out")?.unwrap_or_else(|| "records/reliability/fuzz.json".into());
    options.finish()?;
    let machine = machine_description(workspace);
    let failures = workspace.target.join("fuzz-failures");
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for program in PROGRAMS.iter().filter(|program| !(light && program.package == TRAINER)) {
        eprintln!("\n== {}", program.package);
        let mut cargo = workspace.cargo(&["test", "--profile", "fuzz", "--no-fail-fast", "-p", program.package]);
        cargo.args(program.arguments).arg("--");
        cargo.args(filter.as_deref().or(program.tests));
        // one at a time, so that each has the processor that its limit of time needs
        cargo.args(["--nocapture", "--test-threads", "1"]);
        cargo.env("FUZZ_SECONDS", seconds.to_string()).env("FUZZ_SEED", seed.to_string());
        cargo.env("FUZZ_FAILURES", &failures);
        if !run_reading(&mut cargo, |line| lines.extend(figures(line)))? {
            failed.push(program.package);
        }
    }
    let path = workspace.write(&out, &report(&machine, seconds, seed, &lines, &failed))?;
    println!("\n{} targets, {seconds} s each; their figures are in {}", lines.len(), path.display());
    if !failed.is_empty() {
        println!("failed: {}; the inputs are in {}", failed.join(", "), failures.display());
    }
    Ok(failed.is_empty())
}

/// The figures in a line, as JSON.
fn figures(line: &str) -> Option<String> {
    line.starts_with(MARK).then(|| line[MARK.len() - 1..].to_owned())
}

/// The file of figures.
fn report(machine: &str, seconds: u64, seed: u64, lines: &[String], failed: &[&str]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let failed: Vec<String> = failed.iter().map(|package| quoted(package)).collect();
    format!(
        "{{\n\"machine\": {},\n\"seconds_per_target\": {seconds},\n\"seed\": {seed},\n\"failed\": [{}],\n\"targets\": [\n{}\n]\n}}\n",
        quoted(machine.trim()),
        failed.join(", "),
        lines.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_taken_from_the_lines_of_targets_alone() {
        assert_eq!(figures("fuzz: {\"target\":\"a\"}").as_deref(), Some("{\"target\":\"a\"}"));
        assert_eq!(figures("test fuzz: {x} ... ok"), None);
        assert_eq!(figures("fuzz: far beyond the allowance"), None);
        let text = report("a \"fast\" one", 5, 0, &["{\"target\":\"a\"}".into(), "{}".into()], &["web"]);
        assert!(text.contains("\"a \\\"fast\\\" one\"") && text.contains("{\"target\":\"a\"},\n{}\n]"), "{text}");
    }
}
