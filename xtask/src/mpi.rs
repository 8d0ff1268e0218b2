//! `cargo xtask mpi`: builds the trainer for several machines, and tests it on several processes of this one.

use std::env;
use std::process::Command;

use crate::options::Options;
use crate::setup::system::{Package, install_packages};
use crate::shell::{output, run as run_shown, which};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask mpi [OPTIONS]

Builds the trainer with its feature `mpi`, and runs the tests of runs on several processes: 1 to 4 of them write the files
of one, a process that is killed, stopped or panics ends all, and another number of them goes on. Open MPI and libclang are
installed first where they are missing. The first build takes as long as that of the trainer without the feature.

    --build    build the program and run no test";

/// Runs the command.
///
/// # Errors
/// A package is missing, the trainer does not build, or a test fails.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let build = options.switch("--build");
    options.finish()?;
    install_packages(&missing(|program| which(program).is_some(), libclang()))?;
    let features = ["--release", "-p", "trainer", "--features", "mpi"];
    run_shown(workspace.cargo(&["build"]).args(features))?;
    println!("{} trains on several machines; see docs/mpi.md", workspace.program("trainer").get_program().display());
    if build {
        return Ok(());
    }
    run_shown(workspace.cargo(&["test"]).args(features).args(["--test", "mpi"]))
}

/// The system's packages that are missing, by the programs that there are and whether there is a libclang.
fn missing(there: impl Fn(&str) -> bool, libclang: bool) -> Vec<Package> {
    let package = |name: &str, reason| Package { name: name.into(), reason };
    let mut packages = Vec::new();
    if !there("mpicc") {
        packages.push(package("libopenmpi-dev", "the library through which processes exchange gradients"));
    }
    if !there("mpirun") {
        packages.push(package("openmpi-bin", "starts the processes"));
    }
    if !libclang {
        packages.push(package("libclang-dev", "reads the library's header files at build time"));
    }
    packages
}

/// Whether there is a libclang where Debian and Ubuntu, Fedora, or whoever sets LIBCLANG_PATH have it.
fn libclang() -> bool {
    let search =
        "ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib*/libclang*.so* /usr/lib/*/libclang*.so* 2>/dev/null | grep -q .";
    env::var_os("LIBCLANG_PATH").is_some()
        || which("llvm-config").is_some()
        || output(Command::new("sh").args(["-c", search])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let names = |there: fn(&str) -> bool, libclang| -> Vec<String> {
            missing(there, libclang).into_iter().map(|package| package.name).collect()
        };
        assert_eq!(names(|_| true, true), Vec::<String>::new());
        assert_eq!(names(|_| false, true), ["libopenmpi-dev", "openmpi-bin"]);
        assert_eq!(names(|program| program == "mpicc", false), ["openmpi-bin", "libclang-dev"]);
    }
}
