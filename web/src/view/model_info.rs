//! The engine, the model, and what has not changed.

use crate::browser;
use crate::dom::*;
use crate::page::{Facts, Page};

/// The engine, the model, and what has not changed.
pub fn record(page: Page) -> View {
    let fact = move |of: fn(&Facts) -> String| page.facts.with(|facts| facts.as_ref().map_or("–".into(), of));
    let engine = move || page.engine.with(|engine| engine.as_ref().map(|engine| (engine.name, engine.detail.clone())));
    let shown = Memo::new(move |_| page.table.with(|table| table.examples.len()));
    let losing = browser::query("lose-device").is_some();
    el("section")
        .class("card record")
        .attr("aria-label", "The learner")
        .child(el("h2").child("The learner"))
        .child(
            el("dl")
                .child(
                    el("div")
                        .class("big")
                        .child(el("dt").child("gradient steps"))
                        .child(el("dd").test_id("gradient-steps").child("0")),
                )
                .child(
                    el("div")
                        .class("big")
                        .child(el("dt").child(move || if shown.get() == 1 { "example" } else { "examples" }))
                        .child(el("dd").test_id("examples").child(move || shown.get())),
                )
                .child(el("div").class("big").child(el("dt").child("ms per answer")).child(
                    el("dd").test_id("timing").child(move || {
                        page.took_ms.get().map_or("–".to_owned(), |ms| match ms {
                            // Some browsers' clocks have steps of a millisecond.
                            ms if ms < 0.05 => "< 1".to_owned(),
                            ms if ms < 9.95 => format!("{ms:.1}"),
                            ms => format!("{ms:.0}"),
                        })
                    }),
                )),
        )
        .child(
            el("dl")
                .class("lines")
                .child(
                    el("div").child(el("dt").child("Engine")).child(
                        el("dd")
                            .child(el("b").test_id("engine").child(move || engine().map_or("–", |(name, _)| name)))
                            .child(" ")
                            .child(
                                el("span").test_id("engine-detail").child(move || engine().map(|(_, detail)| detail)),
                            )
                            .child(move || {
                                engine().is_some_and(|(name, _)| name == "CPU").then(|| {
                                    el("details")
                                        .child(el("summary").child("How to get WebGPU here"))
                                        .child(el("p").test_id("webgpu-help").child(browser::webgpu_help()))
                                })
                            }),
                    ),
                )
                .child(
                    el("div").child(el("dt").child("Weights")).child(
                        el("dd")
                            .attr("title", "SHA-256 of all weights. It stays the same whatever you teach")
                            .child(
                                el("code")
                                    .test_id("hash")
                                    .child(move || fact(|facts| facts.hash.chars().take(12).collect())),
                            )
                            .child(move || page.facts.with(Option::is_some).then_some(" unchanged")),
                    ),
                )
                .child(
                    el("div").child(el("dt").child("Model")).child(
                        el("dd")
                            .child(el("b").test_id("model").child(move || fact(|facts| facts.file.clone())))
                            .child(" ")
                            .child(move || {
                                page.facts.with(|facts| {
                                    facts.as_ref().map(|facts| {
                                        let layers = if facts.layers == 1 { "layer" } else { "layers" };
                                        format!(
                                            "{}, {} {layers}, {} k weights, up to {} examples of {} classes",
                                            facts.family,
                                            facts.layers,
                                            (facts.parameters + 500) / 1000,
                                            facts.capacity,
                                            facts.classes
                                        )
                                    })
                                })
                            }),
                    ),
                ),
        )
        .child(
            el("div")
                .class("buttons")
                .child(
                    button("clear-all")
                        .attr("disabled", move || shown.get() == 0)
                        .on(ev::CLICK, move |_| {
                            page.change(|table| table.examples.clear());
                            page.say("All examples are forgotten. Undo brings them back.");
                        })
                        .child("Forget everything"),
                )
                .child(losing.then(|| {
                    button("lose-device").on(ev::CLICK, move |_| page.lose_device()).child("Lose the GPU device")
                })),
        )
        .into_view()
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
