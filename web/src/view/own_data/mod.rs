//! The same file learns tables and pictures: a visitor's own data, with learning curves beside those of other methods.

mod ask;
mod chart;
mod confusion;
mod preview;

use crate::file_picker::files;
use crate::own_data::made::Made;
use crate::own_data::protocol::ORDERS;
use crate::own_data::state::Stage;
use crate::page::Page;
use crate::skipped::Skipped;
use dom::*;

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
                .child("Open a table (CSV, TSV, ARFF, NumPy) or pictures (a folder or zip file with a folder for each class). ")
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
        .child(preview::preview(page))
        .child(show(any, move || {
            View::new().child(chart::curves(page)).child(confusion::confusion(page)).child(ask::ask(page))
        }))
        .into_view()
}

/// What is under way, or why nothing is.
fn stage_words(stage: Stage) -> String {
    match stage {
        Stage::Empty => String::new(),
        Stage::Reading(_, 1) => "Reading the table…".to_owned(),
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
            field("table-file").attr("accept", ".csv,.tsv,.tab,.txt,.data,.arff,.gz,.npy,.npz,.zip,text/csv"),
            move |files| page.open_table(files[0].1.clone()),
        ))
        // No attribute of the standard: browsers agreed on it all the same.
        .child(files(
            button("pick-folder").child("A folder of pictures…"),
            several("folder-files").attr("webkitdirectory", true),
            examine,
        ))
        .child(files(
            button("pick-pictures").child("Pictures…"),
            several("picture-files").attr("accept", "image/*,.zip,.npz"),
            examine,
        ))
        .child(Made::ALL.into_iter().map(try_made).collect_view())
}
