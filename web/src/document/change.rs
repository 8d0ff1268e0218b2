//! What differs between two documents, example by example and class by class. A step is taken back by inverting its change
//! on the document as it is now, so that what came from elsewhere in the meantime, such as another tab, stays.

use crate::document::{Class, Document, Drawing, Example, FEWEST, Id, MOST, Picture};

/// What is in hand: strokes, or a picture in their place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hand {
    /// Finished strokes.
    pub drawing: Drawing,
    /// See [`Document::photo`].
    pub photo: Option<Picture>,
}

impl Hand {
    /// Of a document.
    pub fn of(document: &Document) -> Hand {
        Hand { drawing: document.drawing.clone(), photo: document.photo.clone() }
    }

    /// Puts it into a document.
    pub fn give(&self, document: &mut Document) {
        document.drawing = self.drawing.clone();
        document.photo = self.photo.clone();
    }
}

/// A thing before and after; none where it was not there.
type Pair<T> = (Option<T>, Option<T>);

/// All that differs between two documents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// In the order of their ids.
    pub examples: Vec<Pair<Example>>,
    /// With their positions.
    pub classes: Vec<Pair<(usize, Class)>>,
    hand: Option<(Hand, Hand)>,
    /// The classes of both documents: an example can't come back without its own.
    known: Vec<Class>,
}

impl Change {
    /// What has to be done to `before` to make it `after`.
    pub fn between(before: &Document, after: &Document) -> Change {
        let hands = (Hand::of(before), Hand::of(after));
        let mut known = after.classes.clone();
        known.extend(before.classes.iter().filter(|class| !holds(&after.classes, class.label)).cloned());
        Change {
            examples: example_pairs(&before.examples, &after.examples),
            classes: class_pairs(&before.classes, &after.classes),
            hand: (hands.0 != hands.1).then_some(hands),
            known,
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        !self.teaches() && self.hand.is_none()
    }

    /// Whether classes or examples differ, and not what is in hand alone.
    pub fn teaches(&self) -> bool {
        !self.examples.is_empty() || !self.classes.is_empty()
    }

    /// The way back.
    pub fn inverse(self) -> Change {
        Change {
            examples: self.examples.into_iter().map(|(before, after)| (after, before)).collect(),
            classes: self.classes.into_iter().map(|(before, after)| (after, before)).collect(),
            hand: self.hand.map(|(before, after)| (after, before)),
            known: self.known,
        }
    }

    /// Makes the change on a document that may have changed otherwise in the meantime. What somebody else has removed stays
    /// removed, what they have renamed, relabelled or moved stays so, and what they have added stays.
    pub fn apply(&self, document: &mut Document) {
        let moved = self.apply_classes(document);
        let label = |label: u32| moved.iter().find(|(from, _)| *from == label).map_or(label, |(_, to)| *to);
        for pair in &self.examples {
            match pair {
                (None, Some(example)) => {
                    if document.examples.iter().all(|other| other.id != example.id) {
                        self.require(document, example.label, label(example.label));
                        document.examples.push(Example { label: label(example.label), ..example.clone() });
                    }
                }
                (Some(example), None) => document.forget(example.id),
                (Some(before), Some(after)) => {
                    if let Some(now) = document.examples.iter().position(|other| other.id == after.id) {
                        if document.examples[now].label == before.label && before.label != after.label {
                            self.require(document, after.label, label(after.label));
                            document.examples[now].label = label(after.label);
                            document.examples[now].answers = after.answers.clone();
                        }
                        let now = &mut document.examples[now];
                        if now.place == before.place && before.place != after.place {
                            now.place = after.place;
                            now.answers = after.answers.clone();
                        }
                        if (before.label, before.place) == (after.label, after.place) {
                            now.answers.adopt(&after.answers);
                        }
                    }
                }
                (None, None) => {}
            }
        }
        document.sort();
        for pair in &self.classes {
            if let (Some((_, class)), None) = pair
                && document.classes.len() > FEWEST
                && document.count(class.label) == 0
            {
                document.classes.retain(|other| other.label != class.label);
            }
        }
        if let Some((_, hand)) = &self.hand {
            hand.give(document);
        }
    }

    /// Adds and renames classes. Gives the labels of those whose own was taken, with the ones they got.
    fn apply_classes(&self, document: &mut Document) -> Vec<(u32, u32)> {
        let mut moved = Vec::new();
        for pair in &self.classes {
            match pair {
                (None, Some((at, class))) => match document.classes.iter().find(|other| other.label == class.label) {
                    // Somebody else has given this label to another class.
                    Some(other) if other.name != class.name => {
                        let free = (0..MOST as u32).find(|label| !holds(&document.classes, *label));
                        if let Some(label) = free {
                            document.classes.push(Class { label, name: class.name.clone() });
                            moved.push((class.label, label));
                        }
                    }
                    Some(_) => {}
                    None => document.classes.insert((*at).min(document.classes.len()), class.clone()),
                },
                (Some((_, before)), Some((_, after))) => {
                    let now = document.classes.iter_mut().find(|class| class.label == before.label);
                    if let Some(now) = now.filter(|now| now.name == before.name) {
                        now.name = after.name.clone();
                    }
                }
                _ => {}
            }
        }
        moved
    }

    /// A class that somebody else has removed comes back with its example.
    fn require(&self, document: &mut Document, label: u32, now: u32) {
        if !holds(&document.classes, now)
            && let Some(class) = self.known.iter().find(|class| class.label == label)
        {
            document.classes.push(Class { label: now, name: class.name.clone() });
        }
    }
}

fn holds(classes: &[Class], label: u32) -> bool {
    classes.iter().any(|class| class.label == label)
}

fn example_pairs(before: &[Example], after: &[Example]) -> Vec<Pair<Example>> {
    let known = |example: &Example| (example.id, example.label, example.place);
    let equal = |a: &Example, b: &Example| known(a) == known(b) && a.answers == b.answers;
    // Most changes are at the end.
    let same = before.iter().zip(after).take_while(|(a, b)| equal(a, b)).count();
    let by_id = |examples: &[Example]| {
        let mut order: Vec<Example> = examples.to_vec();
        order.sort_unstable_by_key(|example| example.id);
        order.into_iter().peekable()
    };
    let (mut before, mut after) = (by_id(&before[same..]), by_id(&after[same..]));
    let mut pairs = Vec::new();
    loop {
        // `u64::MAX` is no id: those are below 2⁵³.
        let (a, b) = (before.peek().map_or(Id::MAX, |e| e.id), after.peek().map_or(Id::MAX, |e| e.id));
        if a == Id::MAX && b == Id::MAX {
            return pairs;
        }
        let a_first = before.next_if(|example| example.id <= b);
        let b_first = after.next_if(|example| example.id <= a);
        match (&a_first, &b_first) {
            (Some(x), Some(y)) if equal(x, y) => {}
            _ => pairs.push((a_first, b_first)),
        }
    }
}

fn class_pairs(before: &[Class], after: &[Class]) -> Vec<Pair<(usize, Class)>> {
    let of = |classes: &[Class], label: u32| {
        let at = classes.iter().position(|class| class.label == label)?;
        Some((at, classes[at].clone()))
    };
    let pairs = (0..MOST as u32).map(|label| (of(before, label), of(after, label)));
    let named = |side: &Option<(usize, Class)>| side.as_ref().map(|(_, class)| class.name.clone());
    let mut pairs: Vec<_> = pairs.filter(|(a, b)| named(a) != named(b)).collect();
    // So that classes that come back together stand where they stood.
    pairs.sort_by_key(|(a, b)| b.as_ref().or(a.as_ref()).map(|(at, _)| *at));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::testing::drawn;

    /// A generator of test cases: the same for the same seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit
        }
    }

    /// One thing that a visitor may do.
    fn act(document: &mut Document, random: &mut Random, name: &str) {
        let class = document.classes[random.below(document.classes.len())].label;
        let other = document.classes[random.below(document.classes.len())].label;
        let example =
            (!document.examples.is_empty()).then(|| document.examples[random.below(document.examples.len())].id);
        match random.below(9) {
            0..=2 => drawn(document, class),
            3 => example.into_iter().for_each(|id| document.forget(id)),
            4 => example.into_iter().for_each(|id| document.relabel(id, other)),
            5 => document.swap(class, other),
            6 => document.shuffle(|below| random.below(below)),
            7 => document.rename(class, &format!("{name} {}", random.below(100))),
            _ if random.below(2) == 0 => document.add_class(MOST),
            _ => document.remove_class(class),
        }
    }

    fn ids(document: &Document) -> Vec<Id> {
        let mut ids: Vec<Id> = document.examples.iter().map(|example| example.id).collect();
        ids.sort();
        ids
    }

    fn sound(document: &Document) {
        assert!(document.classes.len() >= FEWEST, "{} classes", document.classes.len());
        for (at, class) in document.classes.iter().enumerate() {
            assert!(
                (class.label as usize) < MOST && !holds(&document.classes[..at], class.label),
                "{:?}",
                document.classes
            );
        }
        for example in &document.examples {
            assert!(holds(&document.classes, example.label), "an example has no class");
        }
        assert!(document.examples.is_sorted_by(|a, b| (a.place, a.id) < (b.place, b.id)), "out of order");
    }

    #[test]
    fn a_change_leads_there_and_its_inverse_back() {
        for seed in 0..300 {
            let (mut random, mut document) = (Random(seed), Document::default());
            let (mut path, mut changes) = (vec![document.clone()], Vec::new());
            for _ in 0..25 {
                let before = document.clone();
                act(&mut document, &mut random, "a");
                let change = Change::between(&before, &document);
                let mut there = before.clone();
                change.apply(&mut there);
                assert_eq!(there, document, "seed {seed}");
                sound(&document);
                changes.push(change);
                path.push(document.clone());
            }
            for (change, before) in changes.iter().zip(&path).rev() {
                change.clone().inverse().apply(&mut document);
                assert_eq!(&document, before, "seed {seed}");
            }
            for (change, after) in changes.iter().zip(&path[1..]) {
                change.apply(&mut document);
                assert_eq!(&document, after, "seed {seed}");
            }
        }
    }

    #[test]
    fn taking_back_ones_own_leaves_what_another_taught() {
        for seed in 0..300 {
            let (mut random, mut document) = (Random(seed), Document::default());
            let (mut own, mut foreign) = (Vec::new(), Vec::new());
            for _ in 0..30 {
                let before = document.clone();
                if random.below(2) == 0 {
                    act(&mut document, &mut random, "a");
                    own.push(Change::between(&before, &document));
                } else {
                    let label = document.classes[random.below(document.classes.len())].label;
                    drawn(&mut document, label);
                    foreign.extend(Change::between(&before, &document).examples.into_iter().filter_map(|pair| pair.1));
                }
            }
            let removed: Vec<Id> = own
                .iter()
                .flat_map(|c| &c.examples)
                .filter(|p| p.1.is_none())
                .filter_map(|p| Some(p.0.as_ref()?.id))
                .collect();
            for change in own.into_iter().rev() {
                change.inverse().apply(&mut document);
                sound(&document);
            }
            // what this one had removed of the other's is back, and nothing of its own is left
            let mut expected: Vec<Id> = foreign.iter().map(|example| example.id).collect();
            expected.sort();
            assert_eq!(ids(&document), expected, "seed {seed}, removed in between: {removed:?}");
        }
    }

    /// One tab keeps what it did, and the other takes that over below what it has not kept yet.
    fn keep(kept: &mut Document, tabs: &mut [Document; 2], shown: &mut [Document; 2], at: usize) {
        Change::between(&shown[at], &tabs[at]).apply(kept);
        for tab in 0..2 {
            let pending = Change::between(&shown[tab], &tabs[tab]);
            tabs[tab] = kept.clone();
            if tab != at {
                pending.apply(&mut tabs[tab]);
            }
            shown[tab] = kept.clone();
            sound(&tabs[tab]);
        }
    }

    #[test]
    fn two_that_change_apart_meet_with_everything_taught() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let mut kept = Document::default();
            (0..4).for_each(|i| drawn(&mut kept, i % 3));
            let (mut tabs, mut shown) = ([kept.clone(), kept.clone()], [kept.clone(), kept.clone()]);
            for _ in 0..20 {
                let at = random.below(2);
                act(&mut tabs[at], &mut random, ["a", "b"][at]);
                if random.below(3) == 0 {
                    keep(&mut kept, &mut tabs, &mut shown, at);
                }
            }
            let new = |tab: usize| {
                let known = ids(&shown[tab]);
                ids(&tabs[tab]).into_iter().filter(move |id| !known.contains(id))
            };
            let new: Vec<Id> = new(0).chain(new(1)).collect();
            keep(&mut kept, &mut tabs, &mut shown, 0);
            keep(&mut kept, &mut tabs, &mut shown, 1);
            assert_eq!((&tabs[0], &tabs[1]), (&kept, &kept), "seed {seed}");
            for id in new {
                assert!(ids(&kept).contains(&id), "seed {seed}: an example was lost");
            }
        }
    }

    #[test]
    fn an_example_taught_to_a_class_that_another_removed_brings_it_back() {
        let mut kept = Document::default();
        drawn(&mut kept, 2);
        let (mut a, mut b) = (kept.clone(), kept.clone());
        a.remove_class(2);
        drawn(&mut b, 2);
        let (from_a, from_b) = (Change::between(&kept, &a), Change::between(&kept, &b));
        for order in [[&from_a, &from_b], [&from_b, &from_a]] {
            let mut document = kept.clone();
            order.into_iter().for_each(|change| change.apply(&mut document));
            assert_eq!((document.name(2), document.count(2)), ("wave", 1));
        }
    }

    #[test]
    fn two_classes_that_got_one_label_are_told_apart() {
        let kept = Document::default();
        let with = |name: &str| {
            let mut document = kept.clone();
            document.add_class(MOST);
            document.rename(3, name);
            drawn(&mut document, 3);
            Change::between(&kept, &document)
        };
        let mut document = kept.clone();
        with("owl").apply(&mut document);
        with("fox").apply(&mut document);
        let shown: Vec<&str> = document.examples.iter().map(|example| document.name(example.label)).collect();
        assert_eq!(shown, ["owl", "fox"]);
    }
}
