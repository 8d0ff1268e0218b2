//! One shown example.

use wasm_bindgen::JsCast;
use web_sys::{DragEvent, HtmlCanvasElement, HtmlElement, KeyboardEvent, MouseEvent};

use super::words::percent;
use crate::browser;
use crate::dom::*;
use crate::page::{Menu, Page};
use crate::table::Example;

/// Changes of a probability below this are none, on a thumbnail.
const NOTHING: f32 = 0.005;

/// One example: a button that opens its menu.
pub fn thumb(page: Page, example: Example, name: Memo<String>) -> View {
    let canvas = NodeRef::<HtmlCanvasElement>::new();
    let id = example.id;
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            browser::paint(&canvas, Some(&page.seen(&example)));
        }
    });
    let index = Memo::new(move |last: Option<&usize>| {
        let found = page.table.with(|table| table.examples.iter().position(|example| example.id == id));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let share = Memo::new(move |_| {
        page.attention.with(|all| all.as_ref().and_then(|all| all.get(index.get()).copied())).unwrap_or(0.0)
    });
    // The brightest example glows fully.
    let glow = move || {
        let most = page.attention.with(|all| all.iter().flatten().copied().fold(0.0, f32::max));
        format!("{:.3}", if most > 0.0 { share.get() / most } else { 0.0 })
    };
    let right = move || page.guesses.with(|guesses| guesses.get(&id).copied().flatten());
    let effect = move || {
        page.probes.missing.with(|missing| missing.as_ref().and_then(|missing| missing.effects.get(&id).copied()))
    };
    let words = move || {
        let guess = match right() {
            Some(true) => ", which it named right before it was told",
            Some(false) => ", which it named wrong before it was told",
            None => "",
        };
        let attention = match share.get() {
            share if share > 0.0 => format!(", {} of the attention", percent(share)),
            _ => String::new(),
        };
        let effect = effect().map(|effect| format!(", changes the answer by {}", points(effect))).unwrap_or_default();
        format!("Example {}, {}{guess}{attention}{effect}", index.get() + 1, name.get())
    };
    let open = move |event: MouseEvent| {
        if let Some(button) = event.current_target() {
            let place = button.unchecked_into::<HtmlElement>().get_bounding_client_rect();
            page.menu.set(Some(Menu { id, x: place.left(), y: place.bottom() + 6.0 }));
        }
    };
    let key = move |event: KeyboardEvent| {
        if let "Delete" | "Backspace" = event.key().as_str() {
            event.prevent_default();
            event.stop_propagation();
            if let Some(target) = event.current_target() {
                step_aside(&target.unchecked_into());
            }
            page.forget(id);
        }
    };
    let dragged = move |event: DragEvent| {
        if let Some(data) = event.data_transfer() {
            // What is dragged must carry something, or some browsers drag nothing.
            let _ = data.set_data("text/plain", &(index.get_untracked() + 1).to_string());
            data.set_effect_allowed("move");
        }
        page.dragged.set(Some(id));
    };
    el("li")
        .child(
            el("button")
                .attr("type", "button")
                .class("thumb")
                .test_id(move || format!("example-{}", index.get()))
                .attr("data-example", id)
                .attr("draggable", "true")
                .attr("aria-haspopup", "menu")
                .toggle("right", move || right() == Some(true))
                .toggle("wrong", move || right() == Some(false))
                .style("--glow", glow)
                .attr("data-share", move || format!("{:.4}", share.get()))
                .attr("title", move || format!("{}. Click to forget or rename it; Delete forgets.", words()))
                .attr("aria-label", words)
                .on(ev::CLICK, open)
                .on(ev::KEYDOWN, key)
                .on(ev::DRAGSTART, dragged)
                .on(ev::DRAGEND, move |_| page.dragged.set(None))
                .child(
                    el("canvas").node_ref(canvas).attr("width", "28").attr("height", "28").attr("aria-hidden", "true"),
                )
                .child(move || {
                    effect().map(|effect| {
                        let (brings, takes) = (effect > NOTHING, effect < -NOTHING);
                        el("span")
                            .class("without")
                            .test_id(format!("effect-{id}"))
                            .attr("data-effect", format!("{effect:.5}"))
                            .toggle("for", brings)
                            .toggle("against", takes)
                            .child(points(effect))
                    })
                }),
        )
        .into_view()
}

/// A change of a probability, in percentage points.
fn points(change: f32) -> String {
    match 100.0 * change {
        points if points.abs() < 100.0 * NOTHING => "±0".to_owned(),
        points if points < 0.0 => format!("−{:.0}", -points),
        points => format!("+{points:.0}"),
    }
}

/// Gives the focus to an example, once it is where it belongs.
pub fn focus_example(id: u32) {
    next_frame(move || {
        let document = browser::window().document();
        let found = document.and_then(|d| d.query_selector(&format!("[data-example=\"{id}\"]")).ok().flatten());
        if let Some(thumb) = found {
            // It fails for nothing that is in the page.
            let _ = thumb.unchecked_into::<HtmlElement>().focus();
        }
    });
}

/// Whoever forgets examples by keyboard goes on with the next one, instead of starting over at the top of the page.
fn step_aside(button: &HtmlElement) {
    let Some(item) = button.closest("li").ok().flatten() else { return };
    let neighbour = item.next_element_sibling().or_else(|| item.previous_element_sibling());
    if let Some(Ok(Some(button))) = neighbour.map(|item| item.query_selector("button")) {
        // It fails for nothing that is in the page.
        let _ = button.unchecked_into::<HtmlElement>().focus();
    }
}
