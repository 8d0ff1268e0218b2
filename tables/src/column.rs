//! What a column of cells holds.

use std::collections::HashMap;

use crate::date::{self, Order};
use crate::grid::Declared;
use crate::number::{self, Writing};

/// Most different words that a column is spread over.
pub const MOST_WORDS: usize = 50;
/// Fewest rows from which something is concluded about a column of values that never come twice.
const FEWEST_ROWS: usize = 6;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Numbers.
    Number(Writing),
    /// Dates and times, as seconds.
    Date(Order),
    /// Words, sorted: one of a few.
    Category(Vec<String>),
}

impl Kind {
    /// What it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Number(_) => "number",
            Kind::Date(_) => "date",
            Kind::Category(_) => "category",
        }
    }
}

/// Why a column is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// It is the class.
    Class,
    /// Every cell is empty.
    Empty,
    /// Every cell is the same.
    Constant,
    /// It counts the rows.
    RowNumbers,
    /// No value comes twice, and its heading or its words say that it names the rows.
    Identifiers,
    /// It has more different words than can be spread over columns.
    ManyWords(usize),
    /// Somebody chose so.
    Chosen,
}

impl LeftOut {
    /// The reason as a person reads it.
    pub fn reason(&self) -> String {
        match self {
            LeftOut::Class => "it is the class".into(),
            LeftOut::Empty => "it is empty".into(),
            LeftOut::Constant => "it is the same in every row".into(),
            LeftOut::RowNumbers => "it counts the rows".into(),
            LeftOut::Identifiers => "it names each row".into(),
            LeftOut::ManyWords(count) => format!("it has {count} different words"),
            LeftOut::Chosen => "left out by choice".into(),
        }
    }
}

/// The values of a column, by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers or seconds; NaN where the value is missing.
    Numbers(Vec<f64>),
    /// Places in the list of words; `None` where the value is missing.
    Words(Vec<Option<u32>>),
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its heading, or `column 3`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Its values.
    pub values: Values,
    /// Cells without a value.
    pub missing: usize,
    /// Why it is not used, if it is not.
    pub left_out: Option<LeftOut>,
}

/// Whether a cell stands for a missing value in a column of numbers or dates.
pub fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 16] =
        ["", "?", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", ".", "inf", "-inf", "+inf", "missing"];
    WORDS.contains(&cell.to_ascii_lowercase().as_str())
}

/// Whether a cell stands for a missing value in a column of words, where `NA` can be North America and `none` a word.
pub fn is_missing_word(cell: &str) -> bool {
    matches!(cell, "" | "?" | "#N/A" | "NaN" | "nan")
}

impl Column {
    /// Finds out what cells hold. `comma` says that the table writes commas for points; `declared` is what the file says.
    pub fn of(name: String, cells: &[&str], comma: bool, declared: Option<&Declared>) -> Column {
        let kind = match declared {
            Some(Declared::Number) => numbers(cells, false),
            Some(Declared::Date) => dates(cells),
            Some(Declared::Category(words)) => Some(Kind::Category(words.clone())),
            Some(Declared::Text) => None,
            None => numbers(cells, comma).or_else(|| dates(cells)),
        };
        let kind = kind.unwrap_or_else(|| Kind::Category(words(cells)));
        let mut column = Column { name, values: Values::Numbers(Vec::new()), kind, missing: 0, left_out: None };
        column.values = column.values_of(cells);
        column.missing = match &column.values {
            Values::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Values::Words(values) => values.iter().filter(|value| value.is_none()).count(),
        };
        column.left_out = column.useless();
        column
    }

    /// Whether its values are inputs of the learner.
    pub fn used(&self) -> bool {
        self.left_out.is_none()
    }

    /// The values of other cells in this column's kind. A number that cannot be read and a word that is not known are
    /// missing.
    pub fn values_of(&self, cells: &[&str]) -> Values {
        match &self.kind {
            Kind::Number(writing) => {
                Values::Numbers(cells.iter().map(|cell| writing.read(cell).unwrap_or(f64::NAN)).collect())
            }
            Kind::Date(order) => {
                Values::Numbers(cells.iter().map(|cell| order.read(cell).unwrap_or(f64::NAN)).collect())
            }
            Kind::Category(words) => {
                let places: HashMap<&str, u32> =
                    words.iter().enumerate().map(|(at, word)| (word.as_str(), at as u32)).collect();
                Values::Words(cells.iter().map(|cell| places.get(*cell).copied()).collect())
            }
        }
    }

    /// How many cells are there and mean nothing in this column's kind: no number, no date, no word that is known.
    pub fn unreadable(&self, cells: &[&str]) -> usize {
        let there = |cell: &str| match self.kind {
            Kind::Category(_) => !is_missing_word(cell),
            _ => !is_missing(cell),
        };
        let known: Vec<bool> = match self.values_of(cells) {
            Values::Numbers(values) => values.iter().map(|value| !value.is_nan()).collect(),
            Values::Words(values) => values.iter().map(Option::is_some).collect(),
        };
        cells.iter().zip(known).filter(|(cell, known)| !known && there(cell)).count()
    }

    /// Different values.
    pub fn distinct(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => {
                let mut bits: Vec<u64> =
                    values.iter().filter(|value| !value.is_nan()).map(|value| (value + 0.0).to_bits()).collect();
                bits.sort_unstable();
                bits.dedup();
                bits.len()
            }
            Values::Words(values) => {
                let mut known: Vec<u32> = values.iter().flatten().copied().collect();
                known.sort_unstable();
                known.dedup();
                known.len()
            }
        }
    }

    /// Why nothing can be learned from it.
    fn useless(&self) -> Option<LeftOut> {
        let rows = self.len();
        let (known, distinct) = (rows - self.missing, self.distinct());
        if known == 0 {
            return Some(LeftOut::Empty);
        }
        if distinct < 2 && self.missing == 0 {
            return Some(LeftOut::Constant);
        }
        let all_different = self.missing == 0 && distinct == rows && rows >= FEWEST_ROWS;
        match &self.values {
            Values::Numbers(values) if all_different => {
                let first = values.iter().copied().fold(f64::INFINITY, f64::min);
                let last = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let whole = values.iter().all(|value| value.fract() == 0.0);
                let in_order = values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
                // every number from 0 or 1 on, also when the rows were shuffled
                let counts = whole && last - first + 1.0 == rows as f64 && (in_order || first == 0.0 || first == 1.0);
                if counts {
                    return Some(LeftOut::RowNumbers);
                }
                (whole && names_rows(&self.name)).then_some(LeftOut::Identifiers)
            }
            Values::Numbers(_) => None,
            Values::Words(_) if all_different => Some(LeftOut::Identifiers),
            Values::Words(_) => (distinct > MOST_WORDS).then_some(LeftOut::ManyWords(distinct)),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.len(),
            Values::Words(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a heading says that its column names the rows.
fn names_rows(name: &str) -> bool {
    const NAMES: [&str; 14] =
        ["", "id", "index", "idx", "key", "uuid", "guid", "no", "nr", "no.", "nr.", "number", "row", "#"];
    let name = name.trim().to_lowercase();
    NAMES.contains(&name.as_str()) || [" id", "_id", "-id", "number"].iter().any(|end| name.ends_with(end))
}

fn numbers(cells: &[&str], comma: bool) -> Option<Kind> {
    let known = cells.iter().copied().filter(|cell| !is_missing(cell));
    known.clone().next()?;
    number::writing(known, comma).map(Kind::Number)
}

fn dates(cells: &[&str]) -> Option<Kind> {
    let known = cells.iter().copied().filter(|cell| !is_missing(cell));
    known.clone().next()?;
    date::order(known).map(Kind::Date)
}

/// The different words, sorted.
fn words(cells: &[&str]) -> Vec<String> {
    let mut words: Vec<&str> = cells.iter().copied().filter(|cell| !is_missing_word(cell)).collect();
    words.sort_unstable();
    words.dedup();
    words.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: &str) -> Column {
        let cells: Vec<&str> = cells.split(' ').map(|cell| if cell == "_" { "" } else { cell }).collect();
        Column::of(name.into(), &cells, false, None)
    }

    #[test]
    fn kinds_and_missing_values_are_found_out() {
        let numbers = column("x", "1 2.5 NA ? _ 7 inf");
        assert!(matches!(numbers.kind, Kind::Number(_)) && numbers.missing == 4 && numbers.used());
        let dates = column("day", "2026-01-01 2026-02-01 _ 2026-01-01");
        assert!(matches!(dates.kind, Kind::Date(_)) && dates.missing == 1);
        // North America is a word among words
        let continents = column("continent", "NA SA NA AS _ SA");
        assert_eq!(continents.kind, Kind::Category(["AS", "NA", "SA"].map(String::from).to_vec()));
        assert_eq!(continents.missing, 1);
    }

    #[test]
    fn what_teaches_nothing_is_left_out_with_its_reason() {
        for (name, cells, left_out) in [
            ("x", "1 1 1 1 1 1 1", Some(LeftOut::Constant)),
            ("x", "_ _ _ _ _ _ _", Some(LeftOut::Empty)),
            ("", "0 1 2 3 4 5 6", Some(LeftOut::RowNumbers)),
            ("x", "3 1 2 7 5 6 4", Some(LeftOut::RowNumbers)),
            ("x", "103 104 105 106 107 108", Some(LeftOut::RowNumbers)),
            ("patient_id", "1034 774 112 9938 2 17", Some(LeftOut::Identifiers)),
            ("name", "ann bob cy dee eve fay", Some(LeftOut::Identifiers)),
            ("income", "1034 774 112 9938 2 17", None),
            ("stamp", "1764288742 1764288980 1764290023 1764289083 1764288483 1764288001", None),
            ("x", "1 1 1 1 1 _ _", None),
            ("x", "a b a b a b", None),
        ] {
            assert_eq!(column(name, cells).left_out, left_out, "{name}: {cells}");
        }
        let many: Vec<String> = (0..120).map(|at| format!("w{}", at % 60)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(Column::of("x".into(), &many, false, None).left_out, Some(LeftOut::ManyWords(60)));
    }
}
