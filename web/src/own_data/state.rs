//! Where the examination of a visitor's own data stands.

use std::sync::Arc;

use super::dataset::CsvTable;
use super::protocol::{Curve, Data, Plan};
use crate::dom::*;
use crate::fetch::Progress;
use crate::learner::client::Learner;

/// Most classes that the general learner knows.
pub const MOST_CLASSES: usize = 20;

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

/// An answer to a row or picture of the visitor's.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Probability of each class, most probable first.
    pub chances: Vec<(String, f32)>,
    /// Examples that it was shown for it.
    pub shown: usize,
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
    /// The last answer, or why there is none.
    pub reply: RwSignal<Option<Result<Reply, String>>>,
    /// The table that rows are read like, where the data came as one.
    pub csv: RwSignal<Option<Arc<CsvTable>>>,
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
            reply: RwSignal::new(None),
            csv: RwSignal::new(None),
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

    /// Ends what is under way. What has come stays.
    pub fn cancel(self) {
        if self.stage.with_untracked(|stage| !matches!(stage, Stage::Empty | Stage::Done | Stage::Failed(_))) {
            self.next_turn();
            self.stage.set(Stage::Stopped);
        }
    }

    /// Other data come: what was found of the data before is not theirs, whether or not they can be read.
    pub fn begin(self) -> u32 {
        self.curves.set(Vec::new());
        self.reply.set(None);
        self.plan.set(None);
        self.data.set(None);
        self.csv.set(None);
        self.next_turn()
    }

    /// Ends with words that say why.
    pub fn fail(self, words: impl Into<String>) {
        self.stage.set(Stage::Failed(words.into()));
    }
}
