//! The engine, the model, and what has not changed.

use leptos::prelude::*;

use crate::browser;
use crate::page::{Facts, Page};

/// The engine, the model, and what has not changed.
#[component]
pub fn Record(page: Page) -> impl IntoView {
    let fact = move |of: fn(&Facts) -> String| page.facts.with(|facts| facts.as_ref().map_or("–".into(), of));
    let engine = move || page.engine.with(|engine| engine.as_ref().map(|engine| (engine.name, engine.detail.clone())));
    let shown = Memo::new(move |_| page.table.with(|table| table.examples.len()));
    let losing = browser::query("lose-device").is_some();
    view! {
        <section class="card record" aria-label="The learner">
            <h2>"The learner"</h2>
            <dl>
                <div class="big">
                    <dt>"gradient steps"</dt>
                    <dd data-testid="gradient-steps">"0"</dd>
                </div>
                <div class="big">
                    <dt>{move || if shown.get() == 1 { "example" } else { "examples" }}</dt>
                    <dd data-testid="examples">{move || shown.get()}</dd>
                </div>
                <div class="big">
                    <dt>"ms an answer"</dt>
                    <dd data-testid="timing">
                        {move || page.took_ms.get().map_or("–".to_owned(), |ms| match ms {
                            ms if ms < 9.95 => format!("{ms:.1}"),
                            ms => format!("{ms:.0}"),
                        })}
                    </dd>
                </div>
            </dl>
            <dl class="lines">
                <div>
                    <dt>"Engine"</dt>
                    <dd>
                        <b data-testid="engine">{move || engine().map_or("–", |(name, _)| name)}</b>
                        " "
                        <span data-testid="engine-detail">{move || engine().map(|(_, detail)| detail)}</span>
                        {move || engine().is_some_and(|(name, _)| name == "CPU").then(|| view! {
                            <details>
                                <summary>"How to get WebGPU here"</summary>
                                <p data-testid="webgpu-help">{browser::webgpu_help()}</p>
                            </details>
                        })}
                    </dd>
                </div>
                <div>
                    <dt>"Weights"</dt>
                    <dd title="SHA-256 of all weights: it stays the same, whatever you teach">
                        <code data-testid="hash">{move || fact(|facts| facts.hash.chars().take(12).collect())}</code>
                        {move || page.facts.with(Option::is_some).then_some(" unchanged")}
                    </dd>
                </div>
                <div>
                    <dt>"Model"</dt>
                    <dd>
                        <b data-testid="model">{move || fact(|facts| facts.file.clone())}</b>
                        " "
                        {move || page.facts.with(|facts| facts.as_ref().map(|facts| {
                            let layers = if facts.layers == 1 { "layer" } else { "layers" };
                            format!(
                                "{}, {} {layers}, {} k weights, up to {} examples of {} classes",
                                facts.family, facts.layers, (facts.parameters + 500) / 1000, facts.capacity, facts.classes
                            )
                        }))}
                    </dd>
                </div>
            </dl>
            <div class="buttons">
                <button type="button" data-testid="clear-all" disabled=move || shown.get() == 0
                    on:click=move |_| {
                        page.change(|table| table.examples.clear());
                        page.say("Everything is forgotten. Undo brings it back.");
                    }>
                    "Forget everything"
                </button>
                {losing.then(|| view! {
                    <button type="button" data-testid="lose-device" on:click=move |_| page.lose_device()>
                        "Lose the GPU device"
                    </button>
                })}
            </div>
        </section>
    }
}

/// With `?parity` in the address: how far this device is from the references.
#[component]
pub fn Parity(page: Page) -> impl IntoView {
    let wanted = browser::query("parity").is_some();
    let done = move || page.parity.with(Option::is_some);
    wanted.then(|| {
        view! {
            <section class="parity">
                <h2>"Parity on this device"</h2>
                <pre data-testid="parity-report" data-done=move || done().to_string()
                    data-state=move || if done() { "done" } else { "running" }>
                    {move || page.parity.get()}
                </pre>
            </section>
        }
    })
}
