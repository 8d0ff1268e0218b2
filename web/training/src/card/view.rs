//! The card as it is seen: buttons, words, charts, runs and dials.

use dom::*;

use super::chart::{by_examples, by_steps, hue, loss, table};
use super::dials::dials;
use super::host;
use super::state::{Card, Status};
use crate::line::Line;
use crate::settings::Settings;

fn last<T>(card: Card, of: impl Fn(&Line) -> T) -> Option<T> {
    card.lines.with(|lines| lines.last().map(of))
}

fn any(card: Card) -> bool {
    card.lines.with(|lines| lines.last().is_some_and(|line| line.step > 0))
}

/// Start, pause, step, once more.
fn buttons(card: Card) -> View {
    let running = memo(move |_| card.status.get() == Status::Running);
    let begun = memo(move |_| !card.lines.with(Vec::is_empty));
    let failed = memo(move |_| matches!(card.status.get(), Status::Failed(_)));
    let main_words = move || match (card.status.get(), begun.get()) {
        (Status::Running, _) => "Pause",
        (Status::Paused(_), _) => "Continue",
        (Status::Done, _) => "Train on",
        _ => "Make a learner",
    };
    let main = move |_| match card.status.get_untracked() {
        Status::Running => card.pause(),
        Status::Paused(_) | Status::Done => card.go_on(),
        Status::Idle | Status::Failed(_) => card.start(),
    };
    let again = move |seed: u32| {
        card.set(|settings| settings.seed = settings.seed.wrapping_add(seed));
        card.start();
    };
    el("div")
        .class("buttons")
        .child(button("train-main").class("strong").on(ev::CLICK, main).child(main_words))
        .child(show(
            move || begun.get() && !running.get() && !failed.get(),
            move || button("train-step").on(ev::CLICK, move |_| card.step()).child("One step"),
        ))
        .child(show(
            move || begun.get(),
            move || {
                View::new()
                    .child(button("train-again").on(ev::CLICK, move |_| again(0)).child("New run"))
                    .child(button("train-seed").on(ev::CLICK, move |_| again(1)).child("Another seed"))
            },
        ))
        .into_view()
}

/// Where the run stands.
fn progress(card: Card) -> View {
    // only what changes rarely is announced
    let phase = memo(move |_| last(card, |line| line.phase));
    let spoken = move || {
        phase.get();
        untrack(move || card.lines.with_untracked(|lines| lines.last().map(Line::words)).unwrap_or_default())
    };
    let numbers = move || {
        last(card, |line| {
            let mut words = format!("Step {} of {}", line.step, line.settings.steps);
            if line.seconds > 0.3 {
                words += &format!(", {:.0} tasks a second", line.speed());
            }
            if let Some(gpu) = &line.gpu {
                words += &format!(" on {gpu}");
            }
            if card.status.get() == Status::Running && line.seconds > 1.0 {
                words += &format!(", {} left", duration(line.left()));
            }
            words + "."
        })
    };
    let trouble = move || match card.status.get() {
        Status::Failed(words) => {
            Some(el("p").class("note fault").attr("role", "alert").test_id("train-fault").child(words))
        }
        Status::Paused(Some(words)) => Some(el("p").class("hint").test_id("train-paused").child(words)),
        _ => None,
    };
    View::new()
        .child(
            el("p")
                .class("phase")
                .test_id("phase")
                .attr("data-phase", move || phase.get().map(|phase| format!("{phase:?}").to_lowercase()))
                .child(move || last(card, Line::words)),
        )
        .child(el("p").class("unseen").attr("aria-live", "polite").child(spoken))
        .child(
            el("p")
                .class("hint")
                .test_id("train-numbers")
                .attr("data-busy", move || (card.under_way.get() > 0).to_string())
                .child(numbers),
        )
        .child(move || {
            card.trouble
                .get()
                .map(|words| el("p").class("hint").attr("role", "status").test_id("train-trouble").child(words))
        })
        .child(show(
            move || last(card, |line| line.emerged.is_some()) == Some(true),
            move || {
                let words = move || {
                    last(card, |line| line.emerged)
                        .flatten()
                        .map(|seconds| format!("New tasks passed 60 % after {} of training.", duration(seconds)))
                };
                el("p").class("hint").test_id("emerged").child(words)
            },
        ))
        .child(trouble)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Draw with it, save it.
fn use_it(card: Card) -> View {
    show(
        move || any(card),
        move || {
            el("div")
                .class("buttons")
                .child(button("train-use").on(ev::CLICK, move |_| card.draw_with_it()).child("Draw with it"))
                .child(button("train-save").on(ev::CLICK, move |_| card.save()).child("Save file"))
        },
    )
}

fn figure(title: &'static str, chart: View, caption: &'static str) -> Tag {
    el("figure").child(el("h3").child(title)).child(chart).child(el("figcaption").child(caption))
}

fn charts(card: Card) -> View {
    View::new()
        .child(
            el("div")
                .class("plots")
                .child(figure(
                    "Within a task",
                    by_examples(card),
                    "Right answers by the number of examples shown, on tasks it never met. Dashed: its own tasks. Grey: chance.",
                ))
                .child(figure(
                    "Over training",
                    by_steps(card),
                    "Right answers after 90 examples, a line for each run.",
                ))
                .child(figure("Loss", loss(card), "In nats. It is flat on the plateau, where nothing seems to happen.")),
        )
        .child(
            el("details")
                .child(el("summary").child("As a table"))
                .child(el("div").class("scroll").attr("tabindex", "0").attr("role", "region").attr("aria-label", "The run as a table").child(table(card))),
        )
}

/// The runs so far.
fn runs(card: Card) -> View {
    let row = move |id: u32| {
        let of = move |of: fn(&Line) -> String| {
            card.lines.with(|lines| lines.iter().find(|line| line.id == id).map(of)).unwrap_or_default()
        };
        let settings =
            move || card.lines.with_untracked(|lines| lines.iter().find(|l| l.id == id).map(|l| l.settings.clone()));
        let now = move || card.lines.with(|lines| lines.last().is_some_and(|line| line.id == id));
        let take = move |_| {
            if let Some(own) = settings() {
                card.set(|settings| *settings = own);
            }
        };
        let share = |line: &Line| {
            let share = line.points.last().map_or(0.0, |point| point.accuracies.unseen_last);
            format!("{:.0} % on new tasks", 100.0 * share)
        };
        el("li")
            .class(hue(id))
            .toggle("now", now)
            .child(el("i").attr("aria-hidden", "true"))
            .child(el("span").child(move || of(Line::name)))
            .child(el("small").child(move || of(share)))
            .child(button("line-settings").class("plain").on(ev::CLICK, take).child("Use its settings"))
            .child(show(
                move || !now(),
                move || {
                    button("line-remove")
                        .class("plain")
                        .attr("aria-label", move || format!("Remove the run {}", of(Line::name)))
                        .on(ev::CLICK, move |_| card.remove(id))
                        .child("Remove")
                },
            ))
            .into_view()
    };
    let ids = move || card.lines.with(|lines| lines.iter().map(|line| line.id).collect::<Vec<u32>>());
    let ids = memo(move |_| ids());
    show(
        move || any(card),
        move || {
            el("ul").class("runs").attr("aria-label", "Runs").test_id("runs").child(each(
                move || ids.get(),
                |id| *id,
                row,
            ))
        },
    )
}

/// The address that opens this card with the settings as they are.
fn link(settings: &Settings) -> String {
    let usual = serde_json::to_value(Settings::default()).expect("plain data");
    let mut own = serde_json::to_value(settings).expect("plain data");
    if let (Some(own), Some(usual)) = (own.as_object_mut(), usual.as_object()) {
        own.retain(|name, value| usual.get(name) != Some(value));
    }
    let here = window().location();
    let page = format!("{}{}", here.origin().unwrap_or_default(), here.pathname().unwrap_or_default());
    format!("{page}?train={}", String::from(js_sys::encode_uri_component(&own.to_string())))
}

/// The link, and the command that trains the same learner natively.
fn others(card: Card) -> View {
    let address = memo(move |_| card.settings.with(link));
    let command = move || {
        card.command.get().map(|toml| {
            el("details")
                .test_id("train-command")
                .child(el("summary").child("The same run with the trainer"))
                .child(
                    el("p")
                        .class("hint")
                        .child("Save this as run.toml, then: trainer train --config run.toml --out my-run"),
                )
                .child(el("pre").attr("tabindex", "0").child(toml))
        })
    };
    View::new()
        .child(
            el("details").child(el("summary").child("A link to these settings")).child(
                el("div")
                    .class("link")
                    .child(
                        el("input")
                            .attr("type", "text")
                            .attr("readonly", true)
                            .attr("aria-label", "Link to these settings")
                            .test_id("train-link")
                            .prop("value", move || address.get()),
                    )
                    .child(
                        button("copy-train-link")
                            .on(ev::CLICK, move |_| host::copy(&address.get_untracked()))
                            .child("Copy"),
                    ),
            ),
        )
        .child(command)
}

/// The card.
pub fn view(card: Card) -> View {
    let unkept = move || card.unkept.get().map(|words| el("p").class("hint").test_id("train-unkept").child(words));
    View::new()
        .child(buttons(card))
        .child(progress(card))
        .child(show(move || any(card), move || charts(card)))
        .child(use_it(card))
        .child(runs(card))
        .child(dials(card))
        .child(others(card))
        .child(unkept)
}
