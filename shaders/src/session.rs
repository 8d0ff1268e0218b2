//! What a session of either engine is: the examples shown so far, what may be asked, and what can go wrong.
//!
//! The learner is causal over tokens (x_i, y_{i−1}). Example i, once shown, is token i, and its label is part of
//! token i + 1. A query x' after N examples is one more token (x', y_{N−1}) at position N: it sees the N cached
//! slots and its own, and nothing of it is kept. Engines compute cached slots lazily, in the next
//! `predict` or `attention`, for the tokens after the last valid one: many at once (prefill) or one by one, with
//! the same result. So showing, removing and relabelling are plain bookkeeping here and cannot fail on a device.
//!
//! In a set learner example i is token i with its own label, and every token depends on all the others: any change
//! makes all of them stale. Only inputs, and what a stem makes of each by itself, stay.

use crate::cpu;
use crate::file::Model;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::kernel::embed::NO_LABEL;
use crate::plan::Task;
use crate::spec::Manner;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Why a session refuses a call, or could not finish it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SessionError {
    /// No room for the examples.
    #[error(
        "the context holds at most {capacity} examples and would have {found}. Remove some, or use a model with a longer context"
    )]
    Full {
        /// Most examples the model takes.
        capacity: usize,
        /// Examples there would be.
        found: usize,
    },
    /// Inputs that are not a whole number of examples.
    #[error(
        "inputs: expected a multiple of {expected} values, found {found}. Encode every example with the model's own encoder"
    )]
    InputLength {
        /// X of the model.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// Not one label for each example.
    #[error("labels: expected one for each of {expected} examples, found {found}")]
    LabelCount {
        /// Examples in the call.
        expected: usize,
        /// Labels in the call.
        found: usize,
    },
    /// A label that there is no class for.
    #[error("label {found} is out of range: there are {classes} classes, 0 to {}", classes - 1)]
    Label {
        /// C in use.
        classes: usize,
        /// Label found.
        found: u32,
    },
    /// A number of classes that the model or the labels shown do not allow.
    #[error("the number of classes in use must be from {lowest} to {highest}, found {found}: {}", match lowest == highest {
        true => "this model answers for all of its classes",
        false => "the labels shown need theirs, and the model has no more",
    })]
    Classes {
        /// Fewest classes allowed.
        lowest: usize,
        /// Most classes allowed.
        highest: usize,
        /// Number found.
        found: usize,
    },
    /// An input that is infinite or not a number.
    #[error("input {index} of example {example} is not a finite number. Check the data it was encoded from")]
    NotFinite {
        /// Example within the call.
        example: usize,
        /// Index within the example, below X.
        index: usize,
    },
    /// An example that is not there.
    #[error("there is no example {found}: the context holds {len}")]
    Index {
        /// Examples in the context.
        len: usize,
        /// Index found.
        found: usize,
    },
    /// A saved state of another model.
    #[error(
        "this state belongs to another model: it was saved with {found}, this one is {expected}. Load that model first"
    )]
    OtherModel {
        /// Hash of this model's weights.
        expected: String,
        /// Hash in the state.
        found: String,
    },
    /// A saved state that was cut off or changed.
    #[error("this saved state is damaged: {0}. Save it again")]
    Damaged(&'static str),
    /// The model, or a call, needs a larger buffer than the device offers.
    #[error(
        "{what} needs {needed} bytes in one buffer and the device offers {limit}. Use the CPU engine, or a smaller model"
    )]
    TooLarge {
        /// What does not fit.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Largest buffer binding of the device.
        limit: u64,
    },
    /// The device is gone: unplugged, reset, out of memory or taken by the system.
    #[error("the GPU device was lost: {0}. Open a new device, or go on with the CPU engine")]
    Lost(String),
    /// The device refused or failed a command.
    #[error("the GPU reported an error: {0}. Go on with the CPU engine")]
    Gpu(String),
}

/// Shown examples, in the order in which they were shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examples {
    /// Encoded inputs, `[N, X]`.
    pub inputs: Vec<f32>,
    /// Labels, `[N]`.
    pub labels: Vec<u32>,
}

/// The examples of a session together with what its model allows. It checks every change before it makes it, so
/// a refused call leaves everything as it was.
#[derive(Debug, Clone)]
pub struct Context {
    inputs: usize,
    classes: usize,
    capacity: usize,
    hash: String,
    examples: Examples,
    /// Whether the learner is a set learner.
    set: bool,
    manner: Manner,
    /// Tokens 0..ready are valid in the engine's cache; in a set learner all or none.
    pub(crate) ready: usize,
    /// Set learners: inputs 0..encoded are valid in the engine's cache.
    pub(crate) encoded: usize,
}

const MAGIC: &[u8; 8] = b"ICLSTATE";
const VERSION: u32 = 2;
const HASH_BYTES: usize = 64;
/// Magic, version, hash of the model in hexadecimal, N, X; since version 2 also classes in use, and whether inputs are
/// drawings.
const HEADER_BYTES: usize = 8 + 4 + HASH_BYTES + 4 + 4;
const MANNER_BYTES: usize = 4 + 4;
const CHECKSUM_BYTES: usize = 32;

impl Context {
    /// An empty context for `model`.
    pub(crate) fn new(model: &Model) -> Self {
        Context {
            inputs: model.spec.inputs,
            classes: model.spec.classes,
            capacity: model.spec.longest - 1,
            hash: model.hash(),
            examples: Examples::default(),
            set: model.spec.equivariant.is_some(),
            manner: Manner::of(&model.spec),
            ready: 0,
            encoded: 0,
        }
    }

    /// N: examples shown.
    pub fn len(&self) -> usize {
        self.examples.labels.len()
    }

    /// Whether nothing was shown yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most examples that the model takes: its `longest − 1`, for the query is a token too.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// C: classes of the model.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Classes that the learner is asked about; those of the model, unless [`Context::set_classes`] said otherwise.
    pub fn classes_in_use(&self) -> usize {
        self.manner.classes
    }

    /// Fewest classes that may be in use: 2, and those of the labels shown.
    pub fn fewest_classes(&self) -> usize {
        match self.set {
            true => self.examples.labels.iter().map(|&label| label as usize + 1).fold(2, usize::max),
            false => self.classes,
        }
    }

    /// Asks a set learner about the first `classes` classes alone: the others get −∞. Other learners have no choice.
    ///
    /// # Errors
    /// Fewer than 2, fewer than the labels shown need, more than the model has; any other than the model's unless it is
    /// a set learner.
    pub fn set_classes(&mut self, classes: usize) -> Result<(), SessionError> {
        let (lowest, highest) = (self.fewest_classes(), self.classes);
        if !(lowest..=highest).contains(&classes) {
            return Err(SessionError::Classes { lowest, highest, found: classes });
        }
        if classes != self.manner.classes {
            self.manner.classes = classes;
            self.stale(0, self.len());
        }
        Ok(())
    }

    /// Whether inputs are taken for drawings, which a set learner's stem reads; without a stem it makes no difference.
    pub fn drawings(&self) -> bool {
        self.manner.drawings
    }

    /// Says whether inputs are drawings. At first they are, if the model has a stem.
    pub fn set_drawings(&mut self, drawings: bool) {
        if self.set && drawings != self.manner.drawings {
            self.manner.drawings = drawings;
            // embeddings were left out while there was no use for them
            self.stale(0, 0);
        }
    }

    /// How the learner is asked.
    pub(crate) fn manner(&self) -> Manner {
        self.manner
    }

    /// Tokens from `token` on are no longer valid in the cache (in a set learner none is), nor inputs from `input` on.
    fn stale(&mut self, token: usize, input: usize) {
        self.ready = if self.set { 0 } else { self.ready.min(token) };
        self.encoded = self.encoded.min(input);
    }

    /// Everything shown is in the cache.
    pub(crate) fn cached(&mut self) {
        (self.ready, self.encoded) = (self.len(), self.len());
    }

    /// Nothing in the cache is to be trusted.
    pub(crate) fn uncached(&mut self) {
        (self.ready, self.encoded) = (0, 0);
    }

    /// X: inputs of one example.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The examples shown.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// Shows examples; after an error none of them counts as shown.
    ///
    /// # Shapes
    /// `inputs` `[n, X]`, `labels` `[n]`.
    ///
    /// # Errors
    /// Lengths that do not fit, inputs that are not finite, labels out of range, no room.
    pub fn observe(&mut self, inputs: &[f32], labels: &[u32]) -> Result<(), SessionError> {
        let count = self.check_inputs(inputs)?;
        if labels.len() != count {
            return Err(SessionError::LabelCount { expected: count, found: labels.len() });
        }
        for &label in labels {
            self.check_label(label)?;
        }
        let found = self.len() + count;
        if found > self.capacity {
            return Err(SessionError::Full { capacity: self.capacity, found });
        }
        if count > 0 {
            self.stale(self.len(), self.len());
        }
        self.examples.inputs.extend_from_slice(inputs);
        self.examples.labels.extend_from_slice(labels);
        Ok(())
    }

    /// Removes example `index`; the result is as if it had never been shown.
    ///
    /// # Errors
    /// No such example.
    pub fn forget(&mut self, index: usize) -> Result<(), SessionError> {
        self.check_index(index)?;
        self.examples.labels.remove(index);
        self.examples.inputs.drain(index * self.inputs..(index + 1) * self.inputs);
        self.stale(index, index);
        Ok(())
    }

    /// Gives example `index` another label.
    ///
    /// # Errors
    /// No such example, or a label out of range.
    pub fn relabel(&mut self, index: usize, label: u32) -> Result<(), SessionError> {
        self.check_index(index)?;
        self.check_label(label)?;
        self.examples.labels[index] = label;
        // in a causal learner y_index enters with token index + 1
        self.stale(index + 1, self.len());
        Ok(())
    }

    /// Keeps the first `count` examples.
    ///
    /// # Errors
    /// Fewer were shown.
    pub fn rewind(&mut self, count: usize) -> Result<(), SessionError> {
        if count > self.len() {
            return Err(SessionError::Index { len: self.len(), found: count });
        }
        if count < self.len() {
            self.stale(count, count);
        }
        self.examples.labels.truncate(count);
        self.examples.inputs.truncate(count * self.inputs);
        Ok(())
    }

    /// Forgets every example.
    pub fn clear(&mut self) {
        self.examples = Examples::default();
        self.uncached();
    }

    /// The examples as bytes that [`Context::restore`] of the same model takes back, on either engine: magic,
    /// version, hash of the weights, N, X, classes in use, whether inputs are drawings, labels, inputs, and a SHA-256 over
    /// all of it; little-endian.
    pub fn save(&self) -> Vec<u8> {
        let size = HEADER_BYTES + MANNER_BYTES + self.len() * 4 * (1 + self.inputs) + CHECKSUM_BYTES;
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes.extend_from_slice(&(self.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.inputs as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.manner.classes as u32).to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.manner.drawings).to_le_bytes());
        bytes.extend(self.examples.labels.iter().flat_map(|label| label.to_le_bytes()));
        bytes.extend(self.examples.inputs.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend_from_slice(&Sha256::digest(&bytes));
        bytes
    }

    /// Replaces the examples by saved ones; after an error the old ones are still there.
    ///
    /// # Errors
    /// Bytes that are no state, cut off or changed; a state of another model; examples that
    /// [`Context::observe`] would refuse.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        if bytes.len() < HEADER_BYTES + CHECKSUM_BYTES {
            return Err(SessionError::Damaged("it is too short"));
        }
        let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if &body[..8] != MAGIC {
            return Err(SessionError::Damaged("it does not begin as a saved state does"));
        }
        if Sha256::digest(body)[..] != *checksum {
            return Err(SessionError::Damaged("its checksum does not fit"));
        }
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| body[at + i]));
        let header = match word(8) {
            1 => HEADER_BYTES,
            VERSION => HEADER_BYTES + MANNER_BYTES,
            _ => return Err(SessionError::Damaged("it has a format version that this program does not know")),
        };
        if body.len() < header {
            return Err(SessionError::Damaged("it is too short"));
        }
        let found = String::from_utf8_lossy(&body[12..12 + HASH_BYTES]).into_owned();
        if found != self.hash {
            return Err(SessionError::OtherModel { expected: self.hash.clone(), found });
        }
        let (count, inputs) = (word(HEADER_BYTES - 8) as usize, word(HEADER_BYTES - 4) as usize);
        let words = (inputs as u64 + 1) * count as u64;
        if (body.len() - header) as u64 != 4 * words {
            return Err(SessionError::Damaged("its length does not fit its number of examples"));
        }
        if inputs != self.inputs {
            return Err(SessionError::InputLength { expected: self.inputs, found: inputs });
        }
        let labels: Vec<u32> = (0..count).map(|i| word(header + 4 * i)).collect();
        let values: Vec<f32> = (count..words as usize).map(|i| f32::from_bits(word(header + 4 * i))).collect();
        let mut restored = self.clone();
        restored.clear();
        // version 1 knew causal learners alone
        if header > HEADER_BYTES {
            restored.set_classes(word(HEADER_BYTES) as usize)?;
            restored.set_drawings(word(HEADER_BYTES + 4) != 0);
        }
        restored.observe(&values, &labels)?;
        *self = restored;
        Ok(())
    }

    /// Checks inputs and counts their examples.
    pub(crate) fn check_inputs(&self, inputs: &[f32]) -> Result<usize, SessionError> {
        if !inputs.len().is_multiple_of(self.inputs) {
            return Err(SessionError::InputLength { expected: self.inputs, found: inputs.len() });
        }
        match inputs.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(SessionError::NotFinite { example: at / self.inputs, index: at % self.inputs }),
            None => Ok(inputs.len() / self.inputs),
        }
    }

    /// Checks that `query` is the input of exactly one example.
    pub(crate) fn check_query(&self, query: &[f32]) -> Result<(), SessionError> {
        if query.len() != self.inputs {
            return Err(SessionError::InputLength { expected: self.inputs, found: query.len() });
        }
        self.check_inputs(query).map(|_| ())
    }

    /// Labels that the kernels of `task` find in their buffer; none where those of the shown examples stay.
    pub(crate) fn labels_of(&self, task: Task) -> Option<Vec<u32>> {
        // the label that token `position` of a causal learner carries is that of the example before it
        let before = |position: usize| position.checked_sub(1).map_or(NO_LABEL, |i| self.examples.labels[i]);
        match task {
            Task::Tokens { .. } if self.set => Some(self.examples.labels.clone()),
            _ if self.set => None,
            Task::Queries { shown, rows, .. } => Some(vec![before(shown); rows]),
            Task::Tokens { first, rows } | Task::Inputs { first, rows } => {
                Some((first..first + rows).map(before).collect())
            }
        }
    }

    /// Inputs of the rows of `task`, `[R, X]`, where `queries` `[Q, X]` are asked.
    pub(crate) fn inputs_of<'a>(&'a self, task: Task, queries: &'a [f32]) -> &'a [f32] {
        match task {
            Task::Queries { rows, answers_first, .. } => &queries[answers_first * self.inputs..][..rows * self.inputs],
            Task::Tokens { first, rows } | Task::Inputs { first, rows } => {
                &self.examples.inputs[first * self.inputs..][..rows * self.inputs]
            }
        }
    }

    /// Rows of log-probabilities of the classes in use, with −∞ for the others.
    ///
    /// # Shapes
    /// `answers` `[Q, classes in use]`, the result `[Q, C]`.
    pub(crate) fn widen(&self, answers: &[f32]) -> Vec<f32> {
        let mut wide = Vec::with_capacity(answers.len() / self.manner.classes * self.classes);
        for row in answers.chunks_exact(self.manner.classes) {
            wide.extend_from_slice(row);
            wide.extend(std::iter::repeat_n(f32::NEG_INFINITY, self.classes - row.len()));
        }
        wide
    }

    fn check_label(&self, label: u32) -> Result<(), SessionError> {
        if label as usize >= self.manner.classes {
            return Err(SessionError::Label { classes: self.manner.classes, found: label });
        }
        Ok(())
    }

    fn check_index(&self, index: usize) -> Result<(), SessionError> {
        if index >= self.len() {
            return Err(SessionError::Index { len: self.len(), found: index });
        }
        Ok(())
    }
}

/// Where a query looked: softmax weights of every head over the slots of the context.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// L.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// N + 1: a slot for each token shown, and last the query's own, which a set learner never looks at unless there is
    /// no other.
    pub slots: usize,
    /// `[L, H, N + 1]`; each row sums to 1.
    pub weights: Vec<f32>,
    /// Share of the preceding token in a slot's key, `[L, H]`: 0 without key shift, 1 with the full one.
    pub blend: Vec<f32>,
    /// Set learners: how each ridge writes the query in terms of the shown examples, signed, `[ridges, N]`.
    pub alpha: Vec<f32>,
}

impl Attention {
    /// How much each shown example mattered, `[N]`, summing to 1 (all 0 where nothing mattered).
    ///
    /// In a causal learner everything goes through attention: [`Attention::example_weights`], scaled to the sum of 1.
    /// In a set learner half of it is the share of the softmax heads and half that of the ridges, |α| of each scaled to
    /// the sum of 1, for what the examples say enters by both: softmax heads mix their states, and linear heads and the
    /// scores of the read-out follow α.
    pub fn importance(&self) -> Vec<f32> {
        let scaled = |mut shares: Vec<f32>| {
            let total: f32 = shares.iter().map(|share| share.abs()).sum();
            shares.iter_mut().for_each(|share| *share = if total > 0.0 { share.abs() / total } else { 0.0 });
            shares
        };
        let mut shares = scaled(self.example_weights());
        let shown = shares.len();
        if shown > 0 && !self.alpha.is_empty() {
            let ridges = (self.alpha.len() / shown) as f32;
            for alpha in self.alpha.chunks_exact(shown) {
                for (share, alpha) in shares.iter_mut().zip(scaled(alpha.to_vec())) {
                    *share += alpha / ridges;
                }
            }
            shares = scaled(shares);
        }
        shares
    }

    /// Share of attention that each shown example got, averaged over layers and heads, `[N]`.
    ///
    /// A slot's weight goes to the example that its key describes: slot j to example j without key shift, to
    /// example j − 1 with the full shift (so that the query's own slot stands for the last example), and to both
    /// in the proportions of the gate with the gated one. What slot 0 gets for a key before the first example,
    /// and the query for its own key, belongs to no example: the shares sum to at most 1.
    pub fn example_weights(&self) -> Vec<f32> {
        let mut shares = vec![0.0; self.slots - 1];
        for (weights, &blend) in self.weights.chunks_exact(self.slots).zip(&self.blend) {
            for (slot, &weight) in weights.iter().enumerate() {
                if let Some(share) = shares.get_mut(slot) {
                    *share += (1.0 - blend) * weight;
                }
                if slot > 0 {
                    shares[slot - 1] += blend * weight;
                }
            }
        }
        let rows = (self.layers * self.heads) as f32;
        shares.iter_mut().for_each(|share| *share /= rows);
        shares
    }
}

/// Log-probabilities renormalised over the classes that were shown; the others get −∞. When nothing was shown
/// yet, they come back as they are.
///
/// # Shapes
/// `log_probabilities` and the result `[Q, classes]`; `shown` holds labels, in any order, with repeats.
pub fn restrict(log_probabilities: &[f32], classes: usize, shown: &[u32]) -> Vec<f32> {
    if shown.is_empty() {
        return log_probabilities.to_vec();
    }
    let mut allowed = vec![false; classes];
    shown.iter().for_each(|&label| allowed[label as usize] = true);
    let mut restricted = Vec::with_capacity(log_probabilities.len());
    for row in log_probabilities.chunks_exact(classes) {
        let largest = row.iter().zip(&allowed).filter(|(_, a)| **a).map(|(v, _)| *v).fold(f32::NEG_INFINITY, f32::max);
        // a row of −∞ on every shown class says nothing about them: uniform
        let shifted = |value: f32| if largest == f32::NEG_INFINITY { 0.0 } else { f64::from(value - largest) };
        let sum: f64 = row.iter().zip(&allowed).filter(|(_, a)| **a).map(|(v, _)| shifted(*v).exp()).sum();
        restricted.extend(row.iter().zip(&allowed).map(|(value, allowed)| match allowed {
            true => (shifted(*value) - sum.ln()) as f32,
            false => f32::NEG_INFINITY,
        }));
    }
    restricted
}

/// Which engine a session runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain Rust on this thread.
    Cpu,
    /// WGSL kernels.
    Gpu,
}

/// A session of either engine behind one type.
pub enum Engine {
    /// Plain Rust on this thread.
    Cpu(Box<cpu::Session>),
    /// WGSL kernels.
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::Session>),
}

impl Engine {
    /// A session on this thread.
    pub fn cpu(model: Arc<Model>) -> Self {
        Engine::Cpu(Box::new(cpu::Session::new(model)))
    }

    /// A session on a GPU.
    ///
    /// # Errors
    /// The device is lost, out of memory, or too small for the model.
    #[cfg(feature = "gpu")]
    pub async fn gpu(gpu: &gpu::Gpu, model: &Model) -> Result<Self, SessionError> {
        Ok(Engine::Gpu(Box::new(gpu::Session::new(gpu, model).await?)))
    }

    /// Which engine this is.
    pub fn kind(&self) -> Kind {
        match self {
            Engine::Cpu(_) => Kind::Cpu,
            #[cfg(feature = "gpu")]
            Engine::Gpu(_) => Kind::Gpu,
        }
    }

    /// The examples shown, and what the model allows.
    pub fn context(&self) -> &Context {
        match self {
            Engine::Cpu(session) => &session.context,
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => &session.context,
        }
    }

    fn context_mut(&mut self) -> &mut Context {
        match self {
            Engine::Cpu(session) => &mut session.context,
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => &mut session.context,
        }
    }

    /// See [`Context::len`].
    pub fn len(&self) -> usize {
        self.context().len()
    }

    /// See [`Context::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.context().is_empty()
    }

    /// See [`Context::capacity`].
    pub fn capacity(&self) -> usize {
        self.context().capacity()
    }

    /// Labels shown so far, `[N]`.
    pub fn labels(&self) -> &[u32] {
        &self.context().examples().labels
    }

    /// See [`Context::observe`].
    ///
    /// # Errors
    /// As there.
    pub fn observe(&mut self, inputs: &[f32], labels: &[u32]) -> Result<(), SessionError> {
        self.context_mut().observe(inputs, labels)
    }

    /// See [`Context::forget`].
    ///
    /// # Errors
    /// As there.
    pub fn forget(&mut self, index: usize) -> Result<(), SessionError> {
        self.context_mut().forget(index)
    }

    /// See [`Context::relabel`].
    ///
    /// # Errors
    /// As there.
    pub fn relabel(&mut self, index: usize, label: u32) -> Result<(), SessionError> {
        self.context_mut().relabel(index, label)
    }

    /// See [`Context::rewind`].
    ///
    /// # Errors
    /// As there.
    pub fn rewind(&mut self, count: usize) -> Result<(), SessionError> {
        self.context_mut().rewind(count)
    }

    /// See [`Context::clear`].
    pub fn clear(&mut self) {
        self.context_mut().clear();
    }

    /// See [`Context::set_classes`].
    ///
    /// # Errors
    /// As there.
    pub fn set_classes(&mut self, classes: usize) -> Result<(), SessionError> {
        self.context_mut().set_classes(classes)
    }

    /// See [`Context::set_drawings`].
    pub fn set_drawings(&mut self, drawings: bool) {
        self.context_mut().set_drawings(drawings);
    }

    /// See [`Context::save`].
    pub fn save(&self) -> Vec<u8> {
        self.context().save()
    }

    /// See [`Context::restore`].
    ///
    /// # Errors
    /// As there.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.context_mut().restore(bytes)
    }

    /// Log-probabilities of every class for every query, each asked on its own after the examples shown (there
    /// may be none). Nothing of the queries is kept.
    ///
    /// # Shapes
    /// `queries` `[Q, X]`; the result `[Q, C]`.
    ///
    /// # Errors
    /// Queries of a wrong length or not finite; a device that is lost or failed.
    pub async fn predict(&mut self, queries: &[f32]) -> Result<Vec<f32>, SessionError> {
        match self {
            Engine::Cpu(session) => session.predict(queries),
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => session.predict(queries).await,
        }
    }

    /// Where one query looks.
    ///
    /// # Shapes
    /// `query` `[X]`.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub async fn attention(&mut self, query: &[f32]) -> Result<Attention, SessionError> {
        Ok(self.consult(query).await?.1)
    }

    /// What [`Engine::predict`] says of one query and where that looked, in one pass.
    ///
    /// # Shapes
    /// `query` `[X]`; log-probabilities `[C]`.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub async fn consult(&mut self, query: &[f32]) -> Result<(Vec<f32>, Attention), SessionError> {
        match self {
            Engine::Cpu(session) => session.consult(query),
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => session.consult(query).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ModelSpec;

    fn model(seed: u64) -> Arc<Model> {
        let spec = ModelSpec { longest: 4, classes: 3, ..ModelSpec::shifted(2, 4, 1, 2) };
        Arc::new(Model::random(spec, seed).unwrap())
    }

    /// Three examples, a full context.
    fn full() -> Context {
        let mut context = Context::new(&model(1));
        context.observe(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 2]).unwrap();
        context
    }

    #[test]
    fn each_fault_has_its_own_error_and_changes_nothing() {
        let mut context = full();
        context.ready = 3;
        let before = context.examples.clone();
        assert_eq!(context.observe(&[1.0, 2.0], &[0]), Err(SessionError::Full { capacity: 3, found: 4 }));
        assert_eq!(context.observe(&[1.0], &[0]), Err(SessionError::InputLength { expected: 2, found: 1 }));
        assert_eq!(context.observe(&[1.0, 2.0], &[]), Err(SessionError::LabelCount { expected: 1, found: 0 }));
        assert_eq!(context.observe(&[1.0, 2.0], &[3]), Err(SessionError::Label { classes: 3, found: 3 }));
        let poisoned = [1.0, 2.0, f32::NAN, 4.0];
        assert_eq!(context.observe(&poisoned, &[0, 0]), Err(SessionError::NotFinite { example: 1, index: 0 }));
        assert_eq!(context.check_inputs(&[f32::INFINITY, 0.0]), Err(SessionError::NotFinite { example: 0, index: 0 }));
        assert_eq!(context.check_query(&[0.0; 4]), Err(SessionError::InputLength { expected: 2, found: 4 }));
        assert_eq!(context.forget(3), Err(SessionError::Index { len: 3, found: 3 }));
        assert_eq!(context.relabel(3, 0), Err(SessionError::Index { len: 3, found: 3 }));
        assert_eq!(context.relabel(0, 9), Err(SessionError::Label { classes: 3, found: 9 }));
        assert_eq!(context.rewind(4), Err(SessionError::Index { len: 3, found: 4 }));
        assert_eq!((context.examples(), context.ready), (&before, 3));
    }

    #[test]
    fn a_change_invalidates_the_cache_from_the_first_token_it_touches() {
        let changed = |change: fn(&mut Context)| {
            let mut context = full();
            context.ready = 3;
            change(&mut context);
            (context.ready, context.examples.labels, context.examples.inputs)
        };
        assert_eq!(changed(|c| c.forget(1).unwrap()), (1, vec![0, 2], vec![1.0, 2.0, 5.0, 6.0]));
        assert_eq!(changed(|c| c.relabel(1, 0).unwrap()).0, 2);
        assert_eq!(changed(|c| c.rewind(2).unwrap()), (2, vec![0, 1], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(changed(Context::clear), (0, vec![], vec![]));
    }

    /// A set learner of up to 3 classes that was shown three examples, everything in its cache.
    fn full_set() -> Context {
        let spec = ModelSpec { longest: 4, ..ModelSpec::equivariant(2, 3, 4, 1) };
        let mut context = Context::new(&Model::random(spec, 1).unwrap());
        context.observe(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 0]).unwrap();
        context.cached();
        context
    }

    #[test]
    fn any_change_of_a_set_makes_all_of_its_tokens_stale_but_not_all_inputs() {
        let changed = |change: fn(&mut Context)| {
            let mut context = full_set();
            change(&mut context);
            (context.ready, context.encoded)
        };
        assert_eq!(changed(|c| c.forget(1).unwrap()), (0, 1));
        assert_eq!(changed(|c| c.relabel(1, 0).unwrap()), (0, 3));
        assert_eq!(changed(|c| c.rewind(2).unwrap()), (0, 2));
        assert_eq!(changed(|c| c.rewind(3).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.observe(&[], &[]).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.set_classes(2).unwrap()), (0, 3));
        assert_eq!(changed(|c| c.set_classes(3).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.set_drawings(true)), (0, 0));
        assert_eq!(changed(Context::clear), (0, 0));
        let mut context = full_set();
        context.rewind(2).unwrap();
        context.cached();
        context.observe(&[7.0, 8.0], &[2]).unwrap();
        assert_eq!((context.ready, context.encoded), (0, 2));
    }

    #[test]
    fn classes_in_use_cover_the_labels_shown() {
        let mut context = full_set();
        assert_eq!(context.set_classes(1), Err(SessionError::Classes { lowest: 2, highest: 3, found: 1 }));
        assert_eq!(context.set_classes(4), Err(SessionError::Classes { lowest: 2, highest: 3, found: 4 }));
        context.set_classes(2).unwrap();
        assert_eq!(context.relabel(0, 2), Err(SessionError::Label { classes: 2, found: 2 }));
        assert_eq!(context.widen(&[1.0, 2.0, 3.0, 4.0])[2], f32::NEG_INFINITY);
        assert_eq!(context.widen(&[1.0, 2.0, 3.0, 4.0])[3..5], [3.0, 4.0]);
        let mut causal = full();
        assert_eq!(causal.set_classes(2), Err(SessionError::Classes { lowest: 3, highest: 3, found: 2 }));
        causal.set_classes(3).unwrap();
        causal.set_drawings(true);
        assert!(!causal.drawings());
    }

    #[test]
    fn a_saved_state_holds_how_the_learner_is_asked() {
        let mut context = full_set();
        context.set_classes(2).unwrap();
        context.set_drawings(true);
        let mut restored = full_set();
        restored.restore(&context.save()).unwrap();
        assert_eq!((restored.classes_in_use(), restored.drawings(), restored.ready), (2, true, 0));
        assert_eq!(restored.examples(), context.examples());
    }

    #[test]
    fn states_of_version_1_are_still_read() {
        let saved = full().save();
        let mut old = saved[..saved.len() - CHECKSUM_BYTES].to_vec();
        old.drain(HEADER_BYTES..HEADER_BYTES + MANNER_BYTES);
        old[8..12].copy_from_slice(&1u32.to_le_bytes());
        old.extend_from_slice(&Sha256::digest(&old));
        let mut context = Context::new(&model(1));
        context.restore(&old).unwrap();
        assert_eq!(context.examples(), full().examples());
    }

    #[test]
    fn a_saved_state_comes_back_and_a_damaged_one_never_does() {
        let saved = full().save();
        let mut context = Context::new(&model(1));
        context.restore(&saved).unwrap();
        assert_eq!(context.examples(), full().examples());
        let mut context = Context::new(&model(1));
        context.observe(&[7.0, 8.0], &[1]).unwrap();
        for length in 0..saved.len() {
            assert!(matches!(context.restore(&saved[..length]), Err(SessionError::Damaged(_))), "{length} bytes");
        }
        for at in 0..saved.len() {
            let mut bad = saved.clone();
            bad[at] ^= 1;
            assert!(matches!(context.restore(&bad), Err(SessionError::Damaged(_))), "byte {at}");
        }
        assert_eq!(context.examples.labels, [1]);
        let error = Context::new(&model(2)).restore(&saved).unwrap_err();
        assert_eq!(error, SessionError::OtherModel { expected: model(2).hash(), found: model(1).hash() });
    }

    #[test]
    fn restricted_chances_sum_to_1_over_the_labels_shown() {
        let rows: Vec<f32> = [0.5f32, 0.25, 0.25, 0.1, 0.8, 0.1].iter().map(|p| p.ln()).collect();
        let chances: Vec<f32> = restrict(&rows, 3, &[2, 0, 2]).iter().map(|log| log.exp()).collect();
        for (chance, expected) in chances.iter().zip([2.0 / 3.0, 0.0, 1.0 / 3.0, 0.5, 0.0, 0.5]) {
            assert!((chance - expected).abs() < 1e-6, "{chances:?}");
        }
        assert_eq!(restrict(&rows, 3, &[]), rows);
        let hopeless = restrict(&[f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0], 3, &[0, 1]);
        assert!((hopeless[0].exp() - 0.5).abs() < 1e-6 && hopeless[2] == f32::NEG_INFINITY);
    }

    #[test]
    fn a_slot_counts_for_the_example_its_key_describes() {
        let shares = |blend: f32| {
            let weights = vec![0.1, 0.2, 0.7];
            Attention { layers: 1, heads: 1, slots: 3, weights, blend: vec![blend], alpha: Vec::new() }
                .example_weights()
        };
        assert_eq!(shares(1.0), [0.2, 0.7]);
        assert_eq!(shares(0.0), [0.1, 0.2]);
        assert_eq!(shares(0.5), [0.5 * 0.1 + 0.5 * 0.2, 0.5 * 0.2 + 0.5 * 0.7]);
    }

    #[test]
    fn importance_sums_to_1_and_counts_ridges_by_size_alone() {
        let close = |got: Vec<f32>, want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}, {want:?}");
        };
        let attention = |weights: [f32; 3], alpha: &[f32]| {
            let (weights, alpha) = (weights.to_vec(), alpha.to_vec());
            Attention { layers: 1, heads: 1, slots: 3, weights, blend: vec![0.0], alpha }.importance()
        };
        close(attention([0.1, 0.3, 0.6], &[]), [0.25, 0.75]);
        close(attention([0.1, 0.3, 0.6], &[-3.0, 1.0]), [0.5, 0.5]);
        close(attention([0.1, 0.3, 0.6], &[-3.0, 1.0, 0.0, 0.5]), [0.3125, 0.6875]);
        close(attention([0.0, 0.0, 1.0], &[]), [0.0, 0.0]);
    }
}
