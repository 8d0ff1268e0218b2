//! What a session of either engine is: the examples shown so far, what may be asked, and what can go wrong.
//!
//! The learner is causal over tokens (x_i, y_{i−1}). Example i, once shown, is token i, and its label is part of
//! token i + 1. A query x' after N examples is one more token (x', y_{N−1}) at position N: it sees the N cached
//! slots and its own, and nothing of it is kept. Engines compute cached slots lazily, in the next
//! `predict` or `attention`, for the tokens after the last valid one: many at once (prefill) or one by one, with
//! the same result. So showing, removing and relabelling are plain bookkeeping here and cannot fail on a device.
//!
//! In a set learner example i is token i with its own label, and every token depends on all the others: any change
//! makes all of them stale. Only inputs, and the embedding of each by itself, stay.

use super::error::SessionError;
use crate::model::file::Model;
use crate::model::spec::QueryOptions;

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
    pub(super) inputs: usize,
    pub(super) classes: usize,
    pub(super) most_classes: usize,
    pub(super) capacity: usize,
    pub(super) hash: String,
    pub(super) examples: Examples,
    /// Whether the learner is a set learner.
    pub(super) set: bool,
    pub(super) options: QueryOptions,
    /// Tokens 0..ready are valid in the engine's cache; in a set learner all or none.
    pub(crate) ready: usize,
    /// Set learners: inputs 0..encoded are valid in the engine's cache.
    pub(crate) encoded: usize,
    /// Set learners: rows of the cache that hold the inputs of the examples from `encoded` on, as far as they are cached. These
    /// examples have moved since, as one before them was removed.
    moved: Vec<usize>,
}

impl Context {
    /// An empty context for `model`.
    pub(crate) fn new(model: &Model) -> Self {
        Context {
            inputs: model.spec.inputs,
            classes: model.spec.classes,
            most_classes: model.spec.most_classes(),
            capacity: model.spec.longest - 1,
            hash: model.hash(),
            examples: Examples::default(),
            set: model.spec.equivariant.is_some(),
            options: QueryOptions::of(&model.spec),
            ready: 0,
            encoded: 0,
            moved: Vec::new(),
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

    /// C: log-probabilities of an answer; the model's classes, or those in use where they are more.
    pub fn classes(&self) -> usize {
        self.classes.max(self.options.classes)
    }

    /// Most classes that may be in use: [`crate::model::spec::ModelSpec::most_classes`].
    pub fn most_classes(&self) -> usize {
        self.most_classes
    }

    /// Classes that the learner is asked about; those of the model, unless [`Context::set_classes`] said otherwise.
    pub fn classes_in_use(&self) -> usize {
        self.options.classes
    }

    /// Fewest classes that may be in use: 2, and those of the labels shown.
    pub fn fewest_classes(&self) -> usize {
        match self.set {
            true => self.examples.labels.iter().map(|&label| label as usize + 1).fold(2, usize::max),
            false => self.classes,
        }
    }

    /// Asks a set learner about the first `classes` classes alone: the others get −∞. It may be more than the model met in
    /// meta-training. Other learners have no choice.
    ///
    /// # Errors
    /// Fewer than 2, fewer than the labels shown need, more than [`Context::most_classes`]; any other than the model's unless
    /// it is a set learner.
    pub fn set_classes(&mut self, classes: usize) -> Result<(), SessionError> {
        let (lowest, highest) = (self.fewest_classes(), self.most_classes);
        if !(lowest..=highest).contains(&classes) {
            return Err(SessionError::Classes { lowest, highest, found: classes });
        }
        if classes != self.options.classes {
            self.options.classes = classes;
            self.invalidate(0, self.len());
        }
        Ok(())
    }

    /// Whether inputs are taken for drawings, which a set learner's stem reads; without a stem it makes no difference.
    pub fn images(&self) -> bool {
        self.options.images
    }

    /// Says whether inputs are drawings. At first they are, if the model has a stem.
    pub fn set_images(&mut self, images: bool) {
        if self.set && images != self.options.images {
            self.options.images = images;
            // embeddings were left out while there was no use for them
            self.invalidate(0, 0);
        }
    }

    /// Whether the learner is a set learner.
    pub(crate) fn is_set(&self) -> bool {
        self.set
    }

    /// How the learner is asked.
    pub(crate) fn options(&self) -> QueryOptions {
        self.options
    }

    /// Tokens from `token` on are no longer valid in the cache (in a set learner none is), nor inputs from `input` on.
    fn invalidate(&mut self, token: usize, input: usize) {
        self.ready = if self.set { 0 } else { self.ready.min(token) };
        self.moved.truncate(input.saturating_sub(self.encoded));
        self.encoded = self.encoded.min(input);
    }

    /// Everything shown is in the cache.
    pub(crate) fn mark_cached(&mut self) {
        (self.ready, self.encoded) = (self.len(), self.len());
        self.moved.clear();
    }

    /// Nothing in the cache is to be trusted.
    pub(crate) fn invalidate_all(&mut self) {
        (self.ready, self.encoded) = (0, 0);
        self.moved.clear();
    }

    /// Rows of the cache that hold the inputs of the first examples, in order. The caller moves them to rows 0, 1, …; an engine that
    /// never calls this computes moved inputs anew.
    pub(crate) fn gather(&mut self) -> Vec<usize> {
        let rows = (0..self.encoded).chain(self.moved.drain(..)).collect::<Vec<usize>>();
        self.encoded = rows.len();
        rows
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
            self.invalidate(self.len(), self.len());
        }
        self.examples.inputs.extend_from_slice(inputs);
        self.examples.labels.extend_from_slice(labels);
        Ok(())
    }

    /// Removes example `index`; the result is as if it had never been shown.
    ///
    /// # Errors
    /// No such example.
    pub fn remove(&mut self, index: usize) -> Result<(), SessionError> {
        self.check_index(index)?;
        self.examples.labels.remove(index);
        self.examples.inputs.drain(index * self.inputs..(index + 1) * self.inputs);
        let mut moved: Vec<usize> = (index + 1..self.encoded).chain(self.moved.iter().copied()).collect();
        if index >= self.encoded && index - self.encoded < moved.len() {
            moved.remove(index - self.encoded);
        }
        self.invalidate(index, index);
        self.moved = moved;
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
        self.invalidate(index + 1, self.len());
        Ok(())
    }

    /// Keeps the first `count` examples.
    ///
    /// # Errors
    /// Fewer were shown.
    pub fn truncate(&mut self, count: usize) -> Result<(), SessionError> {
        if count > self.len() {
            return Err(SessionError::Index { len: self.len(), found: count });
        }
        if count < self.len() {
            self.invalidate(count, count);
        }
        self.examples.labels.truncate(count);
        self.examples.inputs.truncate(count * self.inputs);
        Ok(())
    }

    /// Forgets every example.
    pub fn clear(&mut self) {
        self.examples = Examples::default();
        self.invalidate_all();
    }

    /// Checks inputs and counts their examples.
    pub(crate) fn check_inputs(&self, inputs: &[f32]) -> Result<usize, SessionError> {
        check_inputs(inputs, self.inputs)
    }

    /// Checks that `query` is the input of exactly one example.
    pub(crate) fn check_query(&self, query: &[f32]) -> Result<(), SessionError> {
        if query.len() != self.inputs {
            return Err(SessionError::InputLength { expected: self.inputs, found: query.len() });
        }
        self.check_inputs(query).map(|_| ())
    }

    /// Rows of log-probabilities of the classes in use, with −∞ for the others.
    ///
    /// # Shapes
    /// `answers` `[Q, classes in use]`, the result `[Q, C]`.
    pub(crate) fn pad_classes(&self, answers: &[f32]) -> Vec<f32> {
        let classes = self.classes();
        let mut wide = Vec::with_capacity(answers.len() / self.options.classes * classes);
        for row in answers.chunks_exact(self.options.classes) {
            wide.extend_from_slice(row);
            wide.extend(std::iter::repeat_n(f32::NEG_INFINITY, classes - row.len()));
        }
        wide
    }

    fn check_label(&self, label: u32) -> Result<(), SessionError> {
        if label as usize >= self.options.classes {
            return Err(SessionError::Label { classes: self.options.classes, found: label });
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

/// Checks inputs of `width` values an example and counts their examples.
pub(crate) fn check_inputs(inputs: &[f32], width: usize) -> Result<usize, SessionError> {
    if !inputs.len().is_multiple_of(width) {
        return Err(SessionError::InputLength { expected: width, found: inputs.len() });
    }
    match inputs.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(SessionError::NotFinite { example: at / width, index: at % width }),
        None => Ok(inputs.len() / width),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::spec::ModelSpec;

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
        assert_eq!(context.remove(3), Err(SessionError::Index { len: 3, found: 3 }));
        assert_eq!(context.relabel(3, 0), Err(SessionError::Index { len: 3, found: 3 }));
        assert_eq!(context.relabel(0, 9), Err(SessionError::Label { classes: 3, found: 9 }));
        assert_eq!(context.truncate(4), Err(SessionError::Index { len: 3, found: 4 }));
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
        assert_eq!(changed(|c| c.remove(1).unwrap()), (1, vec![0, 2], vec![1.0, 2.0, 5.0, 6.0]));
        assert_eq!(changed(|c| c.relabel(1, 0).unwrap()).0, 2);
        assert_eq!(changed(|c| c.truncate(2).unwrap()), (2, vec![0, 1], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(changed(Context::clear), (0, vec![], vec![]));
    }

    /// A set learner of up to 3 classes that was shown three examples, everything in its cache.
    fn full_set() -> Context {
        let spec = ModelSpec { longest: 4, ..ModelSpec::equivariant(2, 3, 4, 1) };
        let mut context = Context::new(&Model::random(spec, 1).unwrap());
        context.observe(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 0]).unwrap();
        context.mark_cached();
        context
    }

    #[test]
    fn any_change_of_a_set_makes_all_of_its_tokens_stale_but_not_all_inputs() {
        let changed = |change: fn(&mut Context)| {
            let mut context = full_set();
            change(&mut context);
            (context.ready, context.encoded)
        };
        assert_eq!(changed(|c| c.remove(1).unwrap()), (0, 1));
        assert_eq!(changed(|c| c.relabel(1, 0).unwrap()), (0, 3));
        assert_eq!(changed(|c| c.truncate(2).unwrap()), (0, 2));
        assert_eq!(changed(|c| c.truncate(3).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.observe(&[], &[]).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.set_classes(2).unwrap()), (0, 3));
        assert_eq!(changed(|c| c.set_classes(3).unwrap()), (3, 3));
        assert_eq!(changed(|c| c.set_images(true)), (0, 0));
        assert_eq!(changed(Context::clear), (0, 0));
        let mut context = full_set();
        context.truncate(2).unwrap();
        context.mark_cached();
        context.observe(&[7.0, 8.0], &[2]).unwrap();
        assert_eq!((context.ready, context.encoded), (0, 2));
    }

    #[test]
    fn inputs_behind_a_removed_one_stay_known() {
        let spec = ModelSpec { longest: 9, ..ModelSpec::equivariant(1, 3, 4, 1) };
        let mut context = Context::new(&Model::random(spec, 1).unwrap());
        let input: Vec<f32> = (0..8).map(|value| value as f32).collect();
        context.observe(&input[..7], &[0; 7]).unwrap();
        context.mark_cached();
        // what the cache holds in the rows is what was shown
        let check = |context: &Context, rows: &[usize]| {
            let known: Vec<f32> = rows.iter().map(|&row| row as f32).collect();
            assert_eq!(context.examples.inputs[..rows.len()], known);
        };
        context.remove(2).unwrap();
        context.remove(4).unwrap();
        context.observe(&input[7..], &[1]).unwrap();
        context.remove(0).unwrap();
        let mut other = context.clone();
        let rows = context.gather();
        assert_eq!((rows.as_slice(), context.encoded), ([1, 3, 4, 6].as_slice(), 4));
        check(&context, &rows);
        assert_eq!(context.gather(), [0, 1, 2, 3]);
        // the one that was never cached goes, then some that were
        other.remove(4).unwrap();
        other.truncate(3).unwrap();
        let rows = other.gather();
        assert_eq!(rows, [1, 3, 4]);
        check(&other, &rows);
        other.remove(1).unwrap();
        other.clear();
        assert!(other.gather().is_empty());
    }

    #[test]
    fn classes_in_use_cover_the_labels_shown() {
        let mut context = full_set();
        assert_eq!(context.set_classes(1), Err(SessionError::Classes { lowest: 2, highest: 200, found: 1 }));
        assert_eq!(context.set_classes(201), Err(SessionError::Classes { lowest: 2, highest: 200, found: 201 }));
        context.set_classes(2).unwrap();
        assert_eq!(context.relabel(0, 2), Err(SessionError::Label { classes: 2, found: 2 }));
        assert_eq!(context.pad_classes(&[1.0, 2.0, 3.0, 4.0])[2], f32::NEG_INFINITY);
        assert_eq!(context.pad_classes(&[1.0, 2.0, 3.0, 4.0])[3..5], [3.0, 4.0]);
        // more than the three of meta-training: answers become as wide as they need to be
        context.set_classes(4).unwrap();
        assert_eq!((context.classes(), context.pad_classes(&[1.0; 8])), (4, vec![1.0; 8]));
        context.observe(&[7.0, 8.0], &[3]).unwrap_err();
        context.truncate(2).unwrap();
        context.observe(&[7.0, 8.0], &[3]).unwrap();
        assert_eq!(context.fewest_classes(), 4);
        let mut causal = full();
        assert_eq!(causal.set_classes(2), Err(SessionError::Classes { lowest: 3, highest: 3, found: 2 }));
        causal.set_classes(3).unwrap();
        causal.set_images(true);
        assert!(!causal.images());
    }
}
