//! Which cells of a list have their result, and what became of the others. A scheduler's own word is not asked: a task
//! that was killed, or whose node was lost, shows by the result that is not there.

use std::path::PathBuf;

use super::array::indexes;
use super::cell::{Cell, CellResult, Outcome, State};
use super::collect::Found;
use crate::train::folder::last_checkpoint;

/// What became of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has its result.
    Done,
    /// Its loss was not finite, which is a result.
    Diverged,
    /// An error.
    Failed {
        /// Why.
        message: String,
    },
    /// Begun and not ended: at work, stopped or killed.
    Begun {
        /// Its folder.
        folder: PathBuf,
        /// Step of its last checkpoint.
        step: Option<u64>,
    },
    /// Nothing was found.
    Missing,
}

/// A cell of a list and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its experiment and name.
    pub name: String,
    /// What became of it.
    pub standing: Standing,
    /// Where its results are, if there are several.
    pub results: Vec<PathBuf>,
    /// Whether several results are the same but for the time they took and the machine.
    pub same: bool,
}

/// What became of the cells of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// In the list's order.
    pub cells: Vec<Audited>,
}

/// Compares a list of cells with what was found. A result counts for a cell if it was made by exactly that job.
pub fn audit(cells: &[Cell], found: &Found) -> Audit {
    let one = |(index, cell): (usize, &Cell)| {
        let hash = cell.hash();
        let of_cell = |result: &&(PathBuf, CellResult)| {
            let at = &result.1;
            at.hash == hash && at.cell.experiment == cell.experiment && at.cell.scale == cell.scale
        };
        let all: Vec<&(PathBuf, CellResult)> = found.results.iter().filter(of_cell).collect();
        let ended: Vec<&(PathBuf, CellResult)> = all.iter().copied().filter(|r| r.1.state != State::Failed).collect();
        let standing = match (ended.first(), all.first()) {
            (Some((_, result)), _) if result.state == State::Diverged => Standing::Diverged,
            (Some(_), _) => Standing::Done,
            (None, Some((_, result))) => Standing::Failed { message: result.message.clone().unwrap_or_default() },
            (None, None) => match found.begun.iter().find(|(_, of)| *of == hash) {
                Some((folder, _)) => {
                    Standing::Begun { folder: folder.clone(), step: last_checkpoint(folder).ok().flatten() }
                }
                None => Standing::Missing,
            },
        };
        let results = if ended.len() > 1 { ended.iter().map(|(path, _)| path.clone()).collect() } else { Vec::new() };
        let same = ended.windows(2).all(|two| alike(&two[0].1, &two[1].1));
        Audited { index, name: format!("{}/{}", cell.experiment, cell.name), standing, results, same }
    };
    Audit { cells: cells.iter().enumerate().map(one).collect() }
}

/// Whether two results differ in time, machine and commit alone.
fn alike(one: &CellResult, other: &CellResult) -> bool {
    let timeless = |outcome: &Outcome| {
        let mut outcome = Outcome { seconds: 0.0, ..outcome.clone() };
        outcome.probes.iter_mut().for_each(|point| point.seconds = 0.0);
        outcome
    };
    one.state == other.state && timeless(&one.outcome) == timeless(&other.outcome)
}

impl Audit {
    /// Places of the cells without a result, ascending from 0.
    pub fn missing(&self) -> Vec<usize> {
        self.cells.iter().filter(|cell| !cell.ended()).map(|cell| cell.index).collect()
    }

    /// Cells with several results.
    pub fn doubled(&self) -> impl Iterator<Item = &Audited> {
        self.cells.iter().filter(|cell| !cell.results.is_empty())
    }

    /// How many there are of each kind, in words.
    pub fn summary(&self) -> String {
        let count = |of: fn(&Standing) -> bool| self.cells.iter().filter(|cell| of(&cell.standing)).count();
        let missing = self.missing();
        let counts = [
            (count(|s| *s == Standing::Diverged), "diverged"),
            (count(|s| matches!(s, Standing::Failed { .. })), "failed"),
            (count(|s| matches!(s, Standing::Begun { .. })), "begun and not ended"),
            (count(|s| *s == Standing::Missing), "not begun"),
            (self.doubled().count(), "run more than once"),
            (self.doubled().filter(|cell| !cell.same).count(), "of these with other numbers"),
        ];
        let words: String =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {n} {word}")).collect::<String>();
        let done = self.cells.len() - missing.len();
        let left = if missing.is_empty() { String::new() } else { format!(" (left: {})", indexes(&missing)) };
        format!("{done} of the list's {} cells have results{words}{left}", self.cells.len())
    }
}

impl Audited {
    /// Whether it has a result; a loss that was not finite is one, an error is none.
    pub fn ended(&self) -> bool {
        matches!(self.standing, Standing::Done | Standing::Diverged)
    }

    /// One line about the cell.
    pub fn line(&self) -> String {
        let what = match &self.standing {
            Standing::Done => "done".to_owned(),
            Standing::Diverged => "diverged".to_owned(),
            Standing::Failed { message } => format!("failed: {message}"),
            Standing::Begun { folder, step: Some(step) } => {
                format!("begun and not ended, checkpoint at step {step} in {}", folder.display())
            }
            Standing::Begun { folder, step: None } => {
                format!("begun and not ended, no checkpoint yet in {}", folder.display())
            }
            Standing::Missing => "not begun".to_owned(),
        };
        let places: Vec<String> = self.results.iter().map(|path| path.display().to_string()).collect();
        let several = match (places.is_empty(), self.same) {
            (true, _) => String::new(),
            (false, true) => format!(", several times with the same numbers: {}", places.join(", ")),
            (false, false) => format!(", several times, with other numbers: {}", places.join(", ")),
        };
        format!("{} {}: {what}{several}", self.index, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Scale;
    use super::super::registry::cells;
    use super::super::testing::result;
    use super::*;

    #[test]
    fn lost_failed_and_doubled_cells_are_seen() {
        let grid = ["fig4", "emergence"].map(|name| cells(name, Scale::Smoke, None).unwrap()).concat();
        assert!(grid.len() > 4, "{}", grid.len());
        let done = |cell: &Cell| result(cell, &[("unseen", 0.1, 0.5)], &[]);
        let at = |name: &str| PathBuf::from(name).join("result.json");
        let mut failed = done(&grid[1]);
        (failed.state, failed.message) = (State::Failed, Some("disk full".into()));
        let mut changed = done(&grid[3]);
        changed.hash = "0123456789abcdef".into();
        let mut found = Found {
            results: vec![(at("a"), done(&grid[0])), (at("b"), failed), (at("c"), changed)],
            begun: vec![(PathBuf::from("gone"), grid[2].hash())],
        };
        let seen = audit(&grid, &found);
        assert_eq!(seen.cells[0].standing, Standing::Done);
        assert_eq!(seen.cells[1].standing, Standing::Failed { message: "disk full".into() });
        assert_eq!(seen.cells[2].standing, Standing::Begun { folder: "gone".into(), step: None });
        assert_eq!(seen.cells[3].standing, Standing::Missing, "a result of other settings is none");
        assert_eq!(seen.missing(), (1..grid.len()).collect::<Vec<_>>());
        let words = seen.summary();
        let expected = format!("1 of the list's {} cells have results, 1 failed, 1 begun and not ended", grid.len());
        assert!(words.starts_with(&expected), "{words}");
        assert!(words.ends_with(&format!("(left: 1-{})", grid.len() - 1)), "{words}");

        // a second machine did what failed, and one cell again
        found.results.push((at("d"), done(&grid[1])));
        let mut slow = done(&grid[0]);
        (slow.outcome.seconds, slow.device) = (99.0, "other".into());
        found.results.push((at("e"), slow));
        let seen = audit(&grid, &found);
        assert_eq!((&seen.cells[1].standing, seen.doubled().count()), (&Standing::Done, 1));
        assert!(seen.cells[0].same && seen.cells[0].line().contains("same numbers"), "{}", seen.cells[0].line());
        found.results.push((at("f"), result(&grid[0], &[("unseen", 0.1, 0.6)], &[])));
        let seen = audit(&grid, &found);
        assert!(!seen.cells[0].same && seen.summary().contains("1 of these with other numbers"), "{}", seen.summary());
    }
}
