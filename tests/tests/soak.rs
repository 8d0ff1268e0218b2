//! A visitor who stays for hours: teaches, forgets, relabels, swaps, opens other models and a thousand examples, loses the
//! device, hides the tab. Nothing is lost, memory stays where it was, and the answers are a fresh visitor's.
//!
//! Without `SOAK_MINUTES` it is one round. `cargo xtask soak` runs it for long, and keeps the line of figures that each visit
//! prints; `SOAK_SEED` (0) chooses what the visitor does.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};
use shaders::random::{Stream, stream};
use tests::browser::{Setting, wait_for};
use tests::examples::{FIGURES, file};
use tests::memory::Held;
use tests::page::{Page, built, ready};
use tests::setting::number;

/// Classes that the visitor teaches; the page has as many at the start.
const CLASSES: usize = 3;
/// Examples after which the visitor rather forgets than teaches.
const MANY: usize = 24;
/// How far memory may end from where it began, as a share.
const DRIFT: f64 = 0.1;
/// Rounds without which the drift of memory is not judged: its first ones fill buffers and caches.
const ENOUGH: usize = 16;
/// What answers of two sessions may differ by: the order in which examples came may change their last digits.
const SAME: f64 = 1e-3;

struct Visitor {
    page: Page,
    random: Stream,
    /// The label of each example on the page, in its order.
    labels: Vec<usize>,
    /// Drawings made so far: no two are alike.
    drawings: u64,
    /// How often each thing was done.
    done: BTreeMap<&'static str, u64>,
}

impl Visitor {
    fn drawing(&mut self, class: usize) -> Vec<Vec<(f64, f64)>> {
        self.drawings += 1;
        FIGURES[class].drawn(5, self.drawings)
    }

    /// Counts what was done, and sees that the page shows what should be there after it.
    #[track_caller]
    fn did(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
        let expected: [usize; CLASSES] =
            std::array::from_fn(|class| self.labels.iter().filter(|label| **label == class).count());
        let found: [usize; CLASSES] = std::array::from_fn(|class| self.page.count(class));
        assert_eq!(found, expected, "after {what}; done so far: {:?}", self.done);
    }

    fn teach(&mut self, class: usize) {
        let drawing = self.drawing(class);
        self.page.teach(&drawing, class);
        self.labels.push(class);
        self.did("teach");
    }

    fn ask(&mut self) {
        let class = self.random.random_range(0..CLASSES);
        let drawing = self.drawing(class);
        let answer = self.page.ask(&drawing);
        if !self.labels.is_empty() {
            let sum: f64 = answer.iter().sum();
            assert!((sum - 1.0).abs() < 1e-3, "an answer of {answer:?}; done so far: {:?}", self.done);
        }
        self.did("ask");
    }

    /// Forgets or relabels an example, or swaps two labels, and now and then takes it back.
    fn change(&mut self, what: &'static str) {
        let before = self.labels.clone();
        let at = self.random.random_range(0..self.labels.len());
        if what != "swap" {
            self.page.click(&format!("example-{at}"));
        }
        match what {
            "forget" => {
                self.page.click("menu-forget");
                self.labels.remove(at);
            }
            "relabel" => {
                // the menu counts the other classes alone
                let other = self.random.random_range(0..CLASSES - 1);
                self.page.click(&format!("menu-label-{other}"));
                let label = other + usize::from(other >= self.labels[at]);
                self.labels[at] = label;
            }
            _ => {
                let first = self.random.random_range(0..CLASSES - 1);
                self.page.swap(first, first + 1);
                for label in &mut self.labels {
                    *label = match *label {
                        label if label == first => first + 1,
                        label if label == first + 1 => first,
                        label => label,
                    };
                }
            }
        }
        self.did(what);
        if self.random.random_bool(0.3) {
            self.page.click("undo");
            self.labels = before;
            self.did("undo");
        }
    }

    /// Something that a visitor does.
    fn act(&mut self) {
        let few = self.labels.len() < 2 * CLASSES;
        match self.random.random_range(0..10) {
            0..4 if self.labels.len() < MANY => {
                let class = self.random.random_range(0..CLASSES);
                self.teach(class);
            }
            _ if few => {
                let class = self.random.random_range(0..CLASSES);
                self.teach(class);
            }
            0..5 => self.change("forget"),
            5 => self.change("relabel"),
            6 => self.change("swap"),
            _ => self.ask(),
        }
    }

    /// Opens a model of the page's own from a file.
    fn open(&mut self, name: &str) {
        let path = built().expect("a page").join("models").join(name);
        self.page.browser.files("model-file", &[path]);
        wait_for(name, Duration::from_secs(240), || (self.page.text("model") == name).then_some(()));
        self.page.settle();
        self.did("model");
    }

    /// Many examples in a set of their own, asked about and deleted.
    fn many(&mut self, count: usize) {
        let path = file(count, true);
        self.page.browser.files("examples-file", std::slice::from_ref(&path));
        let shown = "return document.querySelectorAll('[data-example]').length";
        wait_for("the examples", Duration::from_secs(120), || {
            (self.page.browser.script(shown, &[]) == json!(count)).then_some(())
        });
        self.page.settle();
        fs::remove_file(path).unwrap();
        let drawing = self.drawing(0);
        let answer = self.page.ask(&drawing);
        assert!((answer.iter().sum::<f64>() - 1.0).abs() < 1e-3, "an answer of {answer:?}");
        let open = self
            .page
            .browser
            .script("return document.querySelector('[data-testid=set][data-open=true]').dataset.name", &[]);
        self.page.click(&format!("delete-set-{}", open.as_str().expect("a set has a name")));
        // another set is open now: the first, as it was
        self.page.wipe();
        self.did("examples from a file");
    }

    /// Loses the GPU's device, if that is what answers.
    fn lose_device(&mut self) {
        if !self.page.text("engine").contains("WebGPU") {
            return;
        }
        self.page.click("lose-device");
        self.ask();
        self.did("device lost");
    }

    fn hide(&mut self) {
        self.page.hide(true);
        self.page.hide(false);
        self.did("tab hidden");
    }

    /// A round: everything at least once. It ends as it began, without examples and with the model of the start.
    fn round(&mut self, actions: usize, many: usize) {
        for class in 0..CLASSES {
            self.teach(class);
        }
        for _ in 0..actions {
            self.act();
        }
        self.hide();
        self.lose_device();
        for name in ["general.safetensors", "quick.safetensors", "drawing.safetensors"] {
            self.open(name);
            self.ask();
        }
        self.many(many);
        self.page.click("clear-all");
        self.labels.clear();
        self.did("forget everything");
        self.page.wipe();
        assert_eq!(self.page.complaints(), Vec::<String>::new(), "done so far: {:?}", self.done);
    }

    /// Answers of this session, and of a fresh one that was given the same examples as a file; the largest difference.
    fn apart_from_a_fresh_session(&mut self, query: &str) -> f64 {
        for at in 0..4 * CLASSES {
            self.teach(at % CLASSES);
        }
        let questions: Vec<_> = (0..6).map(|at| self.drawing(at % CLASSES)).collect();
        let answers: Vec<Vec<f64>> = questions.iter().map(|question| self.page.ask(question)).collect();
        let folder = self.page.browser.downloads_folder();
        self.page.click("save-examples");
        let path = wait_for("the saved examples", Duration::from_secs(60), || {
            let all = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
            all.filter(|path| path.extension().is_some_and(|end| end == "json")).max()
        });
        let url = self.page.url();
        self.page.forget_everything();
        self.page.visit(&format!("{url}{query}"));
        assert_eq!((0..CLASSES).map(|class| self.page.count(class)).sum::<usize>(), 0, "it is no fresh session");
        self.page.browser.files("examples-file", std::slice::from_ref(&path));
        wait_for("the examples", Duration::from_secs(60), || (self.page.count(0) == 4).then_some(()));
        self.page.settle();
        let fresh = questions.iter().map(|question| self.page.ask(question));
        let apart = |(a, b): (&Vec<f64>, Vec<f64>)| {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        answers.iter().zip(fresh).map(apart).fold(0.0, f64::max)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Visits for so many minutes, and for a round at least.
fn visit(engine: &str, many: usize) {
    let minutes = number("SOAK_MINUTES", 0);
    // things done in a round, beside those that every round has once
    let actions = if minutes == 0 { 8 } else { 30 };
    let query = format!("?engine={engine}&lose-device");
    let Some(page) = ready(Setting { requests: false, ..Setting::DESK }, &query) else { return };
    let seed = number("SOAK_SEED", 0);
    let mut visitor =
        Visitor { page, random: stream(seed, "visit", 0), labels: Vec::new(), drawings: 0, done: BTreeMap::new() };
    let begin = Instant::now();
    let mut held: Vec<(f64, Held)> = Vec::new();
    while held.is_empty() || begin.elapsed() < Duration::from_secs(60 * minutes) {
        visitor.round(actions, many);
        let now = (begin.elapsed().as_secs_f64() / 60.0, Held::by(&visitor.page));
        if minutes > 0 {
            println!("{engine}, {:.1} min: {:?}", now.0, now.1);
        }
        held.push(now);
    }
    let apart = visitor.apart_from_a_fresh_session(&query);
    let quarter = held.len() / 4;
    // the first rounds fill buffers and caches
    let (first, last) =
        (&held[quarter.min(held.len() - 1) / 2..][..quarter.max(1)], &held[held.len() - quarter.max(1)..]);
    let drift = |of: fn(&Held) -> f64| {
        let mean = |part: &[(f64, Held)]| median(part.iter().map(|(_, held)| of(held)));
        mean(last) / mean(first).max(1.0)
    };
    let drifts: BTreeMap<&str, f64> = BTreeMap::from([
        ("nodes", drift(|held| held.nodes)),
        ("listeners", drift(|held| held.listeners)),
        ("renderer", drift(|held| held.renderer_mb)),
    ]);
    let held: Vec<Value> = held
        .iter()
        .map(|(minute, held)| {
            let mut line = held.json();
            line["minute"] = json!((minute * 10.0).round() / 10.0);
            line
        })
        .collect();
    println!(
        "soak: {}",
        json!({
            "engine": engine, "seed": seed, "minutes": begin.elapsed().as_secs() / 60, "rounds": held.len(),
            "done": visitor.done, "apart_from_a_fresh_session": apart, "last_against_first_quarter": drifts, "held": held,
        })
    );
    assert!(apart < SAME, "answers are {apart} from a fresh session's");
    if held.len() >= ENOUGH {
        for (what, drift) in drifts {
            assert!((drift - 1.0).abs() <= DRIFT, "{what} ended at {drift:.2} times what it was");
        }
    }
}

#[test]
fn a_long_visit_on_the_cpu() {
    visit("cpu", 1000);
}

/// No part of the usual tests: a round on a software GPU takes minutes.
#[test]
#[ignore = "it takes minutes; `cargo xtask soak` runs it"]
fn a_long_visit_on_a_gpu() {
    // a thousand take a software GPU more than a minute
    visit("webgpu", 200);
}
