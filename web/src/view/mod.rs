//! What is seen of the page, top to bottom: a file for each part.

mod classes;
mod desk;
mod icon;
mod learned;
mod record;
mod thumb;
mod words;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, HtmlElement, KeyboardEvent};

use crate::page::{Page, Source};
use classes::Classes;
use desk::Desk;
use learned::Learned;
use record::{Parity, Record};

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let page = Page::open();
    let keys = window_event_listener(ev::keydown, move |event| shortcut(page, &event));
    on_cleanup(move || keys.remove());
    let over = window_event_listener(ev::dragover, |event: DragEvent| event.prevent_default());
    on_cleanup(move || over.remove());
    let drop = window_event_listener(ev::drop, move |event: DragEvent| {
        event.prevent_default();
        if let Some(file) = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)) {
            page.load(Source::File(file));
        }
    });
    on_cleanup(move || drop.remove());

    view! {
        <header class="head">
            <h1>"A learning algorithm in a file"</h1>
            <p>
                "Draw something, say what it is, draw it again. "
                <span>
                    "A small Transformer learns it from your examples as you go, with no gradient step. Nothing leaves \
                     this page."
                </span>
            </p>
        </header>
        <main>
            <Desk page />
            <Classes page />
            <Learned page />
            <Record page />
        </main>
        <Parity page />
        <footer class="foot">
            <p>
                "The weights were meta-trained on endless random tasks before you came, and never on what you draw. \
                 What is learned here lies in the context alone: take an example away and it was never known; swap two \
                 labels and the answers swap."
            </p>
        </footer>
    }
}

/// Keys that work everywhere but in text fields.
fn shortcut(page: Page, event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    if target.is_some_and(|element| element.tag_name() == "INPUT") || event.alt_key() {
        return;
    }
    let key = event.key();
    if event.ctrl_key() || event.meta_key() {
        match (key.to_ascii_lowercase().as_str(), event.shift_key()) {
            ("z", false) => page.undo(),
            ("z", true) | ("y", false) => page.redo(),
            _ => return,
        }
        return event.prevent_default();
    }
    match key.as_str() {
        "Escape" | "Delete" | "Backspace" => page.clear_drawing(),
        key => {
            // 1 … 9, and 0 for the tenth
            let number = key.parse::<usize>().ok().filter(|_| key.len() == 1).map(|digit| (digit + 9) % 10);
            let label = number.and_then(|index| page.table.with_untracked(|t| t.classes.get(index).map(|c| c.label)));
            match label {
                Some(label) if !event.repeat() => page.teach(label),
                _ => return,
            }
        }
    }
    event.prevent_default();
}
