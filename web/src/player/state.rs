//! Where the player of samples stands.

use super::packs::Pack;
use dom::*;

/// Where the player stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was played, or it was stopped.
    Idle,
    /// Drawing, asking, telling.
    Playing,
    /// Waits where it is.
    Paused,
    /// Came to its end.
    Done,
}

/// What the learner said of a drawing before it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Class that the drawing was then said to be.
    pub label: u32,
    /// Probability that it had given to that class.
    pub probability: f32,
    /// Whether it would have named it. `None` where the class was new to it.
    pub right: Option<bool>,
}

/// The player's signals. Copies share them.
#[derive(Debug, Clone, Copy)]
pub struct Player {
    /// Where it stands.
    pub state: RwSignal<State>,
    /// The pack that is played, or was last.
    pub pack: RwSignal<Pack>,
    /// How many times faster than at first.
    pub speed: RwSignal<f64>,
    /// Whether the rest is to come without any drawing to be watched.
    pub hurry: RwSignal<bool>,
    /// What was said so far.
    pub told: RwSignal<Vec<Told>>,
    /// Counts plays: an older one ends when it sees that it is not the last.
    pub turn: RwSignal<u32>,
}

impl Player {
    /// Nothing played yet.
    pub fn new() -> Player {
        Player {
            state: RwSignal::new(State::Idle),
            pack: RwSignal::new(Pack::Symbols),
            speed: RwSignal::new(1.0),
            hurry: RwSignal::new(false),
            told: RwSignal::new(Vec::new()),
            turn: RwSignal::new(0),
        }
    }

    /// Whether something is being played, paused or not.
    pub fn on(self) -> bool {
        matches!(self.state.get(), State::Playing | State::Paused)
    }
}
