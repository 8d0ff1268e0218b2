//! What is seen of the page, top to bottom.

use std::sync::Arc;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, Event, HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::browser;
use crate::canvas::Canvas;
use crate::page::{Facts, Page, Phase, Source};
use crate::table::{Example, FEWEST, LONGEST_NAME};

/// The most probable label and its probability.
fn best(probabilities: &[f32]) -> Option<(u32, f32)> {
    (0u32..).zip(probabilities.iter().copied()).max_by(|(_, a), (_, b)| a.total_cmp(b))
}

fn percent(probability: f32) -> String {
    format!("{:.0} %", 100.0 * probability)
}

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let page = Page::open();
    let keys = window_event_listener(ev::keydown, move |event| shortcut(page, &event));
    on_cleanup(move || keys.remove());
    let over = window_event_listener(ev::dragover, |event: DragEvent| event.prevent_default());
    on_cleanup(move || over.remove());
    let drop = window_event_listener(ev::drop, move |event: DragEvent| {
        event.prevent_default();
        if let Some(file) = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)) {
            page.load(Source::File(file));
        }
    });
    on_cleanup(move || drop.remove());

    view! {
        <header class="head">
            <h1>"A learning algorithm in a file"</h1>
            <p>
                "Draw something, say what it is, draw it again. "
                <span>
                    "A small Transformer learns it from your examples as you go, with no gradient step. Nothing leaves \
                     this page."
                </span>
            </p>
        </header>
        <main>
            <Desk page />
            <Classes page />
            <Learned page />
            <Record page />
        </main>
        <Parity page />
        <footer class="foot">
            <p>
                "The weights were meta-trained on endless random tasks before you came, and never on what you draw. \
                 What is learned here lies in the context alone: take an example away and it was never known; swap two \
                 labels and the answers swap."
            </p>
        </footer>
    }
}

/// Keys that work everywhere but in text fields.
fn shortcut(page: Page, event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    if target.is_some_and(|element| element.tag_name() == "INPUT") || event.alt_key() {
        return;
    }
    let key = event.key();
    if event.ctrl_key() || event.meta_key() {
        match (key.to_ascii_lowercase().as_str(), event.shift_key()) {
            ("z", false) => page.undo(),
            ("z", true) | ("y", false) => page.redo(),
            _ => return,
        }
        return event.prevent_default();
    }
    match key.as_str() {
        "Escape" | "Delete" | "Backspace" => page.clear_drawing(),
        key => {
            // 1 … 9, and 0 for the tenth
            let number = key.parse::<usize>().ok().filter(|_| key.len() == 1).map(|digit| (digit + 9) % 10);
            let label = number.and_then(|index| page.table.with_untracked(|t| t.classes.get(index).map(|c| c.label)));
            match label {
                Some(label) if !event.repeat() => page.teach(label),
                _ => return,
            }
        }
    }
    event.prevent_default();
}

/// Canvas, tools, and what the learner sees.
#[component]
fn Desk(page: Page) -> impl IntoView {
    let seen = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = seen.get() {
            page.picture.with(|picture| browser::paint(&canvas, picture.as_ref().map(|picture| picture.as_slice())));
        }
    });
    let empty = move || page.picture.with(Option::is_none);
    view! {
        <section class="desk" aria-label="Drawing">
            <Canvas page />
            <div class="tools">
                <div class="buttons">
                    <button type="button" data-testid="undo" title="Undo (Ctrl Z)" disabled=move || !page.reach.get().0
                        on:click=move |_| page.undo()>
                        <Icon name="undo" /> "Undo"
                    </button>
                    <button type="button" class="small" data-testid="redo" title="Redo (Ctrl Shift Z)" aria-label="Redo"
                        disabled=move || !page.reach.get().1 on:click=move |_| page.redo()>
                        <Icon name="redo" />
                    </button>
                    <button type="button" data-testid="clear-drawing" title="Clear the canvas (Esc)" disabled=empty
                        on:click=move |_| page.clear_drawing()>
                        "Clear"
                    </button>
                </div>
                <figure class="sight" class:empty=empty>
                    <figcaption>"What it sees" <small>"28 × 28"</small></figcaption>
                    <canvas node_ref=seen data-testid="seen" width="28" height="28" role="img"
                        aria-label="The drawing as the learner sees it, 28 by 28 pixels"></canvas>
                </figure>
            </div>
            <p class="note" class:fault=move || page.note.with(|note| note.as_ref().is_some_and(|note| note.fault))
                class:idle=move || page.note.with(Option::is_none) data-testid="status" role="status" aria-live="polite">
                {move || match page.note.get() {
                    Some(note) => note.words,
                    None => "Keys: 1 – 9 teach, Ctrl Z takes back, Esc clears the canvas.".to_owned(),
                }}
            </p>
        </section>
    }
}

/// What the page says of the drawing in hand.
enum Verdict {
    Words(&'static str, String),
    Named { label: u32, lead: &'static str, name: String, probability: f32 },
}

fn verdict(page: Page) -> Verdict {
    let empty = page.picture.with(Option::is_none);
    let best = page.probabilities.with(|probabilities| probabilities.as_deref().and_then(best));
    let words = |small, large: &str| Verdict::Words(small, large.to_owned());
    page.table.with(|table| match (page.phase.get(), table.known(), empty) {
        (Phase::Loading, _, _) => words("One moment", "The learner is on its way"),
        (Phase::Failed, _, _) => words("No learner", "Open a model file"),
        (_, 0, true) => words("It knows nothing yet", "Draw something"),
        (_, 0, false) => words("It knows nothing yet", "What is it? Teach it"),
        (_, 1, true) => words("It knows one thing", "Draw something else"),
        (_, 1, false) => words("It knows one thing", "Something else? Teach it"),
        (_, _, true) => words("Ready", "Draw, and it answers"),
        (_, _, false) => match best {
            Some((label, probability)) => {
                let lead = match probability {
                    p if p >= 0.9 => "It says",
                    p if p >= 0.6 => "It thinks",
                    _ => "It wavers",
                };
                Verdict::Named { label, lead, name: table.name(label).to_owned(), probability }
            }
            None => words("One moment", "…"),
        },
    })
}

/// The answer, and a row for each class.
#[component]
fn Classes(page: Page) -> impl IntoView {
    // Read out when the pen rests, not at every point of a stroke.
    let spoken = Memo::new(move |last: Option<&String>| match (page.live.with(Option::is_some), verdict(page)) {
        (false, Verdict::Named { name, probability, .. }) => format!("{name}, {}", percent(probability)),
        (true, _) => last.cloned().unwrap_or_default(),
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
            </div>
            <output class="unseen" aria-live="polite">{spoken}</output>
            <ol class="rows">
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
        </section>
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
        format!("Swap the labels of {} and {other}", table.name(label))
    })
}

/// One example: a button that forgets it.
#[component]
fn Thumb(page: Page, example: Example, name: Memo<String>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let (id, picture) = (example.id, Arc::clone(&example.picture));
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            browser::paint(&canvas, Some(&picture));
        }
    });
    let index = Memo::new(move |last: Option<&usize>| {
        let found = page.table.with(|table| table.examples.iter().position(|example| example.id == id));
        found.unwrap_or(last.copied().unwrap_or_default())
    });
    let right = move || page.guesses.with(|guesses| guesses.get(&id).copied().flatten());
    let words = move || {
        let guess = match right() {
            Some(true) => ", which it named right before it was told",
            Some(false) => ", which it named wrong before it was told",
            None => "",
        };
        format!("Forget example {}, {}{guess}", index.get() + 1, name.get())
    };
    view! {
        <li>
            <button type="button" class="thumb" data-testid=move || format!("forget-{}", index.get())
                class:right=move || right() == Some(true) class:wrong=move || right() == Some(false)
                title=words aria-label=words
                on:click=move |event| {
                    step_aside(&event);
                    page.change(|table| table.examples.retain(|example| example.id != id));
                    page.say("Forgotten, as if it had never been shown. Undo brings it back.");
                }>
                <canvas node_ref=canvas width="28" height="28" aria-hidden="true"></canvas>
            </button>
        </li>
    }
}

/// Whoever forgets examples by keyboard goes on with the next one, instead of starting over at the top of the page.
fn step_aside(event: &ev::MouseEvent) {
    let Some(item) =
        event.current_target().and_then(|button| button.unchecked_into::<Element>().closest("li").ok().flatten())
    else {
        return;
    };
    let neighbour = item.next_element_sibling().or_else(|| item.previous_element_sibling());
    if let Some(Ok(Some(button))) = neighbour.map(|item| item.query_selector("button")) {
        // It fails for nothing that is in the page.
        let _ = button.unchecked_into::<HtmlElement>().focus();
    }
}

/// Marks of the learning curve's drawing, in its own units.
const CURVE: (f32, f32) = (300.0, 64.0);

/// How often it was right before it was told.
#[component]
fn Learned(page: Page) -> impl IntoView {
    // Right or wrong, in the order shown.
    let scores = Memo::new(move |_| {
        let of = |id: u32| page.guesses.with(|guesses| guesses.get(&id).copied().flatten());
        page.table.with(|table| table.examples.iter().filter_map(|example| of(example.id)).collect::<Vec<bool>>())
    });
    let right = move || scores.with(|scores| scores.iter().filter(|right| **right).count());
    let curve = move || {
        scores.with(|scores| {
            let step = CURVE.0 / (scores.len().max(12) as f32);
            let mut hits = 0;
            scores
                .iter()
                .enumerate()
                .map(|(i, right)| {
                    hits += usize::from(*right);
                    let accuracy = hits as f32 / (i + 1) as f32;
                    ((i as f32 + 0.5) * step, 6.0 + (1.0 - accuracy) * (CURVE.1 - 12.0), *right)
                })
                .collect::<Vec<(f32, f32, bool)>>()
        })
    };
    view! {
        <section class="learned" aria-label="Learning curve">
            <h2>"Guessed before it was told"</h2>
            <Show when=move || scores.with(|scores| !scores.is_empty())
                fallback=|| view! {
                    <p class="hint">
                        "Every drawing that you teach is a question first. From the second of a kind on, its guesses are \
                         counted here: the learning curve of your own task."
                    </p>
                }>
                <div class="score">
                    <p data-testid="score">
                        <b>{right}</b> " of " <b>{move || scores.with(Vec::len)}</b> " right"
                        <span>{move || percent(right() as f32 / scores.with(Vec::len).max(1) as f32)}</span>
                    </p>
                    <svg viewBox=format!("0 0 {} {}", CURVE.0, CURVE.1) role="img" preserveAspectRatio="none"
                        aria-label="Running accuracy over the drawings taught">
                        <line x1="0" y1="6" x2=CURVE.0.to_string() y2="6" />
                        <line x1="0" y1=(CURVE.1 - 6.0).to_string() x2=CURVE.0.to_string() y2=(CURVE.1 - 6.0).to_string() />
                        <polyline points=move || {
                            curve().iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
                        } />
                    </svg>
                    <div class="ticks" aria-hidden="true">
                        {move || {
                            scores
                                .get()
                                .into_iter()
                                .map(|right| view! { <i class:right=right class:wrong=!right></i> })
                                .collect_view()
                        }}
                    </div>
                </div>
            </Show>
        </section>
    }
}

/// The engine, the model, and what has not changed.
#[component]
fn Record(page: Page) -> impl IntoView {
    let file = NodeRef::<html::Input>::new();
    let fact = move |of: fn(&Facts) -> String| page.facts.with(|facts| facts.as_ref().map_or("–".into(), of));
    let engine = move || page.engine.with(|engine| engine.as_ref().map(|engine| (engine.name, engine.detail.clone())));
    let shown = Memo::new(move |_| page.table.with(|table| table.examples.len()));
    let picked = move |_| {
        let Some(field) = file.get_untracked() else { return };
        if let Some(file) = field.files().and_then(|files| files.get(0)) {
            page.load(Source::File(file));
        }
        // The same file can be picked again.
        field.set_value("");
    };
    let losing = browser::query("lose-device").is_some();
    view! {
        <section class="record" aria-label="The learner">
            <h2>"The learner"</h2>
            <dl>
                <div class="big">
                    <dt>"gradient steps"</dt>
                    <dd data-testid="gradient-steps">"0"</dd>
                </div>
                <div class="big">
                    <dt>{move || if shown.get() == 1 { "example" } else { "examples" }}</dt>
                    <dd data-testid="examples">{move || shown.get()}</dd>
                </div>
                <div class="big">
                    <dt>"ms an answer"</dt>
                    <dd data-testid="timing">
                        {move || page.took_ms.get().map_or("–".to_owned(), |ms| match ms {
                            ms if ms < 9.95 => format!("{ms:.1}"),
                            ms => format!("{ms:.0}"),
                        })}
                    </dd>
                </div>
            </dl>
            <dl class="lines">
                <div>
                    <dt>"Engine"</dt>
                    <dd>
                        <b data-testid="engine">{move || engine().map_or("–", |(name, _)| name)}</b>
                        " "
                        <span data-testid="engine-detail">{move || engine().map(|(_, detail)| detail)}</span>
                    </dd>
                </div>
                <div>
                    <dt>"Weights"</dt>
                    <dd title="SHA-256 of all weights: it stays the same, whatever you teach">
                        <code data-testid="hash">{move || fact(|facts| facts.hash.chars().take(12).collect())}</code>
                        {move || page.facts.with(Option::is_some).then_some(" unchanged")}
                    </dd>
                </div>
                <div>
                    <dt>"Model"</dt>
                    <dd>
                        <b data-testid="model">{move || fact(|facts| facts.file.clone())}</b>
                        " "
                        {move || page.facts.with(|facts| facts.as_ref().map(|facts| {
                            let layers = if facts.layers == 1 { "layer" } else { "layers" };
                            format!(
                                "{}, {} {layers}, {} k weights, up to {} examples of {} classes",
                                facts.family, facts.layers, (facts.parameters + 500) / 1000, facts.capacity, facts.classes
                            )
                        }))}
                    </dd>
                </div>
            </dl>
            <div class="buttons">
                <button type="button" data-testid="open-model" on:click=move |_| {
                    if let Some(field) = file.get_untracked() {
                        field.click();
                    }
                }>
                    "Open a model…"
                </button>
                <input node_ref=file type="file" accept=".safetensors" class="unseen" tabindex="-1" aria-hidden="true"
                    data-testid="model-file" on:change=picked />
                <button type="button" data-testid="clear-all" disabled=move || shown.get() == 0
                    on:click=move |_| {
                        page.change(|table| table.examples.clear());
                        page.say("Everything is forgotten. Undo brings it back.");
                    }>
                    "Forget everything"
                </button>
                {losing.then(|| view! {
                    <button type="button" data-testid="lose-device" on:click=move |_| {
                        if !page.lose_device() {
                            page.say("There is no GPU device to lose: the learner runs on the CPU.");
                        }
                    }>
                        "Lose the GPU device"
                    </button>
                })}
            </div>
        </section>
    }
}

/// With `?parity` in the address: how far this device is from the references.
#[component]
fn Parity(page: Page) -> impl IntoView {
    let wanted = browser::query("parity").is_some();
    let done = move || page.parity.with(Option::is_some);
    wanted.then(|| {
        view! {
            <section class="parity">
                <h2>"Parity on this device"</h2>
                <pre data-testid="parity-report" data-done=move || done().to_string()
                    data-state=move || if done() { "done" } else { "running" }>
                    {move || page.parity.get()}
                </pre>
            </section>
        }
    })
}

/// A small drawing for a button.
#[component]
fn Icon(name: &'static str) -> impl IntoView {
    let path = match name {
        "undo" => "M8 4 L3.5 8.5 L8 13 M3.5 8.5 H12 a4.5 4.5 0 0 1 0 9 H9",
        "redo" => "M12 4 L16.5 8.5 L12 13 M16.5 8.5 H8 a4.5 4.5 0 0 0 0 9 H11",
        "swap" => "M6.5 3.5 V16 M3.5 13 L6.5 16.5 L9.5 13 M13.5 16.5 V4 M10.5 7 L13.5 3.5 L16.5 7",
        "plus" => "M10 4 V16 M4 10 H16",
        _ => "M5 5 L15 15 M15 5 L5 15",
    };
    view! { <svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=path /></svg> }
}
