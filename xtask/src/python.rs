//! The Python package: builds its wheel, and runs its tests against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::python::program;
use crate::shell::run;
use crate::workspace::Workspace;

/// Builds the wheel with the maturin of an environment, and installs it there. Gives its path.
///
/// # Errors
/// When it does not build.
pub fn wheel(workspace: &Workspace, environment: &Path) -> Result<PathBuf, String> {
    let folder = workspace.target.join("wheels");
    // an older version's wheel would be found as well
    let _ = fs::remove_dir_all(&folder);
    let python = program(environment, "python");
    let mut build = Command::new(program(environment, "maturin"));
    build.args(["build", "--release", "--locked", "--quiet", "--interpreter"]).arg(&python).arg("--out").arg(&folder);
    run(build.current_dir(workspace.root.join("python")).env("CARGO_TARGET_DIR", &workspace.target))?;
    let found = fs::read_dir(&folder).map_err(|error| format!("maturin left no {}: {error}", folder.display()))?;
    let wheel = found.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.ok_or_else(|| format!("maturin left no wheel in {}", folder.display()))?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"]);
    run(install.arg(&wheel))?;
    Ok(wheel)
}

/// The command that runs the tests, with what they have to know.
pub fn tests(workspace: &Workspace, environment: &Path, wheel: &Path, filter: Option<&str>) -> Command {
    let mut command = Command::new(program(environment, "python"));
    command.args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]);
    if let Some(filter) = filter {
        command.args(["-k", filter]);
    }
    command.current_dir(workspace.root.join("python")).env("WHEEL", wheel).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("TRAINER", workspace.program("trainer").get_program());
    command
}
