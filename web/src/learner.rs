//! The learner on an engine, kept in step with the examples on the table.
#![allow(dead_code, reason = "controls and tables are about to ask")]

use std::cell::RefCell;
use std::rc::Rc;
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
/// Weights of the untrained learner.
const UNTRAINED_SEED: u64 = 0;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The model cannot take 28×28 drawings at all.
    Encode(EncodeError),
    /// The engine.
    Session(SessionError),
    /// A call that makes no sense, in words.
    Call(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Encode(error) => error.fmt(f),
            Fault::Session(error) => error.fmt(f),
            Fault::Call(words) => words.fmt(f),
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
    /// How much each example of the table mattered for that, in the table's order, summing to 1; 0 for those that the
    /// learner was not shown. It comes from the same pass as the probabilities. What it is made of is said at
    /// [`shaders::session::Attention::importance`].
    pub attention: Option<Vec<f32>>,
    /// Of every example that was shown in this round for the first time.
    pub guesses: Vec<Guess>,
    /// Time of the answer alone, in milliseconds.
    pub took_ms: Option<f64>,
    /// Examples that this learner has no room or no class for.
    pub left_out: usize,
}

/// Whose answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The model's.
    Trained,
    /// That of a learner of the same make with random weights, which was never meta-trained: a control.
    Untrained,
}

/// Examples for [`Learner::ask`]: a table of its own, which has nothing to do with the drawings on the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Raw values, `[N, D]` with D = height · width · channels; pixels in [0, 1], or columns of any scale.
    pub inputs: Vec<f32>,
    /// Height of one example; 1 for a row of a table.
    pub height: usize,
    /// Width; D for a row of a table.
    pub width: usize,
    /// Channels, innermost; 1 for a row of a table.
    pub channels: usize,
    /// Labels, `[N]`, each below `classes`.
    pub labels: Vec<u32>,
    /// Number of classes, at most the model's.
    pub classes: usize,
}

/// A model on an engine, with what it was shown. Copies share it; any number of learners may be open at once.
#[derive(Clone)]
pub struct Learner {
    /// The model.
    pub model: Arc<Model>,
    gpu: Option<Gpu>,
    /// The drawings on the page.
    table: Rc<RefCell<Option<Course>>>,
    /// Contexts of [`Learner::ask`], one for each of [`Which`].
    aside: Rc<RefCell<Vec<(Which, Course)>>>,
}

/// A session of a model with what it was shown.
struct Course {
    model: Arc<Model>,
    /// Height, width and channels of an example.
    size: (usize, usize, usize),
    /// Raw values of those shown by [`Learner::ask`], `[N, D]`.
    raw: Vec<f32>,
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
        let table = Course::open(model.clone(), gpu, (SIDE, SIDE, 1)).await?;
        Ok(Learner { model, gpu: gpu.cloned(), table: Rc::new(RefCell::new(Some(table))), aside: Rc::default() })
    }

    /// Which engine it runs on.
    pub fn kind(&self) -> Kind {
        if self.gpu.is_some() { Kind::Gpu } else { Kind::Cpu }
    }

    /// Says whether the pictures of the table are drawings, as they are at first, or numbers in no order, which a stem
    /// could not read. The learner forgets what it was shown. Not while a question is being answered.
    pub fn set_drawings(&self, drawings: bool) -> Result<(), Fault> {
        if let Some(course) = self.table.borrow_mut().as_mut() {
            course.rewind(0)?;
            course.engine.set_drawings(drawings);
        }
        Ok(())
    }

    /// Brings the engine's context in step with `examples`, asking about each new one first where
    /// `asked(id)` is false, and answers `drawing`. One call at a time.
    ///
    /// # Shapes
    /// `drawing` [28, 28]
    pub async fn answer(
        &self,
        examples: &[Example],
        asked: impl Fn(u32) -> bool,
        drawing: Option<&[f32]>,
    ) -> Result<Answer, Fault> {
        let course = self.table.borrow_mut().take();
        let mut course = course.ok_or_else(|| Fault::Call("the last question is still being answered".into()))?;
        let answer = course.answer(examples, asked, drawing).await;
        *self.table.borrow_mut() = Some(course);
        answer
    }

    /// What a learner says of `queries` that was shown `shown` and nothing else: the drawings on the page are neither
    /// asked nor touched. Many queries cost little more than one, and examples that the call before began with as well
    /// are not taken in anew.
    ///
    /// # Shapes
    /// `queries` `[Q, D]`, raw; the result `[Q, classes]`: probabilities over the labels shown, all alike before any was.
    ///
    /// # Errors
    /// Sizes that don't fit together, labels out of range, more examples or classes than the model takes; the engine.
    pub async fn ask(&self, which: Which, shown: &Shown, queries: &[f32]) -> Result<Vec<f32>, Fault> {
        shown.check(queries, self.model.spec.classes)?;
        let size = (shown.height, shown.width, shown.channels);
        let found = {
            let mut aside = self.aside.borrow_mut();
            aside.iter().position(|(other, _)| *other == which).map(|at| aside.remove(at).1)
        };
        let mut course = match found {
            Some(course) if course.size == size => course,
            _ => {
                let model = match which {
                    Which::Trained => self.model.clone(),
                    Which::Untrained => Arc::new(
                        Model::random(self.model.spec.clone(), UNTRAINED_SEED)
                            .map_err(|error| Fault::Call(error.to_string()))?,
                    ),
                };
                Course::open(model, self.gpu.as_ref(), size).await?
            }
        };
        let answer = course.ask(shown, queries).await;
        self.aside.borrow_mut().push((which, course));
        answer
    }
}

impl Shown {
    /// D.
    fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Checks that everything fits together.
    fn check(&self, queries: &[f32], most: usize) -> Result<(), Fault> {
        let call = |words: String| Err(Fault::Call(words));
        let values = self.values();
        if values == 0 {
            return call("an example needs at least one value".into());
        }
        if self.inputs.len() != self.labels.len() * values {
            let (expected, found) = (self.labels.len() * values, self.inputs.len());
            return call(format!("examples: expected {expected} values ({values} for each label), found {found}"));
        }
        if !queries.len().is_multiple_of(values) {
            return call(format!("queries: expected a multiple of {values} values, found {}", queries.len()));
        }
        if !(1..=most).contains(&self.classes) {
            return call(format!("this learner knows 1 to {most} classes, found {}", self.classes));
        }
        match self.labels.iter().find(|label| **label as usize >= self.classes) {
            Some(label) => call(format!("label {label} is out of range: there are {} classes", self.classes)),
            None => Ok(()),
        }
    }
}

impl Course {
    /// Opens `model` on a GPU, or on the CPU where none is given, for examples of height, width and channels.
    async fn open(model: Arc<Model>, gpu: Option<&Gpu>, size: (usize, usize, usize)) -> Result<Course, Fault> {
        let encoder = Encoder::new(&model.spec, size.0, size.1, size.2, PROJECTION_SEED)?;
        let mut engine = match gpu {
            Some(gpu) => Engine::gpu(gpu, &model).await?,
            None => Engine::cpu(model.clone()),
        };
        // a stem reads grey pictures alone
        engine.set_drawings(size == (SIDE, SIDE, 1));
        let names = Vec::new();
        let mut course = Course { model, size, raw: Vec::new(), encoder, engine, shown: Vec::new(), names };
        course.rewind(0)?;
        Ok(course)
    }

    /// Whether the learner takes its examples as a set.
    fn set(&self) -> bool {
        self.model.spec.equivariant.is_some()
    }

    /// Keeps the first `count` examples, and of a set learner's classes those that they have.
    fn rewind(&mut self, count: usize) -> Result<(), Fault> {
        self.engine.rewind(count)?;
        self.shown.truncate(count);
        self.raw.truncate(count * self.size.0 * self.size.1 * self.size.2);
        if self.set() {
            let known = self.engine.labels().iter().max().map_or(0, |class| *class as usize + 1);
            self.names.truncate(known);
            self.engine.set_classes(known.max(2))?;
        } else {
            self.names = (0..self.model.spec.classes as u32).collect();
        }
        Ok(())
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

    /// Probability of each of `labels` labels over those shown, from the engine's `[C]`.
    fn probabilities(&self, log_probabilities: &[f32], labels: usize) -> Vec<f32> {
        let restricted = restrict(log_probabilities, self.model.spec.classes, self.engine.labels());
        let mut probabilities = vec![0.0; labels];
        for (name, log) in self.names.iter().zip(restricted) {
            if let Some(probability) = probabilities.get_mut(*name as usize) {
                *probability = log.exp();
            }
        }
        probabilities
    }

    /// See [`Learner::answer`].
    async fn answer(
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
        self.rewind(same.count())?;
        for example in &wanted[self.shown.len()..] {
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
            let (log_probabilities, attention) = self.engine.consult(&query).await?;
            answer.took_ms = Some(now_ms() - start);
            answer.probabilities = Some(self.probabilities(&log_probabilities, classes));
            let mut importance = attention.importance().into_iter();
            let of = |example: &Example| match wanted.iter().any(|shown| shown.id == example.id) {
                true => importance.next().unwrap_or(0.0),
                false => 0.0,
            };
            answer.attention = Some(examples.iter().map(of).collect());
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

    /// See [`Learner::ask`].
    async fn ask(&mut self, shown: &Shown, queries: &[f32]) -> Result<Vec<f32>, Fault> {
        let (values, labels) = (shown.values(), shown.classes);
        let rows = || shown.inputs.chunks_exact(values).zip(&shown.labels);
        let before = self.raw.chunks_exact(values).zip(&self.shown);
        let same = before.zip(rows()).take_while(|((raw, (_, before)), (row, label))| raw == row && before == *label);
        self.rewind(same.count())?;
        for (row, &label) in rows().skip(self.shown.len()) {
            let inputs = self.encoder.encode(row)?;
            self.show(&inputs, 0, label)?;
            self.raw.extend_from_slice(row);
        }
        if shown.labels.is_empty() {
            return Ok(vec![1.0 / labels as f32; queries.len() / values * labels]);
        }
        let mut inputs = Vec::with_capacity(queries.len() / values * self.model.spec.inputs);
        for query in queries.chunks_exact(values) {
            inputs.extend(self.encoder.encode(query)?);
        }
        let answers = self.engine.predict(&inputs).await?;
        let each = answers.chunks_exact(self.model.spec.classes);
        Ok(each.flat_map(|answer| self.probabilities(answer, labels)).collect())
    }
}
