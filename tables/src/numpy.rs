//! Arrays of NumPy: `.npy` and `.npz`.

use std::io::{Cursor, Read};

use npyz::{DType, Endianness, NpyFile, Order, TypeChar, TypeStr};

use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::npy_header::{self, MOST_VALUES};
use crate::number::half;
use crate::text::most_unpacked;

/// Most columns of a table.
const MOST_COLUMNS: usize = 100_000;

/// An array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its name in the file; empty for `.npy`.
    pub name: String,
    /// Lengths of its axes, outermost first.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Values,
}

impl Array {
    /// A value as the name of a class; nothing for a record.
    pub fn text(&self, at: usize) -> String {
        match &self.values {
            Values::Numbers(values) => values[at].to_string(),
            Values::Text(values) => values[at].clone(),
            Values::Fields(_) => String::new(),
        }
    }
}

/// The values of an array, the last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers and truth values; NaN for a date that is none.
    Numbers(Vec<f64>),
    /// Strings.
    Text(Vec<String>),
    /// Fields of a structured array, each with its name.
    Fields(Vec<(String, Values)>),
}

impl Values {
    /// How many there are; of fields, records.
    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Fields(fields) => fields.first().map_or(0, |(_, values)| values.len()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether bytes are `.npy`.
pub fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x93NUMPY")
}

/// Whether bytes are `.npz`: a zip file whose first entry is an array.
pub fn is_npz(bytes: &[u8]) -> bool {
    let length = bytes.get(26..28).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let name = length.and_then(|length| bytes.get(30..30 + length));
    bytes.starts_with(b"PK\x03\x04") && name.is_some_and(|name| name.ends_with(b".npy"))
}

/// All arrays of a file.
///
/// # Errors
/// Damaged files, pickled objects, types that hold no numbers or strings, more than 2²⁸ values, archives that unpack to more
/// than [`most_unpacked`].
pub fn arrays(bytes: &[u8]) -> Result<Vec<Array>, TableError> {
    if is_npy(bytes) {
        return Ok(vec![array(String::new(), bytes)?]);
    }
    let damaged =
        |error: &dyn std::fmt::Display| TableError::new(format!("the file is damaged ({error}). Get it again"));
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let mut arrays = Vec::new();
    let most = most_unpacked(bytes.len());
    let mut left = most;
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.to_string();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
        let mut content = Vec::new();
        entry.take((left as u64).saturating_add(1)).read_to_end(&mut content).map_err(|error| damaged(&error))?;
        // of all entries together: they may lie over one another in the file
        left = left.checked_sub(content.len()).ok_or_else(|| {
            TableError::new(format!(
                "expected at most {most} bytes when unpacked, found more. Save the arrays with np.savez, which does not pack \
                 them"
            ))
        })?;
        arrays.push(array(name, &content)?);
    }
    Ok(arrays)
}

fn array(name: String, bytes: &[u8]) -> Result<Array, TableError> {
    let called = if name.is_empty() { "the array".to_owned() } else { format!("the array “{name}”") };
    let wrong = |what: String| TableError::new(format!("{called} {what}"));
    npy_header::check(bytes).map_err(&wrong)?;
    let mut file =
        NpyFile::new(bytes).map_err(|error| wrong(format!("cannot be read ({error}). Get the file again")))?;
    if file.uses_pickled_array() {
        return Err(wrong("holds Python objects. Save numbers or strings: np.save(file, array.astype(str))".into()));
    }
    let shape: Option<Vec<usize>> = file.shape().iter().map(|length| usize::try_from(*length).ok()).collect();
    // an axis of length 0 does not make the others harmless
    let axes = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |all, length| all.checked_mul((*length).max(1)));
    let shape = shape.filter(|shape| axes(shape).is_some_and(|all| all <= MOST_VALUES));
    let shape = shape.ok_or_else(|| wrong(format!("has more than {MOST_VALUES} values. Save a part of it")))?;
    let count: usize = shape.iter().product();
    let (kind, order) = (file.dtype(), file.order());
    let width = kind.num_bytes().ok_or_else(|| wrong(format!("is of type {}, which cannot be read", kind.descr())))?;
    if npy_header::has_empty(&kind) {
        return Err(wrong(format!(
            "is of type {}, which has values of no bytes. Leave those fields out",
            kind.descr()
        )));
    }
    let expected = count
        .checked_mul(width)
        .ok_or_else(|| wrong(format!("is of type {}, of {width} bytes a value. Save a part of it", kind.descr())))?;
    let mut content = Vec::new();
    file.by_ref_content(&mut content, expected as u64).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    if content.len() < expected {
        let found = content.len();
        return Err(wrong(format!("ends after {found} bytes; expected {expected}. Get the file again")));
    }
    let values = values(&kind, &content, width, 0, &called)?;
    let values = if order == Order::Fortran && shape.len() > 1 { transposed(values, &shape) } else { values };
    Ok(Array { name, shape, values })
}

/// What follows the header.
trait Content {
    fn by_ref_content(&mut self, to: &mut Vec<u8>, most: u64) -> std::io::Result<usize>;
}

impl Content for NpyFile<&[u8]> {
    fn by_ref_content(&mut self, to: &mut Vec<u8>, most: u64) -> std::io::Result<usize> {
        let header = self.header().clone();
        let rest = std::mem::replace(self, NpyFile::with_header(header, &[])).into_inner();
        rest.take(most).read_to_end(to)
    }
}

/// Values at `offset` of each record of `width` bytes.
fn values(kind: &DType, content: &[u8], width: usize, offset: usize, called: &str) -> Result<Values, TableError> {
    let records = || content.chunks_exact(width.max(1));
    match kind {
        DType::Record(fields) => {
            let mut found = Vec::new();
            let mut at = offset;
            for field in fields {
                found.push((field.name.clone(), values(&field.dtype, content, width, at, called)?));
                at += field.dtype.num_bytes().unwrap_or(0);
            }
            Ok(Values::Fields(found))
        }
        DType::Plain(plain) => {
            let size = plain.num_bytes().unwrap_or(0);
            let cell = |record: &[u8]| record[offset..offset + size].to_vec();
            match plain.type_char() {
                TypeChar::ByteStr => {
                    let text = |record: &[u8]| String::from_utf8_lossy(&cell(record)).trim_end_matches('\0').to_owned();
                    Ok(Values::Text(records().map(text).collect()))
                }
                TypeChar::UnicodeStr => {
                    Ok(Values::Text(records().map(|record| unicode(&cell(record), plain)).collect()))
                }
                _ => {
                    let all: Option<Vec<f64>> = records().map(|record| number(cell(record), plain)).collect();
                    all.map(Values::Numbers).ok_or_else(|| {
                        TableError::new(format!(
                            "{called} is of type {}. Expected numbers or strings: array.astype(float)",
                            kind.descr()
                        ))
                    })
                }
            }
        }
        DType::Array(..) => {
            Err(TableError::new(format!("{called} has fields that are arrays. Save each as an array of its own")))
        }
    }
}

fn unicode(bytes: &[u8], kind: &TypeStr) -> String {
    let unit = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        let code =
            if kind.endianness() == Endianness::Big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    bytes.chunks_exact(4).map(unit).collect::<String>().trim_end_matches('\0').to_owned()
}

/// A number of any type but complex ones; dates as their count of units.
fn number(mut bytes: Vec<u8>, kind: &TypeStr) -> Option<f64> {
    if kind.endianness() == Endianness::Big {
        bytes.reverse();
    }
    let unsigned = || bytes.iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let signed = || {
        let spare = 64 - 8 * bytes.len() as u32;
        ((unsigned() << spare) as i64) >> spare
    };
    match (kind.type_char(), bytes.len()) {
        (TypeChar::Bool, 1) => Some(f64::from(u8::from(bytes[0] != 0))),
        (TypeChar::Uint, 1..=8) => Some(unsigned() as f64),
        (TypeChar::Int, 1..=8) => Some(signed() as f64),
        (TypeChar::Float, 4) => Some(f64::from(f32::from_bits(unsigned() as u32))),
        (TypeChar::Float, 8) => Some(f64::from_bits(unsigned())),
        (TypeChar::Float, 2) => Some(half(unsigned() as u16)),
        // the smallest number stands for a date that is none
        (TypeChar::DateTime | TypeChar::TimeDelta, 8) => {
            Some(if signed() == i64::MIN { f64::NAN } else { signed() as f64 })
        }
        _ => None,
    }
}

/// From the first axis fastest to the last one fastest.
fn transposed(values: Values, shape: &[usize]) -> Values {
    fn all<T: Clone>(values: &[T], shape: &[usize]) -> Vec<T> {
        let mut index = vec![0usize; shape.len()];
        let mut found = Vec::with_capacity(values.len());
        for _ in 0..values.len() {
            let at = (0..shape.len()).rev().fold(0, |at, axis| at * shape[axis] + index[axis]);
            found.push(values[at].clone());
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        found
    }
    match values {
        Values::Numbers(values) => Values::Numbers(all(&values, shape)),
        Values::Text(values) => Values::Text(all(&values, shape)),
        Values::Fields(fields) => {
            Values::Fields(fields.into_iter().map(|(name, values)| (name, transposed(values, shape))).collect())
        }
    }
}

/// The arrays that hold examples and their classes, if any: of several pairs the one for training, or the one for tests.
///
/// An array of classes has one value for each example; its name says so (`y`, `label`, `target`, `class`) or it is the only
/// one.
pub fn examples(arrays: &[Array], tests: bool) -> Option<(&Array, Option<&Array>)> {
    let per_row = |array: &Array| array.shape.iter().skip(1).product::<usize>();
    let is_class = |array: &Array| {
        let name = array.name.to_lowercase();
        per_row(array) == 1
            && !array.shape.is_empty()
            && !matches!(array.values, Values::Fields(_))
            && (name == "y"
                || name.starts_with("y_")
                || name.ends_with("_y")
                || ["label", "target", "class"].iter().any(|word| name.contains(word)))
    };
    let split = |array: &Array| {
        let name = array.name.to_lowercase();
        let order = if tests { ["test", "val", "train"] } else { ["train", "val", "test"] };
        order.into_iter().position(|word| name.contains(word)).map_or(0, |at| at + 1)
    };
    let has_rows = |array: &&Array| array.shape.first().is_some_and(|rows| *rows > 1) && per_row(array) > 0;
    let mut candidates: Vec<&Array> = arrays.iter().filter(has_rows).filter(|array| !is_class(array)).collect();
    // the first split, and of its arrays the one with most values
    candidates.sort_by_key(|array| (split(array), std::cmp::Reverse(per_row(array))));
    let examples = *candidates.first()?;
    let rows = examples.shape[0];
    let fits =
        |array: &&Array| array.shape.first() == Some(&rows) && per_row(array) == 1 && array.name != examples.name;
    let named = arrays.iter().filter(fits).find(|array| is_class(array) && split(array) == split(examples));
    let only = || {
        let mut others = arrays.iter().filter(fits);
        others.next().filter(|_| others.next().is_none())
    };
    Some((examples, named.or_else(only)))
}

/// An array of pictures.
#[derive(Debug, Clone, Copy)]
pub struct Pictures<'a> {
    /// The name of the array.
    pub name: &'a str,
    /// N.
    pub count: usize,
    /// Height, width and channels: 1, 3 or 4.
    pub size: (usize, usize, usize),
    /// `[N, height, width, channels]`, finite.
    pub values: &'a [f64],
    /// The value of white: 1, 255, or the largest of more bits.
    pub white: f64,
    /// The classes, `[N]`.
    pub class: Option<&'a Array>,
}

/// The pictures among arrays, `[N, h, w]` or `[N, h, w, c]`, if there are any; see [`examples`].
///
/// # Errors
/// A value that is infinite or none.
pub fn pictures(arrays: &[Array], tests: bool) -> Result<Option<Pictures<'_>>, TableError> {
    let Some((found, class)) = examples(arrays, tests) else { return Ok(None) };
    let size = match found.shape[1..] {
        [height, width] => (height, width, 1),
        [height, width, channels @ (1 | 3 | 4)] => (height, width, channels),
        _ => return Ok(None),
    };
    let Values::Numbers(values) = &found.values else { return Ok(None) };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(TableError::new(
            "expected pictures of numbers, found one that is infinite or none. Replace such pixels".to_owned(),
        ));
    }
    let largest = values.iter().copied().fold(0.0, f64::max);
    let white = if largest > 1.0 { largest.max(255.0) } else { 1.0 };
    Ok(Some(Pictures { name: &found.name, count: found.shape[0], size, values, white, class }))
}

/// Reads arrays as a table: a column for each value of an example, or for each field, and the class last.
///
/// # Errors
/// As [`arrays`]; no array with rows; more than 100,000 columns.
pub fn read(bytes: &[u8]) -> Result<Grid, TableError> {
    let arrays = arrays(bytes)?;
    let Some((found, class)) = examples(&arrays, false) else {
        let names: Vec<String> = arrays.iter().map(|array| format!("{} {:?}", array.name, array.shape)).collect();
        return Err(TableError::new(format!(
            "expected an array of rows of values [N, X], and one of their classes [N]; found: {}",
            names.join(", ")
        )));
    };
    let rows = found.shape[0];
    let width = found.shape.iter().skip(1).product::<usize>();
    let fields = if let Values::Fields(fields) = &found.values { fields.len() } else { width };
    if fields > MOST_COLUMNS {
        return Err(TableError::new(format!("it has {fields} values a row; at most {MOST_COLUMNS} can be read")));
    }
    let mut heading: Vec<String> = match &found.values {
        Values::Fields(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
        _ => (1..=width).map(|at| format!("x{at}")).collect(),
    };
    heading.extend(
        class.map(|class| if class.name.starts_with("arr_") { "class".to_owned() } else { class.name.clone() }),
    );
    let row = |at: usize| {
        let mut cells: Vec<String> = match &found.values {
            Values::Fields(fields) => fields.iter().map(|(_, values)| cell(values, at)).collect(),
            values => (0..width).map(|column| cell(values, at * width + column)).collect(),
        };
        cells.extend(class.map(|class| cell(&class.values, at)));
        Row { line: at + 1, cells }
    };
    let mut notes = Vec::new();
    if arrays.len() > 2 {
        let with = class.map_or(String::new(), |class| format!(" with “{}”", class.name));
        notes.push(format!("Of {} arrays, “{}”{with} is read.", arrays.len(), found.name));
    }
    Ok(Grid {
        width: heading.len(),
        heading: Some(heading),
        rows: (0..rows).map(row).collect(),
        notes,
        ..Grid::default()
    })
}

/// A value as text; one that is no number is missing.
fn cell(values: &Values, at: usize) -> String {
    match values {
        Values::Numbers(values) if values[at].is_finite() => values[at].to_string(),
        Values::Numbers(_) | Values::Fields(_) => String::new(),
        Values::Text(values) => values[at].trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let mut header = header.to_owned();
        while !(10 + header.len() + 1).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn types_orders_and_ends_are_read() {
        let plain = |kind: &str, shape: &str, fortran: &str, content: &[u8]| {
            let header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
            arrays(&npy(&header, content)).map(|mut all| all.remove(0).values)
        };
        let numbers = |values: &[f64]| Values::Numbers(values.to_vec());
        assert_eq!(plain("<i2", "(2,)", "False", &[1, 0, 0xff, 0xff]).unwrap(), numbers(&[1.0, -1.0]));
        assert_eq!(plain(">u2", "(2,)", "False", &[1, 0, 0, 2]).unwrap(), numbers(&[256.0, 2.0]));
        assert_eq!(plain("|b1", "(2,)", "False", &[1, 0]).unwrap(), numbers(&[1.0, 0.0]));
        assert_eq!(plain("<f2", "(2,)", "False", &[0, 0x3c, 0, 0xc1]).unwrap(), numbers(&[1.0, -2.5]));
        assert_eq!(
            plain("|u1", "(2, 3)", "True", &[1, 4, 2, 5, 3, 6]).unwrap(),
            numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        );
        let text = "ab\0c".chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(plain("<U2", "(2,)", "False", &text).unwrap(), Values::Text(vec!["ab".into(), "\0c".into()]));
        assert!(plain("|u1", "(9,)", "False", &[1, 2]).unwrap_err().to_string().contains("ends after 2 bytes"));
        assert!(plain("|O", "(1,)", "False", &[1]).unwrap_err().to_string().contains("Python objects"));
        assert!(plain("<c8", "(1,)", "False", &[0; 8]).unwrap_err().to_string().contains("astype"));
    }

    #[test]
    fn structured_arrays_are_tables_with_headings() {
        let header = "{'descr': [('size', '<f4'), ('kind', '|S3')], 'fortran_order': False, 'shape': (3,), }";
        let mut content = Vec::new();
        for (size, kind) in [(1.5f32, b"old"), (f32::NAN, b"new"), (2.0, b"old")] {
            content.extend(size.to_le_bytes());
            content.extend(kind);
        }
        let grid = read(&npy(header, &content)).unwrap();
        assert_eq!(grid.heading.unwrap(), ["size", "kind"]);
        assert_eq!(grid.rows[0].cells, ["1.5", "old"]);
        assert_eq!(grid.rows[1].cells, ["", "new"]);
    }

    #[test]
    fn classes_are_found_beside_their_examples() {
        let array = |name: &str, shape: &[usize]| Array {
            name: name.into(),
            shape: shape.to_vec(),
            values: Values::Numbers(vec![0.0; shape.iter().product()]),
        };
        let pick = |all: &[Array]| {
            examples(all, false).map(|(examples, class)| (examples.name.clone(), class.map(|class| class.name.clone())))
        };
        let both = |a: &str, b: &str| Some((a.to_owned(), Some(b.to_owned())));
        assert_eq!(pick(&[array("X", &[9, 4]), array("y", &[9])]), both("X", "y"));
        assert_eq!(pick(&[array("arr_0", &[9, 4]), array("arr_1", &[9])]), both("arr_0", "arr_1"));
        let medical = [
            array("test_images", &[5, 28, 28]),
            array("test_labels", &[5, 1]),
            array("train_images", &[9, 28, 28]),
            array("train_labels", &[9, 1]),
        ];
        assert_eq!(pick(&medical), both("train_images", "train_labels"));
        assert_eq!(examples(&medical, true).unwrap().1.unwrap().name, "test_labels");
        assert_eq!(pick(&[array("arr_0", &[9, 28, 28])]), Some(("arr_0".to_owned(), None)));
        assert_eq!(pick(&[array("scalar", &[])]), None);
    }
}
