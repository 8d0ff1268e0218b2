//! What is seen of the page, top to bottom: a file for each part.

mod camera;
mod classes;
mod coach;
mod desk;
pub mod files;
mod icon;
mod import;
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

use wasm_bindgen::JsCast;
use web_sys::{DragEvent, HtmlElement, KeyboardEvent};

use crate::dom::*;
use crate::page::Page;
use classes::classes;
use coach::coach;
use desk::desk;
use import::import;
use learned::learned;
use lines::lines;
use menu::example_menu;
use models::models;
use record::{parity, record};
use samples::samples;
use share::share;
use why::why;

/// The page.
pub fn app() -> View {
    let page = Page::open();
    on_window(ev::KEYDOWN, move |event| {
        page.touch();
        shortcut(page, &event);
    });
    on_window(ev::POINTERMOVE, move |_| page.touch());
    on_window(ev::POINTERDOWN, move |_| page.touch());
    // A link that is pasted into the page's own address loads nothing: it only changes what stands after the #.
    on_window(ev::HASHCHANGE, move |_| page.follow_link());
    on_window(ev::DRAGOVER, |event: DragEvent| event.prevent_default());
    on_window(ev::DROP, move |event: DragEvent| {
        event.prevent_default();
        if let Some(data) = event.data_transfer() {
            page.open_dropped(&data);
        }
    });

    View::new()
        .child(coach(page))
        .child(
            el("div")
                .class("bench")
                .child(desk(page))
                .child(classes(page))
                .child(el("div").class("beside").child(learned(page)).child(samples(page))),
        )
        // Columns that stay what they are when one of their cards grows.
        .child(
            el("div")
                .class("shelf")
                .child(el("div").child(why(page)).child(import(page)))
                .child(el("div").child(models(page)).child(share(page)))
                .child(el("div").child(record(page))),
        )
        .child(parity(page))
        .child(lines(page))
        .child(example_menu(page))
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
