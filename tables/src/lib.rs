//! Tables as people have them: read, understood, and turned into the inputs of a learner.
//!
//! ```
//! use tables::{Choices, Inputs, Table};
//!
//! let file = "Größe;Gewicht;Güte\n9,6;6,1;gut\n13,5;6,0;schön\n10,5;3,4;gut\n12,3;2,9;schön\n";
//! let grid = tables::delimited::read(file)?;
//! let table = Table::new(grid, &Choices::default())?;
//! assert_eq!(table.class_names, ["gut", "schön"]);
//! assert_eq!(table.columns.iter().filter(|column| column.used()).count(), 2);
//!
//! // Two rows are shown; each column is brought to their scale.
//! let inputs = Inputs::of(&table, &[0, 1])?;
//! assert!(inputs.row(&table, 0)[0] < 0.0 && inputs.row(&table, 1)[0] > 0.0);
//! # Ok::<(), tables::TableError>(())
//! ```
//!
//! A file goes through four steps, each of which can be looked at and, in part, chosen:
//!
//! 1. [`text`]: bytes become text (gzip, encodings);
//! 2. [`delimited`] or [`arff`] ([`read`] does both): text becomes a [`Grid`] of cells, each row with its line in the file;
//! 3. [`Table::new`]: what the grid means: heading, class, kind of each column, what is left out and why ([`Choices`]);
//! 4. [`Inputs::of`]: scales, categories, replacements of missing values and weights of the columns, from the rows that are
//!    shown.

pub mod answers;
#[cfg(feature = "numpy")]
pub mod archive;
pub mod arff;
pub mod asked;
mod axes;
#[cfg(feature = "spreadsheets")]
mod biff;
pub mod column;
#[cfg(feature = "spreadsheets")]
mod compound;
pub mod date;
pub mod delimited;
pub mod error;
pub mod grid;
pub mod inputs;
#[cfg(feature = "numpy")]
mod npy_header;
pub mod number;
#[cfg(feature = "numpy")]
pub mod numpy;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod pictures;
pub mod read;
#[cfg(feature = "spreadsheets")]
mod repeats;
pub mod sample;
#[cfg(feature = "spreadsheets")]
pub mod spreadsheet;
pub mod stream;
pub mod table;
pub mod text;
#[cfg(feature = "parquet")]
mod thrift;

pub use asked::Asked;
pub use error::TableError;
pub use grid::Grid;
pub use inputs::Inputs;
pub use table::{Choices, Table};
