//! The card that meta-trains a learner, before it is loaded.

use dom::*;
use web_sys::HtmlElement;

use crate::browser;
use crate::page::{Page, TrainingCard};

/// A sentence and a button; the rest comes when it is asked for.
pub fn training(page: Page) -> View {
    let place = NodeRef::<HtmlElement>::new();
    let linked = browser::query("train");
    let open = move |settings: Option<String>| {
        if let Some(place) = place.get_untracked() {
            page.open_training(place, settings);
        }
    };
    if linked.is_some() {
        effect(move || {
            place.track();
            open(linked.clone());
        });
    }
    let closed = memo(move |_| page.training.get() == TrainingCard::Closed);
    let hint = "Where do such learners come from? From practice. Press the button, and this page trains a small network on \
                made-up tasks, until it can learn tasks that it never met. It starts out guessing.";
    el("section")
        .class("card training")
        .attr("aria-label", "Make a learner")
        .test_id("training")
        .child(el("h2").child("Make a learner"))
        .child(el("p").class("hint").child(hint))
        .child(el("div").node_ref(place))
        .child(show(
            move || page.training.get() != TrainingCard::Open,
            move || {
                el("div").class("buttons").child(
                    button("train-open")
                        .class("strong")
                        .prop("disabled", move || !closed.get())
                        .on(ev::CLICK, move |_| open(None))
                        .child(move || if closed.get() { "Make a learner" } else { "Loading…" }),
                )
            },
        ))
        .into_view()
}
