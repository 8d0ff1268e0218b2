//! What a learner was shown: an engine's context with the caller's own labels.

use std::sync::Arc;

use shaders::Model;
use shaders::engine::{Engine, Kind};
use shaders::gpu::Gpu;
use shaders::input::encode::Encoder;
use shaders::probability::{of_table_rows, renormalise_over_seen};

use crate::controls::is_question;
use crate::error::{EngineError, words};

/// Every example of a context goes through the same projection.
const PROJECTION_SEED: u64 = 0;

/// Height, width and channels of an example; a row of a table is 1 × D × 1.
pub type Size = (usize, usize, usize);

/// D: values of one example.
pub fn values(size: Size) -> usize {
    size.0 * size.1 * size.2
}

/// A context.
pub struct LabelledSession {
    /// Of every example and query.
    pub size: Size,
    /// Labels as the caller gave them, `[N]`.
    pub labels: Vec<u32>,
    /// Label that each class of the engine stands for. A set learner counts classes in the order in which they first
    /// came, so that it knows of no class without examples; the others have a class for every label.
    pub names: Vec<u32>,
    model: Arc<Model>,
    encoder: Encoder,
    engine: Engine,
    drawings: bool,
    /// Whether a query may belong to none of the labels shown: the engine then has one class more, of which nothing is shown.
    outsiders: bool,
    /// Raw values, `[N, D]`; those of a restored context are not known.
    pub raw: Vec<f32>,
    /// Whether the engine has taken in everything shown, so that a question costs no more than itself.
    ready: bool,
}

/// What a labelled session says of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Probability of each label over those shown, `[labels]`.
    pub probabilities: Vec<f32>,
    /// Probability that it belongs to none of them; see [`LabelledSession::set_outsiders`].
    pub none: Option<f32>,
    /// How much each example mattered, `[N]`; see [`shaders::session::Attention::importance`].
    pub importance: Vec<f32>,
}

async fn engine(model: &Arc<Model>, gpu: Option<&Gpu>) -> Result<Engine, EngineError> {
    Ok(match gpu {
        Some(gpu) => Engine::gpu(gpu, model).await?,
        None => Engine::cpu(model.clone()),
    })
}

impl LabelledSession {
    /// An empty context of `model` on a GPU, or on the CPU where none is given.
    pub async fn open(model: Arc<Model>, gpu: Option<&Gpu>, size: Size) -> Result<LabelledSession, EngineError> {
        let engine = engine(&model, gpu).await?;
        LabelledSession::with_engine(model, engine, size)
    }

    /// An empty context on the CPU.
    pub fn on_cpu(model: Arc<Model>, size: Size) -> Result<LabelledSession, EngineError> {
        let engine = Engine::cpu(model.clone());
        LabelledSession::with_engine(model, engine, size)
    }

    fn with_engine(model: Arc<Model>, mut engine: Engine, size: Size) -> Result<LabelledSession, EngineError> {
        if values(size) == 0 {
            return Err(words("expected an example of at least one value, found none"));
        }
        let encoder = Encoder::new(&model.spec, size.0, size.1, size.2, PROJECTION_SEED)?;
        let drawings = encoder.drawings();
        engine.set_images(drawings);
        let (labels, names, raw) = (Vec::new(), Vec::new(), Vec::new());
        let (outsiders, ready) = (false, false);
        let mut labelled =
            LabelledSession { size, labels, names, model, encoder, engine, drawings, outsiders, raw, ready };
        labelled.rewind(0)?;
        Ok(labelled)
    }

    /// Says whether the inputs are pictures, which a stem may read; at first they are, if it can
    /// ([`Encoder::drawings`]). Everything shown is forgotten where that changes.
    pub fn set_drawings(&mut self, drawings: bool) -> Result<(), EngineError> {
        let drawings = drawings && self.encoder.drawings();
        if drawings != self.drawings {
            self.drawings = drawings;
            self.rewind(0)?;
            self.engine.set_images(drawings);
        }
        Ok(())
    }

    /// Says whether a query may belong to none of the labels shown, so that answers tell how likely that is. Only set learners
    /// know classes without examples; one was meta-trained for it where its training had outsiders.
    pub fn set_outsiders(&mut self, outsiders: bool) -> Result<(), EngineError> {
        if outsiders && !self.set() {
            return Err(words(
                "this learner always answers with one of its classes: only set learners can say “none of these”",
            ));
        }
        if outsiders != self.outsiders {
            let classes = self.in_use(self.names.len(), outsiders);
            self.engine.set_classes(classes)?;
            (self.outsiders, self.ready) = (outsiders, false);
        }
        Ok(())
    }

    /// Classes that the engine of a set learner is asked about, where so many labels were shown.
    fn in_use(&self, labels: usize, outsiders: bool) -> usize {
        (labels + usize::from(outsiders)).max(2)
    }

    /// Whether the inputs are taken for pictures.
    pub fn drawings(&self) -> bool {
        self.drawings
    }

    /// Whether a question costs no more than itself, as everything shown was taken in.
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// Which engine it is on.
    pub fn kind(&self) -> Kind {
        self.engine.kind()
    }

    /// Moves everything shown to another engine; after an error it is where it was.
    pub async fn move_to(&mut self, gpu: Option<&Gpu>) -> Result<(), EngineError> {
        let mut other = engine(&self.model, gpu).await?;
        let context = self.engine.context();
        other.set_images(context.images());
        other.set_classes(context.classes_in_use())?;
        other.observe(&context.examples().inputs, &context.examples().labels)?;
        self.engine = other;
        self.ready = false;
        Ok(())
    }

    /// Most examples it takes.
    pub fn capacity(&self) -> usize {
        self.engine.capacity()
    }

    fn set(&self) -> bool {
        self.model.spec.equivariant.is_some()
    }

    /// Keeps the first `count` examples, and of a set learner's classes those that they have.
    pub fn rewind(&mut self, count: usize) -> Result<(), EngineError> {
        self.ready &= count == self.labels.len();
        self.engine.truncate(count)?;
        self.labels.truncate(count);
        self.raw.truncate(count * values(self.size));
        if !self.set() {
            self.names = (0..self.model.spec.classes as u32).collect();
        }
        self.drop_unused()
    }

    /// Brings what was shown in step with a list: `from` gives for each of its examples the place where it is now, or
    /// none for one whose values come next in `new`. What need not be taken in anew is not: the examples before the first
    /// that moved stay, and where labels of a set learner are only exchanged for others nothing is computed at all.
    ///
    /// # Shapes
    /// `from` and `labels` `[N]`, `new` `[n, D]`
    pub fn arrange(&mut self, from: &[Option<usize>], labels: &[u32], new: &[f32]) -> Result<(), EngineError> {
        let (width, shown) = (values(self.size), self.labels.len());
        let fresh = from.iter().filter(|place| place.is_none()).count();
        if from.len() != labels.len() || new.len() != fresh * width {
            return Err(words(format!("expected {fresh} new examples of {width} values, found {} values", new.len())));
        }
        if self.raw.len() != shown * width || from.iter().flatten().any(|place| *place >= shown) {
            return Err(words(format!("expected examples out of the {shown} that were shown with their values")));
        }
        let stays =
            |(at, place): (usize, &Option<usize>)| *place == Some(at) && (self.set() || self.labels[at] == labels[at]);
        let mut same = from.iter().enumerate().take_while(|pair| stays(*pair)).count();
        let mut rows = Vec::with_capacity((labels.len() - same) * width);
        let mut next = new.chunks_exact(width);
        for place in &from[same..] {
            let row = place.map(|place| &self.raw[place * width..(place + 1) * width]);
            rows.extend_from_slice(row.or_else(|| next.next()).unwrap_or_default());
        }
        self.rewind(same)?;
        if self.set() && self.rename(&labels[..same]).is_err() {
            // no room for one class more while another still has its last example
            rows.splice(0..0, self.raw.iter().copied());
            self.rewind(0)?;
            same = 0;
        }
        for (row, &label) in rows.chunks_exact(width).zip(&labels[same..]) {
            self.observe(row, label)?;
        }
        Ok(())
    }

    /// The same for examples that are told apart by their values alone.
    ///
    /// # Shapes
    /// `inputs` `[N, D]`, `labels` `[N]`
    pub fn bring(&mut self, inputs: &[f32], labels: &[u32]) -> Result<(), EngineError> {
        let width = values(self.size);
        let rows = inputs.chunks_exact(width);
        let same = self.raw.chunks_exact(width).zip(rows).take_while(|(before, row)| before == row).count();
        let from: Vec<Option<usize>> = (0..labels.len()).map(|at| (at < same).then_some(at)).collect();
        self.arrange(&from, labels, &inputs[same * width..])
    }

    /// Gives all examples of a set learner other labels.
    fn rename(&mut self, labels: &[u32]) -> Result<(), EngineError> {
        if self.labels == labels {
            return Ok(());
        }
        // a class whose examples all get one label, which no other class gets, has another name and is what it was
        let mut names: Vec<Option<u32>> = vec![None; self.names.len()];
        let one = self.engine.labels().iter().zip(labels).all(|(class, label)| {
            let name = names[*class as usize].get_or_insert(*label);
            name == label
        });
        let names: Vec<u32> = names.into_iter().flatten().collect();
        let apart = (1..names.len()).all(|at| !names[..at].contains(&names[at]));
        if one && apart && names.len() == self.names.len() {
            (self.names, self.labels) = (names, labels.to_vec());
            return Ok(());
        }
        for (index, label) in labels.iter().enumerate() {
            if self.labels[index] != *label {
                let class = self.class_for(*label)?;
                self.engine.relabel(index, class)?;
                self.labels[index] = *label;
                self.ready = false;
            }
        }
        self.drop_unused()
    }

    /// Takes in what was shown, so that the next question costs no more than itself.
    pub async fn prepare(&mut self) -> Result<(), EngineError> {
        if self.ready || self.labels.is_empty() {
            return Ok(());
        }
        let any = self.engine.context().examples().inputs[..self.model.spec.inputs].to_vec();
        self.engine.predict(&any).await?;
        self.ready = true;
        Ok(())
    }

    /// The engine's class of a label, if it has one by now.
    fn class(&self, label: u32) -> Option<u32> {
        self.names.iter().position(|name| *name == label).map(|class| class as u32)
    }

    /// The engine's class of a label, new if need be.
    fn class_for(&mut self, label: u32) -> Result<u32, EngineError> {
        match self.class(label) {
            Some(class) => Ok(class),
            None if self.set() => {
                let most = self.model.spec.most_classes() - usize::from(self.outsiders);
                if self.names.len() == most {
                    return Err(words(format!(
                        "this learner tells at most {most} classes apart, and this label would be one more. \
                         Forget the examples of another class, or use a learner with more classes"
                    )));
                }
                self.engine.set_classes(self.in_use(self.names.len() + 1, self.outsiders))?;
                self.ready = false;
                self.names.push(label);
                Ok(self.names.len() as u32 - 1)
            }
            None => Err(words(format!(
                "label {label} is out of range: this learner has {} classes, counted from 0",
                self.names.len()
            ))),
        }
    }

    /// Shows one example.
    ///
    /// # Shapes
    /// `raw` `[D]`
    pub fn observe(&mut self, raw: &[f32], label: u32) -> Result<(), EngineError> {
        let inputs = self.encoder.encode(raw)?;
        let class = self.class_for(label)?;
        if let Err(error) = self.engine.observe(&inputs, &[class]) {
            self.drop_unused()?;
            return Err(error.into());
        }
        self.ready = false;
        self.labels.push(label);
        self.raw.extend_from_slice(raw);
        Ok(())
    }

    /// Forgets one example, as if it had never been shown.
    pub fn forget(&mut self, index: usize) -> Result<(), EngineError> {
        self.engine.remove(index)?;
        self.ready = false;
        self.labels.remove(index);
        let width = values(self.size);
        if self.raw.len() >= (index + 1) * width {
            self.raw.drain(index * width..(index + 1) * width);
        }
        self.drop_unused()
    }

    /// Gives one example another label.
    pub fn relabel(&mut self, index: usize, label: u32) -> Result<(), EngineError> {
        if index >= self.labels.len() {
            return Err(words(format!("there is no example {index}: {} were shown", self.labels.len())));
        }
        let class = self.class_for(label)?;
        self.engine.relabel(index, class)?;
        self.ready = false;
        self.labels[index] = label;
        self.drop_unused()
    }

    /// A set learner forgets the classes that have no example any more.
    fn drop_unused(&mut self) -> Result<(), EngineError> {
        if !self.set() {
            return Ok(());
        }
        for class in
            (0..self.names.len() as u32).rev().filter(|class| !self.engine.labels().contains(class)).collect::<Vec<_>>()
        {
            for (index, other) in
                self.engine.labels().to_vec().into_iter().enumerate().filter(|(_, other)| *other > class)
            {
                self.engine.relabel(index, other - 1)?;
            }
            self.names.remove(class as usize);
        }
        Ok(self.engine.set_classes(self.in_use(self.names.len(), self.outsiders))?)
    }

    /// Log-probability of each class over those shown, from the engine's `[C]`. Values that are not finite are no answer.
    fn restricted(&self, log_probabilities: &[f32]) -> Result<Vec<f32>, EngineError> {
        if shaders::answer(log_probabilities).is_none() {
            return Err(words(
                "the learner's answer holds values that are not finite numbers. Leave out examples with very large values, \
                 or use the other engine",
            ));
        }
        let over_seen = if self.set() && self.encoder.rows() { of_table_rows } else { renormalise_over_seen };
        Ok(over_seen(log_probabilities, self.engine.context().classes(), self.engine.labels()))
    }

    /// Probability of each of `labels` labels over those shown, from the engine's `[C]`.
    fn probabilities(&self, log_probabilities: &[f32], labels: usize) -> Result<Vec<f32>, EngineError> {
        let restricted = self.restricted(log_probabilities)?;
        let mut probabilities = vec![0.0; labels];
        for (name, log) in self.names.iter().zip(restricted) {
            if let Some(probability) = probabilities.get_mut(*name as usize) {
                *probability = log.exp();
            }
        }
        Ok(probabilities)
    }

    /// What it says of one query; none before anything was shown.
    ///
    /// # Shapes
    /// `raw` `[D]`
    pub async fn answer(&mut self, raw: &[f32], labels: usize) -> Result<Option<Answer>, EngineError> {
        let query = self.encoder.encode(raw)?;
        if self.labels.is_empty() {
            return Ok(None);
        }
        let (log_probabilities, attention) = self.engine.predict_with_attention(&query).await?;
        self.ready = true;
        let probabilities = self.probabilities(&log_probabilities, labels)?;
        let none = self.outsiders.then(|| log_probabilities[self.names.len()].exp());
        Ok(Some(Answer { probabilities, none, importance: attention.importance() }))
    }

    /// Whether it would name `raw` as `label`, as it is now. `None` where the question is no question: nothing was shown
    /// of that label, or nothing else.
    pub async fn guess(&mut self, raw: &[f32], label: u32) -> Result<Option<bool>, EngineError> {
        if !is_question(&self.labels, label) {
            return Ok(None);
        }
        let log_probabilities = self.engine.predict(&self.encoder.encode(raw)?).await?;
        self.ready = true;
        // in the order of labels and not of the engine's classes: of equals the page names the first label too
        let restricted = self.restricted(&log_probabilities)?;
        let mut named: Vec<(u32, f32)> =
            self.names.iter().copied().zip(restricted.iter().map(|log| log.exp())).collect();
        named.sort_unstable_by_key(|(name, _)| *name);
        let probabilities: Vec<f32> = named.iter().map(|(_, probability)| *probability).collect();
        Ok(Some(shaders::answer(&probabilities).is_some_and(|at| named[at].0 == label)))
    }

    /// What it says of many queries after these examples and no others. Those that it was shown before at the same place
    /// are not taken in anew.
    ///
    /// # Shapes
    /// `inputs` `[N, D]`, `labels` `[N]` below `classes`, `queries` `[Q, D]`; the result `[Q, classes]`, all alike where
    /// nothing was shown.
    pub async fn ask(
        &mut self,
        inputs: &[f32],
        labels: &[u32],
        classes: usize,
        queries: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let width = values(self.size);
        if inputs.len() != labels.len() * width {
            let (expected, found) = (labels.len() * width, inputs.len());
            return Err(words(format!("expected {expected} values, {width} for each label, found {found}")));
        }
        if !queries.len().is_multiple_of(width) {
            return Err(words(format!("expected queries of {width} values each, found {} in all", queries.len())));
        }
        if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
            return Err(words(format!("label {label} is out of range: there are {classes} classes, counted from 0")));
        }
        self.bring(inputs, labels)?;
        if labels.is_empty() {
            return Ok(vec![1.0 / classes as f32; queries.len() / width * classes]);
        }
        let mut encoded = Vec::with_capacity(queries.len() / width * self.model.spec.inputs);
        for query in queries.chunks_exact(width) {
            encoded.extend(self.encoder.encode(query)?);
        }
        let answers = self.engine.predict(&encoded).await?;
        self.ready = true;
        let each = answers.chunks_exact(self.engine.context().classes());
        let rows = each.map(|answer| self.probabilities(answer, classes)).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.concat())
    }

    /// The engine's context as bytes; with `size` and `names` all that [`LabelledSession::restore`] needs.
    pub fn save(&self) -> Vec<u8> {
        self.engine.save()
    }

    /// A context that was saved, on the CPU.
    pub fn restore(model: Arc<Model>, size: Size, names: &[u32], bytes: &[u8]) -> Result<LabelledSession, EngineError> {
        let mut labelled = LabelledSession::on_cpu(model, size)?;
        labelled.engine.restore(bytes)?;
        labelled.drawings = labelled.engine.context().images() || labelled.model.spec.equivariant.is_none();
        if labelled.set() {
            labelled.names = names.to_vec();
        }
        let known = labelled.names.len();
        if (0..known).any(|i| labelled.names[..i].contains(&labelled.names[i])) {
            return Err(words("this saved state is damaged: two of its classes have one label. Save it again"));
        }
        let of = |class: &u32| labelled.names.get(*class as usize).copied();
        labelled.labels = labelled.engine.labels().iter().map(of).collect::<Option<_>>().ok_or_else(|| {
            words(format!("this saved state is damaged: it has labels of more than its {known} classes. Save it again"))
        })?;
        if labelled.set() {
            labelled.engine.set_classes(labelled.in_use(known, false))?;
        }
        Ok(labelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;
    use shaders::ModelSpec;

    const D: usize = 6;

    fn model(set: bool) -> Arc<Model> {
        let spec = match set {
            true => ModelSpec { longest: 12, ..ModelSpec::equivariant(D, 5, 8, 1) },
            false => {
                let mut spec = ModelSpec { longest: 12, classes: 5, ..ModelSpec::shifted(D, 8, 1, 2) };
                spec.encoding.projected = false;
                spec
            }
        };
        Arc::new(Model::random(spec, 3).unwrap())
    }

    fn labelled(set: bool) -> LabelledSession {
        LabelledSession::on_cpu(model(set), (1, D, 1)).unwrap()
    }

    fn row(i: usize) -> Vec<f32> {
        (0..D).map(|d| ((i * 31 + d * 17) % 13) as f32).collect()
    }

    fn shown(set: bool, labels: &[u32]) -> LabelledSession {
        let mut labelled = labelled(set);
        labels.iter().enumerate().for_each(|(i, &label)| labelled.observe(&row(i), label).unwrap());
        labelled
    }

    fn close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?}, {b:?}");
    }

    fn answer(labelled: &mut LabelledSession) -> Answer {
        block_on(labelled.answer(&row(77), 5)).unwrap().unwrap()
    }

    #[test]
    fn none_of_these_is_a_class_without_examples() {
        let mut labelled = shown(true, &[3, 1, 1]);
        let before = answer(&mut labelled);
        assert_eq!(before.none, None);
        labelled.set_outsiders(true).unwrap();
        let with = answer(&mut labelled);
        let none = with.none.unwrap();
        assert!(0.0 < none && none < 1.0, "{none}");
        // over the labels shown, as before
        assert!((with.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let mut engine = Engine::cpu(model(true));
        engine.set_classes(3).unwrap();
        let rows: Vec<f32> = (0..3).flat_map(|i| labelled.encoder.encode(&row(i)).unwrap()).collect();
        engine.observe(&rows, &[0, 1, 1]).unwrap();
        let alone = block_on(engine.predict(&labelled.encoder.encode(&row(77)).unwrap())).unwrap();
        assert!((alone[2].exp() - none).abs() < 1e-5, "{none}, {}", alone[2].exp());
        // one label, and then as many as the learner knows but for one
        labelled.rewind(1).unwrap();
        assert!(answer(&mut labelled).none.is_some());
        labelled.set_outsiders(false).unwrap();
        labelled.rewind(0).unwrap();
        [3, 1, 1].iter().enumerate().for_each(|(i, &label)| labelled.observe(&row(i), label).unwrap());
        close(&answer(&mut labelled).probabilities, &before.probabilities);
        assert!(shown(false, &[1, 2]).set_outsiders(true).is_err());
    }

    #[test]
    fn forgetting_and_relabelling_leave_what_would_have_been() {
        for set in [false, true] {
            let mut changed = shown(set, &[3, 1, 1, 4, 3]);
            changed.forget(3).unwrap();
            changed.relabel(0, 2).unwrap();
            changed.relabel(3, 2).unwrap();
            assert_eq!(changed.labels, [2, 1, 1, 2]);
            let mut fresh = labelled(set);
            for (i, label) in [(0, 2), (1, 1), (2, 1), (4, 2)] {
                fresh.observe(&row(i), label).unwrap();
            }
            close(&answer(&mut changed).probabilities, &answer(&mut fresh).probabilities);
            close(&answer(&mut changed).importance, &answer(&mut fresh).importance);
            assert_eq!(answer(&mut changed).probabilities[3], 0.0, "a label that is gone is never an answer");
        }
    }

    #[test]
    fn renaming_labels_renames_the_answers_of_a_set_learner() {
        let before = answer(&mut shown(true, &[0, 1, 2, 1]));
        let after = answer(&mut shown(true, &[4, 0, 3, 0]));
        close(&[0, 1, 2].map(|c| before.probabilities[c]), &[4, 0, 3].map(|c| after.probabilities[c]));
        close(&before.importance, &after.importance);
        close(&[before.probabilities.iter().sum(), before.importance.iter().sum()], &[1.0, 1.0]);
    }

    #[test]
    fn a_question_aside_is_answered_as_a_fresh_learner_would() {
        for set in [false, true] {
            let rows = |indices: &[usize]| indices.iter().flat_map(|&i| row(i)).collect::<Vec<f32>>();
            let mut aside = labelled(set);
            // one that has another at its third place, one that begins with it, and the first again
            for (shown, labels) in [([0, 1, 2], [0, 1, 2]), ([0, 1, 5], [0, 1, 1]), ([0, 1, 2], [0, 1, 2])] {
                let found = block_on(aside.ask(&rows(&shown), &labels, 3, &rows(&[8, 9]))).unwrap();
                let mut want = Vec::new();
                for query in [8, 9] {
                    let mut fresh = labelled(set);
                    shown.iter().zip(labels).for_each(|(&i, label)| fresh.observe(&row(i), label).unwrap());
                    want.extend(block_on(fresh.answer(&row(query), 3)).unwrap().unwrap().probabilities);
                }
                close(&found, &want);
            }
            close(&block_on(aside.ask(&[], &[], 4, &row(1))).unwrap(), &[0.25; 4]);
        }
    }

    #[test]
    fn a_list_that_is_followed_is_what_a_fresh_learner_would_be_shown() {
        for set in [false, true] {
            let mut followed = labelled(set);
            let mut held: Vec<usize> = Vec::new();
            for (list, labels) in [
                (vec![0, 1, 2, 3], vec![0, 1, 2, 1]),
                // exchanged labels, one more, one less, another order, one label, new ones in between, none
                (vec![0, 1, 2, 3], vec![1, 0, 2, 0]),
                (vec![0, 1, 2, 3, 4], vec![1, 0, 2, 0, 4]),
                (vec![0, 2, 3, 4], vec![1, 2, 0, 4]),
                (vec![4, 3, 2, 0], vec![4, 0, 2, 1]),
                (vec![4, 3, 2, 0], vec![4, 0, 0, 1]),
                (vec![4, 5, 2, 6], vec![3, 3, 0, 1]),
                (vec![], vec![]),
                (vec![7, 8], vec![2, 2]),
            ] {
                let place = |i: &usize| held.iter().position(|other| other == i);
                let from: Vec<Option<usize>> = list.iter().map(place).collect();
                let new = list.iter().filter(|i| place(i).is_none()).flat_map(|&i| row(i)).collect::<Vec<f32>>();
                followed.arrange(&from, &labels, &new).unwrap();
                held = list;
                let mut fresh = labelled(set);
                held.iter().zip(&labels).for_each(|(&i, &label)| fresh.observe(&row(i), label).unwrap());
                assert_eq!((&followed.labels, &followed.raw), (&fresh.labels, &fresh.raw));
                if !held.is_empty() {
                    close(&answer(&mut followed).probabilities, &answer(&mut fresh).probabilities);
                    close(&answer(&mut followed).importance, &answer(&mut fresh).importance);
                }
            }
        }
    }

    #[test]
    fn a_list_may_use_all_classes_before_and_after() {
        let mut followed = shown(true, &[0, 0, 1, 2, 3, 4]);
        let mut list = |labels: [u32; 6]| followed.arrange(&[0, 1, 2, 3, 4, 5].map(Some), &labels, &[]).unwrap();
        // one class is divided while another, later one goes
        list([9, 0, 0, 2, 3, 4]);
        assert_eq!(followed.labels, [9, 0, 0, 2, 3, 4]);
        close(&answer(&mut followed).probabilities, &answer(&mut shown(true, &[9, 0, 0, 2, 3, 4])).probabilities);
    }

    #[test]
    fn what_did_not_change_is_not_taken_in_again() {
        let mut followed = shown(true, &[0, 1, 0, 1]);
        assert!(!followed.ready());
        block_on(followed.prepare()).unwrap();
        assert!(followed.ready());
        let all = [0, 1, 2, 3].map(Some);
        followed.arrange(&all, &[0, 1, 0, 1], &[]).unwrap();
        assert!(followed.ready(), "nothing changed");
        followed.arrange(&all, &[1, 3, 1, 3], &[]).unwrap();
        assert!(followed.ready(), "other names are no reason to compute");
        followed.arrange(&all, &[1, 3, 3, 3], &[]).unwrap();
        assert!(!followed.ready());
    }

    #[test]
    fn a_saved_course_comes_back_with_its_labels() {
        for set in [false, true] {
            let mut before = shown(set, &[4, 2, 4]);
            let mut after = LabelledSession::restore(model(set), before.size, &before.names, &before.save()).unwrap();
            assert_eq!(after.labels, [4, 2, 4]);
            close(&answer(&mut after).probabilities, &answer(&mut before).probabilities);
            let mut cut = before.save();
            cut.pop();
            assert!(LabelledSession::restore(model(set), before.size, &before.names, &cut).is_err());
        }
        let state = shown(true, &[4, 2, 4]).save();
        let error = |names: &[u32]| LabelledSession::restore(model(true), (1, D, 1), names, &state).err().unwrap().said;
        assert!(error(&[4]).contains("damaged"));
        assert!(error(&[4, 4]).contains("damaged"));
    }

    #[test]
    fn what_cannot_be_taken_changes_nothing() {
        let mut labelled = shown(true, &[7, 8, 9, 10, 11]);
        let before = answer(&mut labelled);
        for (words, result) in [
            ("expected 6", labelled.observe(&[1.0], 7)),
            ("not finite", labelled.observe(&[f32::NAN; D], 7)),
            ("no example 5", labelled.forget(5)),
            ("no example 9", labelled.relabel(9, 7)),
        ] {
            let error = result.unwrap_err().said;
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(labelled.labels, [7, 8, 9, 10, 11]);
        assert_eq!(answer(&mut labelled), before);
        // more labels than the five of meta-training, as many as a context holds
        labelled.observe(&row(5), 12).unwrap();
        for i in 6..11 {
            labelled.observe(&row(i), 7).unwrap();
        }
        assert!(labelled.observe(&row(11), 7).unwrap_err().said.contains("at most 11"));
        assert!(shown(false, &[0]).observe(&row(1), 5).unwrap_err().said.contains("out of range"));
    }

    #[test]
    fn more_labels_than_a_learner_tells_apart_are_refused() {
        let spec = ModelSpec { longest: 300, ..ModelSpec::equivariant(D, 5, 8, 1) };
        let mut labelled = LabelledSession::on_cpu(Arc::new(Model::random(spec, 3).unwrap()), (1, D, 1)).unwrap();
        (0..199).for_each(|label| labelled.observe(&row(label), label as u32).unwrap());
        let mut outside =
            LabelledSession::restore(labelled.model.clone(), labelled.size, &labelled.names, &labelled.save());
        let outside = outside.as_mut().unwrap();
        outside.set_outsiders(true).unwrap();
        assert!(outside.observe(&row(1), 500).unwrap_err().said.contains("at most 199 classes"));
        labelled.observe(&row(199), 199).unwrap();
        for result in [labelled.observe(&row(200), 200), labelled.relabel(0, 200)] {
            assert!(result.unwrap_err().said.contains("at most 200 classes"));
        }
        assert!(labelled.set_outsiders(true).is_err() && labelled.labels.len() == 200);
    }

    #[test]
    fn of_equal_labels_everybody_names_the_first() {
        // taught in both orders, as labels that a set learner counts the other way round
        for (set, labels) in [(true, [3, 1]), (true, [1, 3]), (false, [1, 3])] {
            let mut labelled = labelled(set);
            labels.into_iter().for_each(|label| labelled.observe(&row(4), label).unwrap());
            let said = block_on(labelled.answer(&row(4), 5)).unwrap().unwrap().probabilities;
            if set {
                close(&[said[1], said[3]], &[0.5, 0.5]);
            }
            let answer = shaders::answer(&said).unwrap() as u32;
            for label in [1, 3] {
                assert_eq!(
                    block_on(labelled.guess(&row(4), label)).unwrap(),
                    Some(label == answer),
                    "{labels:?} {said:?}"
                );
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_no_answer() {
        let mut weights = (*model(true)).clone();
        // their product is beyond f32
        for name in ["norm", "readout"] {
            weights.tensors_mut().get_mut(name).unwrap().fill(3e38);
        }
        let mut labelled = LabelledSession::on_cpu(Arc::new(weights), (1, D, 1)).unwrap();
        [0, 1].into_iter().for_each(|label| labelled.observe(&row(label as usize), label).unwrap());
        let said = block_on(labelled.answer(&row(77), 2)).unwrap_err().said;
        assert!(said.contains("not finite"), "{said}");
    }

    #[test]
    fn only_a_question_with_two_sides_is_a_guess() {
        let mut labelled = shown(true, &[0, 0]);
        assert_eq!(block_on(labelled.guess(&row(0), 0)).unwrap(), None, "nothing else was shown");
        assert_eq!(block_on(labelled.guess(&row(0), 1)).unwrap(), None, "it was not shown");
        labelled.observe(&row(2), 1).unwrap();
        let sure = answer(&mut labelled);
        let best = if sure.probabilities[0] > sure.probabilities[1] { 0 } else { 1 };
        assert_eq!(block_on(labelled.guess(&row(77), best)).unwrap(), Some(true));
        assert_eq!(block_on(labelled.guess(&row(77), 1 - best)).unwrap(), Some(false));
    }
}
