//! The page's side of its learners. They run in a worker with their engines (`web/engine`, `web/package`), so that
//! drawing never stutters; here is what is asked of them, in step with the examples on the table.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use js_sys::{Array, Float32Array, Function, Promise, Uint8Array, Uint32Array};
use serde::Deserialize;
use shaders::pixels::SIDE;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::table::Example;

/// A build of the engine that holds the cases of `?parity`, in a worker; nobody else loads it.
const PARITY_WORKER: &str = "engine/parity_worker.js";

#[wasm_bindgen(raw_module = "./engine/port.js")]
extern "C" {
    /// See `web/package/port.js`.
    type Port;

    #[wasm_bindgen(constructor)]
    fn new() -> Port;

    /// With options, of which `worker` is the address of a worker that takes the same messages.
    #[wasm_bindgen(constructor)]
    fn with(options: &js_sys::Object) -> Port;

    #[wasm_bindgen(method)]
    fn next(this: &Port) -> u32;

    #[wasm_bindgen(method)]
    fn call(this: &Port, learner: u32, method: &str, args: &Array, transfer: &Array) -> Promise;

    #[wasm_bindgen(method, setter)]
    fn set_onengine(this: &Port, told: &Function);
}

#[wasm_bindgen]
extern "C" {
    /// That a learner's engine has changed.
    type Told;

    #[wasm_bindgen(method, getter, structural)]
    fn learner(this: &Told) -> u32;

    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &Told) -> String;

    #[wasm_bindgen(method, getter, structural)]
    fn detail(this: &Told) -> String;

    #[wasm_bindgen(method, getter, structural)]
    fn notice(this: &Told) -> String;

    /// An `EngineFault`, or another error.
    type Failed;

    #[wasm_bindgen(method, getter, structural)]
    fn message(this: &Failed) -> Option<String>;

    #[wasm_bindgen(method, getter, structural)]
    fn crashed(this: &Failed) -> Option<bool>;
}

/// Why there is no answer, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    words: String,
    /// Whether the worker is gone, with all that it held.
    crashed: bool,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl From<JsValue> for Fault {
    fn from(error: JsValue) -> Self {
        let failed: Failed = error.unchecked_into();
        let words = failed.message().unwrap_or_else(|| "something went wrong that has no words".to_owned());
        Fault { words, crashed: failed.crashed().unwrap_or_default() }
    }
}

/// What the page tells of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineFacts {
    /// `WebGPU` or `CPU`.
    pub name: &'static str,
    /// The adapter and how long it takes, or why it is the CPU.
    pub detail: String,
}

/// What a model's file says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Card {
    /// SHA-256 of the weights.
    pub hash: String,
    /// Number of weights.
    pub parameters: usize,
    /// `paper`, `shifted` or `equivariant`.
    pub variant: String,
    /// Whether it looks at drawings through a stem.
    pub stem: bool,
    /// L.
    pub layers: usize,
    /// C.
    pub classes: usize,
    /// Most examples it takes.
    pub capacity: usize,
    /// X.
    pub inputs: usize,
    /// `training` (TOML), `commit`, `data`, `evaluation` (JSON), `licence`, `card`, …
    pub metadata: BTreeMap<String, String>,
}

/// What the learner said of an example before it was told the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Example.
    pub id: u32,
    /// Whether the most probable class was the one it was then told. `None` where the question was no question:
    /// its class had not been shown yet, or was the only one.
    pub right: Option<bool>,
}

/// What came of one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Probability of each label over those shown, `[C]`; none without a drawing or without examples.
    pub probabilities: Option<Vec<f32>>,
    /// How much each example of the table mattered for that, in the table's order, summing to 1; 0 for those that the
    /// learner was not shown. It comes from the same pass as the probabilities. What it is made of is said at
    /// `shaders::session::Attention::importance`.
    pub attention: Option<Vec<f32>>,
    /// Of every example that was shown in this round for the first time.
    pub guesses: Vec<Guess>,
    /// Time of the answer alone, in milliseconds.
    pub took_ms: Option<f64>,
    /// Examples that this learner has no room or no class for.
    pub left_out: usize,
}

/// Whose answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The model's.
    Trained,
    /// That of a learner of the same make with random weights, which was never meta-trained: a control.
    Untrained,
}

/// Examples for [`Learner::ask`]: a table of its own, which has nothing to do with the drawings on the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Raw values, `[N, D]` with D = height · width · channels; pixels in [0, 1], or columns of any scale.
    pub inputs: Vec<f32>,
    /// Height of one example; 1 for a row of a table.
    pub height: usize,
    /// Width; D for a row of a table.
    pub width: usize,
    /// Channels, innermost; 1 for a row of a table.
    pub channels: usize,
    /// Labels, `[N]`, each below `classes`.
    pub labels: Vec<u32>,
    /// Number of classes, at most the model's.
    pub classes: usize,
}

/// Called when a learner's engine has changed: the learner's number, the engine, and words for the visitor where something
/// happened.
type OnEngine = Box<dyn Fn(u32, &EngineFacts, Option<String>)>;

/// The worker with its engines. Copies share it.
#[derive(Clone)]
pub struct Engines(Rc<Shared>);

struct Shared {
    port: Port,
    /// `auto`, `cpu` or `webgpu`.
    wish: String,
    facts: RefCell<HashMap<u32, EngineFacts>>,
}

impl Engines {
    /// Engines by `wish`: `cpu`, `webgpu`, or whichever is found to be faster.
    pub fn new(wish: &str, told: OnEngine) -> Engines {
        let wish = if ["cpu", "webgpu"].contains(&wish) { wish } else { "auto" };
        let shared = Rc::new(Shared { port: Port::new(), wish: wish.to_owned(), facts: RefCell::default() });
        let weak = Rc::downgrade(&shared);
        let heard = Closure::<dyn Fn(Told)>::new(move |event: Told| {
            let name = if event.name() == "WebGPU" { "WebGPU" } else { "CPU" };
            let facts = EngineFacts { name, detail: event.detail() };
            if let Some(shared) = weak.upgrade() {
                shared.facts.borrow_mut().insert(event.learner(), facts.clone());
            }
            told(event.learner(), &facts, Some(event.notice()).filter(|notice| !notice.is_empty()));
        });
        shared.port.set_onengine(heard.into_js_value().unchecked_ref());
        Engines(shared)
    }

    async fn call(&self, learner: u32, method: &str, args: &[JsValue], transfer: &[JsValue]) -> Result<JsValue, Fault> {
        let list = |values: &[JsValue]| values.iter().collect::<Array>();
        Ok(JsFuture::from(self.0.port.call(learner, method, &list(args), &list(transfer))).await?)
    }

    /// Reads a model and gives its card.
    async fn open(&self, number: u32, bytes: &[u8]) -> Result<Card, Fault> {
        let card =
            self.call(number, "open", &[Uint8Array::from(bytes).into(), self.0.wish.as_str().into()], &[]).await?;
        let card = card.as_string().unwrap_or_default();
        serde_json::from_str(&card).map_err(|error| Fault { words: error.to_string(), crashed: false })
    }

    /// Destroys the GPU device, to see that nothing is lost. False where there is none.
    pub async fn lose_device(&self) -> bool {
        self.call(0, "destroy", &[], &[]).await.is_ok_and(|done| done.is_truthy())
    }
}

/// A model on an engine, with what it was shown. Copies share it; any number of learners may be open at once.
#[derive(Clone)]
pub struct Learner(Rc<State>);

struct State {
    engines: Engines,
    /// The file, should the worker have to be started again.
    bytes: Vec<u8>,
    card: Card,
    number: Cell<u32>,
    /// Id and label of every example of the table that the engine was shown.
    shown: RefCell<Vec<(u32, u32)>>,
    /// See [`Learner::set_drawings`].
    drawings: Cell<bool>,
}

impl Drop for State {
    fn drop(&mut self) {
        // Nobody waits for it, and it does not fail.
        let _ = self.engines.0.port.call(self.number.get(), "close", &Array::new(), &Array::new());
    }
}

impl Learner {
    /// Opens a model file's bytes.
    ///
    /// # Errors
    /// Says what is wrong with the file, or why no engine can be had.
    pub async fn open(engines: &Engines, bytes: Vec<u8>) -> Result<Learner, Fault> {
        let number = engines.0.port.next();
        let card = engines.open(number, &bytes).await?;
        let (number, shown, drawings) = (Cell::new(number), RefCell::default(), Cell::new(true));
        Ok(Learner(Rc::new(State { engines: engines.clone(), bytes, card, number, shown, drawings })))
    }

    /// What the model's file says.
    pub fn card(&self) -> &Card {
        &self.0.card
    }

    /// Its number among all learners, as [`Engines::new`]'s listener hears it.
    pub fn number(&self) -> u32 {
        self.0.number.get()
    }

    /// Which engine it runs on, and why.
    pub fn engine(&self) -> EngineFacts {
        let facts = self.0.engines.0.facts.borrow().get(&self.number()).cloned();
        facts.unwrap_or(EngineFacts { name: "CPU", detail: String::new() })
    }

    /// Calls a method; where the worker is gone, in another one, which knows nothing yet.
    async fn call(&self, method: &str, args: &[JsValue], transfer: &[JsValue]) -> Result<JsValue, Fault> {
        self.0.engines.call(self.number(), method, args, transfer).await
    }

    /// Opens the model again, after the worker has gone.
    async fn reopen(&self) -> Result<(), Fault> {
        let number = self.0.engines.0.port.next();
        self.0.engines.open(number, &self.0.bytes).await?;
        self.0.number.set(number);
        self.0.shown.borrow_mut().clear();
        Ok(())
    }

    /// Says whether the pictures of the table are drawings, as they are at first, or numbers in no order, which a stem
    /// could not read. The learner forgets what it was shown.
    pub fn set_drawings(&self, drawings: bool) {
        self.0.drawings.set(drawings);
        self.0.shown.borrow_mut().clear();
    }

    /// Brings the engine's context in step with `examples`, asking about each new one first where
    /// `asked(id)` is false, and answers `drawing`. One call at a time.
    ///
    /// # Shapes
    /// `drawing` [28, 28]
    ///
    /// # Errors
    /// The engine's words. Nothing of the table is lost: the next call shows again what is missing.
    pub async fn answer(
        &self,
        examples: &[Example],
        asked: impl Fn(u32) -> bool,
        drawing: Option<&[f32]>,
    ) -> Result<Answer, Fault> {
        let card = &self.0.card;
        let fitting = examples.iter().filter(|example| (example.label as usize) < card.classes);
        let wanted: Vec<&Example> = fitting.take(card.capacity).collect();
        let (flat, same) = match self.follow(&wanted, &asked, drawing).await {
            Err(fault) if fault.crashed => {
                self.reopen().await?;
                self.follow(&wanted, &asked, drawing).await?
            }
            other => other?,
        };

        let mut answer = Answer { left_out: examples.len() - wanted.len(), ..Answer::default() };
        let (took_ms, rest) = flat.split_first().map_or((0.0, &[][..]), |(took, rest)| (*took, rest));
        let (verdicts, rest) = rest.split_at_checked(wanted.len() - same).unwrap_or_default();
        for (example, verdict) in wanted[same..].iter().zip(verdicts) {
            if !asked(example.id) {
                let right = (*verdict >= 0.0).then_some(*verdict > 0.0);
                answer.guesses.push(Guess { id: example.id, right });
            }
        }
        if let Some((probabilities, importance)) = rest.split_at_checked(card.classes) {
            answer.took_ms = Some(f64::from(took_ms));
            answer.probabilities = Some(probabilities.to_vec());
            let mut importance = importance.iter().copied();
            let mut shown = wanted.iter().map(|example| example.id).peekable();
            // those that were left out lie between the others
            let of = |example: &Example| shown.next_if_eq(&example.id).and_then(|_| importance.next()).unwrap_or(0.0);
            answer.attention = Some(examples.iter().map(of).collect());
        }
        Ok(answer)
    }

    /// The engine's answer, and how many examples it had from before.
    async fn follow(
        &self,
        wanted: &[&Example],
        asked: impl Fn(u32) -> bool,
        drawing: Option<&[f32]>,
    ) -> Result<(Vec<f32>, usize), Fault> {
        // The longest common beginning stays cached; what follows is shown anew, for in a causal learner every
        // later slot depends on it.
        let same = {
            let mut shown = self.0.shown.borrow_mut();
            let pairs = shown.iter().zip(wanted);
            let same = pairs.take_while(|(shown, example)| **shown == (example.id, example.label)).count();
            shown.truncate(same);
            same
        };
        let new = &wanted[same..];
        let inputs: Vec<f32> = new.iter().flat_map(|example| example.picture.iter().copied()).collect();
        let labels: Vec<u32> = new.iter().map(|example| example.label).collect();
        let asks: Vec<u8> = new.iter().map(|example| u8::from(!asked(example.id))).collect();
        let query = if wanted.is_empty() { &[][..] } else { drawing.unwrap_or_default() };
        let (inputs, query) = (Float32Array::from(&inputs[..]), Float32Array::from(query));
        let transfer = [inputs.buffer().into(), query.buffer().into()];
        let args = [
            size(SIDE, SIDE, 1),
            self.0.drawings.get().into(),
            (same as u32).into(),
            inputs.into(),
            Uint32Array::from(&labels[..]).into(),
            Uint8Array::from(&asks[..]).into(),
            query.into(),
        ];
        let flat = self.call("follow", &args, &transfer).await?;
        self.0.shown.borrow_mut().extend(new.iter().map(|example| (example.id, example.label)));
        Ok((flat.unchecked_into::<Float32Array>().to_vec(), same))
    }

    /// What a learner says of `queries` that was shown `shown` and nothing else: the drawings on the page are neither
    /// asked nor touched. Many queries cost little more than one, and examples that the call before began with as well
    /// are not taken in anew. Questions about the drawings go before it.
    ///
    /// # Shapes
    /// `queries` `[Q, D]`, raw; the result `[Q, classes]`: probabilities over the labels shown, all alike before any was.
    ///
    /// # Errors
    /// Sizes that don't fit together, labels out of range, more examples or classes than the model takes; the engine.
    pub async fn ask(&self, which: Which, shown: &Shown, queries: &[f32]) -> Result<Vec<f32>, Fault> {
        let args = || {
            [
                (which == Which::Trained).into(),
                size(shown.height, shown.width, shown.channels),
                Float32Array::from(&shown.inputs[..]).into(),
                Uint32Array::from(&shown.labels[..]).into(),
                (shown.classes as u32).into(),
                Float32Array::from(queries).into(),
            ]
        };
        let answers = match self.call("ask", &args(), &[]).await {
            Err(fault) if fault.crashed => {
                self.reopen().await?;
                self.call("ask", &args(), &[]).await?
            }
            other => other?,
        };
        Ok(answers.unchecked_into::<Float32Array>().to_vec())
    }

    /// Compares every kernel and both engines with their references, on this device and model: a report in JSON.
    /// Episodes of more than `longest` tokens are left out.
    pub async fn parity(&self, longest: u32) -> Result<String, Fault> {
        let gpu = self.0.engines.0.wish != "cpu";
        let args = [JsValue::from(Uint8Array::from(&self.0.bytes[..])), longest.into(), gpu.into()];
        let args: Array = args.iter().collect();
        let options = js_sys::Object::new();
        // a plain property of a fresh object is set without fail
        let _ = js_sys::Reflect::set(&options, &"worker".into(), &PARITY_WORKER.into());
        let port = Port::with(&options);
        let report = JsFuture::from(port.call(0, "parity", &args, &Array::new())).await?;
        Ok(report.as_string().unwrap_or_default())
    }
}

/// Height, width and channels as the engine takes them.
fn size(height: usize, width: usize, channels: usize) -> JsValue {
    Uint32Array::from(&[height, width, channels].map(|side| side as u32)[..]).into()
}
