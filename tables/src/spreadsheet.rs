//! Sheets of Excel and OpenDocument files.

use std::io::Cursor;

use calamine::{Data, Reader, open_workbook_auto_from_rs};

use crate::error::TableError;
use crate::grid::{Grid, Row};

/// Whether bytes can be a workbook: a zip file with a workbook in it, or Excel's older container.
pub fn is_workbook(bytes: &[u8]) -> bool {
    let zip = bytes.starts_with(b"PK\x03\x04");
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])
        || zip && (holds(b"xl/workbook") || holds(b"opendocument.spreadsheet"))
}

/// Reads a sheet: the one that is named, or the first that holds a table.
///
/// # Errors
/// A damaged or protected file; a name that is no sheet; sheets without two rows.
pub fn read(bytes: &[u8], sheet: Option<&str>) -> Result<Grid, TableError> {
    let damaged = |error: calamine::Error| {
        TableError::new(format!("the workbook cannot be read ({error}). Save it anew, without a password, or as CSV"))
    };
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(damaged)?;
    let names = book.sheet_names();
    if let Some(wanted) = sheet
        && !names.iter().any(|name| name == wanted)
    {
        let known = names.join(", ");
        return Err(TableError::new(format!("there is no sheet “{wanted}”. Expected one of: {known}")));
    }
    for name in names.iter().filter(|name| sheet.is_none_or(|wanted| wanted == *name)) {
        let range = book.worksheet_range(name).map_err(damaged)?;
        let mut notes = Vec::new();
        if names.len() > 1 && sheet.is_none() {
            notes.push(format!("Sheet “{name}” of {} is read.", names.len()));
        }
        if let Ok(formulas) = book.worksheet_formula(name) {
            notes.extend(uncalculated(&range, &formulas));
        }
        let (first, columns) = (range.start().map_or(0, |(row, _)| row as usize), range.width());
        let rows: Vec<Row> = range
            .rows()
            .enumerate()
            .map(|(at, cells)| Row { line: first + at + 1, cells: cells.iter().map(text).collect() })
            .filter(|row| row.cells.iter().any(|cell| !cell.is_empty()))
            .collect();
        if let Some(grid) = table(rows, columns, notes) {
            return Ok(grid);
        }
    }
    let which = sheet.map_or("no sheet holds a table".to_owned(), |name| format!("the sheet “{name}” holds no table"));
    Err(TableError::new(format!("{which}: expected rows of values, with a class for each")))
}

/// Rows without titles above them and without empty columns; none where there are fewer than two of either.
fn table(mut rows: Vec<Row>, columns: usize, mut notes: Vec<String>) -> Option<Grid> {
    let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.is_empty()).count();
    let used: Vec<usize> = (0..columns).filter(|at| rows.iter().any(|row| !row.cells[*at].is_empty())).collect();
    let titles = rows.iter().take_while(|row| used.len() > 1 && filled(row) == 1).count();
    if titles > 0 && titles + 2 <= rows.len() {
        let words: Vec<String> =
            rows.drain(..titles).flat_map(|row| row.cells).filter(|cell| !cell.is_empty()).collect();
        notes.push(format!("Titles above the table: {}.", words.join("; ")));
    }
    let used: Vec<usize> = used.into_iter().filter(|at| rows.iter().any(|row| !row.cells[*at].is_empty())).collect();
    if rows.len() < 2 || used.len() < 2 {
        return None;
    }
    for row in &mut rows {
        row.cells = used.iter().map(|at| std::mem::take(&mut row.cells[*at])).collect();
    }
    Some(Grid { rows, width: used.len(), notes, ..Grid::default() })
}

/// A note about formulas that were never calculated: they are empty as openpyxl writes them, and 0 as XlsxWriter does.
fn uncalculated(range: &calamine::Range<Data>, formulas: &calamine::Range<String>) -> Option<String> {
    let (row, column) = formulas.start()?;
    let (mut all, mut empty, mut zero) = (0, 0, 0);
    for (at_row, at_column, formula) in formulas.used_cells() {
        if formula.is_empty() {
            continue;
        }
        all += 1;
        match range.get_value((row + at_row as u32, column + at_column as u32)) {
            None | Some(Data::Empty) => empty += 1,
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
