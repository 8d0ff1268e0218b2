//! Training on the device against training on the CPU, for each kind of learner that files are made of.

use std::path::Path;

use super::report::Training;
use crate::config::{ConfigError, RunConfig};
use crate::device::TrainDevice;
use crate::launched::Launched;
use crate::sources::open_tasks;
use crate::train::probe;

/// A name, a preset, and settings with which it needs no data set.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// The sizes of the presets, on data that are made.
const CASES: [Case; 4] = [
    ("shifted keys (quick)", "quick", &[]),
    ("paper tokens", "paper", &["tasks.data=[\"prior\"]"]),
    ("set learner with a stem (general)", "general", &["tasks.data=[\"prior\", \"strokes\"]", "tasks.weights=[]"]),
    ("set learner for drawings (drawing)", "drawing", &["tasks.data=[\"strokes\"]", "tasks.weights=[]"]),
];

/// Small sizes, for a rehearsal on a software adapter.
const SMALL: &[&str] = &[
    "tasks.length=12",
    "training.batch=2",
    "training.micro_batch=2",
    "model.width=16",
    "model.key_size=8",
    "model.heads=2",
    "model.inputs=16",
    "model.classes=5",
    "model.layers=1",
];

/// The learners to compare; on a software adapter the smallest alone, for each shape is minutes of compiling there.
pub(super) fn cases(smoke: bool) -> Result<Vec<(&'static str, RunConfig)>, ConfigError> {
    let case = |&(name, preset, set): &Case| {
        let small = if smoke { SMALL } else { &[] };
        let set: Vec<String> = set.iter().chain(small).map(|&set| set.to_owned()).collect();
        RunConfig::resolve(preset, None, &set).map(|config| (name, config))
    };
    CASES[..if smoke { 1 } else { CASES.len() }].iter().map(case).collect()
}

/// Compares one learner.
pub(super) fn compare(learner: &str, config: &RunConfig, device: &TrainDevice) -> Training {
    let failed = |message: String| Training {
        learner: learner.into(),
        losses_apart: None,
        first_norms_apart: None,
        weights_apart: 0.0,
        seconds: 0.0,
        launched: Launched::new(),
        failed: Some(message),
    };
    let tasks = match open_tasks(config, Path::new(".")) {
        Ok(tasks) => tasks,
        Err(error) => return failed(error.to_string()),
    };
    let probed = match probe::measure(config, &tasks, device) {
        Ok(probed) => probed,
        Err(error) => return failed(error.to_string()),
    };
    let number = |value: f64| Some(value).filter(|value| value.is_finite());
    Training {
        learner: learner.into(),
        losses_apart: number(probed.losses_apart()),
        first_norms_apart: number(probed.first_norms_apart()),
        weights_apart: probed.weights,
        seconds: probed.seconds[1],
        failed: probed.verdict().err().map(|error| error.to_string()),
        launched: probed.launched,
    }
}
