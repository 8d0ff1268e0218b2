//! The card that meta-trains a learner: a module of its own, which is loaded when somebody asks for it.

use dom::*;
use js_sys::{Float32Array, Object, Reflect, Uint8Array, Uint32Array};
use shaders::input::pixels;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

use super::{Page, Source};
use crate::browser;

/// Side of the pictures that tasks are made of.
const SIDE: usize = 14;

#[wasm_bindgen(raw_module = "./training/card.js")]
extern "C" {
    /// See `web/training/card.js`.
    #[wasm_bindgen(catch, js_name = openTraining)]
    async fn open_training(element: &HtmlElement, host: &Object, settings: Option<String>) -> Result<JsValue, JsValue>;
}

/// Where the card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingCard {
    /// Nobody has asked for it.
    Closed,
    /// It is on its way.
    Opening,
    /// It is there.
    Open,
}

impl Page {
    /// Opens the card in an element, with the settings of a link if it came with some.
    pub fn open_training(self, element: HtmlElement, settings: Option<String>) {
        if self.training.get_untracked() != TrainingCard::Closed {
            return;
        }
        self.training.set(TrainingCard::Opening);
        let host = self.training_host();
        spawn_local(async move {
            match open_training(&element, &host, settings).await {
                Ok(_) => self.training.set(TrainingCard::Open),
                Err(error) => {
                    self.training.set(TrainingCard::Closed);
                    self.fault(format!("Training could not be loaded: {}. Try again.", browser::words(error)));
                }
            }
        });
    }

    /// What the card asks of the page: see `web/training/src/card/host.rs`.
    fn training_host(self) -> Object {
        let host = Object::new();
        let set = |name: &str, call: JsValue| {
            // a plain property of a fresh object is set without fail
            let _ = Reflect::set(&host, &name.into(), &call);
        };
        let draw = move |bytes: Uint8Array, name: String| self.use_made(bytes.to_vec(), name);
        set("use", Closure::<dyn Fn(Uint8Array, String)>::new(draw).into_js_value());
        set("drawings", Closure::<dyn Fn() -> Object>::new(move || self.drawings_for_tasks()).into_js_value());
        let save = move |bytes: Uint8Array, name: String| {
            if let Err(words) = browser::download_bytes(&name, &bytes) {
                self.fault(format!("The file could not be saved: {words}."));
            }
        };
        set("save", Closure::<dyn Fn(Uint8Array, String)>::new(save).into_js_value());
        host
    }

    /// Draws with a learner that was made on the page.
    fn use_made(self, bytes: Vec<u8>, name: String) {
        self.use_for_a_while(Source::Bytes(name, bytes));
    }

    /// Draws with another learner until [`Page::leave_it`].
    pub fn use_for_a_while(self, source: Source) {
        let own =
            self.facts.with_untracked(|facts| facts.as_ref().map(|facts| (facts.source.clone(), facts.file.clone())));
        let Some((own, file)) = own else { return };
        self.inner.update_value(|inner| {
            if inner.before.is_none() {
                inner.before = inner.learner.clone().map(|learner| (learner, own));
                self.before.set(Some(file));
            }
        });
        self.load(source);
        // the canvas may be far above
        if let Some(canvas) = browser::window().document().and_then(|page| page.get_element_by_id("app")) {
            canvas.scroll_into_view();
        }
    }

    /// Draws with the learner again that was there before.
    pub fn leave_it(self) {
        self.inner.update_value(|inner| {
            // whatever is on its way is not wanted any more
            inner.asked += 1;
            inner.incoming = inner.before.take();
        });
        self.before.set(None);
        self.wake();
    }

    /// { inputs: [n, 14 · 14], labels: [n] }: what was taught, standardised, its classes numbered from 0.
    fn drawings_for_tasks(self) -> Object {
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        self.document.with_untracked(|document| {
            let shown: Vec<u32> =
                document.classes.iter().map(|class| class.label).filter(|label| document.count(*label) > 0).collect();
            for example in &document.examples {
                let Some(label) = shown.iter().position(|label| *label == example.label) else { continue };
                let full = (pixels::SIDE, pixels::SIDE, 1);
                let Ok(mut small) = pixels::pool(&example.picture, full, SIDE) else { continue };
                pixels::standardise(&mut small);
                inputs.extend(small);
                labels.push(label as u32);
            }
        });
        let drawn = Object::new();
        // plain properties of a fresh object are set without fail
        let _ = Reflect::set(&drawn, &"inputs".into(), &Float32Array::from(&inputs[..]));
        let _ = Reflect::set(&drawn, &"labels".into(), &Uint32Array::from(&labels[..]));
        drawn
    }
}
