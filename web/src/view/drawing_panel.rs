//! Canvas, tools, and what the learner sees.

use std::sync::Arc;

use web_sys::HtmlCanvasElement;

use super::camera::camera;
use super::icon::icon;
use super::shortcuts;
use super::switch::switch;
use crate::browser;
use crate::document::specks;
use crate::page::Page;
use crate::skipped::Skipped;
use crate::view::canvas::canvas;
use dom::*;

/// Canvas, tools, and what the learner sees.
pub fn desk(page: Page) -> View {
    el("section")
        .class("desk")
        .attr("aria-label", "Drawing")
        .child(canvas(page))
        .child(tools(page))
        .child(notes(page))
        .child(model_input(page))
        .child(camera(page))
        .child(keys())
        .into_view()
}

fn tools(page: Page) -> Tag {
    let undo = button("undo")
        .attr("title", "Undo (Ctrl Z)")
        .attr("disabled", move || !page.reach.get().0)
        .on(ev::CLICK, move |_| page.undo())
        .child(icon("undo"))
        .child("Undo");
    let redo = button("redo")
        .class("small")
        .attr("title", "Redo (Ctrl Shift Z)")
        .attr("aria-label", "Redo")
        .attr("disabled", move || !page.reach.get().1)
        .on(ev::CLICK, move |_| page.redo())
        .child(icon("redo"));
    let clear = button("clear-drawing")
        .attr("title", "Clear the canvas (Esc)")
        .attr("disabled", move || page.picture.with(Option::is_none))
        .on(ev::CLICK, move |_| page.clear_drawing())
        .child("Clear");
    let pen_only = move || {
        switch(page.hands.pen_only, "pen-only", "Draw with the pen only", move |on| page.hands.set_pen_only(on))
    };
    el("div")
        .class("tools")
        .child(el("div").class("buttons").child(undo).child(redo).child(clear))
        .child(show(move || page.hands.pen.get(), pen_only))
}

/// What the page has to say.
fn notes(page: Page) -> View {
    let specks = memo(move |_| page.document.with(|document| specks::count(&document.drawing)));
    let alert = |id: &'static str| el("p").class("note fault").attr("role", "alert").test_id(id);
    View::new()
        .child(
            el("p")
                .class("note")
                .toggle("fault", move || page.note.with(|note| note.as_ref().is_some_and(|note| note.fault)))
                .toggle("idle", move || page.note.with(Option::is_none))
                .test_id("status")
                .attr("role", "status")
                .attr("aria-live", "polite")
                .child(move || match page.note.get() {
                    Some(note) => note.words,
                    None => shortcuts::HELP.to_owned(),
                }),
        )
        .child(show(
            move || specks.get() > 0,
            move || {
                el("p")
                    .class("note specks")
                    .attr("role", "status")
                    .test_id("specks")
                    .child(move || match specks.get() {
                        1 => "A dot far from your drawing is left out. ".to_owned(),
                        n => format!("{n} dots far from your drawing are left out. "),
                    })
                    .child(button("keep-specks").on(ev::CLICK, move |_| page.keep_specks()).child("Keep"))
            },
        ))
        .child(
            alert("skipped")
                .attr("hidden", move || page.skipped.with(Skipped::is_empty))
                .child(move || page.skipped.with(Skipped::words)),
        )
        .child(
            alert("unkept")
                .attr("hidden", move || page.unkept.with(Option::is_none))
                .child(move || page.unkept.get().map(unkept))
                .child(show(
                    move || page.unkept.with(Option::is_some),
                    move || {
                        let save = move |_| page.save_set(page.sets.open.get_untracked());
                        button("save-unkept").on(ev::CLICK, save).child("Save a file")
                    },
                )),
        )
}

/// What the learner sees, and the switch that scrambles it.
fn model_input(page: Page) -> Tag {
    let seen = NodeRef::<HtmlCanvasElement>::new();
    effect(move || {
        if let Some(canvas) = seen.get() {
            page.model_input
                .with(|picture| browser::paint(&canvas, picture.as_ref().map(|picture| picture.as_slice())));
        }
    });
    el("figure")
        .class("sight")
        .toggle("empty", move || page.picture.with(Option::is_none))
        .child(
            el("canvas")
                .node_ref(seen)
                .test_id("seen")
                .attr("id", "seen")
                .attr("width", "28")
                .attr("height", "28")
                .attr("role", "img")
                .attr("aria-label", "The drawing as the learner sees it, 28 by 28 pixels"),
        )
        .child(
            el("figcaption")
                .child(el("b").child("What it sees"))
                .child(move || match page.scrambled.get() {
                    true => "The same drawing after one fixed random mixture of all its pixels.",
                    false => "Your drawing, cropped, centred and scaled to 28 × 28 pixels.",
                })
                .child(switch(page.scrambled, "scramble", "Scramble the pixels", move |on| page.scramble(on)))
                .child(show(
                    move || page.facts.with(|facts| facts.as_ref().is_some_and(|facts| facts.set)),
                    move || {
                        switch(page.none, "none-switch", "It may be none of the classes", move |on| page.none.set(on))
                    },
                )),
        )
}

/// All keys.
fn keys() -> View {
    let row = |(keys, words): (&'static str, &'static str)| {
        el("div").child(el("dt").child(el("kbd").child(keys))).child(el("dd").child(words))
    };
    el("details")
        .class("keys")
        .child(el("summary").child("Keys"))
        .child(el("dl").test_id("keys").child(shortcuts::KEYS.into_iter().map(row).collect_view()))
        .into_view()
}

impl Page {
    /// Has the dots far from the drawing count.
    fn keep_specks(self) {
        self.change(|document| {
            let kept = specks::to_keep(&document.drawing);
            Arc::make_mut(&mut document.drawing).extend(kept);
        });
    }
}

/// That nothing will be left at the next visit, and what helps.
fn unkept(error: String) -> String {
    format!("Not kept for your next visit: {error}. Everything stays here until you close this page. ")
}
