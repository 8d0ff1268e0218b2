//! A model with one course that follows a table, and two for questions aside.

use std::sync::Arc;

use shaders::Model;
use shaders::gpu::Gpu;
use shaders::spec::Variant;

use crate::course::{Course, Size, values};
use crate::{Words, words};

/// Weights of the untrained learner.
const UNTRAINED_SEED: u64 = 0;
/// Examples of a trial of an engine: a table as it is after a few minutes of drawing.
const TRIAL: usize = 24;

/// A model and what it was shown.
pub struct Learner {
    /// The model.
    pub model: Arc<Model>,
    /// The device it computes on; none: the CPU.
    pub gpu: Option<Gpu>,
    /// The table, once something was shown.
    pub table: Option<Course>,
    /// For [`Learner::ask`]: of the trained and of the untrained learner.
    aside: [Option<Course>; 2],
}

/// Examples that a table has beyond those it keeps.
pub struct More<'a> {
    /// Raw values, `[n, D]`.
    pub inputs: &'a [f32],
    /// Labels, `[n]`.
    pub labels: &'a [u32],
    /// Whether the learner is asked about each before it is told, `[n]`.
    pub asks: &'a [u8],
}

/// What [`Learner::follow`] gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// Of each new example: whether it was named right before it was told; none where it was not asked.
    pub guesses: Vec<Option<bool>>,
    /// Probability of each label, `[C]`; empty without a query or examples.
    pub probabilities: Vec<f32>,
    /// How much each example mattered, `[N]`; empty likewise.
    pub importance: Vec<f32>,
}

impl Learner {
    /// Reads a model file's bytes. The learner computes on the CPU until it is told otherwise.
    pub fn open(bytes: &[u8]) -> Result<Learner, Words> {
        let model = Arc::new(Model::from_bytes(bytes)?);
        Ok(Learner { model, gpu: None, table: None, aside: [None, None] })
    }

    /// What the file says, as JSON.
    pub fn card(&self) -> String {
        let spec = &self.model.spec;
        let variant = match spec.variant {
            Variant::Paper => "paper",
            Variant::Shifted => "shifted",
            Variant::Equivariant => "equivariant",
        };
        let stem = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        serde_json::json!({
            "hash": self.model.hash(),
            "parameters": spec.parameters(),
            "variant": variant,
            "stem": stem,
            "layers": spec.layers,
            "classes": spec.classes,
            "capacity": spec.longest - 1,
            "inputs": spec.inputs,
            "metadata": self.model.metadata,
        })
        .to_string()
    }

    /// Moves to a device, or to the CPU, with everything shown; after an error it is where it was.
    pub async fn move_to(&mut self, gpu: Option<Gpu>) -> Result<(), Words> {
        if let Some(gpu) = &gpu {
            // now rather than with the first example
            gpu.prepare(&self.model.spec).await?;
        }
        if let Some(table) = &mut self.table {
            table.move_to(gpu.as_ref()).await?;
        }
        self.aside = [None, None];
        self.gpu = gpu;
        Ok(())
    }

    /// The table for examples of this size; an empty one of another size gives way.
    pub async fn table(&mut self, size: Size) -> Result<&mut Course, Words> {
        if let Some(table) = &self.table
            && table.size != size
        {
            let ((h, w, c), found) = (table.size, size);
            if !table.labels.is_empty() {
                return Err(words(format!(
                    "expected examples of {h} × {w} × {c} values as those before, found {} × {} × {}. \
                     Forget those, or open another learner",
                    found.0, found.1, found.2
                )));
            }
            self.table = None;
        }
        let table = match self.table.take() {
            Some(table) => table,
            None => Course::open(self.model.clone(), self.gpu.as_ref(), size).await?,
        };
        Ok(self.table.insert(table))
    }

    /// Keeps the first `keep` examples of the table, shows `more`, and answers `query`, if it is not empty.
    /// `drawings`: see [`Course::set_drawings`].
    pub async fn follow(
        &mut self,
        size: Size,
        drawings: bool,
        keep: usize,
        more: More<'_>,
        query: &[f32],
    ) -> Result<Followed, Words> {
        let (width, classes) = (values(size), self.model.spec.classes);
        if more.inputs.len() != more.labels.len() * width || more.asks.len() != more.labels.len() {
            return Err(words(format!(
                "expected {width} values and one question mark for each of {} labels",
                more.labels.len()
            )));
        }
        let table = self.table(size).await?;
        table.set_drawings(drawings)?;
        table.rewind(keep)?;
        let mut followed = Followed::default();
        for ((row, &label), &ask) in more.inputs.chunks_exact(width).zip(more.labels).zip(more.asks) {
            followed.guesses.push(if ask != 0 { table.guess(row, label).await? } else { None });
            table.observe(row, label)?;
        }
        if !query.is_empty()
            && let Some(answer) = table.answer(query, classes).await?
        {
            followed.probabilities = answer.probabilities;
            followed.importance = answer.importance;
        }
        Ok(followed)
    }

    /// What the learner, or one of its make that was never meta-trained, says of `queries` after these examples alone; see
    /// [`Course::ask`].
    pub async fn ask(
        &mut self,
        trained: bool,
        size: Size,
        inputs: &[f32],
        labels: &[u32],
        classes: usize,
        queries: &[f32],
    ) -> Result<Vec<f32>, Words> {
        let most = self.model.spec.classes;
        if !(1..=most).contains(&classes) {
            return Err(words(format!(
                "expected 1 to {most} classes, which this learner can tell apart, found {classes}"
            )));
        }
        let slot = usize::from(trained);
        let mut course = match self.aside[slot].take() {
            Some(course) if course.size == size => course,
            other => {
                let model = match (trained, other) {
                    (true, _) => self.model.clone(),
                    (false, _) => Arc::new(Model::random(self.model.spec.clone(), UNTRAINED_SEED)?),
                };
                Course::open(model, self.gpu.as_ref(), size).await?
            }
        };
        let answers = course.ask(inputs, labels, classes, queries).await;
        self.aside[slot] = Some(course);
        answers
    }
}

/// A course of the same kind as the page's table, on its own, on which engines are timed.
pub struct Trial {
    course: Course,
    round: usize,
}

impl Trial {
    /// Shows a few examples of no meaning, and asks once, so that everything is allocated and compiled.
    pub async fn start(model: Arc<Model>, gpu: Option<Gpu>) -> Result<Trial, Words> {
        // a learner without projection takes as many values as it has inputs
        let course = match Course::open(model.clone(), gpu.as_ref(), (28, 28, 1)).await {
            Ok(course) => course,
            Err(_) => Course::open(model.clone(), gpu.as_ref(), (1, model.spec.inputs, 1)).await?,
        };
        let mut trial = Trial { course, round: 0 };
        for i in 0..TRIAL.min(trial.course.capacity()) {
            trial.course.observe(&trial.values(i), (i % model.spec.classes.min(5)) as u32)?;
        }
        trial.round().await?;
        Ok(trial)
    }

    fn values(&self, index: usize) -> Vec<f32> {
        let scatter = |i: usize| (((index * 7919 + i) as u32).wrapping_mul(2_654_435_761) >> 8) as f32;
        (0..values(self.course.size)).map(|i| scatter(i) / (1u32 << 24) as f32).collect()
    }

    /// What is done when an example is taught and the next drawing is asked about.
    pub async fn round(&mut self) -> Result<(), Words> {
        let last = self.course.labels.len() - 1;
        let label = self.course.labels[last];
        self.round += 1;
        self.course.rewind(last)?;
        self.course.observe(&self.values(100 + self.round), label)?;
        self.course.answer(&self.values(200 + self.round), 5).await?;
        Ok(())
    }
}
