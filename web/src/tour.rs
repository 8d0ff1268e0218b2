//! The tour: five things for a newcomer to try. A step is done when its person has done it, in whatever order.

use crate::browser;

/// Key in the browser's own storage: a digit for each step, and whether the tour was closed.
const STORAGE_KEY: &str = "learner-walk";

/// One thing to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Teach two classes.
    Teach,
    /// Swap two labels.
    Swap,
    /// Scramble the pixels.
    Scramble,
    /// Forget one example.
    Forget,
    /// Have somebody else answer.
    Controls,
}

impl Step {
    /// In the order of the tour.
    pub const ALL: [Step; 5] = [Step::Teach, Step::Swap, Step::Scramble, Step::Forget, Step::Controls];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Step::Teach => "Teach it two things.",
            Step::Swap => "Swap two labels.",
            Step::Scramble => "Scramble the pixels.",
            Step::Forget => "Make it forget one.",
            Step::Controls => "Let something else answer.",
        }
    }

    /// What to do and what to look at.
    pub fn words(self) -> &'static str {
        match self {
            Step::Teach => {
                "Draw a circle and press Teach next to circle; draw a star and teach that. Then draw one of them again: \
                 it answers while you draw."
            }
            Step::Swap => {
                "With a drawing on the canvas, press swap labels between two classes. The answer swaps at once: there is \
                 nothing to retrain."
            }
            Step::Scramble => {
                "Turn on the switch below the picture that it sees. You see a star, it sees noise, and it still learns."
            }
            Step::Forget => {
                "Press one of the small pictures and choose Forget. The answers are as if you had never shown it."
            }
            Step::Controls => {
                "Under Who answers, choose labels shuffled: it believes whatever it is shown. Then choose untrained \
                 weights: comparing pictures is built in, and your learning curve shows what practice adds."
            }
        }
    }

    /// Test id of the control that does it.
    pub fn control(self) -> &'static str {
        match self {
            Step::Teach => "teach-0",
            Step::Swap => "swap-0",
            Step::Scramble => "scramble",
            Step::Forget => "example-0",
            Step::Controls => "who-shuffled",
        }
    }
}

/// How far a newcomer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tour {
    /// By step.
    pub done: [bool; 5],
    /// Whether it is out of the way.
    pub closed: bool,
}

impl Tour {
    /// As it was left.
    pub fn remembered() -> Tour {
        browser::remembered(STORAGE_KEY).map_or_else(Tour::default, |text| Tour::read(&text))
    }

    /// The step to take next, if one is left.
    pub fn next(&self) -> Option<Step> {
        Step::ALL.into_iter().zip(self.done).find(|(_, done)| !done).map(|(step, _)| step)
    }

    fn read(text: &str) -> Tour {
        let set = |at: usize| text.as_bytes().get(at) == Some(&b'1');
        Tour { done: [0, 1, 2, 3, 4].map(set), closed: set(5) }
    }

    /// Remembers it for the next visit.
    pub fn remember(&self) {
        browser::remember(STORAGE_KEY, &self.write());
    }

    fn write(&self) -> String {
        self.done.iter().chain([&self.closed]).map(|set| if *set { '1' } else { '0' }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_remembered_and_goes_on_with_the_first_step_left() {
        let mut tour = Tour::default();
        assert_eq!(tour.next(), Some(Step::Teach));
        tour.done[Step::Swap as usize] = true;
        assert_eq!(tour.next(), Some(Step::Teach));
        tour.done[Step::Teach as usize] = true;
        tour.closed = true;
        assert_eq!(tour.next(), Some(Step::Scramble));
        assert_eq!(Tour::read(&tour.write()), tour);
        assert_eq!(Tour::read("nonsense"), Tour::default());
        tour.done = [true; 5];
        assert_eq!(tour.next(), None);
    }
}
