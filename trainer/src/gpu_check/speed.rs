//! How long training steps take on the device, and in PyTorch on the same card.

use std::path::Path;

use super::report::Speed;
use crate::config::RunConfig;
use crate::device::TrainDevice;
use crate::sources::open_tasks;
use crate::train::timing::{self, Timed};
use tasks::Split;

/// B, T, D, L: those of `records/speed`, and batches that fill a card.
pub(super) const SIZES: [[usize; 4]; 4] =
    [[16, 100, 128, 2], [8, 100, 256, 4], [512, 100, 256, 4], [2048, 100, 256, 4]];
/// For a rehearsal.
pub(super) const SMALL: [[usize; 4]; 1] = [[2, 12, 16, 1]];

/// Seconds that one size may take after its first step.
const ENOUGH: f64 = 8.0;

/// Shifted keys with 784 inputs and heads of 32, on the synthetic prior.
pub(super) fn config([batch, length, width, layers]: [usize; 4]) -> Result<RunConfig, String> {
    let heads = (width / 32).max(1);
    let set = [
        format!("model.width={width}"),
        format!("model.layers={layers}"),
        format!("model.heads={heads}"),
        format!("model.key_size={}", width / heads),
        "model.inputs=784".into(),
        format!("tasks.length={length}"),
        format!("training.batch={batch}"),
        format!("training.micro_batch={batch}"),
    ];
    RunConfig::resolve("quick", None, &set).map_err(|error| error.to_string())
}

/// Times steps of one size by the trainer.
pub(super) fn trainer(size: [usize; 4], device: &TrainDevice) -> Result<Speed, String> {
    let config = config(size)?;
    let tasks = open_tasks(&config, Path::new(".")).map_err(|error| error.to_string())?;
    let Timed { first, mut steps, bytes_reserved } =
        timing::steps(&config, &tasks, device, [7, 3], ENOUGH).map_err(|error| error.to_string())?;
    Ok(row(size, "trainer".into(), first, &mut steps, bytes_reserved))
}

/// Set learners whose steps are timed, on tasks that are made: a preset, then shapes that every step has.
const SETS: [(&str, &[&str]); 2] = [
    ("general", &["tasks.shown=[99]", "tasks.ways=10"]),
    ("drawing", &["tasks.shots=[5]", "tasks.ways=20", "tasks.many=0", "tasks.outsiders=0"]),
];

/// Times steps of a set learner by the trainer: the preset's batch at once, with pictures alone.
///
/// # Errors
/// In words: another preset than `general` and `drawing`, settings in `more` that no learner can have, a loss that is not finite.
pub fn set_learner(preset: &str, device: &TrainDevice, more: &[&str]) -> Result<Speed, String> {
    let known = SETS.iter().find(|(name, _)| *name == preset);
    let (_, shapes) = known.ok_or_else(|| format!("expected general or drawing, found {preset}"))?;
    let made = ["tasks.data=[\"strokes\"]", "tasks.weights=[]", "tasks.vectors=0", "tasks.fewer_classes=0"];
    let set: Vec<String> = made.iter().chain(*shapes).chain(more).map(|&set| set.to_owned()).collect();
    let mut config = RunConfig::resolve(preset, None, &set).map_err(|error| error.to_string())?;
    config.training.micro_batch = config.training.batch;
    let tasks = open_tasks(&config, Path::new(".")).map_err(|error| error.to_string())?;
    let Timed { first, mut steps, bytes_reserved } =
        timing::steps(&config, &tasks, device, [7, 3], ENOUGH).map_err(|error| error.to_string())?;
    let shape = tasks.shape(Split::Train, 0);
    let rows = shape.shown + shape.queries;
    let size = [config.training.batch, rows, config.model.width, config.model.layers];
    let row = row(size, "trainer".into(), first, &mut steps, bytes_reserved);
    // the formula of the operations is that of causal learners
    Ok(Speed { learner: preset.to_owned(), tflops: None, ..row })
}

/// A row of the table.
pub(super) fn row(size: [usize; 4], by: String, first: f64, steps: &mut [f64], bytes: Option<u64>) -> Speed {
    steps.sort_by(f64::total_cmp);
    let step = steps[steps.len() / 2];
    let [batch, length, ..] = size;
    let flop = config(size).map(|config| 3.0 * config.model.forward_flop(length) * batch as f64);
    Speed {
        learner: "shifted keys".into(),
        size,
        by,
        first,
        step,
        spread: [steps[0], steps[steps.len() - 1]],
        tokens: (batch * length) as f64 / step,
        tflops: flop.ok().map(|flop| flop / step / 1e12),
        bytes,
    }
}
