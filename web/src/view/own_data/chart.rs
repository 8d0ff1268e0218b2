//! Learning curves: accuracy over the number of examples shown, as a chart and as numbers.

use crate::own_data::protocol::{Curve, ORDERS, interval};
use crate::page::Page;
use crate::view::switch::switch;
use dom::*;

/// Size of the chart, in its own units.
const SIZE: (f64, f64) = (560.0, 260.0);
/// Room at its left, top, right and bottom.
const EDGE: [f64; 4] = [40.0, 12.0, 14.0, 30.0];

/// The chart and its numbers. Copies share it.
#[derive(Clone, Copy)]
struct Chart {
    page: Page,
    /// By curve and count: mean and half width.
    points: Memo<Vec<(&'static str, Vec<Interval>)>>,
}

/// Mean and half width; none where nothing was asked yet.
type Interval = Option<(f64, Option<f64>)>;

impl Chart {
    fn new(page: Page) -> Chart {
        let points = memo(move |_| {
            let balanced = page.own_data.balanced.get();
            let of = |curve: &Curve| {
                let measured = if balanced { &curve.balanced } else { &curve.accuracy };
                (curve.name, measured.iter().map(|a| interval(a)).collect())
            };
            page.own_data.curves.with(|curves| curves.iter().map(of).collect())
        });
        Chart { page, points }
    }

    fn counts(self) -> Vec<usize> {
        self.page.own_data.plan.get().map(|plan| plan.counts.clone()).unwrap_or_default()
    }

    /// A round number below everything.
    fn low(self) -> f64 {
        let all = self.points.with(|curves| {
            curves.iter().flat_map(|(_, p)| p.iter().flatten().map(|(m, h)| m - h.unwrap_or(0.0))).fold(1.0, f64::min)
        });
        ((all - 0.02) * 10.0).floor().max(0.0) / 10.0
    }

    fn x(self, at: usize) -> f64 {
        let n = self.counts().len().saturating_sub(1).max(1) as f64;
        EDGE[0] + (SIZE.0 - EDGE[0] - EDGE[2]) * at as f64 / n
    }

    fn y(self, accuracy: f64) -> f64 {
        let low = self.low();
        EDGE[1] + (SIZE.1 - EDGE[1] - EDGE[3]) * (1.0 - (accuracy - low) / (1.0 - low))
    }

    fn grid(self) -> View {
        let low = self.low();
        let steps = ((1.0 - low) * 10.0).round() as usize;
        let each = if steps > 5 { 2 } else { 1 };
        let line = |step: usize| {
            let level = low + step as f64 / 10.0;
            let at = self.y(level);
            let words = text_at(EDGE[0] - 7.0, at + 4.0).attr("text-anchor", "end");
            View::new().child(across("grid", at)).child(words.child(format!("{:.0}", 100.0 * level)))
        };
        (0..=steps).filter(|step| (steps - step).is_multiple_of(each)).map(line).collect_view()
    }

    fn ticks(self) -> View {
        let tick =
            |(i, count): (usize, usize)| text_at(self.x(i), SIZE.1 - 10.0).attr("text-anchor", "middle").child(count);
        self.counts().into_iter().enumerate().map(tick).collect_view()
    }

    /// The learner is painted last, on top.
    fn lines(self) -> View {
        self.points.with(|curves| curves.iter().enumerate().rev().map(|(k, (_, p))| self.line(k, p)).collect_view())
    }

    fn line(self, number: usize, points: &[Interval]) -> Tag {
        let known: Vec<(f64, f64, f64)> = points
            .iter()
            .enumerate()
            .filter_map(|(i, point)| point.map(|(mean, half)| (self.x(i), mean, half.unwrap_or(0.0))))
            .collect();
        let line = known.iter().map(|(x, m, _)| format!("{x:.1},{:.1}", self.y(*m))).collect::<Vec<_>>().join(" ");
        let upper = known.iter().map(|(x, m, h)| format!("{x:.1},{:.1}", self.y((m + h).min(1.0))));
        let lower = known.iter().rev().map(|(x, m, h)| format!("{x:.1},{:.1}", self.y(m - h)));
        let band = upper.chain(lower).collect::<Vec<_>>().join(" ");
        let dot = |(x, m, _): &(f64, f64, f64)| {
            svg("circle").attr("cx", x.to_string()).attr("cy", self.y(*m).to_string()).attr("r", "3.2")
        };
        svg("g")
            .class(format!("curve c{number}"))
            .child(svg("polygon").attr("points", band))
            .child(svg("polyline").attr("points", line))
            .child(known.iter().map(dot).collect_view())
    }

    /// The numbers as rows of a table, the best of each column marked.
    fn figures(self) -> View {
        let points = self.points;
        let best = move |at: usize| {
            points.with(|curves| curves.iter().filter_map(|(_, p)| p[at].map(|p| p.0)).fold(0.0, f64::max))
        };
        let cell = move |(at, point): (usize, Interval)| {
            let words = match point {
                None => String::new(),
                Some((mean, None)) => format!("{:.1}", 100.0 * mean),
                Some((mean, Some(half))) => format!("{:.1} ± {:.1}", 100.0 * mean, 100.0 * half),
            };
            el("td").toggle("best", move || point.is_some_and(|p| p.0 >= best(at) - 1e-9)).child(words)
        };
        let row = move |(k, (name, points)): (usize, (&'static str, Vec<_>))| {
            el("tr")
                .class(format!("c{k}"))
                .child(el("th").attr("scope", "row").child(el("i")).child(name))
                .child(points.into_iter().enumerate().map(cell).collect_view())
        };
        points.get().into_iter().enumerate().map(row).collect_view()
    }

    fn caption(self) -> String {
        let own_data = self.page.own_data;
        let queries = own_data.plan.get().map_or(0, |plan| plan.orders[0].queries.len());
        let what = if own_data.data.get().is_some_and(|data| !data.table()) { "pictures" } else { "rows" };
        let measure = if own_data.balanced.get() { "Balanced accuracy" } else { "Accuracy" };
        format!("{measure} (%) on {queries} held-out {what}, mean of {ORDERS} random orders ± 95 % interval")
    }

    fn drawing(self) -> Tag {
        svg("svg")
            .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
            .attr("role", "img")
            .attr("aria-label", "Accuracy over the number of examples shown; the table below has the numbers")
            .child(move || self.grid())
            .child(move || self.ticks())
            .child(move || self.lines())
    }

    fn table(self) -> Tag {
        let heads = move || self.counts().into_iter().map(|n| el("th").attr("scope", "col").child(n)).collect_view();
        let head = el("tr").child(el("th").attr("scope", "col").child("examples shown")).child(heads);
        el("div").class("figures").attr("tabindex", "0").attr("role", "group").attr("aria-label", "Accuracy").child(
            el("table")
                .test_id("curve-table")
                .child(el("caption").child(move || self.caption()))
                .child(el("thead").child(head))
                .child(el("tbody").child(move || self.figures())),
        )
    }
}

/// A line across the whole chart.
fn across(class: &'static str, y: f64) -> Tag {
    let line = svg("line").class(class).attr("x1", EDGE[0].to_string()).attr("x2", (SIZE.0 - EDGE[2]).to_string());
    line.attr("y1", y.to_string()).attr("y2", y.to_string())
}

fn text_at(x: f64, y: f64) -> Tag {
    svg("text").attr("x", x.to_string()).attr("y", y.to_string())
}

/// The chart, and its numbers as a table.
pub fn curves(page: Page) -> View {
    let (own_data, chart) = (page.own_data, Chart::new(page));
    let how = move || match own_data.data.get() {
        Some(data) if data.table() => {
            "The learner and the methods get the same rows, with each column scaled using the shown rows only. Dashed: \
             always naming the class that most of the shown rows have. The learner has never seen a table like this one and \
             takes no gradient step."
        }
        _ => {
            "The learner and the methods get the same pictures, reduced to 14 × 14 pixels, with brightness and contrast \
             normalised. Dashed: always naming the class that most of them are. The learner takes no gradient step."
        }
    };
    let what = move || own_data.data.get().map(|data| format!("{}, {} classes", data.words, data.classes.len()));
    el("div")
        .class("curves")
        .test_id("curves")
        .child(
            el("p")
                .class("what")
                .test_id("import-what")
                .child(el("b").child(move || own_data.data.get().map(|data| data.name.clone())))
                .child(" ")
                .child(what),
        )
        .child(switch(own_data.balanced, "balanced", "Balanced: every class counts the same", move |on| {
            own_data.balanced.set(on)
        }))
        .child(chart.drawing())
        .child(chart.table())
        .child(el("p").class("hint").child(how))
        .into_view()
}
