//! What a table was found to mean, to be looked at and changed.

use web_sys::{HtmlInputElement, HtmlSelectElement};

use crate::own_data::summary::{Column, Summary};
use crate::page::Page;
use dom::*;

/// The table's first rows, with what is guessed about each column.
pub fn preview(page: Page) -> View {
    let summary = page.own_data.summary;
    let any = memo(move |_| summary.with(Option::is_some));
    show(
        move || any.get(),
        move || {
            el("div").class("preview").test_id("preview").child(move || {
                summary.get().map(|summary| {
                    View::new().child(choices(page, &summary)).child(rows(page, &summary)).child(notes(&summary))
                })
            })
        },
    )
}

/// Which column is the class, and whether there is a heading.
fn choices(page: Page, summary: &Summary) -> Tag {
    let class = summary.class;
    let chosen = move |event: web_sys::Event| {
        let column = event.current_target().and_then(|field| {
            wasm_bindgen::JsCast::unchecked_into::<HtmlSelectElement>(field).value().parse::<u32>().ok()
        });
        // what was chosen of the columns was chosen beside another class
        page.reinterpret(|choices| choices.class = column);
    };
    let option = |(at, column): (usize, &Column)| {
        el("option").attr("value", (at + 1).to_string()).attr("selected", Some(at) == class).child(column.name.clone())
    };
    let unknown = class.is_none().then(|| el("option").attr("value", "").attr("selected", true).child("choose…"));
    let picker = el("label").child("The class is ").child(
        el("select")
            .test_id("class-column")
            .on(ev::CHANGE, chosen)
            .child(unknown)
            .child(summary.columns.iter().enumerate().map(option).collect_view()),
    );
    let headed = summary.heading;
    let heading = (!summary.heading_apart).then(|| {
        el("label")
            .class("check")
            .child(checkbox(headed, "heading", move |on| page.reinterpret(|choices| choices.heading = Some(on))))
            .child("The first row holds headings")
    });
    el("div").class("choices").child(picker).child(heading)
}

fn checkbox(on: bool, id: impl Setting, call: impl Fn(bool) + 'static) -> Tag {
    el("input").attr("type", "checkbox").attr("checked", on).test_id(id).on(ev::CHANGE, move |event| {
        if let Some(field) = event.current_target() {
            call(wasm_bindgen::JsCast::unchecked_into::<HtmlInputElement>(field).checked());
        }
    })
}

/// Headings, kinds, and some cells.
fn rows(page: Page, summary: &Summary) -> Tag {
    let shown = summary.preview.first().map_or(summary.columns.len().min(40), Vec::len);
    let known = summary.rows.is_some();
    let class = summary.class;
    let head = move |(at, column): (usize, &Column)| {
        let (name, number) = (column.name.clone(), at as u32 + 1);
        let cell = el("th").attr("scope", "col").toggle("out", !column.used() && Some(at) != class);
        if !known || Some(at) == class {
            let what = if known { "class" } else { "" };
            return cell.toggle("class", Some(at) == class).child(name).child(el("small").child(what));
        }
        let used = column.used();
        let by_itself = page.own_data.choices.with_untracked(|choices| match used {
            true => !choices.keep.contains(&number),
            false => choices.leave_out.contains(&number),
        });
        let turn = move |on: bool| page.reinterpret(|choices| choices.set_used(number, on, by_itself));
        cell.child(
            el("label")
                .class("check")
                .attr("title", if used { "Use this column" } else { "This column is not used" })
                .child(checkbox(used, format!("use-{number}"), turn))
                .child(name),
        )
        .child(el("small").child(column_words(column)))
    };
    let heads = summary.columns.iter().take(shown).enumerate().map(head).collect_view();
    let more = summary.width.saturating_sub(shown);
    let more = (more > 0).then(|| el("th").child(format!("… {more} more")));
    let row = |cells: &Vec<String>| {
        let cell = |(at, text): (usize, &String)| {
            let out = summary.columns.get(at).is_some_and(|column| !column.used()) && Some(at) != class;
            el("td").toggle("out", out).toggle("class", Some(at) == class).child(text.clone())
        };
        el("tr").child(cells.iter().enumerate().map(cell).collect_view())
    };
    el("div").class("figures").attr("tabindex", "0").attr("role", "group").attr("aria-label", "First rows").child(
        el("table")
            .test_id("preview-table")
            .child(el("thead").child(el("tr").child(heads).child(more)))
            .child(el("tbody").child(summary.preview.iter().map(row).collect_view())),
    )
}

/// Its kind, or why it is left out.
fn column_words(column: &Column) -> String {
    if let Some(reason) = &column.left_out {
        return format!("left out: {reason}");
    }
    let kind = match (column.kind.as_deref(), &column.words) {
        (Some("category"), Some(words)) => format!("{} words", words.len()),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => String::new(),
    };
    if column.missing > 0 { format!("{kind}, {} missing", column.missing) } else { kind }
}

fn notes(summary: &Summary) -> Option<Tag> {
    let note = |note: &String| el("li").child(note.clone());
    (!summary.notes.is_empty())
        .then(|| el("ul").class("hint").test_id("table-notes").child(summary.notes.iter().map(note).collect_view()))
}
