//! The two workers in which learners compute (`web/engine`, `web/package`): one for the drawing in hand, and one for
//! whatever takes its time, so that no answer ever waits for it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use shaders::input::pixels::SIDE;
use wasm_bindgen::prelude::*;

use super::messages::{AnswerReply, Destroy, Follow, Open, Parity};
use crate::answers::Answerer;
use crate::document::{Example, Id, Picture};
use crate::worker::{Close, Message, Port, Request, WorkerError, send};

/// A build of the engine that holds the cases of `?parity`, in a worker; nobody else loads it.
const PARITY_WORKER: &str = "engine/parity_worker.js";

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
}

/// What the page tells of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineFacts {
    /// `WebGPU` or `CPU`.
    pub name: &'static str,
    /// The adapter and how long it takes, or why it is the CPU.
    pub detail: String,
}

/// Called when a learner's engine has changed: the learner's number, the engine, and words for the visitor where something
/// happened.
type OnEngine = Box<dyn Fn(u32, &EngineFacts, Option<String>)>;

/// Which of the two workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// For the drawing in hand.
    Front,
    /// For what takes its time.
    Back,
}

/// The workers with their engines. Copies share them.
#[derive(Clone)]
pub struct Engines(Rc<Shared>);

struct Shared {
    front: Port,
    back: Port,
    /// `auto`, `cpu` or `webgpu`.
    wish: String,
    facts: RefCell<HashMap<u32, EngineFacts>>,
}

impl Engines {
    /// Engines by `wish`: `cpu`, `webgpu`, or whichever is found to be faster.
    pub fn new(wish: &str, told: OnEngine) -> Engines {
        let wish = if ["cpu", "webgpu"].contains(&wish) { wish } else { "auto" };
        let (front, back) = (Port::new(), Port::new());
        let shared = Rc::new(Shared { front, back, wish: wish.to_owned(), facts: RefCell::default() });
        let weak = Rc::downgrade(&shared);
        let heard = Closure::<dyn Fn(Told)>::new(move |event: Told| {
            let name = if event.name() == "WebGPU" { "WebGPU" } else { "CPU" };
            let facts = EngineFacts { name, detail: event.detail() };
            if let Some(shared) = weak.upgrade() {
                shared.facts.borrow_mut().insert(event.learner(), facts.clone());
            }
            told(event.learner(), &facts, Some(event.notice()).filter(|notice| !notice.is_empty()));
        });
        shared.front.set_onengine(heard.into_js_value().unchecked_ref());
        Engines(shared)
    }

    /// `auto`, `cpu` or `webgpu`.
    pub fn wish(&self) -> &str {
        &self.0.wish
    }

    /// Which engine a learner in front runs on, and why.
    pub fn facts(&self, number: u32) -> EngineFacts {
        let facts = self.0.facts.borrow().get(&number).cloned();
        facts.unwrap_or(EngineFacts { name: "CPU", detail: String::new() })
    }

    fn port(&self, place: Place) -> &Port {
        match place {
            Place::Front => &self.0.front,
            Place::Back => &self.0.back,
        }
    }

    /// Ends what the worker in the back is doing, and gives its memory back. The next call starts another one.
    pub fn stop_back(&self) {
        self.0.back.stop();
    }

    /// Compares a model's kernels and engines with their references, in a worker of its own; see
    /// [`super::client::Learner::parity`].
    pub async fn parity(&self, bytes: &[u8], longest: u32) -> Result<String, WorkerError> {
        let gpu = self.wish() != "cpu";
        let message = Parity { bytes, longest, gpu }.message();
        let report = send(&Port::of_script(PARITY_WORKER), 0, Parity::METHOD, message).await?;
        Ok(report.as_string().unwrap_or_default())
    }

    /// Destroys the GPU device in front, to see that nothing is lost. False where there is none.
    pub async fn lose_device(&self) -> bool {
        send(&self.0.front, 0, Destroy::METHOD, Destroy.message()).await.is_ok_and(|done| done.is_truthy())
    }
}

/// What a learner is to be shown, and what it is asked.
pub struct Wanted<'a> {
    /// The examples that it has room and classes for.
    pub examples: &'a [&'a Example],
    /// How an example looks to it.
    pub look: &'a dyn Fn(&Example) -> Picture,
    /// Whether it is asked about the last one before it is told, if that costs no more than one question.
    pub guess: bool,
    /// Whether the drawing may be none of the classes; a learner that cannot tell answers without.
    pub none: bool,
    /// Who answers.
    pub who: Answerer,
    /// The drawing in hand, `[28, 28]`, or nothing.
    pub drawing: &'a [f32],
}

/// A model that is open in a worker, with what it was shown there.
pub struct Slot {
    engines: Engines,
    place: Place,
    wish: String,
    number: Cell<u32>,
    /// Ids of the examples that the engine holds, in their order.
    held: RefCell<Vec<Id>>,
    /// The numbers that the engine knows examples by.
    numbers: RefCell<HashMap<Id, u32>>,
    /// Whether pictures are drawings, or numbers in no order, which a stem could not read.
    drawings: Cell<bool>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Nobody waits for it, and it does not fail.
        let Message { fields, moved } = Close.message();
        let _ = self.engines.port(self.place).call(self.number.get(), Close::METHOD, &fields, &moved);
    }
}

impl Slot {
    /// Opens a model file's bytes, and gives its card in JSON.
    pub async fn open(
        engines: &Engines,
        place: Place,
        wish: &str,
        bytes: &[u8],
    ) -> Result<(Slot, String), WorkerError> {
        let (engines, wish, number) = (engines.clone(), wish.to_owned(), Cell::new(0));
        let (held, numbers, drawings) = (RefCell::default(), RefCell::default(), Cell::new(true));
        let slot = Slot { engines, place, wish, number, held, numbers, drawings };
        let card = slot.reopen(bytes).await?;
        Ok((slot, card))
    }

    /// Opens the model again, after the worker has gone.
    pub async fn reopen(&self, bytes: &[u8]) -> Result<String, WorkerError> {
        let number = self.engines.port(self.place).next();
        self.number.set(number);
        self.held.borrow_mut().clear();
        Ok(self.call(&Open { bytes, engine: &self.wish }).await?.into())
    }

    /// Its number among all learners, as [`Engines::new`]'s listener hears it.
    pub fn number(&self) -> u32 {
        self.number.get()
    }

    /// Says how pictures look from now on. What was shown is shown anew.
    pub fn set_drawings(&self, drawings: bool) {
        self.drawings.set(drawings);
        self.held.borrow_mut().clear();
    }

    /// Has the worker do something.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, WorkerError> {
        self.send(R::METHOD, request.message()).await.map(JsCast::unchecked_into)
    }

    /// The same without types.
    pub async fn send(&self, method: &str, message: Message) -> Result<JsValue, WorkerError> {
        send(self.engines.port(self.place), self.number(), method, message).await
    }

    /// Brings the engine's examples in step with those wanted and has the drawing answered; see `Core::follow` in
    /// `web/engine`. After an error everything is sent again.
    pub async fn follow(&self, wanted: &Wanted<'_>) -> Result<AnswerReply, WorkerError> {
        let ids: Vec<Id> = wanted.examples.iter().map(|example| example.id).collect();
        let numbers: Vec<u32> = {
            let mut numbers = self.numbers.borrow_mut();
            let number = |id: &Id| {
                let next = numbers.len() as u32;
                *numbers.entry(*id).or_insert(next)
            };
            ids.iter().map(number).collect()
        };
        let held = self.held.take();
        let new: Vec<u32> = match held == ids {
            true => Vec::new(),
            false => {
                let held: HashSet<Id> = held.into_iter().collect();
                (0..).zip(&ids).filter(|(_, id)| !held.contains(id)).map(|(at, _)| at).collect()
            }
        };
        let labels: Vec<u32> = wanted.examples.iter().map(|example| example.label).collect();
        let mut inputs = Vec::with_capacity(new.len() * SIDE * SIDE);
        for at in &new {
            inputs.extend_from_slice(&(wanted.look)(wanted.examples[*at as usize]));
        }
        let query = if ids.is_empty() { &[][..] } else { wanted.drawing };
        let reply = self
            .call(&Follow {
                size: [SIDE as u32, SIDE as u32, 1],
                drawings: self.drawings.get(),
                none: wanted.none,
                ids: &numbers,
                labels: &labels,
                fresh: &new,
                inputs: &inputs,
                guess: wanted.guess,
                answerer: wanted.who,
                query,
            })
            .await?;
        self.held.replace(ids);
        Ok(reply)
    }
}
