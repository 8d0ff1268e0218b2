//! How the page opens the card.

use dom::*;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

use super::host::Host;
use super::state::Card;
use super::view::view;
use crate::settings::Settings;

/// Shows the card in an element, with the settings of a link in JSON; without any it starts a run at once, unless one was
/// kept at the last visit.
#[wasm_bindgen(js_name = openCard)]
pub fn open_card(element: HtmlElement, host: Host, settings: Option<String>) {
    let linked = settings.filter(|text| !text.is_empty());
    let read = linked.as_deref().map(serde_json::from_str::<Settings>);
    let (first, trouble) = match read {
        Some(Err(error)) => (Settings::default(), Some(format!("The settings in the address can't be used: {error}."))),
        Some(Ok(settings)) => (settings, None),
        None => (Settings::default(), None),
    };
    element.set_inner_html("");
    mount(&element, move || {
        let card = Card::new(host, first);
        if let Some(words) = trouble {
            card.bounded.set(vec![words]);
        }
        on_window(ev::VISIBILITYCHANGE, move |_| card.seen());
        spawn_local(async move {
            card.restore().await;
            if linked.is_none() && card.lines.with_untracked(Vec::is_empty) {
                card.start();
            }
        });
        view(card)
    });
}
