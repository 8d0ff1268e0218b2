//! From the bytes of a file to its cells, whatever its format.

use crate::arff;
use crate::delimited;
use crate::error::TableError;
use crate::grid::Grid;
use crate::text;

/// The cells of a file, and how they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The cells.
    pub grid: Grid,
    /// Name of the encoding.
    pub encoding: &'static str,
    /// Whether the encoding is certain, and not a guess that should be shown.
    pub certain: bool,
}

/// Reads CSV and its relatives, and ARFF, gzipped or not. `encoding` names the encoding where somebody knows it.
///
/// # Errors
/// As [`text::decode`], [`arff::read`] and [`delimited::read`].
pub fn read(bytes: &[u8], encoding: Option<&str>) -> Result<Read, TableError> {
    let decoded = text::decode(bytes, encoding)?;
    let grid = match arff::is_arff(&decoded.text) {
        true => arff::read(&decoded.text)?,
        false => delimited::read(&decoded.text)?,
    };
    Ok(Read { grid, encoding: decoded.encoding, certain: decoded.certain })
}
