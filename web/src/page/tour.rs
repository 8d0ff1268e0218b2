//! How a newcomer gets on with the tour.

use super::Page;
use crate::dom::*;
use crate::tour::{Step, Walk};

impl Page {
    /// A step was taken.
    pub fn walked(self, step: Step) {
        self.walk_on(|walk| walk.done[step as usize] = true);
    }

    /// Changes the walk, and remembers it.
    pub fn walk_on(self, change: impl FnOnce(&mut Walk)) {
        let before = self.walk.get_untracked();
        let mut walk = before;
        change(&mut walk);
        if walk != before {
            walk.remember();
            self.walk.set(walk);
        }
    }
}
