//! What a table was found to mean, and what a visitor has chosen about it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What a visitor has chosen; the rest is found out. Columns are counted from 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// Whether the first row holds headings.
    pub heading: Option<bool>,
    /// The column of the class.
    pub class: Option<u32>,
    /// Columns not to use.
    pub leave_out: BTreeSet<u32>,
    /// Columns to use although they would be left out.
    pub keep: BTreeSet<u32>,
}

impl Choices {
    /// Uses a column or not; `by_itself` is whether it would be used without a choice.
    pub fn set_used(&mut self, column: u32, used: bool, by_itself: bool) {
        self.keep.remove(&column);
        self.leave_out.remove(&column);
        match (used, by_itself) {
            (true, false) => self.keep.insert(column),
            (false, true) => self.leave_out.insert(column),
            _ => false,
        };
    }
}

/// A table as the reader understands it; see `OpenTable::summary` in `web/reader`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Summary {
    /// Cells of the first rows.
    pub preview: Vec<Vec<String>>,
    /// Whether it has headings.
    pub heading: bool,
    /// Whether they are known not to be a row.
    pub heading_apart: bool,
    /// Number of columns.
    pub width: usize,
    /// Number of rows; none where the table means nothing.
    pub rows: Option<usize>,
    /// Place of the class.
    pub class: Option<usize>,
    /// Names of the classes.
    #[serde(default)]
    pub classes: Vec<String>,
    /// What was concluded and done.
    #[serde(default)]
    pub notes: Vec<String>,
    /// All columns.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Column {
    /// Its heading, or `column 3`.
    pub name: String,
    /// `number`, `date` or `category`.
    pub kind: Option<String>,
    /// Missing values.
    #[serde(default)]
    pub missing: usize,
    /// Why it is not used.
    pub left_out: Option<String>,
    /// The words of a category.
    pub words: Option<Vec<String>>,
}

impl Column {
    /// Whether its values are inputs.
    pub fn used(&self) -> bool {
        self.left_out.is_none()
    }
}

impl Summary {
    /// The columns that are inputs, with their places.
    pub fn used(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.used())
    }

    /// The table in a few words.
    pub fn words(&self) -> String {
        let used = self.used().count();
        let left_out = self.columns.len().saturating_sub(used + usize::from(self.class.is_some()));
        let columns = if used == 1 { "column" } else { "columns" };
        let rest = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        let class = self.class.and_then(|class| self.columns.get(class)).map_or("", |column| &column.name);
        format!("{} rows, {used} {columns}{rest}; the class is “{class}”", self.rows.unwrap_or(0))
    }
}

/// A row of the table, as people see it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TextRow {
    /// Its line in the file.
    pub line: usize,
    /// Its cells.
    pub cells: Vec<String>,
}

/// Answers to a file of rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AnswerFile {
    /// The answers, as a table.
    pub csv: String,
    /// What was done that a person should know.
    pub notes: Vec<String>,
    /// How many are right, where the file says.
    pub right: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_hold_only_what_differs() {
        let mut choices = Choices::default();
        choices.set_used(3, false, true);
        assert!(choices.leave_out.contains(&3));
        choices.set_used(3, true, true);
        choices.set_used(1, true, false);
        assert!(choices.leave_out.is_empty() && choices.keep.contains(&1));
        choices.set_used(1, false, false);
        assert_eq!(choices, Choices::default());
    }

    #[test]
    fn a_summary_is_read_and_said() {
        let text = r#"{"preview":[["0","1,5"]],"heading":true,"heading_apart":false,"width":2,"rows":4,"class":1,
            "classes":["a","b"],"notes":[],"columns":[{"name":"x","kind":"number","missing":0,"left_out":null},
            {"name":"k","kind":"category","missing":0,"left_out":"it is the class"}]}"#;
        let summary: Summary = serde_json::from_str(text).unwrap();
        assert_eq!(summary.words(), "4 rows, 1 column; the class is “k”");
        // a class that is none of its columns
        let beyond: Summary = serde_json::from_str(&text.replace("\"class\":1", "\"class\":9")).unwrap();
        assert_eq!(beyond.words(), "4 rows, 1 column; the class is “”");
        let bare = r#"{"preview":[],"heading":false,"heading_apart":false,"width":1,"columns":[{"name":"x"}]}"#;
        let summary: Summary = serde_json::from_str(bare).unwrap();
        assert_eq!((summary.rows, summary.columns.len()), (None, 1));
    }
}
