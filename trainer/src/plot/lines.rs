//! The line chart: lines over any axis with bands, reference points and names at their ends. Learning curves and the charts
//! of reports are both drawn here.

use std::fmt::Write;

use super::axis::{Axis, short};
use super::csv::quoted;
use super::style::{HEADING, Head, escape, spread};

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// What was measured here.
    Solid,
    /// Published numbers and hand-written rules: thin, dashed, hollow points.
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

/// Sizes of a chart, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Width and height of the lines' own rectangle.
    pub size: [f64; 2],
    /// Room at the left of it, above and below.
    pub margins: [f64; 3],
    /// Left end of title and subtitle, and the lines they stand on.
    pub heading: [f64; 3],
    /// Distance of the horizontal axis's title from the rectangle.
    pub x_title: f64,
    /// Least distance of two names.
    pub row: f64,
    /// Names may stand this much above the rectangle, and not closer to the lower edge of the picture than this.
    pub name_margins: [f64; 2],
    /// Lines with more points than this are drawn without a mark for each.
    pub most_marks: usize,
}

impl Default for Layout {
    fn default() -> Self {
        Layout {
            size: [500.0, 300.0],
            margins: [66.0, 62.0, 58.0],
            heading: HEADING,
            x_title: 42.0,
            row: 17.0,
            name_margins: [8.0, 10.0],
            most_marks: 24,
        }
    }
}

/// Lines over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    /// Written above.
    pub title: String,
    /// Written below the title, smaller.
    pub subtitle: String,
    /// For screen readers; may be empty.
    pub description: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// The lines, most important first.
    pub lines: Vec<Line>,
    /// Dotted horizontal lines with a word each, such as chance.
    pub levels: Vec<(f64, String)>,
    /// Sizes.
    pub layout: Layout,
}

/// A point that can be drawn: x, y, half width of its interval.
type Point = (f64, f64, f64);

/// A chart with the places of everything in it.
struct Placed<'a> {
    chart: &'a LineChart,
    /// Points of each line that its axes hold.
    points: Vec<Vec<Point>>,
    /// Ends of both axes, in their units.
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> Placed<'a> {
    fn new(chart: &'a LineChart) -> Placed<'a> {
        let drawn = |line: &Line| -> Vec<Point> {
            let half = |i: usize| line.half.get(i).copied().filter(|h| h.is_finite()).unwrap_or(0.0);
            let all = line.points.iter().enumerate().map(|(i, &(x, y))| (x, y, half(i)));
            all.filter(|&(x, y, _)| chart.x.holds(x) && chart.y.holds(y)).collect()
        };
        let points: Vec<Vec<Point>> = chart.lines.iter().map(drawn).collect();
        // a band that reaches below what a logarithm knows, or beyond what a share can be, does not stretch the axis
        let ends = |&(_, y, h): &Point| {
            let share = chart.y.percent && (0.0..=1.0).contains(&y);
            let end = move |v: f64| if share { v.clamp(0.0, 1.0) } else { v };
            [y, end(y - h), end(y + h)].into_iter().filter(|v| chart.y.holds(*v))
        };
        let levels = chart.levels.iter().map(|(v, _)| *v).filter(|v| chart.y.holds(*v));
        let x = Axis::ends(points.iter().flatten().map(|p| chart.x.at(p.0)));
        let y = chart.y.roomy_ends(points.iter().flatten().flat_map(ends).chain(levels).map(|v| chart.y.at(v)));
        Placed { chart, points, x, y }
    }

    fn left(&self) -> f64 {
        self.chart.layout.margins[0]
    }

    fn top(&self) -> f64 {
        self.chart.layout.margins[1]
    }

    fn floor(&self) -> f64 {
        self.top() + self.chart.layout.size[1]
    }

    /// Height of the whole picture.
    fn height(&self) -> f64 {
        self.floor() + self.chart.layout.margins[2]
    }

    /// Where a value lies across.
    fn across(&self, x: f64) -> f64 {
        self.left() + self.chart.layout.size[0] * (self.chart.x.at(x) - self.x.0) / (self.x.1 - self.x.0)
    }

    /// Where a place on the vertical axis, in its units, lies.
    fn place(&self, at: f64) -> f64 {
        self.top() + self.chart.layout.size[1] * (1.0 - (at - self.y.0) / (self.y.1 - self.y.0))
    }

    /// Where a value lies up.
    fn up(&self, y: f64) -> f64 {
        match self.chart.y.holds(y) {
            true => self.place(self.chart.y.at(y)).clamp(self.top(), self.floor()),
            false => self.floor(),
        }
    }

    /// The last value of a line, as it is written at its end.
    fn value(&self, line: usize) -> String {
        let last = self.points[line].last().map_or(f64::NAN, |p| p.1);
        if self.chart.y.percent { format!("{:.1}", 100.0 * last) } else { short(last) }
    }

    fn draw_axes(&self, out: &mut String) {
        let [width, height] = self.chart.layout.size;
        let (left, floor) = (self.left(), self.floor());
        for (at, label) in self.chart.y.ticks(self.y.0, self.y.1) {
            let y = self.place(at);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{left} {y:.1}h{width}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label}</text>",
                left - 8.0,
                y + 4.0,
            );
        }
        for (at, label) in self.chart.x.ticks(self.x.0, self.x.1) {
            let x = left + width * (at - self.x.0) / (self.x.1 - self.x.0);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {floor}v5\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{label}</text>",
                floor + 19.0,
            );
        }
        let middle = self.top() + height / 2.0;
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{left} {floor}h{width}\"/>\n<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>\n<text class=\"small\" transform=\"translate(18 {middle:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            left + width / 2.0,
            floor + self.chart.layout.x_title,
            escape(&self.chart.x.title),
            escape(&self.chart.y.title),
        );
    }

    fn draw_levels(&self, out: &mut String) {
        let (left, width) = (self.left(), self.chart.layout.size[0]);
        for (level, word) in self.chart.levels.iter().filter(|(v, _)| self.chart.y.holds(*v)) {
            let y = self.up(*level);
            let _ = writeln!(
                out,
                "<path class=\"chance\" d=\"M{left} {y:.1}h{width}\"/><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                left + width - 4.0,
                y - 5.0,
                escape(word),
            );
        }
    }

    /// A line's band, path and marks.
    fn draw_line(&self, i: usize, out: &mut String) {
        let (line, points) = (&self.chart.lines[i], &self.points[i]);
        let c = line.colour;
        let pair = |x: f64, y: f64| format!("{:.1} {:.1}", self.across(x), self.up(y));
        if !line.half.is_empty() && line.stroke != Stroke::Points {
            let upper: Vec<String> = points.iter().map(|p| pair(p.0, p.1 + p.2)).collect();
            let lower: Vec<String> = points.iter().rev().map(|p| pair(p.0, p.1 - p.2)).collect();
            let _ = writeln!(out, "<path class=\"band c{c}\" d=\"M{}L{}Z\"/>", upper.join("L"), lower.join("L"));
        }
        if line.stroke == Stroke::Points {
            for p in points.iter().filter(|p| p.2 > 0.0) {
                let (x, top, bottom) = (self.across(p.0), self.up(p.1 + p.2), self.up(p.1 - p.2));
                let _ = write!(out, "<path class=\"lead c{c}\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
            }
        } else {
            let kind = if line.stroke == Stroke::Solid { "line" } else { "rule" };
            let path: Vec<String> = points.iter().map(|p| pair(p.0, p.1)).collect();
            let _ = writeln!(out, "<path class=\"{kind} c{c}\" d=\"M{}\"/>", path.join("L"));
        }
        // where lines have few points, the points are what was measured
        if points.len() <= self.chart.layout.most_marks {
            for p in points {
                let dot = if line.stroke == Stroke::Reference { "hollow" } else { "dot" };
                let (x, y) = (self.across(p.0), self.up(p.1));
                let _ = write!(out, "<circle class=\"{dot} c{c}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
            }
            out.push('\n');
        }
    }

    /// A line's name and last value, at height `to`.
    fn draw_name(&self, i: usize, to: f64, out: &mut String) {
        let (line, last) = (&self.chart.lines[i], self.points[i].last());
        let from = last.map_or(self.floor(), |p| self.up(p.1));
        let end = last.map_or(self.left(), |p| self.across(p.0));
        let right = self.left() + self.chart.layout.size[0];
        let kind = if line.stroke == Stroke::Reference { "rule" } else { "line" };
        let c = line.colour;
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
            self.value(i),
        );
    }
}

impl LineChart {
    /// The picture as SVG text. Points that no axis holds (such as 0 on a logarithmic one) are left out.
    pub fn svg(&self) -> String {
        let placed = Placed::new(self);
        let longest =
            (0..self.lines.len()).map(|i| self.lines[i].name.chars().count() + placed.value(i).len() + 1).max();
        let right = placed.left() + self.layout.size[0];
        let head = Head {
            title: &self.title,
            subtitle: &self.subtitle,
            description: &self.description,
            width: right + 40.0 + 7.3 * longest.unwrap_or(8).clamp(8, 52) as f64,
            height: placed.height(),
            colours: self.lines.iter().map(|line| line.colour + 1).max().unwrap_or(1),
            text: self.layout.heading,
        };
        let mut out = head.svg();
        placed.draw_axes(&mut out);
        placed.draw_levels(&mut out);
        if placed.points.iter().all(Vec::is_empty) {
            let _ = writeln!(
                out,
                "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">no run got here</text>",
                placed.left() + self.layout.size[0] / 2.0,
                placed.top() + self.layout.size[1] / 2.0,
            );
        }
        let ends: Vec<f64> =
            placed.points.iter().map(|l| l.last().map_or(placed.floor(), |p| placed.up(p.1))).collect();
        let [above, below] = self.layout.name_margins;
        let names = spread(&ends, self.layout.row, placed.top() - above, placed.height() - below);
        // the first line comes last and lies on top
        for i in (0..self.lines.len()).rev().filter(|i| !placed.points[*i].is_empty()) {
            placed.draw_line(i, &mut out);
            placed.draw_name(i, names[i], &mut out);
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

#[cfg(test)]
mod tests {
    use super::super::axis::Spacing;
    use super::*;

    fn line(points: &[(f64, f64)]) -> Line {
        Line { name: "a < b".into(), points: points.to_vec(), half: vec![], stroke: Stroke::Solid, colour: 0 }
    }

    const LEFT: f64 = 66.0;
    const TOP: f64 = 62.0;
    const WIDTH: f64 = 500.0;
    const HEIGHT: f64 = 300.0;

    fn chart(x: Axis, y: Axis, lines: Vec<Line>) -> LineChart {
        LineChart {
            title: "t".into(),
            subtitle: "s".into(),
            description: String::new(),
            x,
            y,
            lines,
            levels: vec![(0.1, "chance".into())],
            layout: Layout::default(),
        }
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
}
