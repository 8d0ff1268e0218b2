//! Cells in rows, before anybody asks what they mean.

use std::collections::HashSet;

/// A row of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line of the file at which it begins, counted from 1.
    pub line: usize,
    /// Its cells, without blanks around them.
    pub cells: Vec<String>,
}

/// What a file itself says about a column, as ARFF does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// A number.
    Number,
    /// One of these words.
    Category(Vec<String>),
    /// Any text.
    Text,
    /// A date or a time.
    Date,
}

/// A column that a file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Declared,
}

impl Declaration {
    /// The words of a category, to look one up.
    pub fn words(&self) -> HashSet<&str> {
        match &self.kind {
            Declared::Category(words) => words.iter().map(String::as_str).collect(),
            _ => HashSet::new(),
        }
    }
}

/// Cells in rows, all of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grid {
    /// The rows, with the heading among them if there is one.
    pub rows: Vec<Row>,
    /// Columns of the rows.
    pub width: usize,
    /// The columns as the file declares them; empty where the format has no declarations.
    pub declared: Vec<Declaration>,
    /// The names of the columns, where they are known not to be among the rows: from a comment, or from a format that keeps
    /// them apart.
    pub heading: Option<Vec<String>>,
    /// What separates cells, for text.
    pub separator: Option<char>,
    /// What was done to the file's rows that a person should know, each a sentence.
    pub notes: Vec<String>,
}
