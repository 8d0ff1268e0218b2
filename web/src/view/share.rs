//! Examples as a link and as a file.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::browser;
use crate::page::Page;
use crate::view::samples::Back;

/// Share as a link, save, open.
#[component]
pub fn Share(page: Page) -> impl IntoView {
    let file = NodeRef::<html::Input>::new();
    let field = NodeRef::<html::Input>::new();
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
    let picked = move |_| {
        let Some(field) = file.get_untracked() else { return };
        if let Some(file) = field.files().and_then(|files| files.get(0)) {
            page.open_file(file);
        }
        // The same file can be picked again.
        field.set_value("");
    };
    let none = move || page.table.with(|table| table.examples.is_empty());
    view! {
        <section class="card sharing" aria-label="Share and keep">
            <h2>"Share and keep"</h2>
            <p class="hint">
                "Examples are kept in this browser. A link carries the drawings themselves, after the #: it goes to nobody \
                 but those you send it to."
            </p>
            <div class="buttons">
                <button type="button" data-testid="share-link" disabled=none on:click=make>"Copy a link"</button>
                <button type="button" data-testid="save-examples" disabled=none on:click=move |_| page.save_file()>
                    "Save a file"
                </button>
                <button type="button" data-testid="open-examples" on:click=move |_| {
                    if let Some(field) = file.get_untracked() {
                        field.click();
                    }
                }>
                    "Open a file…"
                </button>
                <input node_ref=file type="file" accept=".json,application/json" class="unseen" tabindex="-1"
                    aria-hidden="true" data-testid="examples-file" on:change=picked />
                <Back page />
            </div>
            {move || link.get().map(|link| match link {
                Ok(address) => {
                    let length = address.len();
                    view! {
                        <div class="link">
                            <input node_ref=field type="text" readonly data-testid="link" aria-label="The link"
                                prop:value=address on:focus=move |_| {
                                    if let Some(field) = field.get_untracked() {
                                        field.select();
                                    }
                                } />
                            {sheet.then(|| view! {
                                <button type="button" data-testid="send-link" on:click=send>"Send…"</button>
                            })}
                            <small>{format!("{length} letters")}</small>
                        </div>
                    }
                    .into_any()
                }
                Err(words) => {
                    view! { <p class="note fault" role="alert" data-testid="link-fault">{words}</p> }.into_any()
                }
            })}
        </section>
    }
}
