//! `cargo xtask bench`: the benchmarks of the native crates.

use std::fs;

use xtask::shell::run as run_shown;

use crate::{Options, Workspace};

pub const HELP: &str = "\
cargo xtask bench [--filter NAME]

Runs the benchmarks of the native crates (cargo bench); those whose name holds NAME, if it is given.";

/// The crates that may have benchmarks.
const CRATES: [&str; 3] = ["shaders", "trainer", "tests"];

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let filter = options.value("--filter")?;
    options.finish()?;
    let has_benches = |name: &&str| fs::read_dir(workspace.root.join(name).join("benches")).is_ok();
    let crates: Vec<&str> = CRATES.into_iter().filter(has_benches).collect();
    if crates.is_empty() {
        println!("No crate has a folder benches/ yet.");
        return Ok(());
    }
    for name in crates {
        let mut bench = workspace.cargo(&["bench", "-p", name, "--benches"]);
        if let Some(filter) = &filter {
            bench.args(["--", filter]);
        }
        run_shown(&mut bench)?;
    }
    Ok(())
}
