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
    /// Label that each class of the engine stands for. A set learner counts classes in the order in which they first
    /// came, so that it knows of no class without examples; the others have a class for every label.
    names: Vec<u32>,
}

impl Learner {
    /// Opens `model` on a GPU, or on the CPU where none is given.
    pub async fn open(model: Arc<Model>, gpu: Option<&Gpu>) -> Result<Learner, Fault> {
        let encoder = Encoder::new(&model.spec, SIDE, SIDE, 1, PROJECTION_SEED)?;
        let engine = match gpu {
            Some(gpu) => Engine::gpu(gpu, &model).await?,
            None => Engine::cpu(model.clone()),
        };
        let mut learner = Learner { model, encoder, engine, shown: Vec::new(), names: Vec::new() };
        learner.forget_all();
        Ok(learner)
    }

    /// Whether the learner takes its examples as a set.
    fn set(&self) -> bool {
        self.model.spec.equivariant.is_some()
    }

    fn forget_all(&mut self) {
        self.engine.clear();
        self.shown.clear();
        self.names = if self.set() { Vec::new() } else { (0..self.model.spec.classes as u32).collect() };
    }

    /// The engine's class of a label, if it has one by now.
    fn class(&self, label: u32) -> Option<u32> {
        self.names.iter().position(|name| *name == label).map(|class| class as u32)
    }

    /// Shows one example.
    fn show(&mut self, inputs: &[f32], id: u32, label: u32) -> Result<(), Fault> {
        let class = self.class(label).unwrap_or_else(|| {
            self.names.push(label);
            self.names.len() as u32 - 1
        });
        if self.set() {
            self.engine.set_classes(self.names.len().max(2))?;
        }
        self.engine.observe(inputs, &[class])?;
        self.shown.push((id, label));
        Ok(())
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
        if self.set() && same < self.shown.len() {
            // classes may have gone; showing all of them again is bookkeeping for the engine
            let kept: Vec<Example> = wanted[..same].iter().map(|example| (*example).clone()).collect();
            self.forget_all();
            for example in kept {
                let inputs = self.encoder.encode(&example.picture)?;
                self.show(&inputs, example.id, example.label)?;
            }
        } else {
            self.engine.rewind(same)?;
            self.shown.truncate(same);
        }
        for example in &wanted[same..] {
            let inputs = self.encoder.encode(&example.picture)?;
            if !asked(example.id) {
                let right = self.guess(&inputs, example.label).await?;
                answer.guesses.push(Guess { id: example.id, right });
            }
            self.show(&inputs, example.id, example.label)?;
        }

        if let (Some(drawing), false) = (drawing, wanted.is_empty()) {
            let query = self.encoder.encode(drawing)?;
            let start = now_ms();
            let log_probabilities = self.engine.predict(&query).await?;
            answer.took_ms = Some(now_ms() - start);
            let restricted = restrict(&log_probabilities, classes, self.engine.labels());
            let mut probabilities = vec![0.0; classes];
            for (name, log) in self.names.iter().zip(restricted) {
                probabilities[*name as usize] = log.exp();
            }
            answer.probabilities = Some(probabilities);
        }
        Ok(answer)
    }

    /// Whether the learner, as it is now, would name `inputs` as `label`.
    async fn guess(&mut self, inputs: &[f32], label: u32) -> Result<Option<bool>, Fault> {
        let labels = self.engine.labels().to_vec();
        let Some(class) = self.class(label) else { return Ok(None) };
        if !labels.contains(&class) || labels.iter().all(|other| *other == class) {
            return Ok(None);
        }
        let log_probabilities = self.engine.predict(inputs).await?;
        let restricted = restrict(&log_probabilities, self.model.spec.classes, &labels);
        let best = (0..restricted.len()).max_by(|&a, &b| restricted[a].total_cmp(&restricted[b]));
        Ok(Some(best == Some(class as usize)))
    }
}
