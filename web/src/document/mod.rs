//! The document: the classes, the examples shown so far and the drawing in hand. This is the page's truth;
//! an engine's context is made from it and can be made again at any time.
//!
//! Everything here is plain data and pure functions, so that it is tested without a browser.

pub mod change;
pub mod codec;
pub mod link;
mod preprocess;
pub mod saved;
pub mod scramble;
pub mod specks;
#[cfg(test)]
pub mod testing;
mod units;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shaders::input::pixels::Stroke;

use crate::answers::{Answerer, Answers, Basis, Verdict};
pub use preprocess::{Drawing, Picture, joined, preprocess};
pub use units::{CANVAS, FEWEST, LONGEST_NAME, MOST, PEN};

/// Names offered to new classes, each short to draw.
const STARTERS: [&str; 10] = ["circle", "star", "wave", "house", "fish", "heart", "moon", "tree", "key", "cup"];

/// An example's name for good, drawn at random: tabs that know nothing of each other never give the same one.
pub type Id = u64;

/// A number below 2⁵³, which JavaScript holds exactly.
#[cfg(target_arch = "wasm32")]
pub fn fresh_id() -> Id {
    let bits = |count: u32| (js_sys::Math::random() * f64::from(1u32 << count)) as u64;
    bits(27) << 26 | bits(26)
}

/// Tests have no browser to draw numbers from, and read better with small ones.
#[cfg(not(target_arch = "wasm32"))]
pub fn fresh_id() -> Id {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// One class of the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// The label that the learner is given for it, below [`MOST`]; stays the same when other classes go.
    pub label: u32,
    /// What the visitor calls it.
    pub name: String,
}

/// One shown example.
#[derive(Debug, Clone)]
pub struct Example {
    /// Never given twice.
    pub id: Id,
    /// Examples stand in the order of their places, and of their ids where places are equal: so each can be kept, moved
    /// and brought back without a word about the others.
    pub place: f64,
    /// As it was drawn, in no more points than it takes; empty where it came as a picture.
    pub strokes: Drawing,
    /// What the learner sees of it: ink in [0, 1], [28, 28].
    pub picture: Picture,
    /// Label of its class.
    pub label: u32,
    /// What was said of it before it was told that label.
    pub answers: Answers,
}

impl PartialEq for Example {
    fn eq(&self, other: &Example) -> bool {
        // Snapshots share what they hold, and a thousand pictures take long to compare.
        let same = |a: &Example, b: &Example| {
            (Arc::ptr_eq(&a.picture, &b.picture) || a.picture == b.picture)
                && (Arc::ptr_eq(&a.strokes, &b.strokes) || a.strokes == b.strokes)
        };
        let known = |example: &Example| (example.id, example.place, example.label);
        known(self) == known(other) && self.answers == other.answers && same(self, other)
    }
}

/// Classes, examples and the drawing in hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// In the order of the page.
    pub classes: Vec<Class>,
    /// In the order in which they were shown.
    pub examples: Vec<Example>,
    /// Finished strokes of the drawing in hand.
    pub drawing: Drawing,
    /// The picture in hand, in place of a drawing.
    pub photo: Option<Picture>,
}

impl Default for Document {
    fn default() -> Self {
        let classes = STARTERS[..3].iter().zip(0..).map(|(name, label)| Class { label, name: name.to_string() });
        Document { classes: classes.collect(), examples: Vec::new(), drawing: Drawing::default(), photo: None }
    }
}

impl Document {
    /// Number of examples of a label.
    pub fn count(&self, label: u32) -> usize {
        self.examples.iter().filter(|example| example.label == label).count()
    }

    /// The same document with small ids, to compare it with another.
    #[cfg(test)]
    pub fn numbered(&self) -> Document {
        let mut document = self.clone();
        document.examples.iter_mut().zip(1..).for_each(|(example, number)| {
            example.id = number;
            example.place = number as f64;
        });
        document
    }

    /// Labels in the order in which they were shown.
    #[cfg(test)]
    fn labels(&self) -> Vec<u32> {
        self.examples.iter().map(|example| example.label).collect()
    }

    /// Number of different labels shown so far.
    pub fn known(&self) -> usize {
        self.classes.iter().filter(|class| self.count(class.label) > 0).count()
    }

    /// Name of a label.
    pub fn name(&self, label: u32) -> &str {
        self.classes.iter().find(|class| class.label == label).map_or("?", |class| class.name.as_str())
    }

    /// The drawing or picture in hand, if any, becomes an example of `label`, and the canvas is free again. It is
    /// thinned out first, so that what is learned is what is saved and shared.
    pub fn teach(&mut self, label: u32) {
        let thin = codec::thinned(&joined(&std::mem::take(&mut self.drawing)));
        self.add(label, thin, self.photo.clone());
        self.photo = None;
    }

    /// Adds an example as it is: strokes, or a picture where there are none. Nothing happens where there is neither.
    pub fn add(&mut self, label: u32, strokes: Vec<Stroke>, picture: Option<Picture>) {
        let picture = if strokes.is_empty() { picture } else { preprocess(&strokes).ok().map(Arc::new) };
        let Some(picture) = picture else { return };
        let place = self.examples.last().map_or(0.0, |last| last.place) + 1.0;
        let (strokes, answers) = (Arc::new(strokes), Answers::default());
        self.examples.push(Example { id: fresh_id(), place, strokes, picture, label, answers });
    }

    /// A document of classes with these names, and no example.
    pub fn of(names: impl IntoIterator<Item = String>) -> Document {
        let classes = names.into_iter().zip(0..MOST as u32).map(|(name, label)| Class { label, name }).collect();
        Document { classes, ..Document::default() }
    }

    /// Puts the examples in the order of their places.
    pub fn sort(&mut self) {
        self.examples.sort_by(|a, b| a.place.total_cmp(&b.place).then(a.id.cmp(&b.id)));
    }

    /// Forgets one example.
    pub fn forget(&mut self, id: Id) {
        self.examples.retain(|example| example.id != id);
    }

    /// Gives one example another label. What was said of it was said of another question.
    pub fn relabel(&mut self, id: Id, label: u32) {
        if let Some(example) = self.examples.iter_mut().find(|example| example.id == id && example.label != label) {
            example.label = label;
            example.answers = Answers::default();
        }
    }

    /// Puts the examples in another order: `below(n)` gives a random number below n. What was said of them was said after
    /// others.
    pub fn shuffle(&mut self, mut below: impl FnMut(usize) -> usize) {
        self.examples.iter_mut().for_each(|example| example.answers = Answers::default());
        for last in (1..self.examples.len()).rev() {
            let other = below(last + 1);
            self.examples.swap(last, other);
            let place = self.examples[last].place;
            self.examples[last].place = std::mem::replace(&mut self.examples[other].place, place);
        }
    }

    /// Keeps what was said of examples: id, label that it was asked about, who, and the verdict. Those that are gone or have
    /// another label by now are left out.
    pub fn keep_answers(&mut self, basis: Basis, answers: &[(Id, u32, Answerer, Verdict)]) {
        for (id, label, who, verdict) in answers {
            // what is asked last is taught last, mostly
            let found = self.examples.iter_mut().rev().find(|example| example.id == *id && example.label == *label);
            if let Some(example) = found {
                example.answers.keep(basis, *who, *verdict);
            }
        }
    }

    /// All examples of `a` become examples of `b`, and the other way round. Names stay where they are.
    pub fn swap(&mut self, a: u32, b: u32) {
        for example in &mut self.examples {
            example.label = match example.label {
                label if label == a => b,
                label if label == b => a,
                label => label,
            };
        }
    }

    /// Adds a class with a name that is not taken; nothing happens beyond `most` classes.
    pub fn add_class(&mut self, most: usize) {
        let most = most.min(MOST);
        if self.classes.len() >= most {
            return;
        }
        let free = |label: &u32| self.classes.iter().all(|class| class.label != *label);
        let Some(label) = (0..most as u32).find(free) else { return };
        let taken = |name: &str| self.classes.iter().any(|class| class.name == name);
        let starter = STARTERS.iter().find(|name| !taken(name)).map(|name| name.to_string());
        let name = starter.unwrap_or_else(|| format!("class {}", label + 1));
        self.classes.push(Class { label, name });
    }

    /// Adds a class for each of these names that is not taken, as far as there is room for `most` classes. Where nothing was
    /// shown yet, classes that still have the name they came with make room.
    pub fn add_classes(&mut self, names: impl IntoIterator<Item = String>, most: usize) {
        let most = most.min(MOST);
        if self.examples.is_empty() {
            self.classes.retain(|class| !STARTERS.contains(&class.name.as_str()));
        }
        for name in names {
            let taken = self.classes.iter().any(|class| class.name == name);
            let free = |label: &u32| self.classes.iter().all(|class| class.label != *label);
            match (0..most as u32).find(free).filter(|_| !taken && self.classes.len() < most) {
                Some(label) => self.classes.push(Class { label, name }),
                None => continue,
            }
        }
    }

    /// Removes a class with its examples; nothing happens below [`FEWEST`].
    pub fn remove_class(&mut self, label: u32) {
        if self.classes.len() > FEWEST {
            self.classes.retain(|class| class.label != label);
            self.examples.retain(|example| example.label != label);
        }
    }

    /// Gives a class another name, shortened to [`LONGEST_NAME`]; an empty one is no name.
    pub fn rename(&mut self, label: u32, name: &str) {
        let name: String = name.trim().chars().take(LONGEST_NAME).collect();
        if let Some(class) = self.classes.iter_mut().find(|class| class.label == label && !name.is_empty()) {
            class.name = name;
        }
    }

    /// A document of these classes, if they can be one.
    pub fn with_classes(classes: Vec<Class>) -> Result<Document, String> {
        if !(FEWEST..=MOST).contains(&classes.len()) {
            return Err(format!("expected {FEWEST} to {MOST} classes, found {}", classes.len()));
        }
        let mut document = Document { classes: Vec::new(), ..Document::default() };
        for class in classes {
            if class.label as usize >= MOST || document.classes.iter().any(|other| other.label == class.label) {
                return Err(format!("label {} is out of range or there twice", class.label));
            }
            let name = class.name.chars().take(LONGEST_NAME).collect();
            document.classes.push(Class { name, ..class });
        }
        Ok(document)
    }

    /// Adds an example that came from outside, or says why it can't.
    pub fn take(&mut self, label: u32, strokes: Vec<Stroke>, picture: Option<Picture>) -> Result<(), String> {
        if self.classes.iter().all(|class| class.label != label) {
            return Err(format!("an example has label {label}, which no class has"));
        }
        if picture.is_none() {
            preprocess(&strokes).map_err(|error| error.to_string())?;
        }
        self.add(label, strokes, picture);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::drawn;
    use super::*;
    use shaders::input::pixels::PixelsError;

    #[test]
    fn size_and_place_of_a_drawing_do_not_matter() {
        let bend = |scale: f32, shift: f32| {
            let points = [[0.0, 0.0], [300.0, 80.0], [120.0, 700.0]].map(|p: [f32; 2]| p.map(|v| v * scale + shift));
            preprocess(&[Stroke { points: points.to_vec(), width: PEN }]).unwrap()
        };
        let large = bend(1.0, 0.0);
        for (scale, shift) in [(0.1, 0.0), (0.5, 333.0), (1.2, 100.0)] {
            let worst = bend(scale, shift).iter().zip(&large).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.05, "scale {scale}, shift {shift}: pixels differ by {worst}");
        }
        let dot = |x| preprocess(&[Stroke { points: vec![[x, x]], width: PEN }]).unwrap();
        assert_eq!(dot(10.0), dot(900.0));
        assert_eq!(preprocess(&[]), Err(PixelsError::Empty));
    }

    #[test]
    fn swapping_twice_changes_nothing_and_once_moves_every_example() {
        let mut document = Document::default();
        [0, 1, 2, 0].into_iter().for_each(|label| drawn(&mut document, label));
        let before = document.clone();
        document.swap(0, 1);
        assert_eq!(document.labels(), [1, 0, 2, 1]);
        assert_eq!(document.classes, before.classes);
        document.swap(1, 0);
        assert_eq!(document, before);
    }

    #[test]
    fn letters_become_classes_beside_what_is_there() {
        let letters = || ('a'..='z').map(String::from);
        let names =
            |document: &Document| -> Vec<String> { document.classes.iter().map(|class| class.name.clone()).collect() };
        let mut document = Document::default();
        document.add_classes(letters(), MOST);
        assert_eq!(names(&document), letters().collect::<Vec<_>>());
        // again, and the digits: what is there stays
        drawn(&mut document, 3);
        document.rename(0, "alpha");
        document.add_classes(letters(), MOST);
        document.add_classes(('0'..='9').map(String::from), MOST);
        assert_eq!((document.classes.len(), document.examples.len()), (37, 1));
        assert_eq!((names(&document)[0].as_str(), names(&document)[26].as_str()), ("alpha", "a"));
        document.add_classes(('A'..='Z').map(String::from), MOST);
        assert_eq!(document.classes.len(), MOST);
        let mut labels: Vec<u32> = document.classes.iter().map(|class| class.label).collect();
        labels.sort();
        assert_eq!(labels, (0..MOST as u32).collect::<Vec<_>>());
        // a learner of fewer classes
        let mut few = Document::default();
        drawn(&mut few, 0);
        few.add_classes(letters(), 10);
        assert_eq!((few.classes.len(), names(&few)[9].as_str()), (10, "g"));
    }

    #[test]
    fn pressure_is_for_the_eye_alone() {
        let points = [[100.0, 100.0], [400.0, 150.0], [300.0, 500.0], [350.0, 800.0]];
        let whole = [Stroke { points: points.to_vec(), width: PEN }];
        let pieces = [(0, 1, 30.0), (1, 2, 80.0), (2, 3, 45.0)].map(|(from, to, width)| {
            let points = points[from..=to].to_vec();
            Stroke { points, width }
        });
        assert_eq!(preprocess(&pieces), preprocess(&whole));
        assert_eq!(joined(&pieces), whole);
        let apart = [pieces[0].clone(), pieces[2].clone()];
        assert_eq!(joined(&apart).len(), 2, "strokes that do not touch stay two");
    }

    #[test]
    fn one_example_is_forgotten_relabelled_and_moved() {
        let mut document = Document::default();
        [0, 1, 2].into_iter().for_each(|label| drawn(&mut document, label));
        let ids = |document: &Document| document.examples.iter().map(|example| example.id).collect::<Vec<Id>>();
        let first = ids(&document);
        document.relabel(first[1], 2);
        assert_eq!(document.labels(), [0, 2, 2]);
        document.relabel(0, 0);
        document.forget(first[0]);
        assert_eq!(ids(&document), first[1..]);
        drawn(&mut document, 1);
        let mut before = ids(&document);
        document.shuffle(|_| 0);
        let mut after = ids(&document);
        assert_ne!(before, after);
        let shuffled = document.clone();
        document.sort();
        assert_eq!(document, shuffled, "places and order are two things");
        before.sort();
        after.sort();
        assert_eq!(before, after);
    }

    #[test]
    fn a_class_takes_its_examples_along_and_its_label_is_free_again() {
        let mut document = Document::default();
        [0, 1, 2, 1].into_iter().for_each(|label| drawn(&mut document, label));
        document.remove_class(1);
        assert_eq!(document.labels(), [0, 2]);
        document.remove_class(0);
        assert_eq!(document.classes.len(), 2, "two classes have to stay");
        document.add_class(10);
        assert_eq!(document.classes[2].label, 1);
        for _ in 0..20 {
            document.add_class(5);
        }
        assert_eq!(document.classes.len(), 5, "a learner of five classes gets no sixth");
        let mut labels: Vec<u32> = document.classes.iter().map(|class| class.label).collect();
        labels.sort();
        assert_eq!(labels, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn saved_tables_come_back_as_they_were() {
        let mut document = Document::default();
        [2, 1, 1].into_iter().for_each(|label| drawn(&mut document, label));
        document.rename(1, "  zig zag ");
        document.rename(2, "   ");
        let back = Document::load(&document.save()).unwrap();
        assert_eq!(back.numbered(), document.numbered());
        assert_eq!(back.name(1), "zig zag");
        assert_eq!(back.name(2), "wave");
    }

    #[test]
    fn what_was_said_is_kept_until_it_is_another_question() {
        use crate::answers::{Answerer, Basis, Verdict};
        let basis = Basis { weights: 7, scrambled: false };
        let mut document = Document::default();
        [2, 1, 1].into_iter().for_each(|label| drawn(&mut document, label));
        let without = document.save();
        assert!(!without.contains("answers"), "nothing was said: {without}");
        let loaded = Document::load(&without).unwrap();
        assert_eq!(loaded.numbered(), document.numbered(), "examples of earlier versions have no answers");
        document.examples.iter_mut().for_each(|example| example.answers.keep(basis, Answerer::Learner, Verdict::Right));
        let back = Document::load(&document.save()).unwrap();
        assert_eq!(back.numbered(), document.numbered());
        document.swap(1, 2);
        assert!(
            document.examples.iter().all(|example| example.answers.asked(basis, Answerer::Learner)),
            "only names changed"
        );
        let known = |document: &Document| {
            document.examples.iter().filter(|e| e.answers.asked(basis, Answerer::Learner)).count()
        };
        let before = document.clone();
        document.relabel(before.examples[1].id, 0);
        assert_eq!(known(&document), 2);
        let mut undone = before.clone();
        undone.examples[1..].iter_mut().for_each(|example| example.answers = Answers::default());
        assert_eq!(known(&undone), 1);
        let (id, label) = (undone.examples[1].id, undone.examples[1].label);
        undone.keep_answers(
            basis,
            &[(id, label + 1, Answerer::Learner, Verdict::Right), (Id::MAX, 0, Answerer::Learner, Verdict::Right)],
        );
        assert_eq!(known(&undone), 1, "an answer about another label was kept");
        undone.keep_answers(basis, &[(id, label, Answerer::Learner, Verdict::Right)]);
        assert_eq!(known(&undone), 2);
        document.shuffle(|_| 0);
        assert_eq!(known(&document), 0);
    }

    #[test]
    fn pictures_and_the_first_version_are_kept() {
        let mut document = Document::default();
        let picture: Vec<f32> = (0..784).map(|i| if i % 5 == 0 { (i % 16) as f32 / 15.0 } else { 0.0 }).collect();
        document.photo = Some(Arc::new(picture.clone()));
        document.teach(1);
        drawn(&mut document, 0);
        assert_eq!((document.photo.clone(), document.examples.len()), (None, 2));
        let back = Document::load(&document.save()).unwrap();
        assert_eq!(back.numbered(), document.numbered());
        assert_eq!(*back.examples[0].picture, picture);
        document.teach(2);
        assert_eq!(document.examples.len(), 2, "there was nothing in hand");

        let old = r#"{"version":1,"classes":[{"label":0,"name":"a"},{"label":3,"name":"b"}],
            "examples":[{"label":3,"strokes":[[100,100,151,803]]}]}"#;
        let document = Document::load(old).unwrap();
        assert_eq!(document.examples[0].strokes[0].points, [[100.0, 100.0], [151.0, 803.0]]);
    }

    #[test]
    fn a_table_from_elsewhere_gets_ids_of_its_own() {
        let mut own = Document::default();
        [0, 1, 2].into_iter().for_each(|label| drawn(&mut own, label));
        let other = Document::load(&own.save()).unwrap();
        let known = |id: Id| own.examples.iter().any(|example| example.id == id);
        assert!(other.examples.iter().all(|example| !known(example.id)));
        let mut named = Document::of(["x".to_owned(), "y".to_owned()]);
        drawn(&mut named, 1);
        assert_eq!((named.name(1), named.examples.len()), ("y", 1));
    }

    #[test]
    fn damaged_tables_are_refused_in_words() {
        let good = Document::default().save();
        for (bad, words) in [
            (String::new(), "EOF"),
            (good[..good.len() - 4].to_string(), "EOF"),
            (good.replace("\"version\":2", "\"version\":9"), "version"),
            (good.replace("\"label\":1", "\"label\":77"), "out of range"),
            (good.replace("\"label\":1", "\"label\":0"), "twice"),
            (good.replace("\"examples\":[]", "\"examples\":[{\"label\":8,\"strokes\":[]}]"), "no class"),
            (good.replace("\"examples\":[]", "\"examples\":[{\"label\":0,\"strokes\":[[]]}]"), "empty"),
            (good.replace("\"examples\":[]", "\"examples\":[{\"label\":0,\"picture\":\"AAAA\"}]"), "picture"),
            (
                good.replace("\"examples\":[]", "\"examples\":[{\"label\":0,\"strokes\":[[1,2147483647]]}]"),
                "coordinates",
            ),
        ] {
            let said = Document::load(&bad).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
