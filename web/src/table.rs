//! What is on the table: the classes, the examples shown so far and the drawing in hand. This is the page's truth;
//! an engine's context is made from it and can be made again at any time.
//!
//! Everything here is plain data and pure functions, so that it is tested without a browser.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shaders::pixels::{self, PixelsError, Stroke};

/// The canvas measures this many units a side, whatever its size on the screen.
pub const CANVAS: f32 = 1000.0;
/// Pen width on the screen, in canvas units.
pub const PEN: f32 = 62.0;
/// Pen width for the learner, as a share of the drawing's longer side: some 2.2 of the 20 pixels that a drawing is
/// fitted to, as in MNIST. Drawn small, it would otherwise become a blob.
const PEN_SHARE: f32 = 0.124;
/// Fewest classes: with one alone there is nothing to tell apart.
pub const FEWEST: usize = 2;
/// Most classes: one for each key 1 … 9 and 0.
pub const MOST: usize = 10;
/// Longest name of a class, in characters.
pub const LONGEST_NAME: usize = 24;
/// Steps that can be undone.
const STEPS: usize = 200;
/// Names offered to new classes, each short to draw.
const STARTERS: [&str; MOST] = ["circle", "star", "wave", "house", "fish", "heart", "moon", "tree", "key", "cup"];

/// A drawing: its strokes, shared between snapshots.
pub type Drawing = Arc<Vec<Stroke>>;

/// Ink in [0, 1], [28, 28], shared between snapshots.
pub type Picture = Arc<Vec<f32>>;

/// What the learner sees of a drawing: the same picture, however large and wherever it was drawn.
///
/// # Shapes
/// Ink in [0, 1], [28, 28]
pub fn seen(strokes: &[Stroke]) -> Result<Vec<f32>, PixelsError> {
    let extent = |axis: usize| {
        let along = strokes.iter().flat_map(|stroke| &stroke.points).map(|point| point[axis]);
        along.clone().fold(f32::NEG_INFINITY, f32::max) - along.fold(f32::INFINITY, f32::min)
    };
    // A dot has no side: any pen draws the same one.
    let width = PEN_SHARE * extent(0).max(extent(1)).max(1.0);
    let fitted = |stroke: &Stroke| Stroke { points: stroke.points.clone(), width };
    pixels::drawing(&strokes.iter().map(fitted).collect::<Vec<_>>())
}

/// Strokes as the pen drew them, from pieces that differ in width alone: see [`crate::canvas`].
pub fn joined(pieces: &[Stroke]) -> Vec<Stroke> {
    let mut strokes: Vec<Stroke> = Vec::new();
    for piece in pieces {
        match strokes.last_mut() {
            Some(stroke) if stroke.points.last() == piece.points.first() => {
                stroke.points.extend_from_slice(&piece.points[1..]);
            }
            _ => strokes.push(Stroke { points: piece.points.clone(), width: PEN }),
        }
    }
    strokes
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
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Never given twice.
    pub id: u32,
    /// As it was drawn.
    pub strokes: Drawing,
    /// What the learner sees of it: ink in [0, 1], [28, 28].
    pub picture: Arc<Vec<f32>>,
    /// Label of its class.
    pub label: u32,
}

/// Classes, examples and the drawing in hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// In the order of the page.
    pub classes: Vec<Class>,
    /// In the order in which they were shown.
    pub examples: Vec<Example>,
    /// Finished strokes of the drawing in hand.
    pub drawing: Drawing,
    /// The next example's id.
    next: u32,
}

impl Default for Table {
    fn default() -> Self {
        let classes = STARTERS[..3].iter().zip(0..).map(|(name, label)| Class { label, name: name.to_string() });
        Table { classes: classes.collect(), examples: Vec::new(), drawing: Drawing::default(), next: 0 }
    }
}

impl Table {
    /// Number of examples of a label.
    pub fn count(&self, label: u32) -> usize {
        self.examples.iter().filter(|example| example.label == label).count()
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

    /// The drawing in hand becomes an example of `label`, and the canvas is free again.
    pub fn teach(&mut self, label: u32, picture: Arc<Vec<f32>>) {
        let strokes = Arc::new(joined(&std::mem::take(&mut self.drawing)));
        self.examples.push(Example { id: self.next, strokes, picture, label });
        self.next += 1;
    }

    /// Forgets one example.
    pub fn forget(&mut self, id: u32) {
        self.examples.retain(|example| example.id != id);
    }

    /// Gives one example another label.
    pub fn relabel(&mut self, id: u32, label: u32) {
        if let Some(example) = self.examples.iter_mut().find(|example| example.id == id) {
            example.label = label;
        }
    }

    /// Puts the examples in another order: `below(n)` gives a random number below n.
    pub fn shuffle(&mut self, mut below: impl FnMut(usize) -> usize) {
        for last in (1..self.examples.len()).rev() {
            self.examples.swap(last, below(last + 1));
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

    /// As text for the browser's own storage.
    pub fn save(&self) -> String {
        let flat = |stroke: &Stroke| stroke.points.iter().flatten().map(|v| v.round() as i32).collect();
        let saved = Saved {
            version: VERSION,
            classes: self.classes.clone(),
            examples: self
                .examples
                .iter()
                .map(|example| SavedExample {
                    label: example.label,
                    strokes: example.strokes.iter().map(flat).collect(),
                })
                .collect(),
        };
        serde_json::to_string(&saved).expect("plain data")
    }

    /// Reads what [`Table::save`] wrote, or says why it can't.
    pub fn load(text: &str) -> Result<Table, String> {
        let saved: Saved = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if saved.version != VERSION {
            return Err(format!("expected version {VERSION}, found {}", saved.version));
        }
        if !(FEWEST..=MOST).contains(&saved.classes.len()) {
            return Err(format!("expected {FEWEST} to {MOST} classes, found {}", saved.classes.len()));
        }
        let mut table = Table { classes: Vec::new(), ..Table::default() };
        for class in saved.classes {
            if class.label as usize >= MOST || table.classes.iter().any(|other| other.label == class.label) {
                return Err(format!("label {} is out of range or there twice", class.label));
            }
            let name = class.name.chars().take(LONGEST_NAME).collect();
            table.classes.push(Class { name, ..class });
        }
        for example in saved.examples {
            if table.classes.iter().all(|class| class.label != example.label) {
                return Err(format!("an example has label {}, which no class has", example.label));
            }
            let strokes = example.strokes.iter().map(|flat| Stroke {
                points: flat.chunks_exact(2).map(|point| [point[0] as f32, point[1] as f32]).collect(),
                width: PEN,
            });
            let strokes: Vec<Stroke> = strokes.collect();
            let picture = seen(&strokes).map_err(|error| error.to_string())?;
            table.drawing = Arc::new(strokes);
            table.teach(example.label, Arc::new(picture));
        }
        Ok(table)
    }
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    classes: Vec<Class>,
    examples: Vec<SavedExample>,
}

#[derive(Serialize, Deserialize)]
struct SavedExample {
    label: u32,
    /// x, y, x, y, … in whole canvas units, a list for each stroke.
    strokes: Vec<Vec<i32>>,
}

/// Tables before and after the one in hand.
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Table>,
    future: Vec<Table>,
}

impl History {
    /// Remembers `before` as the step that the next undo goes back to.
    pub fn record(&mut self, before: Table) {
        self.future.clear();
        self.past.push(before);
        if self.past.len() > STEPS {
            self.past.remove(0);
        }
    }

    /// The table before the last step; `now` can be had again by [`History::redo`].
    pub fn undo(&mut self, now: &Table) -> Option<Table> {
        let before = self.past.pop()?;
        self.future.push(now.clone());
        // An id that was given out once must not come back for another drawing after undo.
        Some(Table { next: now.next, ..before })
    }

    /// The table that the last undo left.
    pub fn redo(&mut self, now: &Table) -> Option<Table> {
        let after = self.future.pop()?;
        self.past.push(now.clone());
        Some(Table { next: now.next.max(after.next), ..after })
    }

    /// Whether there is a step to undo, and one to redo.
    pub fn reach(&self) -> (bool, bool) {
        (!self.past.is_empty(), !self.future.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(table: &mut Table, label: u32) {
        let points = vec![[100.0, 100.0], [100.0 + 50.0 * label as f32, 800.0]];
        table.drawing = Arc::new(vec![Stroke { points, width: PEN }]);
        let picture = seen(&table.drawing).unwrap();
        table.teach(label, Arc::new(picture));
    }

    #[test]
    fn size_and_place_of_a_drawing_do_not_matter() {
        let bend = |scale: f32, shift: f32| {
            let points = [[0.0, 0.0], [300.0, 80.0], [120.0, 700.0]].map(|p: [f32; 2]| p.map(|v| v * scale + shift));
            seen(&[Stroke { points: points.to_vec(), width: PEN }]).unwrap()
        };
        let large = bend(1.0, 0.0);
        for (scale, shift) in [(0.1, 0.0), (0.5, 333.0), (1.2, 100.0)] {
            let worst = bend(scale, shift).iter().zip(&large).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.05, "scale {scale}, shift {shift}: pixels differ by {worst}");
        }
        let dot = |x| seen(&[Stroke { points: vec![[x, x]], width: PEN }]).unwrap();
        assert_eq!(dot(10.0), dot(900.0));
        assert_eq!(seen(&[]), Err(PixelsError::Empty));
    }

    #[test]
    fn swapping_twice_changes_nothing_and_once_moves_every_example() {
        let mut table = Table::default();
        [0, 1, 2, 0].into_iter().for_each(|label| drawn(&mut table, label));
        let before = table.clone();
        table.swap(0, 1);
        assert_eq!(table.labels(), [1, 0, 2, 1]);
        assert_eq!(table.classes, before.classes);
        table.swap(1, 0);
        assert_eq!(table, before);
    }

    #[test]
    fn pressure_is_for_the_eye_alone() {
        let points = [[100.0, 100.0], [400.0, 150.0], [300.0, 500.0], [350.0, 800.0]];
        let whole = [Stroke { points: points.to_vec(), width: PEN }];
        let pieces = [(0, 1, 30.0), (1, 2, 80.0), (2, 3, 45.0)].map(|(from, to, width)| {
            let points = points[from..=to].to_vec();
            Stroke { points, width }
        });
        assert_eq!(seen(&pieces), seen(&whole));
        assert_eq!(joined(&pieces), whole);
        let apart = [pieces[0].clone(), pieces[2].clone()];
        assert_eq!(joined(&apart).len(), 2, "strokes that do not touch stay two");
    }

    #[test]
    fn one_example_is_forgotten_relabelled_and_moved() {
        let mut table = Table::default();
        [0, 1, 2].into_iter().for_each(|label| drawn(&mut table, label));
        table.relabel(1, 2);
        assert_eq!(table.labels(), [0, 2, 2]);
        table.relabel(77, 0);
        table.forget(0);
        assert_eq!(table.examples.iter().map(|example| example.id).collect::<Vec<_>>(), [1, 2]);
        drawn(&mut table, 1);
        let mut before: Vec<u32> = table.examples.iter().map(|example| example.id).collect();
        table.shuffle(|_| 0);
        let mut after: Vec<u32> = table.examples.iter().map(|example| example.id).collect();
        assert_ne!(before, after);
        before.sort();
        after.sort();
        assert_eq!(before, after);
    }

    #[test]
    fn a_class_takes_its_examples_along_and_its_label_is_free_again() {
        let mut table = Table::default();
        [0, 1, 2, 1].into_iter().for_each(|label| drawn(&mut table, label));
        table.remove_class(1);
        assert_eq!(table.labels(), [0, 2]);
        table.remove_class(0);
        assert_eq!(table.classes.len(), 2, "two classes have to stay");
        table.add_class(10);
        assert_eq!(table.classes[2].label, 1);
        for _ in 0..20 {
            table.add_class(5);
        }
        assert_eq!(table.classes.len(), 5, "a learner of five classes gets no sixth");
        let mut labels: Vec<u32> = table.classes.iter().map(|class| class.label).collect();
        labels.sort();
        assert_eq!(labels, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn saved_tables_come_back_as_they_were() {
        let mut table = Table::default();
        [2, 1, 1].into_iter().for_each(|label| drawn(&mut table, label));
        table.rename(1, "  zig zag ");
        table.rename(2, "   ");
        let back = Table::load(&table.save()).unwrap();
        assert_eq!(back, table);
        assert_eq!(back.name(1), "zig zag");
        assert_eq!(back.name(2), "wave");
    }

    #[test]
    fn damaged_tables_are_refused_in_words() {
        let good = Table::default().save();
        for (bad, words) in [
            (String::new(), "EOF"),
            (good[..good.len() - 4].to_string(), "EOF"),
            (good.replace("\"version\":1", "\"version\":9"), "version"),
            (good.replace("\"label\":1", "\"label\":77"), "out of range"),
            (good.replace("\"label\":1", "\"label\":0"), "twice"),
            (good.replace("\"examples\":[]", "\"examples\":[{\"label\":8,\"strokes\":[]}]"), "no class"),
            (good.replace("\"examples\":[]", "\"examples\":[{\"label\":0,\"strokes\":[[]]}]"), "empty"),
            (
                good.replace("\"examples\":[]", "\"examples\":[{\"label\":0,\"strokes\":[[1,2147483647]]}]"),
                "coordinates",
            ),
        ] {
            let said = Table::load(&bad).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn undo_and_redo_walk_the_same_path() {
        let (mut table, mut history) = (Table::default(), History::default());
        let mut path = vec![table.clone()];
        for label in [0, 1, 0] {
            history.record(table.clone());
            drawn(&mut table, label);
            path.push(table.clone());
        }
        for step in (0..3).rev() {
            table = history.undo(&table).unwrap();
            assert_eq!((&table.examples, &table.drawing), (&path[step].examples, &path[step].drawing));
        }
        assert!(history.undo(&table).is_none());
        table = history.redo(&table).unwrap();
        assert_eq!(table.examples, path[1].examples);
        // another step forgets the way forward, and no id is given twice
        history.record(table.clone());
        drawn(&mut table, 2);
        assert!(history.redo(&table).is_none());
        assert_eq!(table.examples.iter().map(|example| example.id).collect::<Vec<_>>(), [0, 3]);
    }
}
