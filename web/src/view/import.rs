//! The same file learns tables and pictures: a visitor's own data, with learning curves beside those of rules.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{FileList, HtmlInputElement, SubmitEvent};

use crate::curves::{Made, ORDERS, interval};
use crate::examine::{Reply, Stage};
use crate::page::Page;
use crate::view::words::percent;

/// Size of the chart, in its own units.
const SIZE: (f64, f64) = (560.0, 260.0);
/// Room at its left, top, right and bottom.
const EDGE: [f64; 4] = [40.0, 12.0, 14.0, 30.0];

/// Files of a list with their paths in the folder that was picked.
pub fn with_paths(files: &FileList) -> Vec<(String, web_sys::File)> {
    let path = |file: &web_sys::File| {
        let path = js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name())
    };
    (0..files.length()).filter_map(|i| files.get(i)).map(|file| (path(&file), file)).collect()
}

/// Files of a field, which can then take the same ones again.
fn taken(field: NodeRef<html::Input>) -> Vec<(String, web_sys::File)> {
    let Some(field) = field.get_untracked() else { return Vec::new() };
    let files = field.files().map(|files| with_paths(&files)).unwrap_or_default();
    field.set_value("");
    files
}

/// Tables and folders of pictures.
#[component]
pub fn Import(page: Page) -> impl IntoView {
    let trial = page.trial;
    let (table, folder, pictures) =
        (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let press = |field: NodeRef<html::Input>| {
        move |_| {
            if let Some(field) = field.get_untracked() {
                field.click();
            }
        }
    };
    // No attribute of the standard: browsers agreed on it all the same.
    Effect::new(move |_| {
        if let Some(field) = folder.get() {
            // It fails for no attribute of a valid name.
            let _ = field.set_attribute("webkitdirectory", "");
        }
    });
    let stage = move || match trial.stage.get() {
        Stage::Empty => String::new(),
        Stage::Reading(done, of) => format!("Reading {} of {of}…", done + 1),
        Stage::Fetching(None) => "The general learner is on its way…".to_owned(),
        Stage::Fetching(Some((done, all))) => match all {
            Some(all) => format!("The general learner is on its way: {:.0} %", 100.0 * done / all.max(1.0)),
            None => format!("The general learner is on its way: {:.0} KB", done / 1e3),
        },
        Stage::Running(order) => format!("Random order {} of {ORDERS}…", order + 1),
        Stage::Done => "Done.".to_owned(),
        Stage::Stopped => "Stopped. What has come so far stays.".to_owned(),
        Stage::Failed(words) => words,
    };
    let failed = move || trial.stage.with(|stage| matches!(stage, Stage::Failed(_)));
    let state = move || {
        trial.stage.with(|stage| match stage {
            Stage::Empty => "empty",
            Stage::Reading(..) | Stage::Fetching(_) | Stage::Running(_) => "running",
            Stage::Done => "done",
            Stage::Stopped => "stopped",
            Stage::Failed(_) => "failed",
        })
    };
    let busy = Memo::new(move |_| trial.busy());
    view! {
        <section class="card import" aria-label="Your own data" data-testid="import" data-state=state>
            <h2>"The same idea on your own data"</h2>
            <p class="hint">
                "A table (CSV, the class in its last column) or a folder of pictures (a folder for each class). The learner "
                <b>"general"</b> " learns it here, beside rules that a person would write. Nothing is uploaded."
            </p>
            <div class="buttons">
                <button type="button" data-testid="pick-table" on:click=press(table)>"A table…"</button>
                <button type="button" data-testid="pick-folder" on:click=press(folder)>"A folder of pictures…"</button>
                <button type="button" data-testid="pick-pictures" on:click=press(pictures)>"Pictures…"</button>
                {Made::ALL.map(|made| view! {
                    <button type="button" class="quiet" title=made.words()
                        data-testid=format!("made-{}", made.title().to_lowercase())
                        on:click=move |_| page.examine_made(made)>
                        {format!("Try: {}", made.title())}
                    </button>
                }).collect_view()}
            </div>
            <input node_ref=table type="file" accept=".csv,.tsv,.txt,text/csv" class="unseen" tabindex="-1" aria-hidden="true"
                data-testid="table-file" on:change=move |_| {
                    if let Some((_, file)) = taken(table).pop() {
                        page.examine_table(file);
                    }
                } />
            <input node_ref=folder type="file" multiple class="unseen" tabindex="-1" aria-hidden="true"
                data-testid="folder-files" on:change=move |_| {
                    let files = taken(folder);
                    if !files.is_empty() {
                        page.examine_pictures(files);
                    }
                } />
            <input node_ref=pictures type="file" accept="image/*" multiple class="unseen" tabindex="-1" aria-hidden="true"
                data-testid="picture-files" on:change=move |_| {
                    let files = taken(pictures);
                    if !files.is_empty() {
                        page.examine_pictures(files);
                    }
                } />
            <div class="stage" class:idle=move || state() == "empty">
                <p role="status" aria-live="polite" data-testid="import-status" class:fault=failed class="note">{stage}</p>
                <Show when=move || busy.get()>
                    <button type="button" data-testid="import-cancel" on:click=move |_| trial.cancel()>"Cancel"</button>
                </Show>
            </div>
            <Show when=move || trial.curves.with(|curves| curves.iter().any(|c| c.accuracy.iter().any(|a| !a.is_empty())))>
                <Curves page />
                <Ask page />
            </Show>
        </section>
    }
}

/// The chart, and its numbers as a table.
#[component]
fn Curves(page: Page) -> impl IntoView {
    let trial = page.trial;
    let counts = move || trial.plan.get().map(|plan| plan.counts.clone()).unwrap_or_default();
    // By curve and count: mean and half width.
    let points = Memo::new(move |_| {
        trial.curves.with(|curves| {
            let of = |c: &crate::curves::Curve| (c.name, c.accuracy.iter().map(|a| interval(a)).collect::<Vec<_>>());
            curves.iter().map(of).collect::<Vec<_>>()
        })
    });
    let chance = move || trial.data.get().map_or(0.0, |data| 1.0 / data.classes.len() as f64);
    let low = move || {
        let all = points.with(|curves| {
            curves.iter().flat_map(|(_, p)| p.iter().flatten().map(|(m, h)| m - h.unwrap_or(0.0))).fold(1.0, f64::min)
        });
        // from a round number below everything
        ((all.min(chance()) - 0.02) * 10.0).floor().max(0.0) / 10.0
    };
    let x = move |at: usize| {
        let n = counts().len().saturating_sub(1).max(1) as f64;
        EDGE[0] + (SIZE.0 - EDGE[0] - EDGE[2]) * at as f64 / n
    };
    let y = move |accuracy: f64| {
        let low = low();
        EDGE[1] + (SIZE.1 - EDGE[1] - EDGE[3]) * (1.0 - (accuracy - low) / (1.0 - low))
    };
    let grid = move || {
        let low = low();
        let steps = ((1.0 - low) * 10.0).round() as usize;
        let each = if steps > 5 { 2 } else { 1 };
        (0..=steps)
            .filter(|step| (steps - step).is_multiple_of(each))
            .map(|step| {
                let level = low + step as f64 / 10.0;
                let at = y(level);
                view! {
                    <line class="grid" x1=EDGE[0].to_string() x2=(SIZE.0 - EDGE[2]).to_string() y1=at.to_string() y2=at.to_string() />
                    <text x=(EDGE[0] - 7.0).to_string() y=(at + 4.0).to_string() text-anchor="end">{format!("{:.0}", 100.0 * level)}</text>
                }
            })
            .collect_view()
    };
    let ticks = move || {
        counts()
            .iter()
            .enumerate()
            .map(|(i, count)| {
                view! {
                    <text x=x(i).to_string() y=(SIZE.1 - 10.0).to_string() text-anchor="middle">{*count}</text>
                }
            })
            .collect_view()
    };
    let lines = move || {
        points.with(|curves| {
            // the learner is painted last, on top
            curves.iter().enumerate().rev().map(|(k, (_, p))| {
                let known: Vec<(f64, f64, f64)> = p.iter().enumerate().filter_map(|(i, point)| {
                    point.map(|(mean, half)| (x(i), mean, half.unwrap_or(0.0)))
                }).collect();
                let line = known.iter().map(|(x, m, _)| format!("{x:.1},{:.1}", y(*m))).collect::<Vec<_>>().join(" ");
                let upper = known.iter().map(|(x, m, h)| format!("{x:.1},{:.1}", y((m + h).min(1.0))));
                let lower = known.iter().rev().map(|(x, m, h)| format!("{x:.1},{:.1}", y(m - h)));
                let band = upper.chain(lower).collect::<Vec<_>>().join(" ");
                view! {
                    <g class=format!("curve c{k}")>
                        <polygon points=band />
                        <polyline points=line />
                        {known.iter().map(|(x, m, _)| view! { <circle cx=x.to_string() cy=y(*m).to_string() r="3.2" /> }).collect_view()}
                    </g>
                }
            }).collect_view()
        })
    };
    let best = move |at: usize| {
        points.with(|curves| curves.iter().filter_map(|(_, p)| p[at].map(|p| p.0)).fold(0.0, f64::max))
    };
    view! {
        <div class="curves" data-testid="curves">
            <p class="what" data-testid="import-what">
                <b>{move || trial.data.get().map(|data| data.name.clone())}</b> " "
                {move || trial.data.get().map(|data| format!("{}, {} classes", data.words, data.classes.len()))}
            </p>
            <svg viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) role="img"
                aria-label="Accuracy over the number of examples shown; the table below has the numbers">
                {grid}
                <line class="chance" x1=EDGE[0].to_string() x2=(SIZE.0 - EDGE[2]).to_string()
                    y1=move || y(chance()).to_string() y2=move || y(chance()).to_string() />
                {ticks}
                {lines}
            </svg>
            <div class="figures" tabindex="0" role="group" aria-label="Accuracy">
                <table data-testid="curve-table">
                    <caption>
                        {move || {
                            let queries = trial.plan.get().map_or(0, |plan| plan.orders[0].queries.len());
                            format!(
                                "Accuracy in % on {queries} rows that were not shown, mean of {ORDERS} random orders ± 95 % interval"
                            )
                        }}
                    </caption>
                    <thead>
                        <tr>
                            <th scope="col">"examples shown"</th>
                            {move || counts().into_iter().map(|n| view! { <th scope="col">{n}</th> }).collect_view()}
                        </tr>
                    </thead>
                    <tbody>
                        {move || points.get().into_iter().enumerate().map(|(k, (name, p))| view! {
                            <tr class=format!("c{k}")>
                                <th scope="row"><i></i>{name}</th>
                                {p.into_iter().enumerate().map(|(at, point)| view! {
                                    <td class:best=move || point.is_some_and(|p| p.0 >= best(at) - 1e-9)>
                                        {match point {
                                            None => String::new(),
                                            Some((mean, None)) => format!("{:.1}", 100.0 * mean),
                                            Some((mean, Some(half))) => format!("{:.1} ± {:.1}", 100.0 * mean, 100.0 * half),
                                        }}
                                    </td>
                                }).collect_view()}
                            </tr>
                        }).collect_view()}
                    </tbody>
                </table>
            </div>
            <p class="hint">
                {move || match trial.data.get() {
                    Some(data) if data.table() => {
                        "Every learner and rule gets the same rows, with columns brought to one scale by the shown rows alone. \
                         Dashed: chance. The learner has never seen a table like this, and takes no gradient step."
                    }
                    _ => {
                        "Every learner and rule gets the same pictures, reduced to 14 × 14 and each brought to one brightness \
                         and contrast. Dashed: chance. The learner takes no gradient step."
                    }
                }}
            </p>
        </div>
    }
}

/// A row or picture of one's own.
#[component]
fn Ask(page: Page) -> impl IntoView {
    let trial = page.trial;
    let field = NodeRef::<html::Input>::new();
    let picture = NodeRef::<html::Input>::new();
    let table = move || trial.data.get().is_some_and(|data| data.table());
    let asked = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            page.ask_row(field.value());
        }
    };
    // A row of the data to begin with.
    let sample = move || {
        trial.data.get().map(|data| {
            let row = &data.values[..data.width().min(12)];
            row.iter().map(|v| format!("{}", (v * 1000.0).round() / 1000.0)).collect::<Vec<_>>().join(", ")
        })
    };
    view! {
        <div class="ask">
            <Show when=table fallback=move || view! {
                <button type="button" data-testid="ask-picture" on:click=move |_| {
                    if let Some(field) = picture.get_untracked() {
                        field.click();
                    }
                }>
                    "Ask about a picture…"
                </button>
                <input node_ref=picture type="file" accept="image/*" class="unseen" tabindex="-1" aria-hidden="true"
                    data-testid="ask-picture-file" on:change=move |event| {
                        let field: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
                        if let Some(file) = field.files().and_then(|files| files.get(0)) {
                            page.ask_picture(file);
                        }
                        field.set_value("");
                    } />
            }>
                <form on:submit=asked>
                    <label>
                        <span>"Ask about a row of your own"</span>
                        <input node_ref=field type="text" data-testid="ask-row" autocomplete="off" spellcheck="false"
                            placeholder=sample />
                    </label>
                    <button type="submit" data-testid="ask">"Ask"</button>
                </form>
            </Show>
            <div aria-live="polite">
                {move || trial.reply.get().map(|reply| match reply {
                    Ok(reply) => view! { <Answer reply /> }.into_any(),
                    Err(words) => view! { <p class="note fault" data-testid="ask-fault">{words}</p> }.into_any(),
                })}
            </div>
        </div>
    }
}

#[component]
fn Answer(reply: Reply) -> impl IntoView {
    let shown = reply.shown;
    view! {
        <div class="reply" data-testid="reply">
            <ol>
                {reply.chances.into_iter().take(5).map(|(name, chance)| view! {
                    <li data-probability=format!("{chance:.6}")>
                        <span>{name}</span> <b>{percent(chance)}</b>
                        <i style:transform=format!("scaleX({chance:.4})")></i>
                    </li>
                }).collect_view()}
            </ol>
            <small>{format!("After {shown} examples, with no gradient step.")}</small>
        </div>
    }
}
