//! The strip above the bench: a demonstration for those who come first, and the walk.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::icon::Icon;
use crate::browser;
use crate::page::Page;
use crate::walk::Step;

/// The walk, as long as there is something left to try.
#[component]
pub fn Coach(page: Page) -> impl IntoView {
    let next = Memo::new(move |_| page.walk.get().next());
    let closed = move || page.walk.get().closed;
    view! {
        <Show when=move || !closed()>
            <section class="strip" aria-label="You could try" data-testid="walk">
                <p class="step" aria-live="polite">
                    {move || match next.get() {
                        Some(step) => {
                            let number = step as usize + 1;
                            view! {
                                <small>{format!("You could try, {number} of {}", Step::ALL.len())}</small>
                                <b data-testid="walk-step" data-step=number>{step.title()}</b>
                                " "
                                {step.words()}
                            }
                            .into_any()
                        }
                        None => view! {
                            <b data-testid="walk-step" data-step="0">"That was the walk."</b>
                            " You have seen a network learn, unlearn and be led astray without one changed weight. Why it \
                             works stands below."
                        }
                        .into_any(),
                    }}
                </p>
                <div class="ends">
                    <ol class="dots" aria-hidden="true">
                        {move || {
                            let walk = page.walk.get();
                            Step::ALL
                                .into_iter()
                                .map(|step| {
                                    let done = walk.done[step as usize];
                                    view! { <li class:done=done class:now=walk.next() == Some(step)></li> }
                                })
                                .collect_view()
                        }}
                    </ol>
                    <Show when=move || next.get().is_some()>
                        <button type="button" class="plain" data-testid="walk-show"
                            on:click=move |_| if let Some(step) = next.get_untracked() { point_at(step.control()) }>
                            "Show me"
                        </button>
                        <button type="button" class="plain" data-testid="walk-skip"
                            on:click=move |_| if let Some(step) = next.get_untracked() { page.walked(step) }>
                            "Skip"
                        </button>
                    </Show>
                    <button type="button" class="plain small" data-testid="walk-close" title="Close the walk"
                        aria-label="Close the walk" on:click=move |_| page.walk_on(|walk| walk.closed = true)>
                        <Icon name="close" />
                    </button>
                </div>
            </section>
        </Show>
    }
}

/// Brings a control into sight, and lets it glow for a moment.
fn point_at(id: &str) {
    let found = browser::window()
        .document()
        .and_then(|document| document.query_selector(&format!("[data-testid=\"{id}\"]")).ok().flatten());
    if let Some(element) = found {
        element.scroll_into_view_with_bool(false);
        // A class can always be taken away and given again, which starts its animation anew.
        let _ = element.class_list().remove_1("pointed");
        let element: HtmlElement = element.unchecked_into();
        let _ = element.offset_width();
        let _ = element.class_list().add_1("pointed");
        let _ = element.focus();
    }
}
