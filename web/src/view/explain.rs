//! Why this answer: which examples mattered, and whether their order does.

use super::switch::switch;
use crate::answers::Answerer;
use crate::controls::Order;
use crate::page::Page;
use dom::*;

/// Which examples mattered.
pub fn why(page: Page) -> View {
    let answered = move || {
        page.probabilities.with(Option::is_some)
            && page.model_input.with(Option::is_some)
            && page.who.get() == Answerer::Learner
    };
    let few = move || page.document.with(|document| document.examples.len() < 2);
    let leaving =
        move || page.controls.missing.with(|missing| missing.as_ref().is_some_and(|missing| missing.going_on));
    let leave_out = button("leave-out")
        .attr("disabled", move || (!answered() || few()) && !leaving())
        .on(ev::CLICK, move |_| match untrack(leaving) {
            true => page.stop_leaving_out(),
            false => page.leave_each_out(),
        })
        .child(move || if leaving() { "Stop" } else { "Leave each one out" });
    let shuffle =
        button("shuffle").attr("disabled", few).on(ev::CLICK, move |_| page.shuffle()).child("Shuffle their order");
    let change = move || match page.controls.order.get() {
        Order::Held(change) => format!("{change:.6}"),
        _ => String::new(),
    };
    let words = |id: &'static str| el("p").test_id(id).attr("aria-live", "polite");
    el("section")
        .class("card")
        .attr("aria-label", "Which examples mattered")
        .child(el("h2").child("Which examples mattered?"))
        .child(el("p").class("hint").child("The more attention an example gets, the brighter its small picture glows."))
        .child(
            el("div")
                .class("probes")
                .child(switch(page.lines, "lines-switch", "Show attention as lines", move |on| page.lines.set(on)))
                .child(el("div").child(leave_out).child(words("left-out").child(move || left_out(page))))
                .child(
                    el("div").child(shuffle).child(
                        words("held").attr("data-change", change).child(move || held(page.controls.order.get())),
                    ),
                ),
        )
        .into_view()
}

/// What leaving examples out is for, how far it is, or what came of it.
fn left_out(page: Page) -> String {
    let Some(missing) = page.controls.missing.get() else {
        return "Removes each example in turn and asks again, to measure how much it matters.".to_owned();
    };
    let name = page.document.with(|document| document.name(missing.label).to_owned());
    let found = missing.effects.len();
    match (missing.done(), missing.going_on) {
        (true, _) => {
            format!("The number on each small picture is how many percentage points of “{name}” are lost without it.")
        }
        (false, true) => format!("{found} of {} left out so far, newest first…", missing.of),
        (false, false) => format!(
            "Stopped after {found} of {}. The numbers are the percentage points of “{name}” that are lost without each.",
            missing.of
        ),
    }
}

/// What came of another order.
fn held(order: Order) -> String {
    match order {
        Order::AsShown => "A set has no order, so the answer should not change.".to_owned(),
        Order::Shuffled => "Shuffled. Draw something first to compare the answers before and after.".to_owned(),
        Order::Waiting { .. } => "Shuffled…".to_owned(),
        Order::Held(change) => format!("Shuffled. Largest change of any probability: {}.", change_words(change)),
    }
}

/// A change of a probability, in words that do not claim more than was seen.
fn change_words(change: f32) -> String {
    match 100.0 * change {
        points if points < 0.01 => "less than 0.01 %".to_owned(),
        points if points < 1.0 => format!("{points:.2} %"),
        points => format!("{points:.0} %"),
    }
}
