//! What the Python package is built and tested with: a virtual environment in the project's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shell::{output, run_within, which};

/// Everything in the environment, so that the same is tested everywhere.
const PACKAGES: [&str; 17] = [
    "maturin==1.16.0",
    "numpy==2.4.6",
    "scikit-learn==1.9.1",
    "pandas==3.1.1",
    "pytest==9.2.0",
    // what these need
    "cloudpickle==3.1.3",
    "colorama==0.4.6; sys_platform == 'win32'",
    "iniconfig==2.3.1",
    "joblib==1.6.0",
    "narwhals==2.29.0",
    "packaging==26.4",
    "pluggy==1.7.0",
    "Pygments==2.21.0",
    "python-dateutil==4.0.0",
    "scipy==1.17.1",
    "threadpoolctl==3.8.0",
    "tzdata==2026.6",
];

/// A Python that can make an environment: 3.11 or newer, with its modules `venv` and `ensurepip`, which Debian leaves out of
/// its plain package.
pub fn interpreter() -> Option<PathBuf> {
    let able = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    ["python3", "python"]
        .into_iter()
        .filter_map(which)
        .find(|path| output(Command::new(path).args(["-c", able])).is_ok())
}

/// A program of the environment in `place`.
pub fn program(place: &Path, name: &str) -> PathBuf {
    if cfg!(windows) { place.join("Scripts").join(format!("{name}.exe")) } else { place.join("bin").join(name) }
}

/// What the environment is to hold.
fn wanted() -> String {
    PACKAGES.join("\n")
}

/// The folder of the environment, made where it is missing, broken or of other versions.
///
/// # Errors
/// When there is no Python of the right kind, or pip fails; says how to do it by hand.
pub fn environment(folder: &Path) -> Result<PathBuf, String> {
    let place = folder.join("python");
    let stamp = place.join("fetched.txt");
    let python = program(&place, "python");
    // the Python that it was made from may be gone
    let runs = || output(Command::new(&python).args(["-c", "import sklearn"])).is_ok();
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted()) && runs() {
        return Ok(place);
    }
    let found = interpreter().ok_or(
        "no Python 3.11 or newer with the modules venv and ensurepip was found. Install one, and put it first on PATH.",
    )?;
    eprintln!(
        "Missing is what the Python package is built and tested with ({}). Fetching it with pip into {}, once (some 400 MB):",
        PACKAGES[..5].join(", "),
        place.display()
    );
    let mut make = Command::new(found);
    run_within(make.args(["-m", "venv", "--clear"]).arg(&place), Duration::from_secs(120))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]).args(PACKAGES);
    run_within(&mut install, Duration::from_secs(600))
        .map_err(|error| format!("{error}\nIt needs PyPI, or a mirror that pip is told of (PIP_INDEX_URL)."))?;
    // written last, so that what was broken off is fetched again
    fs::write(&stamp, wanted()).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(place)
}
