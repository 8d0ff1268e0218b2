//! A learner to be measured or looked at, from a model file or the folder of a run.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use shaders::Model;
use shaders::model::file::FileError;

use crate::nets::Net;
use crate::train::{TrainError, new_net, read_net};

/// Why a learner cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// A file that is none, or is damaged.
    #[error("{}: {source}", path.display())]
    File {
        /// The file; there may be several on a command line.
        path: PathBuf,
        /// What is wrong.
        source: FileError,
    },
    /// A file that cannot be read, or a run.
    #[error(transparent)]
    Run(#[from] TrainError),
    /// Something that only learners of `[model]` can do.
    #[error("{}: a research learner has only the paper protocol", .0.display())]
    Research(PathBuf),
}

/// A learner, and the same before meta-training.
pub struct Measured {
    /// Where it came from.
    pub path: PathBuf,
    /// Ready to be asked.
    pub net: Net,
    /// As its run began.
    pub untrained: Net,
    model: Option<Model>,
}

impl Measured {
    /// The learner of a model file or of a run's newest checkpoint.
    ///
    /// # Errors
    /// Neither can be read.
    pub fn read(path: &Path, seed: u64, device: &Device) -> Result<Measured, LearnerError> {
        let path = path.to_owned();
        if path.is_dir() {
            let (net, config, _) = read_net(&path, device)?;
            let untrained = new_net(&config, seed, device).map_err(TrainError::from)?;
            return Ok(Measured { model: net.to_model(), path, net, untrained });
        }
        let model = read_model(&path)?;
        let wrong = |source| LearnerError::File { path: path.clone(), source };
        let before = Model::random(model.spec.clone(), seed).map_err(|error| wrong(error.into()))?;
        let (net, untrained) = (Net::from_model(&model, device), Net::from_model(&before, device));
        Ok(Measured { path, net, untrained, model: Some(model) })
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The model.
    ///
    /// # Errors
    /// A research learner has none.
    pub fn model(&self) -> Result<&Model, LearnerError> {
        self.model.as_ref().ok_or_else(|| LearnerError::Research(self.path.clone()))
    }
}

/// Reads a model file.
///
/// # Errors
/// It cannot be read, or is no model.
pub fn read_model(path: &Path) -> Result<Model, LearnerError> {
    Model::read(path).map_err(|source| match source {
        FileError::Io { .. } => TrainError::from(source).into(),
        source => LearnerError::File { path: path.to_owned(), source },
    })
}
