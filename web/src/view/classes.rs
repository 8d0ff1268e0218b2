//! The answer, and a card for each class.

use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Event, HtmlInputElement, HtmlSelectElement};

use super::icon::icon;
use super::name_field::leave_field;
use super::shortcuts::{key_of, names};
use super::thumbnail::Gallery;
use super::words::{Verdict, because, hue, verdict};
use crate::answers::{best, percent};
use crate::document::{Example, FEWEST, Id, LONGEST_NAME};
use crate::page::Page;
use dom::*;

/// From more classes than this on, each takes less room.
const MANY: usize = 5;
/// From more classes than this on, they are small cards in a grid.
const PACKED: usize = 12;
/// Sets of classes that can be added at once: test id, words, first and last name.
const SETS: [(&str, &str, char, char); 3] =
    [("add-digits", "0 – 9", '0', '9'), ("add-small", "a – z", 'a', 'z'), ("add-large", "A – Z", 'A', 'Z')];
/// From more examples than this on, glows change at once: that many that fade take longer than a frame.
const CROWD: usize = 40;

/// The answer, and a row for each class.
pub fn classes(page: Page, gallery: Gallery) -> View {
    // Read out when the pen rests, not at every point of a stroke.
    let spoken = memo(move |last: Option<&String>| match (page.current_stroke.with(Vec::is_empty), verdict(page)) {
        (true, Verdict::Named { name, probability, .. }) => format!("{name}, {}", percent(probability)),
        (false, _) => last.cloned().unwrap_or_default(),
        _ => String::new(),
    });
    let full = move || page.document.with(|document| document.classes.len()) >= page.most_classes();
    el("section")
        .class("classes")
        .attr("aria-label", "Classes and answers")
        .child(
            el("div")
                .class("answer")
                .test_id("answer")
                .child(move || match verdict(page) {
                    Verdict::Words(small, large) => {
                        View::new().child(el("small").child(small)).child(el("strong").class("plain").child(large))
                    }
                    Verdict::Named { label, lead, name, probability } => View::new()
                        .child(el("small").child(lead))
                        .child(el("strong").class(hue(label)).child(name))
                        .child(el("b").child(percent(probability))),
                })
                .child(el("span").class("because").test_id("because").child(move || because(page))),
        )
        .child(el("output").class("unseen").attr("aria-live", "polite").child(move || spoken.get()))
        .child(
            el("ol")
                .class("rows")
                .toggle("many", move || page.document.with(|document| document.classes.len() > MANY))
                .toggle("packed", move || page.document.with(|document| document.classes.len() > PACKED))
                .toggle("crowd", move || page.document.with(|document| document.examples.len() > CROWD))
                .toggle("probing", move || page.controls.missing.with(Option::is_some))
                .child(each(
                    move || page.document.with(|document| document.classes.clone()),
                    |class| class.label,
                    move |class| row(page, gallery, class.label),
                )),
        )
        .child(
            button("add-class")
                .class("add")
                .attr("disabled", full)
                .on(ev::CLICK, move |_| {
                    let most = page.most_classes();
                    page.change(|document| document.add_class(most));
                })
                .child(icon("plus"))
                .child("Add a class"),
        )
        .child(sets(page, full))
        .child(show(move || page.document.with(|document| document.classes.len() > FEWEST), move || swap_any(page)))
        .into_view()
}

/// Adds digits or letters.
fn sets(page: Page, full: impl Fn() -> bool + Copy + 'static) -> View {
    let set = move |(id, words, first, last): (&'static str, &'static str, char, char)| {
        button(id)
            .attr("aria-label", format!("Add the classes {words}"))
            .attr("disabled", full)
            .on(ev::CLICK, move |_| {
                let most = page.most_classes();
                page.change(|document| document.add_classes((first..=last).map(String::from), most));
            })
            .child(words)
    };
    el("div").class("any").child("Add").child(SETS.map(set).into_iter().collect_view()).into_view()
}

/// The number that is picked in a list.
fn picked(event: &Event) -> Option<u32> {
    event.target()?.unchecked_into::<HtmlSelectElement>().value().parse().ok()
}

/// Swaps any two classes, neighbours or not.
fn swap_any(page: Page) -> View {
    let classes = memo(move |_| page.document.with(|document| document.classes.clone()));
    // Classes come and go: what was picked counts as long as it is there.
    let (first, second) = (RwSignal::new(None::<u32>), RwSignal::new(None::<u32>));
    let pair = move || {
        classes.with(|classes| {
            let there = |label: &u32| classes.iter().any(|class| class.label == *label);
            let a = first.get().filter(there).unwrap_or(classes[0].label);
            let free = classes.iter().rev().map(|class| class.label).find(|label| *label != a).unwrap_or(a);
            (a, second.get().filter(there).unwrap_or(free))
        })
    };
    let picker = move |chosen: RwSignal<Option<u32>>, second: bool, id: &'static str, words: &'static str| {
        let value = move || if second { pair().1 } else { pair().0 };
        el("select")
            .test_id(id)
            .attr("aria-label", words)
            .prop("value", move || value().to_string())
            .on(ev::CHANGE, move |event| chosen.set(picked(&event)))
            .child(move || {
                classes
                    .get()
                    .into_iter()
                    .map(|class| {
                        let label = class.label;
                        el("option")
                            .attr("value", label.to_string())
                            .attr("selected", move || value() == label)
                            .child(class.name)
                    })
                    .collect_view()
            })
    };
    el("div")
        .class("any")
        .child("Swap")
        .child(picker(first, false, "swap-first", "The first of two classes to swap"))
        .child("with")
        .child(picker(second, true, "swap-second", "The second of two classes to swap"))
        .child(
            button("swap-any")
                .attr("disabled", move || {
                    pair().0 == pair().1 || page.document.with(|document| document.examples.is_empty())
                })
                .on(ev::CLICK, move |_| {
                    let (a, b) = untrack(pair);
                    page.swap(a, b);
                })
                .child(icon("swap"))
                .child("Swap labels"),
        )
        .into_view()
}

/// A row: a class of the document. Copies share it.
#[derive(Clone, Copy)]
struct Row {
    page: Page,
    gallery: Gallery,
    label: u32,
    index: Memo<usize>,
    name: Memo<String>,
    count: Memo<usize>,
    /// Whether an example of another class is dragged over it.
    over: RwSignal<bool>,
}

/// A class: name, probability, teach button, examples.
fn row(page: Page, gallery: Gallery, label: u32) -> View {
    let index = memo(move |last: Option<&usize>| {
        // A row that is being removed keeps its number.
        let found = page.document.with(|document| document.classes.iter().position(|class| class.label == label));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let name = memo(move |_| page.document.with(|document| document.name(label).to_owned()));
    let count = memo(move |_| gallery.count(label));
    Row { page, gallery, label, index, name, count, over: RwSignal::new(false) }.view()
}

impl Row {
    fn view(self) -> View {
        let Row { page, label, count, over, .. } = self;
        let leads =
            move || page.probabilities.with(|all| all.as_deref().and_then(best)).is_some_and(|(l, _)| l == label);
        el("li")
            .class(format!("row {}", hue(label)))
            .toggle("leads", leads)
            .toggle("blank", move || count.get() == 0)
            .toggle("over", move || over.get())
            .on(ev::DRAGOVER, move |event| self.drag_over(event))
            .on(ev::DRAGLEAVE, move |_| over.set(false))
            .on(ev::DROP, move |event| self.dropped(event))
            .test_id(move || format!("class-row-{}", self.index.get()))
            .child(self.top())
            .child(self.shown())
            .child(self.swap())
            .into_view()
    }

    /// Another class's example that is dragged over this one.
    fn coming(self) -> Option<Id> {
        let id = self.page.dragged.get_untracked()?;
        let own = |example: &Example| example.id == id && example.label == self.label;
        (!self.page.document.with_untracked(|document| document.examples.iter().any(own))).then_some(id)
    }

    fn drag_over(self, event: DragEvent) {
        if self.coming().is_some() {
            event.prevent_default();
            self.over.set(true);
        }
    }

    fn dropped(self, event: DragEvent) {
        self.over.set(false);
        if let Some(id) = self.coming() {
            event.prevent_default();
            event.stop_propagation();
            self.page.dragged.set(None);
            self.page.relabel(id, self.label);
        }
    }

    fn renamed(self, event: Event) {
        let field: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        self.page.change(|document| document.rename(self.label, &field.value()));
        // An empty name was not taken.
        field.set_value(&self.name.get_untracked());
    }

    fn probability(self) -> f32 {
        let of = |all: &Option<Vec<f32>>| all.as_ref()?.get(self.label as usize).copied();
        self.page.probabilities.with(of).unwrap_or(0.0)
    }

    /// Name, probability and buttons.
    fn top(self) -> Tag {
        let Row { page, label, index, name, count, .. } = self;
        // the key that teaches it, if there is one
        let key = move || key_of(&name.get(), index.get(), &page.document.with(names)).unwrap_or_default();
        let blank = move || page.picture.with(Option::is_none);
        let few = move || page.document.with(|document| document.classes.len()) <= FEWEST;
        let share = move || {
            page.probabilities.with(|all| all.is_some() && count.get() > 0).then(|| percent(self.probability()))
        };
        let remove = move |_| {
            page.change(|document| document.remove_class(label));
            page.say("Class removed. Undo brings it back.");
        };
        el("div")
            .class("top")
            .child(el("span").class("badge").attr("aria-hidden", "true").child(key))
            .child(
                el("input")
                    .class("name")
                    .attr("type", "text")
                    .attr("maxlength", LONGEST_NAME.to_string())
                    .attr("autocomplete", "off")
                    .attr("spellcheck", "false")
                    .test_id(move || format!("class-name-{}", index.get()))
                    .attr("aria-label", move || format!("Name of class {}", index.get() + 1))
                    .attr("title", "Click to rename")
                    .prop("value", move || name.get())
                    .on(ev::CHANGE, move |event| self.renamed(event))
                    .on(ev::KEYDOWN, leave_field),
            )
            .child(el("span").class("share").attr("aria-hidden", "true").child(share))
            .child(
                el("button")
                    .attr("type", "button")
                    .class("teach")
                    .toggle("ready", move || !blank())
                    .test_id(move || format!("teach-{}", index.get()))
                    .attr("aria-label", move || format!("Teach: this drawing is {}", name.get()))
                    .attr("title", move || match key().as_str() {
                        "" => format!("This drawing is “{}”", name.get()),
                        key => format!("This drawing is “{}” (key {key})", name.get()),
                    })
                    .on(ev::CLICK, move |_| page.teach(label))
                    .child("Teach"),
            )
            .child(
                el("button")
                    .attr("type", "button")
                    .class("small drop")
                    .test_id(move || format!("remove-class-{}", index.get()))
                    .attr("title", move || format!("Remove the class {}", name.get()))
                    .attr("aria-label", move || format!("Remove the class {}", name.get()))
                    .attr("disabled", few)
                    .on(ev::CLICK, remove)
                    .child(icon("close")),
            )
            .child(self.bar())
    }

    fn bar(self) -> Tag {
        el("div")
            .class("bar")
            .attr("role", "meter")
            .attr("aria-valuemin", "0")
            .attr("aria-valuemax", "1")
            .attr("aria-label", move || format!("Probability of {}", self.name.get()))
            .attr("aria-valuenow", move || format!("{:.3}", self.probability()))
            .test_id(move || format!("bar-{}", self.index.get()))
            .attr("data-probability", move || format!("{:.6}", self.probability()))
            .child(el("i").style("transform", move || format!("scaleX({:.4})", self.probability())))
    }

    /// Its examples, and how many they are.
    fn shown(self) -> Tag {
        let count = self.count;
        el("div")
            .class("shown")
            .attr("data-name", move || self.name.get())
            .child(
                el("span")
                    .class("count")
                    .test_id(move || format!("count-{}", self.index.get()))
                    .attr("data-count", move || count.get())
                    .child(move || match count.get() {
                        0 => "no example yet".to_owned(),
                        1 => "1 shown".to_owned(),
                        n => format!("{n} shown"),
                    }),
            )
            .child(self.gallery.list(self.label))
    }

    /// What swaps its labels with those of the row below.
    fn swap(self) -> View {
        let Row { page, gallery, label, index, count, .. } = self;
        let next = memo(move |_| page.document.with(|t| t.classes.get(index.get() + 1).map(|class| class.label)));
        show(
            move || next.get().is_some(),
            move || {
                el("button")
                    .attr("type", "button")
                    .class("swap")
                    .test_id(move || format!("swap-{}", index.get()))
                    .attr("title", move || swap_words(page, label, next.get()))
                    .attr("aria-label", move || swap_words(page, label, next.get()))
                    .attr("disabled", move || next.get().is_none_or(|next| count.get() + gallery.count(next) == 0))
                    .on(ev::CLICK, move |_| {
                        if let Some(next) = next.get_untracked() {
                            page.swap(label, next);
                        }
                    })
                    .child(icon("swap"))
                    .child("swap labels ")
                    // Where rows stand one below the other this button does not lie between its two. The space before the
                    // names counts for the accessible name.
                    .child(el("span").class("pair").child(move || pair_words(page, label, next.get())))
            },
        )
    }
}

fn pair_words(page: Page, label: u32, next: Option<u32>) -> String {
    page.document
        .with(|document| format!("of {} and {}", document.name(label), next.map_or("", |next| document.name(next))))
}

fn swap_words(page: Page, label: u32, next: Option<u32>) -> String {
    page.document.with(|document| {
        let other = next.map_or("", |next| document.name(next));
        format!("Swap labels of {} and {other}", document.name(label))
    })
}
