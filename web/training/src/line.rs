//! Runs as they are compared: settings, curves, and what is said of them.

use serde::{Deserialize, Serialize};

use crate::phase::Phase;
use crate::run::{Point, Report};
use crate::settings::{CLASSES, Data, Kind, LENGTH, MOST_STEPS, Settings};

/// Lines that are kept for comparison.
pub const MOST_LINES: usize = 10;
/// Accuracy on new tasks from which a learner counts as one that learns.
pub const EMERGED: f64 = 0.6;

/// One run and its curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counts the runs of a visit.
    pub id: u32,
    /// Its settings.
    pub settings: Settings,
    /// Over its steps.
    pub points: Vec<Point>,
    /// Accuracy on new tasks at each position, `[T]`.
    pub unseen: Vec<f64>,
    /// Accuracy on its own tasks at each position, `[T]`.
    pub seen: Vec<f64>,
    /// Steps done.
    pub step: u64,
    /// Stages of its curriculum that are done.
    pub stage: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// Seconds after which the accuracy on new tasks passed 60 %.
    pub emerged: Option<f64>,
    /// Where it stands.
    pub phase: Phase,
    /// Whether all its steps are done.
    pub done: bool,
    /// The name of the GPU that takes its steps; none where the CPU does.
    #[serde(default)]
    pub gpu: Option<String>,
}

impl Line {
    /// A run before its first step.
    pub fn new(id: u32, settings: Settings) -> Line {
        Line {
            id,
            settings,
            points: Vec::new(),
            unseen: Vec::new(),
            seen: Vec::new(),
            step: 0,
            stage: 0,
            seconds: 0.0,
            emerged: None,
            phase: Phase::Guessing,
            done: false,
            gpu: None,
        }
    }

    /// Lines as they were kept, in JSON; none where they are damaged, or of another version of the page.
    pub fn kept(text: &str) -> Option<Vec<Line>> {
        let mut lines: Vec<Line> = serde_json::from_str(text).ok()?;
        let whole = |line: &Line| {
            // the next line has the number after
            (1..u32::MAX).contains(&line.id)
                && line.step <= MOST_STEPS
                && line.seen.len().max(line.unseen.len()) <= LENGTH
                && line.settings.clone().bounded().1.is_empty()
        };
        lines.drain(..lines.len().saturating_sub(MOST_LINES));
        (!lines.is_empty() && lines.iter().all(whole)).then_some(lines)
    }

    /// Takes in what the worker reports after so many more seconds.
    pub fn add(&mut self, report: Report, seconds: f64) {
        self.seconds += seconds;
        let passed = report.points.iter().any(|point| point.accuracies.unseen_last >= EMERGED);
        if passed && self.emerged.is_none() {
            self.emerged = Some(self.seconds);
        }
        // two requests may overlap, after a pause that was short: what both report is one point
        let last = self.points.last().map_or(0, |point| point.step);
        self.points.extend(report.points.into_iter().filter(|point| point.step > last));
        (self.unseen, self.seen) = (report.unseen, report.seen);
        (self.step, self.stage, self.phase, self.done) = (report.step, report.stage, report.phase, report.done);
    }

    /// Tasks a second.
    pub fn speed(&self) -> f64 {
        (self.step * self.settings.batch as u64) as f64 / self.seconds.max(1e-3)
    }

    /// Seconds until all steps are done.
    pub fn left(&self) -> f64 {
        let left = self.settings.steps.saturating_sub(self.step);
        left as f64 * self.seconds / self.step.max(1) as f64
    }

    /// Whether what it does on its own tasks is another question than what it does on new ones.
    pub fn own_tasks(&self) -> bool {
        self.settings.log2_tasks >= 0 || self.settings.data == Data::Drawings || self.settings.curriculum
    }

    /// What its settings are, where they are not the usual ones.
    pub fn name(&self) -> String {
        self.settings.name() + if self.gpu.is_some() { ", on the GPU" } else { "" }
    }

    /// Where it stands, in words.
    pub fn words(&self) -> String {
        let Some(point) = self.points.last() else { return "Not one step so far.".into() };
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let (new, own) = (percent(point.accuracies.unseen_last), percent(point.accuracies.seen_last));
        let chance = percent(1.0 / CLASSES as f64);
        match self.phase {
            Phase::Guessing if self.stage < self.settings.stages().len() => {
                format!("It guesses on new tasks ({new}). On the easy tasks of its curriculum: {own}.")
            }
            Phase::Guessing => {
                format!("It guesses: {new} right on new tasks, even after 90 examples. Chance is {chance}.")
            }
            Phase::Rising => format!("It begins to use its examples: {new} right at the end of new tasks."),
            Phase::Learns => {
                format!("It has learned to learn: {new} right at the end of tasks that it never met before.")
            }
            Phase::Memorises => {
                format!(
                    "It memorises: {own} right on its own tasks, almost from the first example on; {new} on new ones."
                )
            }
            Phase::Identifies => {
                format!("It recognises its own tasks from a few examples ({own} right), and fails on new ones ({new}).")
            }
        }
    }
}

/// 1, 2, 4 … 65,536 tasks, or endless ones.
pub fn tasks_in_words(log2_tasks: i32) -> String {
    match u32::try_from(log2_tasks) {
        Err(_) => "endless tasks".into(),
        Ok(0) => "1 task".into(),
        Ok(log2) => {
            let digits = (1u64 << log2).to_string();
            let (high, low) = digits.split_at(digits.len().saturating_sub(3));
            format!("{high}{}{low} tasks", if high.is_empty() { "" } else { "," })
        }
    }
}

impl Settings {
    /// What is not as usual, in words.
    pub fn name(&self) -> String {
        let usual = Settings::default();
        let mut words = vec![tasks_in_words(self.log2_tasks)];
        let mut say = |differs: bool, what: String| {
            if differs {
                words.push(what);
            }
        };
        say(self.learner == Kind::Paper, "paper’s tokens".into());
        if self.learner == Kind::Shifted {
            say(self.key_shift != usual.key_shift, format!("key shift {:?}", self.key_shift).to_lowercase());
            say(!self.equal, "queries and keys apart".into());
            say(!self.norm, "no norm".into());
        }
        say(self.width != usual.width, format!("width {}", self.width));
        say(self.layers != usual.layers, format!("{} layers", self.layers));
        say(self.heads != usual.heads, format!("{} heads", self.heads));
        say(self.batch != usual.batch, format!("batch {}", self.batch));
        say(self.label_bias != usual.label_bias, format!("label bias {}", self.label_bias));
        say(self.curriculum, "curriculum".into());
        say(self.data != usual.data, format!("{:?}", self.data).to_lowercase());
        say(self.optimiser != usual.optimiser, format!("{:?}", self.optimiser));
        say(self.rate != usual.rate, format!("rate {}", self.rate));
        say(self.seed != usual.seed, format!("seed {}", self.seed));
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::Accuracies;

    fn report(step: u64, unseen_last: f64) -> Report {
        let accuracies = Accuracies { seen_first: 0.1, seen_last: unseen_last, unseen_last, chance_seen: 0.1 };
        let points = vec![Point { step, loss: 1.0, accuracies }];
        Report { step, points, unseen: vec![], seen: vec![], phase: Phase::of(&accuracies, 10), stage: 0, done: false }
    }

    #[test]
    fn a_line_knows_when_learning_emerged_how_fast_it_is_and_what_to_say() {
        let mut line = Line::new(1, Settings::default());
        line.add(report(10, 0.1), 1.0);
        assert!(line.words().starts_with("It guesses: 10 % right") && line.emerged.is_none());
        line.add(report(100, 0.62), 4.0);
        line.add(report(200, 0.7), 5.0);
        assert_eq!((line.emerged, line.points.len()), (Some(5.0), 3));
        assert!(line.words().starts_with("It has learned to learn: 70 %"), "{}", line.words());
        line.add(report(200, 0.7), 0.0);
        assert_eq!(line.points.len(), 3, "a point that comes twice is one");
        assert!((line.speed() - 160.0).abs() < 1e-9 && (line.left() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn lines_are_kept_and_those_that_no_run_has_are_not() {
        let mut line = Line::new(3, Settings::default());
        line.add(report(10, 0.1), 1.0);
        let text = |lines: &[Line]| serde_json::to_string(lines).unwrap();
        assert_eq!(Line::kept(&text(&[line.clone()])), Some(vec![line.clone()]));
        let many: Vec<Line> = (1..=40).map(|id| Line { id, ..line.clone() }).collect();
        assert_eq!(Line::kept(&text(&many)).unwrap(), many[30..]);
        for wrong in [
            Line { id: 0, ..line.clone() },
            Line { id: u32::MAX, ..line.clone() },
            Line { step: u64::MAX, ..line.clone() },
            Line { seen: vec![0.0; 101], ..line.clone() },
            Line { settings: Settings { log2_tasks: 64, ..Settings::default() }, ..line.clone() },
        ] {
            assert_eq!(Line::kept(&text(&[line.clone(), wrong])), None);
        }
        assert_eq!(Line::kept("[]").or(Line::kept("{}")), None);
    }

    #[test]
    fn names_say_what_is_not_as_usual() {
        assert_eq!(Settings::default().name(), "endless tasks");
        let few = Settings { log2_tasks: 16, width: 32, learner: Kind::Paper, ..Settings::default() };
        assert_eq!(few.name(), "65,536 tasks, paper’s tokens, width 32");
        assert_eq!([0, 1, 9, 10].map(tasks_in_words), ["1 task", "2 tasks", "512 tasks", "1,024 tasks"]);
    }
}
