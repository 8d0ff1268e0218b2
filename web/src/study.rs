//! What the page finds out beside the answer: how others would have done on the very same examples, what each example
//! does for the answer, and whether their order matters.
//!
//! Others are asked while nothing else is to be done, one question at a time, in contexts of their own: the drawing's
//! answer never waits for them.

use std::collections::HashMap;

use shaders::pixels::{SIDE, standardise};

use crate::answers::Who;
use crate::browser;
use crate::dom::*;
use crate::learner::{Fault, Learner, Shown, Which};
use crate::page::Page;
use crate::table::Example;

/// Nobody has touched the page for this long before others are asked, in milliseconds.
const QUIET_MS: i32 = 400;

/// Whether each of the others named an example right, before it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Controls {
    /// [`Who::Nearest`].
    pub nearest: bool,
    /// [`Who::Shuffled`].
    pub shuffled: bool,
    /// [`Who::Untrained`].
    pub untrained: bool,
}

/// What each example does for the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// The label that leads.
    pub label: u32,
    /// By example: how much of that label's probability it brings, in [−1, 1]; without it, so much less.
    pub effects: HashMap<u32, f32>,
    /// Whether all examples were left out once.
    pub done: bool,
}

/// What came of another order.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Order {
    /// Nothing was shuffled since the last change.
    #[default]
    AsShown,
    /// Shuffled, without an answer to compare with.
    Shuffled,
    /// Shuffled; the answer to compare is on its way.
    Waiting {
        /// Probabilities before.
        before: Vec<f32>,
        /// Examples in their new order.
        order: Vec<u32>,
    },
    /// The largest change of a probability.
    Held(f32),
}

/// What was found out.
#[derive(Clone, Copy)]
pub struct Study {
    /// By example that was a question.
    pub controls: RwSignal<HashMap<u32, Controls>>,
    /// Of the drawing in hand, once somebody asked.
    pub missing: RwSignal<Option<Missing>>,
    /// Of the last shuffle.
    pub order: RwSignal<Order>,
    /// Whether somebody is being asked.
    asking: StoredValue<bool>,
}

impl Study {
    /// Nothing yet.
    pub fn new() -> Study {
        Study {
            controls: RwSignal::new(HashMap::new()),
            missing: RwSignal::new(None),
            order: RwSignal::new(Order::AsShown),
            asking: StoredValue::new(false),
        }
    }
}

/// The label of the shown picture with the greatest cosine; the first of several. Pictures count after
/// standardisation, as the learner takes them.
pub fn nearest(shown: &[Example], query: &[f32]) -> Option<u32> {
    let standard = |picture: &[f32]| {
        let mut values = picture.to_vec();
        standardise(&mut values);
        values
    };
    let query = standard(query);
    let score = |example: &Example| -> f32 { standard(&example.picture).iter().zip(&query).map(|(a, b)| a * b).sum() };
    let mut best: Option<(f32, u32)> = None;
    for example in shown {
        let score = score(example);
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, example.label));
        }
    }
    best.map(|(_, label)| label)
}

/// Deals the same labels out anew: a permutation that depends on `seed` alone.
fn dealt(mut labels: Vec<u32>, seed: u32) -> Vec<u32> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    for last in (1..labels.len()).rev() {
        // xorshift64*: plenty for a shuffle of a few labels
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        labels.swap(last, random as usize % (last + 1));
    }
    labels
}

/// Examples for [`Learner::ask`].
fn shown(examples: &[Example], labels: Vec<u32>, classes: usize, scrambled: bool) -> Shown {
    // Scrambled pixels are no picture that a stem could read: a row of numbers.
    let (height, width) = if scrambled { (1, SIDE * SIDE) } else { (SIDE, SIDE) };
    let inputs = examples.iter().flat_map(|example| example.picture.iter().copied()).collect();
    Shown { inputs, height, width, channels: 1, labels, classes }
}

/// What `who` says of `query` after `examples`: a probability for each of the model's labels, `[C]`. Examples that the
/// model has no class or no room for are left out.
///
/// # Shapes
/// `query` [28, 28]
pub async fn control(
    learner: &Learner,
    who: Who,
    examples: &[Example],
    query: &[f32],
    scrambled: bool,
) -> Result<Vec<f32>, Fault> {
    let classes = learner.card().classes;
    let fitting = examples.iter().filter(|example| (example.label as usize) < classes);
    let examples: Vec<Example> = fitting.take(learner.card().capacity).cloned().collect();
    let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
    let which = match who {
        Who::Nearest => {
            let label = nearest(&examples, query);
            return Ok((0..classes as u32).map(|class| f32::from(label == Some(class))).collect());
        }
        Who::Untrained => Which::Untrained,
        Who::Learner | Who::Shuffled => Which::Trained,
    };
    let labels = match who {
        Who::Shuffled => dealt(labels, examples.len() as u32),
        _ => labels,
    };
    learner.ask(which, &shown(&examples, labels, classes, scrambled), query).await
}

/// 95 % interval of a share by Wilson's score (1927): it stays in [0, 1] and makes sense from the first trial on.
pub fn wilson(hits: usize, of: usize) -> (f32, f32) {
    const Z: f32 = 1.96;
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (of as f32, hits as f32 / of as f32);
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

fn best(probabilities: &[f32]) -> Option<u32> {
    shaders::answer(probabilities).map(|label| label as u32)
}

impl Page {
    /// Forgets what is no longer true when the examples or the drawing change.
    pub fn follow(self) {
        let examples = Memo::new(move |_| {
            self.table.with(|table| table.examples.iter().map(|e| (e.id, e.label)).collect::<Vec<(u32, u32)>>())
        });
        Effect::new(move |_| {
            // A memo that nobody reads follows nothing: to track it is not enough.
            examples.with(|_| ());
            self.sight.with(|_| ());
            self.probes.missing.set(None);
        });
        Effect::new(move |_| {
            let now = examples.with(|examples| examples.iter().map(|(id, _)| *id).collect::<Vec<u32>>());
            self.sight.with(|_| ());
            let order = self.probes.order;
            // The shuffle itself is such a change.
            let own = order.with_untracked(|order| match order {
                Order::Waiting { order, .. } => *order == now,
                Order::Shuffled => true,
                _ => false,
            });
            if !own {
                order.set(Order::AsShown);
            }
        });
    }

    /// An answer has come: if it is the one after a shuffle, it is compared.
    pub fn held(self, examples: &[Example], probabilities: Option<&[f32]>) {
        let Order::Waiting { before, order } = self.probes.order.get_untracked() else { return };
        if let Some(now) = probabilities
            && examples.iter().map(|example| example.id).eq(order)
        {
            let largest = before.iter().zip(now).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            self.probes.order.set(Order::Held(largest));
        }
    }

    /// Asks the others about what the learner was asked, as long as nothing else is to be done.
    pub fn research(self) {
        if self.probes.asking.try_update_value(|asking| std::mem::replace(asking, true)) != Some(false) {
            return;
        }
        spawn_local(async move {
            browser::sleep(QUIET_MS).await;
            while let Some((id, before, example)) = self.unanswered() {
                if self.busy() || self.rested() < f64::from(QUIET_MS) || !self.live.with_untracked(Vec::is_empty) {
                    browser::sleep(QUIET_MS).await;
                    continue;
                }
                let Some(learner) = self.learner() else { break };
                match self.controls_of(&learner, &before, &example).await {
                    Ok(controls) => self.probes.controls.update(|all| {
                        all.insert(id, controls);
                    }),
                    // The learner itself meets the same fault, and says so.
                    Err(_) => break,
                }
                browser::sleep(0).await;
            }
            self.probes.asking.set_value(false);
        });
    }

    /// The first example that only the learner was asked about, and those before it.
    fn unanswered(self) -> Option<(u32, Vec<Example>, Example)> {
        self.table.with_untracked(|table| {
            let asked = |id: u32| self.guesses.with_untracked(|guesses| guesses.get(&id).copied().flatten().is_some());
            let known = |id: u32| self.probes.controls.with_untracked(|controls| controls.contains_key(&id));
            let at = table.examples.iter().position(|example| asked(example.id) && !known(example.id))?;
            Some((table.examples[at].id, table.examples[..at].to_vec(), table.examples[at].clone()))
        })
    }

    async fn controls_of(self, learner: &Learner, before: &[Example], of: &Example) -> Result<Controls, Fault> {
        let scrambled = self.scrambled.get_untracked();
        let mut before = before.to_vec();
        before.iter_mut().for_each(|example| example.picture = untrack(|| self.seen(example)));
        let query = untrack(|| self.seen(of));
        let mut right = [false; 3];
        for (right, who) in right.iter_mut().zip([Who::Nearest, Who::Shuffled, Who::Untrained]) {
            let probabilities = control(learner, who, &before, &query, scrambled).await?;
            *right = best(&probabilities) == Some(of.label);
        }
        let [nearest, shuffled, untrained] = right;
        Ok(Controls { nearest, shuffled, untrained })
    }

    /// Asks about the drawing in hand without each example in turn.
    pub fn leave_each_out(self) {
        let (Some(query), Some(learner)) = (self.sight.get_untracked(), self.learner()) else { return };
        let Some(full) = self.probabilities.get_untracked() else { return };
        let Some(label) = best(&full) else { return };
        let mut examples = self.table.with_untracked(|table| table.examples.clone());
        let ids: Vec<u32> = examples.iter().map(|example| example.id).collect();
        examples.iter_mut().for_each(|example| example.picture = untrack(|| self.seen(example)));
        self.probes.missing.set(Some(Missing { label, effects: HashMap::new(), done: false }));
        spawn_local(async move {
            for (at, id) in ids.iter().enumerate() {
                while self.busy() {
                    browser::sleep(20).await;
                }
                // Somebody draws on or teaches: it was another question.
                if self.probes.missing.with_untracked(Option::is_none) {
                    return;
                }
                let mut others = examples.clone();
                others.remove(at);
                let scrambled = self.scrambled.get_untracked();
                let without = match control(&learner, Who::Learner, &others, &query, scrambled).await {
                    Ok(probabilities) => probabilities,
                    Err(error) => {
                        self.probes.missing.set(None);
                        return self.fault(format!("No example could be left out: {error}."));
                    }
                };
                let effect = full[label as usize] - if others.is_empty() { 0.0 } else { without[label as usize] };
                self.probes.missing.update(|missing| {
                    if let Some(missing) = missing {
                        missing.effects.insert(*id, effect);
                        missing.done = at + 1 == ids.len();
                    }
                });
                browser::sleep(0).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::table::Drawing;

    fn example(id: u32, label: u32, ink: usize) -> Example {
        let mut picture = vec![0.0; SIDE * SIDE];
        picture[ink..ink + 40].fill(1.0);
        Example { id, strokes: Drawing::default(), picture: Arc::new(picture), label, answers: Default::default() }
    }

    #[test]
    fn the_nearest_picture_gives_its_label() {
        let shown = [example(0, 4, 0), example(1, 7, 300), example(2, 4, 600)];
        for (ink, label) in [(10, 4), (310, 7), (590, 4)] {
            assert_eq!(nearest(&shown, &example(9, 0, ink).picture), Some(label), "ink at {ink}");
        }
        assert_eq!(nearest(&[], &shown[0].picture), None);
    }

    #[test]
    fn shuffled_labels_are_the_same_labels_in_another_order() {
        let labels: Vec<u32> = (0..30).map(|i| i % 3).collect();
        let mut moved = 0;
        for seed in 0..20 {
            let mut other = dealt(labels.clone(), seed);
            assert_eq!(other, dealt(labels.clone(), seed));
            moved += other.iter().zip(&labels).filter(|(a, b)| a != b).count();
            other.sort();
            let mut sorted = labels.clone();
            sorted.sort();
            assert_eq!(other, sorted);
        }
        // two of three labels change on average
        assert!((340..460).contains(&moved), "{moved} of 600 labels moved");
        assert!(
            (0..20).any(|seed| dealt(vec![0, 1], seed) == [1, 0])
                && (0..20).any(|seed| dealt(vec![0, 1], seed) == [0, 1])
        );
    }

    #[test]
    fn the_interval_is_wilsons() {
        // Brown, Cai, DasGupta, Interval Estimation for a Binomial Proportion (2001): the interval's own formula
        for (hits, of, low, high) in
            [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
        {
            let (a, b) = wilson(hits, of);
            assert!((a - low).abs() < 1e-3 && (b - high).abs() < 1e-3, "{hits} of {of}: {a} to {b}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }
}
