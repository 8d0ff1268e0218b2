//! What the page finds out beside the answer: how others would have done on the very same examples, what each example
//! does for the answer, and whether their order matters. What is asked for it is in `page/background.rs`.

use std::collections::HashMap;

use crate::document::Id;
use dom::*;

/// What each example does for the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// The label that leads.
    pub label: u32,
    /// By example: how much of that label's probability it brings, in [−1, 1]; without it, so much less.
    pub effects: HashMap<Id, f32>,
    /// How many there are to leave out.
    pub of: usize,
    /// Whether the next is being left out.
    pub going_on: bool,
}

impl Missing {
    /// Whether all were left out once.
    pub fn done(&self) -> bool {
        self.effects.len() == self.of
    }
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
        order: Vec<Id>,
    },
    /// The largest change of a probability.
    Held(f32),
}

/// How far the questions about earlier drawings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Answers that are there.
    pub done: usize,
    /// Answers that there will be.
    pub of: usize,
}

/// What was found out.
#[derive(Clone, Copy)]
pub struct Controls {
    /// Of the drawing in hand, once somebody asked.
    pub missing: RwSignal<Option<Missing>>,
    /// Of the last shuffle.
    pub order: RwSignal<Order>,
    /// While questions about earlier drawings are asked, or were stopped before they were through.
    pub progress: RwSignal<Option<Progress>>,
    /// Whether the visitor has stopped them.
    pub stopped: RwSignal<bool>,
    /// Whether somebody is being asked.
    pub asking: StoredValue<bool>,
    /// Counts how often examples were left out one by one: an older turn ends when it sees that it is not the last.
    pub turn: StoredValue<u32>,
}

impl Controls {
    /// Nothing yet.
    pub fn new() -> Controls {
        Controls {
            missing: RwSignal::new(None),
            order: RwSignal::new(Order::AsShown),
            progress: RwSignal::new(None),
            stopped: RwSignal::new(false),
            asking: StoredValue::new(false),
            turn: StoredValue::new(0),
        }
    }

    /// There is something else to ask than what was stopped.
    pub fn go_on(self) {
        self.stopped.set(false);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
