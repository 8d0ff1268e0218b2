//! `cargo xtask kills`: commands of the trainer that are killed at random moments, as often as one likes.

use crate::bench::report::machine_description;
use crate::figures;
use crate::options::Options;
use crate::shell::{run as run_shown, run_reading};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask kills [OPTIONS]

Kills `trainer train`, `experiment`, `export`, `report`, `predict` and `data fetch` (SIGKILL) at random moments and calls them
again until they end: nothing that was kept may be lost, no file may be half written, and what comes out in the end has to be what
comes out without a kill, bit for bit but for times. The tests of `cargo xtask test` do the same with a dozen kills.

Downloads come through a proxy that opens TLS and cuts the line at every percent, and asks, spoils and refuses as real ones do.
They are of made-up files, and of MNIST or Fashion-MNIST where GPICL_DATA or ../shared/data holds them. One test waits for a
minute.

    --kills N       kills, shared out among the commands (default 200)
    --seed S        another seed than 0: other moments
    --out FILE      where the figures go (default records/reliability/kills.json)";

/// What begins a line of figures in the output of the test program; see `tests/tests/kills.rs` and `downloads.rs`.
const MARK: &str = "kills: {";

/// Runs all campaigns; false when one failed.
///
/// # Errors
/// Options that are none; a file that cannot be written.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<bool, String> {
    let kills = options.whole("--kills", 200)?;
    let seed = options.whole("--seed", 0)?;
    let out = options.value("--out")?.unwrap_or_else(|| "records/reliability/kills.json".into());
    options.finish()?;
    let machine = machine_description(workspace);
    let mut lines = Vec::new();
    // what is killed: the tests look for it beside themselves
    run_shown(&mut workspace.cargo(&["build", "--release", "--bin", "trainer"]))?;
    // the same set of crates as in the tests, so that the program is built with the same features
    let mut cargo = workspace.cargo(&["test", "--release", "--no-fail-fast", "--test", "kills", "--test", "downloads"]);
    cargo.args(["--", "--nocapture", "--test-threads", "1", "--include-ignored"]);
    cargo.env("KILLS", kills.to_string()).env("KILLS_SEED", seed.to_string());
    if let Some(folder) = workspace.data_folder() {
        cargo.env("GPICL_DATA", folder);
    }
    let passed = run_reading(&mut cargo, |line| lines.extend(figures::after(MARK, line)))?;
    let path = workspace.write(&out, &figures::file(&machine, &format!("\"seed\": {seed},\n"), "commands", &lines))?;
    println!(
        "\n{}; figures of {} campaigns are in {}",
        if passed { "all passed" } else { "FAILED" },
        lines.len(),
        path.display()
    );
    Ok(passed)
}
