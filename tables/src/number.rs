//! Numbers in the writing of any country.
//!
//! How numbers are written is decided for a whole column, never for a cell: `1.200` is 1.2 beside `0.5` and 1200 beside
//! `1.200,50`, and only the other cells of its column can tell.

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writing {
    /// What separates the fraction.
    pub point: char,
    /// What may separate groups of three digits.
    pub group: Option<char>,
}

impl Writing {
    /// `1234.5`, as programs write it.
    pub const PLAIN: Writing = Writing { point: '.', group: None };

    /// Every writing that is tried, the likeliest first: English, German, French, Swiss.
    const ALL: [Writing; 8] = [
        Writing::PLAIN,
        Writing { point: ',', group: None },
        Writing { point: '.', group: Some(',') },
        Writing { point: ',', group: Some('.') },
        Writing { point: '.', group: Some(' ') },
        Writing { point: ',', group: Some(' ') },
        Writing { point: '.', group: Some('\'') },
        Writing { point: ',', group: Some('\'') },
    ];

    /// The number that a cell holds in this writing. Signs, exponents, a percent sign, a currency and accountants'
    /// brackets are understood; infinities are not numbers.
    pub fn read(self, cell: &str) -> Option<f64> {
        let (negative, body) = body(cell)?;
        let (mantissa, exponent) = match body.find(['e', 'E']) {
            Some(at) => (&body[..at], Some(&body[at + 1..])),
            None => (body, None),
        };
        let (whole, fraction) = match mantissa.split_once(self.point) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let mut plain = String::with_capacity(cell.len());
        if negative {
            plain.push('-');
        }
        match self.group.map(|group| whole.split(|c| is_group(c, group)).collect::<Vec<_>>()) {
            Some(parts) if parts.len() > 1 => {
                let first = parts[0].len();
                if !(1..=3).contains(&first) || parts[1..].iter().any(|part| part.len() != 3) {
                    return None;
                }
                if !parts.iter().all(|part| digits(part)) {
                    return None;
                }
                parts.iter().for_each(|part| plain.push_str(part));
            }
            _ if digits(whole) => plain.push_str(whole),
            _ => return None,
        }
        if let Some(fraction) = fraction {
            if !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
                return None;
            }
            plain.push('.');
            plain.push_str(fraction);
        } else if whole.is_empty() {
            return None;
        }
        if let Some(exponent) = exponent {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if unsigned.is_empty() || !digits(unsigned) {
                return None;
            }
            plain.push('e');
            plain.push_str(exponent);
        }
        plain.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// Whether a cell shows this writing: it has a sign that other writings would read as something else.
    fn shown_by(self, cell: &str) -> bool {
        let Some((_, body)) = body(cell) else { return false };
        let Some(group) = self.group else { return body.contains(self.point) };
        body.contains(|c| is_group(c, group))
    }
}

/// Spaces of all widths are one sign, and so are apostrophes.
fn is_group(found: char, group: char) -> bool {
    match group {
        ' ' => matches!(found, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
        '\'' => matches!(found, '\'' | '\u{2019}'),
        group => found == group,
    }
}

/// Sign and what follows it, without currency, percent sign and accountants' brackets.
fn body(cell: &str) -> Option<(bool, &str)> {
    const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₹'];
    let mut text = cell.trim();
    let mut negative = false;
    if let Some(inside) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        (text, negative) = (inside, true);
    }
    for _ in 0..2 {
        text = text.trim_start_matches(CURRENCIES).trim_start();
        if let Some(rest) = text.strip_prefix(['-', '−']) {
            if negative {
                return None;
            }
            (text, negative) = (rest, true);
        } else if let Some(rest) = text.strip_prefix('+') {
            text = rest;
        } else {
            break;
        }
    }
    text = text.trim_end_matches('%').trim_end_matches(CURRENCIES).trim_end();
    text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',').then_some((negative, text))
}

/// Whether a cell is a number in any writing.
pub fn is_number(cell: &str) -> bool {
    Writing::ALL.iter().any(|writing| writing.read(cell).is_some())
}

/// What a column's cells say about a mark that is a point in one writing and separates groups in another.
struct Marks {
    /// Cells with the mark, each with exactly three digits after it, and one to three before it that do not begin with 0.
    like_groups: usize,
    /// Cells with the mark that can be no groups.
    others: usize,
    /// Whole numbers without it, below and from 1,000.
    small: usize,
    large: usize,
}

fn marks<'a>(cells: impl Iterator<Item = &'a str>, mark: char) -> Marks {
    let mut marks = Marks { like_groups: 0, others: 0, small: 0, large: 0 };
    for cell in cells {
        let Some((_, body)) = body(cell) else { continue };
        let parts: Vec<&str> = body.split(mark).collect();
        if parts.len() == 1 {
            match body.bytes().all(|byte| byte.is_ascii_digit()) {
                true if body.len() <= 3 => marks.small += 1,
                true => marks.large += 1,
                false => {}
            }
        } else if (1..=3).contains(&parts[0].len())
            && !parts[0].starts_with('0')
            && parts[1..].iter().all(|part| part.len() == 3)
        {
            marks.like_groups += 1;
        } else {
            marks.others += 1;
        }
    }
    marks
}

/// The writing of a column of numbers; `None` where some cell is no number in any one writing. `comma` says that the rest of
/// the table writes commas for points (its separator is a semicolon, or another column shows it).
pub fn writing<'a>(cells: impl Iterator<Item = &'a str> + Clone, comma: bool) -> Option<Writing> {
    let reads = |writing: &Writing| cells.clone().all(|cell| writing.read(cell).is_some());
    let possible: Vec<Writing> = Writing::ALL.into_iter().filter(reads).collect();
    let first = *possible.first()?;
    if possible.len() == 1 {
        return Some(first);
    }
    // A mark that every cell can carry as a group and as a point: `1.200`, `2,500`.
    for (mark, other) in [('.', ','), (',', '.')] {
        let group = Writing { point: other, group: Some(mark) };
        let point = Writing { point: mark, group: None };
        if !(possible.contains(&group) && possible.contains(&point) && cells.clone().any(|c| group.shown_by(c))) {
            continue;
        }
        let found = marks(cells.clone(), mark);
        let grouped = if found.others > 0 || found.large > 0 {
            false
        } else if found.small > 0 {
            // whole numbers below a thousand beside it: a fraction of always three digits would be odd
            true
        } else {
            // nothing but cells like 1.200: what the rest of the table does
            (mark == '.') == comma
        };
        return Some(if grouped { group } else { point });
    }
    Some(first)
}

/// The value of IEEE 754 binary16.
#[cfg(any(feature = "numpy", feature = "parquet"))]
pub(crate) fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &str, comma: bool) -> Option<Vec<f64>> {
        let cells: Vec<&str> = cells.split_whitespace().collect();
        let writing = writing(cells.iter().copied(), comma)?;
        Some(cells.iter().map(|cell| writing.read(cell).unwrap()).collect())
    }

    #[test]
    fn a_column_is_read_in_one_writing() {
        for (cells, comma, values) in [
            ("1 2.5 -3e2 +4.0E-1 .5 6.", false, vec![1.0, 2.5, -300.0, 0.4, 0.5, 6.0]),
            ("1,5 2 0,25", false, vec![1.5, 2.0, 0.25]),
            // German thousands
            ("599 380 5.076 201", true, vec![599.0, 380.0, 5076.0, 201.0]),
            ("599 380 5.076 201", false, vec![599.0, 380.0, 5076.0, 201.0]),
            ("1.200,50 3,75", false, vec![1200.5, 3.75]),
            ("1.234.567 12", false, vec![1_234_567.0, 12.0]),
            ("1,200.50 3.75", false, vec![1200.5, 3.75]),
            ("1,200 950", false, vec![1200.0, 950.0]),
            // measurements with three digits
            ("0.512 1.234 2.001", false, vec![0.512, 1.234, 2.001]),
            ("0.512 1.234 2.001", true, vec![0.512, 1.234, 2.001]),
            ("1.234 2.345", false, vec![1.234, 2.345]),
            ("1.234 2.345", true, vec![1234.0, 2345.0]),
            ("1.234 2345", false, vec![1.234, 2345.0]),
            ("1,234 2,345", false, vec![1234.0, 2345.0]),
            ("1,234 2,345", true, vec![1.234, 2.345]),
            ("1'200 3'000.5", false, vec![1200.0, 3000.5]),
            ("$1,200 ($35) -$2", false, vec![1200.0, -35.0, -2.0]),
            ("12% 7,5%", false, vec![12.0, 7.5]),
            ("−3 4", false, vec![-3.0, 4.0]),
            ("1764288742 1764288980", false, vec![1_764_288_742.0, 1_764_288_980.0]),
        ] {
            assert_eq!(column(cells, comma), Some(values), "{cells}");
        }
        let spaced = ["1 234,5", "12\u{202f}345", "7"];
        let found = writing(spaced.into_iter(), false).unwrap();
        assert_eq!(spaced.map(|cell| found.read(cell).unwrap()), [1234.5, 12345.0, 7.0]);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for cell in
            ["", "-", ".", "e5", "1e", "1e5.5", "1.2.3.4", "--1", "1 2", "0x10", "1_000", "nan", "inf", "12,34,5", "a1"]
        {
            assert!(!is_number(cell), "{cell}");
        }
        // no one writing fits both
        assert_eq!(column("1.5 2,5", false), None);
        assert_eq!(column("1e999 2", false), None);
    }
}
