//! Sets and examples as texts, as the browser's storage keeps them: a record of each set, and one of each example.

use serde::{Deserialize, Serialize};

use crate::document::change::Change;
use crate::document::saved::SavedExample;
use crate::document::{Class, Document, Example, Id};

/// Version of a record. A page leaves records of a later version alone.
pub const VERSION: u32 = 1;
/// What the visitor's first set is called.
pub const FIRST: &str = "My drawings";
/// Longest name of a set, in characters.
pub const LONGEST_NAME: usize = 40;

/// Where a set came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The visitor taught it.
    #[default]
    Own,
    /// A sample or the demonstration.
    Sample,
    /// A link.
    Link,
    /// A file.
    File,
}

/// What is known of a set, beside its classes and examples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct About {
    /// What the visitor calls it.
    pub name: String,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// Tells apart what it came from: the checksum of a link or a file. 0 where there is none.
    #[serde(default)]
    pub source: u32,
    /// Whether the visitor has changed what came from elsewhere.
    #[serde(default)]
    pub touched: bool,
    /// Whether pixels are scrambled.
    #[serde(default)]
    pub scrambled: bool,
    /// When it was deleted, in milliseconds since 1970. It can come back for a while.
    #[serde(default)]
    pub deleted: Option<f64>,
}

/// A set, without its examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRecord {
    /// See [`VERSION`].
    pub version: u32,
    /// Grows by one with each change of the set or of its examples.
    pub revision: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub changed: f64,
    /// All but classes and examples.
    pub about: About,
    /// In the order of the page.
    pub classes: Vec<Class>,
}

impl About {
    /// Makes the change from `before` to `after` here, where somebody else may have changed other fields.
    pub fn merge(&mut self, before: &About, after: &About) {
        if before.name != after.name {
            self.name.clone_from(&after.name);
        }
        if before.scrambled != after.scrambled {
            self.scrambled = after.scrambled;
        }
        if before.deleted != after.deleted {
            self.deleted = after.deleted;
        }
        if (before.origin, before.source) != (after.origin, after.source) {
            (self.origin, self.source) = (after.origin, after.source);
        }
        self.touched |= after.touched;
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl SetRecord {
    /// As text.
    pub fn save(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Reads what [`SetRecord::save`] wrote, or says why it can't.
    pub fn load(text: &str) -> Result<SetRecord, String> {
        let found: Versioned = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if found.version > VERSION {
            return Err(format!(
                "a newer version of this page wrote it, in format {} instead of {VERSION}",
                found.version
            ));
        }
        let record: SetRecord = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Document::with_classes(record.classes.clone())?;
        Ok(record)
    }
}

#[derive(Serialize, Deserialize)]
struct ExampleRecord {
    place: f64,
    example: SavedExample,
}

/// An example as text; its id is its key.
pub fn save_example(example: &Example) -> String {
    serde_json::to_string(&ExampleRecord { place: example.place, example: SavedExample::of(example) })
        .expect("plain data")
}

/// Reads what [`save_example`] wrote. One that the page has already, `known`, keeps its strokes and picture, which never
/// change.
pub fn load_example(id: Id, text: &str, known: Option<&Example>) -> Result<Example, String> {
    let record: ExampleRecord = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match known {
        Some(known) => Ok(record.example.known(known, record.place)),
        None => record.example.example(id, record.place),
    }
}

/// What a change writes into a set that others may have changed in the meantime.
#[derive(Debug, PartialEq)]
pub struct Writing {
    /// Classes of the set after it.
    pub classes: Vec<Class>,
    /// Examples to write.
    pub put: Vec<Example>,
    /// Examples to remove.
    pub drop: Vec<Id>,
}

/// Works out what to write. `stored` are the examples that the set holds; where the change leaves the classes alone,
/// those that it names are enough.
pub fn writing(change: &Change, classes: Vec<Class>, stored: Option<Vec<Example>>) -> Writing {
    let named = || change.examples.iter().filter_map(|(before, _)| before.clone()).collect();
    let mut before = Document { classes, examples: stored.unwrap_or_else(named), ..Document::default() };
    before.sort();
    let mut after = before.clone();
    change.apply(&mut after);
    let (mut put, mut drop) = (Vec::new(), Vec::new());
    for pair in Change::between(&before, &after).examples {
        match pair {
            (_, Some(example)) => put.push(example),
            (Some(example), None) => drop.push(example.id),
            (None, None) => {}
        }
    }
    Writing { classes: after.classes, put, drop }
}

/// A name that no set has yet: the wanted one, or the same with a number.
pub fn free_name(wanted: &str, taken: &[String]) -> String {
    let wanted: String = wanted.trim().chars().take(LONGEST_NAME).collect();
    let wanted = if wanted.is_empty() { FIRST.to_owned() } else { wanted };
    let free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number| format!("{wanted} {number}"));
    std::iter::once(wanted.clone()).chain(numbered).find(free).unwrap_or_default()
}

/// Something that this page can't read, and leaves where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// What it is, and where.
    pub what: String,
    /// Why it can't be read.
    pub why: String,
    /// The text itself. None for all that a newer version has stored, which is asked for when it is wanted.
    pub text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::testing::drawn;

    fn record() -> SetRecord {
        let about = About { name: "Ünö \"1\"".to_owned(), origin: Origin::Link, source: 7, ..About::default() };
        SetRecord { version: VERSION, revision: 3, changed: 1.5e12, about, classes: Document::default().classes }
    }

    #[test]
    fn records_come_back_as_they_were() {
        let record = record();
        assert_eq!(SetRecord::load(&record.save()), Ok(record));
        let mut document = Document::default();
        drawn(&mut document, 1);
        let example = &document.examples[0];
        let text = save_example(example);
        assert_eq!(load_example(example.id, &text, None).as_ref(), Ok(example));
        assert!(text.len() < 120, "{text}");
        // what is known is not drawn again
        let moved = Example { label: 2, place: 0.5, ..example.clone() };
        let back = load_example(example.id, &save_example(&moved), Some(example)).unwrap();
        assert_eq!(back, moved);
        assert!(std::sync::Arc::ptr_eq(&back.picture, &example.picture));
    }

    #[test]
    fn what_a_newer_page_wrote_is_refused_in_words() {
        let newer = record().save().replace("\"version\":1", "\"version\":2,\"more\":[1]");
        assert!(SetRecord::load(&newer).unwrap_err().contains("newer"));
        for bad in ["", "{}", "[1]", "{\"version\":1}"] {
            assert!(SetRecord::load(bad).is_err(), "{bad}");
            assert!(load_example(1, bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn to_teach_one_of_many_writes_one() {
        let mut document = Document::default();
        (0..50).for_each(|i| drawn(&mut document, i % 3));
        let before = document.clone();
        drawn(&mut document, 1);
        let found = writing(&Change::between(&before, &document), before.classes.clone(), None);
        assert_eq!((found.put.len(), found.drop.len()), (1, 0));
        assert_eq!(found.put[0].id, document.examples[50].id);
        let id = document.examples[3].id;
        let before = document.clone();
        document.forget(id);
        let found = writing(&Change::between(&before, &document), before.classes.clone(), None);
        assert_eq!((found.put.len(), found.drop), (0, vec![id]));
    }

    #[test]
    fn a_class_stays_while_another_tab_has_taught_it() {
        let mut document = Document::default();
        drawn(&mut document, 2);
        let mut without = document.clone();
        without.remove_class(2);
        let change = Change::between(&document, &without);
        let mut stored = document.clone();
        assert_eq!(writing(&change, stored.classes.clone(), Some(stored.examples.clone())).classes.len(), 2);
        drawn(&mut stored, 2);
        let found = writing(&change, stored.classes.clone(), Some(stored.examples.clone()));
        assert_eq!((found.classes.len(), found.drop), (3, vec![document.examples[0].id]));
    }

    #[test]
    fn names_are_told_apart() {
        let taken = ["a", "a 2", "b"].map(str::to_owned);
        assert_eq!(free_name(" a ", &taken), "a 3");
        assert_eq!(free_name("c", &taken), "c");
        assert_eq!(free_name("  ", &taken), FIRST);
        assert_eq!(free_name(&"x".repeat(99), &taken).len(), LONGEST_NAME);
    }
}
