//! Why this answer: which examples mattered, and whether their order does.

use leptos::prelude::*;

use super::switch::Switch;
use crate::page::Page;
use crate::study::{Order, Who};

/// Which examples mattered.
#[component]
pub fn Why(page: Page) -> impl IntoView {
    let answered = move || {
        page.probabilities.with(Option::is_some) && page.sight.with(Option::is_some) && page.who.get() == Who::Learner
    };
    let few = move || page.table.with(|table| table.examples.len() < 2);
    let left_out = move || {
        page.probes.missing.with(|missing| {
            missing.as_ref().map(|missing| {
                let name = page.table.with(|table| table.name(missing.label).to_owned());
                match missing.done {
                    true => format!(
                        "On each small picture: the percentage points of “{name}” that it brings. Without it the answer \
                         would have so much less."
                    ),
                    false => format!("{} left out so far …", missing.effects.len()),
                }
            })
        })
    };
    let held = move || match page.probes.order.get() {
        Order::AsShown => "A set has no order: its answer should not change by a hair.".to_owned(),
        Order::Shuffled => "Shuffled. Draw something first, and the answers before and after are compared.".to_owned(),
        Order::Waiting { .. } => "Shuffled …".to_owned(),
        Order::Held(change) => format!("Shuffled. The largest change of a probability: {}.", change_words(change)),
    };
    view! {
        <section class="card" aria-label="Which examples mattered">
            <h2>"Which examples mattered?"</h2>
            <p class="hint">"The small pictures glow by their share of its attention."</p>
            <div class="probes">
                <Switch on=page.lines id="lines-switch" words="Lines of attention" turn=move |on| page.lines.set(on) />
                <div>
                    <button type="button" data-testid="leave-out" disabled=move || !answered() || few()
                        on:click=move |_| page.leave_each_out()>
                        "Leave each one out"
                    </button>
                    <p data-testid="left-out" aria-live="polite">
                        {move || left_out().unwrap_or_else(|| {
                            "Asks again without each example in turn: the hard way to see what it is worth.".to_owned()
                        })}
                    </p>
                </div>
                <div>
                    <button type="button" data-testid="shuffle" disabled=few on:click=move |_| page.shuffle()>
                        "Shuffle their order"
                    </button>
                    <p data-testid="held" aria-live="polite"
                        data-change=move || match page.probes.order.get() {
                            Order::Held(change) => format!("{change:.6}"),
                            _ => String::new(),
                        }>
                        {held}
                    </p>
                </div>
            </div>
        </section>
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
