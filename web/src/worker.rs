//! Workers, and what is said between them and the page: requests by name, replies, and why there are none.

use js_sys::{Array, Float32Array, Function, Object, Promise, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./engine/port.js")]
extern "C" {
    /// See `web/package/port.js`.
    pub type Port;

    #[wasm_bindgen(constructor)]
    pub fn new() -> Port;

    /// With options, of which `worker` is the address of a worker that takes the same messages.
    #[wasm_bindgen(constructor)]
    pub fn with(options: &Object) -> Port;

    #[wasm_bindgen(method)]
    pub fn next(this: &Port) -> u32;

    #[wasm_bindgen(method)]
    pub fn call(this: &Port, learner: u32, method: &str, request: &Object, transfer: &Array) -> Promise;

    #[wasm_bindgen(method)]
    pub fn stop(this: &Port);

    #[wasm_bindgen(method, setter)]
    pub fn set_onengine(this: &Port, told: &Function);
}

#[wasm_bindgen]
extern "C" {
    /// An `EngineFault`, or another error.
    type Failed;

    #[wasm_bindgen(method, getter, structural)]
    fn message(this: &Failed) -> Option<String>;

    #[wasm_bindgen(method, getter, structural)]
    fn crashed(this: &Failed) -> Option<bool>;
}

/// Why there is no answer, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerError {
    words: String,
    /// Whether the worker is gone, with all that it held.
    pub crashed: bool,
}

impl WorkerError {
    /// About something that the worker sent.
    pub fn new(words: String) -> WorkerError {
        WorkerError { words, crashed: false }
    }
}

impl std::fmt::Display for WorkerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl From<JsValue> for WorkerError {
    fn from(error: JsValue) -> Self {
        let failed: Failed = error.unchecked_into();
        let words = failed.message().unwrap_or_else(|| "something went wrong that has no words".to_owned());
        WorkerError { words, crashed: failed.crashed().unwrap_or_default() }
    }
}

/// A request as it goes to a worker: a plain object, and the buffers that move there instead of being copied.
pub struct Message {
    pub fields: Object,
    pub moved: Array,
}

impl Message {
    pub fn new() -> Message {
        Message { fields: Object::new(), moved: Array::new() }
    }

    #[inline(never)]
    pub fn with(self, name: &str, value: JsValue) -> Message {
        // A plain property of a fresh object is set without fail.
        let _ = Reflect::set(&self.fields, &name.into(), &value);
        self
    }

    #[inline(never)]
    pub fn labels(self, name: &str, values: &[u32]) -> Message {
        self.with(name, Uint32Array::from(values).into())
    }

    #[inline(never)]
    pub fn values(self, name: &str, values: &[f32]) -> Message {
        let array = Float32Array::from(values);
        self.moved.push(&array.buffer());
        self.with(name, array.into())
    }

    #[inline(never)]
    pub fn bytes(self, name: &str, bytes: &[u8]) -> Message {
        let array = Uint8Array::from(bytes);
        self.moved.push(&array.buffer());
        self.with(name, array.into())
    }
}

/// Something that a worker does.
pub trait Request {
    /// Its name there.
    const METHOD: &'static str;
    /// What comes back.
    type Reply: JsCast;

    /// The fields.
    fn message(&self) -> Message;
}

/// Closes the learner or the table that the call is about.
pub struct Close;

impl Request for Close {
    const METHOD: &'static str = "close";
    type Reply = JsValue;

    fn message(&self) -> Message {
        Message::new()
    }
}

/// Sends a request without types; `number` is the learner or the table that it is about.
pub async fn send(port: &Port, number: u32, method: &str, message: Message) -> Result<JsValue, WorkerError> {
    Ok(JsFuture::from(port.call(number, method, &message.fields, &message.moved)).await?)
}

impl Port {
    /// A worker of another script than the engine's, which takes the same messages.
    pub fn of_script(address: &str) -> Port {
        let options = Object::new();
        // a plain property of a fresh object is set without fail
        let _ = Reflect::set(&options, &"worker".into(), &address.into());
        Port::with(&options)
    }
}
