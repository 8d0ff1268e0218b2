//! The dials: what a run can be set to, each with what it means in the paper.

use dom::*;
use shaders::model::spec::KeyShift;
use web_sys::{Event, HtmlInputElement, HtmlSelectElement};

use super::host;
use super::state::Card;
use crate::line::tasks_in_words;
use crate::settings::{Data, Kind, Optimiser, Settings};

fn value_of(event: &Event) -> String {
    let target = event.target();
    let field = target.as_ref().and_then(|target| wasm_bindgen::JsCast::dyn_ref::<HtmlInputElement>(target));
    let list = target.as_ref().and_then(|target| wasm_bindgen::JsCast::dyn_ref::<HtmlSelectElement>(target));
    field.map(HtmlInputElement::value).or_else(|| list.map(HtmlSelectElement::value)).unwrap_or_default()
}

fn dial(label: &'static str, name: &'static str, control: Tag, words: &'static str) -> View {
    el("label")
        .class("dial")
        .child(el("span").child(label))
        .child(control.test_id(format!("dial-{name}")).attr("name", name))
        .child(el("small").child(words))
        .into_view()
}

/// A choice among some values.
fn choice<T: PartialEq + Copy + Send + Sync + 'static>(
    card: Card,
    options: Vec<(T, String)>,
    get: fn(&Settings) -> T,
    set: fn(&mut Settings, T),
) -> Tag {
    let values: Vec<T> = options.iter().map(|(value, _)| *value).collect();
    let changed = move |event: Event| {
        if let Some(value) = value_of(&event).parse::<usize>().ok().and_then(|at| values.get(at).copied()) {
            card.set(|settings| set(settings, value));
        }
    };
    let option = |(at, (value, words)): (usize, (T, String))| {
        el("option")
            .attr("value", at)
            .prop("selected", move || card.settings.with(|settings| get(settings) == value))
            .child(words)
    };
    el("select").on(ev::CHANGE, changed).child(options.into_iter().enumerate().map(option).collect_view())
}

/// A number that is typed.
fn number(
    card: Card,
    [least, most, step]: [&'static str; 3],
    get: fn(&Settings) -> f64,
    set: fn(&mut Settings, f64),
) -> Tag {
    let changed = move |event: Event| {
        if let Ok(value) = value_of(&event).trim().replace(',', ".").parse::<f64>() {
            card.set(|settings| set(settings, value));
        }
        // what was typed and can't be used goes back to what is used
        card.settings.notify();
    };
    el("input")
        .attr("type", "number")
        .attr("min", least)
        .attr("max", most)
        .attr("step", step)
        .prop("value", move || card.settings.with(|settings| get(settings).to_string()))
        .on(ev::CHANGE, changed)
}

fn flag(card: Card, get: fn(&Settings) -> bool, set: fn(&mut Settings, bool)) -> Tag {
    choice(card, vec![(true, "yes".into()), (false, "no".into())], get, set)
}

fn numbers<T: ToString + Copy, const N: usize>(values: [T; N]) -> Vec<(T, String)> {
    values.into_iter().map(|value| (value, value.to_string())).collect()
}

fn tasks(card: Card) -> View {
    let counts = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16].map(|log2| (log2, tasks_in_words(log2)));
    dial(
        "Tasks to practise on",
        "tasks",
        choice(card, counts.to_vec(), |s| s.log2_tasks, |s, value| s.log2_tasks = value),
        "With few tasks a network memorises them; from some number on it learns to learn (the paper, figure 4).",
    )
}

fn what_it_is(card: Card) -> View {
    let learners = vec![(Kind::Shifted, "shifted keys".into()), (Kind::Paper, "the paper’s tokens".into())];
    let shifts = vec![
        (KeyShift::Full, "full".into()),
        (KeyShift::Gated, "learned by how much".into()),
        (KeyShift::None, "none".into()),
    ];
    View::new()
        .child(dial(
            "Learner",
            "learner",
            choice(card, learners, |s| s.learner, |s, value| *s = s.with_learner(value)),
            "The paper’s tokens wait on a long plateau, and get a curriculum here; shifted keys pair each picture with its own label from the start.",
        ))
        .child(dial(
            "Key shift",
            "shift",
            choice(card, shifts, |s| s.key_shift, |s, value| s.key_shift = value),
            "Of shifted keys: take it away and the plateau is back.",
        ))
        .child(dial(
            "Queries begin as keys",
            "equal",
            flag(card, |s| s.equal, |s, value| s.equal = value),
            "Of shifted keys: attention then compares like with like from the first step.",
        ))
        .child(dial(
            "Norm of queries and keys",
            "norm",
            flag(card, |s| s.norm, |s, value| s.norm = value),
            "Of shifted keys: attention by angle, with a learned sharpness.",
        ))
        .child(dial(
            "Width",
            "width",
            choice(card, numbers([16, 32, 64, 128, 256]), |s| s.width, |s, value| s.width = value),
            "Numbers in the state of each example (figure 2 varies the size).",
        ))
        .child(dial(
            "Layers",
            "layers",
            choice(card, numbers([1, 2, 3, 4, 6]), |s| s.layers, |s, value| s.layers = value),
            "How often examples look at each other.",
        ))
        .child(dial(
            "Heads",
            "heads",
            choice(card, numbers([1, 2, 4, 8]), |s| s.heads, |s, value| s.heads = value),
            "Ways of looking in each layer.",
        ))
}

fn how_it_practises(card: Card) -> View {
    let data = vec![
        (Data::Prior, "all kinds of made-up tasks".into()),
        (Data::Prototypes, "points with noise".into()),
        (Data::Strokes, "pictures of strokes".into()),
        (Data::Drawings, "your own drawings".into()),
    ];
    let optimisers = vec![(Optimiser::Adamw, "AdamW".into()), (Optimiser::Muon, "Muon, and AdamW".into())];
    View::new()
        .child(dial(
            "Data",
            "data",
            choice(card, data, |s| s.data, |s, value| s.data = value),
            "What tasks are made of. Your own drawings: every task projects and names them anew.",
        ))
        .child(dial(
            "Batch",
            "batch",
            choice(card, numbers([1, 2, 4, 8, 16, 32, 64]), |s| s.batch, |s, value| s.batch = value),
            "Tasks of one step. Larger batches leave the paper’s plateau in fewer steps (figure 7).",
        ))
        .child(dial(
            "Label bias",
            "bias",
            number(card, ["0", "1", "0.1"], |s| s.label_bias, |s, value| s.label_bias = value),
            "Share of tasks that keep their labels in one order. With enough of it the paper’s plateau is gone (figure 8).",
        ))
        .child(dial(
            "Curriculum",
            "curriculum",
            flag(card, |s| s.curriculum, |s, value| s.curriculum = value),
            "First two classes in 16 dimensions, then five, then ten. The paper’s tokens need it here.",
        ))
        .child(dial(
            "Optimiser",
            "optimiser",
            choice(card, optimisers, |s| s.optimiser, |s, value| s.optimiser = value),
            "Muon brings all directions of a matrix to one size. It shortens the plateau of the paper’s tokens.",
        ))
        .child(dial(
            "Learning rate",
            "rate",
            number(card, ["0.00001", "0.1", "any"], |s| s.rate, |s, value| s.rate = value),
            "After 50 steps of warm-up.",
        ))
        .child(dial(
            "Steps",
            "steps",
            number(card, ["10", "100000", "1"], |s| s.steps as f64, |s, value| s.steps = value as u64),
            "Then it is done; it can go on from there.",
        ))
        .child(dial(
            "Seed",
            "seed",
            number(card, ["0", "4294967295", "1"], |s| f64::from(s.seed), |s, value| s.seed = value as u32),
            "Of weights and tasks. The same seed is the same run.",
        ))
}

/// What computes: no setting of the run, which is the same but for rounding.
fn what_computes(card: Card) -> Option<View> {
    let changed = move |event: Event| card.on_gpu.set(value_of(&event) == "gpu");
    let option = |value: &'static str, words: &'static str| {
        let selected = move || card.on_gpu.get() == (value == "gpu");
        el("option").attr("value", value).prop("selected", selected).child(words)
    };
    let control = el("select").on(ev::CHANGE, changed);
    host::webgpu().then(|| {
        dial(
            "Computes",
            "computes",
            control.child(option("cpu", "the CPU")).child(option("gpu", "the GPU")),
            "Worth a try with wide learners and large batches. The same run, but for rounding.",
        )
    })
}

/// All dials.
pub fn dials(card: Card) -> View {
    el("details")
        .class("dials")
        .test_id("dials")
        .child(el("summary").child("Settings of the next run"))
        .child(
            el("div")
                .class("grid")
                .child(tasks(card))
                .child(what_it_is(card))
                .child(how_it_practises(card))
                .child(what_computes(card)),
        )
        .child(
            el("p")
                .class("hint")
                .attr("role", "status")
                .test_id("bounded")
                .child(move || card.bounded.get().join(". ")),
        )
        .into_view()
}
