//! The strip above the bench: a demonstration for those who come first, and the tour.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::icon::icon;
use crate::browser;
use crate::page::Page;
use crate::player::packs::Pack;
use crate::tour::Step;
use dom::*;

/// What plays for those who come first.
const PACK: Pack = Pack::Symbols;
/// Between the first picture of the page and the demonstration, in milliseconds.
const BEFORE_MS: i32 = 900;

/// The tour, as long as there is something left to try.
pub fn coach(page: Page) -> View {
    let next = memo(move |_| page.tour.get().next());
    let closed = move || page.tour.get().closed;
    let empty = move || page.document.with(|document| document.examples.is_empty());
    let playing = move || page.player.on();
    page.demonstrate();
    let watch = move || {
        button("watch")
            .class("strong watch")
            .on(ev::CLICK, move |_| page.play(PACK))
            .child(icon("play"))
            .child("Watch it learn")
    };
    let stop = move || button("watch-stop").on(ev::CLICK, move |_| page.take_over()).child("Stop");
    show(
        move || !closed() || playing(),
        move || {
            el("section")
                .class("strip")
                .attr("aria-label", "You could try")
                .test_id("walk")
                .attr("data-playing", move || playing().to_string())
                .child(show(move || empty() && !playing(), watch))
                .child(el("p").class("step").attr("aria-live", "polite").child(move || step(playing(), next.get())))
                .child(show(move || !playing(), move || ends(page, next)))
                .child(show(playing, stop))
        },
    )
}

/// How far the tour is, and its buttons.
fn ends(page: Page, next: Memo<Option<Step>>) -> Tag {
    let dots = move || {
        let tour = page.tour.get();
        let dot =
            |step: Step| el("li").toggle("done", tour.done[step as usize]).toggle("now", tour.next() == Some(step));
        Step::ALL.into_iter().map(dot).collect_view()
    };
    let with_next = move |act: fn(Page, Step)| {
        move |_| {
            if let Some(step) = next.get_untracked() {
                act(page, step)
            }
        }
    };
    let steps = move || {
        let point = with_next(|_, step| point_at(step.control()));
        let skip = with_next(|page, step| page.tour_done(step));
        View::new()
            .child(button("walk-show").class("plain").on(ev::CLICK, point).child("Show me"))
            .child(button("walk-skip").class("plain").on(ev::CLICK, skip).child("Skip"))
    };
    let close = button("walk-close")
        .class("plain small")
        .attr("title", "Close the tour")
        .attr("aria-label", "Close the tour")
        .on(ev::CLICK, move |_| page.change_tour(|tour| tour.closed = true))
        .child(icon("close"));
    el("div")
        .class("ends")
        .child(el("ol").class("dots").attr("aria-hidden", "true").child(dots))
        .child(show(move || next.get().is_some(), steps))
        .child(close)
}

/// What to try now, or what is being shown.
fn step(playing: bool, next: Option<Step>) -> View {
    let titled = |number: usize, title: &str| el("b").test_id("walk-step").attr("data-step", number).child(title);
    match (playing, next) {
        (true, _) => View::new()
            .child(el("small").child("A demonstration"))
            .child(titled(0, "It predicts first; then it is told the answer."))
            .child(" It names each drawing from the examples it has seen so far. Touch the canvas to take over."),
        (false, Some(step)) => {
            let number = step as usize + 1;
            View::new()
                .child(el("small").child(format!("Try this, {number} of {}", Step::ALL.len())))
                .child(titled(number, step.title()))
                .child(" ")
                .child(step.words())
        }
        (false, None) => View::new().child(titled(0, "That was the tour.")).child(
            " You have seen a network learn, forget and be misled, without changing a weight. The article below explains \
             why it works.",
        ),
    }
}

impl Page {
    /// On a first visit, with an empty document and nothing asked of the address, a demonstration plays by itself,
    /// until its visitor touches anything. Not where the visitor wants no motion.
    fn demonstrate(self) {
        let location = browser::window().location();
        let asked = |part: Result<String, _>| part.is_ok_and(|part: String| !part.is_empty());
        if asked(location.search())
            || asked(location.hash())
            || browser::prefers_reduced_motion()
            || self.document.with_untracked(|document| !document.examples.is_empty())
        {
            return browser::set_data_attribute("demonstration", "none");
        }
        let by_itself = StoredValue::new(true);
        let touched = move |target: Option<web_sys::EventTarget>| {
            // Its own buttons stop and pause it, and say so.
            let own = target
                .and_then(|target| target.dyn_into::<Element>().ok())
                .is_some_and(|element| element.closest(".strip, .samples").is_ok_and(|found| found.is_some()));
            if by_itself.try_update_value(|by_itself| std::mem::replace(by_itself, false)) == Some(true)
                && !own
                && self.player.state.with_untracked(|state| *state != crate::player::state::State::Done)
            {
                self.take_over();
            }
        };
        on_window(ev::POINTERDOWN, move |event| touched(event.target()));
        on_window(ev::KEYDOWN, move |event| touched(event.target()));
        spawn_local(async move {
            while self.phase.get_untracked() == crate::page::Phase::Loading {
                browser::sleep(50).await;
            }
            browser::sleep(BEFORE_MS).await;
            self.sets.opened().await;
            let still_empty = self.sets.none_kept()
                && self.document.with_untracked(|document| document.examples.is_empty() && document.drawing.is_empty());
            let plays = by_itself.get_value() && still_empty && self.phase.get_untracked() == crate::page::Phase::Ready;
            if plays {
                self.play(PACK);
            }
            browser::set_data_attribute("demonstration", if plays { "playing" } else { "none" });
        });
    }

    /// Ends a demonstration; what it taught stays, and the canvas is free.
    fn take_over(self) {
        if self.player.on() {
            self.stop();
            self.show(|document| document.drawing = Default::default());
        }
    }
}

/// Brings a control into sight, and lets it glow for a moment.
fn point_at(id: &str) {
    let found = browser::window()
        .document()
        .and_then(|document| document.query_selector(&format!("[data-testid=\"{id}\"]")).ok().flatten());
    if let Some(element) = found {
        element.scroll_into_view_with_bool(false);
        // A class can always be taken away and given again, which starts its animation anew.
        let _ = element.class_list().remove_1("pointed");
        let element: HtmlElement = element.unchecked_into();
        let _ = element.offset_width();
        let _ = element.class_list().add_1("pointed");
        let _ = element.focus();
    }
}
