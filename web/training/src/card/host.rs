//! What the card asks of the page around it, of its worker and of the browser.

use js_sys::{Array, Float32Array, Function, Object, Promise, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// The page. It gives an object with these methods; a method that fails says so on the page itself.
    #[derive(Clone)]
    pub type Host;

    /// Draws with a learner from now on.
    #[wasm_bindgen(method, structural, js_name = "use")]
    pub fn use_learner(this: &Host, bytes: Uint8Array, name: &str);

    /// The drawings that were taught.
    #[wasm_bindgen(method, structural)]
    pub fn drawings(this: &Host) -> Drawn;

    /// Offers a file for saving.
    #[wasm_bindgen(method, structural)]
    pub fn save(this: &Host, bytes: Uint8Array, name: &str);

    /// { inputs: Float32Array [n, 196], labels: Uint32Array [n] }
    pub type Drawn;

    #[wasm_bindgen(method, getter, structural)]
    pub fn inputs(this: &Drawn) -> Float32Array;

    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &Drawn) -> Uint32Array;
}

#[wasm_bindgen(raw_module = "../engine/port.js")]
extern "C" {
    /// See `web/package/port.js`.
    pub type Port;

    #[wasm_bindgen(constructor)]
    fn with(options: &Object) -> Port;

    #[wasm_bindgen(method)]
    pub fn next(this: &Port) -> u32;

    #[wasm_bindgen(method)]
    fn call(this: &Port, learner: u32, method: &str, request: &Object, transfer: &Array) -> Promise;

    #[wasm_bindgen(method)]
    pub fn stop(this: &Port);
}

#[wasm_bindgen(raw_module = "./keep.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    pub async fn holds() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub async fn kept() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub async fn keep(bytes: Uint8Array, line: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub async fn forget() -> Result<JsValue, JsValue>;
}

/// One property of an object that JavaScript gave; `undefined` where there is none.
pub fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Words of an error.
pub fn words(error: &JsValue) -> String {
    property(error, "message").as_string().unwrap_or_else(|| format!("{error:?}"))
}

/// A request: names and values.
pub fn request(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // a plain property of a fresh object is set without fail
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

impl Port {
    /// The worker of this folder, which is started by the first call.
    pub fn of_worker() -> Port {
        Port::with(&request(&[("worker", "training/worker.js".into())]))
    }

    /// Asks something of a run; see `worker.js`.
    ///
    /// # Errors
    /// What the worker says, or that it has stopped.
    pub async fn ask(&self, run: u32, method: &str, fields: &[(&str, JsValue)]) -> Result<JsValue, String> {
        let promise = self.call(run, method, &request(fields), &Array::new());
        JsFuture::from(promise).await.map_err(|error| words(&error))
    }
}

/// Whether the tab is hidden; then nobody watches.
pub fn hidden() -> bool {
    property(&property(&js_sys::global(), "document"), "hidden").as_bool().unwrap_or_default()
}

/// Whether the browser has an interface to GPUs.
pub fn webgpu() -> bool {
    !property(&property(&js_sys::global(), "navigator"), "gpu").is_undefined()
}

/// Puts words into the clipboard.
pub fn copy(text: &str) {
    let clipboard = property(&property(&js_sys::global(), "navigator"), "clipboard");
    if let Ok(write) = property(&clipboard, "writeText").dyn_into::<Function>() {
        // where it may not, the words can be copied by hand
        let _ = write.call1(&clipboard, &text.into());
    }
}
