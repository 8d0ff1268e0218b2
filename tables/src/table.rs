//! What a table means: its heading, its class, its columns.

use std::collections::{HashMap, HashSet};

use crate::column::{Column, LeftOut, is_missing, is_missing_word};
use crate::date;
use crate::error::TableError;
use crate::grid::{Grid, Row};
use crate::number;

/// Most different numbers of a column that is taken for the class unasked, and most of one that holds measurements.
const MOST_NUMBERS: usize = 20;
/// Spellings of one class that a note names.
const MOST_SPELLINGS: usize = 8;

/// What a person has chosen about a table; the rest is found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// Whether the first row is the heading.
    pub heading: Option<bool>,
    /// The class: a heading, or the number of a column from 1.
    pub class: Option<String>,
    /// Columns to leave out, named like the class.
    pub leave_out: Vec<String>,
    /// Columns to use although they would be left out.
    pub keep: Vec<String>,
    /// Most classes that the learner can tell apart.
    pub most_classes: usize,
}

impl Default for Choices {
    fn default() -> Self {
        Choices { heading: None, class: None, leave_out: Vec::new(), keep: Vec::new(), most_classes: MOST_NUMBERS }
    }
}

/// A table whose meaning is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// All columns, the class among them.
    pub columns: Vec<Column>,
    /// Place of the class among the columns.
    pub class: usize,
    /// Names of the classes, in the order in which they come.
    pub class_names: Vec<String>,
    /// Class of each row; `None` where it is missing: such rows can be asked about.
    pub labels: Vec<Option<u32>>,
    /// Line of the file of each row.
    pub lines: Vec<usize>,
    /// Whether the first row was the heading.
    pub headed: bool,
    /// What was concluded and done that a person should know, each a sentence.
    pub notes: Vec<String>,
}

impl Table {
    /// Finds out what a grid means, and takes it.
    ///
    /// # Errors
    /// As [`Table::of`].
    pub fn new(grid: Grid, choices: &Choices) -> Result<Table, TableError> {
        Table::of(&grid, choices)
    }

    /// Finds out what a grid means.
    ///
    /// # Errors
    /// Too few rows, no column that can be the class, a choice that does not fit, more classes than the learner can tell
    /// apart.
    pub fn of(grid: &Grid, choices: &Choices) -> Result<Table, TableError> {
        let Grid { rows, width, declared, heading, separator, notes } = grid;
        let (width, mut notes) = (*width, notes.clone());
        let apart = heading.is_some();
        let headed = !apart && choices.heading.unwrap_or_else(|| has_heading(rows, width));
        let rows = &rows[usize::from(headed).min(rows.len())..];
        let given: &[String] = match heading {
            Some(names) => names,
            None if headed => &grid.rows[0].cells,
            None => &[],
        };
        if rows.is_empty() {
            return Err(TableError::new(
                "there is a heading and no row. Expected rows of values, with a class for each",
            ));
        }
        if rows.len() < 2 {
            return Err(TableError::new("there is one row. Expected several rows, each with values and a class"));
        }
        if width < 2 {
            return Err(TableError::new(
                "it has one column. Expected values and a class in each row, separated by commas, semicolons or tabs",
            ));
        }
        let names = names(given, width);
        let cells: Vec<Vec<&str>> =
            (0..width).map(|at| rows.iter().map(|row| row.cells[at].as_str()).collect()).collect();
        // a semicolon separates where commas are points, unless the points are there to be seen
        let comma = cells.iter().any(|column| shows_point(column, ','))
            || *separator == Some(';') && !cells.iter().any(|column| shows_point(column, '.'));
        let mut columns: Vec<Column> = names
            .into_iter()
            .enumerate()
            .map(|(at, name)| Column::of(name, &cells[at], comma, declared.get(at).map(|found| &found.kind)))
            .collect();
        let class = match &choices.class {
            Some(name) => place(&columns, name)?,
            None => guess_class(&columns, &cells, choices.most_classes, apart || headed)?,
        };
        columns[class].left_out = Some(LeftOut::Class);
        for name in &choices.keep {
            let at = place(&columns, name)?;
            if at != class {
                columns[at].left_out = None;
            }
        }
        for name in &choices.leave_out {
            let at = place(&columns, name)?;
            if at == class {
                return Err(TableError::new("the class cannot be left out").in_column(name));
            }
            columns[at].left_out = Some(LeftOut::Chosen);
        }
        let (class_names, labels, merged) = classes(&cells[class]);
        notes.extend(merged);
        let chosen = choices.class.is_some() || (headed || apart) && named_as_class(&columns[class].name) > 0.0;
        check_classes(&columns[class].name, &class_names, choices.most_classes, chosen)?;
        if !columns.iter().any(Column::used) {
            return Err(TableError::new("no column is left to learn from, beside the class"));
        }
        let unlabelled = labels.iter().filter(|label| label.is_none()).count();
        if unlabelled > 0 {
            let rows = if unlabelled == 1 { "row has" } else { "rows have" };
            notes.push(format!("{unlabelled} {rows} no class: asked about, not learned from."));
        }
        let lines = rows.iter().map(|row| row.line).collect();
        Ok(Table { columns, class, class_names, labels, lines, headed: headed || apart, notes })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class that a cell names, in any of its spellings.
    pub fn class_of(&self, cell: &str) -> Option<u32> {
        if is_missing_word(cell) {
            return None;
        }
        let key = class_key(cell);
        self.class_names.iter().position(|name| class_key(name) == key).map(|class| class as u32)
    }

    /// Columns that are left out, the class aside, each with its reason.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, &LeftOut)> {
        self.columns
            .iter()
            .filter_map(|column| Some((column.name.as_str(), column.left_out.as_ref()?)))
            .filter(|(_, why)| **why != LeftOut::Class)
    }
}

/// Headings for all columns: given, or `column 3`; a second `x` becomes `x (2)`.
pub(crate) fn names(given: &[String], width: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(width);
    // a stranger's table may give one name to thousands of columns: none of them is compared with all the others
    let mut taken = HashSet::new();
    let mut next: HashMap<String, usize> = HashMap::new();
    for at in 0..width {
        let name = match given.get(at).map(|name| name.trim()) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("column {}", at + 1),
        };
        let mut unique = name.clone();
        let number = next.entry(name.clone()).or_insert(2);
        while !taken.insert(unique.clone()) {
            unique = format!("{name} ({number})");
            *number += 1;
        }
        names.push(unique);
    }
    names
}

/// Place of a column that is named by heading, regardless of case where that is unambiguous, or by number from 1.
fn place(columns: &[Column], name: &str) -> Result<usize, TableError> {
    let exact = columns.iter().position(|column| column.name == name);
    let mut alike =
        (0..columns.len()).filter(|at| columns[*at].name.trim().to_lowercase() == name.trim().to_lowercase());
    let only = alike.next().filter(|_| alike.next().is_none());
    let number = name.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < columns.len());
    exact.or(only).or(number).ok_or_else(|| {
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).take(30).collect();
        TableError::new(format!(
            "there is no column “{name}”. Expected one of: {}; or a number from 1 to {}",
            known.join(", "),
            columns.len()
        ))
    })
}

fn is_value(cell: &str) -> bool {
    number::is_number(cell) || date::order([cell].into_iter()).is_some()
}

/// Whether a column has this point beyond doubt: no other writing fits, and it cannot separate thousands.
fn shows_point(cells: &[&str], point: char) -> bool {
    let known = cells.iter().copied().filter(|cell| !is_missing(cell));
    let other = number::Writing { point: if point == ',' { '.' } else { ',' }, group: None };
    let this = number::Writing { point, group: None };
    let shown = |cell: &str| cell.split_once(point).is_some_and(|(_, fraction)| fraction.len() != 3);
    let (mut read, mut read_other, mut any) = (true, true, false);
    for cell in known {
        read &= this.read(cell).is_some();
        read_other &= other.read(cell).is_some();
        any |= shown(cell);
        if !read {
            return false;
        }
    }
    any && !read_other
}

/// Whether the first row is a heading: words over numbers, a run of years or counts over numbers, or, where all is words,
/// words that never come again below.
pub fn has_heading(rows: &[Row], width: usize) -> bool {
    let Some((first, below)) = rows.split_first().filter(|(_, below)| !below.is_empty()) else { return false };
    let column = |at: usize| below.iter().map(move |row| row.cells[at].as_str()).filter(|cell| !is_missing(cell));
    // 0, 1, 2, … as pandas names columns, and years; numbers may be as far apart as two of 64 bits
    let follows = |a: i64, b: i64| a.checked_add(1) == Some(b);
    let whole: Vec<Option<i64>> = first.cells.iter().map(|cell| cell.parse().ok()).collect();
    let run = whole
        .windows(3)
        .any(|three| matches!(three, [Some(a), Some(b), Some(c)] if follows(*a, *b) && follows(*b, *c)));
    let (mut over_values, mut values_over_values, mut fresh, mut again) = (0, 0, 0, 0);
    for at in 0..width {
        let top = first.cells[at].as_str();
        let (mut all, mut values, mut same) = (0usize, 0usize, 0usize);
        for cell in column(at).take(1000) {
            all += 1;
            values += usize::from(is_value(cell));
            same += usize::from(cell == top);
        }
        if all == 0 {
            continue;
        }
        let mostly_values = values * 5 > all * 4;
        match (mostly_values, is_value(top), is_missing(top)) {
            (true, false, false) => over_values += 1,
            (true, true, _) if !run => values_over_values += 1,
            (false, false, false) if same == 0 => fresh += 1,
            (false, _, false) if same > 0 => again += 1,
            _ => {}
        }
    }
    if over_values > 0 || values_over_values > 0 {
        return over_values > values_over_values;
    }
    if run {
        return true;
    }
    // words alone: a heading's words are none of the column's, whose own words come again and again
    let repeated = (0..width).any(|at| {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        column(at).for_each(|cell| *seen.entry(cell).or_default() += 1);
        let all: usize = seen.values().sum();
        all >= 2 * seen.len()
    });
    again == 0 && fresh > 0 && repeated && below.len() >= 3
}

/// Headings that name a class, and how strongly.
fn named_as_class(name: &str) -> f64 {
    const STRONG: [&str; 16] = [
        "class",
        "label",
        "target",
        "y",
        "outcome",
        "classes",
        "labels",
        "klasse",
        "classe",
        "clase",
        "etikett",
        "verdict",
        "diagnosis",
        "species",
        "category",
        "survived",
    ];
    const WEAK: [&str; 13] = [
        "type", "kind", "group", "quality", "result", "response", "output", "decision", "status", "grade", "churn",
        "income", "variety",
    ];
    let name = name.trim().to_lowercase();
    if STRONG.contains(&name.as_str()) {
        return 4.0;
    }
    if WEAK.contains(&name.as_str()) {
        return 1.5;
    }
    // `iris_class`, `class label`
    let parts = name.split(|c: char| !c.is_alphanumeric());
    if parts.into_iter().any(|part| matches!(part, "class" | "label" | "target" | "klasse")) { 3.0 } else { 0.0 }
}

/// Guesses the class by heading, place, and number of values.
fn guess_class(columns: &[Column], cells: &[Vec<&str>], most: usize, named: bool) -> Result<usize, TableError> {
    let rows = cells[0].len();
    let score = |at: usize| {
        let (names, labels, _) = classes(&cells[at]);
        let known = labels.iter().flatten().count();
        // every class of a few rows at least
        let words = !names.iter().all(|name| is_value(name));
        let whole = names.iter().all(|name| name.parse::<i64>().is_ok());
        let mut score = if named { named_as_class(&columns[at].name) } else { 0.0 };
        let most = if words || (whole && score > 0.0) { most } else { most.min(MOST_NUMBERS) };
        if names.len() < 2 || names.len() > most || known < 2 * names.len() {
            return None;
        }
        score += if at + 1 == columns.len() {
            2.0
        } else if at == 0 {
            1.0
        } else {
            0.0
        };
        score += if words {
            1.0
        } else if whole {
            0.0
        } else {
            -3.0
        };
        let mut pair: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        pair.sort();
        let opposites = [
            ["no", "yes"],
            ["false", "true"],
            ["ja", "nein"],
            ["f", "t"],
            ["n", "y"],
            ["neg", "pos"],
            ["negative", "positive"],
            ["non", "oui"],
            ["no", "si"],
        ];
        if opposites.iter().any(|both| pair == both) {
            score += 1.5;
        }
        // a class that is missing here and there is an odd one
        score -= 2.0 * (rows - known) as f64 / rows as f64;
        Some(score)
    };
    let mut best: Option<(f64, usize)> = None;
    for at in 0..columns.len() {
        if let Some(found) = score(at)
            && best.is_none_or(|(before, _)| found >= before)
        {
            best = Some((found, at));
        }
    }
    if let Some((_, at)) = best {
        return Ok(at);
    }
    // nothing fits: the last column is what most files mean, and its fault can be named
    let last = columns.len() - 1;
    let (names, _, _) = classes(&cells[last]);
    check_classes(&columns[last].name, &names, most, false)?;
    if rows >= 2 * names.len() || rows < 6 {
        return Ok(last);
    }
    Err(TableError::new(format!(
        "no column can be the class: expected one with 2 to {most} different values that come again, found {} in “{}”. \
         Name the class",
        names.len(),
        columns[last].name
    )))
}

/// Names of the classes, the class of each row, and a note where spellings were taken as one.
fn classes(cells: &[&str]) -> (Vec<String>, Vec<Option<u32>>, Option<String>) {
    struct Found<'a> {
        spellings: Vec<(&'a str, usize)>,
    }
    let mut found: Vec<Found> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // class and place among its spellings of each spelling: a class may have thousands
    let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
    let mut labels = Vec::with_capacity(cells.len());
    for cell in cells {
        if is_missing_word(cell) {
            labels.push(None);
            continue;
        }
        let (at, spelling) = *known.entry(cell).or_insert_with(|| {
            let at = *places.entry(class_key(cell)).or_insert_with(|| {
                found.push(Found { spellings: Vec::new() });
                found.len() - 1
            });
            found[at].spellings.push((cell, 0));
            (at, found[at].spellings.len() - 1)
        });
        found[at].spellings[spelling].1 += 1;
        labels.push(Some(at as u32));
    }
    let mut merged = Vec::new();
    let names = found
        .iter()
        .map(|class| {
            if class.spellings.len() > 1 {
                let some: Vec<&str> =
                    class.spellings.iter().take(MOST_SPELLINGS).map(|(spelling, _)| *spelling).collect();
                let more = class.spellings.len() - some.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                merged.push(some.join(" = ") + &more);
            }
            // the commonest, of equals the first
            let most = class.spellings.iter().map(|(_, count)| *count).max().unwrap_or(0);
            let name = class.spellings.iter().find(|(_, count)| *count == most).map(|(name, _)| *name);
            let name = name.unwrap_or_default();
            // spreadsheets make 3.0 of 3
            name.strip_suffix(".0").filter(|whole| whole.parse::<i64>().is_ok()).unwrap_or(name).to_owned()
        })
        .collect();
    let note = (!merged.is_empty()).then(|| format!("Taken as one class: {}.", merged.join("; ")));
    (names, labels, note)
}

/// What two spellings of one class share: `Yes`, ` yes` and `YES`; `1` and `1.0`.
fn class_key(cell: &str) -> String {
    if let Ok(number) = cell.parse::<f64>()
        && number.is_finite()
    {
        return format!("{}", number + 0.0);
    }
    cell.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// `chosen` says that somebody, or the heading, calls it the class: then whole numbers may be names.
fn check_classes(column: &str, names: &[String], most: usize, chosen: bool) -> Result<(), TableError> {
    let found = names.len();
    let numbers = names.iter().filter(|name| is_value(name)).count() * 2 > found;
    // fractions, times and the like are measured
    let measured = numbers && names.iter().any(|name| is_value(name) && name.parse::<i64>().is_err());
    let words = match found {
        0 => "every cell is empty; expected the class of each row".to_owned(),
        1 => {
            let only = &names[0];
            format!("all rows have the class “{only}”; expected two classes or more. Is another column the class?")
        }
        _ if found > most || ((measured || (numbers && !chosen)) && found > MOST_NUMBERS) => {
            let limit = match found > most {
                true => format!("it has {found} different values, and the learner can tell {most} classes apart"),
                false => format!("it has {found} different values, and they are numbers"),
            };
            let advice = match numbers {
                true if measured || found > most => {
                    "It looks like a number to predict: name another column as the class, or replace the number with ranges such as low and high"
                }
                true => {
                    "It looks like a number to predict: name another column as the class, or this one if each number is a class of its own"
                }
                false => "Keep the rows of fewer classes, or name another column as the class",
            };
            format!("{limit}. {advice}")
        }
        _ => return Ok(()),
    };
    Err(TableError::new(words).in_column(column))
}
