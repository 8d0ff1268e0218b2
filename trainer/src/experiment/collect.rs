//! Finds the results of grids in folders and in files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::cell::{CellResult, Scale, State, read_result};
use super::registry::{cells, find};

/// What some folders and files hold.
#[derive(Debug, Default)]
pub struct Found {
    /// Results, with the file that each is in.
    pub results: Vec<(PathBuf, CellResult)>,
    /// Folders of cells that have no whole result, with the cell's hash.
    pub begun: Vec<(PathBuf, String)>,
}

/// Everything below some folders and in some files of results ([`super::report::RESULTS`]).
///
/// # Errors
/// A folder or file that cannot be read, a file that is not one of results.
pub fn find_results(sources: &[PathBuf]) -> io::Result<Found> {
    let mut found = Found::default();
    let (files, mut open): (Vec<PathBuf>, Vec<PathBuf>) = sources.iter().cloned().partition(|path| path.is_file());
    // the first named comes first
    open.reverse();
    while let Some(folder) = open.pop() {
        let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(at)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(at)?;
        paths.sort();
        let of_checkpoint =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint-"));
        let below = paths.iter().filter(|path| path.is_dir() && !of_checkpoint(path));
        open.extend(below.rev().cloned());
        match read_result(&folder.join("result.json")) {
            Some(result) => found.results.push((folder.join("result.json"), result)),
            None => found.begun.extend(hash_of(&folder).map(|hash| (folder, hash))),
        }
    }
    for file in files {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        for (i, line) in text.lines().enumerate() {
            let result = serde_json::from_str(line).map_err(|error: serde_json::Error| {
                let place = format!("{}, line {}, column {}", file.display(), i + 1, error.column());
                io::Error::other(format!(
                    "{place}: expected a result as `trainer report` writes it, found something else"
                ))
            })?;
            found.results.push((file.clone(), result));
        }
    }
    Ok(found)
}

/// Hash of the cell that a folder was made for.
fn hash_of(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("cell.json")).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    value["hash"].as_str().map(str::to_owned)
}

/// Results of each cell once, in the order of experiments and grids. Of a cell that several machines ran the first
/// counts; one that failed counts if no other machine finished it.
pub fn collect(found: Found) -> Vec<CellResult> {
    let mut once: BTreeMap<(usize, Scale, String), CellResult> = BTreeMap::new();
    for (_, result) in found.results {
        let cell = &result.cell;
        let order = find(&cell.experiment).map_or(usize::MAX, |(place, _)| place);
        let key = (order, cell.scale, format!("{} {}", cell.experiment, cell.name));
        let better = once.get(&key).is_none_or(|old| old.state == State::Failed);
        if better {
            once.insert(key, result);
        }
    }
    let mut all: Vec<CellResult> = once.into_values().collect();
    // in the order of the grid, which its names do not have
    all.sort_by_cached_key(|result| {
        let cell = &result.cell;
        let order = find(&cell.experiment).map_or(usize::MAX, |(place, _)| place);
        let grid = cells(&cell.experiment, cell.scale, None).unwrap_or_default();
        let seedless = |name: &str| name.rsplit_once("-seed").map_or(name.to_owned(), |(name, _)| name.to_owned());
        let place = grid.iter().position(|other| seedless(&other.name) == seedless(&cell.name)).unwrap_or(usize::MAX);
        (order, cell.scale, place, cell.name.clone())
    });
    all
}
