//! The answer, and a card for each class.

use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Event, HtmlElement, HtmlInputElement, HtmlSelectElement, KeyboardEvent};

use super::icon::icon;
use super::thumbnail::Gallery;
use super::words::{Verdict, because, verdict};
use crate::answers::{best, percent};
use crate::document::{FEWEST, LONGEST_NAME};
use crate::dom::*;
use crate::page::Page;

/// From more classes than this on, each takes less room.
const MANY: usize = 5;

/// The answer, and a row for each class.
pub fn classes(page: Page, gallery: Gallery) -> View {
    // Read out when the pen rests, not at every point of a stroke.
    let spoken = Memo::new(move |last: Option<&String>| match (page.live.with(Vec::is_empty), verdict(page)) {
        (true, Verdict::Named { name, probability, .. }) => format!("{name}, {}", percent(probability)),
        (false, _) => last.cloned().unwrap_or_default(),
        _ => String::new(),
    });
    let full = move || page.table.with(|table| table.classes.len()) >= page.most_classes();
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
                        .child(el("strong").class(format!("hue{label}")).child(name))
                        .child(el("b").child(percent(probability))),
                })
                .child(el("span").class("because").test_id("because").child(move || because(page))),
        )
        .child(el("output").class("unseen").attr("aria-live", "polite").child(move || spoken.get()))
        .child(
            el("ol")
                .class("rows")
                .toggle("many", move || page.table.with(|table| table.classes.len() > MANY))
                .toggle("probing", move || page.probes.missing.with(Option::is_some))
                .child(each(
                    move || page.table.with(|table| table.classes.clone()),
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
                    page.change(|table| table.add_class(most));
                })
                .child(icon("plus"))
                .child("Add a class"),
        )
        .child(show(move || page.table.with(|table| table.classes.len() > FEWEST), move || swap_any(page)))
        .into_view()
}

/// The number that is picked in a list.
fn picked(event: &Event) -> Option<u32> {
    event.target()?.unchecked_into::<HtmlSelectElement>().value().parse().ok()
}

/// Swaps any two classes, neighbours or not.
fn swap_any(page: Page) -> View {
    let classes = Memo::new(move |_| page.table.with(|table| table.classes.clone()));
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
                .attr("disabled", move || pair().0 == pair().1 || page.table.with(|table| table.examples.is_empty()))
                .on(ev::CLICK, move |_| {
                    let (a, b) = untrack(pair);
                    page.swap(a, b);
                })
                .child(icon("swap"))
                .child("Swap labels"),
        )
        .into_view()
}

/// A class: name, probability, teach button, examples.
fn row(page: Page, gallery: Gallery, label: u32) -> View {
    let index = Memo::new(move |last: Option<&usize>| {
        // A row that is being removed keeps its number.
        let found = page.table.with(|table| table.classes.iter().position(|class| class.label == label));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let name = Memo::new(move |_| page.table.with(|table| table.name(label).to_owned()));
    let count = Memo::new(move |_| gallery.count(label));
    // The label of the row below, which this one can swap with.
    let next = Memo::new(move |_| page.table.with(|t| t.classes.get(index.get() + 1).map(|class| class.label)));
    let probability = move || {
        page.probabilities.with(|all| all.as_ref().and_then(|all| all.get(label as usize).copied())).unwrap_or(0.0)
    };
    let leads = move || page.probabilities.with(|all| all.as_deref().and_then(best)).is_some_and(|(l, _)| l == label);
    let few = move || page.table.with(|table| table.classes.len()) <= FEWEST;
    let over = RwSignal::new(false);
    // Another class's example that is dragged over this one.
    let coming = move || {
        let id = page.dragged.get_untracked()?;
        let own = page.table.with_untracked(|t| t.examples.iter().any(|e| e.id == id && e.label == label));
        (!own).then_some(id)
    };
    let drag_over = move |event: DragEvent| {
        if coming().is_some() {
            event.prevent_default();
            over.set(true);
        }
    };
    let dropped = move |event: DragEvent| {
        over.set(false);
        if let Some(id) = coming() {
            event.prevent_default();
            event.stop_propagation();
            page.dragged.set(None);
            page.relabel(id, label);
        }
    };
    let blank = move || page.picture.with(Option::is_none);
    let key = move || (index.get() + 1) % 10;
    let renamed = move |event: Event| {
        let field: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        page.change(|table| table.rename(label, &field.value()));
        // An empty name was not taken.
        field.set_value(&name.get_untracked());
    };
    let entered = |event: KeyboardEvent| {
        if let ("Enter" | "Escape", Some(target)) = (event.key().as_str(), event.target()) {
            // It fails for nothing that is in the page.
            let _ = target.unchecked_into::<HtmlElement>().blur();
        }
    };
    el("li")
        .class(format!("row hue{label}"))
        .toggle("leads", leads)
        .toggle("blank", move || count.get() == 0)
        .toggle("over", move || over.get())
        .on(ev::DRAGOVER, drag_over)
        .on(ev::DRAGLEAVE, move |_| over.set(false))
        .on(ev::DROP, dropped)
        .test_id(move || format!("class-row-{}", index.get()))
        .child(
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
                        .on(ev::CHANGE, renamed)
                        .on(ev::KEYDOWN, entered),
                )
                .child(el("span").class("share").attr("aria-hidden", "true").child(move || {
                    page.probabilities.with(|all| all.is_some() && count.get() > 0).then(|| percent(probability()))
                }))
                .child(
                    el("button")
                        .attr("type", "button")
                        .class("teach")
                        .toggle("ready", move || !blank())
                        .test_id(move || format!("teach-{}", index.get()))
                        .attr("aria-label", move || format!("Teach: this drawing is {}", name.get()))
                        .attr("title", move || format!("This drawing is “{}” (key {})", name.get(), key()))
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
                        .on(ev::CLICK, move |_| {
                            page.change(|table| table.remove_class(label));
                            page.say("Class removed. Undo brings it back.");
                        })
                        .child(icon("close")),
                )
                .child(
                    el("div")
                        .class("bar")
                        .attr("role", "meter")
                        .attr("aria-valuemin", "0")
                        .attr("aria-valuemax", "1")
                        .attr("aria-label", move || format!("Probability of {}", name.get()))
                        .attr("aria-valuenow", move || format!("{:.3}", probability()))
                        .test_id(move || format!("bar-{}", index.get()))
                        .attr("data-probability", move || format!("{:.6}", probability()))
                        .child(el("i").style("transform", move || format!("scaleX({:.4})", probability()))),
                ),
        )
        .child(
            el("div")
                .class("shown")
                .attr("data-name", move || name.get())
                .child(
                    el("span")
                        .class("count")
                        .test_id(move || format!("count-{}", index.get()))
                        .attr("data-count", move || count.get())
                        .child(move || match count.get() {
                            0 => "no example yet".to_owned(),
                            1 => "1 shown".to_owned(),
                            n => format!("{n} shown"),
                        }),
                )
                .child(gallery.list(label)),
        )
        .child(show(
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
        ))
        .into_view()
}

fn pair_words(page: Page, label: u32, next: Option<u32>) -> String {
    page.table.with(|table| format!("of {} and {}", table.name(label), next.map_or("", |next| table.name(next))))
}

fn swap_words(page: Page, label: u32, next: Option<u32>) -> String {
    page.table.with(|table| {
        let other = next.map_or("", |next| table.name(next));
        format!("Swap labels of {} and {other}", table.name(label))
    })
}
