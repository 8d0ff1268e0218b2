//! A Python that has onnxruntime, in the project's cache: ONNX files are checked with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::python::{interpreter, program};
use crate::shell::{output, run_within};

/// All packages in exact versions, those that others need as well.
const PACKAGES: [&str; 8] = [
    "flatbuffers==25.12.19",
    "ml_dtypes==0.6.0",
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "packaging==26.4",
    "protobuf==7.36.2",
    "typing_extensions==4.16.0",
];

/// The Python of our environment, once everything was fetched; the one that it was made from may be gone.
fn found(place: &Path) -> Option<PathBuf> {
    let fetched = fs::read_to_string(place.join("fetched.txt")).ok()?;
    let python = program(place, "python");
    let runs = || output(Command::new(&python).args(["-c", "import onnx, onnxruntime"])).is_ok();
    (fetched == PACKAGES.join("\n") && runs()).then_some(python)
}

/// The Python that has onnxruntime; makes the environment where it is missing.
///
/// # Errors
/// When Python or the packages cannot be had; says how to get them by hand.
pub fn python(folder: &Path) -> Result<PathBuf, String> {
    let place = folder.join("onnx");
    if let Some(python) = found(&place) {
        return Ok(python);
    }
    let by_hand = "Install Python 3.11 or newer with venv and pip";
    let maker = interpreter().ok_or(format!("no Python 3.11 or newer with venv was found. {by_hand}."))?;
    eprintln!(
        "onnxruntime is missing; ONNX files are checked with it. Fetching it with pip into {}, once (some 200 MB):",
        place.display()
    );
    run_within(Command::new(maker).args(["-m", "venv", "--clear"]).arg(&place), Duration::from_secs(120))?;
    let python = program(&place, "python");
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
    run_within(install.args(["--no-deps"]).args(PACKAGES), Duration::from_secs(600))
        .map_err(|error| format!("{error}\n{by_hand}, and try again."))?;
    // written last, so that what was broken off is fetched again
    let stamp = place.join("fetched.txt");
    fs::write(&stamp, PACKAGES.join("\n")).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}
