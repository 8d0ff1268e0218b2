//! The learning curve: how often the learner was right before it was told, beside others on the very same drawings.

use leptos::prelude::*;

use super::words::percent;
use crate::page::Page;
use crate::study::{Controls, Who, wilson};

/// Width and height of the curve's drawing, in its own units.
const SIZE: (f32, f32) = (320.0, 168.0);
/// Left, upper, right and lower margin.
const MARGIN: (f32, f32, f32, f32) = (34.0, 8.0, 6.0, 24.0);
/// Fewest drawings that fill the curve's width.
const FEWEST: usize = 12;

/// One drawing that was a question before it was an example.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score {
    own: bool,
    /// Once the others were asked.
    others: Option<Controls>,
    /// Classes that there were to choose from.
    classes: usize,
}

impl Score {
    fn of(&self, who: Who) -> Option<bool> {
        match who {
            Who::Learner => Some(self.own),
            Who::Nearest => self.others.map(|others| others.nearest),
            Who::Shuffled => self.others.map(|others| others.shuffled),
            Who::Untrained => self.others.map(|others| others.untrained),
        }
    }
}

/// Running shares of right answers, as far as they are known: hits and trials after each drawing.
fn running(scores: &[Score], who: Who) -> Vec<(usize, usize)> {
    let mut hits = 0;
    let known = scores.iter().map_while(|score| score.of(who));
    let count = |(at, right): (usize, bool)| {
        hits += usize::from(right);
        (hits, at + 1)
    };
    known.enumerate().map(count).collect()
}

fn across(at: usize, of: usize) -> f32 {
    let width = SIZE.0 - MARGIN.0 - MARGIN.2;
    MARGIN.0 + width * (at as f32 + 0.5) / of.max(FEWEST) as f32
}

fn up(share: f32) -> f32 {
    MARGIN.1 + (1.0 - share) * (SIZE.1 - MARGIN.1 - MARGIN.3)
}

fn points(places: impl Iterator<Item = (f32, f32)>) -> String {
    places.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

fn share((hits, of): (usize, usize)) -> f32 {
    hits as f32 / of.max(1) as f32
}

/// How often it was right before it was told; whoever else can be asked is in the key, where one can be chosen to answer.
#[component]
pub fn Learned(page: Page) -> impl IntoView {
    let scores = Memo::new(move |_| {
        page.table.with(|table| {
            let mut known: Vec<u32> = Vec::new();
            let mut scores = Vec::new();
            for example in &table.examples {
                let own = page.guesses.with(|guesses| guesses.get(&example.id).copied().flatten());
                let others = page.probes.controls.with(|controls| controls.get(&example.id).copied());
                scores.extend(own.map(|own| Score { own, others, classes: known.len() }));
                if !known.contains(&example.label) {
                    known.push(example.label);
                }
            }
            scores
        })
    });
    let any = move || scores.with(|scores| !scores.is_empty());
    let last = move |who: Who| scores.with(|scores| running(scores, who).last().copied());
    let line = move |who: Who| {
        scores.with(|scores| {
            let places = running(scores, who).into_iter().enumerate();
            points(places.map(|(at, score)| (across(at, scores.len()), up(share(score)))))
        })
    };
    let chance = move || {
        scores.with(|scores| {
            let mut sum = 0.0;
            points(scores.iter().enumerate().map(|(at, score)| {
                sum += 1.0 / score.classes.max(1) as f32;
                (across(at, scores.len()), up(sum / (at + 1) as f32))
            }))
        })
    };
    let band = move || {
        scores.with(|scores| {
            let own = running(scores, Who::Learner);
            let place = |at: usize, value: f32| (across(at, scores.len()), up(value));
            let above = own.iter().enumerate().map(|(at, &(hits, of))| place(at, wilson(hits, of).1));
            let below = own.iter().enumerate().rev().map(|(at, &(hits, of))| place(at, wilson(hits, of).0));
            points(above.chain(below))
        })
    };
    let spoken = move || {
        let of = |who: Who| {
            last(who).map(|score| format!("{} {} after {} drawings", who.name(), percent(share(score)), score.1))
        };
        Who::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    view! {
        <section class="card learned" aria-label="Learning curve">
            <h2>"Your learning curve"</h2>
            <Show when=any
                fallback=|| view! {
                    <p class="hint">
                        "Every drawing that you teach is a question first. From the second of a kind on, the guesses are \
                         counted here: how fast it learns your own task, beside others on the very same drawings."
                    </p>
                }>
                <p class="hint" data-testid="score">
                    "It named "
                    <b>{move || last(Who::Learner).map_or(0, |(hits, _)| hits)}</b>
                    " of "
                    <b>{move || scores.with(Vec::len)}</b>
                    " right, each before it was told."
                </p>
                <svg class="curve" viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) role="img" data-testid="curve"
                    aria-label=move || format!("Share named right before being told: {}", spoken())>
                    {[0.0, 0.5, 1.0]
                        .into_iter()
                        .map(|level: f32| {
                            let y = format!("{:.1}", up(level));
                            view! {
                                <line class="grid" x1=MARGIN.0.to_string() x2=(SIZE.0 - MARGIN.2).to_string() y1=y.clone() y2=y />
                                <text x=(MARGIN.0 - 6.0).to_string() y=format!("{:.1}", up(level) + 4.0) text-anchor="end">
                                    {percent(level).replace(' ', "\u{202f}")}
                                </text>
                            }
                        })
                        .collect_view()}
                    <text x=MARGIN.0.to_string() y=(SIZE.1 - 6.0).to_string()>"first"</text>
                    <text x=(SIZE.0 - MARGIN.2).to_string() y=(SIZE.1 - 6.0).to_string() text-anchor="end">
                        {move || format!("drawings taught: {}", scores.with(Vec::len))}
                    </text>
                    <polyline class="chance" points=chance />
                    <polygon class="band" points=band />
                    {[Who::Untrained, Who::Shuffled, Who::Nearest, Who::Learner]
                        .into_iter()
                        .map(|who| view! { <polyline class=who.mark() points=move || line(who) /> })
                        .collect_view()}
                </svg>
                <div class="ticks" aria-hidden="true">
                    {move || {
                        scores.get().into_iter().map(|s| view! { <i class:right=s.own class:wrong=!s.own></i> }).collect_view()
                    }}
                </div>
            </Show>
            <fieldset class="key">
                <legend>"Who answers? "</legend>
                {Who::ALL
                    .into_iter()
                    .map(|who| {
                        view! {
                            <label class:chosen=move || page.who.get() == who>
                                <input type="radio" name="who" data-testid=format!("who-{}", test_name(who))
                                    prop:checked=move || page.who.get() == who
                                    on:change=move |_| page.ask_whom(who) />
                                <svg viewBox="0 0 30 12" aria-hidden="true">
                                    <line class=who.mark() x1="1" x2="29" y1="6" y2="6" />
                                </svg>
                                <span>{who.name()}</span>
                                <small data-testid=format!("score-{}", test_name(who))>
                                    {move || last(who).map(|(hits, of)| format!("{hits} of {of}"))}
                                </small>
                            </label>
                        }
                    })
                    .collect_view()}
            </fieldset>
            <Show when=any>
                <p class="hint">
                    "Shaded: 95 % interval of the learner's share (Wilson). Grey: guessing."
                </p>
                <details>
                    <summary>"As a table"</summary>
                    <div class="scroll" tabindex="0" role="region" aria-label="Learning curve as a table">
                        <table data-testid="curve-table">
                            <thead>
                                <tr>
                                    <th scope="col">"after"</th>
                                    <th scope="col">"learner"</th>
                                    <th scope="col">"95 %"</th>
                                    <th scope="col">"1-NN"</th>
                                    <th scope="col">"shuffled"</th>
                                    <th scope="col">"untrained"</th>
                                </tr>
                            </thead>
                            <tbody>
                                {move || {
                                    scores.with(|scores| {
                                        let all = Who::ALL.map(|who| running(scores, who));
                                        let cell = |who: usize, at: usize| {
                                            all[who].get(at).map_or("–".to_owned(), |score| percent(share(*score)))
                                        };
                                        (0..scores.len())
                                            .map(|at| {
                                                let (low, high) = wilson(all[0][at].0, all[0][at].1);
                                                let range = format!("{:.0}–{:.0}", 100.0 * low, 100.0 * high);
                                                view! {
                                                    <tr>
                                                        <td>{at + 1}</td>
                                                        <td>{cell(0, at)}</td>
                                                        <td>{range}</td>
                                                        <td>{cell(1, at)}</td>
                                                        <td>{cell(2, at)}</td>
                                                        <td>{cell(3, at)}</td>
                                                    </tr>
                                                }
                                            })
                                            .collect_view()
                                    })
                                }}
                            </tbody>
                        </table>
                    </div>
                </details>
            </Show>
        </section>
    }
}

fn test_name(who: Who) -> &'static str {
    match who {
        Who::Learner => "learner",
        Who::Nearest => "nearest",
        Who::Shuffled => "shuffled",
        Who::Untrained => "untrained",
    }
}
