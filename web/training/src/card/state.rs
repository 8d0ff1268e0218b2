//! What the card knows and does: one run at a time is trained, others stay as lines.

use dom::*;
use js_sys::{Float32Array, Uint8Array, Uint32Array};
use wasm_bindgen::{JsCast, JsValue};

use super::host::{self, Host, Port, property};
use crate::line::{Line, MOST_LINES};
use crate::run::Report;
use crate::settings::{Data, MOST_STEPS, Settings};

/// Milliseconds of training between two looks.
const SLICE: f64 = 120.0;
/// Seconds of training between two checkpoints.
const KEEP_EVERY: f64 = 5.0;

/// Whether there is training.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// No run, or one that was stopped.
    Idle,
    /// Steps are taken.
    Running,
    /// It waits, for the reason given.
    Paused(Option<String>),
    /// All steps are done.
    Done,
    /// It can't go on, for the reason given.
    Failed(String),
}

/// The card. Copies share it.
#[derive(Clone, Copy)]
pub struct Card {
    /// Settings of the next run.
    pub settings: RwSignal<Settings>,
    /// What was changed in them, in words.
    pub bounded: RwSignal<Vec<String>>,
    /// Whether there is training.
    pub status: RwSignal<Status>,
    /// All runs, the present one last.
    pub lines: RwSignal<Vec<Line>>,
    /// Slices of steps that were asked for and have not come.
    pub under_way: RwSignal<u32>,
    /// Whether a GPU is to take the steps of the next run.
    pub on_gpu: RwSignal<bool>,
    /// Why the CPU takes steps that a GPU was to take.
    pub trouble: RwSignal<Option<String>>,
    /// Why the run is not kept for the next visit, if it is not.
    pub unkept: RwSignal<Option<String>>,
    /// The command that trains the learner again.
    pub command: RwSignal<Option<String>>,
    inner: StoredValue<Inner, LocalStorage>,
}

struct Inner {
    host: Host,
    port: std::rc::Rc<Port>,
    /// The run in the worker.
    run: u32,
    /// Counts starts and pauses: a loop that belongs to an earlier one ends.
    turn: u32,
    /// Seconds of training that are not kept yet.
    loose: f64,
    next_id: u32,
}

impl Card {
    /// A card with settings for the first run.
    pub fn new(host: Host, settings: Settings) -> Card {
        let port = std::rc::Rc::new(Port::of_worker());
        let inner = Inner { host, port, run: 0, turn: 0, loose: 0.0, next_id: 1 };
        let (settings, bounded) = settings.bounded();
        Card {
            settings: RwSignal::new(settings),
            bounded: RwSignal::new(bounded),
            status: RwSignal::new(Status::Idle),
            lines: RwSignal::new(Vec::new()),
            under_way: RwSignal::new(0),
            on_gpu: RwSignal::new(false),
            trouble: RwSignal::new(None),
            unkept: RwSignal::new(None),
            command: RwSignal::new(None),
            inner: StoredValue::new_local(inner),
        }
    }

    fn worker(self) -> (std::rc::Rc<Port>, u32) {
        self.inner.with_value(|inner| (inner.port.clone(), inner.run))
    }

    fn host(self) -> Host {
        self.inner.with_value(|inner| inner.host.clone())
    }

    /// The number of a new turn; whatever runs for an older one ends.
    fn turn(self) -> u32 {
        let next = |inner: &mut Inner| {
            inner.turn += 1;
            inner.turn
        };
        self.inner.try_update_value(next).unwrap_or_default()
    }

    fn is_turn(self, turn: u32) -> bool {
        self.inner.with_value(|inner| inner.turn == turn)
    }

    fn fail(self, words: String) {
        self.turn();
        self.status.set(Status::Failed(words));
    }

    /// Changes the settings of the next run.
    pub fn set(self, with: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.get_untracked();
        with(&mut settings);
        let (settings, words) = settings.bounded();
        self.settings.set(settings);
        self.bounded.set(words);
    }

    /// Starts a run with the settings as they are.
    pub fn start(self) {
        let settings = self.settings.get_untracked();
        let drawn = (settings.data == Data::Drawings).then(|| self.host().drawings());
        let (inputs, labels) = match &drawn {
            Some(drawn) => (drawn.inputs(), drawn.labels()),
            None => (Float32Array::new_with_length(0), Uint32Array::new_with_length(0)),
        };
        let turn = self.turn();
        let (port, old) = self.worker();
        let (run, id) = self
            .inner
            .try_update_value(|inner| {
                inner.run = port.next();
                inner.next_id += 1;
                inner.loose = 0.0;
                (inner.run, inner.next_id - 1)
            })
            .unwrap_or_default();
        self.lines.update(|lines| {
            lines.retain(|line| line.step > 0);
            let surplus = (lines.len() + 1).saturating_sub(MOST_LINES);
            lines.drain(..surplus);
            lines.push(Line::new(id, settings.clone()));
        });
        self.status.set(Status::Running);
        self.command.set(None);
        self.trouble.set(None);
        let on_gpu = self.on_gpu.get_untracked();
        spawn_local(async move {
            if old > 0 {
                // nobody waits for it
                let _ = port.ask(old, "close", &[]).await;
            }
            let text = serde_json::to_string(&settings).expect("plain data");
            let fields = [
                ("settings", text.into()),
                ("inputs", inputs.into()),
                ("labels", labels.into()),
                ("gpu", on_gpu.into()),
            ];
            match port.ask(run, "open", &fields).await {
                Ok(reply) => {
                    self.heed_gpu(id, &reply);
                    self.train(turn).await;
                }
                Err(words) if self.is_turn(turn) => self.fail(words),
                Err(_) => {}
            }
        });
    }

    /// What takes the steps of a run that was opened.
    fn heed_gpu(self, id: u32, reply: &JsValue) {
        let gpu = property(reply, "gpu").as_string();
        self.lines
            .update(|lines| lines.iter_mut().filter(|line| line.id == id).for_each(|line| line.gpu = gpu.clone()));
        if let Some(words) = property(reply, "trouble").as_string() {
            self.trouble.set(Some(format!("The CPU takes the steps, not the GPU: {words}.")));
        }
    }

    /// Takes steps until something else is wanted.
    async fn train(self, turn: u32) {
        while self.is_turn(turn) && self.status.get_untracked() == Status::Running {
            if host::hidden() {
                self.wait_for_sight();
                return;
            }
            if !self.slice(turn, SLICE, 1_000_000).await {
                return;
            }
            if self.inner.with_value(|inner| inner.loose >= KEEP_EVERY) {
                self.keep().await;
            }
        }
    }

    /// Some steps; whether there is anything left to do.
    async fn slice(self, turn: u32, milliseconds: f64, most: u32) -> bool {
        let (port, run) = self.worker();
        let known = self.lines.with_untracked(|lines| lines.last().map_or(0, |line| line.points.len()));
        let fields =
            [("milliseconds", milliseconds.into()), ("most", most.into()), ("known", JsValue::from(known as u32))];
        self.under_way.update(|count| *count += 1);
        let reply = port.ask(run, "step", &fields).await;
        // what it brings is shown first
        spawn_local(async move { self.under_way.update(|count| *count -= 1) });
        if !self.is_turn(turn) && run != self.worker().1 {
            return false;
        }
        let reply = match reply {
            Ok(reply) => reply,
            Err(words) => {
                self.fail(format!("Training stopped: {words}. Start again; the runs so far are kept."));
                return false;
            }
        };
        let Some(report) = property(&reply, "report").as_string() else { return false };
        let Ok(report) = serde_json::from_str::<Report>(&report) else { return false };
        let seconds = property(&reply, "spent").as_f64().unwrap_or_default() / 1000.0;
        let done = report.done;
        self.lines.update(|lines| {
            if let Some(line) = lines.last_mut() {
                line.add(report, seconds);
            }
        });
        self.inner.update_value(|inner| inner.loose += seconds);
        if let Some(words) = property(&reply, "trouble").as_string() {
            self.lines.update(|lines| lines.last_mut().into_iter().for_each(|line| line.gpu = None));
            let words = format!("The GPU has stopped ({words}). The CPU goes on from where the run was.");
            self.trouble.set(Some(words));
        }
        if let Some(bad) = property(&reply, "bad").as_f64() {
            self.fail(format!(
                "The loss was not finite at step {bad:.0}, so that step was not taken. The learner is the one before it. A \
                 lower learning rate may help."
            ));
            self.keep().await;
            return false;
        }
        if done {
            self.status.set(Status::Done);
            self.keep().await;
        }
        !done
    }

    /// Waits until the tab is seen again.
    fn wait_for_sight(self) {
        self.turn();
        self.status.set(Status::Paused(Some("Paused while this tab was hidden.".into())));
        spawn_local(self.keep());
    }

    /// The tab is seen, or hidden.
    pub fn seen(self) {
        let hidden = matches!(self.status.get_untracked(), Status::Paused(Some(_)));
        if hidden && !host::hidden() {
            self.go_on();
        }
    }

    /// Pauses.
    pub fn pause(self) {
        self.turn();
        self.status.set(Status::Paused(None));
        spawn_local(self.keep());
    }

    /// Goes on; after the last step, by as many steps again.
    pub fn go_on(self) {
        let turn = self.turn();
        let done = self.status.get_untracked() == Status::Done;
        self.status.set(Status::Running);
        spawn_local(async move {
            if done {
                let more = self.lines.try_update(|lines| {
                    lines.last_mut().map_or(0, |line| {
                        line.settings.steps = (line.step + self.settings.get_untracked().steps).min(MOST_STEPS);
                        line.done = false;
                        line.settings.steps
                    })
                });
                let (port, run) = self.worker();
                if let Err(words) =
                    port.ask(run, "extend", &[("steps", (more.unwrap_or_default() as u32).into())]).await
                {
                    return self.fail(words);
                }
            }
            self.train(turn).await;
        });
    }

    /// One step.
    pub fn step(self) {
        let turn = self.turn();
        self.status.set(Status::Paused(None));
        spawn_local(async move {
            self.slice(turn, 1e9, 1).await;
        });
    }

    /// The learner as it is now, drawn with.
    pub fn draw_with_it(self) {
        spawn_local(async move {
            let Some((bytes, name)) = self.file().await else { return };
            self.host().use_learner(bytes, &name);
        });
    }

    /// The learner as a file.
    pub fn save(self) {
        spawn_local(async move {
            let Some((bytes, name)) = self.file().await else { return };
            self.host().save(bytes, &name);
        });
    }

    async fn file(self) -> Option<(Uint8Array, String)> {
        let (port, run) = self.worker();
        match port.ask(run, "file", &[]).await {
            Ok(reply) => {
                let toml = property(&reply, "toml").as_string();
                self.command.set(toml);
                let step = self.lines.with_untracked(|lines| lines.last().map_or(0, |line| line.step));
                let bytes: Uint8Array = property(&reply, "bytes").unchecked_into();
                Some((bytes, format!("made-here-{step}.safetensors")))
            }
            Err(words) => {
                self.fail(words);
                None
            }
        }
    }

    /// Removes a line that is not the present run's.
    pub fn remove(self, id: u32) {
        self.lines.update(|lines| lines.retain(|line| line.id != id));
    }

    /// Keeps the run for the next visit.
    async fn keep(self) {
        self.inner.update_value(|inner| inner.loose = 0.0);
        let (port, run) = self.worker();
        if host::holds().await.is_ok_and(|own| own.as_bool() == Some(false)) {
            return self.unkept.set(Some("Another tab keeps its run for the next visit; this one is not kept.".into()));
        }
        let Ok(bytes) = port.ask(run, "checkpoint", &[]).await else { return };
        // another run has begun meanwhile, whose line must not be kept with this one's weights
        if run != self.worker().1 {
            return;
        }
        let lines = self.lines.with_untracked(|lines| serde_json::to_string(lines).expect("plain data"));
        let kept = host::keep(bytes.unchecked_into(), &lines).await;
        self.unkept.set(kept.err().map(|error| {
            format!(
                "This run is not kept for the next visit: {}. It can still be saved as a file.",
                host::words(&error)
            )
        }));
    }

    /// Goes back to the run of the last visit, if one was kept.
    pub async fn restore(self) {
        if host::holds().await.is_ok_and(|own| own.as_bool() == Some(false)) {
            return;
        }
        let Ok(kept) = host::kept().await else { return };
        let Some(lines) = property(&kept, "line").as_string() else { return };
        let Some(lines) = Line::kept(&lines) else { return };
        let Some(last) = lines.last() else { return };
        let (port, _) = self.worker();
        let run = port.next();
        let next_id = lines.iter().map(|line| line.id).max().unwrap_or_default() + 1;
        let on_gpu = last.gpu.is_some();
        match port.ask(run, "resume", &[("bytes", property(&kept, "bytes")), ("gpu", on_gpu.into())]).await {
            Ok(reply) if self.lines.with_untracked(Vec::is_empty) => {
                self.inner.update_value(|inner| (inner.run, inner.next_id) = (run, next_id));
                let (done, id) = (last.done, last.id);
                self.on_gpu.set(on_gpu);
                self.lines.set(lines);
                self.heed_gpu(id, &reply);
                self.status.set(if done { Status::Done } else { Status::Paused(None) });
            }
            // somebody was faster, and has started a run
            Ok(_) => {
                let _ = port.ask(run, "close", &[]).await;
            }
            // of another version: there is nothing to go on with
            Err(_) => {
                let _ = host::forget().await;
            }
        }
    }
}
