//! See it without drawing: sample packs that play themselves.

use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};

use crate::document::codec::thinned;
use crate::page::Page;
use crate::player::packs::Pack;
use crate::player::state::{Player, State, Told};
use crate::view::icon::icon;
use crate::view::words::hue;
use dom::*;

/// Size of the curve's drawing, in its own units.
const SIZE: (f32, f32) = (320.0, 96.0);
/// Room around it.
const EDGE: f32 = 8.0;

/// Sample packs, and the curve of the one that plays.
pub fn samples(page: Page) -> View {
    let player = page.player;
    // Whoever takes the pen wants to go on alone.
    on_window(ev::POINTERDOWN, move |event: PointerEvent| {
        let canvas = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let on_canvas = canvas.is_some_and(|element| element.get_attribute("data-testid").as_deref() == Some("canvas"));
        if on_canvas && player.on() {
            page.stop();
            page.show(|document| document.drawing = Default::default());
        }
    });
    let begun = move || player.state.get() != State::Idle || !player.told.with(Vec::is_empty);
    el("section")
        .class("card samples")
        .attr("aria-label", "See it without drawing")
        .test_id("samples")
        .attr("data-player", move || format!("{:?}", player.state.get()).to_ascii_lowercase())
        .child(el("h2").child("Watch it learn, without drawing"))
        .child(
            el("div").class("packs").child(
                Pack::ALL
                    .into_iter()
                    .map(|pack| {
                        el("button")
                            .attr("type", "button")
                            .class("pack")
                            .test_id(format!("play-{}", pack.key()))
                            .attr("aria-pressed", move || (player.on() && player.pack.get() == pack).to_string())
                            .on(ev::CLICK, move |_| page.play(pack))
                            .child(
                                el("span")
                                    .class("previews")
                                    .attr("aria-hidden", "true")
                                    .child((0..3).map(|class| preview(pack, class)).collect_view()),
                            )
                            .child(el("b").child(pack.title()))
                            .child(el("small").child(pack.words()))
                    })
                    .collect_view(),
            ),
        )
        .child(show(begun, move || told(page)))
        .into_view()
}

/// One drawing of a pack as lines, in the colour of its class.
fn preview(pack: Pack, class: u32) -> View {
    let paths: Vec<String> = thinned(&pack.drawn(class, 0))
        .iter()
        .map(|stroke| {
            let points = stroke.points.iter().map(|[x, y]| format!("{x:.0} {y:.0}")).collect::<Vec<_>>();
            format!("M{} l0.1 0", points.join(" L"))
        })
        .collect();
    svg("svg")
        .attr("viewBox", "130 130 740 740")
        .class(hue(class))
        .child(paths.into_iter().map(|path| svg("path").attr("d", path)).collect_view())
        .into_view()
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
fn told(page: Page) -> View {
    let player = page.player;
    let asked = move || player.told.with(|told| told.iter().filter(|told| told.right.is_some()).count());
    let right = move || player.told.with(|told| told.iter().filter(|told| told.right == Some(true)).count());
    let words = move || {
        let new = player.told.with(|told| told.iter().filter(|told| told.right.is_none()).count());
        format!(
            "{new} drawings were the first of their class. Of the {} others, it named {} correctly before it was told.",
            asked(),
            right()
        )
    };
    el("div")
        .class("told")
        .test_id("told")
        .attr("data-shown", move || player.told.with(Vec::len))
        .attr("data-asked", asked)
        .attr("data-right", right)
        .child(curve(player).attr("aria-label", words))
        .child(
            el("p")
                .class("axis")
                .attr("aria-hidden", "true")
                .child(el("span").child("guessing"))
                .child(el("span").child("sure, and right")),
        )
        .child(
            el("p")
                .class("hint")
                .child("Each dot is a drawing, and shows how sure it was of the right answer ")
                .child(el("em").child("before"))
                .child(" it was told. Hollow dots: the first of its class."),
        )
        .child(
            el("div")
                .class("buttons")
                .attr("role", "group")
                .attr("aria-label", "Player")
                .child(show_or(
                    move || player.on(),
                    move || running(page),
                    move || {
                        button("play-again")
                            .on(ev::CLICK, move |_| page.play(player.pack.get_untracked()))
                            .child(icon("redo"))
                            .child("Play again")
                    },
                ))
                .child(back(page)),
        )
        .into_view()
}

/// A dot for each drawing, and a line through the mean of the last few.
fn curve(player: Player) -> Tag {
    let count = memo(move |_| player.pack.get().order().len());
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
    let dot = move |(i, told): (usize, &Told)| {
        let (x, y) = place(i, count.get(), told.probability);
        let kind = match told.right {
            None => "new",
            Some(true) => "right",
            Some(false) => "wrong",
        };
        let dot = svg("circle").class(format!("{kind} {}", hue(told.label)));
        dot.attr("cx", x.to_string()).attr("cy", y.to_string()).attr("r", "4")
    };
    let dots = move || player.told.with(|told| told.iter().enumerate().map(dot).collect_view());
    let level = |y: f32| {
        let line = svg("line").attr("x1", EDGE.to_string()).attr("y1", y.to_string());
        line.attr("x2", (SIZE.0 - EDGE).to_string()).attr("y2", y.to_string())
    };
    svg("svg")
        .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
        .attr("role", "img")
        .child([EDGE, SIZE.1 - EDGE].map(level))
        .child(svg("polyline").attr("points", line))
        .child(dots)
}

/// The player's buttons while it plays.
fn running(page: Page) -> View {
    let player = page.player;
    let paused = move || player.state.get() == State::Paused;
    let faster = move |_| player.speed.update(|speed| *speed = if *speed > 1.0 { 1.0 } else { 2.0 });
    View::new()
        .child(
            button("pause")
                .on(ev::CLICK, move |_| page.pause())
                .child(move || if paused() { "Resume" } else { "Pause" }),
        )
        .child(button("skip").on(ev::CLICK, move |_| page.skip()).child("To the end"))
        .child(
            button("speed")
                .attr("aria-label", "Twice as fast")
                .attr("aria-pressed", move || (player.speed.get() > 1.0).to_string())
                .on(ev::CLICK, faster)
                .child("2×"),
        )
        .child(button("stop").on(ev::CLICK, move |_| page.stop()).child("Stop"))
}

/// Opens the visitor's own set, while another is open.
pub fn back(page: Page) -> View {
    show(
        move || page.mine().is_some(),
        move || {
            button("bring-back")
                .class("back")
                .on(ev::CLICK, move |_| page.bring_back())
                .child(icon("undo"))
                .child(move || format!("Back to mine ({})", page.mine().map_or(0, |(_, count)| count)))
        },
    )
}
