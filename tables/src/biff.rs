//! The records of Excel's older workbooks (MS-XLS, BIFF), looked at before the library reads them: a few bytes may speak of
//! cells at the far corners of a sheet, use one long string in every cell, or have a sheet read a thousand times. What the
//! library takes and nobody needs is left out: names, and formulas written out, of which one could ask for any memory.

use std::collections::BTreeSet;

use crate::error::TableError;

/// Columns of a sheet.
const COLUMNS: u32 = 256;
/// Cells of the rectangles around the cells of all sheets: any, and so many for each cell that is there.
const FREE_AREA: usize = 1 << 20;
const MOST_AREA: usize = 64;
/// Letters of all cells: any, and so many for each byte of the records.
const FREE_LETTERS: usize = 1 << 22;
const MOST_LETTERS: usize = 64;
/// Pieces of the list of strings: any, and one for so many bytes.
const FREE_PIECES: usize = 256;
const PIECE: usize = 256;

const PASSWORD: u16 = 0x002f;
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
const SHEET: u16 = 0x0085;
const NAME: u16 = 0x0018;
const SIZE: u16 = 0x0200;
const STRINGS: u16 = 0x00fc;
const MORE: u16 = 0x003c;
const FORMULA: u16 = 0x0006;
/// The string that the formula before it gave.
const RESULT: u16 = 0x0207;
const LABEL: u16 = 0x0204;
const RICH_LABEL: u16 = 0x00d6;
/// A cell with a string of the list.
const LISTED: u16 = 0x00fd;
const RK: u16 = 0x027e;
/// Several numbers of a row.
const RKS: u16 = 0x00bd;
const NUMBER: u16 = 0x0203;
const BOOLEAN: u16 = 0x0205;
/// A kind that no reader knows, in the place of those that are left out.
const NOTHING: u16 = 0x7fff;

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// A record and where it begins.
#[derive(Clone, Copy)]
struct Record<'a> {
    at: usize,
    kind: u16,
    data: &'a [u8],
}

/// All records from a place on; the first that is cut short ends them.
fn records(stream: &[u8], mut at: usize) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (kind, length) = (short(stream, at)?, short(stream, at + 2)?);
        let record = Record { at, kind, data: stream.get(at + 4..at + 4 + usize::from(length))? };
        at += 4 + usize::from(length);
        Some(record)
    })
}

fn damaged(what: &str) -> TableError {
    TableError::new(format!("the workbook is damaged: {what}. Save it anew, or as CSV"))
}

/// The records as the library is to have them.
///
/// # Errors
/// Sheets that lie over one another or have no end; cells beyond the format; far more cells or letters than records.
pub fn checked(mut stream: Vec<u8>) -> Result<Vec<u8>, TableError> {
    // what the container adds must not make a record whole that was cut short
    let whole = records(&stream, 0).last().map_or(0, |last| last.at + 4 + last.data.len());
    stream.truncate(whole);
    let mut book = Book::of(&stream)?;
    let (mut left_out, mut formulas) = (std::mem::take(&mut book.names), Vec::new());
    let (mut tally, mut cells) = (Tally::new(&stream), None::<Cells>);
    for record in records(&stream, book.end) {
        if book.sheets.remove(&record.at) {
            if cells.is_some() || record.kind != BEGIN {
                return Err(damaged("expected sheets one after the other, found others"));
            }
            cells = Some(Cells::default());
            continue;
        }
        let Some(sheet) = &mut cells else { continue };
        match record.kind {
            // a chart in the sheet
            BEGIN => sheet.depth += 1,
            END if sheet.depth == 0 => {
                tally.add(sheet)?;
                cells = None;
            }
            END => sheet.depth -= 1,
            _ if sheet.depth > 0 => {}
            SIZE => left_out.push(record.at),
            kind => {
                if kind == FORMULA && record.data.len() >= 22 {
                    formulas.push(record.at + 24);
                }
                tally.letters = tally.letters.saturating_add(sheet.take(record, &book.strings)?);
            }
        }
    }
    if cells.is_some() || !book.sheets.is_empty() {
        return Err(damaged("expected every sheet and its end, found less"));
    }
    left_out.iter().for_each(|at| stream[*at..at + 2].copy_from_slice(&NOTHING.to_le_bytes()));
    // formulas of no length: that there are some is all that is asked
    formulas.iter().for_each(|at| stream[*at..at + 2].fill(0));
    Ok(stream)
}

/// What the records before the sheets say.
struct Book {
    /// Where sheets begin.
    sheets: BTreeSet<usize>,
    /// Letters of each string in the list.
    strings: Vec<usize>,
    /// Where names are defined.
    names: Vec<usize>,
    /// Where these records end.
    end: usize,
}

impl Book {
    fn of(stream: &[u8]) -> Result<Book, TableError> {
        let mut book = Book { sheets: BTreeSet::new(), strings: Vec::new(), names: Vec::new(), end: stream.len() };
        let mut all = records(stream, 0).peekable();
        while let Some(record) = all.next() {
            match record.kind {
                END => {
                    book.end = record.at + 4 + record.data.len();
                    break;
                }
                SHEET => {
                    let place = word(record.data, 0).map(|place| place as usize);
                    if !place.is_some_and(|place| book.sheets.insert(place)) {
                        return Err(damaged("expected a place of its own for each sheet, found less"));
                    }
                }
                NAME => book.names.push(record.at),
                PASSWORD if short(record.data, 0) != Some(0) => {
                    return Err(TableError::new(
                        "the workbook is protected by a password. Save it without one, or as CSV",
                    ));
                }
                STRINGS => {
                    let mut pieces = vec![record.data];
                    while let Some(more) = all.next_if(|next| next.kind == MORE) {
                        pieces.push(more.data);
                    }
                    if pieces.len() > FREE_PIECES + pieces.iter().map(|piece| piece.len()).sum::<usize>() / PIECE {
                        return Err(damaged("expected a list of strings in a few pieces, found tiny ones"));
                    }
                    book.strings =
                        Strings { now: record.data.get(8..).unwrap_or_default(), rest: &pieces[1..] }.lengths();
                }
                _ => {}
            }
        }
        Ok(book)
    }
}

/// The list of strings, which goes on in further records.
struct Strings<'a> {
    now: &'a [u8],
    rest: &'a [&'a [u8]],
}

impl<'a> Strings<'a> {
    /// Letters of each string; those after a fault are left out, as the library refuses such a list.
    fn lengths(mut self) -> Vec<usize> {
        let mut found = Vec::new();
        while !self.now.is_empty() || self.turn() {
            // an empty record is an empty string
            if self.now.is_empty() {
                found.push(0);
                continue;
            }
            let Some(letters) = self.string() else { break };
            found.push(letters);
        }
        found
    }

    fn string(&mut self) -> Option<usize> {
        let (letters, flags) = (usize::from(short(self.now, 0)?), *self.now.get(2)?);
        self.now = &self.now[3..];
        let mut after = 0;
        if flags & 8 != 0 {
            after += 4 * usize::from(short(self.now, 0)?);
            self.now = &self.now[2..];
        }
        if flags & 4 != 0 {
            after += usize::try_from(i32::try_from(word(self.now, 0)?).ok()?).ok()?;
            self.now = &self.now[4..];
        }
        let (mut left, mut wide) = (letters, flags & 1 != 0);
        while left > 0 {
            let width = if wide { 2 } else { 1 };
            let taken = left.min(self.now.len() / width);
            self.now = &self.now[taken * width..];
            left -= taken;
            if left > 0 {
                if !self.turn() {
                    return None;
                }
                wide = self.now.first()? & 1 != 0;
                self.now = &self.now[1..];
            }
        }
        while after > 0 {
            if self.now.is_empty() && !self.turn() {
                return None;
            }
            let taken = after.min(self.now.len());
            self.now = &self.now[taken..];
            after -= taken;
        }
        Some(letters)
    }

    /// Goes to the next record, if there is one.
    fn turn(&mut self) -> bool {
        let Some((next, rest)) = self.rest.split_first() else { return false };
        (self.now, self.rest) = (next, rest);
        true
    }
}

/// The cells of a sheet.
#[derive(Default)]
struct Cells {
    /// Charts within the sheet that have not ended.
    depth: usize,
    count: usize,
    /// First and last row, first and last column.
    bounds: Option<[u32; 4]>,
    /// Where the last formula is.
    formula: (u32, u32),
}

impl Cells {
    /// Counts the cells of a record, and gives their letters.
    fn take(&mut self, Record { kind, data, .. }: Record<'_>, strings: &[usize]) -> Result<usize, TableError> {
        let letters = |at: usize| short(data, at).map_or(0, usize::from);
        let place = match kind {
            RESULT => Some(self.formula),
            _ => short(data, 0).zip(short(data, 2)).map(|(row, column)| (row.into(), column.into())),
        };
        // a record that is too short is the library's to refuse
        let Some((row, column)) = place else { return Ok(0) };
        let (row, first, last, letters) = match kind {
            FORMULA => {
                self.formula = (row, column);
                (row, column, column, 0)
            }
            RESULT => (row, column, column, letters(0)),
            LABEL | RICH_LABEL => (row, column, column, letters(6)),
            LISTED => {
                let string = word(data, 6).and_then(|at| strings.get(at as usize));
                (row, column, column, string.copied().unwrap_or_default())
            }
            RKS => (row, column, u32::from(short(data, data.len() - 2).unwrap_or_default()), 0),
            NUMBER | BOOLEAN | RK => (row, column, column, 0),
            _ => return Ok(0),
        };
        if last < first || last >= COLUMNS {
            return Err(damaged("expected cells in at most 256 columns, as its format has them, found others"));
        }
        self.count += (last - first + 1) as usize;
        let [top, bottom, left, right] = self.bounds.unwrap_or([row, row, first, last]);
        self.bounds = Some([top.min(row), bottom.max(row), left.min(first), right.max(last)]);
        Ok(letters)
    }

    /// Cells of the rectangle around them.
    fn area(&self) -> usize {
        self.bounds.map_or(0, |[top, bottom, left, right]| ((bottom - top + 1) * (right - left + 1)) as usize)
    }
}

/// What all sheets become.
struct Tally {
    count: usize,
    area: usize,
    letters: usize,
    most_letters: usize,
}

impl Tally {
    fn new(stream: &[u8]) -> Tally {
        Tally { count: 0, area: 0, letters: 0, most_letters: FREE_LETTERS + MOST_LETTERS * stream.len() }
    }

    fn add(&mut self, sheet: &Cells) -> Result<(), TableError> {
        (self.count, self.area) = (self.count + sheet.count, self.area + sheet.area());
        if self.area > FREE_AREA + MOST_AREA * self.count {
            return Err(TableError::new(format!(
                "expected a table, found {} cells at the corners of {}. Save the part that is a table, or all as CSV",
                self.count, self.area
            )));
        }
        if self.letters > self.most_letters {
            return Err(TableError::new(format!(
                "expected a table, found {} letters in its cells, most of them in one string again and again. Save the part \
                 that is a table, or all as CSV",
                self.letters
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    fn number(row: u16, column: u16) -> Vec<u8> {
        record(NUMBER, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0; 10]].concat())
    }

    fn listed(row: u16, string: u32) -> Vec<u8> {
        record(LISTED, &[&row.to_le_bytes()[..], &[0; 4], &string.to_le_bytes()].concat())
    }

    /// A workbook with these sheets, and a list of strings in these pieces.
    fn book(sheets: &[Vec<u8>], pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut head = record(BEGIN, &[0; 16]);
        let (first, rest) = pieces.split_first().expect("a list of strings");
        head.extend(record(STRINGS, &[&[0; 8][..], first].concat()));
        rest.iter().for_each(|piece| head.extend(record(MORE, piece)));
        head.extend(record(NAME, &[0; 16]));
        let mut place = head.len() + 16 * sheets.len() + 4;
        let mut body = Vec::new();
        for sheet in sheets {
            let whole = [record(BEGIN, &[0; 16]), sheet.clone(), record(END, &[])].concat();
            head.extend(record(SHEET, &[&(place as u32).to_le_bytes()[..], &[0, 0, 4, 0], b"data"].concat()));
            place += whole.len();
            body.extend(whole);
        }
        [head, record(END, &[]), body].concat()
    }

    fn refusal(sheets: &[Vec<u8>]) -> String {
        checked(book(sheets, &[vec![1, 0, 0, b'a']])).map_or_else(|error| error.message, |_| String::new())
    }

    #[test]
    fn cells_beyond_the_format_and_far_apart_are_refused() {
        let many = (0..4000).flat_map(|row| number(row, row % 256)).collect::<Vec<u8>>();
        assert_eq!(refusal(&[number(65_535, 255), many.clone()]), "");
        assert!(refusal(&[number(0, 256)]).contains("256 columns"));
        let corners = [number(0, 0), number(65_535, 255)].concat();
        assert!(refusal(std::slice::from_ref(&corners)).contains("found 2 cells at the corners of 16777216"));
        // the result of a formula that is missing stands in the first cell
        assert!(refusal(&[[record(RESULT, &[0, 0]), number(65_535, 255)].concat()]).contains("corners"));
        // a chart's records are no cells
        let chart = [record(BEGIN, &[0; 16]), corners, record(END, &[]), number(1, 1)].concat();
        assert_eq!(refusal(&[chart]), "");
        // some for each of many sheets
        let half = [number(0, 0), number(40_000, 12)].concat();
        assert!(
            refusal(std::slice::from_ref(&half)).is_empty()
                && refusal(&[half.clone(), half.clone(), half]).contains("corners")
        );
    }

    #[test]
    fn sheets_lie_one_after_the_other_and_end() {
        let whole = book(&[number(1, 1), number(2, 2)], &[vec![]]);
        assert!(checked(whole.clone()).is_ok());
        let sheets = 2 * (20 + 18 + 4);
        for less in 1..=sheets {
            assert!(checked(whole[..whole.len() - less].to_vec()).is_err(), "{less} bytes less");
        }
        let first = whole.windows(2).position(|two| two == SHEET.to_le_bytes()).unwrap() + 4;
        let same: [u8; 4] = whole[first..first + 4].try_into().unwrap();
        for other in [same, 0u32.to_le_bytes(), 7u32.to_le_bytes(), u32::MAX.to_le_bytes()] {
            let mut wrong = whole.clone();
            wrong[first + 16..first + 20].copy_from_slice(&other);
            assert!(checked(wrong).unwrap_err().message.contains("damaged"), "{other:?}");
        }
        // a sheet that is named by half a record is none
        let half = &[record(BEGIN, &[0; 16]), record(SHEET, &[0; 12])].concat()[..26];
        assert_eq!(checked(half.to_vec()).unwrap(), record(BEGIN, &[0; 16]));
        let open = [record(BEGIN, &[0; 16]), number(1, 1)].concat();
        assert!(checked(book(&[open, number(1, 1)], &[vec![]])).is_err());
    }

    #[test]
    fn a_long_string_in_every_cell_is_refused_and_short_ones_are_not() {
        // 9,000 letters over two records, the second half wide, then a short one with what phones add
        let first = [&9000u16.to_le_bytes()[..], &[0], &[b'x'; 8000]].concat();
        let second =
            [&[1][..], &[b'x', 0].repeat(1000), &[2, 0, 12, 1, 0, 3, 0, 0, 0, b'a', b'b', 0, 0, 0, 0, 9, 9, 9]]
                .concat();
        let pieces = [first, second];
        let cells = |string: u32| (0..1000).flat_map(|row| listed(row, string)).collect::<Vec<u8>>();
        assert!(checked(book(&[cells(1)], &pieces)).is_ok());
        let error = checked(book(&[cells(0)], &pieces)).unwrap_err().message;
        assert!(error.contains("found 9000000 letters"), "{error}");
        // a label that says that it is long
        let label = record(LABEL, &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0]);
        assert!(refusal(&[label.repeat(10)]).is_empty());
        assert!(refusal(&[label.repeat(400)]).contains("letters"));
        let tiny = vec![vec![]; 400];
        assert!(checked(book(&[cells(0)], &tiny)).unwrap_err().message.contains("tiny"));
    }

    #[test]
    fn names_sizes_and_formulas_are_left_out() {
        let formula = record(FORMULA, &[&[0; 20][..], &[3, 0, 0x1e, 1, 0]].concat());
        let size = record(SIZE, &[0xff; 14]);
        let before = book(&[[size, formula].concat()], &[vec![]]);
        let after = checked(before.clone()).unwrap();
        assert_eq!(before.len(), after.len());
        let kinds = |stream: &[u8]| records(stream, 0).map(|record| record.kind).collect::<Vec<u16>>();
        let expected = kinds(&before)
            .iter()
            .map(|kind| if [NAME, SIZE].contains(kind) { NOTHING } else { *kind })
            .collect::<Vec<u16>>();
        assert_eq!(kinds(&after), expected);
        let formula = records(&after, 0).find(|record| record.kind == FORMULA).unwrap();
        assert_eq!(formula.data[20..22], [0, 0]);
        let locked = [record(BEGIN, &[0; 16]), record(PASSWORD, &[1, 0, 1, 0])].concat();
        assert!(checked(locked).unwrap_err().message.contains("password"));
    }
}
