//! Dates and times as numbers of seconds.

/// The order of day, month and year in a column of dates with slashes, dots or hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// 2026-11-28
    YearMonthDay,
    /// 28.11.2026
    DayMonthYear,
    /// 11/28/2026
    MonthDayYear,
}

impl Order {
    const ALL: [Order; 3] = [Order::YearMonthDay, Order::DayMonthYear, Order::MonthDayYear];

    /// Seconds since 1970-01-01T00:00 of a cell such as `2026-11-28`, `28.11.2026 14:05` or `2026-11-28T14:05:07.25+02:00`;
    /// of a time alone such as `14:05`, since midnight. Times without a zone are taken as universal time.
    pub fn read(self, cell: &str) -> Option<f64> {
        let cell = cell.trim();
        if let Some(seconds) = time(cell) {
            return Some(seconds);
        }
        let (date, rest) = match cell.find(['T', ' ']) {
            Some(at) => (&cell[..at], cell[at + 1..].trim()),
            None => (cell, ""),
        };
        let days = self.days(date)? as f64;
        if rest.is_empty() {
            return Some(days * 86_400.0);
        }
        let (clock, offset) = zone(rest)?;
        Some(days * 86_400.0 + time(clock)? - offset)
    }

    /// Days since 1970-01-01.
    fn days(self, date: &str) -> Option<i64> {
        let mark = date.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'))?;
        let parts: Vec<&str> = date.split(mark).collect();
        let [a, b, c] = parts[..] else { return None };
        let (year, month, day) = match self {
            Order::YearMonthDay => (a, b, c),
            Order::DayMonthYear => (c, b, a),
            Order::MonthDayYear => (c, a, b),
        };
        let number = |text: &str, most: usize| -> Option<i64> {
            let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| text.parse().ok()).flatten()
        };
        if year.len() != 4 {
            return None;
        }
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=length).contains(&day) {
            return None;
        }
        // Howard Hinnant, "chrono-compatible low-level date algorithms": days of the civil calendar
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year - era * 400;
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }
}

/// Seconds since midnight of `14:05`, `14:05:07`, `14:05:07.25` or `2:05 pm`.
fn time(text: &str) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let (clock, half) =
        match lower.strip_suffix("am").map(|t| (t, 0)).or_else(|| lower.strip_suffix("pm").map(|t| (t, 12))) {
            Some((clock, half)) => (clock.trim_end(), Some(half)),
            None => (lower.as_str(), None),
        };
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) || !(1..=2).contains(&parts[0].len()) || parts[1].len() != 2 {
        return None;
    }
    let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (mut hours, minutes) = (whole(parts[0])?, whole(parts[1])?);
    if let Some(half) = half {
        if !(1..=12).contains(&hours) {
            return None;
        }
        hours = hours % 12 + half;
    }
    let seconds = match parts.get(2) {
        None => 0.0,
        Some(text) if text.as_bytes().first().is_some_and(u8::is_ascii_digit) => text.parse::<f64>().ok()?,
        Some(_) => return None,
    };
    (hours < 25 && minutes < 60 && seconds < 61.0)
        .then(|| f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + seconds)
}

/// The clock and the seconds by which its zone is ahead of universal time.
fn zone(text: &str) -> Option<(&str, f64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0.0));
    }
    let Some(at) = text.rfind(['+', '-', '−']) else { return Some((text, 0.0)) };
    let sign = if text[at..].starts_with('+') { 1.0 } else { -1.0 };
    let digits: String = text[at..].chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<f64>().ok()?, 0.0),
        4 => (digits[..2].parse::<f64>().ok()?, digits[2..].parse::<f64>().ok()?),
        _ => return None,
    };
    Some((text[..at].trim_end(), sign * (hours * 3600.0 + minutes * 60.0)))
}

/// The order of a column's dates; `None` where some cell is neither a date nor a time in any one order. `03/04/2026` alone
/// is read with the day first, as most countries write it.
pub fn order<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Option<Order> {
    Order::ALL.into_iter().find(|order| cells.clone().all(|cell| order.read(cell).is_some()))
}

/// The date so many days after 1970-01-01, as ISO 8601 writes it; nothing outside of the years 0 to 9999.
#[cfg(feature = "parquet")]
pub(crate) fn civil(days: i64) -> Option<String> {
    // Howard Hinnant, as above
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_cycle = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = of_cycle + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds() {
        for (cell, order, seconds) in [
            ("1970-01-01", Order::YearMonthDay, 0.0),
            ("2000-03-01", Order::YearMonthDay, 951_868_800.0),
            ("1900-02-28", Order::YearMonthDay, -2_203_977_600.0),
            ("28.11.2026", Order::DayMonthYear, 1_795_824_000.0),
            ("11/28/2026", Order::MonthDayYear, 1_795_824_000.0),
            ("2026-11-28T14:05:07.25", Order::YearMonthDay, 1_795_824_000.0 + 50_707.25),
            ("2026-11-28 14:05Z", Order::YearMonthDay, 1_795_824_000.0 + 50_700.0),
            ("2026-11-28T14:05:00+02:00", Order::YearMonthDay, 1_795_824_000.0 + 43_500.0),
            ("2026-11-28 14:05:00 -0530", Order::YearMonthDay, 1_795_824_000.0 + 70_500.0),
            ("14:05", Order::YearMonthDay, 50_700.0),
            ("2:05 pm", Order::YearMonthDay, 50_700.0),
            ("12:00 AM", Order::YearMonthDay, 0.0),
        ] {
            assert_eq!(order.read(cell), Some(seconds), "{cell}");
        }
        for cell in ["2026-02-29", "2026-13-01", "31/04/2026", "1.2.3", "1.5", "12:60", "a:05", "2026", "13:00 pm", ""]
        {
            assert_eq!(order([cell].into_iter()), None, "{cell}");
        }
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn days_are_dates_again() {
        for days in (-719_528..2_932_897).step_by(61) {
            let date = civil(days).unwrap();
            assert_eq!(Order::YearMonthDay.read(&date), Some(days as f64 * 86_400.0), "{date}");
        }
        assert_eq!((civil(2_932_896).unwrap(), civil(2_932_897)), ("9999-12-31".to_owned(), None));
        assert_eq!((civil(-719_528).unwrap(), civil(-719_529)), ("0000-01-01".to_owned(), None));
        assert_eq!(civil(i64::MAX), None);
    }

    #[test]
    fn the_order_is_that_of_the_whole_column() {
        assert_eq!(order(["03/04/2026", "25/04/2026"].into_iter()), Some(Order::DayMonthYear));
        assert_eq!(order(["03/04/2026", "04/25/2026"].into_iter()), Some(Order::MonthDayYear));
        assert_eq!(order(["03/04/2026"].into_iter()), Some(Order::DayMonthYear));
        assert_eq!(order(["25/04/2026", "04/25/2026"].into_iter()), None);
    }
}
