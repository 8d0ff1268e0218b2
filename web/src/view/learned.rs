//! The learning curve: how often the learner was right before it was told, beside others on the very same drawings.

use super::words::percent;
use crate::answers::Who;
use crate::dom::*;
use crate::page::Page;
use crate::study::{Controls, wilson};

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
pub fn learned(page: Page) -> View {
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
    let score = move || {
        let hits = move || last(Who::Learner).map_or(0, |(hits, _)| hits);
        el("p")
            .class("hint")
            .test_id("score")
            .child("It named ")
            .child(el("b").child(hits))
            .child(" of ")
            .child(el("b").child(move || scores.with(Vec::len)))
            .child(" right, each before it was told.")
    };
    let curve = move || {
        let lines = [Who::Untrained, Who::Shuffled, Who::Nearest, Who::Learner].into_iter();
        svg("svg")
            .class("curve")
            .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
            .attr("role", "img")
            .test_id("curve")
            .attr("aria-label", move || format!("Share named right before being told: {}", spoken()))
            .child(grid())
            .child(words_at(MARGIN.0, SIZE.1 - 6.0).child("first"))
            .child(
                words_at(SIZE.0 - MARGIN.2, SIZE.1 - 6.0)
                    .attr("text-anchor", "end")
                    .child(move || format!("drawings taught: {}", scores.with(Vec::len))),
            )
            .child(svg("polyline").class("chance").attr("points", chance))
            .child(svg("polygon").class("band").attr("points", band))
            .child(lines.map(|who| svg("polyline").class(who.mark()).attr("points", move || line(who))).collect_view())
    };
    let ticks = move || {
        let tick = |score: Score| el("i").toggle("right", score.own).toggle("wrong", !score.own);
        scores.get().into_iter().map(tick).collect_view()
    };
    let choice =
        move |who: Who| {
            el("label")
                .toggle("chosen", move || page.who.get() == who)
                .child(
                    el("input")
                        .attr("type", "radio")
                        .attr("name", "who")
                        .test_id(format!("who-{}", test_name(who)))
                        .prop("checked", move || page.who.get() == who)
                        .on(ev::CHANGE, move |_| page.ask_whom(who)),
                )
                .child(svg("svg").attr("viewBox", "0 0 30 12").attr("aria-hidden", "true").child(
                    svg("line").class(who.mark()).attr("x1", "1").attr("x2", "29").attr("y1", "6").attr("y2", "6"),
                ))
                .child(el("span").child(who.name()))
                .child(
                    el("small")
                        .test_id(format!("score-{}", test_name(who)))
                        .child(move || last(who).map(|(hits, of)| format!("{hits} of {of}"))),
                )
        };
    el("section")
        .class("card learned")
        .attr("aria-label", "Learning curve")
        .child(el("h2").child("Your learning curve"))
        .child(show_or(
            any,
            move || {
                View::new()
                    .child(score())
                    .child(curve())
                    .child(el("div").class("ticks").attr("aria-hidden", "true").child(ticks))
            },
            || {
                el("p").class("hint").child(
                    "Every drawing that you teach is a question first. From the second of a kind on, the guesses are \
                     counted here: how fast it learns your own task, beside others on the very same drawings.",
                )
            },
        ))
        .child(
            el("fieldset")
                .class("key")
                .child(el("legend").child("Who answers? "))
                .child(Who::ALL.into_iter().map(choice).collect_view()),
        )
        .child(show(any, move || {
            View::new()
                .child(
                    el("p")
                        .class("hint")
                        .child("Shaded: 95 % interval of the learner's share (Wilson). Grey: guessing."),
                )
                .child(
                    el("details").child(el("summary").child("As a table")).child(
                        el("div")
                            .class("scroll")
                            .attr("tabindex", "0")
                            .attr("role", "region")
                            .attr("aria-label", "Learning curve as a table")
                            .child(table(scores)),
                    ),
                )
        }))
        .into_view()
}

/// Words that begin at a place of the drawing.
fn words_at(x: f32, y: f32) -> Tag {
    svg("text").attr("x", format!("{x:.1}")).attr("y", format!("{y:.1}"))
}

/// Lines at nothing, the half and all, with their shares.
fn grid() -> View {
    let level = |level: f32| {
        let y = format!("{:.1}", up(level));
        let line = svg("line").class("grid").attr("x1", MARGIN.0.to_string()).attr("y1", y.as_str());
        View::new().child(line.attr("x2", (SIZE.0 - MARGIN.2).to_string()).attr("y2", y.as_str())).child(
            words_at(MARGIN.0 - 6.0, up(level) + 4.0)
                .attr("text-anchor", "end")
                .child(percent(level).replace(' ', "\u{202f}")),
        )
    };
    [0.0, 0.5, 1.0].into_iter().map(level).collect_view()
}

/// The curves as numbers.
fn table(scores: Memo<Vec<Score>>) -> Tag {
    let heads = ["after", "learner", "95 %", "1-NN", "shuffled", "untrained"].into_iter();
    let rows = move || {
        scores.with(|scores| {
            let all = Who::ALL.map(|who| running(scores, who));
            let cell =
                |who: usize, at: usize| all[who].get(at).map_or("–".to_owned(), |score| percent(share(*score)));
            let row = |at: usize| {
                let (low, high) = wilson(all[0][at].0, all[0][at].1);
                let range = format!("{:.0}–{:.0}", 100.0 * low, 100.0 * high);
                let cells = [(at + 1).to_string(), cell(0, at), range, cell(1, at), cell(2, at), cell(3, at)];
                el("tr").child(cells.into_iter().map(|cell| el("td").child(cell)).collect_view())
            };
            (0..scores.len()).map(row).collect_view()
        })
    };
    let head = heads.map(|head| el("th").attr("scope", "col").child(head)).collect_view();
    el("table").test_id("curve-table").child(el("thead").child(el("tr").child(head))).child(el("tbody").child(rows))
}

fn test_name(who: Who) -> &'static str {
    match who {
        Who::Learner => "learner",
        Who::Nearest => "nearest",
        Who::Shuffled => "shuffled",
        Who::Untrained => "untrained",
    }
}
