//! Which learner: the shipped ones, one from an address or a file; and what its card says.

use web_sys::{HtmlInputElement, SubmitEvent};

use crate::file_picker::files;
use crate::page::{OWN_MODEL, Page, Source};
use dom::*;

/// A shipped learner: address, name, and what it is for.
const SHIPPED: [(&str, &str, &str); 4] = [
    (OWN_MODEL, "drawing", "for drawings: learns from one or two examples of each"),
    ("models/general.safetensors", "general", "for pictures (reduced to 14 × 14) and tables"),
    ("models/quick.safetensors", "quick", "a plain Transformer after a minute of meta-training, for comparison"),
    ("models/paper.safetensors", "paper", "the paper's own tokens, small, for comparison: up to 99 examples"),
];

/// Picker and card.
pub fn models(page: Page) -> View {
    let address = NodeRef::<HtmlInputElement>::new();
    let submitted = move |event: SubmitEvent| {
        event.prevent_default();
        let text = address.get_untracked().map(|field| field.value()).unwrap_or_default();
        match text.trim() {
            "" => page.say("First type or paste the address of a .safetensors file."),
            text => page.load(Source::Address(text.to_owned())),
        }
    };
    let current = memo(move |_| page.facts.with(|facts| facts.as_ref().map(|facts| facts.source.clone())));
    el("section")
        .class("card models")
        .attr("aria-label", "Learners")
        .child(el("h2").child("Use another learner"))
        .child(
            el("div")
                .class("shipped")
                .attr("role", "group")
                .attr("aria-label", "Learners that come with the page")
                .child(
                    SHIPPED
                        .into_iter()
                        .map(|(source, name, words)| {
                            button(format!("model-{name}"))
                                .attr("aria-pressed", move || (current.get().as_deref() == Some(source)).to_string())
                                .on(ev::CLICK, move |_| page.load(Source::Address(source.to_owned())))
                                .child(el("b").child(name))
                                .child(el("small").child(words))
                        })
                        .collect_view(),
                ),
        )
        .child(
            el("form")
                .class("from")
                .on(ev::SUBMIT, submitted)
                .child(
                    el("input")
                        .node_ref(address)
                        .attr("type", "url")
                        .attr("inputmode", "url")
                        .attr("placeholder", "https://…/learner.safetensors")
                        .attr("spellcheck", "false")
                        .attr("autocomplete", "off")
                        .attr("aria-label", "Address of a learner")
                        .test_id("model-address"),
                )
                .child(el("button").attr("type", "submit").test_id("model-fetch").child("Fetch"))
                .child(files(
                    button("open-model").child("Open a file…"),
                    el("input").attr("accept", ".safetensors").test_id("model-file"),
                    move |files| page.load(Source::File(files[0].1.clone())),
                )),
        )
        .child(move || {
            page.progress.get().map(|(done, all)| {
                el("div")
                    .class("progress")
                    .test_id("model-progress")
                    .child(
                        el("progress")
                            .attr("max", "1")
                            .attr("value", all.map(|all| (done / all.max(1.0)).to_string()))
                            .attr("aria-label", "Download"),
                    )
                    .child(el("small").child(match all {
                        Some(all) => format!("{:.1} of {:.1} MB", done / 1e6, all / 1e6),
                        None => format!("{:.1} MB", done / 1e6),
                    }))
            })
        })
        .child(card(page))
        .into_view()
}

/// What the file in use says of itself.
fn card(page: Page) -> View {
    let card =
        memo(move |_| page.facts.with(|facts| facts.as_ref().map(|facts| (facts.file.clone(), facts.card.clone()))));
    View::new().child(move || {
        card.get().map(|(name, card)| {
            el("details")
                .class("modelcard")
                .test_id("card")
                .child(el("summary").child(format!("Model card of {name}")))
                .child(
                    card.lines
                        .is_empty()
                        .then(|| el("p").class("hint").child("The file does not say how it was made.")),
                )
                .child(
                    el("dl").class("lines").child(
                        card.lines
                            .iter()
                            .map(|(heading, words)| {
                                el("div").child(el("dt").child(*heading)).child(el("dd").child(words.clone()))
                            })
                            .collect_view(),
                    ),
                )
                .child(
                    card.figures
                        .iter()
                        .map(|figures| {
                            el("div")
                                .class("figures")
                                .attr("tabindex", "0")
                                .attr("role", "group")
                                .attr("aria-label", figures.title.clone())
                                .child(
                                    el("table")
                                        .child(el("caption").child(format!("{}. Accuracy in %", figures.title)))
                                        .child(
                                            el("thead").child(
                                                el("tr")
                                                    .child(el("th").attr("scope", "col").child(figures.head))
                                                    .child(
                                                        figures
                                                            .columns
                                                            .iter()
                                                            .map(|n| el("th").attr("scope", "col").child(*n))
                                                            .collect_view(),
                                                    ),
                                            ),
                                        )
                                        .child(
                                            el("tbody").child(
                                                figures
                                                    .rows
                                                    .iter()
                                                    .map(|(name, cells)| {
                                                        el("tr")
                                                            .child(el("th").attr("scope", "row").child(name.clone()))
                                                            .child(
                                                                cells
                                                                    .iter()
                                                                    .map(|cell| el("td").child(cell.clone()))
                                                                    .collect_view(),
                                                            )
                                                    })
                                                    .collect_view(),
                                            ),
                                        ),
                                )
                        })
                        .collect_view(),
                )
                .child(card.training.clone().map(|text| {
                    el("details").child(el("summary").child("Training settings")).child(el("pre").child(text))
                }))
        })
    })
}
