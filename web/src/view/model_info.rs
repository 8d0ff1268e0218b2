//! The engine, the model, and what has not changed.

use crate::browser;
use crate::page::{Facts, Page};
use dom::*;

/// The engine, the model, and what has not changed.
pub fn record(page: Page) -> View {
    let shown = memo(move |_| page.document.with(|document| document.examples.len()));
    let losing = browser::query("lose-device").is_some();
    let forget = move |_| {
        page.change(|document| document.examples.clear());
        page.say("All examples are forgotten. Undo brings them back.");
    };
    let clear = button("clear-all").attr("disabled", move || shown.get() == 0).on(ev::CLICK, forget);
    let lose = || button("lose-device").on(ev::CLICK, move |_| page.lose_device()).child("Lose the GPU device");
    let weights = el("dd")
        .attr("title", "SHA-256 of all weights. It stays the same whatever you teach")
        .child(el("code").test_id("hash").child(move || fact(page, |facts| facts.hash.chars().take(12).collect())))
        .child(move || page.facts.with(Option::is_some).then_some(" unchanged"));
    let model = el("dd")
        .child(el("b").test_id("model").child(move || fact(page, |facts| facts.file.clone())))
        .child(" ")
        .child(move || page.facts.with(|facts| facts.as_ref().map(facts_words)));
    let line = |title: &'static str, words: Tag| el("div").child(el("dt").child(title)).child(words);
    el("section")
        .class("card record")
        .attr("aria-label", "The learner")
        .child(el("h2").child("The learner"))
        .child(figures(page, shown))
        .child(
            el("dl")
                .class("lines")
                .child(line("Engine", engine(page)))
                .child(line("Weights", weights))
                .child(line("Model", model)),
        )
        .child(el("div").class("buttons").child(clear.child("Forget everything")).child(losing.then(lose)))
        .into_view()
}

fn fact(page: Page, of: fn(&Facts) -> String) -> String {
    page.facts.with(|facts| facts.as_ref().map_or("–".into(), of))
}

fn facts_words(facts: &Facts) -> String {
    format!(
        "{}, {} {}, {} k weights, up to {} examples of {} classes",
        facts.family,
        facts.layers,
        if facts.layers == 1 { "layer" } else { "layers" },
        (facts.parameters + 500) / 1000,
        facts.capacity,
        facts.classes
    )
}

/// Three numbers.
fn figures(page: Page, shown: Memo<usize>) -> Tag {
    let figure = |name: Tag, number: Tag| el("div").class("big").child(name).child(number);
    let examples = move || if shown.get() == 1 { "example" } else { "examples" };
    let time = move || {
        page.took_ms.get().map_or("–".to_owned(), |ms| match ms {
            // Some browsers' clocks have steps of a millisecond.
            ms if ms < 0.05 => "< 1".to_owned(),
            ms if ms < 9.95 => format!("{ms:.1}"),
            ms => format!("{ms:.0}"),
        })
    };
    el("dl")
        .child(figure(el("dt").child("gradient steps"), el("dd").test_id("gradient-steps").child("0")))
        .child(figure(el("dt").child(examples), el("dd").test_id("examples").child(move || shown.get())))
        .child(figure(el("dt").child("ms per answer"), el("dd").test_id("timing").child(time)))
}

/// What computes, and how to get WebGPU where it is the CPU.
fn engine(page: Page) -> Tag {
    let engine = move || page.engine.with(|engine| engine.as_ref().map(|engine| (engine.name, engine.detail.clone())));
    let help = || {
        el("details")
            .child(el("summary").child("How to get WebGPU here"))
            .child(el("p").test_id("webgpu-help").child(browser::webgpu_help()))
    };
    el("dd")
        .child(el("b").test_id("engine").child(move || engine().map_or("–", |(name, _)| name)))
        .child(" ")
        .child(el("span").test_id("engine-detail").child(move || engine().map(|(_, detail)| detail)))
        .child(move || engine().is_some_and(|(name, _)| name == "CPU").then(help))
}

/// With `?parity` in the address: how far this device is from the references.
pub fn parity(page: Page) -> View {
    let wanted = browser::query("parity").is_some();
    let done = move || page.parity.with(Option::is_some);
    let report = || {
        el("section").class("parity").child(el("h2").child("Parity on this device")).child(
            el("pre")
                .test_id("parity-report")
                .attr("data-done", move || done().to_string())
                .attr("data-state", move || if done() { "done" } else { "running" })
                .child(move || page.parity.get()),
        )
    };
    wanted.then(report).into_view()
}
