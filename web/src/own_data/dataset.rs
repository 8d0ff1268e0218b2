//! Tables of a visitor's own: separated values with the class in the last column, read without trust, each fault told
//! with its row and column.

/// Columns of numbers, after words were spread over columns of 0 and 1.
pub const MOST_COLUMNS: usize = 1024;
/// Different words of a column that are spread over columns.
const MOST_WORDS: usize = 20;
/// Fewest rows: below that there is nothing to show and to ask.
const FEWEST_ROWS: usize = 6;
/// Most rows.
const MOST_ROWS: usize = 20_000;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
enum Column {
    Numbers,
    /// One column of 0 and 1 for each of these.
    Words(Vec<String>),
}

/// A table of numbers with classes.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvTable {
    /// Headings of the columns but the last, as given or made up.
    pub headings: Vec<String>,
    columns: Vec<Column>,
    separator: char,
    /// D: values of a row.
    pub width: usize,
    /// `[M, D]`
    pub values: Vec<f32>,
    /// `[M]`
    pub labels: Vec<u32>,
    /// Names of the classes, in the order in which they come.
    pub classes: Vec<String>,
    /// Whether the first row held headings.
    pub headed: bool,
}

/// Rows of cells, each with its line in the text, counted from 1.
type Rows = Vec<(usize, Vec<String>)>;

/// Splits text into cells. Quotes may hold separators, line breaks and doubled quotes.
fn split(text: &str, separator: char) -> Result<Rows, String> {
    let (mut rows, mut row, mut cell) = (Rows::new(), Vec::new(), String::new());
    let (mut line, mut begin) = (1, 1);
    // where the open quote began
    let mut quoted: Option<usize> = None;
    let mut was_quoted = false;
    let mut letters = text.chars().peekable();
    loop {
        let letter = letters.next();
        if letter == Some('\n') {
            line += 1;
        }
        match (letter, quoted) {
            (None, Some(at)) => {
                return Err(format!(
                    "a quote that opens in line {at} is never closed. Close it, or double it inside a cell"
                ));
            }
            (Some('"'), Some(_)) if letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            (Some('"'), Some(_)) => quoted = None,
            (Some(letter), Some(_)) => cell.push(letter),
            (Some('"'), None) if cell.trim().is_empty() && !was_quoted => {
                cell.clear();
                (quoted, was_quoted) = (Some(line), true);
            }
            (Some('\r'), None) if letters.peek() == Some(&'\n') => {}
            (None | Some('\n' | '\r'), None) => {
                row.push(std::mem::take(&mut cell).trim().to_owned());
                was_quoted = false;
                // an empty line is no row
                if row.len() > 1 || !row[0].is_empty() {
                    rows.push((begin, std::mem::take(&mut row)));
                }
                row.clear();
                begin = line;
                if letter.is_none() {
                    return Ok(rows);
                }
            }
            (Some(letter), None) if letter == separator => {
                row.push(std::mem::take(&mut cell).trim().to_owned());
                was_quoted = false;
            }
            (Some(letter), None) => cell.push(letter),
        }
    }
}

/// A number as people write it, with a comma for the point where commas don't separate.
fn number(cell: &str, separator: char) -> Option<f32> {
    let found = match decimal(cell) {
        None if separator != ',' => decimal(&cell.replacen(',', ".", 1)),
        found => found,
    };
    found.filter(|value| value.is_finite())
}

/// Sign, digits with a point, exponent. The standard library's parser is right to the last bit, which nobody sees here, and
/// brings tables of 10 KB, which every visitor would load.
fn decimal(text: &str) -> Option<f32> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (mut value, mut exponent, mut any, mut point) = (0u64, exponent, false, false);
    for letter in digits.bytes() {
        match letter {
            b'0'..=b'9' => {
                any = true;
                // more digits than fit change nothing
                let fits = value < u64::MAX / 16;
                if fits {
                    value = value * 10 + u64::from(letter - b'0');
                }
                exponent = exponent.saturating_add(i32::from(!fits) - i32::from(point));
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    // beyond these nothing but 0 or infinity is left
    let power = 10f64.powi(exponent.unsigned_abs().min(400) as i32);
    let size = match (value, exponent < 0) {
        (0, _) => 0.0,
        (value, true) => value as f64 / power,
        (value, false) => value as f64 * power,
    };
    any.then_some((sign * size) as f32)
}

fn missing(cell: &str) -> bool {
    ["", "?", "na", "n/a", "nan", "null", "none", "-", "inf", "-inf"].contains(&cell.to_ascii_lowercase().as_str())
}

/// The separator that gives the first rows the most cells, all the same number of them.
fn separator(text: &str) -> char {
    let head: String = text.lines().filter(|line| !line.trim().is_empty()).take(8).collect::<Vec<_>>().join("\n");
    let cells = |separator: char| {
        // a quote that is still open there says nothing of separators
        let found = split(&head, separator).or_else(|_| split(&head.replace('"', ""), separator)).unwrap_or_default();
        let counts: Vec<usize> = found.iter().map(|(_, row)| row.len()).collect();
        let first = counts.first().copied().unwrap_or(0);
        (counts.iter().all(|count| *count == first), first)
    };
    [',', ';', '\t'].into_iter().rev().max_by_key(|s| (cells(*s).1 > 1, cells(*s))).unwrap_or(',')
}

/// How many columns all rows have, or what is wrong with their shape.
fn check_shape(rows: &[(usize, Vec<String>)]) -> Result<usize, String> {
    let Some(wide) = rows.first().map(|(_, row)| row.len()) else {
        return Err("there is nothing in it. Expected rows of numbers, with the class in the last column".into());
    };
    if wide < 2 {
        return Err("it has one column. Expected numbers and, in the last column, the class, separated by commas, \
                    semicolons or tabs"
            .into());
    }
    if let Some((line, row)) = rows.iter().find(|(_, row)| row.len() != wide) {
        return Err(format!(
            "line {line} has {} columns, and the first has {wide}. Every row needs as many",
            row.len()
        ));
    }
    if rows.len() > MOST_ROWS + 1 {
        return Err(format!("it has {} rows; the limit is {MOST_ROWS}. Split it into parts", rows.len()));
    }
    Ok(wide)
}

/// Whether the first row holds headings: it has a word where all below it are numbers.
fn is_headed(rows: &[(usize, Vec<String>)], separator: char) -> bool {
    let is_number = |cell: &str| number(cell, separator).is_some();
    let columns = 0..rows[0].1.len() - 1;
    columns.into_iter().any(|at| {
        let below = rows[1..].iter().filter(|(_, row)| !missing(&row[at]));
        let (all, numbers) = below.fold((0, 0), |(all, n), (_, row)| (all + 1, n + usize::from(is_number(&row[at]))));
        !is_number(&rows[0].1[at]) && 2 * numbers > all
    })
}

/// The label of each row, and the names of the classes, from the last column.
fn classes(rows: &[(usize, Vec<String>)], separator: char, most: usize) -> Result<(Vec<u32>, Vec<String>), String> {
    let mut classes: Vec<String> = Vec::new();
    let mut labels = Vec::with_capacity(rows.len());
    for (line, row) in rows {
        let name = row.last().filter(|name| !name.is_empty());
        let name = name
            .ok_or_else(|| format!("line {line} has no class: its last column is empty. Fill it, or remove the row"))?;
        let label = classes.iter().position(|class| class == name).unwrap_or_else(|| {
            classes.push(name.clone());
            classes.len() - 1
        });
        labels.push(label as u32);
        if classes.len() > 1000 {
            break;
        }
    }
    if classes.len() < 2 {
        let name = &classes[0];
        return Err(format!("all rows have the class “{name}”. Expected two classes or more in the last column"));
    }
    if classes.len() > most {
        let numbers = classes.iter().filter(|name| number(name, separator).is_some()).count();
        let hint = match numbers * 2 > classes.len() {
            true => {
                "It looks like a number to predict: move the class to the last column, or replace the number with ranges \
                 such as low and high"
            }
            false => "Keep only the rows of fewer classes",
        };
        let found = if classes.len() > 1000 { "more than 1,000".to_owned() } else { classes.len().to_string() };
        return Err(format!(
            "the last column has {found} different classes, and this learner can tell {most} apart. {hint}"
        ));
    }
    Ok((labels, classes))
}

impl CsvTable {
    /// Reads a table of at most `most` classes.
    ///
    /// # Errors
    /// In words, with row and column where there are such.
    pub fn read(text: &str, most: usize) -> Result<CsvTable, String> {
        let text = text.trim_start_matches('\u{feff}');
        let separator = separator(text);
        let mut rows = split(text, separator)?;
        let wide = check_shape(&rows)?;
        let headed = is_headed(&rows, separator);
        let given = if headed { rows.remove(0).1 } else { Vec::new() };
        let headings: Vec<String> = (0..wide - 1)
            .map(|at| match given.get(at) {
                Some(name) if !name.is_empty() => name.clone(),
                _ => format!("column {}", at + 1),
            })
            .collect();
        if rows.len() < FEWEST_ROWS {
            return Err(format!("it has {} rows. Expected at least {FEWEST_ROWS}", rows.len()));
        }
        let mut columns = Vec::new();
        for (at, heading) in headings.iter().enumerate() {
            columns.push(column(&rows, at, heading, separator)?);
        }
        let width = columns.iter().map(Column::width).sum();
        if width > MOST_COLUMNS {
            return Err(format!(
                "it has {width} columns of numbers (each different word in a column counts once); the limit is \
                                {MOST_COLUMNS}. Leave some out"
            ));
        }
        let (labels, classes) = classes(&rows, separator, most)?;
        let mut csv = CsvTable { headings, columns, separator, width, values: Vec::new(), labels, classes, headed };
        for (line, row) in &rows {
            let values = csv.numbers(&row[..wide - 1]).map_err(|error| format!("line {line}, {error}"))?;
            csv.values.extend(values);
        }
        Ok(csv)
    }

    /// Values of a row that is typed or pasted, with or without a class at its end.
    ///
    /// # Errors
    /// In words, with the column.
    pub fn row(&self, text: &str) -> Result<Vec<f32>, String> {
        let expected = self.columns.len();
        let fits = |separator: char| {
            let row = split(text.trim(), separator).ok()?.into_iter().next()?.1;
            [expected, expected + 1].contains(&row.len()).then_some(row)
        };
        let spaced = || {
            let row: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            (row.len() == expected).then_some(row)
        };
        let found = [self.separator, ',', ';', '\t'].into_iter().find_map(fits).or_else(spaced);
        let Some(row) = found else {
            return Err(format!("expected {expected} values: {}", self.headings.join(", ")));
        };
        self.numbers(&row[..expected])
    }

    fn numbers(&self, row: &[String]) -> Result<Vec<f32>, String> {
        let mut values = Vec::with_capacity(self.width);
        for ((cell, column), heading) in row.iter().zip(&self.columns).zip(&self.headings) {
            match column {
                Column::Numbers => values.push(number(cell, self.separator).ok_or_else(|| match missing(cell) {
                    true => format!("“{heading}”: the value is missing. Fill it, or remove the row"),
                    false => format!("“{heading}”: expected a number, found “{cell}”"),
                })?),
                Column::Words(words) => {
                    let at = words
                        .iter()
                        .position(|word| word == cell)
                        .ok_or_else(|| format!("“{heading}”: expected one of {}, found “{cell}”", words.join(", ")))?;
                    values.extend((0..words.len()).map(|i| if i == at { 1.0 } else { 0.0 }));
                }
            }
        }
        Ok(values)
    }

    /// How the columns were taken, in words.
    pub fn words(&self) -> String {
        let spread = self.columns.iter().filter(|column| matches!(column, Column::Words(_))).count();
        match spread {
            0 => format!("{} columns of numbers", self.columns.len()),
            n => format!(
                "{} columns, {n} of them words, each turned into columns of 0 and 1 ({} values)",
                self.columns.len(),
                self.width
            ),
        }
    }
}

impl Column {
    fn width(&self) -> usize {
        match self {
            Column::Numbers => 1,
            Column::Words(words) => words.len(),
        }
    }
}

/// What column `at` holds.
fn column(rows: &Rows, at: usize, heading: &str, separator: char) -> Result<Column, String> {
    let cells = || rows.iter().map(|(line, row)| (*line, row[at].as_str()));
    if let Some((line, _)) = cells().find(|(_, cell)| missing(cell)) {
        return Err(format!("line {line}, “{heading}”: the value is missing. Fill it, or remove the row"));
    }
    let odd: Vec<(usize, &str)> = cells().filter(|(_, cell)| number(cell, separator).is_none()).collect();
    let Some((line, cell)) = odd.first().copied() else { return Ok(Column::Numbers) };
    if 2 * odd.len() < rows.len() {
        return Err(format!("line {line}, “{heading}”: expected a number, found “{cell}”"));
    }
    let mut words: Vec<String> = Vec::new();
    for (line, cell) in cells() {
        if words.iter().all(|word| word != cell) {
            words.push(cell.to_owned());
        }
        if words.len() > MOST_WORDS {
            return Err(format!(
                "line {line}, “{heading}”: expected numbers, or words of at most {MOST_WORDS} kinds, found “{cell}” and \
                 many others. Leave that column out"
            ));
        }
    }
    words.sort();
    Ok(Column::Words(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard_library_to_the_last_bit_but_one() {
        for text in [
            "0",
            "-0",
            "7",
            "+7",
            "-7.25",
            ".5",
            "5.",
            "0.1",
            "3.14159265358979",
            "1e3",
            "1E-3",
            "-2.5e+07",
            "1e38",
            "3.4028235e38",
            "1e39",
            "1e-45",
            "1e-50",
            "0e500",
            "1e400",
            "123456789012345678901234567890",
            "0.00000000000000000000012",
            "9007199254740993",
            "16777217",
            "33554433.5",
            "1e2147483647",
            "1e-2147483648",
        ] {
            let (ours, theirs) = (decimal(text).unwrap(), text.parse::<f32>().unwrap());
            let apart = i64::from(ours.to_bits()) - i64::from(theirs.to_bits());
            assert!(apart.abs() <= 1, "{text}: {ours} for {theirs}");
        }
        for text in
            ["", "-", ".", "e5", "1e", "1e5.5", "1.2.3", "--1", "1 2", "0x10", "1_000", "١", "nan", "inf", "1,5"]
        {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    const PLAIN: &str = "1,2,a\n3,4,b\n5,6,a\n7,8,b\n9,10,a\n11,12,c\n";

    #[test]
    fn separators_headings_and_quotes_are_found_out() {
        let plain = CsvTable::read(PLAIN, 20).unwrap();
        assert_eq!((plain.width, plain.headed, plain.labels.clone()), (2, false, vec![0, 1, 0, 1, 0, 2]));
        assert_eq!(plain.classes, ["a", "b", "c"]);
        assert_eq!(plain.values[..4], [1.0, 2.0, 3.0, 4.0]);
        for other in [
            PLAIN.replace(',', ";"),
            PLAIN.replace(',', "\t"),
            PLAIN.replace(',', " , "),
            PLAIN.replace('\n', "\r\n"),
            PLAIN.replace('\n', "\n\n"),
            format!("\u{feff}{PLAIN}"),
            PLAIN.trim_end().to_owned(),
            PLAIN.replace('a', "\"a\""),
        ] {
            let found = CsvTable::read(&other, 20).unwrap();
            assert_eq!(
                (found.values, found.labels, found.classes),
                (plain.values.clone(), plain.labels.clone(), plain.classes.clone()),
                "{other:?}"
            );
        }
        let headed = CsvTable::read(&format!("\"width, cm\",height,kind\n{PLAIN}"), 20).unwrap();
        assert!(headed.headed);
        assert_eq!(headed.headings, ["width, cm", "height"]);
        assert_eq!(headed.values, plain.values);
        // commas for points, where semicolons separate
        let german = CsvTable::read(&"1,5;2,5;ja\n2,5;1;nein\n".repeat(3), 20).unwrap();
        assert_eq!(german.values[..4], [1.5, 2.5, 2.5, 1.0]);
        let odd = CsvTable::read(&"1,\"say \"\"a\"\",\nthen b\"\n2,c\n".repeat(3), 20).unwrap();
        assert_eq!(odd.classes, ["say \"a\",\nthen b", "c"]);
    }

    #[test]
    fn words_are_spread_over_columns() {
        let text = "red,1,yes\nblue,2,no\ngreen,3,yes\nred,4,no\nred,5,no\nblue,6,yes\n";
        let csv = CsvTable::read(&format!("colour,size,buy\n{text}"), 20).unwrap();
        assert_eq!((csv.width, csv.headed), (4, true));
        // blue, green, red
        assert_eq!(csv.values[..8], [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 2.0]);
        assert!(csv.words().contains("1 of them words"));
        assert_eq!(csv.row("green, 9").unwrap(), [0.0, 1.0, 0.0, 9.0]);
        assert_eq!(csv.row("green;9;yes").unwrap(), [0.0, 1.0, 0.0, 9.0]);
        assert_eq!(csv.row("blue 2.5").unwrap(), [1.0, 0.0, 0.0, 2.5]);
        for (bad, words) in
            [("pink,1", "blue, green, red"), ("red", "expected 2 values"), ("red,x", "“size”"), ("red,,", "“size”")]
        {
            let said = csv.row(bad).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn each_fault_names_its_place() {
        let classes: String = (0..30).map(|i| format!("{i},k{i}\n")).collect();
        let target: String = (0..30).map(|i| format!("{i},{}\n", f64::from(i) * 0.37)).collect();
        let words: String = (0..30).map(|i| format!("w{i},{}\n", i % 2)).collect();
        let wide: String = (0..8).map(|i| format!("{}k{}\n", "1,".repeat(1025), i % 2)).collect();
        for (bad, all) in [
            (String::new(), vec!["nothing in it"]),
            ("\n\n".into(), vec!["nothing in it"]),
            ("1\n2\n3\n4\n5\n6\n7\n".into(), vec!["one column"]),
            ("1,2,a\n3,4,b\n".into(), vec!["2 rows"]),
            (format!("{PLAIN}1,a\n"), vec!["line 7", "2 columns"]),
            (PLAIN.replace("5,6", "5,"), vec!["line 3", "column 2", "missing"]),
            (format!("x,y,k\n{}", PLAIN.replace("5,6", "NA,6")), vec!["line 4", "“x”", "missing"]),
            (PLAIN.replace("5,6", "5,six"), vec!["line 3", "column 2", "“six”"]),
            (PLAIN.replace("5,6", "5,inf"), vec!["line 3", "column 2"]),
            (PLAIN.replace("5,6,a", "5,6,"), vec!["line 3", "no class"]),
            (PLAIN.replace(['b', 'c'], "a"), vec!["“a”", "two classes"]),
            (PLAIN.replace("5,6,a", "5,6,\"a"), vec!["line 3", "quote"]),
            (classes, vec!["30 different classes", "20", "fewer"]),
            (target, vec!["30 different", "number to predict"]),
            (words, vec!["line 21", "column 1", "w20", "20 kinds"]),
            (wide, vec!["1025 columns", "1024"]),
        ] {
            let said = CsvTable::read(&bad, 20).unwrap_err();
            for part in all {
                assert!(said.contains(part), "`{part}` is not in `{said}`");
            }
        }
    }
}
