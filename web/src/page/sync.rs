//! The page and the database: opening it, writing what has changed, and taking in what other tabs wrote.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::BroadcastChannel;

use super::Page;
use crate::browser;
use crate::document::change::{Change, Hand};
use crate::document::link::Shared;
use crate::document::{Document, Id};
use crate::store::database::{Database, Loaded, Notice, Trouble, everything};
use crate::store::record::{About, Origin, Unreadable};
use crate::store::{Entry, Held, Place, earlier};
use dom::*;

/// Name of the channel on which tabs tell each other that something was written.
const CHANNEL: &str = "learner";
/// Key of the set that was open last: of this tab in its session, of any in the storage for good.
const OPEN_KEY: &str = "learner-set";
/// A database that has not answered by then is done without, in milliseconds.
const PATIENCE_MS: i32 = 20_000;
/// More examples than this that change at once are seen on the page before they are written: that takes longer than a
/// frame, which comes within this many milliseconds.
const MANY: usize = 50;
const FRAME_MS: i32 = 30;
/// A deleted set can come back for a day.
const GONE_MS: f64 = 24.0 * 3600.0 * 1000.0;

impl Page {
    /// Opens what was kept at the last visit, and what a link brought.
    pub fn open_store(self, shared: Option<Shared>) {
        self.listen();
        // Whichever comes first, the database or the end of patience, begins.
        let waiting = StoredValue::new_local(Some(shared));
        let start = move |place: Result<Database, Trouble>| async move {
            match (waiting.try_update_value(Option::take).flatten(), place) {
                (Some(shared), place) => {
                    self.start(place).await;
                    if let Some(shared) = shared {
                        self.open_shared(shared);
                    }
                }
                (None, Ok(database)) => self.go_on_with(database),
                (None, Err(_)) => {}
            }
        };
        spawn_local(async move {
            start(Database::open(move |notice| self.heed_store(notice)).await).await;
        });
        spawn_local(async move {
            browser::sleep(PATIENCE_MS).await;
            start(Err(Trouble::Failed("it does not answer".to_owned()))).await;
        });
    }

    /// The database has come late, or again.
    fn go_on_with(self, database: Database) {
        self.sets.update(|shelf| {
            shelf.place = Place::Database(database);
            (shelf.stale, shelf.dirty) = (true, true);
        });
        self.work();
    }

    /// Other tabs tell when they have written something; where they can't, a look when this one is turned to.
    fn listen(self) {
        let look = move || {
            self.sets.update(|shelf| shelf.stale = true);
            self.work();
        };
        if let Ok(channel) = BroadcastChannel::new(CHANNEL) {
            let heard = Closure::<dyn Fn()>::new(look).into_js_value();
            channel.set_onmessage(Some(heard.unchecked_ref()));
            self.sets.update(|shelf| shelf.channel = Some(channel));
        }
        on_window(ev::FOCUS, move |_| look());
    }

    async fn start(self, place: Result<Database, Trouble>) {
        let (found, mut unreadable) = earlier::find();
        let mut held = Vec::new();
        // The visitor's own last: the other is told to be borrowed by its standing beside it, also when the page is left in the
        // middle of this and opened again.
        for earlier in found.into_iter().rev() {
            let new = Held::new(earlier.about, &earlier.document);
            let taken = match &place {
                Ok(database) => database.take_over(&earlier.source, new.id, &new.about, &earlier.document).await,
                Err(trouble) => Err(trouble.clone()),
            };
            match taken {
                Ok(()) => browser::forget(earlier.key),
                Err(_) => held.push((new, earlier.document)),
            }
        }
        held.reverse();
        if matches!(place, Err(Trouble::Newer)) {
            let what = "What a newer version of this page has stored in this browser".to_owned();
            unreadable.push(Unreadable { what, why: "reload this page to get that version".to_owned(), text: None });
        }
        self.sets.unreadable.set(unreadable);
        let place = match place {
            Ok(database) => {
                if let Err(trouble) = self.list(&database, true).await {
                    self.unkept.set(Some(trouble.to_string()));
                }
                Place::Database(database)
            }
            Err(trouble) => {
                // Nothing is lost as long as there is nothing to keep.
                if !held.is_empty() || trouble == Trouble::Newer {
                    self.unkept.set(Some(trouble.to_string()));
                }
                Place::Memory(trouble)
            }
        };
        let database = match &place {
            Place::Database(database) => Some(database.clone()),
            _ => None,
        };
        self.sets.update(|shelf| {
            shelf.dirty |= !held.is_empty();
            shelf.held = held;
        });
        self.choose(database).await;
        self.sets.update(|shelf| shelf.place = place);
        self.show_list();
        self.work();
    }

    /// Opens the set that was open last, or the visitor's newest.
    async fn choose(self, database: Option<Database>) {
        let last = [browser::session(OPEN_KEY), browser::remembered(OPEN_KEY)];
        let mut wanted: Vec<Id> = last.into_iter().flatten().filter_map(|text| text.parse().ok()).collect();
        self.sets.with(|shelf| {
            wanted.extend(shelf.held.iter().map(|(held, _)| held.id));
            let mut listed: Vec<&Entry> = shelf.listed.iter().filter(|entry| entry.about.deleted.is_none()).collect();
            listed.sort_by(|a, b| b.own().cmp(&a.own()).then(b.changed.total_cmp(&a.changed)));
            wanted.extend(listed.into_iter().map(|entry| entry.id));
        });
        let known = |id: &Id| {
            self.sets.with(|shelf| {
                let there = |entry: &Entry| entry.id == *id && entry.about.deleted.is_none();
                shelf.held.iter().any(|(held, _)| held.id == *id) || shelf.listed.iter().any(there)
            })
        };
        for id in wanted.into_iter().filter(known) {
            let found = self.sets.update(|shelf| {
                let at = shelf.held.iter().position(|(held, _)| held.id == id)?;
                Some(shelf.held.remove(at))
            });
            let found = match (found, &database) {
                (None, Some(database)) => self.fetch(database, id).await.ok(),
                (found, _) => found,
            };
            if let Some((held, mut document)) = found {
                // What was done before it came stays.
                let now = self.document.get_untracked();
                self.sets.with(|shelf| Change::between(&shelf.open.kept, &now)).apply(&mut document);
                Hand::of(&now).give(&mut document);
                return self.put_on_page(held, document);
            }
        }
        // A new set is this tab's own from the start: another tab may open something else before this one is reloaded.
        browser::remember_session(OPEN_KEY, &self.sets.open.get_untracked().to_string());
    }

    /// Says what the database has to say by itself.
    fn heed_store(self, notice: Notice) {
        match notice {
            Notice::Waiting => self.fault(
                "Another tab has an older version of this page open. Close or reload it, so that examples can be kept.",
            ),
            Notice::Replaced => {
                self.sets.update(|shelf| shelf.place = Place::Memory(Trouble::Newer));
                self.unkept.set(Some(Trouble::Newer.to_string()));
            }
            Notice::Closed => {
                self.sets
                    .update(|shelf| shelf.place = Place::Memory(Trouble::Failed("the browser closed it".to_owned())));
                spawn_local(async move {
                    if let Ok(database) = Database::open(move |notice| self.heed_store(notice)).await {
                        self.go_on_with(database);
                    }
                });
            }
        }
    }

    /// Keeps the document for the next visit.
    pub fn keep(self) {
        self.sets.update(|shelf| shelf.dirty = true);
        self.work();
    }

    /// Sets the worker to work, unless it is.
    pub(super) fn work(self) {
        let start = self.sets.update(|shelf| {
            let ready = !matches!(shelf.place, Place::Opening);
            ready && (shelf.dirty || shelf.stale) && !std::mem::replace(&mut shelf.busy, true)
        });
        if !start {
            return;
        }
        browser::set_data_attribute("kept", "false");
        spawn_local(async move {
            loop {
                let (stale, dirty) = self.sets.update(|shelf| {
                    let stale = std::mem::take(&mut shelf.stale);
                    (stale, !stale && std::mem::take(&mut shelf.dirty))
                });
                let result = match (stale, dirty) {
                    (true, _) => self.refresh().await,
                    (_, true) => self.write().await,
                    _ => break,
                };
                // It stands apart from the note, which the next word of the page takes away.
                match result {
                    Ok(()) if dirty => self.unkept.set(None),
                    Ok(()) => {}
                    // Nothing is kept in an article, and nobody expects it.
                    Err(_) if browser::embedded() => {}
                    Err(trouble) => self.unkept.set(Some(trouble.to_string())),
                }
            }
            self.sets.update(|shelf| shelf.busy = false);
            browser::set_data_attribute("kept", "true");
        });
    }

    /// Writes what the database does not have yet.
    async fn write(self) -> Result<(), Trouble> {
        let database = self.sets.database();
        let mut written = false;
        let mut at = 0;
        while let Some((held, document)) = self.sets.with(|shelf| shelf.held.get(at).cloned()) {
            if let Some(change) = held.pending(&document) {
                self.write_one(&(database.clone()?), &held, &change).await?;
                written = true;
            } else if database.is_err() || held.revision == 0 {
                at += 1;
                continue;
            }
            self.sets.update(|shelf| shelf.held.retain(|other| other.0 != held || other.1 != document));
        }
        let newest = || (self.sets.with(|shelf| shelf.open.clone()), self.document.get_untracked());
        let (mut held, mut document) = newest();
        let mut pending = held.pending(&document);
        if pending.as_ref().is_some_and(|change| change.examples.len() > MANY) {
            browser::sleep(FRAME_MS).await;
            (held, document) = newest();
            pending = held.pending(&document);
        }
        if let Some(change) = pending {
            let database = database.clone()?;
            let revision = self.write_one(&database, &held, &change).await?;
            written = true;
            // Somebody else may have written in between.
            let loaded = match revision == held.revision + 1 {
                true => None,
                false => database.load(held.id, 0, &document).await?,
            };
            match loaded {
                Some(loaded) => self.take_in(held.id, &document, &held.about, loaded),
                None => self.sets.update(|shelf| {
                    if let Some(now) = shelf.copy(held.id) {
                        now.kept = Document { drawing: Default::default(), photo: None, ..document };
                        now.kept_about = held.about;
                        now.revision = revision;
                    }
                }),
            }
        }
        if written && let Ok(database) = database {
            self.sets.with(|shelf| {
                if let Some(channel) = &shelf.channel {
                    // What others miss they see when they are turned to.
                    let _ = channel.post_message(&true.into());
                }
            });
            self.list(&database, false).await?;
            self.show_list();
        }
        Ok(())
    }

    async fn write_one(self, database: &Database, held: &Held, change: &Change) -> Result<u64, Trouble> {
        let about = (&held.kept_about, &held.about);
        match database.commit(held.id, held.revision, about, &held.kept.classes, change).await {
            // Somebody has removed it for good, and here it is: all of it is written again.
            Err(Trouble::Gone) => {
                let mut whole = held.kept.clone();
                change.apply(&mut whole);
                let none = Document { classes: whole.classes.clone(), ..Document::default() };
                let change = Change::between(&none, &whole);
                database.commit(held.id, 0, about, &none.classes, &change).await
            }
            result => result,
        }
    }

    /// Takes in what other tabs have written.
    async fn refresh(self) -> Result<(), Trouble> {
        let Ok(database) = self.sets.database() else { return Ok(()) };
        self.list(&database, false).await?;
        let held = self.sets.with(|shelf| shelf.open.clone());
        if held.revision > 0
            && let Some(loaded) = database.load(held.id, held.revision, &self.document.get_untracked()).await?
        {
            let pending = self.document.with_untracked(|document| held.pending(document).is_some());
            let deleted = loaded.record.about.deleted.is_some() && held.about.deleted.is_none();
            if deleted && !pending {
                self.leave_deleted(held.id).await;
            } else {
                self.take_in(held.id, &held.kept, &held.kept_about, loaded);
            }
        }
        self.show_list();
        Ok(())
    }

    /// Puts what the database holds below what was changed here since `base`.
    fn take_in(self, id: Id, base: &Document, base_about: &About, loaded: Loaded) {
        if self.sets.open.get_untracked() != id {
            return;
        }
        let now = self.document.get_untracked();
        let mut document = loaded.document.clone();
        Change::between(base, &now).apply(&mut document);
        Hand::of(&now).give(&mut document);
        let about = self.sets.update(|shelf| {
            let open = &mut shelf.open;
            let mut about = loaded.record.about.clone();
            about.merge(base_about, &open.about);
            // Whoever changes what another has deleted wants to keep it.
            about.deleted = None;
            *open = Held {
                id,
                about: about.clone(),
                kept: loaded.document,
                kept_about: loaded.record.about,
                revision: loaded.record.revision,
            };
            shelf.dirty |= shelf.open.pending(&document).is_some();
            about
        });
        if document != now {
            self.document.set(document);
            self.wake();
        }
        if self.scrambled.get_untracked() != about.scrambled {
            self.scrambled.set(about.scrambled);
        }
    }

    /// Reads the list of sets, at first (`clean`) without those that were deleted long ago.
    async fn list(self, database: &Database, clean: bool) -> Result<(), Trouble> {
        let (mut listed, mut unreadable) = (Vec::new(), Vec::new());
        for found in database.list().await? {
            match found.record {
                Ok(record) => {
                    if clean && record.about.deleted.is_some_and(|at| js_sys::Date::now() - at > GONE_MS) {
                        database.remove(found.id).await?;
                        continue;
                    }
                    listed.push(Entry {
                        id: found.id,
                        about: record.about,
                        count: found.count,
                        changed: record.changed,
                    });
                }
                Err((text, why)) => {
                    let what = format!("A set of {} examples", found.count);
                    unreadable.push(Unreadable { what, why, text: Some(text) });
                }
            }
        }
        if clean && !unreadable.is_empty() {
            // Its examples belong to it: the file gets all that is stored.
            self.sets
                .unreadable
                .update(|all| all.extend(unreadable.into_iter().map(|one| Unreadable { text: None, ..one })));
        }
        self.sets.update(|shelf| shelf.listed = listed);
        Ok(())
    }

    /// A set of the database, to be held here.
    pub(super) async fn fetch(self, database: &Database, id: Id) -> Result<(Held, Document), Trouble> {
        let loaded = database.load(id, 0, &Document::default()).await?.ok_or(Trouble::Gone)?;
        if !loaded.unreadable.is_empty() {
            let (texts, whys): (Vec<String>, Vec<String>) = loaded.unreadable.into_iter().unzip();
            let what = format!("{} of the examples in “{}”", texts.len(), loaded.record.about.name);
            let text = format!("[{}]", texts.join(",\n"));
            let one = Unreadable { what, why: whys.into_iter().next().unwrap_or_default(), text: Some(text) };
            self.sets.unreadable.update(|all| {
                all.retain(|other| other.what != one.what);
                all.push(one);
            });
        }
        let (kept, kept_about, revision) = (loaded.document, loaded.record.about, loaded.record.revision);
        let about = About { deleted: None, ..kept_about.clone() };
        Ok((Held { id, about, kept: kept.clone(), kept_about, revision }, kept))
    }

    /// Puts a set on the page, whose former one must be held.
    pub(super) fn put_on_page(self, held: Held, document: Document) {
        let (id, scrambled) = (held.id, held.about.scrambled);
        let own = held.about.origin == Origin::Own || held.about.touched;
        self.sets.update(|shelf| shelf.open = held);
        browser::remember_session(OPEN_KEY, &id.to_string());
        browser::remember(OPEN_KEY, &id.to_string());
        if own {
            self.sets.home.set(Some(id));
        }
        self.sets.open.set(id);
        self.scrambled.set(scrambled);
        self.document.set(document);
        self.wake();
    }

    /// Gives the visitor what can't be read as a file of their own.
    pub fn save_unreadable(self, one: Unreadable) {
        spawn_local(async move {
            let text = match one.text {
                Some(text) => Ok(text),
                None => everything().await.map_err(|trouble| trouble.to_string()),
            };
            match text.and_then(|text| browser::download("unreadable-examples.json", &text)) {
                Ok(()) => self.say("Saved as unreadable-examples.json. It stays in the browser's storage as well."),
                Err(error) => self.fault(format!("The file could not be saved: {error}.")),
            }
        });
    }
}
