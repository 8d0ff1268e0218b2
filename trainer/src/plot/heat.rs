//! Heat maps: a table whose cells are coloured by a fraction.

use std::fmt::Write;

use super::csv::quoted;
use super::style::{HEADING, Head, escape};

/// Room above the cells, in pixels.
const TOP: f64 = 62.0;

/// A table of colours.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Written above.
    pub title: String,
    /// Written below the title, smaller.
    pub subtitle: String,
    /// Title and labels of the columns.
    pub x: (String, Vec<String>),
    /// Title and labels of the rows, the first at the bottom.
    pub y: (String, Vec<String>),
    /// Fraction of each cell, row by row; `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
    /// Words in the place of per cent, of the same length as `values`; empty for none.
    pub words: Vec<String>,
}

impl HeatMap {
    /// The picture as SVG text.
    pub fn svg(&self) -> String {
        let (columns, rows) = (self.x.1.len(), self.y.1.len());
        let cell = (560.0 / columns.max(1) as f64).clamp(44.0, 92.0);
        // as tall as its axis' name is long, where rows are few
        let tall = (7.0 * self.y.0.chars().count() as f64 / rows.max(1) as f64).clamp(34.0, 60.0);
        let left = 40.0 + 7.2 * self.y.1.iter().map(|l| l.chars().count()).max().unwrap_or(1) as f64;
        let heading = 12.0 + 7.0 * self.subtitle.chars().count().max(self.title.chars().count() * 5 / 4) as f64;
        let width = (left + cell * columns as f64 + 16.0).max(heading);
        let floor = TOP + tall * rows as f64;
        let head = Head {
            title: &self.title,
            subtitle: &self.subtitle,
            description: "",
            width,
            height: floor + 54.0,
            colours: 1,
            text: HEADING,
        };
        let mut out = head.svg();
        for (i, value) in self.values.iter().enumerate() {
            let (column, row) = (i % columns, i / columns);
            let (x, y) = (left + cell * column as f64, floor - tall * (row + 1) as f64);
            let (fill, ink) = match value {
                Some(v) => shade(*v),
                None => ("none".into(), "small"),
            };
            let text = match (self.words.get(i), value) {
                (Some(word), _) => escape(word),
                (None, Some(v)) => format!("{:.0}", 100.0 * v),
                (None, None) => "–".into(),
            };
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" fill=\"{fill}\"/>\
                 <text class=\"{ink}\" style=\"font-size:12px\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                cell - 2.0,
                tall - 2.0,
                x + cell / 2.0 - 1.0,
                y + tall / 2.0 + 3.5,
            );
        }
        for (c, label) in self.x.1.iter().enumerate() {
            let x = left + cell * (c as f64 + 0.5);
            let text = escape(label);
            let _ = writeln!(
                out,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                floor + 17.0
            );
        }
        for (r, label) in self.y.1.iter().enumerate() {
            let y = floor - tall * (r as f64 + 0.5) + 4.0;
            let text = escape(label);
            let _ = writeln!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>",
                left - 8.0
            );
        }
        let _ = writeln!(
            out,
            "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n<text class=\"small\" \
             transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            left + cell * columns as f64 / 2.0,
            floor + 40.0,
            escape(&self.x.0),
            (TOP + floor) / 2.0,
            escape(&self.y.0),
        );
        out.push_str("</svg>\n");
        out
    }

    /// The numbers behind the picture: row, column, value.
    pub fn csv(&self) -> String {
        let mut out = format!("{},{},value\n", quoted(&self.y.0), quoted(&self.x.0));
        for (i, value) in self.values.iter().enumerate() {
            let (x, y) = (&self.x.1[i % self.x.1.len()], &self.y.1[i / self.x.1.len()]);
            let value = value.map(|v| format!("{v:.6}")).unwrap_or_default();
            let word = self.words.get(i).map(|w| format!(",{}", quoted(w))).unwrap_or_default();
            let _ = writeln!(out, "{},{},{value}{word}", quoted(y), quoted(x));
        }
        out
    }
}

/// Colour of a fraction, from dark blue over green to yellow (after viridis, which stays ordered in grey), and the
/// class of ink that is readable on it.
fn shade(value: f64) -> (String, &'static str) {
    const STOPS: [[f64; 3]; 5] =
        [[68.0, 36.0, 110.0], [59.0, 82.0, 139.0], [33.0, 145.0, 140.0], [94.0, 201.0, 98.0], [253.0, 231.0, 37.0]];
    let at = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let (i, part) = ((at as usize).min(STOPS.len() - 2), at - (at as usize).min(STOPS.len() - 2) as f64);
    let mix = |c: usize| (STOPS[i][c] * (1.0 - part) + STOPS[i + 1][c] * part).round() as u8;
    let ink = if value > 0.55 { "on-light" } else { "on-dark" };
    (format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2)), ink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heat_map_has_every_cell() {
        let heat = HeatMap {
            title: "t".into(),
            subtitle: "s".into(),
            x: ("tasks".into(), vec!["1".into(), "2".into(), "4".into()]),
            y: ("width".into(), vec!["8".into(), "16".into()]),
            values: vec![Some(0.1), Some(0.5), None, Some(0.2), Some(0.9), Some(1.0)],
            words: vec![],
        };
        let svg = heat.svg();
        assert_eq!(svg.matches("<rect").count(), 7);
        assert!(svg.contains(">90<") && svg.contains(">–<"));
        assert_eq!(heat.csv().lines().count(), 7);
        let brightness = |v: f64| {
            let (hex, _) = shade(v);
            (1..6).step_by(2).map(|i| u32::from_str_radix(&hex[i..i + 2], 16).unwrap()).sum::<u32>()
        };
        assert!((0..10).all(|i| brightness(f64::from(i) / 10.0) < brightness(f64::from(i + 1) / 10.0)));
    }
}
