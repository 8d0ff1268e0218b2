//! Which learner: the shipped ones, one from an address or a file; and what its card says.

use leptos::html;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use crate::page::{OWN_MODEL, Page, Source};

/// A shipped learner: address, name, and what it is for.
const SHIPPED: [(&str, &str, &str); 3] = [
    (OWN_MODEL, "drawing", "for drawings: knows strokes, learns from one or two of a kind"),
    ("models/general.safetensors", "general", "for anything: pictures (seen at 14 × 14) and tables, up to 20 classes"),
    ("models/quick.safetensors", "quick", "a minute of meta-training: the plain recipe, to compare with"),
];

/// Picker and card.
#[component]
pub fn Models(page: Page) -> impl IntoView {
    let file = NodeRef::<html::Input>::new();
    let address = NodeRef::<html::Input>::new();
    let picked = move |_| {
        let Some(field) = file.get_untracked() else { return };
        if let Some(file) = field.files().and_then(|files| files.get(0)) {
            page.load(Source::File(file));
        }
        // The same file can be picked again.
        field.set_value("");
    };
    let submitted = move |event: SubmitEvent| {
        event.prevent_default();
        let text = address.get_untracked().map(|field| field.value()).unwrap_or_default();
        match text.trim() {
            "" => page.say("Type or paste the address of a .safetensors file first."),
            text => page.load(Source::Address(text.to_owned())),
        }
    };
    let current = Memo::new(move |_| page.facts.with(|facts| facts.as_ref().map(|facts| facts.source.clone())));
    view! {
        <section class="card models" aria-label="Learners">
            <h2>"Another learner"</h2>
            <div class="shipped" role="group" aria-label="Learners that come with the page">
                {SHIPPED.map(|(source, name, words)| view! {
                    <button type="button" data-testid=format!("model-{name}")
                        aria-pressed=move || (current.get().as_deref() == Some(source)).to_string()
                        on:click=move |_| page.load(Source::Address(source.to_owned()))>
                        <b>{name}</b> <small>{words}</small>
                    </button>
                }).collect_view()}
            </div>
            <form class="from" on:submit=submitted>
                <input node_ref=address type="url" inputmode="url" placeholder="https://…/learner.safetensors" spellcheck="false"
                    autocomplete="off" aria-label="Address of a learner" data-testid="model-address" />
                <button type="submit" data-testid="model-fetch">"Fetch"</button>
                <button type="button" data-testid="open-model" on:click=move |_| {
                    if let Some(field) = file.get_untracked() {
                        field.click();
                    }
                }>
                    "Open a file…"
                </button>
                <input node_ref=file type="file" accept=".safetensors" class="unseen" tabindex="-1" aria-hidden="true"
                    data-testid="model-file" on:change=picked />
            </form>
            {move || page.progress.get().map(|(done, all)| view! {
                <div class="progress" data-testid="model-progress">
                    <progress max="1" value=all.map(|all| (done / all.max(1.0)).to_string()) aria-label="Download"></progress>
                    <small>{match all {
                        Some(all) => format!("{:.1} of {:.1} MB", done / 1e6, all / 1e6),
                        None => format!("{:.1} MB", done / 1e6),
                    }}</small>
                </div>
            })}
            <Card page />
        </section>
    }
}

/// What the file in use says of itself.
#[component]
fn Card(page: Page) -> impl IntoView {
    let card = Memo::new(move |_| {
        page.facts.with(|facts| facts.as_ref().map(|facts| (facts.file.clone(), facts.card.clone())))
    });
    view! {
        {move || card.get().map(|(name, card)| view! {
            <details class="modelcard" data-testid="card">
                <summary>{format!("Card of {name}")}</summary>
                {card.lines.is_empty().then(|| view! { <p class="hint">"The file says nothing of how it was made."</p> })}
                <dl class="lines">
                    {card.lines.iter().map(|(heading, words)| view! {
                        <div><dt>{*heading}</dt> <dd>{words.clone()}</dd></div>
                    }).collect_view()}
                </dl>
                {card.figures.iter().map(|figures| view! {
                    <div class="figures" tabindex="0" role="group" aria-label=figures.title.clone()>
                        <table>
                            <caption>{format!("{}. Accuracy in %", figures.title)}</caption>
                            <thead>
                                <tr>
                                    <th scope="col">{figures.head}</th>
                                    {figures.columns.iter().map(|n| view! { <th scope="col">{*n}</th> }).collect_view()}
                                </tr>
                            </thead>
                            <tbody>
                                {figures.rows.iter().map(|(name, cells)| view! {
                                    <tr>
                                        <th scope="row">{name.clone()}</th>
                                        {cells.iter().map(|cell| view! { <td>{cell.clone()}</td> }).collect_view()}
                                    </tr>
                                }).collect_view()}
                            </tbody>
                        </table>
                    </div>
                }).collect_view()}
                {card.training.clone().map(|text| view! {
                    <details><summary>"Settings of its run"</summary><pre>{text}</pre></details>
                })}
            </details>
        })}
    }
}
