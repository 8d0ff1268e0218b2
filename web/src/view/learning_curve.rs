//! The learning curve: how often the learner was right before it was told, beside others on the very same drawings.

use wasm_bindgen::JsCast;
use web_sys::Element;

use crate::answers::{Answerer, Answers, Basis, Verdict, percent};
use crate::controls::wilson;
use crate::page::Page;
use dom::*;

/// Width and height of the curve's drawing, in its own units.
const SIZE: (f32, f32) = (320.0, 168.0);
/// Left, upper, right and lower margin.
const MARGIN: (f32, f32, f32, f32) = (34.0, 8.0, 6.0, 24.0);
/// Fewest drawings that fill the curve's width.
const FEWEST: usize = 12;

/// Most points of a line, which is no wider than that many pixels or so.
const MOST_POINTS: usize = 240;
/// Most rows of the table, and most marks in a row: as many as can be looked at.
const MOST_ROWS: usize = 100;
/// See [`MOST_ROWS`].
const MOST_TICKS: usize = 60;

/// Right answers so far, after one more drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    /// Which of the questions it was.
    at: usize,
    hits: usize,
    /// Answers so far.
    of: usize,
}

impl Point {
    fn share(self) -> f32 {
        self.hits as f32 / self.of.max(1) as f32
    }
}

/// How everybody did.
#[derive(Debug, Clone, PartialEq, Default)]
struct Scores {
    /// Questions there were: drawings of a class that had been shown before, when there was another one.
    questions: usize,
    /// By [`Answerer`], for the questions that they answered so far.
    running: [Vec<Point>; 4],
    /// Right answers to be expected of guessing, as a share, after each question.
    chance: Vec<f32>,
    /// Of the learner: the last few answers.
    ticks: Vec<bool>,
}

impl Scores {
    fn of<'a>(examples: impl Iterator<Item = (u32, &'a Answers)>, basis: Basis) -> Scores {
        let mut scores = Scores::default();
        let (mut known, mut expected) = (Vec::new(), 0.0);
        for (label, answers) in examples {
            let verdicts = answers.under(basis).map(Verdict::right);
            let asked = verdicts.iter().any(Option::is_some);
            // what nobody was asked yet may be a question all the same
            if asked || (known.len() > 1 && known.contains(&label) && answers.under(basis)[0] == Verdict::Unasked) {
                for (points, verdict) in scores.running.iter_mut().zip(verdicts) {
                    let Some(right) = verdict else { continue };
                    let (hits, of) = points.last().map_or((0, 0), |last| (last.hits, last.of));
                    points.push(Point { at: scores.questions, hits: hits + usize::from(right), of: of + 1 });
                }
                scores.questions += 1;
                expected += 1.0 / known.len().max(1) as f32;
                scores.chance.push(expected / scores.questions as f32);
                scores.ticks.extend(verdicts[Answerer::Learner as usize]);
            }
            if !known.contains(&label) {
                known.push(label);
            }
        }
        let few = scores.ticks.len().saturating_sub(MOST_TICKS);
        scores.ticks.drain(..few);
        scores
    }

    fn last(&self, who: Answerer) -> Option<Point> {
        self.running[who as usize].last().copied()
    }
}

/// Every so many, so that there are at most `most`, and always the last.
fn sampled<T>(all: &[T], most: usize) -> impl DoubleEndedIterator<Item = &T> + Clone {
    let step = all.len().div_ceil(most).max(1);
    let last = all.len().wrapping_sub(1);
    all.iter().enumerate().filter(move |(at, _)| (last - at).is_multiple_of(step)).map(|(_, item)| item)
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

/// The lines of the curve. Copies share what they are drawn from.
#[derive(Clone, Copy)]
struct Lines(Memo<Scores>);

impl Lines {
    fn last(self, who: Answerer) -> Option<Point> {
        self.0.with(|scores| scores.last(who))
    }

    fn line(self, who: Answerer) -> String {
        self.0.with(|scores| {
            let place = |point: &Point| (across(point.at, scores.questions), up(point.share()));
            points(sampled(&scores.running[who as usize], MOST_POINTS).map(place))
        })
    }

    fn chance(self) -> String {
        self.0.with(|scores| {
            let all: Vec<(usize, f32)> = scores.chance.iter().copied().enumerate().collect();
            points(sampled(&all, MOST_POINTS).map(|(at, share)| (across(*at, scores.questions), up(*share))))
        })
    }

    /// The learner's interval, there and back.
    fn band(self) -> String {
        self.0.with(|scores| {
            let own = sampled(&scores.running[Answerer::Learner as usize], MOST_POINTS);
            let place = |at: usize, value: f32| (across(at, scores.questions), up(value));
            let above = own.clone().map(|point| place(point.at, wilson(point.hits, point.of).1));
            let below = own.rev().map(|point| place(point.at, wilson(point.hits, point.of).0));
            points(above.chain(below))
        })
    }

    fn spoken(self) -> String {
        let of = |who: Answerer| {
            self.last(who).map(|point| format!("{} {} of {} drawings", who.name(), percent(point.share()), point.of))
        };
        Answerer::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
    }

    fn score(self) -> Tag {
        el("p")
            .class("hint")
            .test_id("score")
            .child("It named ")
            .child(el("b").child(move || self.last(Answerer::Learner).map_or(0, |point| point.hits)))
            .child(" of ")
            .child(el("b").child(move || self.last(Answerer::Learner).map_or(0, |point| point.of)))
            .child(" right, each before it was told the answer.")
    }

    fn curve(self) -> Tag {
        let lines = [Answerer::Untrained, Answerer::Shuffled, Answerer::Nearest, Answerer::Learner].into_iter();
        let line = |who: Answerer| svg("polyline").class(who.mark()).attr("points", move || self.line(who));
        svg("svg")
            .class("curve")
            .attr("viewBox", format!("0 0 {} {}", SIZE.0, SIZE.1))
            .attr("role", "img")
            .test_id("curve")
            .attr("aria-label", move || format!("Share of right guesses: {}", self.spoken()))
            .child(grid())
            .child(words_at(MARGIN.0, SIZE.1 - 6.0).child("first"))
            .child(
                words_at(SIZE.0 - MARGIN.2, SIZE.1 - 6.0)
                    .attr("text-anchor", "end")
                    .child(move || format!("drawings: {}", self.0.with(|scores| scores.questions))),
            )
            .child(svg("polyline").class("chance").attr("points", move || self.chance()))
            .child(svg("polygon").class("band").attr("points", move || self.band()))
            .child(lines.map(line).collect_view())
    }

    fn ticks(self) -> Tag {
        let tick = |right: &bool| el("i").toggle("right", *right).toggle("wrong", !*right);
        let ticks = move || self.0.with(|scores| scores.ticks.iter().map(tick).collect_view());
        el("div").class("ticks").attr("aria-hidden", "true").child(ticks)
    }

    /// What is below the curve: what it shows, and its numbers.
    fn below(self) -> View {
        let open = RwSignal::new(false);
        let toggled = move |event: web_sys::Event| {
            let details = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            open.set(details.is_some_and(|details| details.has_attribute("open")));
        };
        let numbers = el("div")
            .class("scroll")
            .attr("tabindex", "0")
            .attr("role", "region")
            .attr("aria-label", "Learning curve as a table")
            .child(table(self.0, open));
        let shaded = "Shaded: 95 % confidence interval of the learner (Wilson). Grey: random guessing.";
        View::new()
            .child(el("p").class("hint").child(shaded))
            .child(el("details").on(ev::TOGGLE, toggled).child(el("summary").child("As a table")).child(numbers))
    }
}

/// Has `who` answer.
fn choice(page: Page, lines: Lines, who: Answerer) -> Tag {
    el("label")
        .toggle("chosen", move || page.who.get() == who)
        .child(
            el("input")
                .attr("type", "radio")
                .attr("name", "who")
                .test_id(format!("who-{}", who.key()))
                .prop("checked", move || page.who.get() == who)
                .on(ev::CHANGE, move |_| page.ask_whom(who)),
        )
        .child(
            svg("svg")
                .attr("viewBox", "0 0 30 12")
                .attr("aria-hidden", "true")
                .child(svg("line").class(who.mark()).attr("x1", "1").attr("x2", "29").attr("y1", "6").attr("y2", "6")),
        )
        .child(el("span").child(who.name()))
        .child(
            el("small")
                .test_id(format!("score-{}", who.key()))
                .child(move || lines.last(who).map(|point| format!("{} of {}", point.hits, point.of))),
        )
}

/// How often it was right before it was told; whoever else can be asked is in the key, where one can be chosen to answer.
pub fn learned(page: Page) -> View {
    let lines = Lines(memo(move |_| {
        let Some(basis) = page.basis.get() else { return Scores::default() };
        page.document.with(|document| Scores::of(document.examples.iter().map(|e| (e.label, &e.answers)), basis))
    }));
    let any = move || lines.0.with(|scores| scores.running.iter().any(|points| !points.is_empty()));
    el("section")
        .class("card learned")
        .attr("aria-label", "Learning curve")
        .child(el("h2").child("Your learning curve"))
        .child(show_or(
            any,
            move || View::new().child(lines.score()).child(lines.curve()).child(lines.ticks()),
            || {
                el("p").class("hint").child(
                    "Before you teach a drawing, the learner guesses it. From the second drawing of a class on, its \
                     guesses are counted here, next to other methods on the same drawings.",
                )
            },
        ))
        .child(
            el("fieldset")
                .class("key")
                .child(el("legend").child("Who answers? "))
                .child(Answerer::ALL.into_iter().map(|who| choice(page, lines, who)).collect_view()),
        )
        .child(show(any, move || lines.below()))
        .child(progress(page))
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

/// How far the questions about earlier drawings are, and what stops them.
fn progress(page: Page) -> View {
    let progress = page.controls.progress;
    let words = move || {
        let (done, of) = progress.get().map_or((0, 0), |progress| (progress.done, progress.of));
        match page.controls.stopped.get() {
            true => format!("Stopped. {} of {of} answers are missing.", of - done),
            false => format!("Checking earlier drawings, newest first: {done} of {of} answers."),
        }
    };
    let button_words = move || if page.controls.stopped.get() { "Continue" } else { "Stop" };
    show(
        move || progress.get().is_some(),
        move || {
            el("div")
                .class("asking")
                .test_id("asking")
                .attr("data-done", move || progress.get().map_or(0, |progress| progress.done))
                .attr("data-of", move || progress.get().map_or(0, |progress| progress.of))
                .child(el("p").class("hint").child(words))
                .child(
                    el("progress")
                        .attr("aria-label", "Answers about earlier drawings")
                        .attr("max", move || progress.get().map_or(1, |progress| progress.of))
                        .attr("value", move || progress.get().map_or(0, |progress| progress.done)),
                )
                .child(
                    button("stop-asking")
                        .on(ev::CLICK, move |_| page.stop_review(!page.controls.stopped.get_untracked()))
                        .child(button_words),
                )
        },
    )
}

/// The curves as numbers. Rows are made while it is open: they are many, and nobody reads them before that.
fn table(scores: Memo<Scores>, open: RwSignal<bool>) -> Tag {
    let heads = ["after", "learner", "95 %", "1-NN", "shuffled", "untrained"].into_iter();
    let rows = move || {
        if !open.get() {
            return View::new();
        }
        scores.with(|scores| {
            let of = |who: Answerer, at: usize| scores.running[who as usize].iter().rfind(|point| point.at <= at);
            let cell = |who: Answerer, at: usize| of(who, at).map_or("–".to_owned(), |point| percent(point.share()));
            let row = |at: &usize| {
                let range = of(Answerer::Learner, *at).map_or("–".to_owned(), |point| {
                    let (low, high) = wilson(point.hits, point.of);
                    format!("{:.0}–{:.0}", 100.0 * low, 100.0 * high)
                });
                let [own, near, mixed, raw] = Answerer::ALL.map(|who| cell(who, *at));
                let cells = [(at + 1).to_string(), own, range, near, mixed, raw];
                el("tr").child(cells.into_iter().map(|cell| el("td").child(cell)).collect_view())
            };
            let all: Vec<usize> = (0..scores.questions).collect();
            sampled(&all, MOST_ROWS).map(row).collect_view()
        })
    };
    let head = heads.map(|head| el("th").attr("scope", "col").child(head)).collect_view();
    el("table").test_id("curve-table").child(el("thead").child(el("tr").child(head))).child(el("tbody").child(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASIS: Basis = Basis { weights: 5, scrambled: false };

    fn answered(all: [Verdict; 4]) -> Answers {
        let mut answers = Answers::default();
        Answerer::ALL.into_iter().zip(all).for_each(|(who, verdict)| answers.keep(BASIS, who, verdict));
        answers
    }

    #[test]
    fn scores_count_what_was_asked_and_leave_room_for_what_will_be() {
        use Verdict::*;
        let examples = [
            (0, answered([NoQuestion; 4])),
            (1, answered([NoQuestion; 4])),
            // newest first: of the older ones nobody was asked yet, or only some
            (0, Answers::default()),
            (1, answered([Right, Unasked, Unasked, Unasked])),
            (0, answered([Wrong, Right, Right, Wrong])),
            (2, answered([NoQuestion; 4])),
            (2, answered([Right, Right, Wrong, Unasked])),
        ];
        let scores = Scores::of(examples.iter().map(|(label, answers)| (*label, answers)), BASIS);
        assert_eq!(scores.questions, 4);
        let last = |who| scores.last(who).map(|point| (point.at, point.hits, point.of));
        assert_eq!(last(Answerer::Learner), Some((3, 2, 3)));
        assert_eq!(last(Answerer::Nearest), Some((3, 2, 2)));
        assert_eq!(last(Answerer::Untrained), Some((2, 0, 1)));
        assert_eq!(scores.ticks, [true, false, true]);
        let guessing = [0.5, 0.5, 0.5, (0.5 * 3.0 + 1.0 / 3.0) / 4.0];
        assert!(scores.chance.iter().zip(guessing).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", scores.chance);
        assert_eq!(Scores::of([].into_iter(), BASIS), Scores::default());
    }

    #[test]
    fn long_lines_are_drawn_by_a_few_points_and_end_where_they_end() {
        for count in [0usize, 1, 99, 100, 101, 250, 1000] {
            let all: Vec<usize> = (0..count).collect();
            let some: Vec<usize> = sampled(&all, 100).copied().collect();
            assert!(some.len() <= 100 && some.last() == all.last(), "{count}: {}", some.len());
            assert!(count > 100 || some == all);
        }
    }
}
