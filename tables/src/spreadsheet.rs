//! Sheets of Excel and OpenDocument files.
//!
//! A workbook is small and may say much: packed entries, cells at the far corners of a sheet, a cell repeated a million times.
//! What comes of it is counted first (`repeats.rs`, of older workbooks `biff.rs`), and cells are taken one by one, never as a
//! whole rectangle, where the library can do so.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Reader, Sheets, Xls, XlsbError, Xlsx, XlsxError, open_workbook_auto_from_rs};

use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::{biff, compound, repeats};

/// Empty cells that a table may have: any, and so many for each that is filled.
const FREE_EMPTY: usize = 1 << 18;
const MOST_EMPTY: usize = 64;

/// Whether bytes can be a workbook: a zip file with a workbook in it, or Excel's older container.
pub fn is_workbook(bytes: &[u8]) -> bool {
    let zip = bytes.starts_with(b"PK\x03\x04");
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    compound::is_compound(bytes) || zip && (holds(b"xl/workbook") || holds(b"opendocument.spreadsheet"))
}

fn damaged(error: impl std::fmt::Display) -> TableError {
    TableError::new(format!("the workbook cannot be read ({error}). Save it anew, without a password, or as CSV"))
}

/// Reads a sheet: the one that is named, or the first that holds a table.
///
/// # Errors
/// A damaged or protected file; a name that is no sheet; sheets without two rows; a file that becomes far more than it is.
pub fn read(bytes: &[u8], sheet: Option<&str>) -> Result<Grid, TableError> {
    let bytes = match compound::is_compound(bytes) {
        true => Cow::Owned(older(bytes)?),
        false => Cow::Borrowed(bytes),
    };
    repeats::check(&bytes)?;
    // what the library panics at is a damaged file
    catch_unwind(AssertUnwindSafe(|| read_checked(&bytes, sheet)))
        .unwrap_or_else(|_| Err(damaged("its parts contradict each other")))
}

/// An older workbook with what is needed of it alone.
fn older(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    let records = compound::workbook(bytes).ok_or_else(|| {
        TableError::new(
            "expected a workbook, found another file of Office, or one with a password. Save it as .xlsx without a password, \
             or as CSV",
        )
    })?;
    compound::container(&biff::checked(records)?)
        .ok_or_else(|| TableError::new("the workbook is too large. Save the part that is a table, or all as CSV"))
}

fn read_checked(bytes: &[u8], sheet: Option<&str>) -> Result<Grid, TableError> {
    let data = Cursor::new(bytes);
    let mut book = match compound::is_compound(bytes) {
        true => Sheets::Xls(Xls::new(data).map_err(damaged)?),
        false => open_workbook_auto_from_rs(data).map_err(damaged)?,
    };
    let names = book.sheet_names();
    if let Some(wanted) = sheet
        && !names.iter().any(|name| name == wanted)
    {
        let known = names.join(", ");
        return Err(TableError::new(format!("there is no sheet “{wanted}”. Expected one of: {known}")));
    }
    for name in names.iter().filter(|name| sheet.is_none_or(|wanted| wanted == *name)) {
        let mut notes = Vec::new();
        if names.len() > 1 && sheet.is_none() {
            notes.push(format!("Sheet “{name}” of {} is read.", names.len()));
        }
        let cells = Cells::of(&mut book, name)?;
        notes.extend(cells.uncalculated());
        if let Some(grid) = table(cells.rows()?, notes) {
            return Ok(grid);
        }
    }
    let which = sheet.map_or("no sheet holds a table".to_owned(), |name| format!("the sheet “{name}” holds no table"));
    Err(TableError::new(format!("{which}: expected rows of values, with a class for each")))
}

/// Row and column, counted from 0.
type Place = (u32, u32);

/// What a sheet holds.
#[derive(Default)]
struct Cells {
    values: BTreeMap<Place, Data>,
    /// Where there are formulas.
    formulas: BTreeSet<Place>,
}

impl Cells {
    /// Takes the cells of a sheet.
    fn of(book: &mut Sheets<Cursor<&[u8]>>, name: &str) -> Result<Cells, TableError> {
        let mut found = Cells::default();
        let Cells { values, formulas } = &mut found;
        // cells one by one: a rectangle of all of them may be far larger than the file
        match book {
            Sheets::Xlsx(book) => {
                // formulas are for a note alone: where one is wrong, the values are read without them
                let cells = xlsx(book, name, true).or_else(|_| xlsx(book, name, false));
                return cells.map_err(damaged);
            }
            Sheets::Xlsb(book) => {
                let mut reader = book.worksheet_cells_reader(name).map_err(damaged)?;
                while let Some(cell) = reader.next_cell().map_err(|error: XlsbError| damaged(error))? {
                    values.insert(cell.get_position(), cell.get_value().clone().into());
                }
                drop(reader);
                if let Ok(mut reader) = book.worksheet_cells_reader(name) {
                    while let Ok(Some(cell)) = reader.next_formula() {
                        formulas.extend((!cell.get_value().is_empty()).then(|| cell.get_position()));
                    }
                }
            }
            Sheets::Xls(_) | Sheets::Ods(_) => {
                let range = book.worksheet_range(name).map_err(damaged)?;
                let start = range.start().unwrap_or_default();
                let absolute =
                    |(row, column): (usize, usize), start: Place| (start.0 + row as u32, start.1 + column as u32);
                values.extend(
                    range.used_cells().map(|(row, column, value)| (absolute((row, column), start), value.clone())),
                );
                if let Ok(range) = book.worksheet_formula(name) {
                    let start = range.start().unwrap_or_default();
                    let filled = range.used_cells().filter(|(.., formula)| !formula.is_empty());
                    formulas.extend(filled.map(|(row, column, _)| absolute((row, column), start)));
                }
            }
        }
        values.retain(|_, value| *value != Data::Empty);
        Ok(found)
    }

    /// The rows that hold something, in the columns that do.
    fn rows(&self) -> Result<Vec<Row>, TableError> {
        let filled: Vec<(Place, String)> = self.values.iter().map(|(place, value)| (*place, text(value))).collect();
        let filled = || filled.iter().filter(|(_, text)| !text.is_empty());
        let columns: BTreeSet<u32> = filled().map(|((_, column), _)| *column).collect();
        let columns: BTreeMap<u32, usize> = columns.into_iter().zip(0..).collect();
        let count = filled().map(|((row, _), _)| *row).collect::<BTreeSet<u32>>().len();
        if count * columns.len() > FREE_EMPTY + MOST_EMPTY * filled().count() {
            return Err(TableError::new(format!(
                "expected a table, found {} cells over {count} rows and {} columns. Save the part that is a table, or all as CSV",
                filled().count(),
                columns.len()
            )));
        }
        let mut rows: Vec<Row> = Vec::with_capacity(count);
        for ((row, column), text) in filled() {
            let line = *row as usize + 1;
            if rows.last().is_none_or(|last| last.line != line) {
                rows.push(Row { line, cells: vec![String::new(); columns.len()] });
            }
            if let Some(last) = rows.last_mut() {
                last.cells[columns[column]].clone_from(text);
            }
        }
        Ok(rows)
    }

    /// A note about formulas that were never calculated: they are empty as openpyxl writes them, and 0 as XlsxWriter does.
    fn uncalculated(&self) -> Option<String> {
        let all = self.formulas.len();
        let (mut empty, mut zero) = (0, 0);
        for place in &self.formulas {
            match self.values.get(place) {
                None => empty += 1,
                Some(Data::Float(0.0) | Data::Int(0)) => zero += 1,
                _ => {}
            }
        }
        let advice = "Open the file in a spreadsheet program and save it";
        match (empty, zero == all && all > 1) {
            (0, false) => None,
            (0, true) => Some(format!("All {all} formulas are 0: were they ever calculated? {advice} if not.")),
            (empty, _) => {
                Some(format!("{empty} of {all} formulas were never calculated, and are missing values. {advice}."))
            }
        }
    }
}

/// The cells of a sheet of Excel's. Formulas are told by what is said of them: written out, one could ask for any memory.
fn xlsx(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, formulas: bool) -> Result<Cells, XlsxError> {
    let mut found = Cells::default();
    let mut reader = match book.worksheet_cells_reader(name) {
        Ok(reader) => reader,
        // a sheet that is a chart
        Err(XlsxError::NotAWorksheet(_)) => return Ok(found),
        Err(error) => return Err(error),
    };
    if !formulas {
        while let Some(cell) = reader.next_cell()? {
            found.values.insert(cell.get_position(), cell.get_value().clone().into());
        }
    }
    while formulas && let Some(cell) = reader.next_cell_with_formula_metadata()? {
        found.values.insert(cell.pos, cell.value.into());
        found.formulas.extend(cell.formula.map(|_| cell.pos));
    }
    found.values.retain(|_, value| *value != Data::Empty);
    Ok(found)
}

/// Rows without titles above them and without empty columns; none where there are fewer than two of either.
fn table(mut rows: Vec<Row>, mut notes: Vec<String>) -> Option<Grid> {
    let columns = rows.first().map_or(0, |row| row.cells.len());
    let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.is_empty()).count();
    let titles = rows.iter().take_while(|row| columns > 1 && filled(row) == 1).count();
    if titles > 0 && titles + 2 <= rows.len() {
        let words: Vec<String> =
            rows.drain(..titles).flat_map(|row| row.cells).filter(|cell| !cell.is_empty()).collect();
        notes.push(format!("Titles above the table: {}.", words.join("; ")));
    }
    let used: Vec<usize> = (0..columns).filter(|at| rows.iter().any(|row| !row.cells[*at].is_empty())).collect();
    if rows.len() < 2 || used.len() < 2 {
        return None;
    }
    for row in &mut rows {
        row.cells = used.iter().map(|at| std::mem::take(&mut row.cells[*at])).collect();
    }
    Some(Grid { rows, width: used.len(), notes, ..Grid::default() })
}

/// A cell as text: whole numbers without a fraction, dates as ISO 8601 writes them.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::String(value) => value.trim().to_owned(),
        Data::DateTimeIso(value) | Data::DurationIso(value) => value.replace('T', " "),
        Data::DateTime(value) if value.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        // a length of time, in days
        Data::DateTime(value) => value.as_f64().to_string(),
    }
}
