//! Plays a sample pack on the page, as a visitor would go about it: draw, hear the answer, say what it was.

use shaders::input::pixels::Stroke;

use super::{Page, Phase};
use crate::answers::best;
use crate::browser;
use crate::document::Document;
use crate::player::packs::Pack;
use crate::player::state::{State, Told};
use dom::*;

/// Time that a drawing takes, in milliseconds at single speed.
const DRAW_MS: f64 = 330.0;
/// How long its answer stands before the label is given.
const ANSWER_MS: i32 = 150;
/// How long the label stands before the next drawing.
const LABEL_MS: i32 = 60;
/// One picture of the screen.
const FRAME_MS: i32 = 16;

impl Page {
    /// Plays a pack from its beginning, in a set beside the visitor's own: one step to undo. Jumps to the end where the
    /// visitor asked for no motion.
    pub fn play(self, pack: Pack) {
        let player = self.player;
        let on = untrack(|| player.on());
        player.turn.update(|turn| *turn += 1);
        player.pack.set(pack);
        player.told.set(Vec::new());
        player.hurry.set(browser::prefers_reduced_motion());
        player.state.set(State::Playing);
        self.current_stroke.set(Vec::new());
        let document = Document::of(pack.names().iter().map(|name| name.to_string()));
        if on {
            self.rename_sample(pack.title());
            self.show(|now| *now = document);
        } else {
            self.open_sample(pack.title(), document);
        }
        spawn_local(self.perform(pack, player.turn.get_untracked()));
    }

    /// Waits where it is, or goes on.
    pub fn pause(self) {
        self.player.state.update(|state| {
            *state = match *state {
                State::Playing => State::Paused,
                State::Paused => State::Playing,
                state => state,
            }
        });
    }

    /// Goes to the end at once.
    pub fn skip(self) {
        self.player.hurry.set(true);
        if self.player.state.get_untracked() == State::Paused {
            self.player.state.set(State::Playing);
        }
    }

    /// Ends what is being played. What was taught so far stays.
    pub fn stop(self) {
        if self.player.state.try_update(|state| {
            let on = matches!(state, State::Playing | State::Paused);
            if on {
                *state = State::Idle;
            }
            on
        }) == Some(true)
        {
            self.player.turn.update(|turn| *turn += 1);
            browser::set_data_attribute("verdict", "");
            self.played();
        }
    }

    async fn perform(self, pack: Pack, turn: u32) {
        let player = self.player;
        let current = move || player.turn.get_untracked() == turn;
        // A learner that is still on its way is waited for.
        while current() && self.phase.get_untracked() == Phase::Loading {
            browser::sleep(50).await;
        }
        let mut count = vec![0u64; pack.names().len()];
        for label in pack.order() {
            let number = count[label as usize];
            count[label as usize] += 1;
            let strokes = pack.drawn(label, number);
            if !player.hurry.get_untracked() {
                self.draw_slowly(&strokes, turn).await;
            }
            if !self.rest(turn, 0).await {
                return;
            }
            self.show(|document| document.drawing = strokes.into());
            while current() && self.busy() {
                browser::sleep(4).await;
            }
            let known = self.document.with_untracked(|document| (document.count(label) > 0, document.known()));
            let chances = self.probabilities.get_untracked();
            let probability = chances.as_ref().and_then(|all| all.get(label as usize).copied()).unwrap_or_default();
            let best = chances.as_deref().and_then(best);
            let right = (known.0 && known.1 > 1).then(|| best.is_some_and(|(best, _)| best == label));
            let verdict = match right {
                None => "new",
                Some(true) => "right",
                Some(false) => "wrong",
            };
            if !player.hurry.get_untracked() {
                browser::set_data_attribute("verdict", verdict);
            }
            if !self.rest(turn, ANSWER_MS).await {
                return;
            }
            let probability = if right.is_none() && !known.0 { 0.0 } else { probability };
            player.told.update(|told| told.push(Told { label, probability, right }));
            self.show(|document| document.teach(label));
            if !self.rest(turn, LABEL_MS).await {
                return;
            }
            browser::set_data_attribute("verdict", "");
        }
        while current() && self.busy() {
            browser::sleep(4).await;
        }
        if current() {
            player.state.set(State::Done);
            self.played();
            let asked = player.told.with_untracked(|told| told.iter().filter(|told| told.right.is_some()).count());
            let right = player.told.with_untracked(|told| told.iter().filter(|told| told.right == Some(true)).count());
            let classes = pack.names().len();
            self.say(format!(
                "It saw {} drawings of {classes} things that were new to it, and named {right} of {asked} correctly before \
                 it was told. Now draw one yourself.",
                asked + classes
            ));
        }
    }

    /// Lets the strokes grow on the canvas.
    async fn draw_slowly(self, strokes: &[Stroke], turn: u32) {
        let points: usize = strokes.iter().map(|stroke| stroke.points.len()).sum();
        let mut shown = 0.0;
        while (shown as usize) < points && !self.player.hurry.get_untracked() {
            let begin = browser::now_ms();
            let mut left = shown as usize;
            let mut partial = Vec::new();
            for stroke in strokes {
                let taken = left.min(stroke.points.len());
                left -= taken;
                if taken > 0 {
                    partial.push(Stroke { points: stroke.points[..taken].to_vec(), width: stroke.width });
                }
            }
            self.show(|document| document.drawing = partial.into());
            if !self.rest(turn, FRAME_MS).await {
                return;
            }
            let passed = (browser::now_ms() - begin).min(100.0);
            shown += passed / DRAW_MS * points as f64 * self.player.speed.get_untracked();
        }
    }

    /// Waits for a while, and for as long as the player is paused; false where it was stopped in between.
    async fn rest(self, turn: u32, ms: i32) -> bool {
        let player = self.player;
        if !player.hurry.get_untracked() && ms > 0 {
            let ms = if ms == FRAME_MS { ms } else { (f64::from(ms) / player.speed.get_untracked()) as i32 };
            browser::sleep(ms).await;
        }
        while player.turn.get_untracked() == turn && player.state.get_untracked() == State::Paused {
            browser::sleep(40).await;
        }
        player.turn.get_untracked() == turn
    }
}
