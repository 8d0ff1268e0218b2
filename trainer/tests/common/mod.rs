//! What the trainer's tests share: settings of small runs, a folder for each, and what a run has written.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use trainer::config::RunConfig;
use trainer::device::{self, DeviceArg, TrainDevice};
use trainer::train::Metrics;

/// A causal learner of the presets, small: a step takes milliseconds.
pub const TINY: &[&str] = &["model.width=16", "model.key_size=8", "model.inputs=16", "tasks.length=12"];

/// A preset with settings of its own, later ones last.
pub fn resolve(preset: &str, sets: &[&[&str]]) -> RunConfig {
    let all: Vec<String> = sets.concat().into_iter().map(str::to_owned).collect();
    RunConfig::resolve(preset, None, &all).unwrap_or_else(|error| panic!("{preset}: {error}"))
}

pub fn cpu() -> TrainDevice {
    device::open(DeviceArg::Cpu).unwrap()
}

/// The software adapter, else a real one; none is a skipped test, or a failed one where a GPU was promised.
pub fn adapter<Error: Display>(open: impl Fn(DeviceArg) -> Result<TrainDevice, Error>) -> Option<TrainDevice> {
    shaders::testing::gpu_or_skip(open(DeviceArg::Software).or_else(|_| open(DeviceArg::Gpu(0))))
}

/// What a run has logged, without the time, which is the one thing that may differ.
pub fn metrics(folder: &Path) -> Vec<Metrics> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| Metrics { seconds: 0.0, ..serde_json::from_str(line).unwrap() }).collect()
}

/// What a run has written: metrics without the time, files of weights, and tensors of the optimiser (whose file has them
/// in any order).
pub type Written = (Vec<Metrics>, [Vec<u8>; 2], BTreeMap<String, Vec<u8>>);

/// What a run had written at a checkpoint.
pub fn written(folder: &Path, step: u64) -> Written {
    let checkpoint = folder.join(format!("checkpoint-{step:09}"));
    let files = ["model", "average"].map(|name| fs::read(checkpoint.join(format!("{name}.safetensors"))).unwrap());
    let state = burn_pack::Reader::from_file(checkpoint.join("optimiser.bpk")).unwrap();
    let names: Vec<String> = state.tensor_names().into_iter().map(str::to_owned).collect();
    let tensors = names.into_iter().map(|name| (name.clone(), state.tensor_data(&name).unwrap().to_vec())).collect();
    (metrics(folder), files, tensors)
}

/// A path for a folder of a test's own: nothing is there yet. It is removed when the test has passed, and kept for a look
/// when it has failed.
pub struct Folder(pub PathBuf);

impl Folder {
    /// `name` tells the tests of a process apart.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("trainer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
