//! Which cells of a list this process runs.

use std::path::Path;
use std::str::FromStr;

use trainer::experiment::{Cell, indexes, parse_indexes, task_index};

/// `--cell`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// By the index of this task in a scheduler's array.
    Auto,
    /// By number, from 0.
    Indexes(Vec<usize>),
}

impl FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Chosen, String> {
        match text.trim() {
            "auto" => Ok(Chosen::Auto),
            text => parse_indexes(text).map(Chosen::Indexes),
        }
    }
}

impl Chosen {
    /// Those cells of the list in `path`; `per_task` neighbours for each task of an array.
    ///
    /// # Errors
    /// No index, or one beyond the list.
    pub fn of(&self, cells: Vec<Cell>, per_task: usize, path: &Path) -> Result<Vec<Cell>, Box<dyn std::error::Error>> {
        let n = cells.len();
        let beyond = |index: usize, tasks: usize| {
            let path = path.display();
            format!("{path} has {n} cells: expected an index from 0 to {}, found {index}", tasks.saturating_sub(1))
        };
        let chosen: Vec<usize> = match self {
            Chosen::Auto => {
                let task = task_index(|name| std::env::var(name).ok())?;
                let tasks = n.div_ceil(per_task);
                if task >= tasks {
                    return Err(beyond(task, tasks).into());
                }
                (task * per_task..n.min((task + 1) * per_task)).collect()
            }
            Chosen::Indexes(_) if per_task > 1 => {
                return Err("--cells-per-task is for --cell auto; with --cell list the cells, as 0,4-6".into());
            }
            Chosen::Indexes(chosen) => match chosen.last().filter(|last| **last >= n) {
                Some(last) => return Err(beyond(*last, n).into()),
                None => chosen.clone(),
            },
        };
        super::output::note(format!("cells {} of {}", indexes(&chosen), path.display()));
        Ok(cells.into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, cell)| cell).collect())
    }
}

/// CPU cores for this process: those that it may use, and of a task that Slurm does not tie to its cores those that it
/// was given.
pub fn cores() -> usize {
    let here = std::thread::available_parallelism().map_or(1, |n| n.get());
    let given = std::env::var("SLURM_CPUS_PER_TASK").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    here.min(given.unwrap_or(here))
}

/// A cell that was asked for by its number is another process's: this one's exit code says so.
#[derive(Debug, thiserror::Error)]
#[error("another process is at this cell; its result counts, and this process leaves it alone (exit code 75)")]
pub struct Busy;

#[cfg(test)]
mod tests {
    use super::*;
    use trainer::experiment::{Scale, cells};

    #[test]
    fn cells_are_taken_by_number() {
        let grid = cells("fig4", Scale::Smoke, Some(&[1, 2])).unwrap();
        let path = Path::new("cells.jsonl");
        let of = |text: &str, per_task| text.parse::<Chosen>().unwrap().of(grid.clone(), per_task, path);
        assert_eq!(of("1", 1).unwrap(), grid[1..2]);
        assert_eq!(of("0-1,3", 1).unwrap(), [&grid[..2], &grid[3..4]].concat());
        let beyond = of(&grid.len().to_string(), 1).unwrap_err().to_string();
        assert!(beyond.contains(&format!("from 0 to {}", grid.len() - 1)), "{beyond}");
        assert!(of("1", 2).unwrap_err().to_string().contains("--cell auto"));
        assert_eq!("auto".parse(), Ok(Chosen::Auto));
        assert!("autos".parse::<Chosen>().unwrap_err().contains("expected auto"));
    }
}
