//! A switch.

use leptos::prelude::*;

/// A button that is on or off.
#[component]
pub fn Switch(
    /// Whether it is on.
    #[prop(into)]
    on: Signal<bool>,
    /// Test id.
    id: &'static str,
    /// What it says.
    words: &'static str,
    /// Called with what it is turned to.
    turn: impl Fn(bool) + 'static,
) -> impl IntoView {
    view! {
        <button type="button" class="switch" role="switch" data-testid=id aria-checked=move || on.get().to_string()
            on:click=move |_| turn(!on.get_untracked())>
            <i aria-hidden="true"></i>
            {words}
        </button>
    }
}
