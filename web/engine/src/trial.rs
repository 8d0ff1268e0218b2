//! What an engine is timed on.

use std::sync::Arc;

use shaders::Model;
use shaders::gpu::Gpu;

use crate::error::EngineError;
use crate::labelled_session::{LabelledSession, values};

/// Examples of a trial of an engine: a table as it is after a few minutes of drawing.
const TRIAL: usize = 24;

/// A labelled session of the same kind as the page's table, on its own, on which engines are timed.
pub struct Trial {
    labelled: LabelledSession,
    round: usize,
}

impl Trial {
    /// Shows a few examples of no meaning, and asks once, so that everything is allocated and compiled.
    pub async fn start(model: Arc<Model>, gpu: Option<Gpu>) -> Result<Trial, EngineError> {
        // a learner without projection takes as many values as it has inputs
        let labelled = match LabelledSession::open(model.clone(), gpu.as_ref(), (28, 28, 1)).await {
            Ok(labelled) => labelled,
            Err(_) => LabelledSession::open(model.clone(), gpu.as_ref(), (1, model.spec.inputs, 1)).await?,
        };
        let mut trial = Trial { labelled, round: 0 };
        for i in 0..TRIAL.min(trial.labelled.capacity()) {
            trial.labelled.observe(&trial.values(i), (i % model.spec.classes.min(5)) as u32)?;
        }
        trial.round().await?;
        Ok(trial)
    }

    fn values(&self, index: usize) -> Vec<f32> {
        let scatter = |i: usize| (((index * 7919 + i) as u32).wrapping_mul(2_654_435_761) >> 8) as f32;
        (0..values(self.labelled.size)).map(|i| scatter(i) / (1u32 << 24) as f32).collect()
    }

    /// What is done when an example is taught and the next drawing is asked about.
    pub async fn round(&mut self) -> Result<(), EngineError> {
        let last = self.labelled.labels.len() - 1;
        let label = self.labelled.labels[last];
        self.round += 1;
        self.labelled.rewind(last)?;
        self.labelled.observe(&self.values(100 + self.round), label)?;
        self.labelled.answer(&self.values(200 + self.round), 5).await?;
        Ok(())
    }
}
