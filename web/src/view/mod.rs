//! What is seen of the page, top to bottom: a file for each part.

mod camera;
mod classes;
mod coach;
mod desk;
mod icon;
pub mod import;
mod learned;
mod lines;
mod menu;
mod models;
mod record;
mod samples;
mod share;
mod switch;
mod thumb;
mod why;
pub mod words;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, HtmlElement, KeyboardEvent};

use crate::page::Page;
use classes::Classes;
use coach::Coach;
use desk::Desk;
use import::Import;
use learned::Learned;
use lines::Lines;
use menu::ExampleMenu;
use models::Models;
use record::{Parity, Record};
use samples::Samples;
use share::Share;
use why::Why;

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let page = Page::open();
    let keys = window_event_listener(ev::keydown, move |event| {
        page.touch();
        shortcut(page, &event);
    });
    on_cleanup(move || keys.remove());
    let moved = window_event_listener(ev::pointermove, move |_| page.touch());
    let pressed = window_event_listener(ev::pointerdown, move |_| page.touch());
    on_cleanup(move || {
        moved.remove();
        pressed.remove();
    });
    // A link that is pasted into the page's own address loads nothing: it only changes what stands after the #.
    let hash = window_event_listener(ev::hashchange, move |_| page.follow_link());
    on_cleanup(move || hash.remove());
    let over = window_event_listener(ev::dragover, |event: DragEvent| event.prevent_default());
    on_cleanup(move || over.remove());
    let drop = window_event_listener(ev::drop, move |event: DragEvent| {
        event.prevent_default();
        if let Some(data) = event.data_transfer() {
            page.open_dropped(&data);
        }
    });
    on_cleanup(move || drop.remove());

    view! {
        <Coach page />
        <div class="bench">
            <Desk page />
            <Classes page />
            <div class="beside">
                <Learned page />
                <Samples page />
            </div>
        </div>
        // Columns that stay what they are when one of their cards grows.
        <div class="shelf">
            <div>
                <Why page />
                <Import page />
            </div>
            <div>
                <Models page />
                <Share page />
            </div>
            <div>
                <Record page />
            </div>
        </div>
        <Parity page />
        <Lines page />
        <ExampleMenu page />
    }
}

/// Keys that work everywhere but in text fields.
fn shortcut(page: Page, event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    if target.is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA"))
        || event.alt_key()
    {
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
