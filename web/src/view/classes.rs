//! The answer, and a card for each class.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Event, HtmlElement, HtmlInputElement, KeyboardEvent};

use super::icon::Icon;
use super::thumb::Thumb;
use super::words::{Verdict, because, best, percent, verdict};
use crate::page::Page;
use crate::table::{Example, FEWEST, LONGEST_NAME};

/// From more classes than this on, each takes less room.
const MANY: usize = 5;

/// The answer, and a row for each class.
#[component]
pub fn Classes(page: Page) -> impl IntoView {
    // Read out when the pen rests, not at every point of a stroke.
    let spoken = Memo::new(move |last: Option<&String>| match (page.live.with(Vec::is_empty), verdict(page)) {
        (true, Verdict::Named { name, probability, .. }) => format!("{name}, {}", percent(probability)),
        (false, _) => last.cloned().unwrap_or_default(),
        _ => String::new(),
    });
    let full = move || page.table.with(|table| table.classes.len()) >= page.most_classes();
    view! {
        <section class="classes" aria-label="Classes and answers">
            <div class="answer" data-testid="answer">
                {move || match verdict(page) {
                    Verdict::Words(small, large) => {
                        view! { <small>{small}</small> <strong class="plain">{large}</strong> }.into_any()
                    }
                    Verdict::Named { label, lead, name, probability } => {
                        view! {
                            <small>{lead}</small>
                            <strong class=format!("hue{label}")>{name}</strong>
                            <b>{percent(probability)}</b>
                        }
                        .into_any()
                    }
                }}
                <span class="because" data-testid="because">{move || because(page)}</span>
            </div>
            <output class="unseen" aria-live="polite">{spoken}</output>
            <ol class="rows" class:many=move || page.table.with(|table| table.classes.len() > MANY)
                class:probing=move || page.probes.missing.with(Option::is_some)>
                <For each=move || page.table.with(|table| table.classes.clone()) key=|class| class.label
                    children=move |class| view! { <Row page label=class.label /> } />
            </ol>
            <button type="button" class="add" data-testid="add-class"
                disabled=full
                on:click=move |_| {
                    let most = page.most_classes();
                    page.change(|table| table.add_class(most));
                }>
                <Icon name="plus" /> "Add a class"
            </button>
            <Show when=move || page.table.with(|table| table.classes.len() > FEWEST)>
                <SwapAny page />
            </Show>
        </section>
    }
}

/// Swaps any two classes, neighbours or not.
#[component]
fn SwapAny(page: Page) -> impl IntoView {
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
        view! {
            <select data-testid=id aria-label=words
                prop:value=move || value().to_string()
                on:change=move |event| chosen.set(event_target_value(&event).parse().ok())>
                {move || {
                    classes
                        .get()
                        .into_iter()
                        .map(|class| {
                            let label = class.label;
                            view! {
                                <option value=label.to_string() selected=move || value() == label>{class.name}</option>
                            }
                        })
                        .collect_view()
                }}
            </select>
        }
    };
    view! {
        <div class="any">
            "Swap"
            {picker(first, false, "swap-first", "The first of two classes to swap")}
            "with"
            {picker(second, true, "swap-second", "The second of two classes to swap")}
            <button type="button" data-testid="swap-any"
                disabled=move || pair().0 == pair().1 || page.table.with(|table| table.examples.is_empty())
                on:click=move |_| {
                    let (a, b) = untrack(pair);
                    page.swap(a, b);
                }>
                <Icon name="swap" /> "Swap labels"
            </button>
        </div>
    }
}

/// A class: name, probability, teach button, examples.
#[component]
fn Row(page: Page, label: u32) -> impl IntoView {
    let index = Memo::new(move |last: Option<&usize>| {
        // A row that is being removed keeps its number.
        let found = page.table.with(|table| table.classes.iter().position(|class| class.label == label));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let name = Memo::new(move |_| page.table.with(|table| table.name(label).to_owned()));
    let count = Memo::new(move |_| page.table.with(|table| table.count(label)));
    // The label of the row below, which this one can swap with.
    let next = Memo::new(move |_| page.table.with(|t| t.classes.get(index.get() + 1).map(|class| class.label)));
    let examples = Memo::new(move |_| {
        page.table.with(|table| {
            table.examples.iter().filter(|example| example.label == label).cloned().collect::<Vec<Example>>()
        })
    });
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
    view! {
        <li class=format!("row hue{label}") class:leads=leads class:blank=move || count.get() == 0
            class:over=move || over.get() on:dragover=drag_over on:dragleave=move |_| over.set(false) on:drop=dropped
            data-testid=move || format!("class-row-{}", index.get())>
            <div class="top">
                <span class="badge" aria-hidden="true">{key}</span>
                <input class="name" type="text" maxlength=LONGEST_NAME.to_string() autocomplete="off" spellcheck="false"
                    data-testid=move || format!("class-name-{}", index.get())
                    aria-label=move || format!("Name of class {}", index.get() + 1)
                    title="Click to rename"
                    prop:value=move || name.get() on:change=renamed on:keydown=entered />
                <span class="share" aria-hidden="true">
                    {move || page.probabilities.with(|all| all.is_some() && count.get() > 0).then(|| percent(probability()))}
                </span>
                <button type="button" class="teach" class:ready=move || !blank()
                    data-testid=move || format!("teach-{}", index.get())
                    aria-label=move || format!("Teach: this drawing is {}", name.get())
                    title=move || format!("This drawing is “{}” (key {})", name.get(), key())
                    on:click=move |_| page.teach(label)>
                    "Teach"
                </button>
                <button type="button" class="small drop" data-testid=move || format!("remove-class-{}", index.get())
                    title=move || format!("Remove the class {}", name.get())
                    aria-label=move || format!("Remove the class {}", name.get())
                    disabled=few
                    on:click=move |_| {
                        page.change(|table| table.remove_class(label));
                        page.say("Class removed. Undo brings it back.");
                    }>
                    <Icon name="close" />
                </button>
            </div>
            <div class="bar" role="meter" aria-valuemin="0" aria-valuemax="1"
                aria-label=move || format!("Probability of {}", name.get())
                aria-valuenow=move || format!("{:.3}", probability())
                data-testid=move || format!("bar-{}", index.get())
                data-probability=move || format!("{:.6}", probability())>
                <i style:transform=move || format!("scaleX({:.4})", probability())></i>
            </div>
            <div class="shown">
                <span class="count" data-testid=move || format!("count-{}", index.get()) data-count=move || count.get()>
                    {move || match count.get() {
                        0 => "no example yet".to_owned(),
                        1 => "1 shown".to_owned(),
                        n => format!("{n} shown"),
                    }}
                </span>
                <ul class="thumbs">
                    <For each=move || examples.get() key=|example| example.id
                        children=move |example| view! { <Thumb page example name /> } />
                </ul>
            </div>
            <Show when=move || next.get().is_some()>
                <button type="button" class="swap" data-testid=move || format!("swap-{}", index.get())
                    title=move || swap_words(page, label, next.get())
                    aria-label=move || swap_words(page, label, next.get())
                    disabled=move || next.get().is_none_or(|next| {
                        page.table.with(|table| table.count(label) + table.count(next)) == 0
                    })
                    on:click=move |_| {
                        if let Some(next) = next.get_untracked() {
                            page.swap(label, next);
                        }
                    }>
                    <Icon name="swap" /> "swap labels"
                </button>
            </Show>
        </li>
    }
}

fn swap_words(page: Page, label: u32, next: Option<u32>) -> String {
    page.table.with(|table| {
        let other = next.map_or("", |next| table.name(next));
        format!("Swap labels of {} and {other}", table.name(label))
    })
}
