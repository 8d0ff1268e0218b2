//! Somebody's own file: pictures, or the cells of a table.

use std::fs;
use std::path::Path;

use shaders::FileKind;
use tables::read::{self, How, Read};
use tables::{Choices, Table, text};

use crate::pictures;
use crate::predict::Examples;

/// Reads labelled examples.
///
/// # Errors
/// In words, with the file's name: it cannot be read, is neither pictures nor a table, or holds no classes.
pub fn examples(path: &Path, how: How, choices: &Choices) -> Result<(Examples, Option<Read>), String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if let Some(found) = pictures::read(path, true, choices.most_classes).map_err(|error| named(&error))? {
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
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    check_kind(&bytes).map_err(|error| named(&error))?;
    read::read(&bytes, how).map_err(|error| named(&error))
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
    ];
    let other = FileKind::of(bytes).filter(|kind| !text::is_gzip(bytes) && !tables.contains(kind));
    match other {
        Some(kind) => Err(format!(
            "expected a table (CSV, TSV, ARFF, a workbook, .npy, .npz), found {}. Save the table as CSV",
            kind.name()
        )),
        None => Ok(()),
    }
}
