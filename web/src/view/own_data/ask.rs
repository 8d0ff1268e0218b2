//! Questions about a row, a picture or a file of rows of one's own.

use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};

use crate::answers::percent;
use crate::browser;
use crate::file_picker::files;
use crate::own_data::state::Reply;
use crate::own_data::summary::{Column, Summary};
use crate::page::Page;
use dom::*;

/// Most columns that get a field each; of wider tables a row is pasted as text.
const MOST_FIELDS: usize = 40;

/// A row or picture of one's own, and what is answered.
pub fn ask(page: Page) -> View {
    let own_data = page.own_data;
    let table = move || own_data.data.get().is_some_and(|data| data.table());
    el("div")
        .class("ask")
        .child(show_or(
            table,
            move || View::new().child(form(page)).child(row_file(page)),
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

/// A field for each column that is used, or one for a whole row.
fn form(page: Page) -> View {
    let Some(summary) = page.own_data.summary.get_untracked() else { return View::new() };
    let form = NodeRef::<web_sys::HtmlElement>::new();
    let asked = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(form) = form.get_untracked() {
            page.ask_row(fields(&form));
        }
    };
    let few = summary.used().count() <= MOST_FIELDS;
    let inputs = match few {
        true => summary.used().map(|(at, column)| field(at, column, &summary)).collect_view(),
        false => whole_row(&summary).into_view(),
    };
    el("form")
        .node_ref(form)
        .class(if few { "fields" } else { "line" })
        .test_id("ask-form")
        .on(ev::SUBMIT, asked)
        .on(ev::PASTE, move |event| {
            if few && let Some(form) = form.get_untracked() {
                paste_row(&form, &event);
            }
        })
        .child(el("p").class("hint").child(match few {
            true => "Ask about a new row. An empty field is a missing value; a row of a spreadsheet can be pasted into the first.",
            false => "Ask about a new row, with its values in the order of the columns.",
        }))
        .child(inputs)
        .child(el("button").attr("type", "submit").test_id("ask").child("Ask"))
        .into_view()
}

/// A column's field: a choice among words, or a number.
fn field(at: usize, column: &Column, summary: &Summary) -> Tag {
    let id = format!("ask-{}", at + 1);
    let sample = summary.preview.first().and_then(|row| row.get(at)).cloned().unwrap_or_default();
    let input = match &column.words {
        Some(words) => {
            let option = |word: &String| el("option").attr("value", word.clone()).child(word.clone());
            el("select")
                .test_id(id)
                .child(el("option").attr("value", "").child("(missing)"))
                .child(words.iter().map(option).collect_view())
        }
        None => el("input")
            .attr("type", "text")
            .test_id(id)
            .attr("autocomplete", "off")
            .attr("spellcheck", "false")
            .attr("placeholder", sample),
    };
    el("label").child(el("span").child(column.name.clone())).child(input)
}

fn whole_row(summary: &Summary) -> Tag {
    let sample = summary.preview.first().map(|row| row.iter().take(12).cloned().collect::<Vec<_>>().join("; "));
    el("label").child(el("span").child("Row")).child(
        el("input")
            .attr("type", "text")
            .test_id("ask-row")
            .attr("autocomplete", "off")
            .attr("spellcheck", "false")
            .attr("placeholder", sample),
    )
}

/// What stands in the fields of a form, in their order.
fn fields(form: &web_sys::HtmlElement) -> Vec<String> {
    let value = |element: web_sys::Element| match element.dyn_into::<HtmlInputElement>() {
        Ok(field) => field.value(),
        Err(element) => element.unchecked_into::<HtmlSelectElement>().value(),
    };
    elements(form).into_iter().map(value).collect()
}

fn elements(form: &web_sys::HtmlElement) -> Vec<web_sys::Element> {
    let inputs = form.get_elements_by_tag_name("label");
    (0..inputs.length()).filter_map(|at| inputs.item(at)?.last_element_child()).collect()
}

/// A row of a spreadsheet that is pasted fills all fields, if it has as many cells.
fn paste_row(form: &web_sys::HtmlElement, event: &web_sys::Event) {
    let Some(text) = browser::pasted(event) else { return };
    let text = text.trim();
    let elements = elements(form);
    let cells = ['\t', ';', ','].into_iter().find_map(|separator| {
        let cells: Vec<&str> = text.split(separator).map(str::trim).collect();
        (cells.len() > 1 && cells.len() == elements.len()).then_some(cells)
    });
    let Some(cells) = cells else { return };
    event.prevent_default();
    for (element, cell) in elements.into_iter().zip(cells) {
        match element.dyn_into::<HtmlInputElement>() {
            Ok(field) => field.set_value(cell),
            Err(element) => element.unchecked_into::<HtmlSelectElement>().set_value(cell),
        }
    }
}

/// A button that answers a file of rows.
fn row_file(page: Page) -> View {
    files(
        button("ask-file").child("Answer a file of rows…"),
        el("input").attr("accept", ".csv,.tsv,.tab,.txt,.data,.arff,.gz,.npy,.npz,text/csv").test_id("ask-file-file"),
        move |files| page.ask_file(files[0].1.clone()),
    )
}

fn answer(reply: Reply) -> View {
    match reply {
        Reply::One { chances, shown } => one(chances, shown),
        Reply::Underway(done, of) => {
            el("p").class("note").test_id("ask-progress").child(format!("{done} of {of} rows answered…")).into_view()
        }
        Reply::File { name, rows, shown, answers } => {
            let right = answers
                .right
                .map(|right| format!(" {right} of them are right ({}).", percent(right as f32 / rows as f32)));
            let words = format!(
                "The {rows} rows of “{name}” were answered from {shown} examples.{}",
                right.unwrap_or_default()
            );
            let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
            let file = format!("{stem}-answers.csv");
            let note = |note: &String| el("li").child(note.clone());
            let notes = answers.notes.iter().map(note).collect_view();
            el("div")
                .class("reply")
                .test_id("reply-file")
                .child(el("p").child(words))
                .child((!answers.notes.is_empty()).then(|| el("ul").class("hint").child(notes)))
                .child(
                    button("answers-download")
                        .on(ev::CLICK, move |_| {
                            // a browser that cannot save says so itself
                            let _ = browser::download(&file, &answers.csv);
                        })
                        .child("Download the answers"),
                )
                .into_view()
        }
    }
}

fn one(chances: Vec<(String, f32)>, shown: usize) -> View {
    let item = |(name, chance): (String, f32)| {
        el("li")
            .attr("data-probability", format!("{chance:.6}"))
            .child(el("span").child(name))
            .child(el("b").child(percent(chance)))
            .child(el("i").style("transform", format!("scaleX({chance:.4})")))
    };
    el("div")
        .class("reply")
        .test_id("reply")
        .child(el("ol").child(chances.into_iter().take(5).map(item).collect_view()))
        .child(el("small").child(format!("From {shown} examples, without a gradient step.")))
        .into_view()
}
