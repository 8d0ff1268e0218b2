//! Text with separators: CSV, TSV and their relatives.

use std::borrow::Cow;

use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::number;

/// Separators that are tried, the likeliest first.
const SEPARATORS: [char; 5] = [',', ';', '\t', '|', ' '];
/// Rows that the separator is guessed from.
const GUESS_ROWS: usize = 200;

/// Reads text with separators. Found out and noted are the separator (or taken from a first line `sep=;`), titles above the
/// table, comments that begin with `#`, and separators at the ends of lines.
///
/// # Errors
/// An open quote, rows of different lengths, nothing in it.
pub fn read(text: &str) -> Result<Grid, TableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut grid = Grid::default();
    // ends of lines as old Macintosh programs wrote them
    let text = if text.contains('\r') && !text.contains('\n') {
        Cow::Owned(text.replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let (named, skipped, text) = named_separator(&text);
    let comments = Comments::of(text);
    let separator = named.unwrap_or_else(|| guess(&comments));
    let tight = tighten(&comments.without, separator);
    let comments = Comments { without: tight, ..comments };
    let text = &*comments.without;
    if let Some(line) = open_quote(text, separator) {
        let message = "a quote that opens here is never closed. Close it, or double it inside a cell";
        return Err(TableError::at(comments.line(line) + skipped, message));
    }
    let mut rows = split(text, separator, &comments);
    rows.iter_mut().for_each(|row| row.line += skipped);
    grid.separator = Some(separator);
    if !comments.lines.is_empty() {
        let count = comments.lines.len();
        grid.notes.push(format!("{count} {} beginning with # left out.", if count == 1 { "line" } else { "lines" }));
    }
    if rows.is_empty() {
        return Err(TableError::new("there is nothing in it. Expected rows of values, with a class for each"));
    }
    titles(&mut rows, &mut grid);
    counts(&mut rows, &mut grid);
    trailing(&mut rows, &mut grid);
    let heading = comments.heading(separator, rows[0].cells.len());
    if let Some(names) = heading {
        grid.heading = Some(names);
    }
    let width = usual_width(&rows);
    if let Some(row) = rows.iter().find(|row| row.cells.len() != width) {
        return Err(TableError::at(
            row.line,
            format!(
                "it has {} cells, and most rows have {width}. Every row needs as many; put quotes around text that holds {}",
                row.cells.len(),
                spoken(separator)
            ),
        ));
    }
    grid.width = width;
    grid.rows = rows;
    Ok(grid)
}

/// Reads a later piece of a table whose beginning gave `grid`: whole rows, the first of them at line `line` of the file.
///
/// # Errors
/// An open quote, a row of another length.
pub fn read_more(text: &str, grid: &Grid, line: usize) -> Result<Vec<Row>, TableError> {
    let separator = grid.separator.unwrap_or(',');
    let comments = Comments::of(text);
    let comments = Comments { without: tighten(&comments.without, separator), ..comments };
    if let Some(open) = open_quote(&comments.without, separator) {
        let message = "a quote that opens here is never closed. Close it, or double it inside a cell";
        return Err(TableError::at(comments.line(open) + line - 1, message));
    }
    let mut rows = split(&comments.without, separator, &comments);
    for row in &mut rows {
        row.line += line - 1;
        while row.cells.len() > grid.width && row.cells.last().is_some_and(String::is_empty) {
            row.cells.pop();
        }
        if row.cells.len() != grid.width {
            return Err(TableError::at(
                row.line,
                format!(
                    "it has {} cells, and the rows before have {}. Every row needs as many",
                    row.cells.len(),
                    grid.width
                ),
            ));
        }
    }
    Ok(rows)
}

/// What a person calls a separator.
pub fn spoken(separator: char) -> &'static str {
    match separator {
        ',' => "commas",
        ';' => "semicolons",
        '\t' => "tabs",
        '|' => "bars",
        ' ' => "spaces",
        _ => "separators",
    }
}

/// A first line `sep=;`, as spreadsheets write it: the separator, lines taken, and the rest.
fn named_separator(text: &str) -> (Option<char>, usize, &str) {
    let first = text.lines().next().unwrap_or_default();
    let plain = first.trim().trim_matches('"');
    let named = plain.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &plain[4..]);
    let Some(named) = named else { return (None, 0, text) };
    let mut letters = named.chars();
    match (letters.next(), letters.next()) {
        (Some(separator), None) if separator.is_ascii() => {
            let rest =
                text[first.len()..].strip_prefix("\r\n").or_else(|| text[first.len()..].strip_prefix(['\n', '\r']));
            (Some(separator), 1, rest.unwrap_or_default())
        }
        // `sep=\t`, written out
        _ if named == "\\t" => (Some('\t'), 1, text[first.len()..].trim_start_matches(['\r', '\n'])),
        _ => (None, 0, text),
    }
}

/// Lines above the table, or anywhere, that begin with `#`.
struct Comments<'a> {
    /// The text with comments taken out, if there are any.
    without: Cow<'a, str>,
    /// Their line numbers and words.
    lines: Vec<(usize, String)>,
    /// Line of the file of each line of `without`; empty where nothing was taken out.
    numbers: Vec<usize>,
}

impl<'a> Comments<'a> {
    fn of(text: &'a str) -> Comments<'a> {
        // old ends of lines, too
        let lines = || {
            let mut rest = text;
            std::iter::from_fn(move || {
                if rest.is_empty() {
                    return None;
                }
                let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
                let length = if rest[end..].starts_with("\r\n") { 2 } else { usize::from(end < rest.len()) };
                let line = &rest[..end + length];
                rest = &rest[end + length..];
                Some(line)
            })
        };
        let comment = |line: &str| line.starts_with('#') && !line.starts_with("#N/A");
        if !lines().any(comment) {
            return Comments { without: Cow::Borrowed(text), lines: Vec::new(), numbers: Vec::new() };
        }
        let (mut without, mut taken, mut numbers) = (String::with_capacity(text.len()), Vec::new(), Vec::new());
        // a `#` at the beginning of a line within quotes is none
        let mut quoted = false;
        for (at, line) in lines().enumerate() {
            if comment(line) && !quoted {
                taken.push((at + 1, line.trim().trim_start_matches('#').trim().to_owned()));
            } else {
                quoted ^= line.matches('"').count() % 2 == 1;
                without.push_str(line);
                numbers.push(at + 1);
            }
        }
        Comments { without: Cow::Owned(without), lines: taken, numbers }
    }

    /// The line of the file of a line of the text without comments.
    fn line(&self, line: usize) -> usize {
        self.numbers.get(line.saturating_sub(1)).copied().unwrap_or(line)
    }

    /// The names of columns, where the last comment above the table has as many words as the table has columns.
    fn heading(&self, separator: char, width: usize) -> Option<Vec<String>> {
        let first = *self.numbers.first()?;
        let (_, words) = self.lines.iter().rev().find(|(line, _)| *line < first)?;
        let cells: Vec<String> = words.split(separator).map(|cell| cell.trim().to_owned()).collect();
        let named = cells.iter().all(|cell| !cell.is_empty() && !number::is_number(cell));
        (cells.len() == width && width > 1 && named).then_some(cells)
    }
}

/// A first line with the numbers of rows and of columns before the class, and the names of the classes, as the files within
/// scikit-learn have it (`150,4,setosa,versicolor,virginica`): it is taken away, and classes that are numbered get their names.
fn counts(rows: &mut Vec<Row>, grid: &mut Grid) {
    let [first, second, ..] = &rows[..] else { return };
    let [count, columns, names @ ..] = &first.cells[..] else { return };
    let is = |cell: &str, number: usize| cell.parse() == Ok(number);
    let named = names.len() > 1 && names.iter().all(|name| !name.is_empty() && !number::is_number(name));
    if !is(count, rows.len() - 1) || !is(columns, second.cells.len() - 1) || !named {
        return;
    }
    let names = names.to_vec();
    rows.remove(0);
    let number =
        |row: &Row| row.cells.last().and_then(|cell| cell.parse::<usize>().ok()).filter(|at| *at < names.len());
    if rows.iter().all(|row| number(row).is_some()) {
        for row in rows.iter_mut() {
            if let (Some(at), Some(cell)) = (number(row), row.cells.last_mut()) {
                cell.clone_from(&names[at]);
            }
        }
    }
    grid.notes.push(format!("The first line counts rows and columns and names the classes: {}.", names.join(", ")));
}

/// Rows of cells.
fn split(text: &str, separator: char, comments: &Comments) -> Vec<Row> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(u8::try_from(separator).unwrap_or(b',')).build();
    let mut input = text.as_bytes();
    let (mut output, mut ends) = (vec![0; 1024], vec![0; 64]);
    let (mut written, mut ended) = (0, 0);
    let mut rows = Vec::new();
    // empty lines before a row are none of it
    let begins = |reader: &csv_core::Reader, input: &[u8]| {
        let empty =
            input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count();
        reader.line() as usize + empty
    };
    let mut line = begins(&reader, input);
    loop {
        let (result, read, wrote, cells) = reader.read_record(input, &mut output[written..], &mut ends[ended..]);
        input = &input[read..];
        (written, ended) = (written + wrote, ended + cells);
        match result {
            csv_core::ReadRecordResult::InputEmpty => {}
            csv_core::ReadRecordResult::OutputFull => output.resize(2 * output.len(), 0),
            csv_core::ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            csv_core::ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..ended].iter().copied());
                let cell =
                    |(start, end): (usize, &usize)| String::from_utf8_lossy(&output[start..*end]).trim().to_owned();
                let mut found: Vec<String> = starts.zip(&ends[..ended]).map(cell).collect();
                if separator == ' ' {
                    // a run of blanks separates once
                    found.retain(|cell| !cell.is_empty());
                }
                if found.iter().any(|cell| !cell.is_empty()) {
                    // what the reader calls a line is a line of the text without comments
                    rows.push(Row { line: comments.line(line), cells: found });
                }
                (written, ended, line) = (0, 0, begins(&reader, input));
            }
            csv_core::ReadRecordResult::End => return rows,
        }
    }
}

/// Takes blanks away that stand between a separator and the quote that opens a cell.
fn tighten<'a>(text: &'a str, separator: char) -> Cow<'a, str> {
    if separator == ' ' || !text.contains(&format!("{separator} ")) || !text.contains('"') {
        return Cow::Borrowed(text);
    }
    let mut tight = String::with_capacity(text.len());
    let (mut quoted, mut blanks, mut fresh) = (false, 0, true);
    for letter in text.chars() {
        match letter {
            ' ' if fresh && !quoted => {
                blanks += 1;
                continue;
            }
            '"' if fresh || quoted => {
                (quoted, blanks) = (!quoted, 0);
            }
            _ => {}
        }
        tight.extend(std::iter::repeat_n(' ', std::mem::take(&mut blanks)));
        fresh = !quoted && (letter == separator || letter == '\n');
        tight.push(letter);
    }
    Cow::Owned(tight)
}

/// The line of a quote that opens a cell and is never closed.
fn open_quote(text: &str, separator: char) -> Option<usize> {
    let mut letters = text.chars().peekable();
    let (mut line, mut opened, mut fresh) = (1, None, true);
    while let Some(letter) = letters.next() {
        if letter == '\n' || (letter == '\r' && letters.peek() != Some(&'\n')) {
            line += 1;
        }
        match (letter, opened) {
            ('"', Some(_)) if letters.peek() == Some(&'"') => {
                letters.next();
            }
            ('"', Some(_)) => (opened, fresh) = (None, false),
            (_, Some(_)) => {}
            ('"', None) if fresh => opened = Some(line),
            (letter, None) => fresh = letter == separator || letter == '\n' || letter == '\r',
        }
    }
    opened
}

/// The length that most rows have; of lengths that are as usual, the larger.
fn usual_width(rows: &[Row]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.cells.len()).or_insert(0usize) += 1);
    counts.into_iter().max_by_key(|(width, count)| (*count, *width)).map_or(0, |(width, _)| width)
}

/// The separator that splits the first rows into the most even, cleanest and widest rows.
fn guess(comments: &Comments) -> char {
    let text = &*comments.without;
    // whole lines from the beginning; a quote may be left open there, which only that one row feels
    let head: String = text.split_inclusive(['\n', '\r']).take(2 * GUESS_ROWS).collect();
    let none = Comments { without: Cow::Borrowed(""), lines: Vec::new(), numbers: Vec::new() };
    let score = |separator: char| {
        let rows = split(&head, separator, &none);
        let width = usual_width(&rows);
        if width < 2 || rows.is_empty() {
            return None;
        }
        let even = rows.iter().filter(|row| row.cells.len() == width).count() as f64 / rows.len() as f64;
        let usual = || rows.iter().filter(|row| row.cells.len() == width).flat_map(|row| &row.cells);
        // a cell that another separator would split, and that is no number, speaks against this one
        let clean = |cell: &&String| {
            number::is_number(cell)
                || !SEPARATORS.iter().any(|other| *other != separator && *other != ' ' && cell.contains(*other))
        };
        let clean = usual().filter(clean).count() as f64 / usual().count().max(1) as f64;
        // words with blanks are common: blanks separate only where nothing else does
        let penalty = if separator == ' ' { 0.5 } else { 1.0 };
        Some((even * clean * clean * penalty, width))
    };
    let mut best = (',', (0.0, 0));
    for separator in SEPARATORS {
        if let Some(found) = score(separator)
            && (found.0 > best.1.0 + 1e-9 || (found.0 > best.1.0 - 1e-9 && found.1 > best.1.1))
        {
            best = (separator, found);
        }
    }
    best.0
}

/// Takes away titles above the table: rows with one filled cell where most have several.
fn titles(rows: &mut Vec<Row>, grid: &mut Grid) {
    let width = usual_width(rows);
    let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.is_empty()).count();
    let title = |row: &Row| width > 2 && filled(row) == 1 || (width == 2 && row.cells.len() == 1);
    let count = rows.iter().take_while(|row| title(row)).count();
    if count > 0 && count < rows.len() {
        let words: Vec<String> = rows.drain(..count).map(|row| format!("“{}”", row.cells.concat())).collect();
        grid.notes.push(format!("Left out above the table: {}.", words.join(", ")));
    }
}

/// Evens out separators at the ends of lines, and a heading without a name for the row names.
fn trailing(rows: &mut [Row], grid: &mut Grid) {
    let last_empty = |row: &Row| row.cells.len() > 1 && row.cells.last().is_some_and(String::is_empty);
    // in every row
    let mut empty = 0;
    while rows.iter().all(last_empty) && rows.iter().all(|row| row.cells.len() > 2) {
        rows.iter_mut().for_each(|row| drop(row.cells.pop()));
        empty += 1;
    }
    match empty {
        0 => {}
        1 => grid.notes.push("An empty last column left out.".into()),
        _ => grid.notes.push(format!("{empty} empty last columns left out.")),
    }
    let width = usual_width(rows);
    // in the heading or in some rows alone
    for row in rows.iter_mut() {
        while row.cells.len() > width && last_empty(row) {
            row.cells.pop();
        }
    }
    let first = rows[0].cells.len();
    // R writes the names of rows without a heading of theirs
    if first + 1 == width && rows.len() > 2 && rows[1..].iter().all(|row| row.cells.len() == width) {
        rows[0].cells.insert(0, String::new());
    } else if first > width && rows.len() > 2 && rows[1..].iter().all(|row| row.cells.len() == width) {
        let more: Vec<String> = rows[0].cells.drain(width..).collect();
        grid.notes.push(format!("The heading names more columns than there are; left out: {}.", more.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        read(text).unwrap().rows.into_iter().map(|row| row.cells).collect()
    }

    const PLAIN: &str = "1,2,a\n3,4,b\n5,6,a\n7,8,b\n";

    #[test]
    fn a_first_line_that_counts_is_no_row() {
        let grid = read("4,2,setosa,virginica\n5.1,0.2,0\n4.9,0.2,0\n7.0,1.4,1\n6.4,1.5,1\n").unwrap();
        assert_eq!((grid.rows.len(), grid.width, grid.rows[0].line), (4, 3, 2));
        assert_eq!((grid.rows[0].cells[2].as_str(), grid.rows[3].cells[2].as_str()), ("setosa", "virginica"));
        assert!(grid.notes[0].contains("setosa, virginica"), "{:?}", grid.notes);
        // a row that only looks like it
        let grid = read("5,2,a\n5.1,0.2,b\n4.9,0.2,a\n").unwrap();
        assert_eq!(grid.rows.len(), 3);
    }

    #[test]
    fn the_separator_is_found_out() {
        let plain = cells(PLAIN);
        assert_eq!(plain[1], ["3", "4", "b"]);
        for other in [
            PLAIN.replace(',', ";"),
            PLAIN.replace(',', "\t"),
            PLAIN.replace(',', "|"),
            PLAIN.replace(',', "  "),
            PLAIN.replace(',', " , "),
            PLAIN.replace('\n', "\r\n"),
            PLAIN.replace('\n', "\r"),
            PLAIN.replace('\n', "\n\n"),
            format!("\u{feff}{PLAIN}"),
            PLAIN.trim_end().to_owned(),
            PLAIN.replace('a', "\"a\""),
            PLAIN.replace(",a", ", \"a\""),
            format!("sep=,\n{PLAIN}"),
            format!("\"sep=;\"\r\n{}", PLAIN.replace(',', ";")),
            PLAIN.replace('\n', ",\n"),
            PLAIN.replace('\n', ",,\n"),
            PLAIN.replace("4,b", "4,b,"),
            format!("# made by a program\n{PLAIN}# the \"end\n"),
            format!("Measurements of 2026\n\n{PLAIN}"),
            format!("Measurements of 2026,,\n{PLAIN}"),
        ] {
            assert_eq!(cells(&other), plain, "{other:?}");
        }
        // commas for points: as many cells by commas as by semicolons
        assert_eq!(cells("0,5;ja\n1,5;nein\n2,5;ja\n")[0], ["0,5", "ja"]);
        assert_eq!(cells("5,0;3,0;nein\n5,1;3,2;ja\n")[1], ["5,1", "3,2", "ja"]);
        // words with blanks and commas within cells
        assert_eq!(cells("a b;c, d;x\ne f;g, h;y\n")[0], ["a b", "c, d", "x"]);
        assert_eq!(cells("# c\n1,\"x\n# no comment\"\n2,y\n")[0], ["1", "x\n# no comment"]);
        assert_eq!(cells("1,\"say \"\"a\"\",\nthen b\"\n2,c\n")[0], ["1", "say \"a\",\nthen b"]);
    }

    #[test]
    fn headings_of_other_lengths_are_evened_out() {
        assert_eq!(cells("x,y,kind,\n1,2,a\n3,4,b\n")[0], ["x", "y", "kind"]);
        assert_eq!(cells("x,y\nr1,1,2\nr2,3,4\n")[0], ["", "x", "y"]);
        let found = read("# x, y, kind\n1,2,a\n3,4,b\n").unwrap();
        assert_eq!(found.heading.unwrap(), ["x", "y", "kind"]);
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line, part) in [
            ("1,2\n3\n5,6\n", Some(2), "1 cells"),
            ("1,2\r\n\r\n\r\n3\r\n5,6\r\n", Some(4), "1 cells"),
            ("# c\n1,2\n3,4,5\n5,6\n", Some(3), "3 cells"),
            ("1,2\n3,\"4\n5,6\n", Some(2), "never closed"),
            ("# c\n1,2\n3,\"4\n5,6\n", Some(3), "never closed"),
            ("", None, "nothing in it"),
            ("\n\n", None, "nothing in it"),
            (",,\n", None, "nothing in it"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.message.contains(part), "{text:?}: {error}");
        }
        let late = read("sep=;\n1;2\n3;4;5\n5;6\n").unwrap_err();
        assert_eq!(late.line, Some(3));
    }
}
