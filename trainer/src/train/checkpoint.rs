//! What a run keeps: its settings, and checkpoints with weights, their average, the state of the optimiser and the step.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use shaders::model::file::Precision;
use shaders::{FileKind, Model};

use super::error::{TrainError, io_at};
use super::folder::{FolderError, STATE, checkpoints};
use crate::config::{ConfigError, RunConfig};
use crate::nets::Net;
use crate::nets::research::{self, Learner};
use tasks::Progress;

/// The settings of a run, in its folder.
pub(super) const CONFIG: &str = "config.toml";

/// What a checkpoint holds besides tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub step: u64,
    pub seconds: f64,
    #[serde(with = "exact")]
    pub accuracy: Vec<f64>,
    /// Checkpoints of older trainers have none.
    #[serde(default)]
    pub curriculum: Progress,
}

/// Numbers as their bits: a decimal that is read back may differ in its last bit, and a resumed run must not.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|v| v.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<u64>::deserialize(deserializer)?.into_iter().map(f64::from_bits).collect())
    }
}

impl Saved {
    /// Reads what a checkpoint holds.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(checkpoint: &Path) -> Result<Saved, TrainError> {
        let state = fs::read(checkpoint.join(STATE)).map_err(io_at(checkpoint))?;
        serde_json::from_slice(&state).map_err(|error| damaged(checkpoint, error))
    }
}

/// The error of a checkpoint that is not whole.
pub(super) fn damaged(checkpoint: &Path, error: impl ToString) -> TrainError {
    TrainError::Checkpoint { path: checkpoint.to_owned(), message: error.to_string() }
}

/// The newest whole checkpoint of a run.
pub(super) fn newest_checkpoint(folder: &Path) -> Result<Option<PathBuf>, TrainError> {
    Ok(checkpoints(folder)?.pop())
}

/// A learner before meta-training, its weights a function of the seed.
///
/// # Errors
/// Settings that no learner can have.
pub fn new_net(config: &RunConfig, seed: u64, device: &Device) -> Result<Net, ConfigError> {
    match &config.learner {
        Learner::Model => Ok(Net::from_model(&Model::random(config.model.clone(), seed)?, device)),
        learner => research::Net::random(learner, &config.model, seed, device)
            .map(Net::Research)
            .map_err(|message| ConfigError::Value { key: "learner", message }),
    }
}

/// `name.safetensors` of a checkpoint.
pub(super) fn read_net_of(
    checkpoint: &Path,
    name: &str,
    config: &RunConfig,
    device: &Device,
) -> Result<Net, TrainError> {
    let path = checkpoint.join(format!("{name}.safetensors"));
    match &config.learner {
        Learner::Model => {
            let model = Model::read(&path)?;
            if model.spec != config.model {
                return Err(damaged(checkpoint, "its model is not the one of config.toml"));
            }
            Ok(Net::from_model(&model, device))
        }
        learner => research::Net::read(&path, learner, &config.model, device)
            .map(Net::Research)
            .map_err(|message| damaged(checkpoint, message)),
    }
}

/// Writes a net as `name.safetensors` of a checkpoint.
pub(super) fn write_net(net: &Net, path: &Path) -> Result<(), TrainError> {
    match net {
        Net::Research(net) => net.write(path).map_err(io_at(path)),
        Net::Causal(_) | Net::Set(_) => {
            let model = net.to_model().expect("only research learners are no models");
            Ok(model.write(path, Precision::F32)?)
        }
    }
}

/// A run's settings, its newest checkpoint and the steps done there.
fn open_run(folder: &Path) -> Result<(RunConfig, PathBuf, u64), TrainError> {
    if folder.is_file() {
        let mut head = Vec::new();
        fs::File::open(folder).and_then(|file| file.take(1 << 16).read_to_end(&mut head)).map_err(io_at(folder))?;
        let kind = FileKind::of(&head).map_or("a file", FileKind::name);
        let missing = format!("it is {kind}, expected a folder that `trainer train` made");
        return Err(FolderError::NoRun { path: folder.to_owned(), missing }.into());
    }
    let path = newest_checkpoint(folder)?;
    let path = path.ok_or_else(|| TrainError::NoCheckpoint(folder.to_owned()))?;
    let config = RunConfig::read(&folder.join(CONFIG))?;
    let step = Saved::read(&path)?.step;
    Ok((config, path, step))
}

/// The learner in a run's newest checkpoint (its average) as a model, and its settings.
///
/// # Errors
/// No checkpoint, a damaged one, or a research learner.
pub fn read_run(folder: &Path) -> Result<(Model, RunConfig, u64), TrainError> {
    let (config, path, step) = open_run(folder)?;
    match config.learner {
        Learner::Model => Ok((Model::read(&path.join("average.safetensors"))?, config, step)),
        learner => Err(TrainError::Research { path: folder.to_owned(), kind: learner.kind() }),
    }
}

/// The learner in a run's newest checkpoint (its average), of any kind, ready to be asked, and its settings.
///
/// # Errors
/// No checkpoint, or a damaged one.
pub fn read_net(folder: &Path, device: &Device) -> Result<(Net, RunConfig, u64), TrainError> {
    let (config, path, step) = open_run(folder)?;
    let net = read_net_of(&path, "average", &config, device)?;
    Ok((net, config, step))
}
