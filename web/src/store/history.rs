//! Steps that can be undone: one's own, whatever came from other tabs in the meantime.

use crate::document::Id;
use crate::document::change::{Change, Hand};

/// Steps that can be undone.
const STEPS: usize = 200;

/// One step of the visitor's.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Classes, examples or the drawing of a set have changed.
    Changed(Id, Change),
    /// Another set was opened.
    Opened {
        /// The set before, and what was in hand.
        from: (Id, Hand),
        /// The set after, and what was in hand.
        to: (Id, Hand),
    },
    /// A set was deleted, or came back.
    Deleted(Id, bool),
    /// A set was renamed, from one name to another.
    Renamed(Id, String, String),
}

impl Step {
    /// The way back.
    fn inverse(self) -> Step {
        match self {
            Step::Changed(set, change) => Step::Changed(set, change.inverse()),
            Step::Opened { from, to } => Step::Opened { from: to, to: from },
            Step::Deleted(set, gone) => Step::Deleted(set, !gone),
            Step::Renamed(set, from, to) => Step::Renamed(set, to, from),
        }
    }
}

/// Steps before and after now. Several that belong together are one to undo.
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Vec<Step>>,
    future: Vec<Vec<Step>>,
}

impl History {
    /// Remembers what was done as the next to be undone.
    pub fn record(&mut self, steps: Vec<Step>) {
        self.future.clear();
        self.past.push(steps);
        if self.past.len() > STEPS {
            self.past.remove(0);
        }
    }

    /// What has to be done to take the last step back.
    pub fn undo(&mut self) -> Option<Vec<Step>> {
        let steps = self.past.pop()?;
        self.future.push(steps.clone());
        Some(steps.into_iter().rev().map(Step::inverse).collect())
    }

    /// What has to be done to take it again.
    pub fn redo(&mut self) -> Option<Vec<Step>> {
        let steps = self.future.pop()?;
        self.past.push(steps.clone());
        Some(steps)
    }

    /// Whether there is a step to undo, and one to redo.
    pub fn reach(&self) -> (bool, bool) {
        (!self.past.is_empty(), !self.future.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::document::testing::drawn;

    #[test]
    fn undo_and_redo_walk_the_same_path() {
        let (mut document, mut history) = (Document::default(), History::default());
        let mut path = vec![document.clone()];
        for label in [0, 1, 0] {
            let before = document.clone();
            drawn(&mut document, label);
            history.record(vec![Step::Changed(7, Change::between(&before, &document))]);
            path.push(document.clone());
        }
        let take = |document: &mut Document, steps: Option<Vec<Step>>| {
            let Some(steps) = steps else { return false };
            for step in steps {
                let Step::Changed(7, change) = step else { panic!("{step:?}") };
                change.apply(document);
            }
            true
        };
        for step in (0..3).rev() {
            assert!(take(&mut document, history.undo()));
            assert_eq!(document, path[step]);
        }
        assert!(!take(&mut document, history.undo()));
        assert!(take(&mut document, history.redo()));
        assert_eq!(document, path[1]);
        assert_eq!(history.reach(), (true, true));
        // another step forgets the way forward
        let before = document.clone();
        drawn(&mut document, 2);
        history.record(vec![Step::Changed(7, Change::between(&before, &document))]);
        assert!(history.redo().is_none());
    }

    #[test]
    fn steps_that_belong_together_are_taken_back_in_reverse() {
        let mut history = History::default();
        let opened = Step::Opened { from: (1, Hand::default()), to: (2, Hand::default()) };
        history.record(vec![Step::Deleted(1, true), opened]);
        let back = Step::Opened { from: (2, Hand::default()), to: (1, Hand::default()) };
        assert_eq!(history.undo(), Some(vec![back, Step::Deleted(1, false)]));
    }
}
