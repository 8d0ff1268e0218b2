//! A table that is open: its cells, what they mean, and the rows that are shown.

use serde_json::{Value, json};
use tables::column::{Column, Kind, Values};
use tables::grid::Row;
use tables::number::Writing;
use tables::{Asked, Choices, Grid, Inputs, Table, TableError, answers, read};

/// Most rows that are told apart; of more, the first are taken.
const MOST_ROWS: usize = 100_000;
/// Rows of the preview.
const PREVIEW: usize = 5;
/// Columns of the preview; a table can have thousands.
const MOST_COLUMNS: usize = 40;
/// Letters of a cell in the preview.
const LETTERS: usize = 40;
/// `1,5`, as much of Europe writes it.
const COMMA: Writing = Writing { point: ',', group: None };
/// The label of a row without a class.
pub const NO_CLASS: u32 = u32::MAX;

/// A table, as the page uses it.
pub struct OpenTable {
    grid: Grid,
    choices: Choices,
    table: Option<Table>,
    /// What was done on reading that a person should know.
    notes: Vec<String>,
    /// A file of rows to answer.
    asked: Option<(Grid, Asked)>,
}

impl OpenTable {
    /// Reads the bytes of a file. Whether its meaning can be found out is asked with [`OpenTable::choose`].
    ///
    /// # Errors
    /// In words, with line and column where there are such.
    pub fn read(bytes: &[u8]) -> Result<OpenTable, String> {
        let found = read::read(bytes, read::How::default()).map_err(words)?;
        let mut grid = found.grid;
        let mut notes = Vec::new();
        if !found.certain {
            notes.push(format!("Read as {}.", found.encoding));
        }
        if grid.rows.len() > MOST_ROWS + 1 {
            notes.push(format!("The first {MOST_ROWS} of {} rows are used.", grid.rows.len()));
            grid.rows.truncate(MOST_ROWS + 1);
        }
        Ok(OpenTable { grid, choices: Choices::default(), table: None, notes, asked: None })
    }

    /// Finds out what the table means, with what a person has chosen.
    ///
    /// # Errors
    /// In words. What was chosen before is forgotten; the cells stay.
    pub fn choose(&mut self, choices: Choices) -> Result<(), String> {
        (self.asked, self.choices) = (None, choices);
        self.table = None;
        self.table = Some(Table::of(&self.grid, &self.choices).map_err(words)?);
        Ok(())
    }

    /// What is known of the table, as JSON: `rows`, `heading`, `class`, `classes`, `notes`, `separator`, `columns` (each with
    /// `name`, `kind`, `missing`, `left_out`, and for a column of words `words`), `more_columns`, and `preview`: cells of the
    /// first rows. Of a table whose meaning is not known there are `columns` by name alone.
    pub fn summary(&self) -> Value {
        let shown = self.grid.width.min(MOST_COLUMNS);
        let cell = |cell: &String| cell.chars().take(LETTERS).collect::<String>();
        let headed = match &self.table {
            Some(table) => table.headed && self.grid.heading.is_none(),
            None => self.choices.heading.unwrap_or_default(),
        };
        let rows = self.grid.rows.iter().skip(usize::from(headed)).take(PREVIEW);
        let preview: Vec<Vec<String>> = rows.map(|row| row.cells[..shown].iter().map(cell).collect()).collect();
        let mut summary = json!({
            "preview": preview,
            "heading": headed || self.grid.heading.is_some(),
            // whether it can be chosen
            "heading_apart": self.grid.heading.is_some(),
            "width": self.grid.width,
        });
        match &self.table {
            Some(table) => {
                let notes: Vec<&String> = self.notes.iter().chain(&table.notes).collect();
                summary["rows"] = json!(table.len());
                summary["class"] = json!(table.class);
                summary["classes"] = json!(table.class_names);
                summary["notes"] = json!(notes);
                summary["columns"] = table.columns.iter().map(described).collect();
            }
            None => {
                let given =
                    self.grid.heading.as_ref().or(self.grid.rows.first().map(|row| &row.cells).filter(|_| headed));
                let name = |at: usize| match given.and_then(|names| names.get(at)).filter(|name| !name.is_empty()) {
                    Some(name) => name.clone(),
                    None => format!("column {}", at + 1),
                };
                summary["columns"] = (0..self.grid.width).map(|at| json!({ "name": name(at) })).collect();
            }
        }
        summary
    }

    /// The class of each row, `u32::MAX` where it has none.
    ///
    /// # Shapes
    /// `[M]`
    pub fn labels(&self) -> Vec<u32> {
        let labels = self.table.iter().flat_map(|table| &table.labels);
        labels.map(|label| label.unwrap_or(NO_CLASS)).collect()
    }

    /// The table and its scales as the rows say that are shown.
    fn scaled(&self, shown: &[u32]) -> Result<(&Table, Inputs), String> {
        let table = self.table.as_ref().ok_or("the table's meaning is not known")?;
        let places: Vec<usize> = shown.iter().map(|row| *row as usize).collect();
        Ok((table, Inputs::of(table, &places).map_err(words)?))
    }

    /// Learns scales from rows that are shown, and gives the inputs of these and of others.
    ///
    /// # Shapes
    /// `shown` `[N]`, `asked` `[Q]`; the results `[N, X]`, `[Q, X]`
    ///
    /// # Errors
    /// More inputs than a learner takes.
    pub fn show(&self, shown: &[u32], asked: &[u32]) -> Result<(Vec<f32>, Vec<f32>), String> {
        let (table, inputs) = self.scaled(shown)?;
        let rows = |rows: &[u32]| rows.iter().flat_map(|row| inputs.row(table, *row as usize)).collect();
        Ok((rows(shown), rows(asked)))
    }

    /// The cells of rows, for people: their line in the file first.
    pub fn cells(&self, rows: &[u32]) -> Value {
        let headed = usize::from(self.table.as_ref().is_some_and(|table| table.headed) && self.grid.heading.is_none());
        let row = |at: &u32| self.grid.rows.get(*at as usize + headed);
        rows.iter().filter_map(row).map(|row| json!({ "line": row.line, "cells": row.cells })).collect()
    }

    /// The inputs of a row that was typed: a cell for each column that is used, for each but the class, or for all. A single
    /// text holds all of them, separated as in the file or as people do. An empty cell is a missing value. `shown` are the rows
    /// that give the scales.
    ///
    /// # Shapes
    /// The result `[X]`
    ///
    /// # Errors
    /// In words: another number of cells, a cell that is no number or no word of its column's.
    pub fn typed(&self, shown: &[u32], cells: &[String]) -> Result<Vec<f32>, String> {
        let (table, inputs) = self.scaled(shown)?;
        let used: Vec<usize> = (0..table.columns.len()).filter(|at| table.columns[*at].used()).collect();
        let features: Vec<usize> = (0..table.columns.len()).filter(|at| *at != table.class).collect();
        let all: Vec<usize> = (0..table.columns.len()).collect();
        let places = |cells: &[String]| {
            [&used, &features, &all].into_iter().find(|places| places.len() == cells.len()).map(Vec::as_slice)
        };
        let ways = match (cells, places(cells)) {
            ([line], None) => split(line, self.grid.separator),
            _ => vec![cells.to_vec()],
        };
        let fitting = ways.iter().filter_map(|cells| Some((places(cells)?, cells)));
        let mut read = fitting.map(|(places, cells)| typed_values(table, places, cells));
        let first = read.next().unwrap_or_else(|| {
            let names: Vec<&str> = used.iter().take(30).map(|at| table.columns[*at].name.as_str()).collect();
            Err(format!("expected {} values: {}", used.len(), names.join(", ")))
        });
        // the way in which every cell can be read is the one that was meant
        let values = first.or_else(|error| read.find_map(Result::ok).ok_or(error))?;
        Ok(inputs.other(&values, 0))
    }

    /// Reads a file of rows to answer, and says how many there are.
    ///
    /// # Errors
    /// As [`OpenTable::read`], and a column that is not there.
    pub fn open_asked(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let table = self.table.as_ref().ok_or("the table's meaning is not known")?;
        let grid = read::read(bytes, read::How::default()).map_err(words)?.grid;
        let asked = Asked::new(table, &grid, None).map_err(words)?;
        let rows = grid.rows.len() - usize::from(asked.headed).min(grid.rows.len());
        if rows == 0 {
            return Err("it has a heading and no row".into());
        }
        self.asked = Some((grid, asked));
        Ok(rows)
    }

    fn asked_rows(&self) -> &[Row] {
        self.asked.as_ref().map_or(&[], |(grid, asked)| &grid.rows[usize::from(asked.headed)..])
    }

    /// The inputs of some of those rows, on the scale of those shown.
    ///
    /// # Shapes
    /// `[count, X]`, or fewer at the end
    ///
    /// # Errors
    /// No such file is open.
    pub fn asked(&mut self, shown: &[u32], from: usize, count: usize) -> Result<Vec<f32>, String> {
        let inputs = self.scaled(shown)?.1;
        let (Some(table), Some((grid, asked))) = (&self.table, &mut self.asked) else {
            return Err("no file of rows is open".into());
        };
        let rows = &grid.rows[usize::from(asked.headed)..];
        let rows = &rows[from.min(rows.len())..(from + count).min(rows.len())];
        let values = asked.values(table, rows);
        Ok((0..rows.len()).flat_map(|row| inputs.other(&values, row)).collect())
    }

    /// Their answers as JSON: `csv`, `notes`, and, where the file says all classes, how many are `right`.
    ///
    /// # Shapes
    /// `probabilities` `[rows, C]`
    pub fn answers(&self, probabilities: &[f32]) -> Value {
        let (Some(table), Some((_, asked))) = (&self.table, &self.asked) else { return Value::Null };
        let rows = self.asked_rows();
        let lines: Vec<String> = rows.iter().map(|row| row.line.to_string()).collect();
        let found = probabilities.chunks_exact(table.class_names.len());
        let found: Vec<Option<u32>> = found.map(|row| shaders::answer(row).map(|class| class as u32)).collect();
        let truth: Option<Vec<u32>> =
            asked.class.and_then(|class| rows.iter().map(|row| table.class_of(&row.cells[class])).collect());
        let right =
            |truth: Vec<u32>| truth.iter().zip(&found).filter(|(truth, found)| Some(**truth) == **found).count();
        json!({
            "csv": answers::heading("line", &table.class_names, false)
                + &answers::lines(&table.class_names, &lines, &found, probabilities, None),
            "notes": asked.notes(table, rows.len()),
            "right": truth.map(right),
        })
    }
}

/// Values of cells in these columns; the others are missing.
fn typed_values(table: &Table, places: &[usize], cells: &[String]) -> Result<Vec<Values>, String> {
    let mut values: Vec<Values> = table.columns.iter().map(|column| column.values_of(&[""])).collect();
    for (at, cell) in places.iter().zip(cells) {
        let (column, cell) = (&table.columns[*at], cell.trim());
        values[*at] = column.values_of(&[cell]);
        if column.used() && column.unreadable(&[cell]) > 0 {
            // a person may write a number in another way than the file
            let number = || [Writing::PLAIN, COMMA].into_iter().find_map(|writing| writing.read(cell));
            let number = if matches!(column.kind, Kind::Number(_)) { number() } else { None };
            values[*at] = Values::Numbers(vec![number.ok_or_else(|| unreadable(column, cell))?]);
        }
    }
    Ok(values)
}

/// A line as cells, in every way that may be meant.
fn split(line: &str, separator: Option<char>) -> Vec<Vec<String>> {
    let by = |separator: char| line.split(separator).map(|cell| cell.trim().trim_matches('"').to_owned()).collect();
    let mut ways: Vec<Vec<String>> = separator.into_iter().chain(['\t', ';', ',', '|']).map(by).collect();
    ways.push(line.split_whitespace().map(str::to_owned).collect());
    ways
}

fn words(error: TableError) -> String {
    error.to_string()
}

fn described(column: &Column) -> Value {
    let mut found = json!({
        "name": column.name,
        "kind": column.kind.word(),
        "missing": column.missing,
        "left_out": column.left_out.as_ref().map(|why| why.reason()),
    });
    if let Kind::Category(all) = &column.kind
        && column.used()
    {
        found["words"] = json!(all);
    }
    found
}

fn unreadable(column: &Column, cell: &str) -> String {
    let name = &column.name;
    match &column.kind {
        Kind::Category(all) => {
            let some = all.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if all.len() > 12 { ", …" } else { "" };
            format!("“{name}”: expected one of {some}{more}, found “{cell}”")
        }
        kind => format!("“{name}”: expected a {}, found “{cell}”", kind.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> OpenTable {
        let mut table = OpenTable::read(text.as_bytes()).unwrap();
        table.choose(Choices::default()).unwrap();
        table
    }

    fn fruit() -> String {
        let rows = (0..40).map(|at| {
            let (size, colour, kind) = [("1,5", "red", "plum"), ("30,25", "green", "melon")][at % 2];
            format!("{at};{size};{colour};{kind}\n")
        });
        format!("id;size;colour;kind\n{}", rows.collect::<String>())
    }

    #[test]
    fn a_summary_has_what_the_page_shows() {
        let summary = open(&fruit()).summary();
        assert_eq!((&summary["rows"], &summary["class"], &summary["heading"]), (&json!(40), &json!(3), &json!(true)));
        assert_eq!(summary["classes"], json!(["plum", "melon"]));
        assert_eq!(summary["columns"][0]["left_out"], "it counts the rows");
        assert_eq!(summary["columns"][2]["words"], json!(["green", "red"]));
        assert_eq!(summary["preview"][0], json!(["0", "1,5", "red", "plum"]));
    }

    #[test]
    fn rows_typed_and_rows_of_a_file_are_read_like_the_table() {
        let mut table = open(&fruit());
        let (shown, asked) = table.show(&[0, 1, 2, 3], &[4]).unwrap();
        // size with its eight ramps, and one of two colours
        assert_eq!((shown.len(), asked.len()), (40, 10));
        let typed =
            |cells: &[&str]| table.typed(&[0, 1, 2, 3], &cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
        // with the row number, without it, with the class, and as one line
        for cells in
            [&["", " 1,5 ", "red"][..], &["1,5", "red"], &["7", "1,5", "red", "?"], &["1,5; red"], &["1,5 red"]]
        {
            assert_eq!(typed(cells).unwrap(), asked, "{cells:?}");
        }
        assert!(typed(&["red"]).unwrap_err().contains("expected 2 values: size, colour"));
        assert!(typed(&["", "big", "red"]).unwrap_err().contains("“size”: expected a number, found “big”"));
        assert!(typed(&["", "1", "blue"]).unwrap_err().contains("one of green, red"));
        // a missing value is the mean
        assert_eq!(typed(&["", "", "red"]).unwrap()[0], 0.0);
        let rows = table.open_asked(b"colour;size\nred;1,5\nblue;x\n").unwrap();
        assert_eq!(rows, 2);
        let inputs = table.asked(&[0, 1, 2, 3], 0, 10).unwrap();
        assert_eq!((inputs.len(), &inputs[..10]), (20, &asked[..]));
        let answers = table.answers(&[0.9, 0.1, 0.2, 0.8]);
        assert_eq!(answers["csv"], "line,answer,plum,melon\n2,plum,0.90000,0.10000\n3,melon,0.20000,0.80000\n");
        assert_eq!((answers["notes"].as_array().unwrap().len(), &answers["right"]), (2, &Value::Null));
        table.open_asked(b"size;colour;kind\n1,5;red;plum\n2;red;melon\n").unwrap();
        assert_eq!(table.answers(&[0.9, 0.1, 0.8, 0.2])["right"], 1);
        assert!(table.open_asked(b"colour\nred\n").unwrap_err().contains("size"));
    }

    #[test]
    fn another_class_can_be_chosen_and_a_wrong_choice_leaves_the_cells() {
        let mut table = open(&fruit());
        table.choose(Choices { class: Some("3".into()), ..Choices::default() }).unwrap();
        assert_eq!(table.summary()["class"], 2);
        let error = table.choose(Choices { class: Some("1".into()), ..Choices::default() }).unwrap_err();
        assert!(error.contains("40 different values"), "{error}");
        let summary = table.summary();
        assert_eq!((summary["columns"].as_array().unwrap().len(), &summary["rows"]), (4, &Value::Null));
        assert_eq!(table.labels(), Vec::<u32>::new());
        table.choose(Choices::default()).unwrap();
        assert_eq!((table.labels().len(), table.cells(&[1])[0]["line"].clone()), (40, json!(3)));
    }

    #[test]
    fn rows_without_a_class_have_none() {
        let table = open("x,k\n1,a\n2,\n3,b\n4,a\n5,b\n");
        assert_eq!(table.labels(), [0, NO_CLASS, 1, 0, 1]);
    }
}
