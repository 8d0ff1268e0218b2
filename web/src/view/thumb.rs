//! One shown example.

use std::sync::Arc;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::browser;
use crate::page::Page;
use crate::table::Example;

/// One example: a button that forgets it.
#[component]
pub fn Thumb(page: Page, example: Example, name: Memo<String>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let (id, picture) = (example.id, Arc::clone(&example.picture));
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            browser::paint(&canvas, Some(&picture));
        }
    });
    let index = Memo::new(move |last: Option<&usize>| {
        let found = page.table.with(|table| table.examples.iter().position(|example| example.id == id));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let right = move || page.guesses.with(|guesses| guesses.get(&id).copied().flatten());
    let words = move || {
        let guess = match right() {
            Some(true) => ", which it named right before it was told",
            Some(false) => ", which it named wrong before it was told",
            None => "",
        };
        format!("Forget example {}, {}{guess}", index.get() + 1, name.get())
    };
    view! {
        <li>
            <button type="button" class="thumb" data-testid=move || format!("forget-{}", index.get())
                class:right=move || right() == Some(true) class:wrong=move || right() == Some(false)
                title=words aria-label=words
                on:click=move |event| {
                    step_aside(&event);
                    page.change(|table| table.examples.retain(|example| example.id != id));
                    page.say("Forgotten, as if it had never been shown. Undo brings it back.");
                }>
                <canvas node_ref=canvas width="28" height="28" aria-hidden="true"></canvas>
            </button>
        </li>
    }
}

/// Whoever forgets examples by keyboard goes on with the next one, instead of starting over at the top of the page.
fn step_aside(event: &ev::MouseEvent) {
    let Some(item) =
        event.current_target().and_then(|button| button.unchecked_into::<Element>().closest("li").ok().flatten())
    else {
        return;
    };
    let neighbour = item.next_element_sibling().or_else(|| item.previous_element_sibling());
    if let Some(Ok(Some(button))) = neighbour.map(|item| item.query_selector("button")) {
        // It fails for nothing that is in the page.
        let _ = button.unchecked_into::<HtmlElement>().focus();
    }
}
