//! The charts: accuracy over the examples of a task, and accuracy and loss over the steps of the runs.

use dom::*;

use super::state::Card;
use crate::line::Line;
use crate::points::{sampled, smoothed};
use crate::settings::{CLASSES, LENGTH};

/// Size of a chart, in units of its own.
const SIZE: (f64, f64) = (340.0, 210.0);
/// Room on the left, above, on the right and below.
const MARGIN: [f64; 4] = [38.0, 10.0, 10.0, 30.0];
/// Points of a line.
const MOST_POINTS: usize = 120;

/// A chart's scales: what lies at its right end and at its top.
#[derive(Clone, Copy)]
struct Scale {
    right: f64,
    top: f64,
}

impl Scale {
    fn place(self, x: f64, y: f64) -> String {
        let [left, above, right, below] = MARGIN;
        let across = left + (SIZE.0 - left - right) * x / self.right.max(1e-9);
        let up = SIZE.1 - below - (SIZE.1 - above - below) * (y / self.top).clamp(0.0, 1.0);
        format!("{across:.1},{up:.1}")
    }

    fn points(self, all: impl Iterator<Item = (f64, f64)>) -> String {
        all.map(|(x, y)| self.place(x, y)).collect::<Vec<_>>().join(" ")
    }
}

/// The colour of a run, which follows its number.
pub fn hue(id: u32) -> String {
    format!("hue{}", (id - 1) % 10)
}

fn frame(name: &str, title: &'static str, spoken: impl Fn() -> String + 'static) -> Tag {
    svg("svg")
        .class("plot")
        .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
        .attr("role", "img")
        .test_id(name.to_owned())
        .attr("aria-label", move || format!("{title}. {}", spoken()))
}

fn words_at(x: f64, y: f64, anchor: &'static str) -> Tag {
    svg("text").attr("x", format!("{x:.1}")).attr("y", format!("{y:.1}")).attr("text-anchor", anchor)
}

/// Lines across at some heights, with their names.
fn levels(scale: Scale, levels: &[(f64, &str)]) -> View {
    let level = |(at, name): &(f64, &str)| {
        let (from, to) = (scale.place(0.0, *at), scale.place(scale.right, *at));
        let y: f64 = from.split(',').nth(1).and_then(|y| y.parse().ok()).unwrap_or_default();
        View::new()
            .child(svg("polyline").class("grid").attr("points", format!("{from} {to}")))
            .child(words_at(MARGIN[0] - 6.0, y + 4.0, "end").child(*name))
    };
    levels.iter().map(level).collect_view()
}

fn below(left: &'static str, right: impl Fn() -> String + 'static) -> View {
    let y = SIZE.1 - 8.0;
    View::new()
        .child(words_at(MARGIN[0], y, "start").child(left))
        .child(words_at(SIZE.0 - MARGIN[2], y, "end").child(right))
}

const SHARES: [(f64, &str); 3] = [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")];

fn chance(scale: Scale, height: f64) -> Tag {
    svg("polyline")
        .class("chance")
        .attr("points", format!("{} {}", scale.place(0.0, height), scale.place(scale.right, height)))
}

fn last_share(card: Card) -> Option<f64> {
    card.lines.with(|lines| lines.last()?.points.last().map(|point| point.accuracies.unseen_last))
}

/// Right answers over the examples shown, of the present run.
pub fn by_examples(card: Card) -> View {
    let scale = Scale { right: (LENGTH - 1) as f64, top: 1.0 };
    let line = move |of: fn(&Line) -> &Vec<f64>| {
        card.lines.with(|lines| {
            let Some(line) = lines.last() else { return String::new() };
            scale.points(smoothed(of(line), 2).into_iter().enumerate().map(|(at, share)| (at as f64, share)))
        })
    };
    let own = move || card.lines.with(|lines| lines.last().is_some_and(Line::own_tasks));
    let spoken = move || match last_share(card) {
        Some(share) => format!("After 90 examples of a new task it names {:.0} % right", 100.0 * share),
        None => "No run so far".into(),
    };
    let title = "Right answers within a task, by the number of examples shown";
    let colour = move || card.lines.with(|lines| lines.last().map(|line| hue(line.id)));
    let drawn = svg("g")
        .class(colour)
        .toggle("own", own)
        .child(svg("polyline").class("seen").attr("points", move || line(|line| &line.seen)))
        .child(svg("polyline").class("now").attr("points", move || line(|line| &line.unseen)));
    frame("chart-examples", title, spoken)
        .child(levels(scale, &SHARES))
        .child(chance(scale, 1.0 / CLASSES as f64))
        .child(drawn)
        .child(below("no example", || format!("{} examples", LENGTH - 1)))
        .into_view()
}

/// Steps at the right end.
fn longest(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.step).max().unwrap_or(0).max(100) as f64
}

/// A line for each run; the present one is drawn last.
fn runs(card: Card, top: f64, of: fn(&Line, usize) -> f64, own: Option<fn(&Line, usize) -> f64>) -> View {
    let drawn = move || {
        card.lines.with(|lines| {
            let scale = Scale { right: longest(lines), top };
            let line = |line: &Line, of: fn(&Line, usize) -> f64| {
                let places: Vec<usize> = (0..line.points.len()).collect();
                scale.points(sampled(&places, MOST_POINTS).map(|at| (line.points[*at].step as f64, of(line, *at))))
            };
            let one = |(at, run): (usize, &Line)| {
                let now = at + 1 == lines.len();
                let shown = |class: &'static str, of| {
                    let tag = svg("polyline").class(class).attr("points", line(run, of));
                    svg("g").class(hue(run.id)).child(tag)
                };
                let seen = own.filter(|_| now && run.own_tasks()).map(|own| shown("seen", own));
                View::new().child(seen).child(shown(if now { "now" } else { "run" }, of))
            };
            lines.iter().enumerate().map(one).collect_view()
        })
    };
    View::new().child(svg("g").child(drawn))
}

/// Accuracy on new tasks over the steps.
pub fn by_steps(card: Card) -> View {
    let scale = Scale { right: 1.0, top: 1.0 };
    let steps = move || format!("{} steps", card.lines.with(|lines| longest(lines)));
    let spoken = move || match last_share(card) {
        Some(share) => format!("The present run is at {:.0} %", 100.0 * share),
        None => "No run so far".into(),
    };
    frame("chart-steps", "Right answers at the end of new tasks, over the steps of each run", spoken)
        .child(levels(scale, &SHARES))
        .child(chance(scale, 1.0 / CLASSES as f64))
        .child(runs(
            card,
            1.0,
            |line, at| line.points[at].accuracies.unseen_last,
            Some(|line, at| line.points[at].accuracies.seen_last),
        ))
        .child(below("first step", steps))
        .into_view()
}

/// Loss over the steps.
pub fn loss(card: Card) -> View {
    let guessing = (CLASSES as f64).ln();
    let scale = Scale { right: 1.0, top: 1.15 * guessing };
    let steps = move || format!("{} steps", card.lines.with(|lines| longest(lines)));
    let spoken = move || {
        let last = card.lines.with(|lines| lines.last()?.points.last().map(|point| point.loss));
        last.map_or("No run so far".into(), |loss| format!("The present run is at {loss:.2}; guessing costs 2.30"))
    };
    frame("chart-loss", "Loss in nats, over the steps of each run", spoken)
        .child(levels(scale, &[(0.0, "0"), (1.0, "1"), (2.0, "2")]))
        .child(chance(scale, guessing))
        .child(runs(card, 1.15 * guessing, |line, at| line.points[at].loss, None))
        .child(below("first step", steps))
        .into_view()
}

/// The numbers of the present run.
pub fn table(card: Card) -> View {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let rows = move || {
        card.lines.with(|lines| {
            let Some(line) = lines.last() else { return View::new() };
            let row = |point: &crate::run::Point| {
                let cells = [
                    point.step.to_string(),
                    format!("{:.3}", point.loss),
                    percent(point.accuracies.seen_last),
                    percent(point.accuracies.unseen_last),
                ];
                el("tr").child(cells.into_iter().map(|cell| el("td").child(cell)).collect_view())
            };
            sampled(&line.points, 24).map(row).collect_view()
        })
    };
    let heads = ["step", "loss", "own tasks", "new tasks"];
    let head = heads.map(|head| el("th").attr("scope", "col").child(head));
    el("table")
        .test_id("training-table")
        .child(el("thead").child(el("tr").child(head)))
        .child(el("tbody").child(rows))
        .into_view()
}
