//! A field that holds a name.

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// Enter and Escape end the typing.
pub fn leave_field(event: KeyboardEvent) {
    if let ("Enter" | "Escape", Some(target)) = (event.key().as_str(), event.target()) {
        // It fails for nothing that is in the page.
        let _ = target.unchecked_into::<HtmlElement>().blur();
    }
}
