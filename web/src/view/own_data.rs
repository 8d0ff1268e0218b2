//! The same file learns tables and pictures: a visitor's own data, with learning curves beside those of other methods.

use web_sys::{HtmlInputElement, SubmitEvent};

use crate::answers::percent;
use crate::dom::*;
use crate::file_picker::files;
use crate::own_data::protocol::{Curve, Made, ORDERS, interval};
use crate::own_data::state::{Reply, Stage};
use crate::page::Page;
use crate::skipped::Skipped;

/// Size of the chart, in its own units.
const SIZE: (f64, f64) = (560.0, 260.0);
/// Room at its left, top, right and bottom.
const EDGE: [f64; 4] = [40.0, 12.0, 14.0, 30.0];

/// Tables and folders of pictures.
pub fn import(page: Page) -> View {
    let own_data = page.own_data;
    let failed = move || own_data.stage.with(|stage| matches!(stage, Stage::Failed(_)));
    let state = move || own_data.stage.with(state_name);
    let busy = memo(move |_| own_data.busy());
    let any = move || own_data.curves.with(|curves| curves.iter().any(|c| c.accuracy.iter().any(|a| !a.is_empty())));
    el("section")
        .class("card import")
        .attr("aria-label", "Your own data")
        .test_id("import")
        .attr("data-state", state)
        .child(el("h2").child("Your own data"))
        .child(
            el("p")
                .class("hint")
                .child("Open a table (CSV, with the class in the last column) or pictures (a folder for each class). ")
                .child("The learner ")
                .child(el("b").child("general"))
                .child(" learns them here, next to four well-known methods on the same examples. Nothing is uploaded."),
        )
        .child(pickers(page))
        .child(
            el("div")
                .class("stage")
                .toggle("idle", move || state() == "empty")
                .child(
                    el("p")
                        .class("note")
                        .toggle("fault", failed)
                        .test_id("import-status")
                        .attr("role", "status")
                        .attr("aria-live", "polite")
                        .child(move || stage_words(own_data.stage.get())),
                )
                .child(show(
                    move || state() != "empty" && page.skipped.with(|skipped| !skipped.is_empty()),
                    move || {
                        el("p")
                            .class("note fault")
                            .test_id("import-skipped")
                            .child(move || page.skipped.with(Skipped::words))
                    },
                ))
                .child(show(
                    move || busy.get(),
                    move || button("import-cancel").on(ev::CLICK, move |_| own_data.cancel()).child("Cancel"),
                )),
        )
        .child(show(any, move || View::new().child(curves(page)).child(ask(page))))
        .into_view()
}

/// What is under way, or why nothing is.
fn stage_words(stage: Stage) -> String {
    match stage {
        Stage::Empty => String::new(),
        Stage::Reading(done, of) => format!("Reading {} of {of}…", done + 1),
        Stage::Fetching(None) => "Downloading the general learner…".to_owned(),
        Stage::Fetching(Some((done, all))) => match all {
            Some(all) => format!("Downloading the general learner: {:.0} %", 100.0 * done / all.max(1.0)),
            None => format!("Downloading the general learner: {:.0} KB", done / 1e3),
        },
        Stage::Running(order) => format!("Random order {} of {ORDERS}…", order + 1),
        Stage::Done => "Done.".to_owned(),
        Stage::Stopped => "Stopped. The results so far stay.".to_owned(),
        Stage::Failed(words) => words,
    }
}

/// For styles and tests.
fn state_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Empty => "empty",
        Stage::Reading(..) | Stage::Fetching(_) | Stage::Running(_) => "running",
        Stage::Done => "done",
        Stage::Stopped => "stopped",
        Stage::Failed(_) => "failed",
    }
}

/// Buttons that open files, and data that the page makes.
fn pickers(page: Page) -> Tag {
    let field = |id: &'static str| el("input").test_id(id);
    let several = move |id: &'static str| field(id).attr("multiple", true);
    let examine = move |files| page.open_pictures(files);
    let try_made = move |made: Made| {
        button(format!("made-{}", made.title().to_ascii_lowercase()))
            .class("quiet")
            .attr("title", made.words())
            .on(ev::CLICK, move |_| page.examine_made(made))
            .child(format!("Try: {}", made.title()))
    };
    el("div")
        .class("buttons")
        .child(files(
            button("pick-table").child("A table…"),
            field("table-file").attr("accept", ".csv,.tsv,.txt,text/csv"),
            move |files| page.examine_table(files[0].1.clone()),
        ))
        // No attribute of the standard: browsers agreed on it all the same.
        .child(files(
            button("pick-folder").child("A folder of pictures…"),
            several("folder-files").attr("webkitdirectory", true),
            examine,
        ))
        .child(files(
            button("pick-pictures").child("Pictures…"),
            several("picture-files").attr("accept", "image/*"),
            examine,
        ))
        .child(Made::ALL.into_iter().map(try_made).collect_view())
}

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
        let of = |curve: &Curve| (curve.name, curve.accuracy.iter().map(|a| interval(a)).collect());
        Chart { page, points: memo(move |_| page.own_data.curves.with(|curves| curves.iter().map(of).collect())) }
    }

    fn counts(self) -> Vec<usize> {
        self.page.own_data.plan.get().map(|plan| plan.counts.clone()).unwrap_or_default()
    }

    fn chance(self) -> f64 {
        self.page.own_data.data.get().map_or(0.0, |data| 1.0 / data.classes.len() as f64)
    }

    /// A round number below everything.
    fn low(self) -> f64 {
        let all = self.points.with(|curves| {
            curves.iter().flat_map(|(_, p)| p.iter().flatten().map(|(m, h)| m - h.unwrap_or(0.0))).fold(1.0, f64::min)
        });
        ((all.min(self.chance()) - 0.02) * 10.0).floor().max(0.0) / 10.0
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
        format!("Accuracy (%) on {queries} held-out {what}, mean of {ORDERS} random orders ± 95 % interval")
    }

    fn drawing(self) -> Tag {
        let chance = svg("line").class("chance").attr("x1", EDGE[0].to_string());
        let chance = chance.attr("x2", (SIZE.0 - EDGE[2]).to_string());
        let level = move || self.y(self.chance()).to_string();
        svg("svg")
            .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
            .attr("role", "img")
            .attr("aria-label", "Accuracy over the number of examples shown; the table below has the numbers")
            .child(move || self.grid())
            .child(chance.attr("y1", level).attr("y2", level))
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
fn curves(page: Page) -> View {
    let (own_data, chart) = (page.own_data, Chart::new(page));
    let how = move || match own_data.data.get() {
        Some(data) if data.table() => {
            "The learner and the methods get the same rows, with each column scaled using the shown rows only. Dashed: \
             chance. The learner has never seen a table like this one and takes no gradient step."
        }
        _ => {
            "The learner and the methods get the same pictures, reduced to 14 × 14 pixels, with brightness and contrast \
             normalised. Dashed: chance. The learner takes no gradient step."
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
        .child(chart.drawing())
        .child(chart.table())
        .child(el("p").class("hint").child(how))
        .into_view()
}

/// A row or picture of one's own.
fn ask(page: Page) -> View {
    let own_data = page.own_data;
    let field = NodeRef::<HtmlInputElement>::new();
    let table = move || own_data.data.get().is_some_and(|data| data.table());
    let asked = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            page.ask_row(field.value());
        }
    };
    // A row of the data to begin with.
    let sample = move || {
        own_data.data.get().map(|data| {
            let row = &data.values[..data.width().min(12)];
            row.iter().map(|v| format!("{}", (v * 1000.0).round() / 1000.0)).collect::<Vec<_>>().join(", ")
        })
    };
    el("div")
        .class("ask")
        .child(show_or(
            table,
            move || {
                el("form")
                    .on(ev::SUBMIT, asked)
                    .child(
                        el("label").child(el("span").child("Ask about a new row")).child(
                            el("input")
                                .node_ref(field)
                                .attr("type", "text")
                                .test_id("ask-row")
                                .attr("autocomplete", "off")
                                .attr("spellcheck", "false")
                                .attr("placeholder", sample),
                        ),
                    )
                    .child(el("button").attr("type", "submit").test_id("ask").child("Ask"))
            },
            move || {
                files(
                    button("ask-picture").child("Ask about a picture…"),
                    el("input").attr("accept", "image/*").test_id("ask-picture-file"),
                    move |files| page.ask_picture(files[0].1.clone()),
                )
            },
        ))
        .child(el("div").attr("aria-live", "polite").child(move || {
            own_data.reply.get().map(|reply| match reply {
                Ok(reply) => answer(reply),
                Err(words) => el("p").class("note fault").test_id("ask-fault").child(words).into_view(),
            })
        }))
        .into_view()
}

fn answer(reply: Reply) -> View {
    let shown = reply.shown;
    el("div")
        .class("reply")
        .test_id("reply")
        .child(
            el("ol").child(
                reply
                    .chances
                    .into_iter()
                    .take(5)
                    .map(|(name, chance)| {
                        el("li")
                            .attr("data-probability", format!("{chance:.6}"))
                            .child(el("span").child(name))
                            .child(el("b").child(percent(chance)))
                            .child(el("i").style("transform", format!("scaleX({chance:.4})")))
                    })
                    .collect_view(),
            ),
        )
        .child(el("small").child(format!("From {shown} examples, without a gradient step.")))
        .into_view()
}
