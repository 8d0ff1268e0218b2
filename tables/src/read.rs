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
    /// Name of the encoding of a text; else what kind of file it is.
    pub encoding: &'static str,
    /// Whether the encoding is certain, and not a guess that should be shown.
    pub certain: bool,
}

/// What somebody knows about a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How<'a> {
    /// Name of the encoding of a text.
    pub encoding: Option<&'a str>,
    /// Name of the sheet of a workbook.
    pub sheet: Option<&'a str>,
}

/// Whether bytes are of a format that is read whole, and not line by line.
pub fn is_whole(bytes: &[u8]) -> bool {
    #[cfg(feature = "numpy")]
    if crate::numpy::is_npy(bytes) || crate::numpy::is_npz(bytes) {
        return true;
    }
    #[cfg(feature = "parquet")]
    if crate::parquet::is_parquet(bytes) {
        return true;
    }
    // a zip file and Excel's older container
    cfg!(feature = "spreadsheets") && (bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]))
}

/// Reads CSV and its relatives and ARFF, gzipped or not; with the features of those names also arrays of NumPy, Parquet
/// and spreadsheets.
///
/// # Errors
/// As the format's own reader.
pub fn read(bytes: &[u8], how: How) -> Result<Read, TableError> {
    #[cfg(feature = "numpy")]
    if crate::numpy::is_npy(bytes) || crate::numpy::is_npz(bytes) {
        return Ok(Read { grid: crate::numpy::read(bytes)?, encoding: "NumPy", certain: true });
    }
    #[cfg(feature = "parquet")]
    if crate::parquet::is_parquet(bytes) {
        return Ok(Read { grid: crate::parquet::read(bytes)?, encoding: "Parquet", certain: true });
    }
    #[cfg(feature = "spreadsheets")]
    if crate::spreadsheet::is_workbook(bytes) {
        let grid = crate::spreadsheet::read(bytes, how.sheet)?;
        return Ok(Read { grid, encoding: "workbook", certain: true });
    }
    let decoded = text::decode(bytes, how.encoding)?;
    let grid = match arff::is_arff(&decoded.text) {
        true => arff::read(&decoded.text)?,
        false => delimited::read(&decoded.text)?,
    };
    Ok(Read { grid, encoding: decoded.encoding, certain: decoded.certain })
}
