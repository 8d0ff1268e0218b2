//! What is found out about a GPU, as it is written to `report.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that is known so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version and commit of the trainer, and the features it was built with.
    pub trainer: String,
    /// Operating system, processor and cores.
    pub machine: String,
    /// Date (UTC) of the beginning, as `2026-11-28`.
    pub date: String,
    /// The device under test.
    pub device: String,
    /// Every adapter that wgpu finds.
    pub adapters: Vec<Adapter>,
    /// The page's kernels and engines, in WGSL, against the formulas.
    pub kernels: Vec<Parity>,
    /// Training on the device against training on the CPU.
    pub training: Vec<Training>,
    /// Times of training steps.
    pub speed: Vec<Speed>,
    /// Runs from start to end.
    pub runs: Vec<Trained>,
    /// What was left out or went wrong, in the order in which it happened.
    pub notes: Vec<String>,
    /// Seconds of each part, in their order.
    pub seconds: Vec<(String, f64)>,
    /// Whether every part has had its turn; false in the report of a check that is under way or was stopped.
    pub complete: bool,
}

/// One adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adapter {
    /// Name.
    pub name: String,
    /// Discrete, integrated, virtual or software.
    pub kind: String,
    /// Vulkan, Metal, Dx12 …
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
}

/// Comparisons of one kernel or engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// Kernel, or engine and learner.
    pub name: String,
    /// Comparisons made.
    pub cases: usize,
    /// Largest difference, as a share of what is allowed.
    pub worst: f64,
    /// Those that failed, in words.
    pub failed: Vec<String>,
}

/// Twenty steps of a learner on the device and on the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Which learner.
    pub learner: String,
    /// Largest difference of two losses, in nats; none where the device gave no numbers.
    pub losses_apart: Option<f64>,
    /// Relative difference of the first gradients' norms.
    pub first_norms_apart: Option<f64>,
    /// Largest difference of two weights at the end.
    pub weights_apart: f64,
    /// Seconds on the device, with the compilation of its kernels.
    pub seconds: f64,
    /// Kernels launched by a step, by name.
    #[serde(default)]
    pub launched: BTreeMap<String, usize>,
    /// Why it does not train as the CPU does.
    pub failed: Option<String>,
}

/// Steps of one size by one program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Such as `shifted keys`, or the preset of a set learner.
    pub learner: String,
    /// Episodes B, tokens (of set learners rows, shown and asked about) T, width D, layers L.
    pub size: [usize; 4],
    /// `trainer`, `PyTorch 2.15 eager`, `PyTorch 2.15 compiled, bf16` …
    pub by: String,
    /// Seconds until the first step was done.
    pub first: f64,
    /// Median seconds of a step.
    pub step: f64,
    /// Least and most.
    pub spread: [f64; 2],
    /// Tokens a second.
    pub tokens: f64,
    /// 10¹² floating-point operations a second, by the formula of `ModelSpec::forward_flop`; none for other learners.
    pub tflops: Option<f64>,
    /// Bytes that the allocator holds.
    pub bytes: Option<u64>,
}

/// A run from its start to its measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Preset.
    pub preset: String,
    /// Settings that differ from the preset.
    pub settings: Vec<String>,
    /// Steps done, and of how many.
    pub steps: [u64; 2],
    /// Seconds of training.
    pub seconds: f64,
    /// Step and loss, as logged.
    pub losses: Vec<(u64, f64)>,
    /// How often steps had to be taken again.
    pub rolled_back: u64,
    /// Data set, position and accuracy.
    pub accuracy: Vec<(String, usize, f64)>,
}

impl Report {
    /// Whether everything that was compared agrees; none while nothing was.
    pub fn agrees(&self) -> Option<bool> {
        let kernels = self.kernels.iter().map(|parity| parity.failed.is_empty());
        let training = self.training.iter().map(|training| training.failed.is_none());
        kernels.chain(training).reduce(|all, one| all && one)
    }
}
