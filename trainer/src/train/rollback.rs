//! States of a learner on a GPU, kept so that a run can go back to before a step that was not finite.

use super::step::Snapshot;
use tasks::Progress;

/// Steps between two kept states.
const EVERY: u64 = 16;
/// A second failure within so many steps of the first is no accident.
const APART: u64 = 1000;

/// A state of a run.
pub(super) struct State {
    /// Steps done.
    pub step: u64,
    /// Running accuracy.
    pub accuracy: Vec<f64>,
    /// Where it is in its curriculum.
    pub curriculum: Progress,
    /// Weights, their average and the optimiser.
    pub learner: Snapshot,
}

/// What to do about a step that was not finite.
pub(super) enum Verdict {
    /// Take the steps since this state again.
    Again(State),
    /// They failed before: the state to stop in.
    Stop(State),
}

/// Two states at most, and what went wrong before.
#[derive(Default)]
pub(super) struct Rollback {
    states: Vec<State>,
    failed: Option<u64>,
    /// How often the run went back.
    pub count: u64,
}

impl Rollback {
    /// Whether the state after `step` steps is to be kept.
    pub fn wants(&self, step: u64) -> bool {
        self.states.last().is_none_or(|last| step >= last.step + EVERY)
    }

    /// Keeps a state. Steps before it may still turn out not finite, those before the one before it no longer: the lag
    /// of reading is shorter than the distance of two states.
    pub fn keep(&mut self, state: State) {
        if self.states.len() == 2 {
            self.states.remove(0);
        }
        self.states.push(state);
    }

    /// Step `bad`, counted from 1, was not finite.
    pub fn verdict(&mut self, bad: u64) -> Verdict {
        // later states hold its numbers
        while self.states.last().is_some_and(|state| state.step >= bad) {
            self.states.pop();
        }
        let state = self.states.pop().expect("a state is kept before the first step and after every 16");
        let again = self.failed.is_some_and(|failed| bad < failed + APART);
        self.failed = Some(bad);
        if again {
            return Verdict::Stop(state);
        }
        self.count += 1;
        Verdict::Again(state)
    }
}
