//! See it without drawing: sample packs that play themselves.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};

use crate::code::thinned;
use crate::packs::Pack;
use crate::page::Page;
use crate::play::{State, Told};
use crate::view::icon::Icon;

/// Size of the curve's drawing, in its own units.
const SIZE: (f32, f32) = (320.0, 96.0);
/// Room around it.
const EDGE: f32 = 8.0;

/// Sample packs, and the curve of the one that plays.
#[component]
pub fn Samples(page: Page) -> impl IntoView {
    let player = page.player;
    // Whoever takes the pen wants to go on alone.
    let pen = window_event_listener(ev::pointerdown, move |event: PointerEvent| {
        let canvas = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let on_canvas = canvas.is_some_and(|element| element.get_attribute("data-testid").as_deref() == Some("canvas"));
        if on_canvas && player.on() {
            page.stop();
            page.show(|table| table.drawing = Default::default());
        }
    });
    on_cleanup(move || pen.remove());
    let begun = move || player.state.get() != State::Idle || !player.told.with(Vec::is_empty);
    view! {
        <section class="card samples" aria-label="See it without drawing" data-testid="samples"
            data-player=move || format!("{:?}", player.state.get()).to_lowercase()>
            <h2>"See it learn, without drawing"</h2>
            <div class="packs">
                {Pack::ALL.map(|pack| view! {
                    <button type="button" class="pack" data-testid=format!("play-{}", pack.key())
                        aria-pressed=move || (player.on() && player.pack.get() == pack).to_string()
                        on:click=move |_| page.play(pack)>
                        <span class="previews" aria-hidden="true">
                            {(0..3).map(|class| view! { <Preview pack class /> }).collect_view()}
                        </span>
                        <b>{pack.title()}</b>
                        <small>{pack.words()}</small>
                    </button>
                }).collect_view()}
            </div>
            <Show when=begun>
                <Told page />
            </Show>
        </section>
    }
}

/// One drawing of a pack as lines, in the colour of its class.
#[component]
fn Preview(pack: Pack, class: u32) -> impl IntoView {
    let paths: Vec<String> = thinned(&pack.drawn(class, 0))
        .iter()
        .map(|stroke| {
            let points = stroke.points.iter().map(|[x, y]| format!("{x:.0} {y:.0}")).collect::<Vec<_>>();
            format!("M{} l0.1 0", points.join(" L"))
        })
        .collect();
    view! {
        <svg viewBox="130 130 740 740" class=format!("hue{class}")>
            {paths.into_iter().map(|path| view! { <path d=path /> }).collect_view()}
        </svg>
    }
}

fn place(index: usize, count: usize, probability: f32) -> (f32, f32) {
    let step = (SIZE.0 - 2.0 * EDGE) / count.saturating_sub(1).max(1) as f32;
    (EDGE + step * index as f32, EDGE + (1.0 - probability) * (SIZE.1 - 2.0 * EDGE))
}

/// Mean of the last few, one for each class: a curve that can be seen to rise.
fn smooth(told: &[Told], window: usize) -> Vec<f32> {
    (0..told.len())
        .map(|i| {
            let last = &told[(i + 1).saturating_sub(window)..=i];
            last.iter().map(|told| told.probability).sum::<f32>() / last.len() as f32
        })
        .collect()
}

/// How sure it was of the right answer, drawing by drawing, and the player's buttons.
#[component]
fn Told(page: Page) -> impl IntoView {
    let player = page.player;
    let count = Memo::new(move |_| player.pack.get().order().len());
    let line = move || {
        player.told.with(|told| {
            let points = smooth(told, player.pack.get().names().len().div_ceil(2));
            let at = |(i, p): (usize, f32)| {
                let (x, y) = place(i, count.get(), p);
                format!("{x:.1},{y:.1}")
            };
            points.into_iter().enumerate().map(at).collect::<Vec<_>>().join(" ")
        })
    };
    let dots = move || {
        player.told.with(|told| {
            told.iter()
                .enumerate()
                .map(|(i, told)| {
                    let (x, y) = place(i, count.get(), told.probability);
                    let kind = match told.right {
                        None => "new",
                        Some(true) => "right",
                        Some(false) => "wrong",
                    };
                    view! { <circle class=format!("{kind} hue{}", told.label) cx=x.to_string() cy=y.to_string() r="4" /> }
                })
                .collect_view()
        })
    };
    let asked = move || player.told.with(|told| told.iter().filter(|told| told.right.is_some()).count());
    let right = move || player.told.with(|told| told.iter().filter(|told| told.right == Some(true)).count());
    let words = move || {
        let new = player.told.with(|told| told.iter().filter(|told| told.right.is_none()).count());
        format!(
            "{new} things were new to it. Of {} drawings after that it named {} before it was told.",
            asked(),
            right()
        )
    };
    let base = SIZE.1 - EDGE;
    view! {
        <div class="told" data-testid="told" data-shown=move || player.told.with(Vec::len) data-asked=asked data-right=right>
            <svg viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) role="img" aria-label=words>
                <line x1=EDGE.to_string() y1=EDGE.to_string() x2=(SIZE.0 - EDGE).to_string() y2=EDGE.to_string() />
                <line x1=EDGE.to_string() y1=base.to_string() x2=(SIZE.0 - EDGE).to_string() y2=base.to_string() />
                <polyline points=line />
                {dots}
            </svg>
            <p class="axis" aria-hidden="true"><span>"guessing"</span><span>"sure, and right"</span></p>
            <p class="hint">
                "Each dot is a drawing: how sure it was of the right answer "<em>"before"</em>" it was told. Hollow: the \
                 first of its kind."
            </p>
            <div class="buttons" role="group" aria-label="Player">
                <Show when=move || player.on()
                    fallback=move || view! {
                        <button type="button" data-testid="play-again" on:click=move |_| page.play(player.pack.get_untracked())>
                            <Icon name="redo" /> "Play again"
                        </button>
                    }>
                    <button type="button" data-testid="pause" on:click=move |_| page.pause()>
                        {move || if player.state.get() == State::Paused { "Go on" } else { "Pause" }}
                    </button>
                    <button type="button" data-testid="skip" on:click=move |_| page.skip()>"To the end"</button>
                    <button type="button" data-testid="speed" aria-label="Twice as fast"
                        aria-pressed=move || (player.speed.get() > 1.0).to_string()
                        on:click=move |_| player.speed.update(|speed| *speed = if *speed > 1.0 { 1.0 } else { 2.0 })>
                        "2×"
                    </button>
                    <button type="button" data-testid="stop" on:click=move |_| page.stop()>"Stop"</button>
                </Show>
                <Back page />
            </div>
        </div>
    }
}

/// Brings the visitor's own examples back, where some were put aside.
#[component]
pub fn Back(page: Page) -> impl IntoView {
    view! {
        <Show when=move || { page.aside.get() > 0 }>
            <button type="button" class="back" data-testid="bring-back" on:click=move |_| page.bring_back()>
                <Icon name="undo" /> {move || format!("Back to mine ({})", page.aside.get())}
            </button>
        </Show>
    }
}
