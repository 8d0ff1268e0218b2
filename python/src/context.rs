//! A learner that was shown rows, and answers others: what stands below the Python module, without Python.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use shaders::input::encode::{EncodeError, Encoder};
use shaders::probability::{of_table_rows, renormalise_over_seen};
use shaders::session::error::SessionError;
use shaders::{Model, cpu};
use tables::column::{Column, Kind, Values};
use tables::number::Writing;
use tables::{Inputs, Table, TableError};

/// Chooses the projection of a learner that has one; the trainer and the page use the same.
const PROJECTION_SEED: u64 = 0;

/// Queries that a thread computes at once. Never depends on the number of threads, so that answers don't either.
const BATCH: usize = 64;

/// Why rows are refused.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// What the rows become.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The learner has no way to take such rows.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The learner's context refuses them.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Values, columns and labels that do not belong together.
    #[error("expected {expected} {what}, found {found}")]
    Shape {
        /// What is counted.
        what: &'static str,
        /// Number expected.
        expected: usize,
        /// Number found.
        found: usize,
    },
    /// The learner cannot say that a query belongs to none of the classes.
    #[error("none_of_these needs a set learner, such as 'general', and at most {most} classes")]
    None {
        /// Most classes.
        most: usize,
    },
}

/// What the values of a row are.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Columns of a table: of each the number of its words, 0 for a column of numbers.
    Columns(Vec<u32>),
    /// Pixels of a picture: height, width, channels.
    Picture(usize, usize, usize),
}

impl Form {
    /// D: values of a row.
    pub fn width(&self) -> usize {
        match self {
            Form::Columns(words) => words.len(),
            Form::Picture(height, width, channels) => height * width * channels,
        }
    }
}

/// Rows that a learner was shown.
pub struct Context {
    form: Form,
    /// Scales of a table's columns; a picture has none.
    inputs: Option<Inputs>,
    /// Whether the learner is a set learner.
    set: bool,
    encoder: Encoder,
    labels: Vec<u32>,
    /// C of the rows, not of the learner.
    classes: usize,
    /// Whether answers are the probability that a query belongs to none of the classes.
    none: bool,
    of_learner: usize,
    /// The learner with nothing computed yet.
    shown: cpu::Session,
    /// Learners with their context taken in, which no thread uses at present. Each thread needs one of its own. There are no
    /// more than were used at once: with a thousand rows each is some 50 MB.
    idle: Mutex<Vec<cpu::Session>>,
}

/// Columns of `[rows, columns]` values. Words are counted from 0; NaN is a missing value of either kind.
fn columns(values: &[f64], words: &[u32]) -> Vec<Values> {
    let column = |at: usize| values.iter().skip(at).step_by(words.len());
    let word = |value: f64, count: u32| (value >= 0.0 && value < f64::from(count)).then_some(value as u32);
    (0..words.len())
        .map(|at| match words[at] {
            0 => Values::Numbers(column(at).copied().collect()),
            count => Values::Words(column(at).map(|value| word(*value, count)).collect()),
        })
        .collect()
}

/// The rows as a table whose meaning is known.
fn table(values: &[f64], words: &[u32], labels: &[u32], classes: usize) -> Table {
    let columns = columns(values, words).into_iter().zip(words).enumerate().map(|(at, (values, words))| Column {
        name: format!("column {}", at + 1),
        kind: match words {
            0 => Kind::Number(Writing::PLAIN),
            count => Kind::Category((0..*count).map(|word| word.to_string()).collect()),
        },
        missing: match &values {
            Values::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Values::Words(values) => values.iter().filter(|value| value.is_none()).count(),
        },
        values,
        left_out: None,
    });
    Table {
        columns: columns.collect(),
        class: words.len(),
        class_names: (0..classes).map(|class| class.to_string()).collect(),
        labels: labels.iter().map(|label| Some(*label)).collect(),
        lines: (1..=labels.len()).collect(),
        headed: false,
        notes: Vec::new(),
    }
}

impl Context {
    /// Shows a learner rows. Scales are learned from them alone.
    ///
    /// # Shapes
    /// `values` `[N, D]`, `labels` `[N]`, all below `classes`.
    ///
    /// # Errors
    /// More rows or classes than the learner takes; inputs that it cannot take.
    pub fn new(
        model: &Arc<Model>,
        form: Form,
        values: &[f64],
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Context, ContextError> {
        let expected = labels.len() * form.width();
        if values.len() != expected {
            return Err(ContextError::Shape { what: "values", expected, found: values.len() });
        }
        let set = model.spec.equivariant.is_some();
        let (inputs, encoder) = match &form {
            Form::Columns(words) => {
                let table = table(values, words, &labels, classes);
                let rows: Vec<usize> = (0..labels.len()).collect();
                let inputs = if set { Inputs::of(&table, &rows)? } else { Inputs::on_scale(&table, &rows)? };
                let width = inputs.width();
                (Some(inputs), Encoder::new(&model.spec, 1, width, 1, PROJECTION_SEED)?)
            }
            Form::Picture(height, width, channels) => {
                (None, Encoder::new(&model.spec, *height, *width, *channels, PROJECTION_SEED)?)
            }
        };
        let mut shown = cpu::Session::new(model.clone());
        shown.context.set_images(encoder.drawings());
        if set {
            shown.context.set_classes(classes.clamp(2, model.spec.most_classes()))?;
        }
        let of_learner = shown.context.classes();
        let idle = Mutex::new(Vec::new());
        let none = false;
        let mut context = Context { form, inputs, set, encoder, labels, classes, none, of_learner, shown, idle };
        let encoded = context.encode(values)?;
        context.shown.context.observe(&encoded, &context.labels)?;
        // any question makes a session take its context in: better now than at the first one
        let mut ready = context.shown.clone();
        ready.predict(&vec![0.0; model.spec.inputs])?;
        context.idle().push(ready);
        Ok(context)
    }

    /// D: values of a row.
    pub fn width(&self) -> usize {
        self.form.width()
    }

    /// The same rows, asked about one class more, of which nothing is shown: answers are how likely a query is to belong to it.
    ///
    /// # Errors
    /// The learner is no set learner, or has no class left.
    pub fn or_none(&self) -> Result<Context, ContextError> {
        let most = self.shown.context.most_classes();
        if !self.set || self.classes >= most {
            return Err(ContextError::None { most: most - 1 });
        }
        let mut shown = self.shown.clone();
        shown.context.set_classes(self.classes + 1)?;
        Ok(Context {
            form: self.form.clone(),
            inputs: self.inputs.clone(),
            set: true,
            encoder: self.encoder.clone(),
            labels: self.labels.clone(),
            classes: self.classes,
            none: true,
            of_learner: shown.context.classes(),
            shown,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Numbers of an answer: the probabilities of C classes, or that of none of them.
    pub fn numbers(&self) -> usize {
        if self.none { 1 } else { self.classes }
    }

    /// From `[rows, D]` to the learner's `[rows, X]`.
    fn encode(&self, values: &[f64]) -> Result<Vec<f32>, EncodeError> {
        let mut encoded = Vec::new();
        match (&self.form, &self.inputs) {
            (Form::Columns(words), Some(inputs)) => {
                let rows = values.len().checked_div(words.len()).unwrap_or(0);
                let columns = columns(values, words);
                for row in 0..rows {
                    encoded.extend(self.encoder.encode(&inputs.other(&columns, row))?);
                }
            }
            (form, _) => {
                for row in values.chunks_exact(form.width().max(1)) {
                    let row: Vec<f32> = row.iter().map(|value| *value as f32).collect();
                    encoded.extend(self.encoder.encode(&row)?);
                }
            }
        }
        Ok(encoded)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<cpu::Session>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sessions for threads that will ask at once: copied, which is faster than taking the context in again.
    fn reserve(&self, threads: usize) {
        let mut idle = self.idle();
        while let Some(first) = idle.first().filter(|_| idle.len() < threads) {
            let copy = first.clone();
            idle.push(copy);
        }
    }

    /// Q: queries that [`Context::ask`] takes well at once.
    pub fn round(threads: usize) -> usize {
        BATCH * threads.max(1)
    }

    /// Probability of each class for each query, classes that were not shown at 0, or that of none of them; each [`BATCH`] of
    /// queries on a thread of its own. Other threads may ask at the same time.
    ///
    /// # Shapes
    /// `values` `[Q, D]`; the result `[Q, C]`, or `[Q]`.
    ///
    /// # Errors
    /// Values that are not finite in a picture.
    pub fn ask(&self, values: &[f64]) -> Result<Vec<f64>, ContextError> {
        let batches: Vec<&[f64]> = values.chunks(BATCH * self.width()).collect();
        if let [batch] = batches[..] {
            return self.ask_batch(batch);
        }
        self.reserve(batches.len());
        let found: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = batches.iter().map(|batch| scope.spawn(|| self.ask_batch(batch))).collect();
            // a panic goes on in this thread
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn ask_batch(&self, values: &[f64]) -> Result<Vec<f64>, ContextError> {
        let encoded = self.encode(values)?;
        let idle = self.idle().pop();
        let mut session = idle.unwrap_or_else(|| self.shown.clone());
        let all = session.predict(&encoded)?;
        self.idle().push(session);
        if self.none {
            let rows = all.chunks_exact(self.of_learner);
            return Ok(rows.map(|row| f64::from(row[self.classes]).exp()).collect());
        }
        let weigh = self.set && self.inputs.is_some();
        let over_seen = if weigh { of_table_rows } else { renormalise_over_seen };
        let mut probabilities = Vec::new();
        for row in over_seen(&all, self.of_learner, &self.labels).chunks_exact(self.of_learner) {
            let row: Vec<f64> = row[..self.classes].iter().map(|value| f64::from(*value).exp()).collect();
            // they sum to 1 in f32; those who compute with them do so in f64
            let sum: f64 = row.iter().sum();
            probabilities.extend(row.iter().map(|value| value / sum));
        }
        Ok(probabilities)
    }
}
