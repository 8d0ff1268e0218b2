//! Rows of another file that are to be answered: its columns are matched with those of the table that was shown.

use std::collections::{HashMap, HashSet};

use crate::column::Values;
use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::table::{Table, has_heading, names};

/// How the columns of another file belong to a table's.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Whether the first row of the file is its heading.
    pub headed: bool,
    /// For each column of the table its place in the file; only a column that is not used may have none.
    pub places: Vec<Option<usize>>,
    /// Place of the class in the file, if it is there.
    pub class: Option<usize>,
    /// For each column of the table the cells that mean nothing in its kind, and were taken as missing.
    pub unreadable: Vec<usize>,
}

impl Asked {
    /// Matches columns by heading where both have one, else by place. The class may be absent.
    ///
    /// # Errors
    /// A column that is used in the table and absent in the file.
    pub fn new(table: &Table, grid: &Grid, heading: Option<bool>) -> Result<Asked, TableError> {
        let apart = grid.heading.is_some();
        let headed = !apart && heading.unwrap_or_else(|| looks_headed(table, grid));
        let theirs: &[String] = match (&grid.heading, headed) {
            (Some(names), _) => names,
            (None, true) => grid.rows.first().map_or(&[], |row| &row.cells),
            (None, false) => &[],
        };
        let by_name = table.headed && !theirs.is_empty();
        let without_class = grid.width + 1 == table.columns.len();
        // as the table's own: several of one name, and those without one, can be told apart
        let unique = if by_name { names(theirs, grid.width) } else { Vec::new() };
        let named: HashMap<&str, usize> = unique.iter().map(String::as_str).zip(0..).collect();
        let mut places = Vec::with_capacity(table.columns.len());
        let mut next = 0;
        for (at, column) in table.columns.iter().enumerate() {
            let found = if by_name {
                named.get(column.name.as_str()).copied()
            } else if without_class && at == table.class {
                None
            } else {
                next += 1;
                Some(next - 1).filter(|place| *place < grid.width)
            };
            if found.is_none() && column.used() {
                let have = if by_name {
                    theirs.iter().take(30).map(String::as_str).collect::<Vec<_>>().join(", ")
                } else {
                    format!("{} columns", grid.width)
                };
                return Err(TableError::new(format!("expected this column, found {have}")).in_column(&column.name));
            }
            places.push(found);
        }
        Ok(Asked { headed, class: places[table.class], places, unreadable: vec![0; table.columns.len()] })
    }

    /// The values of some rows, for [`crate::Inputs::other`]; counts cells that mean nothing.
    pub fn values(&mut self, table: &Table, rows: &[Row]) -> Vec<Values> {
        let all = table.columns.iter().zip(&self.places).zip(&mut self.unreadable);
        all.map(|((column, place), unreadable)| {
            let cells: Vec<&str> = rows.iter().map(|row| place.map_or("", |place| row.cells[place].as_str())).collect();
            *unreadable += column.unreadable(&cells);
            column.values_of(&cells)
        })
        .collect()
    }

    /// For each used column with cells that meant nothing, a sentence that says so; `rows` is how many were read.
    pub fn notes(&self, table: &Table, rows: usize) -> Vec<String> {
        let all = table.columns.iter().zip(&self.unreadable);
        let note = |(column, count): (&crate::column::Column, &usize)| {
            let what = match column.kind.word() {
                "category" => "a word that was not shown",
                "date" => "no date like those shown",
                _ => "no number like those shown",
            };
            format!("“{}”, {count} of {rows} cells: {what}, taken as missing.", column.name)
        };
        all.filter(|(column, count)| column.used() && **count > 0).map(note).collect()
    }
}

/// The same words as the table's heading, or whatever looks like a heading by itself.
fn looks_headed(table: &Table, grid: &Grid) -> bool {
    let names: HashSet<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let known = |cell: &&String| names.contains(cell.as_str());
    let same = |cells: &[String]| cells.iter().filter(known).count() * 2 > cells.len();
    let first = grid.rows.first().map(|row| &row.cells[..]);
    table.headed && first.is_some_and(same) || has_heading(&grid.rows, grid.width)
}
