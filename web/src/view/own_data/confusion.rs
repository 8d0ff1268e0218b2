//! The confusion table: what was answered for what, with the examples behind each number.

use web_sys::HtmlCanvasElement;

use crate::browser;
use crate::own_data::images::SIDE;
use crate::own_data::protocol::Examples;
use crate::own_data::state::Inspected;
use crate::page::Page;
use dom::*;

/// Classes that a table of all pairs has room for.
const MOST_COLUMNS: usize = 20;
/// Pairs that are listed where there are more classes.
const MOST_PAIRS: usize = 30;

/// The table, or with many classes a list, and the examples of the cell that is looked into.
pub fn confusion(page: Page) -> View {
    let own_data = page.own_data;
    let any = memo(move |_| own_data.confusion.with(|confusion| !confusion.is_empty()));
    show(
        move || any.get(),
        move || {
            el("details")
                .class("confusion")
                .test_id("confusion")
                .child(el("summary").child(move || mistakes(page)))
                .child(move || match own_data.confusion.with(|confusion| confusion.classes()) {
                    many if many > MOST_COLUMNS => pairs(page),
                    _ => table(page),
                })
                .child(move || own_data.inspected.get().map(|cell| examples(page, &cell)))
        },
    )
}

/// The heading: the mistake that was made most.
fn mistakes(page: Page) -> String {
    let Some(data) = page.own_data.data.get() else { return String::new() };
    page.own_data.confusion.with(|confusion| match confusion.worst(1)[..] {
        [(truth, answer, _), ..] => {
            format!("Confusions: most often “{}” was taken for “{}”", data.classes[truth], data.classes[answer])
        }
        [] => "Confusions: none".to_owned(),
    })
}

/// What a count is of.
fn caption(page: Page, reading: &str) -> String {
    let plan = page.own_data.plan.get();
    let shown = plan.and_then(|plan| plan.counts.last().copied()).unwrap_or(0);
    format!(
        "Answers of general after {shown} examples, over all orders. {reading} Choose a number to see its examples."
    )
}

/// How often an answer was given for a class, which opens these examples.
fn count_button(page: Page, truth: usize, answer: usize, count: usize) -> Tag {
    let own_data = page.own_data;
    let open =
        move || own_data.inspected.with(|cell| cell.as_ref().is_some_and(|c| (c.truth, c.answer) == (truth, answer)));
    button(format!("cell-{truth}-{answer}"))
        .attr("aria-pressed", move || open().to_string())
        .attr("title", "Show these examples")
        .on(ev::CLICK, move |_| page.inspect(truth, answer))
        .child(count)
}

/// The pairs that were confused most, most often first.
fn pairs(page: Page) -> Tag {
    let body = move || {
        let Some(data) = page.own_data.data.get() else { return View::new() };
        let worst = page.own_data.confusion.with(|confusion| confusion.worst(MOST_PAIRS));
        let row = |(truth, answer, count): (usize, usize, usize)| {
            el("tr")
                .child(el("th").attr("scope", "row").child(data.classes[truth].clone()))
                .child(el("td").child(data.classes[answer].clone()))
                .child(el("td").child(count_button(page, truth, answer, count)))
        };
        worst.into_iter().map(row).collect_view()
    };
    let heads = ["true class", "answer", "times"];
    el("div").class("figures").attr("tabindex", "0").attr("role", "group").attr("aria-label", "Confusions").child(
        el("table")
            .test_id("confusion-pairs")
            .child(el("caption").child(move || caption(page, "The pairs that were confused most.")))
            .child(el("thead").child(
                el("tr").child(heads.into_iter().map(|head| el("th").attr("scope", "col").child(head)).collect_view()),
            ))
            .child(el("tbody").child(body)),
    )
}

fn table(page: Page) -> Tag {
    let own_data = page.own_data;
    let names = move || own_data.data.get().map(|data| data.classes.clone()).unwrap_or_default();
    let heads = move || names().into_iter().map(|name| el("th").attr("scope", "col").child(name)).collect_view();
    let cell = move |truth: usize, answer: usize, largest: usize| {
        let count = own_data.confusion.with(|confusion| confusion.count(truth, answer));
        let shade = count as f64 / largest.max(1) as f64;
        let tag = el("td").toggle("right", truth == answer).style("--share", format!("{shade:.3}"));
        match count {
            0 => tag.child("·"),
            _ => tag.child(count_button(page, truth, answer, count)),
        }
    };
    let body = move || {
        let names = names();
        let count = names.len();
        let largest = own_data
            .confusion
            .with(|confusion| (0..count * count).map(|at| confusion.count(at / count, at % count)).max().unwrap_or(0));
        let row = |(truth, name): (usize, String)| {
            el("tr")
                .child(el("th").attr("scope", "row").child(name))
                .child((0..count).map(|answer| cell(truth, answer, largest)).collect_view())
        };
        names.into_iter().enumerate().map(row).collect_view()
    };
    el("div").class("figures").attr("tabindex", "0").attr("role", "group").attr("aria-label", "Confusions").child(
        el("table")
            .test_id("confusion-table")
            .child(el("caption").child(move || caption(page, "Rows: the true class; columns: the answer.")))
            .child(el("thead").child(el("tr").child(el("td")).child(heads)))
            .child(el("tbody").child(body)),
    )
}

/// The examples of a cell: pictures, or rows with their line in the file.
fn examples(page: Page, cell: &Inspected) -> View {
    let Some(data) = page.own_data.data.get_untracked() else { return View::new() };
    let (truth, answer) = (&data.classes[cell.truth], &data.classes[cell.answer]);
    let words = match cell.truth == cell.answer {
        true => format!("“{truth}”, recognised"),
        false => format!("“{truth}”, taken for “{answer}”"),
    };
    let shown = match &data.examples {
        Examples::Pictures { size, .. } => {
            let channels = size.2;
            let picture = |example: &usize| picture(data.examples.values(&[*example]), channels);
            el("div").class("pictures").child(cell.examples.iter().map(picture).collect_view())
        }
        Examples::Rows(_) => {
            let names = page.own_data.summary.get_untracked();
            let names = names.iter().flat_map(|summary| &summary.columns).map(|column| column.name.clone());
            let head = std::iter::once("line".to_owned()).chain(names).map(|name| el("th").child(name)).collect_view();
            let row = |row: &crate::own_data::summary::TextRow| {
                let cells = std::iter::once(row.line.to_string()).chain(row.cells.iter().cloned());
                el("tr").child(cells.map(|cell| el("td").child(cell)).collect_view())
            };
            el("div").class("figures").attr("tabindex", "0").attr("role", "group").attr("aria-label", "Rows").child(
                el("table")
                    .child(el("thead").child(el("tr").child(head)))
                    .child(el("tbody").child(cell.rows.iter().map(row).collect_view())),
            )
        }
    };
    el("div").test_id("inspected").child(el("p").class("hint").child(words)).child(shown).into_view()
}

/// A picture, `[28, 28, channels]` in [0, 1].
fn picture(values: Vec<f32>, channels: usize) -> Tag {
    let node = NodeRef::<HtmlCanvasElement>::new();
    effect(move || {
        if let Some(canvas) = node.get() {
            browser::paint_colours(&canvas, &values, channels);
        }
    });
    el("canvas").node_ref(node).attr("width", SIDE.to_string()).attr("height", SIDE.to_string())
}
