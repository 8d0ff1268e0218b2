//! The menu of one example: another label for it, or none.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, PointerEvent};

use super::icon::icon;
use super::thumbnail::focus_example;
use super::words::hue;
use crate::browser;
use crate::document::{Class, Id};
use crate::page::Page;
use dom::*;

/// The menu, while it is open.
pub fn example_menu(page: Page) -> View {
    (move || page.menu.get().map(|menu| open(page, menu.id, menu.x, menu.y))).into_view()
}

fn open(page: Page, id: Id, x: f64, y: f64) -> View {
    let list = NodeRef::<HtmlElement>::new();
    let found = page.document.with_untracked(|document| {
        let at = document.examples.iter().position(|example| example.id == id)?;
        let label = document.examples[at].label;
        let neighbour = document.examples.iter().rfind(|example| example.label == label && example.id != id);
        Some((
            at,
            label,
            document.name(label).to_owned(),
            document.classes.clone(),
            neighbour.map(|example| example.id),
        ))
    });
    let (at, label, name, classes, neighbour) = found.unwrap_or_default();
    effect(move || {
        if let Some(list) = list.get() {
            put(&list, x, y);
            focus_item(&list, 0);
        }
    });
    let close = move || {
        page.menu.set(None);
        focus_example(id);
    };
    let keyed = move |event: KeyboardEvent| {
        if let Some(list) = list.get_untracked() {
            key(&list, &event, close);
        }
    };
    let relabel = move |(number, class): (usize, Class)| {
        el("button")
            .attr("type", "button")
            .attr("role", "menuitem")
            .class(hue(class.label))
            .test_id(format!("menu-label-{number}"))
            .on(ev::CLICK, move |_| {
                page.menu.set(None);
                page.relabel(id, class.label);
                focus_example(id);
            })
            .child(el("i").class("dot").attr("aria-hidden", "true"))
            .child(el("span").child(class.name))
    };
    let forget = move |_| {
        page.menu.set(None);
        page.forget(id);
        if let Some(neighbour) = neighbour {
            focus_example(neighbour);
        }
    };
    let others = classes.into_iter().filter(|class| class.label != label).enumerate();
    let hush = |event: PointerEvent| event.prevent_default();
    View::new().child(el("div").class("backdrop").on(ev::POINTERDOWN, hush).on(ev::CLICK, move |_| close())).child(
        el("div")
            .class("menu")
            .attr("role", "menu")
            .node_ref(list)
            .test_id("menu")
            .on(ev::KEYDOWN, keyed)
            .attr("aria-label", format!("Example {}, {name}", at + 1))
            .child(
                el("p").attr("aria-hidden", "true").child(format!("Example {}, {name}. Change its label to …", at + 1)),
            )
            .child(others.map(relabel).collect_view())
            .child(el("hr").attr("aria-hidden", "true"))
            .child(
                button("menu-forget")
                    .attr("role", "menuitem")
                    .on(ev::CLICK, forget)
                    .child(icon("close"))
                    .child(el("span").child("Forget this example")),
            ),
    )
}

/// Beside the example, and inside the window.
fn put(list: &HtmlElement, x: f64, y: f64) {
    let (width, height) = (f64::from(list.offset_width()), f64::from(list.offset_height()));
    let inner = |size: Result<wasm_bindgen::JsValue, _>| size.ok().and_then(|size| size.as_f64()).unwrap_or(0.0);
    let window = browser::window();
    let left = x.min(inner(window.inner_width()) - width - 8.0).max(8.0);
    let top = y.min(inner(window.inner_height()) - height - 8.0).max(8.0);
    // Both are valid values of these properties.
    let style = web_sys::HtmlElement::style(list);
    let _ = style.set_property("left", &format!("{left:.0}px"));
    let _ = style.set_property("top", &format!("{top:.0}px"));
}

/// Goes through the items, or closes the menu.
fn key(list: &HtmlElement, event: &KeyboardEvent, close: impl Fn()) {
    let count = items(list).len() as u32;
    let now = position(list);
    match event.key().as_str() {
        "ArrowDown" => focus_item(list, (now + 1) % count.max(1)),
        "ArrowUp" => focus_item(list, (now + count.max(1) - 1) % count.max(1)),
        "Home" => focus_item(list, 0),
        "End" => focus_item(list, count.saturating_sub(1)),
        "Escape" | "Tab" => close(),
        // Enter and the space bar press the button; digits must not teach.
        "Enter" | " " => return event.stop_propagation(),
        _ => {}
    }
    event.prevent_default();
    event.stop_propagation();
}

fn items(list: &Element) -> Vec<HtmlElement> {
    let children = list.children();
    let all = (0..children.length()).filter_map(|at| children.item(at));
    all.filter_map(|child| child.dyn_into::<HtmlElement>().ok()).filter(|child| child.tag_name() == "BUTTON").collect()
}

fn position(list: &Element) -> u32 {
    let active = browser::window().document().and_then(|document| document.active_element());
    items(list).iter().position(|item| active.as_ref() == Some(item.as_ref())).unwrap_or(0) as u32
}

fn focus_item(list: &Element, at: u32) {
    if let Some(item) = items(list).get(at as usize) {
        // It fails for nothing that is in the page.
        let _ = item.focus();
    }
}
