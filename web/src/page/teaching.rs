//! What a visitor does to the examples, and what the page says to it.

use std::sync::Arc;

use super::{Page, Phase};
use crate::answers::Answerer;
use crate::controls::Order;
use crate::document::Id;
use crate::tour::Step;
use dom::*;

impl Page {
    /// The drawing in hand becomes an example of `label`.
    pub fn teach(self, label: u32) {
        if self.picture.with_untracked(Option::is_none) {
            return self.say("Draw something first, then teach it.");
        }
        // The stroke under the pen belongs to the drawing.
        self.finish_stroke();
        let (shown, name) =
            self.document.with_untracked(|document| (document.examples.len(), document.name(label).to_owned()));
        let capacity = self.facts.with_untracked(|facts| facts.as_ref().map_or(usize::MAX, |facts| facts.capacity));
        if shown >= capacity {
            return self.fault(format!(
                "This learner holds at most {capacity} examples, and it is full. Forget one to make room."
            ));
        }
        self.change(|document| document.teach(label));
        let (count, known) = self.document.with_untracked(|document| (document.count(label), document.known()));
        if known > 1 {
            self.tour_done(Step::Teach);
        }
        if self.phase.get_untracked() != Phase::Ready {
            return self.say(format!("Kept as {name}. No learner has seen it yet, because none is loaded."));
        }
        self.say(match (count, known) {
            (1, 1) => format!("It has seen its first example of {name}. Now draw something else and teach that too."),
            (1, 2) => "It knows two classes now. Draw either of them again, and watch the bars.".to_owned(),
            (1, _) => format!("It knows {name} now, from one example."),
            _ => format!("It has seen {count} examples of {name}."),
        });
    }

    /// The stroke under the pen joins the drawing.
    pub fn finish_stroke(self) {
        if self.current_stroke.with_untracked(Vec::is_empty) {
            return;
        }
        let pieces = self.current_stroke.try_update(std::mem::take).unwrap_or_default();
        self.change(|document| {
            document.photo = None;
            Arc::make_mut(&mut document.drawing).extend(pieces);
        });
    }

    /// Wipes the canvas.
    pub fn clear_drawing(self) {
        self.current_stroke.set(Vec::new());
        self.change(|document| {
            document.drawing = Default::default();
            document.photo = None;
        });
    }

    /// Exchanges the labels of all examples of two classes.
    pub fn swap(self, a: u32, b: u32) {
        self.change(|document| document.swap(a, b));
        let (a, b) =
            self.document.with_untracked(|document| (document.name(a).to_owned(), document.name(b).to_owned()));
        self.say(format!("Every {a} is now called {b}, and every {b} {a}. No weight has changed."));
        self.tour_done(Step::Swap);
    }

    /// Forgets one example.
    pub fn forget(self, id: Id) {
        self.change(|document| document.forget(id));
        self.say("Forgotten, as if you had never shown it. Undo brings it back.");
        self.tour_done(Step::Forget);
    }

    /// Gives one example another label.
    pub fn relabel(self, id: Id, label: u32) {
        self.change(|document| document.relabel(id, label));
        self.controls.go_on();
        let name = self.document.with_untracked(|document| document.name(label).to_owned());
        self.say(format!("That example is {name} now."));
    }

    /// Scrambles the pixels of all pictures, or ends that.
    pub fn scramble(self, on: bool) {
        self.scrambled.set(on);
        self.keep_scrambled(on);
        self.controls.go_on();
        self.wake();
        if on {
            self.say(
                "The pixels of every drawing are now shuffled, always in the same way. You see what it sees: noise.",
            );
            self.tour_done(Step::Scramble);
        } else {
            self.say("It sees your drawings unscrambled again.");
        }
    }

    /// Puts the examples in another order, and has the page look whether the answer holds.
    pub fn shuffle(self) {
        let before = self.probabilities.get_untracked();
        self.change(|document| document.shuffle(|below| (js_sys::Math::random() * below as f64) as usize % below));
        self.controls.go_on();
        let order =
            self.document.with_untracked(|document| document.examples.iter().map(|example| example.id).collect());
        self.controls.order.set(match before {
            Some(before) if self.who.get_untracked() == Answerer::Learner => Order::Waiting { before, order },
            _ => Order::Shuffled,
        });
    }

    /// Has another learner or rule answer.
    pub fn ask_whom(self, who: Answerer) {
        self.who.set(who);
        if who != Answerer::Learner {
            self.tour_done(Step::Controls);
        }
    }
}
