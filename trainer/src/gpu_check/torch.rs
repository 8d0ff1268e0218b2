//! PyTorch on the same card, if Python has it: the same learner and batch, its losses compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::RngExt;
use shaders::{Model, random};

use super::report::Speed;
use super::speed;
use crate::peer_case;
use tasks::projection::normals;

/// The peer of `cargo xtask bench`, which also knows CUDA.
const SCRIPT: &str = include_str!("../../../xtask/peers/step_torch.py");
/// Steps: one to compile, then those that are timed.
const STEPS: &str = "1\n9\n";

/// Why there is nothing to compare with: the words of `python -c`.
pub(super) fn missing(python: &str) -> Option<String> {
    let code = "import torch; assert torch.cuda.is_available(), 'PyTorch has no CUDA device'";
    match Command::new(python).args(["-c", code]).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            Some(words.trim().lines().last().unwrap_or("it failed without a word").to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Times steps of one size, as written and compiled, in f32 and with bf16 products.
pub(super) fn times(python: &str, size: [usize; 4], folder: &Path) -> Vec<Result<Speed, String>> {
    let (script, case) = (folder.join("step_torch.py"), folder.join("case.safetensors"));
    let written = std::fs::write(&script, SCRIPT).map_err(|error| error.to_string());
    if let Err(error) = written.and_then(|()| write_case(size, &case)) {
        return vec![Err(error)];
    }
    let ways: [&[&str]; 4] = [&[], &["--compile"], &["--bf16"], &["--compile", "--bf16"]];
    let all = ways.map(|way| time(python, &script, &case, way, size)).into();
    let _ = std::fs::remove_file(&case);
    all
}

fn time(python: &str, script: &Path, case: &Path, way: &[&str], size: [usize; 4]) -> Result<Speed, String> {
    use std::io::Write as _;
    let start = || -> std::io::Result<std::process::Output> {
        let mut command = Command::new(python);
        command.arg(script).arg(case).args(["1", "--cuda"]).args(way);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().expect("piped").write_all(STEPS.as_bytes())?;
        child.wait_with_output()
    };
    let output = start().map_err(|error| format!("{python}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = |line: &str| line.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>().unwrap_or_default();
    let mut lines = text.lines();
    let (first, mut steps) =
        (lines.next().map(numbers).unwrap_or_default(), lines.next().map(numbers).unwrap_or_default());
    let said: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let (Some(first), Some(version), false) = (first.first(), said.get("version"), steps.is_empty()) else {
        return Err(format!("PyTorch {}: {}", way.join(" "), words.trim().lines().last().unwrap_or("no times")));
    };
    steps.iter_mut().for_each(|step| *step /= 1e3);
    let how = [
        if way.contains(&"--compile") { "compiled" } else { "eager" },
        if way.contains(&"--bf16") { "bf16" } else { "f32" },
    ];
    Ok(speed::row(size, format!("PyTorch {version}, {}", how.join(", ")), first / 1e3, &mut steps, None))
}

/// Random weights and one random batch, as the script reads them.
fn write_case(size: [usize; 4], path: &Path) -> Result<(), String> {
    let [batch, length, ..] = size;
    let model = Model::random(speed::config(size)?.model, 1).map_err(|error| error.to_string())?;
    let mut stream = random::stream(1, "gpu check", 0);
    let inputs = normals(batch * length * model.spec.inputs, &mut stream);
    let labels: Vec<u32> = (0..batch * length).map(|_| stream.random_range(0..model.spec.classes as u32)).collect();
    peer_case::write_batch(path, &model, length, &inputs, &labels)
        .map_err(|error| format!("{}: {error}", path.display()))
}
