//! The learner on an engine, kept in step with the examples on the table.

use std::sync::Arc;

use shaders::Model;
use shaders::encode::{EncodeError, Encoder};
use shaders::gpu::Gpu;
use shaders::pixels::SIDE;
use shaders::session::{Engine, Kind, SessionError, restrict};

use crate::browser::now_ms;
use crate::table::Example;

/// Every example of a context goes through the same projection.
const PROJECTION_SEED: u64 = 0;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The model cannot take 28×28 drawings at all.
    Encode(EncodeError),
    /// The engine.
    Session(SessionError),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Encode(error) => error.fmt(f),
            Fault::Session(error) => error.fmt(f),
        }
    }
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        Fault::Encode(error)
    }
}

impl From<SessionError> for Fault {
    fn from(error: SessionError) -> Self {
        Fault::Session(error)
    }
}

/// What the learner said of an example before it was told the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Example.
    pub id: u32,
    /// Whether the most probable class was the one it was then told. `None` where the question was no question:
    /// its class had not been shown yet, or was the only one.
    pub right: Option<bool>,
}

/// What came of one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Probability of each label over those shown, `[C]`; none without a drawing or without examples.
    pub probabilities: Option<Vec<f32>>,
    /// Of every example that was shown in this round for the first time.
    pub guesses: Vec<Guess>,
    /// Time of the answer alone, in milliseconds.
    pub took_ms: Option<f64>,
    /// Examples that this learner has no room or no class for.
    pub left_out: usize,
}

/// A session of a model with what it was shown.
pub struct Learner {
    /// The model.
    pub model: Arc<Model>,
    encoder: Encoder,
    engine: Engine,
    /// Id and label of every example that the engine was shown.
    shown: Vec<(u32, u32)>,
}

impl Learner {
    /// Opens `model` on a GPU, or on the CPU where none is given.
    pub async fn open(model: Arc<Model>, gpu: Option<&Gpu>) -> Result<Learner, Fault> {
        let encoder = Encoder::new(&model.spec, SIDE, SIDE, 1, PROJECTION_SEED)?;
        let engine = match gpu {
            Some(gpu) => Engine::gpu(gpu, &model).await?,
            None => Engine::cpu(model.clone()),
        };
        Ok(Learner { model, encoder, engine, shown: Vec::new() })
    }

    /// Which engine it runs on.
    pub fn kind(&self) -> Kind {
        self.engine.kind()
    }

    /// Brings the engine's context in step with `examples`, asking about each new one first where
    /// `asked(id)` is false, and answers `drawing`.
    ///
    /// # Shapes
    /// `drawing` [28, 28]
    pub async fn answer(
        &mut self,
        examples: &[Example],
        asked: impl Fn(u32) -> bool,
        drawing: Option<&[f32]>,
    ) -> Result<Answer, Fault> {
        let classes = self.model.spec.classes;
        let fitting = examples.iter().filter(|example| (example.label as usize) < classes);
        let wanted: Vec<&Example> = fitting.take(self.engine.capacity()).collect();
        let mut answer = Answer { left_out: examples.len() - wanted.len(), ..Answer::default() };

        // The longest common beginning stays cached; what follows is shown anew, for in a causal learner every
        // later slot depends on it.
        let same = self.shown.iter().zip(&wanted).take_while(|(shown, example)| **shown == (example.id, example.label));
        let same = same.count();
        self.engine.rewind(same)?;
        self.shown.truncate(same);
        for example in &wanted[same..] {
            let inputs = self.encoder.encode(&example.picture)?;
            if !asked(example.id) {
                let right = self.guess(&inputs, example.label).await?;
                answer.guesses.push(Guess { id: example.id, right });
            }
            self.engine.observe(&inputs, &[example.label])?;
            self.shown.push((example.id, example.label));
        }

        if let (Some(drawing), false) = (drawing, wanted.is_empty()) {
            let query = self.encoder.encode(drawing)?;
            let start = now_ms();
            let log_probabilities = self.engine.predict(&query).await?;
            answer.took_ms = Some(now_ms() - start);
            let restricted = restrict(&log_probabilities, classes, self.engine.labels());
            answer.probabilities = Some(restricted.into_iter().map(f32::exp).collect());
        }
        Ok(answer)
    }

    /// Whether the learner, as it is now, would name `inputs` as `label`.
    async fn guess(&mut self, inputs: &[f32], label: u32) -> Result<Option<bool>, Fault> {
        let labels = self.engine.labels().to_vec();
        if !labels.contains(&label) || labels.iter().all(|other| *other == label) {
            return Ok(None);
        }
        let log_probabilities = self.engine.predict(inputs).await?;
        let restricted = restrict(&log_probabilities, self.model.spec.classes, &labels);
        let best = (0..restricted.len()).max_by(|&a, &b| restricted[a].total_cmp(&restricted[b]));
        Ok(Some(best == Some(label as usize)))
    }
}
