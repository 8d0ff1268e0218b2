//! A grid's cells as a file, one a line: what the tasks of a scheduler's array look their cells up in.
//!
//! ```text
//! {"gpicl_cells":1,"cells":2,"commit":"1a2b3c4"}
//! {"hash":"…","cell":{"experiment":"fig4","scale":"desk","name":"shifted-k10-seed1",…}}
//! {"hash":"…","cell":{…}}
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use crate::train::{TrainError, write_whole};

/// Of the file's form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    gpicl_cells: u32,
    cells: usize,
    commit: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    hash: String,
    cell: Cell,
}

/// Why a list of cells cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The operating system's.
    #[error("{}: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] TrainError),
    /// There is something else in its place, which tasks may depend on.
    #[error(
        "{} exists and holds something else; tasks that were sent with it would take other cells. Choose another \
         --plan-file, or remove this one. Nothing was changed",
        path.display()
    )]
    Exists {
        /// File.
        path: PathBuf,
    },
    /// No list of cells, or a damaged one.
    #[error("{}, line {line}: expected {expected}; write it again with `trainer experiment NAME --plan-file`", path.display())]
    Format {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What should be there.
        expected: String,
    },
    /// The list is another trainer's.
    #[error(
        "{}, line {line}: cell {cell} means something else to this trainer (commit {here}) than to the one that wrote \
         the list (commit {there}); use the same trainer everywhere",
        path.display()
    )]
    Version {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Cell.
        cell: String,
        /// This trainer's commit.
        here: String,
        /// The list's.
        there: String,
    },
}

/// The text of a list.
fn text(cells: &[Cell]) -> String {
    let json = |line: serde_json::Result<String>| line.expect("plain data") + "\n";
    let head = Head { gpicl_cells: VERSION, cells: cells.len(), commit: env!("GIT_COMMIT").into() };
    let line = |cell: &Cell| json(serde_json::to_string(&Line { hash: cell.hash(), cell: cell.clone() }));
    json(serde_json::to_string(&head)) + &cells.iter().map(line).collect::<String>()
}

/// Writes a list; one with the same cells is left as it is.
///
/// # Errors
/// Another file is there, or what the operating system says.
pub fn write(path: &Path, cells: &[Cell]) -> Result<(), PlanError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(write_whole(path, text(cells).as_bytes())?),
        _ if read(path).is_ok_and(|found| found == cells) => Ok(()),
        _ => Err(PlanError::Exists { path: path.to_owned() }),
    }
}

/// Reads a list.
///
/// # Errors
/// No such file; something else, or a part of a list; cells that mean something else to this trainer.
pub fn read(path: &Path) -> Result<Vec<Cell>, PlanError> {
    let text = fs::read_to_string(path).map_err(|source| PlanError::Io { path: path.to_owned(), source })?;
    let wrong =
        |line: usize, expected: &str| PlanError::Format { path: path.to_owned(), line, expected: expected.to_owned() };
    let mut lines = text.lines();
    let head = lines.next().and_then(|line| serde_json::from_str::<Head>(line).ok());
    let head = head.ok_or_else(|| wrong(1, "the head of a list of cells, {\"gpicl_cells\":1,…}"))?;
    if head.gpicl_cells != VERSION {
        return Err(wrong(1, &format!("a list of version {VERSION}, found version {}", head.gpicl_cells)));
    }
    let mut cells = Vec::new();
    for (at, line) in lines.enumerate() {
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(at + 2, &format!("a cell ({error})")))?;
        if line.cell.hash() != line.hash {
            return Err(PlanError::Version {
                path: path.to_owned(),
                line: at + 2,
                cell: format!("{}/{}", line.cell.experiment, line.cell.name),
                here: env!("GIT_COMMIT").into(),
                there: head.commit,
            });
        }
        cells.push(line.cell);
    }
    if cells.len() != head.cells {
        let (found, all) = (cells.len(), head.cells);
        return Err(wrong(found + 1, &format!("{all} cells, found {found}: a part of the list is missing")));
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::super::cell::Scale;
    use super::super::registry::cells;
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_nothing_else_is_taken_for_one() {
        let folder = std::env::temp_dir().join(format!("trainer-plan-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("cells.jsonl");
        let grid = [cells("fig4", Scale::Desk, None).unwrap(), cells("table", Scale::Smoke, None).unwrap()].concat();
        write(&path, &grid).unwrap();
        assert_eq!(read(&path).unwrap(), grid);
        let whole = fs::read_to_string(&path).unwrap();

        // the same cells again change nothing, others are refused
        write(&path, &grid).unwrap();
        assert!(write(&path, &grid[1..]).unwrap_err().to_string().contains("Nothing was changed"));
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);

        let said = |text: &str| {
            fs::write(&path, text).unwrap();
            read(&path).unwrap_err().to_string()
        };
        let lines: Vec<&str> = whole.lines().collect();
        let n = grid.len();
        let shorter = said(&lines[..n].join("\n"));
        assert!(shorter.contains(&format!("{n} cells, found {}", n - 1)), "{shorter}");
        assert!(said(&whole[..whole.len() - 30]).contains(&format!("line {}: expected a cell", n + 1)));
        assert!(said("name,steps\nfig4,3\n").contains("line 1: expected the head of a list"));
        assert!(said("").contains("line 1"));
        assert!(said(&whole.replacen("\"gpicl_cells\":1", "\"gpicl_cells\":2", 1)).contains("found version 2"));
        let other = said(&whole.replacen(&grid[0].hash(), "0123456789abcdef", 1));
        assert!(other.contains(&grid[0].name) && other.contains("same trainer"), "{other}");
        // a file of somebody's own is not written over
        fs::write(&path, "mine").unwrap();
        assert!(write(&path, &grid).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_dir_all(&folder).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("cells.jsonl"));
    }
}
