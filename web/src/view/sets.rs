//! The sets of examples: which there are, and which one is on the page.

use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement};

use super::icon::icon;
use super::name_field::leave_field;
use crate::document::Id;
use crate::page::Page;
use crate::store::Entry;
use crate::store::record::{LONGEST_NAME, Unreadable};
use dom::*;

/// A row for each set, and what can't be read.
pub fn sets(page: Page) -> View {
    let list = page.sets.list;
    View::new()
        .child(el("ul").class("sets").test_id("sets").attr("aria-label", "Your sets of examples").child(each(
            move || list.get().iter().map(|entry| entry.id).collect::<Vec<Id>>(),
            |id| *id,
            move |id| row(page, id),
        )))
        .child(move || page.sets.unreadable.get().into_iter().map(|one| unreadable(page, one)).collect_view())
}

fn row(page: Page, id: Id) -> View {
    let entry = memo(move |last: Option<&Option<Entry>>| {
        let found = page.sets.list.with(|list| list.iter().find(|entry| entry.id == id).cloned());
        // A row that is being removed keeps its words.
        found.or_else(|| last.cloned().flatten())
    });
    let name = memo(move |_| entry.with(|entry| entry.as_ref().map_or(String::new(), |e| e.about.name.clone())));
    let open = memo(move |_| page.sets.open.get() == id);
    let count = memo(move |_| match open.get() {
        true => page.document.with(|document| document.examples.len()),
        false => entry.with(|entry| entry.as_ref().map_or(0, |entry| entry.count)),
    });
    // The open set's name is always a field; that of another becomes one when it is to be renamed.
    let renaming = RwSignal::new(false);
    let field = NodeRef::<HtmlInputElement>::new();
    let renamed = move |event: Event| {
        let field: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        page.rename_set(id, &field.value());
        // An empty name was not taken, and one that another set has got a number.
        field.set_value(&name.get_untracked());
    };
    let rename = move |_| {
        renaming.set(true);
        next_frame(move || {
            if let Some(field) = field.get_untracked() {
                // It fails for nothing that is in the page.
                let _ = field.focus();
                field.select();
            }
        });
    };
    el("li")
        .toggle("open", move || open.get())
        .test_id("set")
        .attr("data-open", move || open.get().to_string())
        .attr("data-count", move || count.get())
        .attr("data-name", move || name.get())
        .child(show_or(
            move || open.get() || renaming.get(),
            move || {
                el("input")
                    .node_ref(field)
                    .class("name")
                    .attr("type", "text")
                    .attr("maxlength", LONGEST_NAME.to_string())
                    .attr("autocomplete", "off")
                    .attr("spellcheck", "false")
                    .test_id(move || if open.get() { "set-name" } else { "set-rename" })
                    .attr("aria-label", move || match open.get() {
                        true => "Name of the open set".to_owned(),
                        false => format!("New name of “{}”", name.get()),
                    })
                    .attr("title", "Click to rename")
                    .prop("value", move || name.get())
                    .on(ev::CHANGE, renamed)
                    .on(ev::KEYDOWN, leave_field)
                    .on(ev::BLUR, move |_| renaming.set(false))
            },
            move || {
                el("button")
                    .attr("type", "button")
                    .class("name")
                    .test_id(move || format!("open-set-{}", name.get()))
                    .attr("title", move || format!("Open “{}”", name.get()))
                    .on(ev::CLICK, move |_| page.go_to(id))
                    .child(move || name.get())
            },
        ))
        .child(el("small").child(move || match count.get() {
            0 => "empty".to_owned(),
            1 => "1 example".to_owned(),
            n => format!("{n} examples"),
        }))
        .child(show(
            move || !open.get() && !renaming.get(),
            move || {
                el("button")
                    .attr("type", "button")
                    .class("small save")
                    .test_id(move || format!("rename-set-{}", name.get()))
                    .attr("title", move || format!("Rename “{}”", name.get()))
                    .attr("aria-label", move || format!("Rename “{}”", name.get()))
                    .on(ev::CLICK, rename)
                    .child(icon("pen"))
            },
        ))
        .child(
            el("button")
                .attr("type", "button")
                .class("small save")
                .test_id(move || format!("save-set-{}", name.get()))
                .attr("title", move || format!("Save “{}” to a file", name.get()))
                .attr("aria-label", move || format!("Save “{}” to a file", name.get()))
                .attr("disabled", move || count.get() == 0)
                .on(ev::CLICK, move |_| page.save_set(id))
                .child(icon("save")),
        )
        .child(
            el("button")
                .attr("type", "button")
                .class("small drop")
                .test_id(move || format!("delete-set-{}", name.get()))
                .attr("title", move || format!("Delete “{}”", name.get()))
                .attr("aria-label", move || format!("Delete “{}”", name.get()))
                .on(ev::CLICK, move |_| page.delete_set(id))
                .child(icon("close")),
        )
        .into_view()
}

/// What can't be read stays where it is, and can be had as a file.
fn unreadable(page: Page, one: Unreadable) -> View {
    let words = format!("{} can't be read by this page ({}). It is left unchanged.", one.what, one.why);
    el("div")
        .class("note fault")
        .test_id("unreadable")
        .attr("role", "alert")
        .child(words)
        .child(
            button("save-unreadable")
                .on(ev::CLICK, move |_| page.save_unreadable(one.clone()))
                .child("Save it to a file"),
        )
        .into_view()
}
