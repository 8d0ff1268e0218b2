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
mod shortcuts;
mod switch;
mod thumb;
mod why;
pub mod words;

use web_sys::DragEvent;

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
use shortcuts::shortcut;
use thumb::Gallery;
use why::why;

/// The page.
pub fn app() -> View {
    let page = Page::open();
    let gallery = Gallery::new(page);
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
                .child(classes(page, gallery))
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
        .child(lines(page, gallery))
        .child(example_menu(page))
}
