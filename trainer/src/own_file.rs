//! Somebody's own file: pictures, or the cells of a table.

use std::fs;
use std::path::{Path, PathBuf};

use shaders::FileKind;
use tables::grid::Row;
use tables::read::{self, How, Read};
use tables::{Choices, Grid, Table, text};

use crate::pictures;
use crate::predict::Examples;

/// Reads labelled examples.
///
/// # Errors
/// In words, with the file's name: it cannot be read, is neither pictures nor a table, or holds no classes.
pub fn examples(path: &Path, how: How, choices: &Choices) -> Result<(Examples, Option<Read>), String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let table_in_parts = parts(path).is_some();
    if !table_in_parts
        && let Some(found) = pictures::read(path, true, choices.most_classes).map_err(|error| named(&error))?
    {
        return Ok((Examples::Pictures(found), None));
    }
    let mut read = table(path, how)?;
    let grid = std::mem::take(&mut read.grid);
    let table = Table::new(grid, choices).map_err(|error| named(&error))?;
    Ok((Examples::Table(Box::new(table)), Some(read)))
}

/// Reads the cells of a table.
///
/// # Errors
/// As [`examples`].
pub fn table(path: &Path, how: How) -> Result<Read, String> {
    if let Some(parts) = parts(path) {
        return concatenated(&parts, how);
    }
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    check_kind(&bytes).map_err(|error| named(&error))?;
    read::read(&bytes, how).map_err(|error| named(&error))
}

/// The parts of a table that is a folder of Parquet files, as Spark, Dask and others write it; none of any other folder or file.
pub fn parts(folder: &Path) -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).ok()?;
    // marks of how the writing went, and sums
    let other = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
    let mut parts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| !other(path)).collect();
    let all = parts.iter().all(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "parquet"));
    parts.sort();
    (all && !parts.is_empty()).then_some(parts)
}

/// Reads the parts of a table, one below the other.
fn concatenated(parts: &[PathBuf], how: How) -> Result<Read, String> {
    let mut whole: Option<Read> = None;
    for path in parts {
        let part = table(path, how)?;
        match &mut whole {
            None => whole = Some(part),
            Some(whole) if whole.grid.heading == part.grid.heading => {
                let before = whole.grid.rows.len();
                whole.grid.rows.extend(part.grid.rows.into_iter().map(|row| Row { line: row.line + before, ..row }));
            }
            Some(whole) => {
                let names = |grid: &Grid| grid.heading.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
                return Err(format!(
                    "{}: expected the columns of the folder's other files ({}), found {}",
                    path.display(),
                    names(&whole.grid),
                    names(&part.grid)
                ));
            }
        }
    }
    whole.ok_or_else(|| "expected Parquet files, found none".to_owned())
}

/// Refuses what is no table by its first bytes; text of any kind may be one, and so may gzip.
///
/// # Errors
/// In words: what was expected and what was found.
pub fn check_kind(bytes: &[u8]) -> Result<(), String> {
    let tables = [
        FileKind::Empty,
        FileKind::Csv,
        FileKind::Text,
        FileKind::Json,
        FileKind::Xml,
        FileKind::ExcelWorkbook,
        FileKind::OpenDocument,
        FileKind::OldOffice,
        FileKind::Npy,
        FileKind::Npz,
        FileKind::Parquet,
    ];
    let other = FileKind::of(bytes).filter(|kind| !text::is_gzip(bytes) && !tables.contains(kind));
    match other {
        Some(kind) => Err(format!(
            "expected a table (CSV, TSV, ARFF, a workbook, Parquet, .npy, .npz), found {}. Save the table as CSV",
            kind.name()
        )),
        None => Ok(()),
    }
}
