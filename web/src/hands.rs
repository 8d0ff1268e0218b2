//! What draws: with a pen at hand, fingers can be switched off, so that a resting palm leaves no ink.

use crate::browser;
use dom::*;

/// Key in the browser's own storage: `on` or `off`, once a pen was seen.
const STORAGE_KEY: &str = "learner-fingers";

/// Whether a pen was ever seen, and whether fingers draw.
#[derive(Clone, Copy)]
pub struct Hands {
    /// Whether to offer the switch.
    pub pen: RwSignal<bool>,
    /// Whether only the pen draws.
    pub pen_only: RwSignal<bool>,
}

impl Hands {
    /// As it was left at the last visit.
    pub fn remembered() -> Hands {
        let remembered = browser::remembered(STORAGE_KEY);
        Hands {
            pen: RwSignal::new(remembered.is_some()),
            pen_only: RwSignal::new(remembered.as_deref() == Some("off")),
        }
    }

    /// A pen has touched the canvas.
    pub fn pen_seen(self) {
        if !self.pen.get_untracked() {
            self.pen.set(true);
            browser::remember(STORAGE_KEY, "on");
        }
    }

    /// Whether fingers draw nothing.
    pub fn fingers_off(self) -> bool {
        self.pen_only.get_untracked()
    }

    /// Has only the pen draw, or fingers too.
    pub fn set_pen_only(self, only: bool) {
        self.pen_only.set(only);
        browser::remember(STORAGE_KEY, if only { "off" } else { "on" });
    }
}
