//! A switch.

use dom::*;

/// A button that is on or off, known to tests as `id`, which calls `turn` with what it is turned to.
pub fn switch(on: RwSignal<bool>, id: &'static str, words: &'static str, turn: impl Fn(bool) + 'static) -> View {
    el("button")
        .attr("type", "button")
        .class("switch")
        .attr("role", "switch")
        .test_id(id)
        .attr("aria-checked", move || on.get().to_string())
        .on(ev::CLICK, move |_| turn(!on.get_untracked()))
        .child(el("i").attr("aria-hidden", "true"))
        .child(words)
        .into_view()
}
