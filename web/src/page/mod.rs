//! The page's state: the document, the learner that follows it, and what both have to say.
//!
//! One loop at a time speaks to the engine. Every change wakes it; it reads the newest state when it starts a round,
//! so that while somebody draws the latest drawing wins and none waits in a queue.

mod ask;
mod background;
mod files;
mod models;
mod own_data;
mod player;
mod rounds;
mod sets;
mod sharing;
mod sync;
mod teaching;
mod tour;
mod training;

use std::sync::Arc;

use shaders::input::pixels::Stroke;

use crate::answers::{Answerer, Basis};
use crate::browser;
use crate::card::Card;
use crate::controls::Controls;
use crate::document::link::Shared;
use crate::document::scramble::Scramble;
use crate::document::{Document, Example, Id, Picture, preprocess};
use crate::fetch::Progress;
use crate::hands::Hands;
use crate::learner::client::Learner;
use crate::learner::engines::{EngineFacts, Engines};
use crate::own_data::state::OwnDataRun;
use crate::player::state::Player;
use crate::skipped::Skipped;
use crate::store::Sets;
use crate::tour::Tour;
use dom::*;
pub use training::TrainingCard;

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
    /// Whether it is a set learner, which can say that a drawing is none of the classes.
    pub set: bool,
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
    /// A name, and the bytes of a file that was made here.
    Bytes(String, Vec<u8>),
}

/// The page. Copies share it.
#[derive(Clone, Copy)]
pub struct Page {
    /// Classes, examples and the finished strokes.
    pub document: RwSignal<Document>,
    /// The stroke under the pen, in pieces of one width; none while the pen is up.
    pub current_stroke: RwSignal<Vec<Stroke>>,
    /// The drawing as the one preprocessing leaves it, [28, 28]; none where there is none.
    pub picture: Memo<Option<Arc<Vec<f32>>>>,
    /// What the learner sees of it: the picture, or what scrambling makes of it.
    pub model_input: Memo<Option<Arc<Vec<f32>>>>,
    /// What draws.
    pub hands: Hands,
    /// Whether pixels are scrambled.
    pub scrambled: RwSignal<bool>,
    /// Whether the learner may say that a drawing is none of the classes.
    pub none: RwSignal<bool>,
    /// Who answers.
    pub who: RwSignal<Answerer>,
    /// What the page found out about the examples.
    pub controls: Controls,
    /// The example whose menu is open.
    pub menu: RwSignal<Option<Menu>>,
    /// The example that is being dragged.
    pub dragged: RwSignal<Option<Id>>,
    /// Whether lines show what the learner looked at.
    pub lines: RwSignal<bool>,
    /// What a newcomer has tried.
    pub tour: RwSignal<Tour>,
    /// Whether there is something to undo, and to redo.
    pub reach: RwSignal<(bool, bool)>,
    /// Under which answers about examples hold now; none before a learner is there.
    pub basis: Memo<Option<Basis>>,
    /// Probability of each label.
    pub probabilities: RwSignal<Option<Vec<f32>>>,
    /// Probability that it is none of the classes shown, where that was asked.
    pub none_chance: RwSignal<Option<f32>>,
    /// How much each example of the document mattered for them, in its order; see [`crate::learner::client::Answer::attention`].
    pub attention: RwSignal<Option<Vec<f32>>>,
    /// Time of the last answer, in milliseconds.
    pub took_ms: RwSignal<Option<f64>>,
    /// What the page has to say.
    pub note: RwSignal<Option<Note>>,
    /// Why the examples can't be kept for the next visit, while they can't.
    pub unkept: RwSignal<Option<String>>,
    /// Which of the files that were dropped last were not taken, and why.
    pub skipped: RwSignal<Skipped>,
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
    /// Sets of examples, of which the document is one.
    pub sets: Sets,
    /// Name and first bytes of the learner that a link was made with, until it is here.
    pub expected: RwSignal<Option<(String, [u8; 4])>>,
    /// What is being played.
    pub player: Player,
    /// A visitor's own data.
    pub own_data: OwnDataRun,
    /// Where the card is that meta-trains a learner.
    pub training: RwSignal<TrainingCard>,
    /// The file of the learner to go back to, while another one is used for a while.
    pub before: RwSignal<Option<String>>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
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
    /// The learner to go back to, with its address or name.
    before: Option<(Learner, String)>,
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
    fn new() -> Page {
        let first = Document::default();
        let sets = Sets::new(&first);
        let (document, current_stroke) = (RwSignal::new(first), RwSignal::new(Vec::<Stroke>::new()));
        let (scrambled, inner) = (RwSignal::new(false), StoredValue::new_local(Inner::default()));
        let drawing = memo(move |_| document.with(|document| document.drawing.clone()));
        let photo = memo(move |_| document.with(|document| document.photo.clone()));
        let picture = memo(move |_| {
            let mut strokes = drawing.get().to_vec();
            strokes.extend(current_stroke.get());
            preprocess(&strokes).ok().map(Arc::new).or_else(|| photo.get())
        });
        let model_input = memo(move |_| {
            let picture = picture.get()?;
            Some(match scrambled.get() {
                true => inner.with_value(|inner| inner.scramble.picture(&picture)),
                false => picture,
            })
        });
        let facts = RwSignal::new(None::<Facts>);
        let basis = memo(move |_| {
            let scrambled = scrambled.get();
            facts.with(|facts| facts.as_ref().map(|facts| Basis::new(&facts.hash, scrambled)))
        });
        Page {
            document,
            current_stroke,
            picture,
            model_input,
            hands: Hands::remembered(),
            scrambled,
            who: RwSignal::new(Answerer::Learner),
            controls: Controls::new(),
            menu: RwSignal::new(None),
            dragged: RwSignal::new(None),
            // On a narrow page they would lie over everything.
            lines: RwSignal::new(browser::media("(min-width: 50rem)")),
            tour: RwSignal::new(Tour::remembered()),
            reach: RwSignal::new((false, false)),
            basis,
            probabilities: RwSignal::new(None),
            none: RwSignal::new(false),
            none_chance: RwSignal::new(None),
            attention: RwSignal::new(None),
            took_ms: RwSignal::new(None),
            note: RwSignal::new(None),
            unkept: RwSignal::new(None),
            skipped: RwSignal::new(Skipped::default()),
            phase: RwSignal::new(Phase::Loading),
            facts,
            engine: RwSignal::new(None),
            parity: RwSignal::new(None),
            progress: RwSignal::new(None),
            sets,
            expected: RwSignal::new(None),
            player: Player::new(),
            own_data: OwnDataRun::new(),
            training: RwSignal::new(TrainingCard::Closed),
            before: RwSignal::new(None),
            inner,
        }
    }

    /// The page as it was left at the last visit, and the model on its way.
    pub fn open() -> Page {
        let page = Page::new();
        let wish = browser::query("engine").unwrap_or_default();
        if let Some(words) = address_trouble(&wish, browser::query("model").as_deref()) {
            page.fault(words);
        }
        let engines = Engines::new(&wish, Box::new(move |number, facts, notice| page.heed(number, facts, notice)));
        page.inner.update_value(|inner| inner.engines = Some(engines));
        effect(move || {
            let name = match page.phase.get() {
                Phase::Loading => "loading",
                Phase::Ready => "ready",
                Phase::Failed => "failed",
            };
            browser::set_data_attribute("state", name);
        });
        effect(move || {
            page.model_input.with(|_| ());
            page.who.track();
            page.none.track();
            page.wake();
        });
        page.follow();
        let shared = page.read_link();
        let linked = shared.as_ref().and_then(Shared::address);
        page.open_store(shared);
        page.load(Source::Address(
            browser::query("model")
                .filter(|model| !model.trim().is_empty())
                .or(linked)
                .unwrap_or_else(|| OWN_MODEL.into()),
        ));
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

    /// Changes the document without a step to undo, and without keeping it for the next visit.
    pub fn show(self, with: impl FnOnce(&mut Document)) {
        self.document.update(with);
        self.wake();
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
        self.facts.with(|facts| {
            facts.as_ref().map_or(crate::document::MOST, |facts| facts.classes.min(crate::document::MOST))
        })
    }
}

/// What is wrong with `?engine=` and `?model=` of the address, and what happens instead.
fn address_trouble(engine: &str, model: Option<&str>) -> Option<String> {
    let engine = match engine {
        "" | "auto" | "cpu" | "webgpu" => None,
        other => Some(format!(
            "There is no engine “{other}”. Use ?engine=cpu, ?engine=webgpu or ?engine=auto. The page now uses the faster \
             one."
        )),
    };
    let model = model.filter(|model| model.trim().is_empty()).map(|_| {
        "?model= in the address is empty, so the page uses its own learner. Put the address of a .safetensors file \
         there."
            .to_owned()
    });
    engine.into_iter().chain(model).reduce(|one, other| format!("{one} {other}"))
}
