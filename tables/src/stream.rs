//! Tables that are larger than memory: read piece by piece, understood from the first.

use std::io::Read;

use crate::arff;
use crate::delimited;
use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::text;

/// Bytes of a piece.
const PIECE: usize = 4 << 20;

/// A table that is read piece by piece. ARFF and UTF-16 come in one piece, whatever their size.
pub struct Stream<R> {
    reader: R,
    /// The first piece, with everything that was found out.
    grid: Grid,
    encoding: &'static str,
    certain: bool,
    /// Bytes that were read and are no whole row yet.
    rest: Vec<u8>,
    /// Line at which they begin.
    line: usize,
    ended: bool,
    piece: usize,
}

impl<R: Read> Stream<R> {
    /// Reads the first piece. The reader gives what is packed as it is, and the file unpacked is taken: see
    /// [`text::is_gzip`].
    ///
    /// # Errors
    /// As [`delimited::read`] and [`text::decode`]; the reader's own, in words.
    pub fn open(reader: R, encoding: Option<&str>) -> Result<Self, TableError> {
        Stream::with_piece(reader, encoding, PIECE)
    }

    /// A table that was read whole; `reader` has nothing more.
    pub fn of(grid: Grid, reader: R) -> Self {
        let (encoding, rest) = ("UTF-8", Vec::new());
        Stream { reader, grid, encoding, certain: true, rest, line: 1, ended: true, piece: PIECE }
    }

    /// The same with pieces of about this many bytes.
    ///
    /// # Errors
    /// As [`Stream::open`].
    pub fn with_piece(mut reader: R, encoding: Option<&str>, piece: usize) -> Result<Self, TableError> {
        let mut rest = Vec::new();
        let mut ended = fill(&mut reader, &mut rest, piece)?;
        let start = rest.trim_ascii_start();
        let whole = text::is_utf16(&rest).is_some()
            || rest.starts_with(&[0xff, 0xfe])
            || rest.starts_with(&[0xfe, 0xff])
            || start.starts_with(b"@")
            || start.starts_with(b"%");
        let (grid, decoded, line) = loop {
            if whole && !ended {
                ended = fill(&mut reader, &mut rest, text::MOST_BYTES)?;
                if !ended {
                    return Err(TableError::new(format!("it is more than {} bytes. Split it", text::MOST_BYTES)));
                }
            }
            let cut = if ended { rest.len() } else { last_row(&rest) };
            if cut == 0 && !ended {
                // one row that is longer than a piece
                let most = 2 * rest.len();
                ended = fill(&mut reader, &mut rest, most)?;
                if rest.len() > text::MOST_BYTES {
                    return Err(TableError::new("its first row has no end. Is a quote never closed?"));
                }
                continue;
            }
            let decoded = text::decode(&rest[..cut], encoding)?;
            let grid = match arff::is_arff(&decoded.text) {
                true => arff::read(&decoded.text)?,
                false => delimited::read(&decoded.text)?,
            };
            let line = 1 + lines(&rest[..cut]);
            rest.drain(..cut);
            break (grid, decoded, line);
        };
        let (encoding, certain) = (decoded.encoding, decoded.certain);
        Ok(Stream { reader, grid, encoding, certain, rest, line, ended, piece })
    }

    /// The first piece.
    pub fn first(&self) -> &Grid {
        &self.grid
    }

    /// Name of the encoding, and whether it is certain.
    pub fn encoding(&self) -> (&'static str, bool) {
        (self.encoding, self.certain)
    }

    /// The rows after those that were read; none at the end. The first piece's are in [`Stream::first`].
    ///
    /// # Errors
    /// As [`delimited::read_more`]; bytes that are not of the encoding; the reader's own.
    pub fn more(&mut self) -> Result<Option<Vec<Row>>, TableError> {
        let mut more = self.piece;
        loop {
            if !self.ended {
                let most = self.rest.len() + more;
                self.ended = fill(&mut self.reader, &mut self.rest, most)?;
            }
            let cut = if self.ended { self.rest.len() } else { last_row(&self.rest) };
            if cut == 0 {
                if self.ended {
                    return Ok(None);
                }
                if self.rest.len() > text::MOST_BYTES {
                    return Err(TableError::at(self.line, "this row has no end. Is a quote never closed?"));
                }
                // each look goes through all of it: twice as much each time, or a long row takes the square of its length
                more = more.max(self.rest.len());
                continue;
            }
            let known = if self.encoding == "UTF-8" { None } else { Some(self.encoding) };
            let decoded = text::decode(&self.rest[..cut], known).map_err(|error| match error.line {
                None => TableError::at(self.line, error.message),
                Some(_) => error,
            })?;
            if decoded.encoding != self.encoding {
                let message =
                    format!("expected {} as before, found other bytes. Save the file as UTF-8", self.encoding);
                return Err(TableError::at(self.line, message));
            }
            let rows = delimited::read_more(&decoded.text, &self.grid, self.line)?;
            self.line += lines(&self.rest[..cut]);
            self.rest.drain(..cut);
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
    }
}

/// Reads until the buffer has `most` bytes; whether the reader has ended.
fn fill(reader: &mut impl Read, buffer: &mut Vec<u8>, most: usize) -> Result<bool, TableError> {
    let want = most.saturating_sub(buffer.len());
    let read = reader.take(want as u64).read_to_end(buffer).map_err(|error| TableError::new(error.to_string()))?;
    Ok(read < want)
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Bytes up to the last end of a line outside of quotes. A quote within a cell that has none around it would mislead this;
/// such a file has an even number of them in most rows all the same.
fn last_row(bytes: &[u8]) -> usize {
    let mut quotes = bytes.iter().filter(|byte| **byte == b'"').count();
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'"' => quotes -= 1,
            b'\n' if quotes % 2 == 0 => return at + 1,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], piece: usize) -> Result<Vec<Row>, TableError> {
        let mut stream = Stream::with_piece(bytes, None, piece)?;
        let mut rows = stream.first().rows.clone();
        while let Some(more) = stream.more()? {
            rows.extend(more);
        }
        Ok(rows)
    }

    #[test]
    fn pieces_give_the_rows_of_the_whole() {
        let table: String =
            (0..500).map(|at| format!("{at},\"a \"\"{at}\"\",\nb\",{}\n", ["x", "größer"][at % 2])).collect();
        let commented = format!("# one\n{}# two\n1,2,x\n", table);
        for text in [&table, &commented, &table.replace('\n', "\r\n")] {
            let whole = all(text.as_bytes(), 1 << 20).unwrap();
            assert!(whole.len() >= 500);
            for piece in [64, 100, 1000, 4096] {
                assert_eq!(all(text.as_bytes(), piece).unwrap(), whole, "{piece}");
            }
        }
    }

    #[test]
    fn faults_of_later_pieces_name_their_line() {
        let table: String = (0..200).map(|at| format!("{at},{at},x\n")).collect();
        let error = all(format!("{table}1,2\n").as_bytes(), 100).unwrap_err();
        assert_eq!(error.line, Some(201), "{error}");
        let error = all(format!("{table}1,\"2,x\n").as_bytes(), 100).unwrap_err();
        assert_eq!(error.line, Some(201), "{error}");
        let mut bytes = table.into_bytes();
        bytes.extend(b"1,2,\xff\xfe\xfd\n");
        let error = all(&bytes, 100).unwrap_err();
        assert!(error.line.is_some_and(|line| line > 150), "{error}");
    }
}
