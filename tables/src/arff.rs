//! ARFF, the format of Weka and OpenML: attributes declared, then rows, dense or sparse.
//!
//! Own and strict: a value that is not declared is refused with its line, and nothing is allocated on trust.

use std::collections::HashSet;

use crate::error::TableError;
use crate::grid::{Declaration, Declared, Grid, Row};
use crate::text::MOST_BYTES;

/// Most attributes.
const MOST_ATTRIBUTES: usize = 100_000;
/// Bytes that the cells of sparse rows may take for each byte of the file, and for a file of any size: a row of two signs
/// stands for as many cells as there are attributes.
const SPARSE_GROWTH: usize = 1024;
const SPARSE_FREE: usize = 1 << 20;

/// Whether text looks like ARFF: its first line that is no comment begins with `@`.
pub fn is_arff(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('%'));
    first.is_some_and(|line| {
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        word == "@relation" || word == "@attribute"
    })
}

/// Reads ARFF. A missing value is an empty cell. Weights of rows, `{0.5}` after a row, are left out and noted.
///
/// # Errors
/// Anything that the format does not allow, with its line.
pub fn read(text: &str) -> Result<Grid, TableError> {
    let mut grid = Grid::default();
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    grid.declared = declarations(&mut lines)?;
    let known: Vec<HashSet<&str>> = grid.declared.iter().map(Declaration::words).collect();
    // what a row takes where it names nothing
    let empty: usize = grid.declared.iter().map(|declaration| size_of::<String>() + first(declaration).len()).sum();
    let mut left = text.len().saturating_mul(SPARSE_GROWTH).saturating_add(SPARSE_FREE).min(MOST_BYTES);
    let mut weighted = false;
    for (at, line) in lines {
        let line_number = at + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('%') {
            continue;
        }
        let fault = |message: String| TableError::at(line_number, message);
        let cells = match line.strip_prefix('{') {
            Some(rest) => {
                let (inside, after) = rest.split_once('}').ok_or_else(|| fault("a { is never closed".into()))?;
                weighted |= !after.trim().is_empty();
                left = left.checked_sub(empty).ok_or_else(|| {
                    let message =
                        "the sparse rows so far become far more cells than the file has signs. Leave attributes out";
                    fault(message.into())
                })?;
                sparse(inside, &grid.declared).map_err(fault)?
            }
            None => {
                let mut cells = values(line).map_err(fault)?;
                let width = grid.declared.len();
                if cells.len() == width + 1 && cells[width].starts_with('{') {
                    cells.pop();
                    weighted = true;
                }
                cells
            }
        };
        if cells.len() != grid.declared.len() {
            return Err(fault(format!("expected {} values, found {}", grid.declared.len(), cells.len())));
        }
        for ((cell, declaration), known) in cells.iter().zip(&grid.declared).zip(&known) {
            if let (Declared::Category(words), false) = (&declaration.kind, cell.is_empty())
                && !known.contains(cell.as_str())
            {
                let known: Vec<&str> = words.iter().take(8).map(String::as_str).collect();
                return Err(fault(format!("expected one of {}, found “{}”", known.join(", "), shortened(cell)))
                    .in_column(&declaration.name));
            }
        }
        grid.rows.push(Row { line: line_number, cells });
    }
    if weighted {
        grid.notes.push("Weights of rows are not used.".into());
    }
    if grid.rows.is_empty() {
        return Err(TableError::new("there are no rows after @data"));
    }
    grid.width = grid.declared.len();
    grid.heading = Some(grid.declared.iter().map(|declaration| declaration.name.clone()).collect());
    Ok(grid)
}

/// The attributes, with the lines up to `@data` taken.
fn declarations<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Vec<Declaration>, TableError> {
    let mut declared: Vec<Declaration> = Vec::new();
    let mut names = HashSet::new();
    for (at, line) in lines {
        let line_number = at + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('%') {
            continue;
        }
        let word: String = line.chars().take_while(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        match word.as_str() {
            "@relation" => {}
            "@attribute" => {
                let found =
                    attribute(line[word.len()..].trim()).map_err(|message| TableError::at(line_number, message))?;
                if !names.insert(found.name.clone()) {
                    return Err(TableError::at(line_number, format!("there are two attributes “{}”", found.name)));
                }
                declared.push(found);
                if declared.len() > MOST_ATTRIBUTES {
                    return Err(TableError::at(line_number, format!("more than {MOST_ATTRIBUTES} attributes")));
                }
            }
            "@data" if declared.is_empty() => {
                return Err(TableError::new("expected @attribute lines before @data, found none"));
            }
            "@data" => return Ok(declared),
            _ => {
                return Err(TableError::at(
                    line_number,
                    format!("expected @relation, @attribute or @data, found `{}`", shortened(line)),
                ));
            }
        }
    }
    Err(TableError::new("expected a line `@data`, found none. Is the file whole?"))
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Name and kind of an attribute.
fn attribute(text: &str) -> Result<Declaration, String> {
    let (name, rest) = word(text).map_err(|error| format!("an attribute's name: {error}"))?;
    let rest = rest.trim();
    if name.is_empty() || rest.is_empty() {
        return Err("expected `@attribute NAME KIND`".into());
    }
    if let Some(inside) = rest.strip_prefix('{') {
        let inside = inside.trim_end().strip_suffix('}').ok_or("a { is never closed")?;
        let words = values(inside)?;
        if words.iter().any(String::is_empty) {
            return Err(format!("one of the values of “{name}” is empty"));
        }
        return Ok(Declaration { name, kind: Declared::Category(words) });
    }
    let kind = match rest.split_whitespace().next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => Declared::Number,
        "string" => Declared::Text,
        "date" => Declared::Date,
        other => {
            return Err(format!(
                "expected numeric, real, integer, string, date or {{a, b}} for “{name}”, found `{}`. Relational \
                 attributes are not read",
                shortened(other)
            ));
        }
    };
    Ok(Declaration { name, kind })
}

/// A word, quoted or not, and what follows it.
fn word(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let end = text.find([' ', '\t', ',', '{', '}']).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut word = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, 'n')) => word.push('\n'),
                Some((_, 't')) => word.push('\t'),
                Some((_, escaped)) => word.push(escaped),
                None => break,
            },
            letter if letter == quote => return Ok((word, &text[at + 1..])),
            letter => word.push(letter),
        }
    }
    Err("a quote is never closed".into())
}

/// Values between commas (or tabs), `?` as an empty one; a weight in braces comes as it is.
fn values(text: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Ok(found);
    }
    loop {
        rest = rest.trim_start();
        if rest.starts_with('{') {
            found.push(rest.to_owned());
            return Ok(found);
        }
        if rest.starts_with(['\'', '"']) {
            let (value, after) = word(rest)?;
            found.push(value);
            rest = after.trim_start();
        } else {
            let end = rest.find([',', '\t']).unwrap_or(rest.len());
            let value = rest[..end].trim();
            found.push(if value == "?" { String::new() } else { value.to_owned() });
            rest = &rest[end..];
        }
        match rest.chars().next() {
            None => return Ok(found),
            Some(',' | '\t') => rest = &rest[1..],
            Some(_) => return Err(format!("expected a comma, found `{}`", shortened(rest))),
        }
    }
}

/// What a sparse row that does not name an attribute says of it.
fn first(declaration: &Declaration) -> &str {
    match &declaration.kind {
        Declared::Category(words) => words.first().map_or("", String::as_str),
        _ => "0",
    }
}

/// A sparse row: `index value` pairs; what is not named is 0, of a category its first word.
fn sparse(text: &str, declared: &[Declaration]) -> Result<Vec<String>, String> {
    let mut cells: Vec<String> = declared.iter().map(|declaration| first(declaration).to_owned()).collect();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end =
            rest.find([' ', '\t']).ok_or_else(|| format!("expected `INDEX VALUE`, found `{}`", shortened(rest)))?;
        let index: usize = rest[..end].parse().map_err(|_| format!("expected an index, found `{}`", &rest[..end]))?;
        let cell = cells.get_mut(index).ok_or_else(|| format!("index {index} of {} attributes", declared.len()))?;
        rest = rest[end..].trim_start();
        let after;
        (*cell, after) = if rest.starts_with(['\'', '"']) {
            word(rest)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let value = rest[..end].trim();
            (if value == "?" { String::new() } else { value.to_owned() }, &rest[end..])
        };
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err(format!("expected a comma, found `{}`", shortened(rest))),
        };
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "% a comment\n@RELATION weather\n@attribute outlook {sunny, 'very rainy'}\r\n@attribute\ttemperature numeric\n@ATTRIBUTE note string\n@data\n";

    #[test]
    fn dense_and_sparse_rows_are_read() {
        let text = format!("{HEAD}sunny, 85, 'it\\'s hot'\n'very rainy',?,cold\t\n{{1 7.5, 2 \"a b\"}}\n{{}}\n");
        assert!(is_arff(&text));
        let grid = read(&text).unwrap();
        let cells: Vec<Vec<&str>> =
            grid.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect()).collect();
        assert_eq!(
            cells,
            [["sunny", "85", "it's hot"], ["very rainy", "", "cold"], ["sunny", "7.5", "a b"], ["sunny", "0", "0"]]
        );
        assert_eq!(grid.rows[2].line, 9);
        assert_eq!(grid.heading.unwrap(), ["outlook", "temperature", "note"]);
        let weighted = read(&format!("{HEAD}sunny,1,x,{{0.5}}\n")).unwrap();
        assert_eq!((weighted.rows[0].cells.len(), weighted.notes.len()), (3, 1));
    }

    #[test]
    fn faults_name_their_line() {
        for (rows, line, part) in [
            ("sunny,1\n", 7, "expected 3 values, found 2"),
            ("foggy,1,a\n", 7, "“foggy”"),
            ("sunny,1,'a\n", 7, "never closed"),
            ("{1 2\n", 7, "never closed"),
            ("{9 2}\n", 7, "index 9"),
            ("{x 2}\n", 7, "an index"),
        ] {
            let error = read(&format!("{HEAD}{rows}")).unwrap_err();
            assert_eq!(error.line, Some(line), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        for (text, part) in [
            ("@relation a\n", "@data"),
            ("@relation a\n@data\n1\n", "@attribute"),
            ("@relation a\n@attribute x relational\n", "Relational"),
            ("@relation a\n@attribute x numeric\n@attribute x numeric\n", "two attributes"),
            ("@relation a\n@attribute x numeric\n@data\n", "no rows"),
            ("@relation a\n1,2\n", "expected @relation"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(!is_arff("a,b\n1,2\n") && !is_arff(""));
    }
}
