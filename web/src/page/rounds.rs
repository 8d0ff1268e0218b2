//! One loop at a time speaks to the engine. Every change wakes it; it reads the newest state when it starts a round, so
//! that while somebody draws the latest drawing wins and none waits in a queue.

use super::{Page, Phase};
use crate::answers::{Answerer, Basis, Verdict};
use crate::browser;
use crate::document::{Example, Id};
use crate::learner::client::{Answer, Learner};
use crate::text::capital;
use dom::*;

/// Longest piece of work between two frames, in milliseconds.
const SLICE_MS: f64 = 8.0;

/// Whether the learner is taking in what it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Preparing {
    #[default]
    No,
    Once,
    /// And what has changed meanwhile after that.
    Again,
}

impl Page {
    /// Has the newest state answered, after the round that is under way.
    pub fn wake(self) {
        browser::set_data_attribute("busy", "true");
        let start = self.inner.try_update_value(|inner| {
            inner.dirty = true;
            !std::mem::replace(&mut inner.running, true)
        });
        if start == Some(true) {
            spawn_local(async move {
                while self.inner.try_update_value(|inner| std::mem::take(&mut inner.dirty)) == Some(true) {
                    self.round().await;
                }
                self.inner.update_value(|inner| inner.running = false);
                // Effects that this round's answer set off were queued before this one.
                spawn_local(async move {
                    if !self.inner.with_value(|inner| inner.running) {
                        browser::set_data_attribute("busy", "false");
                        self.review();
                    }
                });
            });
        }
    }

    async fn round(self) {
        // What was kept at the last visit comes first: ready means that it is there.
        self.sets.opened().await;
        if let Some((learner, name)) = self.inner.try_update_value(|inner| inner.incoming.take()).flatten() {
            self.replace(learner, name);
        }
        let Some(learner) = self.inner.with_value(|inner| inner.learner.clone()) else { return };
        let Some(basis) = self.basis.get_untracked() else { return };
        let changed = self.inner.try_update_value(|inner| {
            std::mem::replace(&mut inner.learner_scrambled, basis.scrambled) != basis.scrambled
        });
        if changed == Some(true) {
            learner.set_drawings(!basis.scrambled);
        }
        let examples = self.document.with_untracked(|document| document.examples.clone());
        if basis.scrambled && !self.scramble_all(&examples).await {
            return;
        }
        let model_input = self.model_input.get_untracked();
        let who = self.who.get_untracked();
        let newest = examples.last().filter(|newest| !newest.answers.asked(basis, Answerer::Learner));
        let drawing = model_input.as_ref().map(|model_input| model_input.as_slice());
        let look = |example: &Example| untrack(|| self.seen(example));
        let none = self.none.get_untracked();
        match learner.answer(&examples, &look, newest.is_some(), who, none, drawing).await {
            Ok(answer) => {
                if let (Some(newest), Some(verdict)) = (newest, answer.guess) {
                    self.keep_answers(basis, &[(newest.id, newest.label, Answerer::Learner, verdict)]);
                    self.keep();
                }
                let answered = answer.probabilities.is_some();
                self.take(answer, &examples);
                if self.phase.get_untracked() != Phase::Ready {
                    // The first drawing is not to wait for all that was shown at earlier visits.
                    if !answered && let Err(error) = learner.prepare().await {
                        self.fault(capital(&error.to_string()));
                    }
                    self.phase.set(Phase::Ready);
                } else if !answered {
                    self.prepare(learner);
                }
            }
            Err(error) => self.fault(capital(&error.to_string())),
        }
    }

    /// Shows an answer.
    fn take(self, answer: Answer, examples: &[Example]) {
        if answer.took_ms.is_some() {
            self.took_ms.set(answer.took_ms);
        }
        self.held(examples, answer.probabilities.as_deref());
        self.probabilities.set(answer.probabilities);
        self.none_chance.set(answer.none);
        self.attention.set(answer.attention);
        let tell = answer.left_out > 0;
        let told = self.inner.try_update_value(|inner| std::mem::replace(&mut inner.told_left_out, tell));
        if tell && told == Some(false) {
            self.fault(format!(
                "{} of your examples do not fit this learner: it has too few classes or too little room. They are kept \
                         but not used.",
                answer.left_out
            ));
        }
    }

    /// Has the learner take in what it was shown while nothing is drawn yet, so that the next answer comes soon. What
    /// comes meanwhile is taken in once, whatever it was.
    fn prepare(self, learner: Learner) {
        let before = self.inner.try_update_value(|inner| {
            let next = if inner.preparing == Preparing::No { Preparing::Once } else { Preparing::Again };
            std::mem::replace(&mut inner.preparing, next)
        });
        if before != Some(Preparing::No) {
            return;
        }
        spawn_local(async move {
            loop {
                // The learner itself meets the same fault when it answers, and says so.
                let _ = learner.prepare().await;
                let again = self.inner.try_update_value(|inner| {
                    let again = inner.preparing == Preparing::Again;
                    inner.preparing = if again { Preparing::Once } else { Preparing::No };
                    again
                });
                if again != Some(true) {
                    break;
                }
            }
        });
    }

    /// Scrambles the pictures of examples that the learner is to be shown, a slice of the page's time for each few; false
    /// where something else is wanted by now.
    async fn scramble_all(self, examples: &[Example]) -> bool {
        let mut begin = browser::now_ms();
        for example in examples {
            untrack(|| self.seen(example));
            if browser::now_ms() - begin > SLICE_MS {
                browser::sleep(0).await;
                begin = browser::now_ms();
                if !self.scrambled.get_untracked() {
                    return false;
                }
            }
        }
        true
    }

    /// Keeps with the examples what was said of them: id, label that it was asked about, who, and the verdict.
    pub fn keep_answers(self, basis: Basis, answers: &[(Id, u32, Answerer, Verdict)]) {
        let questions = self.inner.try_update_value(|inner| {
            inner.questions += answers.iter().filter(|(.., verdict)| verdict.right().is_some()).count();
            inner.questions
        });
        browser::set_data_attribute("questions", &questions.unwrap_or_default().to_string());
        self.document.update(|document| document.keep_answers(basis, answers));
    }
}
