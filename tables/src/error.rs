//! Why a table is refused.

use std::fmt;

/// Why a table is refused: where, what was expected and found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TableError {
    /// Line of the file, counted from 1.
    pub line: Option<usize>,
    /// Name of the column.
    pub column: Option<String>,
    /// What was expected, what was found, what to do.
    pub message: String,
}

impl TableError {
    /// An error about the whole table.
    pub fn new(message: impl Into<String>) -> Self {
        TableError { line: None, column: None, message: message.into() }
    }

    /// An error at a line.
    pub fn at(line: usize, message: impl Into<String>) -> Self {
        TableError { line: Some(line), column: None, message: message.into() }
    }

    /// The same error with the name of its column.
    #[must_use]
    pub fn in_column(mut self, name: &str) -> Self {
        self.column = Some(name.to_owned());
        self
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "column “{column}”: ")?;
        }
        f.write_str(&self.message)
    }
}
