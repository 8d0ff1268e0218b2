//! What is seen of the page, top to bottom: a file for each part.

mod attention_lines;
mod camera;
mod canvas;
mod classes;
mod drawing_panel;
mod explain;
mod icon;
mod learning_curve;
mod menu;
mod model_info;
mod models;
mod name_field;
mod own_data;
mod samples;
mod sets;
mod share;
mod shortcuts;
mod switch;
mod thumbnail;
mod tour;
mod training;
mod words;

use web_sys::DragEvent;

use crate::browser;
use crate::page::Page;
use attention_lines::lines;
use classes::classes;
use dom::*;
use drawing_panel::desk;
use explain::why;
use learning_curve::learned;
use menu::example_menu;
use model_info::{parity, record};
use models::models;
use own_data::import;
use samples::samples;
use share::share;
use shortcuts::shortcut;
use thumbnail::Gallery;
use tour::coach;
use training::training;

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

    if browser::embedded() {
        let bench = el("div").class("bench").child(desk(page)).child(classes(page, gallery));
        return View::new().child(bench).child(example_menu(page));
    }
    View::new()
        .child(coach(page))
        .child(
            el("div")
                .class("bench")
                .child(desk(page))
                .child(classes(page, gallery))
                .child(el("div").class("beside").child(learned(page)).child(samples(page))),
        )
        .child(training(page))
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
