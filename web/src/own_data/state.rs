//! Where the examination of a visitor's own data stands.

use std::rc::Rc;
use std::sync::Arc;

use super::protocol::{Confusion, Curve, Data, Plan};
use super::reader::{Reader, TableFile};
use super::summary::{AnswerFile, Choices, Summary, TextRow};
use crate::fetch::Progress;
use crate::learner::client::Learner;
use dom::*;

/// Most classes that the general learner tells apart.
pub const MOST_CLASSES: usize = shaders::model::spec::MOST_SET_CLASSES;

/// Where the examination stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// No data yet.
    Empty,
    /// Files are being read: how many, of how many.
    Reading(usize, usize),
    /// The learner is on its way.
    Fetching(Option<Progress>),
    /// Orders done.
    Running(usize),
    /// All orders done.
    Done,
    /// Ended before its end, by the visitor.
    Stopped,
    /// Could not go on, in words.
    Failed(String),
}

/// Answers to a row, a picture or a file of rows of the visitor's.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To one row or picture.
    One {
        /// Probability of each class, most probable first.
        chances: Vec<(String, f32)>,
        /// Examples that were shown for it.
        shown: usize,
    },
    /// A file is being answered: rows done, and all.
    Underway(usize, usize),
    /// To a file.
    File {
        /// Its name.
        name: String,
        /// Rows.
        rows: usize,
        /// Examples that were shown for it.
        shown: usize,
        /// The answers.
        answers: AnswerFile,
    },
}

/// The examples of a cell of the confusion table.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// Their true class.
    pub truth: usize,
    /// What was answered.
    pub answer: usize,
    /// Their places among the data.
    pub examples: Vec<usize>,
    /// Rows of a table as people see them; empty for pictures.
    pub rows: Vec<TextRow>,
}

/// The examination's signals. Copies share them.
#[derive(Clone, Copy)]
pub struct OwnDataRun {
    /// Where it stands.
    pub stage: RwSignal<Stage>,
    /// What is examined.
    pub data: RwSignal<Option<Arc<Data>>>,
    /// Which rows are shown and asked about.
    pub plan: RwSignal<Option<Arc<Plan>>>,
    /// What came of it so far: the learner first.
    pub curves: RwSignal<Vec<Curve>>,
    /// The learner's answers by class.
    pub confusion: RwSignal<Confusion>,
    /// The cell of it that is looked into.
    pub inspected: RwSignal<Option<Inspected>>,
    /// Whether curves show balanced accuracy.
    pub balanced: RwSignal<bool>,
    /// The last answer, or why there is none.
    pub reply: RwSignal<Option<Result<Reply, String>>>,
    /// The table as the reader understands it, where the data came as one.
    pub summary: RwSignal<Option<Arc<Summary>>>,
    /// What was chosen about it.
    pub choices: RwSignal<Choices>,
    /// Its name.
    pub table_name: RwSignal<String>,
    /// The table in the reader.
    pub table: StoredValue<Option<Rc<TableFile>>, LocalStorage>,
    /// The reader, once there was something to read.
    pub reader: StoredValue<Option<Reader>, LocalStorage>,
    /// The general learner, once it was fetched.
    pub learner: StoredValue<Option<Learner>, LocalStorage>,
    /// Counts the runs: an older one ends when it sees that it is not the last.
    pub turn: RwSignal<u32>,
}

impl OwnDataRun {
    /// Without data.
    pub fn new() -> OwnDataRun {
        OwnDataRun {
            stage: RwSignal::new(Stage::Empty),
            data: RwSignal::new(None),
            plan: RwSignal::new(None),
            curves: RwSignal::new(Vec::new()),
            confusion: RwSignal::new(Confusion::default()),
            inspected: RwSignal::new(None),
            balanced: RwSignal::new(false),
            reply: RwSignal::new(None),
            summary: RwSignal::new(None),
            choices: RwSignal::new(Choices::default()),
            table_name: RwSignal::new(String::new()),
            table: StoredValue::new_local(None),
            reader: StoredValue::new_local(None),
            learner: StoredValue::new_local(None),
            turn: RwSignal::new(0),
        }
    }

    /// Whether something is under way.
    pub fn busy(self) -> bool {
        self.stage.with(|stage| matches!(stage, Stage::Reading(..) | Stage::Fetching(_) | Stage::Running(_)))
    }

    /// Starts another run.
    pub fn next_turn(self) -> u32 {
        self.turn.update(|turn| *turn += 1);
        self.turn.get_untracked()
    }

    /// Whether a run is the last one.
    pub fn current(self, turn: u32) -> bool {
        self.turn.get_untracked() == turn
    }

    /// The reader, started where there was none.
    pub fn reader(self) -> Reader {
        if self.reader.with_value(Option::is_none) {
            self.reader.set_value(Some(Reader::new()));
        }
        self.reader.get_value().unwrap_or_else(Reader::new)
    }

    /// Ends what is under way. What has come stays.
    pub fn cancel(self) {
        let reading = self.stage.with_untracked(|stage| matches!(stage, Stage::Reading(..)));
        if self.stage.with_untracked(|stage| !matches!(stage, Stage::Empty | Stage::Done | Stage::Failed(_))) {
            self.next_turn();
            self.stage.set(Stage::Stopped);
        }
        if reading && let Some(reader) = self.reader.get_value() {
            reader.stop();
        }
    }

    /// Other data come: what was found of the data before is not theirs, whether or not they can be read.
    pub fn begin(self) -> u32 {
        self.summary.set(None);
        self.choices.set(Choices::default());
        self.table.set_value(None);
        self.begin_anew()
    }

    /// The same table is understood in another way.
    pub fn begin_anew(self) -> u32 {
        self.curves.set(Vec::new());
        self.confusion.set(Confusion::default());
        self.inspected.set(None);
        self.reply.set(None);
        self.plan.set(None);
        self.data.set(None);
        self.next_turn()
    }

    /// Ends with words that say why.
    pub fn fail(self, words: impl Into<String>) {
        self.stage.set(Stage::Failed(words.into()));
    }
}
