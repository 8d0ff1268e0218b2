//! How a newcomer gets on with the tour.

use super::Page;
use crate::tour::{Step, Tour};
use dom::*;

impl Page {
    /// A step was taken.
    pub fn tour_done(self, step: Step) {
        self.change_tour(|tour| tour.done[step as usize] = true);
    }

    /// Changes the tour, and remembers it.
    pub fn change_tour(self, change: impl FnOnce(&mut Tour)) {
        let before = self.tour.get_untracked();
        let mut tour = before;
        change(&mut tour);
        if tour != before {
            tour.remember();
            self.tour.set(tour);
        }
    }
}
