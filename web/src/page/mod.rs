//! The page's state: the table, the learner that follows it, and what both have to say.
//!
//! One loop at a time speaks to the engine. Every change wakes it; it reads the newest state when it starts a round,
//! so that while somebody draws the latest drawing wins and none waits in a queue.

mod models;
mod rounds;

use std::sync::Arc;

use shaders::pixels::Stroke;

use crate::answers::{Basis, Who};
use crate::browser;
use crate::card::Card;
use crate::dom::*;
use crate::engines::{EngineFacts, Engines};
use crate::examine::Examination;
use crate::fetch::Progress;
use crate::hands::Hands;
use crate::learner::Learner;
use crate::play::Player;
use crate::scramble::Scramble;
use crate::study::{Order, Study};
use crate::table::{Example, History, Id, Picture, Table, seen};
use crate::walk::{Step, Walk};

/// The model that the page comes with.
pub const OWN_MODEL: &str = "models/drawing.safetensors";

/// Where the page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first model is on its way.
    Loading,
    /// A learner answers.
    Ready,
    /// No model could be used so far.
    Failed,
}

/// The one line that speaks to the visitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it says.
    pub words: String,
    /// Whether something went wrong.
    pub fault: bool,
}

/// What the page tells of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// File name.
    pub file: String,
    /// SHA-256 of the weights.
    pub hash: String,
    /// Number of weights.
    pub parameters: usize,
    /// Family, in words.
    pub family: &'static str,
    /// L.
    pub layers: usize,
    /// C.
    pub classes: usize,
    /// Most examples it takes.
    pub capacity: usize,
    /// Address or name of the file, as it was asked for.
    pub source: String,
    /// What the file says of itself.
    pub card: Arc<Card>,
}

/// The menu of an example, at a place of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Menu {
    /// The example.
    pub id: Id,
    /// Left edge, in CSS pixels.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
}

/// Where a model comes from.
pub enum Source {
    /// A file of this site or another.
    Address(String),
    /// A file that was picked or dropped.
    File(web_sys::File),
}

/// The page. Copies share it.
#[derive(Clone, Copy)]
pub struct Page {
    /// Classes, examples and the finished strokes.
    pub table: RwSignal<Table>,
    /// The stroke under the pen, in pieces of one width; none while the pen is up.
    pub live: RwSignal<Vec<Stroke>>,
    /// The drawing as the one preprocessing leaves it, [28, 28]; none where there is none.
    pub picture: Memo<Option<Arc<Vec<f32>>>>,
    /// What the learner sees of it: the picture, or what scrambling makes of it.
    pub sight: Memo<Option<Arc<Vec<f32>>>>,
    /// What draws.
    pub hands: Hands,
    /// Whether pixels are scrambled.
    pub scrambled: RwSignal<bool>,
    /// Who answers.
    pub who: RwSignal<Who>,
    /// What the page found out about the examples.
    pub probes: Study,
    /// The example whose menu is open.
    pub menu: RwSignal<Option<Menu>>,
    /// The example that is being dragged.
    pub dragged: RwSignal<Option<Id>>,
    /// Whether lines show what the learner looked at.
    pub lines: RwSignal<bool>,
    /// What a newcomer has tried.
    pub walk: RwSignal<Walk>,
    /// Whether there is something to undo, and to redo.
    pub reach: RwSignal<(bool, bool)>,
    /// Under which answers about examples hold now; none before a learner is there.
    pub basis: Memo<Option<Basis>>,
    /// Probability of each label.
    pub probabilities: RwSignal<Option<Vec<f32>>>,
    /// How much each example of the table mattered for them, in its order; see [`crate::learner::Answer::attention`].
    pub attention: RwSignal<Option<Vec<f32>>>,
    /// Time of the last answer, in milliseconds.
    pub took_ms: RwSignal<Option<f64>>,
    /// What the page has to say.
    pub note: RwSignal<Option<Note>>,
    /// Why the examples can't be kept for the next visit, while they can't.
    pub unkept: RwSignal<Option<String>>,
    /// Where it stands.
    pub phase: RwSignal<Phase>,
    /// The model in use.
    pub facts: RwSignal<Option<Facts>>,
    /// The engine in use.
    pub engine: RwSignal<Option<EngineFacts>>,
    /// Parity report, in JSON.
    pub parity: RwSignal<Option<String>>,
    /// How much of a model has come, while one is on its way.
    pub progress: RwSignal<Option<Progress>>,
    /// Examples of the visitor's own that were put aside for a sample or a link; 0 where there are none.
    pub aside: RwSignal<usize>,
    /// Whether what is on the table came from a sample or a link.
    pub borrowed: RwSignal<bool>,
    /// Name and first bytes of the learner that a link was made with, until it is here.
    pub expected: RwSignal<Option<(String, [u8; 4])>>,
    /// What is being played.
    pub player: Player,
    /// A visitor's own data.
    pub trial: Examination,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    history: History,
    engines: Option<Engines>,
    scramble: Scramble,
    /// Whether the learner's examples are scrambled.
    learner_scrambled: bool,
    learner: Option<Learner>,
    /// Whether the learner is taking in what it was shown, though nothing is drawn yet.
    preparing: rounds::Preparing,
    /// Questions about examples that were asked of an engine since the page was opened.
    questions: usize,
    /// A model that is to replace the one in use, with its address or name.
    incoming: Option<(Learner, String)>,
    /// Counts the models that were asked for: one that comes after a later one was asked for is not wanted any more.
    asked: u32,
    dirty: bool,
    running: bool,
    /// Whether the visitor was told that examples are left out.
    told_left_out: bool,
    /// When somebody last touched the page, by [`browser::now_ms`].
    touched: f64,
}

impl Page {
    /// The page as it was left at the last visit, and the model on its way.
    pub fn open() -> Page {
        let (table, trouble) = match browser::stored().map(|text| Table::load(&text)) {
            Some(Ok(table)) => (table, None),
            Some(Err(error)) => (Table::default(), Some(error)),
            None => (Table::default(), None),
        };
        let (table, live) = (RwSignal::new(table), RwSignal::new(Vec::<Stroke>::new()));
        let (scrambled, inner) = (RwSignal::new(false), StoredValue::new_local(Inner::default()));
        let drawing = Memo::new(move |_| table.with(|table| table.drawing.clone()));
        let photo = Memo::new(move |_| table.with(|table| table.photo.clone()));
        let picture = Memo::new(move |_| {
            let mut strokes = drawing.get().to_vec();
            strokes.extend(live.get());
            seen(&strokes).ok().map(Arc::new).or_else(|| photo.get())
        });
        let sight = Memo::new(move |_| {
            let picture = picture.get()?;
            Some(match scrambled.get() {
                true => inner.with_value(|inner| inner.scramble.picture(&picture)),
                false => picture,
            })
        });
        let facts = RwSignal::new(None::<Facts>);
        let basis = Memo::new(move |_| {
            let scrambled = scrambled.get();
            facts.with(|facts| facts.as_ref().map(|facts| Basis::new(&facts.hash, scrambled)))
        });
        let page = Page {
            table,
            live,
            picture,
            sight,
            hands: Hands::remembered(),
            scrambled,
            who: RwSignal::new(Who::Learner),
            probes: Study::new(),
            menu: RwSignal::new(None),
            dragged: RwSignal::new(None),
            // On a narrow page they would lie over everything.
            lines: RwSignal::new(browser::media("(min-width: 50rem)")),
            walk: RwSignal::new(Walk::remembered()),
            reach: RwSignal::new((false, false)),
            basis,
            probabilities: RwSignal::new(None),
            attention: RwSignal::new(None),
            took_ms: RwSignal::new(None),
            note: RwSignal::new(None),
            unkept: RwSignal::new(None),
            phase: RwSignal::new(Phase::Loading),
            facts,
            engine: RwSignal::new(None),
            parity: RwSignal::new(None),
            progress: RwSignal::new(None),
            aside: RwSignal::new(0),
            borrowed: RwSignal::new(false),
            expected: RwSignal::new(None),
            player: Player::new(),
            trial: Examination::new(),
            inner,
        };
        let wish = browser::query("engine").unwrap_or_default();
        let engines = Engines::new(&wish, Box::new(move |number, facts, notice| page.heed(number, facts, notice)));
        page.inner.update_value(|inner| inner.engines = Some(engines));
        if let Some(error) = trouble {
            page.fault(format!(
                "The examples of your last visit could not be read ({error}), so this is a fresh start."
            ));
        }
        Effect::new(move |_| {
            let name = match page.phase.get() {
                Phase::Loading => "loading",
                Phase::Ready => "ready",
                Phase::Failed => "failed",
            };
            browser::mark("state", name);
        });
        Effect::new(move |_| {
            page.sight.with(|_| ());
            page.who.track();
            page.wake();
        });
        page.follow();
        let linked = page.open_link();
        page.load(Source::Address(browser::query("model").or(linked).unwrap_or_else(|| OWN_MODEL.into())));
        page
    }

    /// Says something.
    pub fn say(self, words: impl Into<String>) {
        self.note.set(Some(Note { words: words.into(), fault: false }));
    }

    /// Says what went wrong.
    pub fn fault(self, words: impl Into<String>) {
        self.note.set(Some(Note { words: words.into(), fault: true }));
    }

    /// Changes the table: one step to undo.
    pub fn change(self, with: impl FnOnce(&mut Table)) {
        self.stop();
        let before = self.table.get_untracked();
        let mut after = before.clone();
        with(&mut after);
        if after != before {
            self.inner.update_value(|inner| inner.history.record(before));
            self.put(after);
        }
    }

    /// Begins a change that is made bit by bit with [`Page::show`]: all of it is one step to undo.
    pub fn begin(self) {
        let before = self.table.get_untracked();
        self.inner.update_value(|inner| inner.history.record(before));
        self.reach.set(self.inner.with_value(|inner| inner.history.reach()));
    }

    /// Changes the table without a step to undo, and without keeping it for the next visit.
    pub fn show(self, with: impl FnOnce(&mut Table)) {
        self.table.update(with);
        self.wake();
    }

    /// Keeps the table for the next visit.
    pub fn keep(self) {
        let text = self.table.with_untracked(Table::save);
        // It stands apart from the note, which the next word of the page takes away.
        self.unkept.set(browser::store(&text).err());
    }

    /// Takes the last step back.
    pub fn undo(self) {
        self.travel(History::undo);
    }

    /// Takes the step again that was taken back last.
    pub fn redo(self) {
        self.travel(History::redo);
    }

    fn travel(self, step: fn(&mut History, &Table) -> Option<Table>) {
        self.stop();
        let now = self.table.get_untracked();
        if let Some(mut then) = self.inner.try_update_value(|inner| step(&mut inner.history, &now)).flatten() {
            then.adopt_answers(&now);
            self.note.set(None);
            self.put(then);
        }
    }

    fn put(self, table: Table) {
        self.table.set(table);
        self.reach.set(self.inner.with_value(|inner| inner.history.reach()));
        self.keep();
        self.wake();
    }

    /// The drawing in hand becomes an example of `label`.
    pub fn teach(self, label: u32) {
        if self.picture.with_untracked(Option::is_none) {
            return self.say("Draw something first, then say what it is.");
        }
        // The stroke under the pen belongs to the drawing.
        self.finish_stroke();
        let (shown, name) = self.table.with_untracked(|table| (table.examples.len(), table.name(label).to_owned()));
        let capacity = self.facts.with_untracked(|facts| facts.as_ref().map_or(usize::MAX, |facts| facts.capacity));
        if shown >= capacity {
            return self.fault(format!("This learner takes at most {capacity} examples. Forget one to make room."));
        }
        self.change(|table| table.teach(label));
        let (count, known) = self.table.with_untracked(|table| (table.count(label), table.known()));
        if known > 1 {
            self.walked(Step::Teach);
        }
        if self.phase.get_untracked() != Phase::Ready {
            return self.say(format!("Kept as {name}. No learner has seen it yet: there is none here so far."));
        }
        self.say(match (count, known) {
            (1, 1) => format!("It has seen its first {name}. Now draw something else and name that too."),
            (1, 2) => format!("That is enough to begin with: draw a {name} or the other one, and watch the bars."),
            (1, _) => format!("It knows {name} now, from one example."),
            _ => format!("It has seen {count} of {name} now."),
        });
    }

    /// The stroke under the pen joins the drawing.
    pub fn finish_stroke(self) {
        if self.live.with_untracked(Vec::is_empty) {
            return;
        }
        let pieces = self.live.try_update(std::mem::take).unwrap_or_default();
        self.change(|table| {
            table.photo = None;
            Arc::make_mut(&mut table.drawing).extend(pieces);
        });
    }

    /// Wipes the canvas.
    pub fn clear_drawing(self) {
        self.live.set(Vec::new());
        self.change(|table| {
            table.drawing = Default::default();
            table.photo = None;
        });
    }

    /// Exchanges the labels of all examples of two classes.
    pub fn swap(self, a: u32, b: u32) {
        self.change(|table| table.swap(a, b));
        let (a, b) = self.table.with_untracked(|table| (table.name(a).to_owned(), table.name(b).to_owned()));
        self.say(format!("Every {a} is called {b} now, and the other way round. Not one weight has changed."));
        self.walked(Step::Swap);
    }

    /// Forgets one example.
    pub fn forget(self, id: Id) {
        self.change(|table| table.forget(id));
        self.say("Forgotten, as if it had never been shown. Undo brings it back.");
        self.walked(Step::Forget);
    }

    /// Gives one example another label.
    pub fn relabel(self, id: Id, label: u32) {
        self.change(|table| table.relabel(id, label));
        self.probes.go_on();
        let name = self.table.with_untracked(|table| table.name(label).to_owned());
        self.say(format!("That one is called {name} now."));
    }

    /// Scrambles the pixels of all pictures, or ends that.
    pub fn scramble(self, on: bool) {
        self.scrambled.set(on);
        self.probes.go_on();
        self.wake();
        if on {
            self.say("Each drawing goes through one random mixture of its pixels now. You see what it sees: noise.");
            self.walked(Step::Scramble);
        } else {
            self.say("It sees drawings again.");
        }
    }

    /// Puts the examples in another order, and has the page look whether the answer holds.
    pub fn shuffle(self) {
        let before = self.probabilities.get_untracked();
        self.change(|table| table.shuffle(|below| (js_sys::Math::random() * below as f64) as usize % below));
        self.probes.go_on();
        let order = self.table.with_untracked(|table| table.examples.iter().map(|example| example.id).collect());
        self.probes.order.set(match before {
            Some(before) if self.who.get_untracked() == Who::Learner => Order::Waiting { before, order },
            _ => Order::Shuffled,
        });
    }

    /// Has another learner or rule answer.
    pub fn ask_whom(self, who: Who) {
        self.who.set(who);
        if who != Who::Learner {
            self.walked(Step::Controls);
        }
    }

    /// An example as the learner sees it.
    pub fn seen(self, example: &Example) -> Picture {
        match self.scrambled.get() {
            true => self.inner.with_value(|inner| inner.scramble.example(example.id, &example.picture)),
            false => example.picture.clone(),
        }
    }

    /// The learner, once it is there. Copies share it.
    pub fn learner(self) -> Option<Learner> {
        self.inner.with_value(|inner| inner.learner.clone())
    }

    /// Somebody moves a pointer or presses a key.
    pub fn touch(self) {
        self.inner.update_value(|inner| inner.touched = browser::now_ms());
    }

    /// How long nobody has touched the page, in milliseconds.
    pub fn rested(self) -> f64 {
        self.inner.with_value(|inner| browser::now_ms() - inner.touched)
    }

    /// Questions about examples that were asked of an engine since the page was opened.
    pub fn questions(self) -> usize {
        self.inner.with_value(|inner| inner.questions)
    }

    /// Whether a round is under way or wanted.
    pub fn busy(self) -> bool {
        self.inner.with_value(|inner| inner.running)
    }

    /// Most classes that the page offers with the model in use.
    pub fn most_classes(self) -> usize {
        self.facts
            .with(|facts| facts.as_ref().map_or(crate::table::MOST, |facts| facts.classes.min(crate::table::MOST)))
    }
}

/// The last part of an address.
pub fn base(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

/// A sentence from an error's words.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| std::iter::once(first.to_ascii_uppercase()).chain(letters).collect())
}
