//! Charts of an experiment's report as SVG: lines over any axis (linear, powers of two or of ten) with bands and
//! reference points, and heat maps. Colours, light and dark, are those of [`crate::plot`].

use std::fmt::Write;

use crate::plot::{escape, spread, style};

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Evenly.
    Linear,
    /// By their logarithm, with ticks at powers of two.
    Log2,
    /// By their logarithm, with ticks at 1, 2, 5, 10 …
    Log10,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Words beside it.
    pub title: String,
    /// Spacing.
    pub spacing: Spacing,
    /// Fractions that are written in per cent.
    pub percent: bool,
}

impl Axis {
    /// An axis of plain numbers.
    pub fn new(title: &str, spacing: Spacing) -> Axis {
        Axis { title: title.to_owned(), spacing, percent: false }
    }

    /// An axis of fractions, written in per cent.
    pub fn percent(title: &str) -> Axis {
        Axis { title: format!("{title} (%)"), spacing: Spacing::Linear, percent: true }
    }

    /// Where a value lies, in the axis's own units.
    fn at(&self, value: f64) -> f64 {
        match self.spacing {
            Spacing::Linear => value,
            Spacing::Log2 => value.log2(),
            Spacing::Log10 => value.log10(),
        }
    }

    /// Whether a value can be drawn.
    fn holds(&self, value: f64) -> bool {
        value.is_finite() && (self.spacing == Spacing::Linear || value > 0.0)
    }

    /// Value and label of each tick between two places.
    fn ticks(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        match self.spacing {
            Spacing::Log2 => {
                let every = (((high - low) / 9.0).ceil() as i32).max(1);
                let range = (low - 1e-9).ceil() as i32..=(high + 1e-9).floor() as i32;
                range.filter(|p| p % every == 0).map(|p| (f64::from(p), format!("2{}", superscript(p)))).collect()
            }
            Spacing::Log10 => {
                let steps: &[f64] = if high - low > 4.0 {
                    &[1.0]
                } else if high - low > 1.5 {
                    &[1.0, 3.0]
                } else {
                    &[1.0, 2.0, 5.0]
                };
                let powers = low.floor() as i32..=high.ceil() as i32;
                let all = powers.flat_map(|p| steps.iter().map(move |s| s * 10f64.powi(p)));
                let inside = |v: &f64| (low - 1e-9..=high + 1e-9).contains(&v.log10());
                all.filter(inside).map(|v| (v.log10(), short(v))).collect()
            }
            Spacing::Linear => {
                let rough = (high - low) / 5.0;
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| *s >= rough);
                let step = step.unwrap_or(rough);
                let first = (low / step - 1e-9).ceil() as i64;
                let last = (high / step + 1e-9).floor() as i64;
                let label = |v: f64| if self.percent { short(100.0 * v) } else { short(v) };
                (first..=last).map(|i| (i as f64 * step, label(i as f64 * step))).collect()
            }
        }
    }
}

/// A power as raised digits.
pub(crate) fn superscript(power: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32(0x2070 + (c as u32 - '0' as u32)).unwrap_or(c),
    };
    power.to_string().chars().map(digit).collect()
}

/// A number in a few characters: 0.05, 2.5, 320, 12k, 3M, 4G.
pub fn short(value: f64) -> String {
    let trim = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    let size = value.abs();
    let units = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.iter().find(|(unit, _)| size >= *unit * 0.9995) {
        Some((unit, letter)) if size / unit < 9.995 => trim(format!("{:.1}", value / unit)) + letter,
        Some((unit, letter)) => format!("{:.0}{letter}", value / unit),
        None if size == 0.0 => "0".into(),
        None if size >= 99.95 => format!("{value:.0}"),
        None if size >= 0.0995 => trim(format!("{value:.2}")),
        None if size >= 0.001 => trim(format!("{value:.3}")),
        None => format!("{value:.0e}"),
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// What was measured here.
    Solid,
    /// Others' numbers and rules beside it: thin, dashed, hollow points.
    Reference,
    /// Points alone.
    Points,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name, written at its end.
    pub name: String,
    /// (x, y), ascending in x.
    pub points: Vec<(f64, f64)>,
    /// Half width of the 95 % interval of each y; empty for no band.
    pub half: Vec<f64>,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Number of its colour: lines that belong together share one.
    pub colour: usize,
}

/// Lines over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Written above.
    pub title: String,
    /// Written below the title, smaller.
    pub subtitle: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// The lines, most important first.
    pub lines: Vec<Line>,
    /// Dotted horizontal lines with a word each, such as chance.
    pub levels: Vec<(f64, String)>,
}

const WIDTH: f64 = 500.0;
const LEFT: f64 = 66.0;
const TOP: f64 = 62.0;
const HEIGHT: f64 = 300.0;
const BOTTOM: f64 = 58.0;

/// What every picture begins with.
fn head(title: &str, subtitle: &str, width: f64, height: f64, colours: usize) -> String {
    let mut out = String::new();
    let title = escape(title);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n<style>\n{}\
         .hollow{{fill:var(--ground);stroke:var(--c);stroke-width:1.5}}.on-light{{fill:#10151a}}.on-dark{{fill:#fff}}\n</style>\n\
         <rect class=\"ground\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n\
         <text class=\"title\" x=\"12\" y=\"24\">{title}</text>\n<text class=\"small\" x=\"12\" y=\"43\">{}</text>\n",
        style(colours),
        escape(subtitle),
    );
    out
}

impl Chart {
    /// The picture as SVG text. Points that no axis holds (such as 0 on a logarithmic one) are left out.
    pub fn svg(&self) -> String {
        let drawn = |line: &Line| -> Vec<(f64, f64, f64)> {
            let half = |i: usize| line.half.get(i).copied().filter(|h| h.is_finite()).unwrap_or(0.0);
            let all = line.points.iter().enumerate().map(|(i, &(x, y))| (x, y, half(i)));
            all.filter(|&(x, y, _)| self.x.holds(x) && self.y.holds(y)).collect()
        };
        let lines: Vec<Vec<(f64, f64, f64)>> = self.lines.iter().map(drawn).collect();
        let all = || lines.iter().flatten();
        let bounds = |values: Vec<f64>| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            match (low.is_finite(), high > low) {
                (false, _) => (0.0, 1.0),
                (_, false) => (low - 0.5, high + 0.5),
                _ => (low, high),
            }
        };
        let (x_low, x_high) = bounds(all().map(|p| self.x.at(p.0)).collect());
        // a band that reaches below what a logarithm knows, or beyond what a share can be, does not stretch the axis
        let ends = |&(_, y, h): &(f64, f64, f64)| {
            let share = self.y.percent && (0.0..=1.0).contains(&y);
            let end = move |v: f64| if share { v.clamp(0.0, 1.0) } else { v };
            [y, end(y - h), end(y + h)].into_iter().filter(|v| self.y.holds(*v))
        };
        let levels = self.levels.iter().map(|(v, _)| *v).filter(|v| self.y.holds(*v));
        let (low, high) = bounds(all().flat_map(ends).chain(levels).map(|v| self.y.at(v)).collect());
        let room = 0.04 * (high - low);
        let (mut y_low, mut y_high) = (low - room, high + room);
        if self.y.percent {
            y_low = if low >= 0.0 { y_low.max(0.0) } else { y_low };
            y_high = if high <= 1.0 { y_high.min(1.0) } else { y_high };
        }
        let across = |x: f64| LEFT + WIDTH * (self.x.at(x) - x_low) / (x_high - x_low);
        let place = |at: f64| TOP + HEIGHT * (1.0 - (at - y_low) / (y_high - y_low));
        let up = |y: f64| if self.y.holds(y) { place(self.y.at(y)).clamp(TOP, TOP + HEIGHT) } else { TOP + HEIGHT };

        let value = |line: usize| {
            let last = lines[line].last().map_or(f64::NAN, |p| p.1);
            if self.y.percent { format!("{:.1}", 100.0 * last) } else { short(last) }
        };
        let longest = (0..lines.len()).map(|i| self.lines[i].name.chars().count() + value(i).len() + 1).max();
        let width = LEFT + WIDTH + 40.0 + 7.3 * longest.unwrap_or(8).clamp(8, 52) as f64;
        let height = TOP + HEIGHT + BOTTOM;
        let colours = self.lines.iter().map(|line| line.colour + 1).max().unwrap_or(1);
        let mut out = head(&self.title, &self.subtitle, width, height, colours);
        for (at, label) in self.y.ticks(y_low, y_high) {
            let y = place(at);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}h{WIDTH}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                y + 4.0,
            );
        }
        let floor = TOP + HEIGHT;
        for (at, label) in self.x.ticks(x_low, x_high) {
            let x = LEFT + WIDTH * (at - x_low) / (x_high - x_low);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {floor}v5\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{label}</text>",
                floor + 19.0,
            );
        }
        let middle = TOP + HEIGHT / 2.0;
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {floor}h{WIDTH}\"/>\n<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>\n<text class=\"small\" transform=\"translate(18 {middle:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            LEFT + WIDTH / 2.0,
            floor + 42.0,
            escape(&self.x.title),
            escape(&self.y.title),
        );
        for (level, word) in self.levels.iter().filter(|(v, _)| self.y.holds(*v)) {
            let y = up(*level);
            let _ = writeln!(
                out,
                "<path class=\"chance\" d=\"M{LEFT} {y:.1}h{WIDTH}\"/><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT + WIDTH - 4.0,
                y - 5.0,
                escape(word),
            );
        }
        if all().next().is_none() {
            let _ = writeln!(
                out,
                "<text class=\"small\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"middle\">no run got here</text>",
                LEFT + WIDTH / 2.0
            );
        }
        let ends: Vec<f64> = lines.iter().map(|l| l.last().map_or(floor, |p| up(p.1))).collect();
        let names = spread(&ends, 17.0, TOP - 8.0, height - 10.0);
        // the first line comes last and lies on top
        for (i, line) in self.lines.iter().enumerate().rev() {
            let (points, c) = (&lines[i], line.colour);
            if points.is_empty() {
                continue;
            }
            let pair = |x: f64, y: f64| format!("{:.1} {:.1}", across(x), up(y));
            if !line.half.is_empty() && line.stroke != Stroke::Points {
                let upper: Vec<String> = points.iter().map(|p| pair(p.0, p.1 + p.2)).collect();
                let lower: Vec<String> = points.iter().rev().map(|p| pair(p.0, p.1 - p.2)).collect();
                let _ = writeln!(out, "<path class=\"band c{c}\" d=\"M{}L{}Z\"/>", upper.join("L"), lower.join("L"));
            }
            if line.stroke == Stroke::Points {
                for p in points.iter().filter(|p| p.2 > 0.0) {
                    let (x, top, bottom) = (across(p.0), up(p.1 + p.2), up(p.1 - p.2));
                    let _ = write!(out, "<path class=\"lead c{c}\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
                }
            } else {
                let kind = if line.stroke == Stroke::Solid { "line" } else { "rule" };
                let path: Vec<String> = points.iter().map(|p| pair(p.0, p.1)).collect();
                let _ = writeln!(out, "<path class=\"{kind} c{c}\" d=\"M{}\"/>", path.join("L"));
            }
            if points.len() <= 24 {
                for p in points {
                    let dot = if line.stroke == Stroke::Reference { "hollow" } else { "dot" };
                    let (x, y) = (across(p.0), up(p.1));
                    let _ = write!(out, "<circle class=\"{dot} c{c}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
                }
                out.push('\n');
            }
            let end = points.last().map_or(LEFT, |p| across(p.0));
            let (from, to, right) = (ends[i], names[i], LEFT + WIDTH);
            let kind = if line.stroke == Stroke::Reference { "rule" } else { "line" };
            let _ = writeln!(
                out,
                "<path class=\"lead c{c}\" d=\"M{:.1} {from:.1}L{:.1} {from:.1}L{:.1} {to:.1}\"/>\
                 <text class=\"name {kind}-name c{c}\" x=\"{:.1}\" y=\"{:.1}\">{} <tspan class=\"value\">{}</tspan></text>",
                end + 5.0,
                right + 6.0,
                right + 16.0,
                right + 20.0,
                to + 4.5,
                escape(&line.name),
                value(i),
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// The numbers behind the picture: line, x, y, half width of the interval.
    pub fn csv(&self) -> String {
        let mut out = format!("line,{},{},ci95\n", quoted(&self.x.title), quoted(&self.y.title));
        for line in &self.lines {
            for (i, (x, y)) in line.points.iter().enumerate() {
                let half = line.half.get(i).map(|h| format!("{h:.6}")).unwrap_or_default();
                let _ = writeln!(out, "{},{x},{y:.6},{half}", quoted(&line.name));
            }
        }
        out
    }
}

/// A field of CSV.
pub fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A table of colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
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

impl Heat {
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
        let mut out = head(&self.title, &self.subtitle, width, floor + 54.0, 1);
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

    fn line(points: &[(f64, f64)]) -> Line {
        Line { name: "a < b".into(), points: points.to_vec(), half: vec![], stroke: Stroke::Solid, colour: 0 }
    }

    fn chart(x: Axis, y: Axis, lines: Vec<Line>) -> Chart {
        Chart { title: "t".into(), subtitle: "s".into(), x, y, lines, levels: vec![(0.1, "chance".into())] }
    }

    fn path(svg: &str) -> Vec<(f64, f64)> {
        let from = svg.split("<path class=\"line c0\" d=\"M").nth(1).expect("a line");
        let pair = |p: &str| p.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap();
        from.split('"').next().unwrap().split('L').map(pair).collect()
    }

    #[test]
    fn values_lie_where_their_axes_say() {
        let points = [(1.0, 0.1), (8.0, 0.5), (64.0, 0.9)];
        for spacing in [Spacing::Log2, Spacing::Log10] {
            let svg = chart(Axis::new("tasks", spacing), Axis::percent("accuracy"), vec![line(&points)]).svg();
            let at = path(&svg);
            assert!((at[1].0 - LEFT - WIDTH / 2.0).abs() < 0.1, "8 is half-way from 1 to 64: {at:?}");
            assert!((at[1].1 - (at[0].1 + at[2].1) / 2.0).abs() < 0.1 && at[2].1 < at[0].1, "{at:?}");
            assert!(svg.contains("a &lt; b") && svg.contains("90.0") && svg.contains("chance"));
            assert_eq!(svg.matches('<').count(), svg.matches('>').count());
        }
        let linear = chart(Axis::new("n", Spacing::Linear), Axis::percent("accuracy"), vec![line(&points)]).svg();
        assert!((path(&linear)[1].0 - LEFT - WIDTH * 7.0 / 63.0).abs() < 0.1);
    }

    #[test]
    fn odd_values_are_left_out_and_never_written() {
        let odd = [(0.0, 0.5), (1.0, f64::NAN), (2.0, 0.5), (4.0, f64::INFINITY), (8.0, 0.0)];
        for y in [Axis::new("steps", Spacing::Log10), Axis::percent("accuracy")] {
            for lines in [vec![line(&odd)], vec![], vec![line(&[])], vec![line(&[(3.0, 0.2)])]] {
                let svg = chart(Axis::new("k", Spacing::Log2), y.clone(), lines).svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn bands_of_shares_end_at_0_and_1() {
        let wide = Line { half: vec![0.3, 1.5], ..line(&[(1.0, 0.1), (2.0, 0.9)]) };
        let svg = chart(Axis::new("n", Spacing::Linear), Axis::percent("accuracy"), vec![wide]).svg();
        let heights: Vec<f64> = {
            let from = svg.split("class=\"band c0\" d=\"M").nth(1).expect("a band");
            let pairs = from.split('Z').next().unwrap().split('L');
            pairs.map(|p| p.split_once(' ').unwrap().1.parse().unwrap()).collect()
        };
        // upper ends from left to right, then lower ones back: 0.4, 1, 0, 0 of the whole height
        let shares = heights.iter().map(|y| 1.0 - (y - TOP) / HEIGHT).collect::<Vec<_>>();
        let expected = [0.4, 1.0, 0.0, 0.0];
        assert!(shares.iter().zip(expected).all(|(s, e)| (s - e).abs() < 1e-3), "{shares:?}");
    }

    #[test]
    fn ticks_are_few_and_readable() {
        for (spacing, low, high) in [
            (Spacing::Log2, 0.0, 24.0),
            (Spacing::Log10, 0.0, 7.0),
            (Spacing::Log10, 1.0, 2.0),
            (Spacing::Linear, 0.0, 0.83),
        ] {
            let ticks = Axis::new("", spacing).ticks(low, high);
            assert!((3..=13).contains(&ticks.len()), "{spacing:?}: {ticks:?}");
        }
        assert_eq!(Axis::new("", Spacing::Log2).ticks(10.0, 12.0)[2].1, "2¹²");
        let words = [0.0, 0.05, 2.5, 320.0, 1_500.0, 12_000.0, 999_900.0, 3.24e6, 4e9].map(short);
        assert_eq!(words, ["0", "0.05", "2.5", "320", "1.5k", "12k", "1M", "3.2M", "4G"]);
    }

    #[test]
    fn a_heat_map_has_every_cell() {
        let heat = Heat {
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
