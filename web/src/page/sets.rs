//! What a visitor does with sets: open, make, rename, delete, save, and take steps back.

use super::Page;
use crate::browser;
use crate::document::change::{Change, Hand};
use crate::document::{Document, Id};
use crate::own_data::messages::Export;
use crate::store::history::{History, Step};
use crate::store::record::{About, FIRST, Origin, free_name};
use crate::store::{Entry, Held};
use dom::*;

impl Page {
    /// Changes the document: one step to undo.
    pub fn change(self, with: impl FnOnce(&mut Document)) {
        self.stop();
        let before = self.document.get_untracked();
        let mut after = before.clone();
        with(&mut after);
        let change = Change::between(&before, &after);
        if !change.is_empty() {
            self.touched_set(&change);
            self.record(vec![Step::Changed(self.sets.open.get_untracked(), change)]);
            self.put(after);
        }
    }

    fn put(self, document: Document) {
        self.document.set(document);
        self.keep();
        self.wake();
    }

    /// What came from elsewhere is the visitor's own once they have taught it something.
    fn touched_set(self, change: &Change) {
        let (id, fresh) = self.sets.update(|shelf| {
            let about = &mut shelf.open.about;
            let fresh = about.origin != Origin::Own && change.teaches() && !about.touched;
            about.touched |= fresh;
            (shelf.open.id, fresh)
        });
        if fresh {
            self.sets.home.set(Some(id));
        }
    }

    fn record(self, steps: Vec<Step>) {
        let reach = self.sets.update(|shelf| {
            shelf.history.record(steps);
            shelf.history.reach()
        });
        self.reach.set(reach);
    }

    /// Takes the last step back.
    pub fn undo(self) {
        self.travel(History::undo);
    }

    /// Takes the step again that was taken back last.
    pub fn redo(self) {
        self.travel(History::redo);
    }

    fn travel(self, way: fn(&mut History) -> Option<Vec<Step>>) {
        self.stop();
        let (steps, reach) = self.sets.update(|shelf| (way(&mut shelf.history), shelf.history.reach()));
        let Some(steps) = steps else { return };
        self.note.set(None);
        self.reach.set(reach);
        match &steps[..] {
            // At once, without a turn of the page.
            [Step::Changed(id, change)] if *id == self.sets.open.get_untracked() => self.make(change),
            _ => self.later(async move {
                for step in steps {
                    self.take_step(step).await;
                }
            }),
        }
    }

    fn make(self, change: &Change) {
        let mut document = self.document.get_untracked();
        change.apply(&mut document);
        self.touched_set(change);
        self.put(document);
    }

    async fn take_step(self, step: Step) {
        match step {
            Step::Changed(id, change) => {
                if self.open_set(id, None).await {
                    self.make(&change);
                }
            }
            Step::Opened { to: (id, hand), .. } => {
                self.open_set(id, Some(hand)).await;
            }
            Step::Deleted(id, gone) => {
                self.set_deleted(id, gone).await;
            }
            Step::Renamed(id, _, name) => {
                if self.hold(id).await {
                    self.set_name(id, name);
                }
            }
        }
        self.show_list();
    }

    /// Does something that may take a moment, with the page busy as long.
    pub fn later(self, task: impl Future<Output = ()> + 'static) {
        browser::set_data_attribute("busy", "true");
        browser::set_data_attribute("kept", "false");
        spawn_local(async move {
            self.sets.opened().await;
            task.await;
            self.show_list();
            self.keep();
            self.wake();
        });
    }

    /// The list of sets, as it is here: what other tabs do not know yet included.
    pub(super) fn show_list(self) {
        let count = self.document.with_untracked(|document| document.examples.len());
        let list = self.sets.with(|shelf| {
            let here = |held: &Held, count: usize| Entry {
                id: held.id,
                about: held.about.clone(),
                count,
                changed: shelf.listed.iter().find(|entry| entry.id == held.id).map_or(0.0, |entry| entry.changed),
            };
            let mut list: Vec<Entry> = shelf.listed.clone();
            let held = shelf.held.iter().map(|(held, document)| here(held, document.examples.len()));
            for entry in held.chain([here(&shelf.open, count)]) {
                list.retain(|other| other.id != entry.id);
                list.push(entry);
            }
            // A new set that was left empty is none.
            let empty = |entry: &Entry| {
                entry.count == 0 && entry.id != shelf.open.id && shelf.listed.iter().all(|listed| listed.id != entry.id)
            };
            list.retain(|entry| entry.about.deleted.is_none() && !empty(entry));
            list.sort_by_cached_key(|entry| {
                (entry.about.origin != Origin::Own, entry.about.name.to_lowercase(), entry.id)
            });
            list
        });
        if self.sets.list.with_untracked(|shown| *shown != list) {
            self.sets.list.set(list);
        }
    }

    /// Holds the set on the page, so that another can be put there.
    fn leave(self) {
        self.finish_stroke();
        let document = Document { drawing: Default::default(), photo: None, ..self.document.get_untracked() };
        self.sets.update(|shelf| {
            let open = shelf.open.clone();
            shelf.held.retain(|(held, _)| held.id != open.id);
            shelf.held.push((open, document));
        });
    }

    /// Has a set here, whether or not it is on the page.
    async fn hold(self, id: Id) -> bool {
        if self.sets.update(|shelf| shelf.copy(id).is_some()) {
            return true;
        }
        let found = match self.sets.database() {
            Ok(database) => self.fetch(&database, id).await,
            Err(trouble) => Err(trouble),
        };
        match found {
            Ok(found) => self.sets.update(|shelf| shelf.held.push(found)),
            Err(trouble) => {
                self.fault(format!("That set can't be opened: {trouble}."));
                return false;
            }
        }
        true
    }

    /// Puts a set on the page, with what was in hand there or what is in hand now.
    async fn open_set(self, id: Id, hand: Option<Hand>) -> bool {
        let hand = hand.unwrap_or_else(|| self.document.with_untracked(Hand::of));
        if id == self.sets.open.get_untracked() {
            self.document.update(|document| hand.give(document));
            return true;
        }
        if !self.hold(id).await {
            return false;
        }
        self.leave();
        let found = self.sets.update(|shelf| {
            let at = shelf.held.iter().position(|(held, _)| held.id == id)?;
            Some(shelf.held.remove(at))
        });
        let Some((mut held, mut document)) = found else { return false };
        held.about.deleted = None;
        hand.give(&mut document);
        self.put_on_page(held, document);
        true
    }

    /// Opens a set of the list, with what is in hand: one step to undo.
    pub fn go_to(self, id: Id) {
        self.go_to_with(id, None);
    }

    /// The same with something else in hand.
    pub fn go_to_with(self, id: Id, hand: Option<Hand>) {
        self.stop();
        self.later(async move {
            let from = (self.sets.open.get_untracked(), self.document.with_untracked(Hand::of));
            if self.open_set(id, hand).await && from.0 != id {
                let to = (id, self.document.with_untracked(Hand::of));
                self.record(vec![Step::Opened { from, to }]);
            }
        });
    }

    /// Puts a new set on the page, beside all others: one step to undo. The document brings what is in hand.
    pub fn create(self, about: About, document: Document) {
        self.finish_stroke();
        let from = (self.sets.open.get_untracked(), self.document.with_untracked(Hand::of));
        self.leave();
        let about = About { name: free_name(&about.name, &self.sets.names()), ..about };
        let mut held = Held::new(about, &document);
        if matches!(held.about.origin, Origin::Link | Origin::File) {
            // Even a link to classes without an example is worth keeping.
            held.kept_about.name.clear();
        }
        let to = (held.id, Hand::of(&document));
        self.put_on_page(held, document);
        self.record(vec![Step::Opened { from, to }]);
        self.show_list();
        self.keep();
    }

    /// A new, empty set.
    pub fn new_set(self) {
        self.stop();
        self.create(About { name: FIRST.to_owned(), ..About::default() }, Document::default());
        self.say("This is a new, empty set. The others are in the list under “Share and keep”.");
    }

    /// A set that came from elsewhere, and is still as it came; none where there is none.
    pub fn same_source(self, source: u32) -> Option<Id> {
        let same = |entry: &&Entry| entry.about.source == source && source != 0 && !entry.about.touched;
        self.sets.list.with_untracked(|list| list.iter().find(same).map(|entry| entry.id))
    }

    /// The visitor's own set that was open last, with the number of its examples, while something else is open.
    pub fn mine(self) -> Option<(Id, usize)> {
        let (open, home) = (self.sets.open.get(), self.sets.home.get());
        self.sets.list.with(|list| {
            let there = list.iter().find(|entry| entry.id == open)?;
            if there.about.origin == Origin::Own {
                return None;
            }
            let others = || list.iter().filter(|entry| entry.id != open && entry.own() && entry.count > 0);
            let newest = || others().max_by(|a, b| a.changed.total_cmp(&b.changed));
            let found = others().find(|entry| Some(entry.id) == home).or_else(newest)?;
            Some((found.id, found.count))
        })
    }

    /// Gives a set another name: one step to undo.
    pub fn rename_set(self, id: Id, name: &str) {
        self.stop();
        let known = |entry: &&Entry| entry.id == id;
        let before =
            self.sets.list.with_untracked(|list| list.iter().find(known).map(|entry| entry.about.name.clone()));
        let Some(before) = before.filter(|_| !name.trim().is_empty()) else { return };
        let mut taken = self.sets.names();
        taken.retain(|other| *other != before);
        let name = free_name(name, &taken);
        if name == before {
            return;
        }
        let rename = move |page: Page| {
            page.record(vec![Step::Renamed(id, before, name.clone())]);
            page.set_name(id, name);
            page.show_list();
            page.keep();
        };
        if self.sets.update(|shelf| shelf.copy(id).is_some()) {
            return rename(self);
        }
        self.later(async move {
            if self.hold(id).await {
                rename(self);
            }
        });
    }

    fn set_name(self, id: Id, name: String) {
        self.sets.update(|shelf| {
            if let Some(held) = shelf.copy(id) {
                held.about.name = name;
            }
        });
    }

    /// Deletes a set: one step to undo. Where it is on the page, another takes its place.
    pub fn delete_set(self, id: Id) {
        self.stop();
        self.later(async move {
            let (name, count) = self.sets.list.with_untracked(|list| {
                let found = list.iter().find(|entry| entry.id == id);
                found.map(|entry| (entry.about.name.clone(), entry.count)).unwrap_or_default()
            });
            let mut steps = Vec::new();
            let from = (self.sets.open.get_untracked(), self.document.with_untracked(Hand::of));
            if from.0 == id {
                self.open_another(id).await;
                let to = (self.sets.open.get_untracked(), self.document.with_untracked(Hand::of));
                steps.push(Step::Opened { from, to });
            }
            if self.set_deleted(id, true).await {
                steps.push(Step::Deleted(id, true));
                self.say(format!("“{name}” is deleted, with its {count} examples. Undo brings it back."));
            }
            self.record(steps);
        });
    }

    /// Puts another set in the place of one that goes: the visitor's own, any, or a new one.
    async fn open_another(self, id: Id) {
        let home = self.sets.home.get_untracked();
        let other = self.sets.list.with_untracked(|list| {
            let mut others: Vec<&Entry> = list.iter().filter(|entry| entry.id != id).collect();
            others.sort_by_key(|entry| (Some(entry.id) != home, !entry.own()));
            others.first().map(|entry| entry.id)
        });
        let opened = match other {
            Some(other) => self.open_set(other, None).await,
            None => false,
        };
        if !opened {
            self.leave();
            let hand = self.document.with_untracked(Hand::of);
            let mut document = Document::default();
            let held = Held::new(About { name: FIRST.to_owned(), ..About::default() }, &document);
            hand.give(&mut document);
            self.put_on_page(held, document);
        }
    }

    /// Another tab has deleted the set on the page.
    pub(super) async fn leave_deleted(self, id: Id) {
        let name = self.sets.with(|shelf| shelf.open.about.name.clone());
        self.open_another(id).await;
        self.sets.update(|shelf| shelf.held.retain(|(held, _)| held.id != id));
        self.say(format!("“{name}” was deleted in another tab; Undo there brings it back."));
    }

    async fn set_deleted(self, id: Id, gone: bool) -> bool {
        let held = self.hold(id).await;
        self.sets.update(|shelf| {
            if let Some(held) = shelf.copy(id) {
                held.about.deleted = gone.then(js_sys::Date::now);
            }
        });
        held
    }

    /// A set for a sample to play in: the one on the page where it holds an earlier sample that nobody has touched.
    pub fn open_sample(self, title: &str, document: Document) {
        let again = self.sets.with(|shelf| shelf.open.about.origin == Origin::Sample && !shelf.open.about.touched);
        if again {
            let before = self.document.get_untracked();
            self.sets.update(|shelf| shelf.before_play = Some(before));
            self.rename_sample(title);
            return self.show(|now| *now = document);
        }
        let earlier = self.sets.list.with_untracked(|list| {
            let same = |entry: &&Entry| entry.about.origin == Origin::Sample && !entry.about.touched;
            list.iter().find(same).map(|entry| entry.id)
        });
        self.create(About { name: title.to_owned(), origin: Origin::Sample, ..About::default() }, document);
        if let Some(earlier) = earlier {
            // It can be played again, and would only fill the list.
            self.later(async move {
                self.set_deleted(earlier, true).await;
            });
        }
    }

    /// Another sample plays in the same set.
    pub fn rename_sample(self, title: &str) {
        let id = self.sets.open.get_untracked();
        let mut taken = self.sets.names();
        let own = self.sets.with(|shelf| shelf.open.about.name.clone());
        taken.retain(|other| *other != own);
        self.set_name(id, free_name(title, &taken));
        self.show_list();
    }

    /// A sample has ended, or was stopped: what it taught is kept.
    pub fn played(self) {
        if let Some(before) = self.sets.update(|shelf| shelf.before_play.take()) {
            let change = self.document.with_untracked(|document| Change::between(&before, document));
            self.record(vec![Step::Changed(self.sets.open.get_untracked(), change)]);
        }
        self.show_list();
        self.keep();
    }

    /// Keeps with the set whether pixels are scrambled.
    pub fn keep_scrambled(self, on: bool) {
        self.sets.update(|shelf| shelf.open.about.scrambled = on);
        self.keep();
    }

    /// The examples of a set as a file of the visitor's.
    pub fn save_set(self, id: Id) {
        self.finish_stroke();
        self.later(async move {
            if !self.hold(id).await {
                return;
            }
            let (name, held) = self.sets.update(|shelf| {
                let document = shelf.held.iter().find(|(held, _)| held.id == id).map(|(_, document)| document.clone());
                (shelf.copy(id).map(|held| held.about.name.clone()).unwrap_or_default(), document)
            });
            let document = held.unwrap_or_else(|| self.document.get_untracked());
            let file = file_name(&name, "json");
            match browser::download(&file, &document.save()) {
                Ok(()) => self.say(format!("Saved as {file}. Drop it on this page to open it again.")),
                Err(error) => self.fault(format!("The file could not be saved: {error}.")),
            }
        });
    }

    /// Saves the examples of the open set for other programs: as `png`, `svg` or `ndjson`.
    pub fn export(self, format: &'static str) {
        self.finish_stroke();
        let name = self.sets.with(|shelf| shelf.open.about.name.clone());
        let document = self.document.get_untracked();
        spawn_local(async move {
            let silent = document.examples.iter().filter(|example| example.strokes.is_empty());
            let pictures: Vec<f32> = silent.flat_map(|example| example.picture.iter().copied()).collect();
            let request = Export { text: &document.save(), pictures: &pictures, format };
            let found = match self.own_data.reader().export(&request).await {
                Ok(found) => found,
                Err(error) => return self.fault(format!("The examples could not be saved: {error}.")),
            };
            let file = match found.ending() {
                ending if ending == format => file_name(&name, &ending),
                ending => file_name(&format!("{name}-{format}"), &ending),
            };
            let left_out = match found.left_out() {
                0 => String::new(),
                count => format!(" {count} that are pictures are not in it: they have no strokes."),
            };
            match browser::download_bytes(&file, &found.bytes()) {
                Ok(()) => self.say(format!("Saved as {file}.{left_out}")),
                Err(error) => self.fault(format!("The file could not be saved: {error}.")),
            }
        });
    }
}

/// A file's name from that of a set.
fn file_name(set: &str, ending: &str) -> String {
    let safe: String = set.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    format!("{}.{ending}", safe.trim_matches('-'))
}
