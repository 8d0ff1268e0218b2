//! Parquet, column by column.
//!
//! Small files may say much: a value that stands for a billion rows, pages that become gigabytes. What comes of them is counted
//! before anything is unpacked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::metadata::{FileMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::number::half;
use crate::text::{MOST_BYTES, most_unpacked};
use crate::{date, thrift};

/// Cells that any file may have, and so many for each of its bytes.
const FREE_CELLS: usize = 1 << 20;
const MOST_CELLS: usize = 64;
/// Bytes of text that any file may have, and so many for each of its bytes.
const FREE_TEXT: usize = 64 << 20;
const MOST_TEXT: usize = 100;
/// Rows that are read at once.
const ROWS: usize = 4096;

/// Whether bytes are Parquet.
pub fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PAR1")
}

fn damaged(error: impl std::fmt::Display) -> TableError {
    TableError::new(format!("the Parquet file cannot be read ({error}). Save it anew, or as CSV"))
}

fn too_much(what: &str) -> TableError {
    TableError::new(format!(
        "the Parquet file says that it has far more {what} than a file of its size should hold. Save the part that you need"
    ))
}

/// Reads the columns of single values; those in groups are named `group.column`, lists and maps are left out.
///
/// # Errors
/// A damaged or encrypted file; one without rows or without columns of single values; one that becomes far more than it is.
pub fn read(bytes: &[u8]) -> Result<Grid, TableError> {
    let footer = footer(bytes).ok_or_else(|| damaged("it ends too early, or its end is damaged"))?;
    thrift::footer(footer).ok_or_else(|| damaged("its description of itself is damaged"))?;
    // what the library panics at is a damaged file
    catch_unwind(AssertUnwindSafe(|| read_checked(bytes)))
        .unwrap_or_else(|_| Err(damaged("its parts contradict each other")))
}

/// What a file says of itself, at its end.
fn footer(bytes: &[u8]) -> Option<&[u8]> {
    let (content, end) = bytes.split_last_chunk::<8>()?;
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    content.get(content.len().checked_sub(length)?..)
}

/// A column of a table.
struct Column {
    /// Its place among the file's.
    at: usize,
    name: String,
    cells: Vec<String>,
}

fn read_checked(bytes: &[u8]) -> Result<Grid, TableError> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let (mut columns, mut lists) = (Vec::new(), Vec::new());
    for (at, found) in schema.columns().iter().enumerate() {
        if found.max_rep_level() > 0 {
            lists.extend(found.path().parts().first().filter(|name| !lists.contains(*name)).cloned());
        } else {
            columns.push(Column { at, name: found.path().parts().join("."), cells: Vec::new() });
        }
    }
    let groups = reader.metadata().row_groups();
    let rows = check(bytes, groups, &columns)?;
    if rows == 0 || columns.is_empty() {
        return Err(TableError::new(format!(
            "expected rows of numbers and words, found {rows} rows and {} columns of them",
            columns.len()
        )));
    }
    let mut text = FREE_TEXT.saturating_add(bytes.len().saturating_mul(MOST_TEXT)).min(MOST_BYTES);
    for (at, group) in groups.iter().enumerate() {
        let content = reader.get_row_group(at).map_err(damaged)?;
        for column in &mut columns {
            let values = content.get_column_reader(column.at).map_err(damaged)?;
            let mut sink = Sink { cells: &mut column.cells, rows: group.num_rows() as usize, text: &mut text };
            sink.read(values, &schema.column(column.at))?;
        }
    }
    let mut notes = Vec::new();
    if !lists.is_empty() {
        notes.push(format!("Columns of lists are left out: {}.", lists.join(", ")));
    }
    index(&mut columns, reader.metadata().file_metadata(), &mut notes);
    let heading: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let mut cells: Vec<_> = columns.into_iter().map(|column| column.cells.into_iter()).collect();
    let row = |line| Row { line, cells: cells.iter_mut().map(|column| column.next().unwrap_or_default()).collect() };
    let rows = (1..=rows).map(row).collect();
    Ok(Grid { rows, width: heading.len(), heading: Some(heading), notes, ..Grid::default() })
}

/// Counts the rows, and checks that neither they nor the pages become far more than the file.
fn check(bytes: &[u8], groups: &[RowGroupMetaData], columns: &[Column]) -> Result<usize, TableError> {
    let (mut rows, mut left) = (0usize, most_unpacked(bytes.len()).min(MOST_BYTES));
    for group in groups {
        let of_group = usize::try_from(group.num_rows()).map_err(damaged)?;
        rows = rows.checked_add(of_group).ok_or_else(|| too_much("rows"))?;
        for column in columns {
            let found = group.columns().get(column.at).ok_or_else(|| damaged("a column is missing"))?;
            if usize::try_from(found.num_values()) != Ok(of_group) {
                return Err(damaged(format!(
                    "the column “{}” has another number of values than there are rows",
                    column.name
                )));
            }
            let (start, length) = found.byte_range();
            let pages =
                usize::try_from(start).ok().and_then(|start| bytes.get(start..)?.get(..usize::try_from(length).ok()?));
            let unpacked = pages.and_then(thrift::unpacked);
            let unpacked =
                unpacked.ok_or_else(|| damaged(format!("the pages of the column “{}” are damaged", column.name)))?;
            left = left.checked_sub(unpacked).ok_or_else(|| too_much("bytes"))?;
        }
    }
    let most = FREE_CELLS.saturating_add(bytes.len().saturating_mul(MOST_CELLS));
    match rows.checked_mul(columns.len().max(1)).is_some_and(|cells| cells <= most) {
        true => Ok(rows),
        false => Err(too_much("rows")),
    }
}

/// The index of a pandas data frame, which comes last in the file. One without a name is left out; one with a name is a column,
/// and comes first, as pandas shows it.
fn index(columns: &mut Vec<Column>, file: &FileMetaData, notes: &mut Vec<String>) {
    let entries = file.key_value_metadata().into_iter().flatten();
    let said = entries.filter(|entry| entry.key == "pandas").find_map(|entry| entry.value.as_deref());
    let said: Option<serde_json::Value> = said.and_then(|text| serde_json::from_str(text).ok());
    let names = said.as_ref().and_then(|said| said["index_columns"].as_array()).into_iter().flatten();
    // a range is described and has no column
    let names: Vec<&str> = names.filter_map(serde_json::Value::as_str).collect();
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for column in columns.drain(..) {
        match names.contains(&column.name.as_str()) {
            true if column.name.starts_with("__index_level_") => {
                notes.push("The index of the data frame has no name and is left out.".to_owned());
            }
            true => first.push(column),
            false => others.push(column),
        }
    }
    columns.extend(first.into_iter().chain(others));
    notes.dedup();
}

/// Where the values of a column in a group of rows go.
struct Sink<'a> {
    cells: &'a mut Vec<String>,
    /// Rows of the group.
    rows: usize,
    /// Bytes of text that may still come.
    text: &'a mut usize,
}

impl Sink<'_> {
    fn read(&mut self, reader: ColumnReader, column: &ColumnDescriptor) -> Result<(), TableError> {
        let deepest = column.max_def_level();
        let kind = Kind::of(column);
        match reader {
            ColumnReader::BoolColumnReader(reader) => self.cells(reader, deepest, |value| value.to_string()),
            ColumnReader::Int32ColumnReader(reader) => self.cells(reader, deepest, |value| match kind {
                Kind::Unsigned => (*value as u32).to_string(),
                _ => kind.whole((*value).into()),
            }),
            ColumnReader::Int64ColumnReader(reader) => self.cells(reader, deepest, |value| match kind {
                Kind::Unsigned => (*value as u64).to_string(),
                _ => kind.whole((*value).into()),
            }),
            ColumnReader::Int96ColumnReader(reader) => self.cells(reader, deepest, |value| {
                // nanoseconds of a day, then the Julian day; not through nanoseconds since 1970, which end in 2262
                let &[low, high, day] = value.data() else { return String::new() };
                let nanoseconds = i128::from(high) << 32 | i128::from(low);
                moment((i128::from(day) - 2_440_588) * 86_400_000_000_000 + nanoseconds, 1_000_000_000)
            }),
            ColumnReader::FloatColumnReader(reader) => self.cells(reader, deepest, |value| number(*value)),
            ColumnReader::DoubleColumnReader(reader) => self.cells(reader, deepest, |value| number(*value)),
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.cells(reader, deepest, |value| kind.bytes(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.cells(reader, deepest, |value| kind.bytes(value.data()))
            }
        }
    }

    /// Takes the values of a column, with empty cells where there is none.
    fn cells<T: DataType>(
        &mut self,
        mut reader: ColumnReaderImpl<T>,
        deepest: i16,
        text: impl Fn(&T::T) -> String,
    ) -> Result<(), TableError> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let mut left = self.rows;
        while left > 0 {
            levels.clear();
            values.clear();
            let wanted = Some(&mut levels).filter(|_| deepest > 0);
            let (rows, ..) = reader.read_records(left.min(ROWS), wanted, None, &mut values).map_err(damaged)?;
            let mut values = values.iter();
            for at in 0..rows {
                let there = levels.get(at).is_none_or(|level| *level == deepest);
                let cell = match there {
                    true => text(values.next().ok_or_else(|| damaged("a column has too few values"))?),
                    false => String::new(),
                };
                *self.text = self.text.checked_sub(cell.len()).ok_or_else(|| too_much("text"))?;
                self.cells.push(cell);
            }
            left = left.checked_sub(rows).filter(|_| rows > 0).ok_or_else(|| damaged("a column has too few values"))?;
        }
        Ok(())
    }
}

/// What the values of a column are, beyond their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Numbers or text.
    Plain,
    Unsigned,
    /// Days since 1970.
    Date,
    /// So many units a second, since midnight.
    Time(i128),
    /// So many units a second, since 1970.
    Moment(i128),
    /// Whole numbers with so many digits after the point.
    Decimal(u32),
    Half,
    /// Bytes that are no text.
    Bytes,
}

impl Kind {
    fn of(column: &ColumnDescriptor) -> Kind {
        let units = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        let scale = || u32::try_from(column.type_scale()).unwrap_or(0).min(38);
        // the older way of writing the same comes second
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Integer(whole)), _) if !whole.is_signed => Kind::Unsigned,
            (Some(LogicalType::Integer(_)), _) => Kind::Plain,
            (Some(LogicalType::Date), _) => Kind::Date,
            (Some(LogicalType::Time(time)), _) => Kind::Time(units(&time.unit)),
            (Some(LogicalType::Timestamp(time)), _) => Kind::Moment(units(&time.unit)),
            (Some(LogicalType::Float16), _) => Kind::Half,
            (Some(LogicalType::Uuid | LogicalType::Bson), _) => Kind::Bytes,
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => Kind::Decimal(scale()),
            (_, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64) => {
                Kind::Unsigned
            }
            (_, ConvertedType::DATE) => Kind::Date,
            (_, ConvertedType::TIME_MILLIS) => Kind::Time(1_000),
            (_, ConvertedType::TIME_MICROS) => Kind::Time(1_000_000),
            (_, ConvertedType::TIMESTAMP_MILLIS) => Kind::Moment(1_000),
            (_, ConvertedType::TIMESTAMP_MICROS) => Kind::Moment(1_000_000),
            (_, ConvertedType::INTERVAL | ConvertedType::BSON) => Kind::Bytes,
            _ => Kind::Plain,
        }
    }

    /// A whole number.
    fn whole(self, value: i128) -> String {
        match self {
            Kind::Date => moment(value * 86_400, 1),
            Kind::Moment(units) => moment(value, units),
            Kind::Time(units) => clock(value, units),
            Kind::Decimal(scale) => decimal(value, scale),
            _ => value.to_string(),
        }
    }

    /// An array of bytes: text if it is, for older writers do not say so; else hexadecimal.
    fn bytes(self, value: &[u8]) -> String {
        match (self, value) {
            (Kind::Decimal(scale), _) if (1..=16).contains(&value.len()) => {
                let sign = if value[0] >= 128 { -1 } else { 0 };
                decimal(value.iter().fold(sign, |all, byte| all << 8 | i128::from(*byte)), scale)
            }
            (Kind::Half, &[low, high]) => number(half(u16::from_le_bytes([low, high]))),
            (Kind::Plain, _) if let Ok(text) = std::str::from_utf8(value) => text.trim().to_owned(),
            _ => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// A number; a NaN is a missing value. Very large and small ones have an exponent in the place of hundreds of zeros.
fn number(value: impl std::fmt::Display + std::fmt::LowerExp + Into<f64> + Copy) -> String {
    let size = value.into().abs();
    match size {
        _ if size.is_nan() => String::new(),
        0.0 | 1e-5..1e16 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

/// A number with so many of its digits after the point.
fn decimal(value: i128, scale: u32) -> String {
    match scale {
        0 => value.to_string(),
        _ => {
            let one = 10u128.pow(scale);
            let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
            format!("{sign}{}.{:0width$}", size / one, size % one, width = scale as usize)
        }
    }
}

/// A moment since 1970 as ISO 8601 writes it, with the time of day if it is not midnight; nothing outside of the years 0 to
/// 9999.
fn moment(value: i128, units: i128) -> String {
    let day = units * 86_400;
    let Some(date) = i64::try_from(value.div_euclid(day)).ok().and_then(date::civil) else { return String::new() };
    match value.rem_euclid(day) {
        0 => date,
        rest => format!("{date} {}", clock(rest, units)),
    }
}

/// A time of day.
fn clock(value: i128, units: i128) -> String {
    let (seconds, rest) = (value.div_euclid(units), value.rem_euclid(units));
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match rest {
        0 => whole,
        _ => {
            let digits = units.ilog10() as usize;
            format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_times_and_decimals_are_written_as_people_do() {
        assert_eq!(moment(0, 1000), "1970-01-01");
        assert_eq!(moment(-1, 1000), "1969-12-31 23:59:59.999");
        assert_eq!(moment(1_741_000_507_250_000, 1_000_000), "2025-03-03 11:15:07.25");
        // the last day that Spark's users write, beyond 64 bits of nanoseconds
        assert_eq!(moment(253_402_214_400 * 1_000_000_000, 1_000_000_000), "9999-12-31");
        assert_eq!(moment(253_402_300_800, 1), "", "the year 10000");
        assert_eq!(clock(50_707_000, 1000), "14:05:07");
        assert_eq!([(-5, 2), (1234, 2), (7, 0)].map(|(value, scale)| decimal(value, scale)), ["-0.05", "12.34", "7"]);
        assert_eq!(Kind::Decimal(1).bytes(&[0xff, 0xfe]), "-0.2");
        assert_eq!(Kind::Half.bytes(&[0, 0x3e]), "1.5");
        assert_eq!(
            [number(1e-300), number(f64::NAN), number(0.0), number(1e15)],
            ["1e-300", "", "0", "1000000000000000"]
        );
        assert_eq!(number(0.1f32), "0.1");
        assert_eq!((Kind::Plain.bytes(b" a "), Kind::Plain.bytes(&[0xff, 1])), ("a".to_owned(), "ff01".to_owned()));
    }
}
