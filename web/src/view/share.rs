//! Examples as a link and as a file.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

use super::icon::icon;
use super::sets::sets;
use crate::browser;
use crate::dom::*;
use crate::file_picker::files;
use crate::page::Page;
use crate::view::samples::back;

/// Share as a link, save, open.
pub fn share(page: Page) -> View {
    let field = NodeRef::<HtmlInputElement>::new();
    // The link, where it has to be copied by hand or is too long.
    let link = RwSignal::new(None::<Result<String, String>>);
    // What was shared is no longer what is here once something is taught.
    Effect::new(move |_| {
        page.table.track();
        link.set(None);
    });
    let make = move |_| {
        page.stop();
        match page.link() {
            Err(words) => link.set(Some(Err(words))),
            Ok(address) => spawn_local(async move {
                link.set(Some(Ok(address.clone())));
                if browser::copy(&address).await {
                    page.say(
                        "The link is on the clipboard. Whoever opens it sees your drawings and gets your answers.",
                    );
                } else {
                    page.say(
                        "Copy the link from the field. Whoever opens it sees your drawings and gets your answers.",
                    );
                }
                if let Some(field) = field.get_untracked() {
                    field.select();
                }
            }),
        }
    };
    let sheet = js_sys::Reflect::has(&browser::window().navigator(), &"share".into()).unwrap_or(false);
    let send = move |_| {
        if let Some(Ok(address)) = link.get_untracked() {
            spawn_local(async move {
                let navigator = browser::window().navigator();
                let data = js_sys::Object::new();
                let set = |key: &str, value: &str| js_sys::Reflect::set(&data, &key.into(), &value.into());
                let _ = set("title", "A learning algorithm in a file").and(set("url", &address));
                let share = js_sys::Reflect::get(&navigator, &"share".into()).map(JsCast::unchecked_into);
                if let Ok(share) = share as Result<js_sys::Function, _>
                    && let Ok(promise) = share.call1(&navigator, &data)
                {
                    // Whoever closes the sheet has changed their mind.
                    let _ = JsFuture::from(js_sys::Promise::from(promise)).await;
                }
            });
        }
    };
    let none = move || page.table.with(|table| table.examples.is_empty());
    el("section")
        .class("card sharing")
        .attr("aria-label", "Share and keep")
        .child(el("h2").child("Share and keep"))
        .child(el("p").class("hint").child(
            "Examples are kept in this browser, in sets; links, files and samples open as separate sets. A link carries \
             the drawings themselves after the #, so they go only to those you send it to.",
        ))
        .child(sets(page))
        .child(
            el("div")
                .class("buttons")
                .child(button("new-set").on(ev::CLICK, move |_| page.new_set()).child(icon("plus")).child("New set"))
                .child(button("share-link").attr("disabled", none).on(ev::CLICK, make).child("Copy a link"))
                .child(
                    button("save-examples")
                        .attr("disabled", none)
                        .on(ev::CLICK, move |_| page.save_set(page.sets.open.get_untracked()))
                        .child("Save a file"),
                )
                .child(files(
                    button("open-examples").child("Open a file…"),
                    el("input").attr("accept", ".json,application/json").test_id("examples-file"),
                    move |files| page.open_file(files[0].1.clone()),
                ))
                .child(back(page)),
        )
        .child(move || {
            link.get().map(|link| match link {
                Ok(address) => {
                    let length = address.len();
                    el("div")
                        .class("link")
                        .child(
                            el("input")
                                .node_ref(field)
                                .attr("type", "text")
                                .attr("readonly", true)
                                .test_id("link")
                                .attr("aria-label", "The link")
                                .prop("value", address)
                                .on(ev::FOCUS, move |_| {
                                    if let Some(field) = field.get_untracked() {
                                        field.select();
                                    }
                                }),
                        )
                        .child(sheet.then(|| button("send-link").on(ev::CLICK, send).child("Send…")))
                        .child(el("small").child(format!("{length} letters")))
                }
                Err(words) => el("p").class("note fault").attr("role", "alert").test_id("link-fault").child(words),
            })
        })
        .into_view()
}
