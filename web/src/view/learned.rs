//! The learning curve.

use leptos::prelude::*;

use super::words::percent;
use crate::page::Page;

/// Marks of the learning curve's drawing, in its own units.
const CURVE: (f32, f32) = (300.0, 64.0);

/// How often it was right before it was told.
#[component]
pub fn Learned(page: Page) -> impl IntoView {
    // Right or wrong, in the order shown.
    let scores = Memo::new(move |_| {
        let of = |id: u32| page.guesses.with(|guesses| guesses.get(&id).copied().flatten());
        page.table.with(|table| table.examples.iter().filter_map(|example| of(example.id)).collect::<Vec<bool>>())
    });
    let right = move || scores.with(|scores| scores.iter().filter(|right| **right).count());
    let curve = move || {
        scores.with(|scores| {
            let step = CURVE.0 / (scores.len().max(12) as f32);
            let mut hits = 0;
            scores
                .iter()
                .enumerate()
                .map(|(i, right)| {
                    hits += usize::from(*right);
                    let accuracy = hits as f32 / (i + 1) as f32;
                    ((i as f32 + 0.5) * step, 6.0 + (1.0 - accuracy) * (CURVE.1 - 12.0), *right)
                })
                .collect::<Vec<(f32, f32, bool)>>()
        })
    };
    view! {
        <section class="learned" aria-label="Learning curve">
            <h2>"Guessed before it was told"</h2>
            <Show when=move || scores.with(|scores| !scores.is_empty())
                fallback=|| view! {
                    <p class="hint">
                        "Every drawing that you teach is a question first. From the second of a kind on, its guesses are \
                         counted here: the learning curve of your own task."
                    </p>
                }>
                <div class="score">
                    <p data-testid="score">
                        <b>{right}</b> " of " <b>{move || scores.with(Vec::len)}</b> " right"
                        <span>{move || percent(right() as f32 / scores.with(Vec::len).max(1) as f32)}</span>
                    </p>
                    <svg viewBox=format!("0 0 {} {}", CURVE.0, CURVE.1) role="img" preserveAspectRatio="none"
                        aria-label="Running accuracy over the drawings taught">
                        <line x1="0" y1="6" x2=CURVE.0.to_string() y2="6" />
                        <line x1="0" y1=(CURVE.1 - 6.0).to_string() x2=CURVE.0.to_string() y2=(CURVE.1 - 6.0).to_string() />
                        <polyline points=move || {
                            curve().iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
                        } />
                    </svg>
                    <div class="ticks" aria-hidden="true">
                        {move || {
                            scores
                                .get()
                                .into_iter()
                                .map(|right| view! { <i class:right=right class:wrong=!right></i> })
                                .collect_view()
                        }}
                    </div>
                </div>
            </Show>
        </section>
    }
}
