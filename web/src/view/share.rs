//! Examples as a link and as a file.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

use super::icon::icon;
use super::sets::sets;
use crate::browser;
use crate::file_picker::files;
use crate::page::Page;
use crate::view::samples::back;
use dom::*;

/// The link, and the field that shows it. Copies share it.
#[derive(Clone, Copy)]
struct Link {
    page: Page,
    field: NodeRef<HtmlInputElement>,
    /// None until it is asked for; in words where there can be none.
    found: RwSignal<Option<Result<String, String>>>,
}

impl Link {
    fn make(self) {
        let page = self.page;
        page.stop();
        match page.link() {
            Err(words) => self.found.set(Some(Err(words))),
            Ok(address) => spawn_local(async move {
                self.found.set(Some(Ok(address.clone())));
                if browser::copy(&address).await {
                    page.say(
                        "The link is on the clipboard. Whoever opens it sees your drawings and gets your answers.",
                    );
                } else {
                    page.say(
                        "Copy the link from the field. Whoever opens it sees your drawings and gets your answers.",
                    );
                }
                self.select();
            }),
        }
    }

    fn select(self) {
        if let Some(field) = self.field.get_untracked() {
            field.select();
        }
    }

    /// Through what the system offers for it.
    fn send(self) {
        let Some(Ok(address)) = self.found.get_untracked() else { return };
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

    fn view(self, link: Result<String, String>) -> Tag {
        let address = match link {
            Ok(address) => address,
            Err(words) => {
                return el("p").class("note fault").attr("role", "alert").test_id("link-fault").child(words);
            }
        };
        let sends = js_sys::Reflect::has(&browser::window().navigator(), &"share".into()).unwrap_or(false);
        let length = address.len();
        el("div")
            .class("link")
            .child(
                el("input")
                    .node_ref(self.field)
                    .attr("type", "text")
                    .attr("readonly", true)
                    .test_id("link")
                    .attr("aria-label", "The link")
                    .prop("value", address)
                    .on(ev::FOCUS, move |_| self.select()),
            )
            .child(sends.then(|| button("send-link").on(ev::CLICK, move |_| self.send()).child("Send…")))
            .child(el("small").child(format!("{length} characters")))
    }
}

/// Share as a link, save, open.
pub fn share(page: Page) -> View {
    let link = Link { page, field: NodeRef::new(), found: RwSignal::new(None) };
    // What was shared is no longer what is here once something is taught. What the learner said of the examples changes the
    // document, too, and no link.
    effect(move || {
        page.document.track();
        let found = link.found.get_untracked();
        if found.is_some_and(|found| found != page.address()) {
            link.found.set(None);
        }
    });
    let none = move || page.document.with(|document| document.examples.is_empty());
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
                .child(
                    button("share-link")
                        .attr("disabled", none)
                        .on(ev::CLICK, move |_| link.make())
                        .child("Copy a link"),
                )
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
        .child(
            el("details")
                .attr("hidden", none)
                .child(el("summary").test_id("export").child("Save for other programs"))
                .child(el("div").class("buttons").child(
                    [("png", "PNG pictures"), ("svg", "SVG pictures"), ("ndjson", "Quick, Draw! lines")]
                        .map(|(format, words)| {
                            button(format!("export-{format}")).on(ev::CLICK, move |_| page.export(format)).child(words)
                        }),
                )),
        )
        .child(move || link.found.get().map(|found| link.view(found)))
        .into_view()
}
