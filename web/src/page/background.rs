//! What is asked while nothing else is to be done: about examples that came without answers, of the others that the learner
//! is compared with, and about the answer without each example in turn. It happens in a worker of its own, newest
//! example first and a slice at a time, and a visitor can stop it: the drawing's answer never waits for it.

use std::collections::HashMap;

use super::Page;
use crate::answers::{Answerer, Basis, Verdict, best};
use crate::browser;
use crate::controls::{Missing, Order, Progress};
use crate::document::{Example, Id};
use crate::learner::client::Learner;
use dom::*;

/// Nobody has touched the page for this long before questions are asked, in milliseconds.
const QUIET_MS: i32 = 400;
/// How long a slice takes, in milliseconds, unless a single question takes longer.
const SLICE_MS: f64 = 100.0;
/// Most questions of a slice.
const MOST_QUESTIONS: usize = 64;
/// Fewest questions whose progress is worth a line.
const MANY: usize = 60;
/// How often what was found is kept for the next visit, in milliseconds.
const KEEP_MS: f64 = 5000.0;
/// The worker gives its memory back when it has had nothing to do for this long, in milliseconds.
const IDLE_MS: i32 = 60_000;

/// The next questions, and how far they are.
struct Slice {
    who: Answerer,
    examples: Vec<Example>,
    /// Newest first.
    ids: Vec<Id>,
    progress: Progress,
}

impl Page {
    /// Forgets what is no longer true when the examples or the drawing change.
    pub fn follow(self) {
        let examples = memo(move |_| {
            self.document.with(|document| document.examples.iter().map(|e| (e.id, e.label)).collect::<Vec<(Id, u32)>>())
        });
        effect(move || {
            // A memo that nobody reads follows nothing: to track it is not enough.
            examples.with(|_| ());
            self.model_input.with(|_| ());
            self.controls.missing.set(None);
        });
        effect(move || {
            let now = examples.with(|examples| examples.iter().map(|(id, _)| *id).collect::<Vec<Id>>());
            self.model_input.with(|_| ());
            let order = self.controls.order;
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
        let Order::Waiting { before, order } = self.controls.order.get_untracked() else { return };
        if let Some(now) = probabilities
            && examples.iter().map(|example| example.id).eq(order)
        {
            let largest = before.iter().zip(now).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            self.controls.order.set(Order::Held(largest));
        }
    }

    /// Whether somebody is about to do something, or an answer is on its way.
    fn in_use(self) -> bool {
        self.busy() || self.rested() < f64::from(QUIET_MS) || !self.current_stroke.with_untracked(Vec::is_empty)
    }

    /// Asks about what nobody was asked about yet, as long as nothing else is to be done.
    pub fn review(self) {
        if self.controls.asking.try_update_value(|asking| std::mem::replace(asking, true)) != Some(false) {
            return;
        }
        browser::set_data_attribute("asking", "true");
        spawn_local(async move {
            browser::sleep(QUIET_MS).await;
            let mut kept = browser::now_ms();
            let mut asked = false;
            while let (false, Some(learner), Some(basis)) =
                (self.controls.stopped.get_untracked(), self.learner(), self.basis.get_untracked())
            {
                let Some(slice) = self.next_slice(&learner, basis) else { break };
                let open = slice.progress.of - slice.progress.done;
                if open >= MANY || self.controls.progress.with_untracked(Option::is_some) {
                    self.controls.progress.set(Some(slice.progress));
                }
                if self.in_use() || self.leaving_out() {
                    browser::sleep(QUIET_MS / 4).await;
                    continue;
                }
                let look = |example: &Example| untrack(|| self.seen(example));
                let found = learner.review(&slice.examples, &look, slice.who, &slice.ids, SLICE_MS).await;
                // The learner itself meets the same fault, and says so.
                let Ok(verdicts) = found else { break };
                asked = true;
                let label = |id: &Id| slice.examples.iter().find(|example| example.id == *id).map(|e| e.label);
                let answers: Vec<(Id, u32, Answerer, Verdict)> = slice
                    .ids
                    .iter()
                    .zip(verdicts)
                    .filter_map(|(id, verdict)| Some((*id, label(id)?, slice.who, verdict)))
                    .collect();
                // What was asked before the switch was thrown is not what is asked now.
                if self.basis.get_untracked() == Some(basis) {
                    self.keep_answers(basis, &answers);
                }
                if browser::now_ms() - kept > KEEP_MS {
                    self.keep();
                    kept = browser::now_ms();
                }
                browser::sleep(0).await;
            }
            if !self.controls.stopped.get_untracked() {
                self.controls.progress.set(None);
            }
            self.controls.asking.set_value(false);
            if asked {
                self.keep();
                self.rest_later();
            }
            browser::set_data_attribute("asking", "false");
        });
    }

    /// The visitor wants no more of these questions, or wants them after all.
    pub fn stop_review(self, stop: bool) {
        self.controls.stopped.set(stop);
        if !stop {
            self.review();
        }
    }

    /// The next questions: first the learner's, then the others', newest first.
    fn next_slice(self, learner: &Learner, basis: Basis) -> Option<Slice> {
        self.document.with_untracked(|document| {
            let fitting = learner.fitting(&document.examples);
            let open = |who: Answerer| fitting.iter().rev().filter(move |example| !example.answers.asked(basis, who));
            let left = Answerer::ALL.map(|who| open(who).count());
            let who = Answerer::ALL.into_iter().find(|who| left[*who as usize] > 0)?;
            let of = Answerer::ALL.len() * fitting.len();
            Some(Slice {
                who,
                ids: open(who).take(MOST_QUESTIONS).map(|example| example.id).collect(),
                examples: document.examples.clone(),
                progress: Progress { done: of - left.iter().sum::<usize>(), of },
            })
        })
    }

    /// Gives the worker's memory back when it is not needed for a while.
    fn rest_later(self) {
        let Some(learner) = self.learner() else { return };
        let questions = move || self.questions();
        let before = questions();
        spawn_local(async move {
            browser::sleep(IDLE_MS).await;
            if questions() == before && !self.controls.asking.get_value() && !self.leaving_out() {
                learner.stop_back();
            }
        });
    }

    /// Whether examples are being left out.
    fn leaving_out(self) -> bool {
        self.controls.missing.with_untracked(|missing| missing.as_ref().is_some_and(|missing| missing.going_on))
    }

    /// Asks about the drawing in hand without each example in turn.
    pub fn leave_each_out(self) {
        let (Some(query), Some(learner)) = (self.model_input.get_untracked(), self.learner()) else { return };
        let Some(full) = self.probabilities.get_untracked() else { return };
        let Some((label, before)) = best(&full) else { return };
        let examples = self.document.with_untracked(|document| document.examples.clone());
        let mut left: Vec<Id> = learner.fitting(&examples).iter().rev().map(|example| example.id).collect();
        let (effects, of) = (HashMap::new(), left.len());
        let turn = self.controls.turn.try_update_value(|turn| {
            *turn += 1;
            *turn
        });
        self.controls.missing.set(Some(Missing { label, effects, of, going_on: true }));
        // Somebody draws on or teaches, and it was another question; or has seen enough.
        let goes_on = move || self.leaving_out() && Some(self.controls.turn.get_value()) == turn;
        spawn_local(async move {
            let look = |example: &Example| untrack(|| self.seen(example));
            while !left.is_empty() {
                while self.busy() || !self.current_stroke.with_untracked(Vec::is_empty) {
                    browser::sleep(20).await;
                }
                if !goes_on() {
                    return;
                }
                let ids = &left[..left.len().min(MOST_QUESTIONS)];
                let found = match learner.without(&examples, &look, &query, ids, SLICE_MS).await {
                    Ok(found) if !found.is_empty() => found,
                    _ if !goes_on() => return,
                    Ok(_) => return self.controls.missing.set(None),
                    Err(error) => {
                        self.controls.missing.set(None);
                        return self.fault(format!("No example could be left out: {error}."));
                    }
                };
                let done: Vec<Id> = left.drain(..found.len()).collect();
                self.controls.missing.update(|missing| {
                    let Some(missing) = missing else { return };
                    let effect = |without: Vec<f32>| before - without.get(label as usize).copied().unwrap_or_default();
                    missing.effects.extend(done.into_iter().zip(found.into_iter().map(effect)));
                    // it may have been stopped meanwhile
                    missing.going_on &= !left.is_empty();
                });
                browser::sleep(0).await;
            }
            self.rest_later();
        });
    }

    /// The visitor has seen enough of what it is without this one or that.
    pub fn stop_leaving_out(self) {
        self.controls.missing.update(|missing| {
            if let Some(missing) = missing {
                missing.going_on = false;
            }
        });
    }
}
