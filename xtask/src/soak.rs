//! `cargo xtask soak`: visitors of the page who stay for hours, and model files of strangers by the thousand.

use crate::bench::report::machine_description;
use crate::figures;
use crate::options::Options;
use crate::setup::{self, Need};
use crate::shell::run_reading;
use crate::workspace::Workspace;
use crate::{page, profile};

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask soak [OPTIONS]

Builds the page and stays on it in Chromium, once with the learner on the CPU and once on a software GPU: teaches, forgets,
relabels, swaps, takes back, opens other models and many examples, loses the device, hides the tab. Examples may not be lost,
memory may not grow, and in the end the answers have to be a fresh visitor's. Then it opens spoiled model files: each is
refused in words, or answers with finite probabilities. The tests of `cargo xtask test` do the same for some seconds.

    --minutes N     how long each of the two visitors stays (default 60)
    --files N       spoiled model files (default 10000)
    --seed S        another seed than 0: another visit, other files
    --out FILE      where the figures go (default records/reliability/soak.json)";

/// What begins a line of figures in the output of the test programs; see `tests/tests/soak.rs` and `tests/tests/strangers.rs`.
const MARK: &str = "soak: {";

/// Runs all visits; false when something was lost, grew or was not refused.
///
/// # Errors
/// Options that are none; a tool that cannot be had; a file that cannot be written.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<bool, String> {
    let minutes = options.whole("--minutes", 60)?;
    let files = options.whole("--files", 10_000)?;
    let seed = options.whole("--seed", 0)?;
    let out = options.value("--out")?.unwrap_or_else(|| "records/reliability/soak.json".into());
    options.finish()?;
    let tools = setup::setup(workspace, &[Need::Page, Need::Browser])?;
    let machine = machine_description(workspace);
    let folder = workspace.target.join("page");
    page::build(workspace, &tools, &folder, profile::SMALL)?;
    let mut lines = Vec::new();
    let mut passed = true;
    for program in ["soak", "strangers"] {
        let mut cargo = workspace.cargo(&["test", "--release", "-p", "tests", "--test", program, "--"]);
        // one at a time, so that the second visitor does not slow the first
        cargo.args(["--nocapture", "--include-ignored", "--test-threads", "1"]);
        cargo.env("PAGE", &folder).env("REQUIRE_BROWSER", "1");
        if let (Some(chromium), Some(chromedriver)) = (&tools.chromium, &tools.chromedriver) {
            cargo.env("CHROME", chromium).env("CHROMEDRIVER", chromedriver);
        }
        for (name, value) in
            [("SOAK_MINUTES", minutes), ("SOAK_SEED", seed), ("STRANGERS", files), ("STRANGERS_SEED", seed)]
        {
            cargo.env(name, value.to_string());
        }
        passed &= run_reading(&mut cargo, |line| lines.extend(figures::after(MARK, line)))?;
    }
    let path = workspace.write(&out, &figures::file(&machine, "", "runs", &lines))?;
    println!("\n{} of 3 runs have figures; they are in {}", lines.len(), path.display());
    Ok(passed)
}
