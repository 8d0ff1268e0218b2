//! A model with one labelled session that follows a table, and others for questions aside.

use std::collections::HashMap;
use std::sync::Arc;

use shaders::Model;
use shaders::gpu::Gpu;
use shaders::model::spec::Variant;

use crate::controls::{Answerer, dealt, is_question, nearest, standardised};
use crate::error::{EngineError, words};
use crate::labelled_session::{Answer, LabelledSession, Size, values};

/// Weights of the untrained learner.
const UNTRAINED_SEED: u64 = 0;

/// A model and what it was shown.
pub struct Learner {
    /// The model.
    pub model: Arc<Model>,
    /// The device it computes on; none: the CPU.
    pub gpu: Option<Gpu>,
    /// The table, once something was shown.
    pub table: Option<LabelledSession>,
    /// Of the table's examples: what the caller knows them by.
    ids: Vec<u32>,
    /// By [`Answerer`]: contexts that are made of the table's examples, for those who answer in its place and for questions
    /// about fewer examples.
    others: [Option<LabelledSession>; 4],
    /// For [`Learner::ask`].
    aside: Option<LabelledSession>,
    /// Whether the table's answers tell how likely a query belongs to none of its labels.
    outsiders: bool,
}

/// What a table is to be; see [`Learner::arrange`].
pub struct Wanted<'a> {
    /// Size of every example.
    pub size: Size,
    /// See [`LabelledSession::set_drawings`].
    pub drawings: bool,
    /// See [`LabelledSession::set_outsiders`]; a learner that cannot do so answers without.
    pub outsiders: bool,
    /// What the caller knows the examples by, `[N]`, in their order.
    pub ids: &'a [u32],
    /// Their labels, `[N]`.
    pub labels: &'a [u32],
    /// Places of those whose values are in `inputs`; the others are known by their ids.
    pub new: &'a [u32],
    /// Raw values, `[n, D]`.
    pub inputs: &'a [f32],
    /// Whether the learner is asked about the last example before it is told, if that costs no more than one question.
    pub guess: bool,
}

impl Learner {
    /// Reads a model file's bytes. The learner computes on the CPU until it is told otherwise.
    pub fn open(bytes: &[u8]) -> Result<Learner, EngineError> {
        let model = Arc::new(Model::from_bytes(bytes)?);
        Ok(Learner {
            model,
            gpu: None,
            table: None,
            ids: Vec::new(),
            others: Default::default(),
            aside: None,
            outsiders: false,
        })
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
            "classes": spec.most_classes(),
            "capacity": spec.longest - 1,
            "inputs": spec.inputs,
            "metadata": self.model.metadata,
        })
        .to_string()
    }

    /// Moves to a device, or to the CPU, with everything shown; after an error it is where it was.
    pub async fn move_to(&mut self, gpu: Option<Gpu>) -> Result<(), EngineError> {
        if let Some(gpu) = &gpu {
            // now rather than with the first example
            gpu.prepare(&self.model.spec).await?;
        }
        if let Some(table) = &mut self.table {
            table.move_to(gpu.as_ref()).await?;
        }
        self.others = Default::default();
        self.aside = None;
        self.gpu = gpu;
        Ok(())
    }

    /// See [`LabelledSession::set_outsiders`].
    pub fn set_outsiders(&mut self, outsiders: bool) -> Result<(), EngineError> {
        match &mut self.table {
            Some(table) => table.set_outsiders(outsiders)?,
            None if outsiders => LabelledSession::on_cpu(self.model.clone(), (1, 1, 1))?.set_outsiders(true)?,
            None => (),
        }
        self.outsiders = outsiders;
        Ok(())
    }

    /// Takes back what was saved; after an error everything is as it was.
    pub async fn restore(&mut self, size: Size, names: &[u32], state: &[u8]) -> Result<(), EngineError> {
        let mut labelled = LabelledSession::restore(self.model.clone(), size, names, state)?;
        labelled.set_outsiders(self.outsiders)?;
        if self.gpu.is_some() {
            labelled.move_to(self.gpu.as_ref()).await?;
        }
        self.table = Some(labelled);
        Ok(())
    }

    /// The table for examples of this size; an empty one of another size gives way.
    pub async fn table(&mut self, size: Size) -> Result<&mut LabelledSession, EngineError> {
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
        let mut table = match self.table.take() {
            Some(table) => table,
            None => LabelledSession::open(self.model.clone(), self.gpu.as_ref(), size).await?,
        };
        table.set_outsiders(self.outsiders)?;
        Ok(self.table.insert(table))
    }

    /// Brings the table in step with what is wanted. Gives, where the learner was asked about the last example before it was
    /// told, whether it named it right, or that it was no question.
    pub async fn arrange(&mut self, wanted: &Wanted<'_>) -> Result<Option<Option<bool>>, EngineError> {
        let known = std::mem::take(&mut self.ids);
        self.outsiders = wanted.outsiders && self.model.spec.equivariant.is_some();
        let table = self.table(wanted.size).await?;
        table.set_drawings(wanted.drawings)?;
        // after an error nothing is known by its id, and everything is to be sent again
        let known = if table.labels.len() == known.len() { known } else { Vec::new() };
        if wanted.ids.len() != wanted.labels.len() {
            return Err(words(format!("expected a label for each of {} examples", wanted.ids.len())));
        }
        let places: HashMap<u32, usize> = known.into_iter().zip(0..).collect();
        let mut from: Vec<Option<usize>> = wanted.ids.iter().map(|id| places.get(id).copied()).collect();
        for &place in wanted.new {
            *from.get_mut(place as usize).ok_or_else(|| words(format!("there is no example {place}")))? = None;
        }
        let last = wanted.labels.len().wrapping_sub(1);
        let only = wanted.new == [last as u32] && from[..last].iter().enumerate().all(|(at, from)| *from == Some(at));
        let mut guess = None;
        if wanted.guess && only && last <= table.labels.len() {
            table.arrange(&from[..last], &wanted.labels[..last], &[])?;
            if table.ready() || !is_question(&table.labels, wanted.labels[last]) {
                guess = Some(table.guess(wanted.inputs, wanted.labels[last]).await?);
            }
        }
        table.arrange(&from, wanted.labels, wanted.inputs)?;
        self.ids = wanted.ids.to_vec();
        Ok(guess)
    }

    /// Answers a query from the table, or has another answer from the same examples, without importance; nothing before
    /// anything was shown.
    ///
    /// # Shapes
    /// `query` `[D]`; probabilities `[C]`
    pub async fn answer(&mut self, who: Answerer, query: &[f32]) -> Result<Option<Answer>, EngineError> {
        let classes = self.model.spec.most_classes();
        let Some(table) = self.table.as_mut().filter(|table| !table.labels.is_empty()) else { return Ok(None) };
        let without = |probabilities| Answer { probabilities, none: None, importance: Vec::new() };
        match who {
            Answerer::Learner => table.answer(query, classes).await,
            Answerer::Nearest => {
                let width = values(table.size);
                if query.len() != width {
                    return Err(words(format!("expected a query of {width} values, found {}", query.len())));
                }
                let shown = standardised(&table.raw, width);
                let label = nearest(&shown, &table.labels, &standardised(query, width));
                let certain = |class| if label == Some(class) { 1.0 } else { 0.0 };
                Ok(Some(without((0..classes as u32).map(certain).collect())))
            }
            Answerer::Shuffled | Answerer::Untrained => {
                let count = table.labels.len();
                let answer = self.other(who, count, None).await?.answer(query, classes).await?;
                Ok(answer.map(|answer| without(answer.probabilities)))
            }
        }
    }

    /// The context of `who` with the first `count` examples of the table, but for the one at `without`.
    async fn other(
        &mut self,
        who: Answerer,
        count: usize,
        without: Option<usize>,
    ) -> Result<&mut LabelledSession, EngineError> {
        let table = self.table.as_ref().ok_or_else(|| words("nothing was shown yet"))?;
        let slot = &mut self.others[who as usize];
        let mut labelled = match slot.take() {
            Some(labelled) if labelled.size == table.size => labelled,
            _ => {
                let model = match who {
                    Answerer::Untrained => Arc::new(Model::random(self.model.spec.clone(), UNTRAINED_SEED)?),
                    _ => self.model.clone(),
                };
                LabelledSession::open(model, self.gpu.as_ref(), table.size).await?
            }
        };
        labelled.set_drawings(table.drawings())?;
        let width = values(table.size);
        let labels = match who {
            Answerer::Shuffled => dealt(&table.labels[..count]),
            _ => table.labels[..count].to_vec(),
        };
        match without.filter(|place| *place < count) {
            None => labelled.bring(&table.raw[..count * width], &labels)?,
            Some(place) => {
                let (before, after) = (&table.raw[..place * width], &table.raw[(place + 1) * width..count * width]);
                let others = [&labels[..place], &labels[place + 1..]].concat();
                labelled.bring(&[before, after].concat(), &others)?;
            }
        }
        Ok(slot.insert(labelled))
    }

    /// Whether `who` would have named the examples at `places` of the table right, each after those before it; `None`
    /// where it was no question. Ends early, after at least one, when there is to be no more.
    pub async fn review(
        &mut self,
        who: Answerer,
        places: &[u32],
        more: impl Fn() -> bool,
    ) -> Result<Vec<Option<bool>>, EngineError> {
        let mut standard = None;
        let mut verdicts = Vec::new();
        for &place in places {
            let table = self.table.as_ref().ok_or_else(|| words("nothing was shown yet"))?;
            let (place, width) = (place as usize, values(table.size));
            let label = *table.labels.get(place).ok_or_else(|| words(format!("there is no example {place}")))?;
            let verdict = if !is_question(&table.labels[..place], label) {
                None
            } else if who == Answerer::Nearest {
                let all = standard.get_or_insert_with(|| standardised(&table.raw, width));
                let (before, query) = all[..(place + 1) * width].split_at(place * width);
                Some(nearest(before, &table.labels[..place], query) == Some(label))
            } else {
                let query = table.raw[place * width..(place + 1) * width].to_vec();
                self.other(who, place, None).await?.guess(&query, label).await?
            };
            verdicts.push(verdict);
            if !more() {
                break;
            }
        }
        Ok(verdicts)
    }

    /// Probabilities of each label for `query`, each time without the example at one of `places` of the table, `[n, C]`;
    /// all 0 where no other example is left. Ends early as [`Learner::review`] does.
    pub async fn without(
        &mut self,
        query: &[f32],
        places: &[u32],
        more: impl Fn() -> bool,
    ) -> Result<Vec<f32>, EngineError> {
        let classes = self.model.spec.most_classes();
        let mut all = Vec::new();
        for &place in places {
            let count = self.table.as_ref().map_or(0, |table| table.labels.len());
            if place as usize >= count {
                return Err(words(format!("there is no example {place}")));
            }
            let labelled = self.other(Answerer::Learner, count, Some(place as usize)).await?;
            let answer = labelled.answer(query, classes).await?;
            all.extend(answer.map_or_else(|| vec![0.0; classes], |answer| answer.probabilities));
            if !more() {
                break;
            }
        }
        Ok(all)
    }

    /// What the learner says of `queries` after these examples alone; see [`LabelledSession::ask`].
    pub async fn ask(
        &mut self,
        size: Size,
        inputs: &[f32],
        labels: &[u32],
        classes: usize,
        queries: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let most = self.model.spec.most_classes();
        if !(1..=most).contains(&classes) {
            return Err(words(format!(
                "expected 1 to {most} classes, which this learner can tell apart, found {classes}"
            )));
        }
        let mut labelled = match self.aside.take() {
            Some(labelled) if labelled.size == size => labelled,
            _ => LabelledSession::open(self.model.clone(), self.gpu.as_ref(), size).await?,
        };
        let answers = labelled.ask(inputs, labels, classes, queries).await;
        self.aside = Some(labelled);
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;
    use shaders::ModelSpec;
    use shaders::model::file::Precision;

    const D: usize = 6;
    const SIZE: Size = (1, D, 1);

    fn learner(set: bool) -> Learner {
        let spec = match set {
            true => ModelSpec { longest: 40, ..ModelSpec::equivariant(D, 5, 8, 1) },
            false => {
                let mut spec = ModelSpec { longest: 40, classes: 5, ..ModelSpec::shifted(D, 8, 1, 2) };
                spec.encoding.projected = false;
                spec
            }
        };
        Learner::open(&Model::random(spec, 3).unwrap().to_bytes(Precision::F32)).unwrap()
    }

    fn row(i: u32) -> Vec<f32> {
        (0..D as u32).map(|d| ((i * 31 + d * 17 + i * i * d) % 13) as f32).collect()
    }

    fn label(i: u32) -> u32 {
        i * i % 3
    }

    /// The first `count` examples, of which the learner knows the first `known`: what it said of the last one before it was
    /// told.
    fn show(learner: &mut Learner, known: u32, count: u32) -> Option<Option<bool>> {
        let ids: Vec<u32> = (0..count).map(|i| 100 + i).collect();
        let labels: Vec<u32> = (0..count).map(label).collect();
        let new: Vec<u32> = (known..count).collect();
        let inputs: Vec<f32> = new.iter().flat_map(|i| row(*i)).collect();
        let (ids, labels, new, inputs) = (&ids[..], &labels[..], &new[..], &inputs[..]);
        let wanted = Wanted { size: SIZE, drawings: true, outsiders: false, ids, labels, new, inputs, guess: true };
        block_on(learner.arrange(&wanted)).unwrap()
    }

    /// The same, and its answer to a query.
    fn ask(learner: &mut Learner, known: u32, count: u32, query: &[f32]) -> Vec<f32> {
        show(learner, known, count);
        block_on(learner.answer(Answerer::Learner, query)).unwrap().unwrap().probabilities
    }

    #[test]
    fn what_is_asked_in_the_background_is_what_asking_one_by_one_gives() {
        const COUNT: u32 = 14;
        for set in [false, true] {
            // one by one, each when it is taught and while the answer before is still there
            let mut drawn = learner(set);
            let mut one_by_one = Vec::new();
            for count in 1..=COUNT {
                let guess = show(&mut drawn, count - 1, count);
                one_by_one.push(guess.expect("asked, as the learner was ready"));
                ask(&mut drawn, count, count, &row(99));
            }
            assert!(one_by_one.iter().flatten().count() > 8);
            // all at once, newest first, some at a time
            let mut stored = learner(set);
            assert_eq!(show(&mut stored, 0, COUNT), None, "many new examples are not asked about at once");
            let mut places: Vec<u32> = (0..COUNT).rev().collect();
            let mut found = vec![None; COUNT as usize];
            while !places.is_empty() {
                let some = block_on(stored.review(Answerer::Learner, &places, || false)).unwrap();
                assert_eq!(some.len(), 1, "a slice ends when there is to be no more");
                found[places.remove(0) as usize] = some[0];
            }
            assert_eq!(found, one_by_one);
            // and the table is what it was
            let before = ask(&mut stored, COUNT, COUNT, &row(7));
            assert_eq!(before, ask(&mut learner(set), 0, COUNT, &row(7)));
        }
    }

    #[test]
    fn the_others_are_asked_after_the_same_examples() {
        let mut asked = learner(true);
        show(&mut asked, 0, 12);
        let places: Vec<u32> = (0..12).rev().collect();
        for who in [Answerer::Nearest, Answerer::Shuffled, Answerer::Untrained] {
            let all = block_on(asked.review(who, &places, || true)).unwrap();
            for (place, verdict) in places.iter().zip(all) {
                let before: Vec<u32> = (0..*place).map(label).collect();
                assert_eq!(verdict.is_some(), is_question(&before, label(*place)));
                let Some(right) = verdict else { continue };
                let mut fresh = learner(true);
                show(&mut fresh, 0, *place);
                let said = block_on(fresh.answer(who, &row(*place))).unwrap().unwrap().probabilities;
                let best = shaders::answer(&said).unwrap() as u32;
                assert_eq!(right, best == label(*place), "{who:?}, example {place}");
            }
        }
    }

    #[test]
    fn without_an_example_it_answers_as_if_it_had_never_been_shown() {
        for set in [false, true] {
            let mut asked = learner(set);
            show(&mut asked, 0, 6);
            let all = block_on(asked.without(&row(50), &[5, 2, 0], || true)).unwrap();
            let classes = asked.model.spec.most_classes();
            for (said, gone) in all.chunks(classes).zip([5u32, 2, 0]) {
                let mut fresh = LabelledSession::on_cpu(asked.model.clone(), SIZE).unwrap();
                for i in (0..6).filter(|i| *i != gone) {
                    fresh.observe(&row(i), label(i)).unwrap();
                }
                let want = block_on(fresh.answer(&row(50), classes)).unwrap().unwrap().probabilities;
                let worst = said.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "without {gone}: {said:?}, {want:?}");
            }
            assert_eq!(block_on(asked.without(&row(50), &[5, 2, 0], || false)).unwrap().len(), classes);
            assert!(block_on(asked.without(&row(50), &[6], || true)).is_err());
        }
    }

    #[test]
    fn a_call_that_is_made_twice_does_no_harm_and_one_that_failed_can_be_mended() {
        let mut called = learner(true);
        show(&mut called, 0, 4);
        // the same new example twice, as after a device that was lost
        show(&mut called, 4, 5);
        let twice = ask(&mut called, 4, 5, &row(9));
        assert_eq!(twice, ask(&mut learner(true), 0, 5, &row(9)));
        let bad = Wanted {
            size: SIZE,
            drawings: true,
            outsiders: false,
            ids: &[1, 2],
            labels: &[0, 1],
            new: &[0, 1],
            inputs: &[0.0; D],
            guess: false,
        };
        assert!(block_on(called.arrange(&bad)).is_err());
        let mended = ask(&mut called, 0, 5, &row(9));
        assert_eq!(mended, twice);
    }
}
