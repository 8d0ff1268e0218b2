//! The card that meta-trains a learner, before it is loaded.

use dom::*;
use web_sys::HtmlElement;

use crate::browser;
use crate::page::{Page, Source, TrainingCard};

/// Learners that come with the page: address, name, and what they do. Their cards are in `records/ladder`.
const LADDER: [(&str, &str, &str); 4] = [
    ("models/ladder/4-tasks.safetensors", "4 tasks", "memorises them"),
    ("models/ladder/32-tasks.safetensors", "32 tasks", "recognises them"),
    ("models/ladder/1024-tasks.safetensors", "1,024 tasks", "learns to learn"),
    ("models/ladder/endless-tasks.safetensors", "endless tasks", "learns to learn"),
];

/// Four learners of different practice, and the way back.
fn ladder(page: Page) -> View {
    let current = memo(move |_| page.facts.with(|facts| facts.as_ref().map(|facts| facts.source.clone())));
    let rung = move |(address, name, words): (&'static str, &'static str, &'static str)| {
        button(format!("ladder-{}", name.replace([' ', ','], "-")))
            .attr("aria-pressed", move || (current.get().as_deref() == Some(address)).to_string())
            .on(ev::CLICK, move |_| page.use_for_a_while(Source::Address(address.to_owned())))
            .child(el("b").child(name))
            .child(el("small").child(words))
    };
    View::new()
        .child(el("p").class("hint").child(
            "Or draw with one that is ready. These four are alike, but for the number of tasks they practised on:",
        ))
        .child(
            el("div")
                .class("shipped ladder")
                .attr("role", "group")
                .attr("aria-label", "Learners by the number of tasks they practised on")
                .child(LADDER.into_iter().map(rung).collect_view()),
        )
        .child(move || {
            page.before.get().map(|file| {
                el("div").class("buttons").child(
                    button("train-back").on(ev::CLICK, move |_| page.leave_it()).child(format!("Back to {file}")),
                )
            })
        })
}

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
        .child(ladder(page))
        .into_view()
}
