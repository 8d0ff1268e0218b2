//! Sets of examples, kept in the browser's database and shared by all tabs of the page.
//!
//! The document on the page is the truth of its tab. What it holds more than the database is written by one worker at a time,
//! as a [`crate::document::change::Change`] on what the database holds by then; what other tabs have written is taken in below what is not kept
//! yet. Where nothing can be kept, all sets stay in memory.

pub mod database;
pub mod earlier;
pub mod history;
pub mod record;

use web_sys::BroadcastChannel;

use crate::browser;
use crate::document::change::Change;
use crate::document::{Document, Id, fresh_id};
use database::{Database, Trouble};
use dom::*;
use history::History;
use record::{About, FIRST, Origin, Unreadable};

/// A set, as the list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key.
    pub id: Id,
    /// Name and origin.
    pub about: About,
    /// Number of its examples.
    pub count: usize,
    /// When it was last changed, in milliseconds since 1970.
    pub changed: f64,
}

impl Entry {
    /// Whether the visitor has made it what it is.
    pub fn own(&self) -> bool {
        self.about.origin == Origin::Own || self.about.touched
    }
}

/// A set with what is known of it in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub id: Id,
    pub about: About,
    /// What the database holds of it; an empty set of the same classes where it holds nothing.
    pub kept: Document,
    pub kept_about: About,
    /// 0 where the database does not have it.
    pub revision: u64,
}

impl Held {
    /// A new set, which is not worth keeping before it is changed.
    pub fn new(about: About, document: &Document) -> Held {
        let kept = Document { classes: document.classes.clone(), ..Document::default() };
        Held { id: fresh_id(), kept_about: about.clone(), about, kept, revision: 0 }
    }

    /// What is to be written, if anything.
    pub fn pending(&self, document: &Document) -> Option<Change> {
        let change = Change::between(&self.kept, document);
        (change.teaches() || self.about != self.kept_about).then_some(change)
    }
}

/// Where examples are kept.
#[derive(Default)]
pub enum Place {
    /// The database is being opened.
    #[default]
    Opening,
    /// In the database.
    Database(Database),
    /// Here alone.
    Memory(Trouble),
}

/// What is behind the signals of [`Sets`].
pub struct Shelf {
    pub place: Place,
    /// The set on the page.
    pub open: Held,
    /// Sets that the database does not have as they are here, with their documents.
    pub held: Vec<(Held, Document)>,
    /// Sets of the database.
    pub listed: Vec<Entry>,
    pub history: History,
    /// The document before a sample began to play in a set that holds an earlier one.
    pub before_play: Option<Document>,
    /// Whether the worker is at work.
    pub busy: bool,
    /// Whether something is to be written.
    pub dirty: bool,
    /// Whether another tab has written something.
    pub stale: bool,
    pub channel: Option<BroadcastChannel>,
}

impl Shelf {
    /// A set that is open or held here.
    pub fn copy(&mut self, id: Id) -> Option<&mut Held> {
        if self.open.id == id {
            return Some(&mut self.open);
        }
        self.held.iter_mut().map(|(held, _)| held).find(|held| held.id == id)
    }
}

/// The sets' signals. Copies share them.
#[derive(Clone, Copy)]
pub struct Sets {
    /// All that are not deleted, in the order of the page.
    pub list: RwSignal<Vec<Entry>>,
    /// The one on the page.
    pub open: RwSignal<Id>,
    /// The visitor's own that was open last.
    pub home: RwSignal<Option<Id>>,
    /// What can't be read.
    pub unreadable: RwSignal<Vec<Unreadable>>,
    pub shelf: StoredValue<Shelf, LocalStorage>,
}

impl Sets {
    /// One empty set, until the database is open.
    pub fn new(document: &Document) -> Sets {
        let open = Held::new(About { name: FIRST.to_owned(), ..About::default() }, document);
        let id = open.id;
        let shelf = Shelf {
            place: Place::Opening,
            open,
            held: Vec::new(),
            listed: Vec::new(),
            history: History::default(),
            before_play: None,
            busy: false,
            dirty: false,
            stale: false,
            channel: None,
        };
        Sets {
            list: RwSignal::new(Vec::new()),
            open: RwSignal::new(id),
            home: RwSignal::new(None),
            unreadable: RwSignal::new(Vec::new()),
            shelf: StoredValue::new_local(shelf),
        }
    }

    /// Comes when it is known what was kept at the last visit.
    pub async fn opened(self) {
        while self.with(|shelf| matches!(shelf.place, Place::Opening)) {
            browser::sleep(4).await;
        }
    }

    /// Whether nothing is kept of an earlier visit.
    pub fn none_kept(self) -> bool {
        self.with(|shelf| shelf.listed.is_empty() && shelf.held.is_empty())
    }

    pub fn with<T>(self, call: impl FnOnce(&Shelf) -> T) -> T {
        self.shelf.with_value(call)
    }

    pub fn update<T>(self, call: impl FnOnce(&mut Shelf) -> T) -> T {
        self.shelf.try_update_value(call).expect("the page lives as long as its window")
    }

    pub fn database(self) -> Result<Database, Trouble> {
        self.with(|shelf| match &shelf.place {
            Place::Database(database) => Ok(database.clone()),
            Place::Memory(trouble) => Err(trouble.clone()),
            Place::Opening => Err(Trouble::Failed("it is not open yet".to_owned())),
        })
    }

    pub fn names(self) -> Vec<String> {
        self.list.with_untracked(|list| list.iter().map(|entry| entry.about.name.clone()).collect())
    }
}
