//! Learning curves as SVG: accuracy over the number of examples. One self-contained file, no script, no font, readable on
//! light and on dark ground (`prefers-color-scheme`). Written by hand: a curve with a band and a legend is less code
//! than a plotting crate's set-up, and none of those writes both colour schemes into one file.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One curve.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Its name, written at its end.
    pub name: String,
    /// Positions, ascending, from 1.
    pub positions: Vec<usize>,
    /// Accuracy at each position, a fraction.
    pub accuracy: Vec<f64>,
    /// Half-width of the 95 % confidence interval at each position, a fraction; empty for no band.
    pub ci95: Vec<f64>,
    /// Drawn thin and dashed: for the hand-written rules and controls beside the learners.
    pub dashed: bool,
}

/// A picture of learning curves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plot {
    /// Written above the curves.
    pub title: String,
    /// Written below the title, smaller: protocol, episodes, what the bands are. May be empty.
    pub subtitle: String,
    /// Positions on a logarithmic axis.
    pub logarithmic: bool,
    /// Accuracy of guessing, drawn as a dotted line.
    pub chance: Option<f64>,
    /// The curves, most important first: the first is drawn on top.
    pub series: Vec<Series>,
}

/// Why a plot cannot be drawn or written.
#[derive(Debug, Error)]
pub enum PlotError {
    /// No curve, or one without points.
    #[error("expected at least one curve with points, found none{}; measure something first", of(name))]
    Empty {
        /// Name of the curve, or nothing.
        name: String,
    },
    /// Slices of different lengths.
    #[error("expected {positions} accuracies and as many intervals or none for {name:?}, found {accuracy} and {ci95}")]
    Length {
        /// Name of the curve.
        name: String,
        /// Number of positions.
        positions: usize,
        /// Number of accuracies.
        accuracy: usize,
        /// Number of intervals.
        ci95: usize,
    },
    /// Values that are no fractions, or positions that don't ascend from 1.
    #[error(
        "expected ascending positions from 1 and fractions in [0, 1] for {name:?}, found {value} at index {index}; is it in percent?"
    )]
    Value {
        /// Name of the curve.
        name: String,
        /// Index of the point.
        index: usize,
        /// The value there.
        value: f64,
    },
    /// The file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn of(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" in {name:?}") }
}

/// Size of the picture without the names at the right, and where the curves lie in it, in pixels.
const HEIGHT: f64 = 440.0;
const CURVES: f64 = 520.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 68.0;
const BOTTOM: f64 = 56.0;
/// Least distance of two names, in pixels.
const LINE: f64 = 18.0;

/// Colours that remain distinct for most colour-blind people (after Okabe and Ito), for light and for dark ground.
pub(crate) const COLOURS: [[&str; 2]; 8] = [
    ["#0068a8", "#5ab4f0"],
    ["#c94f00", "#ff9350"],
    ["#00835f", "#3fd0a4"],
    ["#a8478a", "#ee9dd0"],
    ["#7a6400", "#e3c94a"],
    ["#5b4bb5", "#b0a4ff"],
    ["#8c3b2f", "#e88d80"],
    ["#4f5b66", "#aab6c2"],
];

impl Plot {
    /// The picture as SVG text.
    ///
    /// # Errors
    /// [`PlotError::Empty`], [`PlotError::Length`] and [`PlotError::Value`] for curves that cannot be drawn.
    pub fn svg(&self) -> Result<String, PlotError> {
        self.check()?;
        let curves = || self.series.iter();
        let first = curves().map(|s| s.positions[0]).min().unwrap_or(1) as f64;
        let last = curves().filter_map(|s| s.positions.last()).max().copied().unwrap_or(1) as f64;
        let across = |position: f64| {
            let (from, to, at) =
                if self.logarithmic { (first.ln(), last.ln(), position.ln()) } else { (first, last, position) };
            // A single position sits in the middle.
            LEFT + CURVES * if to > from { (at - from) / (to - from) } else { 0.5 }
        };
        // Whole tens of percent around everything that is drawn.
        let values = curves().flat_map(|s| {
            (0..s.accuracy.len()).flat_map(|i| {
                let half = s.ci95.get(i).copied().unwrap_or(0.0);
                [s.accuracy[i] - half, s.accuracy[i] + half]
            })
        });
        let values: Vec<f64> = values.chain(self.chance).map(|v| v.clamp(0.0, 1.0)).collect();
        let low = (values.iter().copied().fold(1.0, f64::min) * 10.0 - 1e-9).floor().max(0.0) * 10.0;
        let high = ((values.iter().copied().fold(0.0, f64::max) * 10.0 + 1e-9).ceil() * 10.0).max(low + 10.0);
        let down = |fraction: f64| {
            let share = (100.0 * fraction.clamp(0.0, 1.0) - low) / (high - low);
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share
        };

        // Names: where their curves end, pushed apart, in the order of the ends.
        let label = |s: &Series| format!("{} {:.1}", s.name, 100.0 * s.accuracy.last().copied().unwrap_or(0.0));
        let longest = curves().map(|s| label(s).chars().count()).max().unwrap_or(0);
        let width = LEFT + CURVES + 44.0 + 7.6 * longest.clamp(8, 48) as f64;
        let ends: Vec<f64> = curves().map(|s| down(s.accuracy.last().copied().unwrap_or(0.0))).collect();
        let names = spread(&ends, LINE, TOP - 6.0, HEIGHT - 14.0);

        let mut out = String::new();
        let title = escape(&self.title);
        let described = curves().map(label).collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {HEIGHT}\" width=\"{width:.0}\" \
             height=\"{HEIGHT}\" role=\"img\">\n<title>{title}</title>\n<desc>Accuracy in percent over examples, at the last \
             position: {}</desc>\n<style>\n{}</style>\n<rect class=\"ground\" width=\"{width:.0}\" height=\"{HEIGHT}\"/>\n",
            escape(&described),
            style(self.series.len()),
        );
        let _ = writeln!(out, "<text class=\"title\" x=\"{LEFT}\" y=\"28\">{title}</text>");
        let _ = writeln!(out, "<text class=\"small\" x=\"{LEFT}\" y=\"48\">{}</text>", escape(&self.subtitle));

        let step = if high - low > 50.0 { 20.0 } else { 10.0 };
        let mut tick = (low / step).ceil() * step;
        while tick <= high {
            let y = down(tick / 100.0);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}h{CURVES}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{tick}</text>",
                LEFT - 8.0,
                y + 4.0,
            );
            tick += step;
        }
        let floor = HEIGHT - BOTTOM;
        for position in ticks(first, last, self.logarithmic) {
            let x = across(position);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {floor}v5\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{position}</text>",
                floor + 19.0,
            );
        }
        let _ = writeln!(out, "<path class=\"axis\" d=\"M{LEFT} {floor}h{CURVES}\"/>");
        let _ = writeln!(
            out,
            "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">position of the example in its episode\
             {}</text>",
            LEFT + CURVES / 2.0,
            HEIGHT - 14.0,
            if self.logarithmic { " (logarithmic)" } else { "" },
        );
        let middle = (TOP + floor) / 2.0;
        let _ = writeln!(
            out,
            "<text class=\"small\" transform=\"translate(18 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">accuracy \
             (%)</text>"
        );
        if let Some(chance) = self.chance {
            let y = down(chance);
            let _ = writeln!(
                out,
                "<path class=\"chance\" d=\"M{LEFT} {y:.1}h{CURVES}\"/><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">chance</text>",
                LEFT + CURVES - 4.0,
                y - 5.0,
            );
        }

        // The first curve comes last and lies on top.
        for (i, s) in self.series.iter().enumerate().rev() {
            let points = |of: &dyn Fn(usize) -> f64| -> Vec<String> {
                (0..s.positions.len())
                    .map(|p| format!("{:.1} {:.1}", across(s.positions[p] as f64), down(of(p))))
                    .collect()
            };
            if !s.ci95.is_empty() {
                let upper = points(&|p| s.accuracy[p] + s.ci95[p]);
                let mut lower = points(&|p| s.accuracy[p] - s.ci95[p]);
                lower.reverse();
                let _ = writeln!(out, "<path class=\"band c{i}\" d=\"M{}L{}Z\"/>", upper.join("L"), lower.join("L"));
            }
            let line = points(&|p| s.accuracy[p]);
            let kind = if s.dashed { "rule" } else { "line" };
            let _ = writeln!(out, "<path class=\"{kind} c{i}\" d=\"M{}\"/>", line.join("L"));
            // Where curves have few points, the points are what was measured.
            if s.positions.len() <= 12 {
                for point in line {
                    let (x, y) = point.split_once(' ').unwrap_or((&point, "0"));
                    let r = if s.dashed { 2.2 } else { 3.2 };
                    let _ = write!(out, "<circle class=\"dot c{i}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>");
                }
                out.push('\n');
            }
            let end = across(s.positions.last().copied().unwrap_or(1) as f64);
            let (from, to, x) = (ends[i], names[i], LEFT + CURVES);
            let _ = writeln!(
                out,
                "<path class=\"lead c{i}\" d=\"M{:.1} {from:.1}L{:.1} {from:.1}L{:.1} {to:.1}\"/>\
                 <text class=\"name {kind}-name c{i}\" x=\"{:.1}\" y=\"{:.1}\">{} <tspan class=\"value\">{:.1}</tspan></text>",
                end + 5.0,
                x + 7.0,
                x + 20.0,
                x + 24.0,
                to + 4.5,
                escape(&s.name),
                100.0 * s.accuracy.last().copied().unwrap_or(0.0),
            );
        }
        out.push_str("</svg>\n");
        Ok(out)
    }

    /// Writes the picture to `path`, through a temporary name.
    ///
    /// # Errors
    /// Those of [`Plot::svg`], and [`PlotError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), PlotError> {
        let svg = self.svg()?;
        let io = |source| PlotError::Io { path: path.to_path_buf(), source };
        let part = path.with_extension("svg.part");
        std::fs::write(&part, svg).map_err(io)?;
        std::fs::rename(&part, path).map_err(io)
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.series.is_empty() {
            return Err(PlotError::Empty { name: String::new() });
        }
        for s in &self.series {
            let name = s.name.clone();
            let (positions, accuracy, ci95) = (s.positions.len(), s.accuracy.len(), s.ci95.len());
            if positions == 0 {
                return Err(PlotError::Empty { name });
            }
            if accuracy != positions || (ci95 != 0 && ci95 != positions) {
                return Err(PlotError::Length { name, positions, accuracy, ci95 });
            }
            for index in 0..positions {
                let position = s.positions[index];
                if position == 0 || (index > 0 && s.positions[index - 1] >= position) {
                    return Err(PlotError::Value { name, index, value: position as f64 });
                }
                let fractions = [Some(s.accuracy[index]), s.ci95.get(index).copied()];
                if let Some(value) = fractions.into_iter().flatten().find(|v| !(0.0..=1.0).contains(v)) {
                    return Err(PlotError::Value { name, index, value });
                }
            }
        }
        if let Some(value) = self.chance.filter(|v| !(0.0..=1.0).contains(v)) {
            return Err(PlotError::Value { name: "chance".into(), index: 0, value });
        }
        Ok(())
    }
}

/// Positions that get a tick: 1, 2, 5, 10, … on a logarithmic axis, round steps on a linear one.
fn ticks(first: f64, last: f64, logarithmic: bool) -> Vec<f64> {
    if first == last {
        return vec![first];
    }
    if logarithmic {
        let round = (0..18).flat_map(|power| [1.0, 2.0, 5.0].map(|v| v * 10f64.powi(power)));
        return round.filter(|&v| v >= first && v <= last).collect();
    }
    let rough = (last - first) / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|v| v * power).into_iter().find(|&v| v >= rough).unwrap_or(rough).max(1.0);
    let mut ticks = vec![first];
    // The first position is 1 as a rule: a tick at step/2 beside it would be crowded.
    let round = (1..).map(|i| f64::from(i) * step).take_while(|&v| v <= last);
    ticks.extend(round.filter(|v| v - first >= 0.6 * step));
    ticks
}

/// Moves points apart until neighbours are `gap` away from each other, in their order, as little as a few sweeps find,
/// within `low`..`high`; where there is no room for that, they are spread evenly.
pub(crate) fn spread(ends: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| ends[a].total_cmp(&ends[b]));
    let gap = gap.min((high - low) / (ends.len().max(2) - 1) as f64);
    let mut at: Vec<f64> = order.iter().map(|&i| ends[i]).collect();
    for _ in 0..200 {
        for k in 1..at.len() {
            let missing = gap - (at[k] - at[k - 1]);
            if missing > 0.0 {
                at[k - 1] -= missing / 2.0;
                at[k] += missing / 2.0;
            }
        }
        at.iter_mut().for_each(|y| *y = y.clamp(low, high));
    }
    // What the sweeps left undone, from above and then from below.
    (1..at.len()).for_each(|k| at[k] = at[k].max(at[k - 1] + gap));
    if let Some(end) = at.last_mut() {
        *end = end.min(high);
    }
    (0..at.len().saturating_sub(1)).rev().for_each(|k| at[k] = at[k].min(at[k + 1] - gap));
    let mut names = vec![0.0; ends.len()];
    order.iter().zip(at).for_each(|(&i, y)| names[i] = y);
    names
}

pub(crate) fn style(curves: usize) -> String {
    let colours = |scheme: usize| -> String {
        (0..curves).map(|i| format!(".c{i}{{--c:{}}}", COLOURS[i % COLOURS.len()][scheme])).collect()
    };
    format!(
        "svg{{--ground:#fff;--ink:#1c2126;--soft:#59636e;--grid:#e4e8ec}}\n{}\n\
         @media (prefers-color-scheme:dark){{svg{{--ground:#14181c;--ink:#e9edf1;--soft:#9aa6b2;--grid:#2b333b}}\n{}}}\n\
         text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif;fill:var(--ink)}}\n\
         .ground{{fill:var(--ground)}}.title{{font-size:17px;font-weight:600}}\n\
         .small,.tick{{font-size:12px;fill:var(--soft)}}.name{{font-size:13px;fill:var(--c)}}.line-name,.value{{font-weight:600}}\n\
         .grid{{stroke:var(--grid)}}.axis{{stroke:var(--soft)}}\n\
         .chance{{stroke:var(--soft);stroke-dasharray:1.5 4;stroke-linecap:round}}\n\
         .line,.rule,.lead{{fill:none;stroke:var(--c);stroke-linejoin:round;stroke-linecap:round}}\n\
         .line{{stroke-width:2.6}}.rule{{stroke-width:1.5;stroke-dasharray:6 4}}.lead{{stroke-width:1;opacity:.55}}\n\
         .band{{fill:var(--c);opacity:.16}}.dot{{fill:var(--c)}}\n",
        colours(0),
        colours(1),
    )
}

/// Text as it may stand in XML; control characters, which may not, become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, accuracy: &[f64]) -> Series {
        let positions = [1, 2, 5, 10, 20, 50, 100][..accuracy.len()].to_vec();
        let ci95 = vec![0.02; accuracy.len()];
        Series { name: name.into(), positions, accuracy: accuracy.to_vec(), ci95, dashed: false }
    }

    fn plot() -> Plot {
        Plot {
            title: "MNIST, 14×14".into(),
            subtitle: "1,000 episodes".into(),
            logarithmic: true,
            chance: Some(0.1),
            series: vec![
                series("learner", &[0.1, 0.15, 0.25, 0.41, 0.55, 0.71, 0.81]),
                Series {
                    dashed: true,
                    ci95: vec![],
                    ..series("1-NN cosine", &[0.1, 0.15, 0.22, 0.36, 0.48, 0.65, 0.75])
                },
            ],
        }
    }

    /// Points of the path with this class.
    fn path(svg: &str, class: &str) -> Vec<(f64, f64)> {
        let from = svg.split(&format!("<path class=\"{class}\" d=\"M")).nth(1).expect("the path is there");
        let points = from.split('"').next().unwrap().trim_end_matches('Z').split('L');
        let pair = |p: &str| p.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap();
        points.map(pair).collect()
    }

    #[test]
    fn curves_go_where_their_values_are() {
        let svg = plot().svg().unwrap();
        let line = path(&svg, "line c0");
        assert_eq!(line.len(), 7);
        assert!((line[0].0 - LEFT).abs() < 0.1 && (line[6].0 - LEFT - CURVES).abs() < 0.1);
        // Logarithmic: 10 is half-way between 1 and 100. Better is higher.
        assert!((line[3].0 - LEFT - CURVES / 2.0).abs() < 0.1, "{:?}", line[3]);
        assert!(line.windows(2).all(|w| w[1].1 < w[0].1 && w[1].0 > w[0].0));
        // The axis runs from 0 to 90 %: 81 % is at nine tenths of it.
        let share = (HEIGHT - BOTTOM - line[6].1) / (HEIGHT - BOTTOM - TOP);
        assert!((share - 0.9).abs() < 0.001, "{share}");
        let band = path(&svg, "band c0");
        assert_eq!(band.len(), 14);
        let height = (band[13 - 3].1 - band[3].1) / (HEIGHT - BOTTOM - TOP);
        assert!((height - 0.04 / 0.9).abs() < 0.001, "±2 % is drawn as {height}");
        assert_eq!(path(&svg, "rule c1").len(), 7);
        assert!(!svg.contains("band c1"), "no interval, no band");

        let linear = Plot { logarithmic: false, ..plot() }.svg().unwrap();
        let line = path(&linear, "line c0");
        assert!((line[5].0 - LEFT - CURVES * 49.0 / 99.0).abs() < 0.1, "{:?}", line[5]);
    }

    #[test]
    fn it_stands_alone_in_both_schemes() {
        let svg = plot().svg().unwrap();
        assert!(svg.contains("prefers-color-scheme:dark"));
        for expected in ["<title>MNIST, 14×14</title>", "accuracy (%)", ">81.0<", "1-NN cosine", "chance"] {
            assert!(svg.contains(expected), "{expected}");
        }
        let addresses = svg.matches("http").count();
        assert_eq!(addresses, 1, "the namespace is the only address");
        let odd = Plot { title: "a < b & \"c\"\u{1}".into(), ..plot() }.svg().unwrap();
        assert!(odd.contains("<title>a &lt; b &amp; &quot;c&quot; </title>"));
        assert_eq!(odd.matches('<').count(), odd.matches('>').count());
    }

    #[test]
    fn names_never_overlap_nor_leave_the_picture() {
        for n in [1, 2, 5, 12, 20] {
            for ends in [vec![200.0; n], (0..n).map(|i| 100.0 + (i * 37 % n) as f64).collect(), vec![HEIGHT; n]] {
                let mut at = spread(&ends, LINE, TOP, HEIGHT - 14.0);
                let by_end: Vec<f64> = {
                    let mut order: Vec<usize> = (0..n).collect();
                    order.sort_by(|&a, &b| ends[a].total_cmp(&ends[b]));
                    order.iter().map(|&i| at[i]).collect()
                };
                assert!(by_end.is_sorted(), "names are in the order of their curves");
                at.sort_by(f64::total_cmp);
                assert!(at[0] >= TOP - 1e-6 && at[n - 1] <= HEIGHT - 14.0 + 1e-6, "{at:?}");
                assert!(at.windows(2).all(|w| w[1] - w[0] >= LINE - 1e-6), "{n}: {at:?}");
            }
        }
        // 30 names don't fit at full distance: they come closer, evenly.
        let at = spread(&[100.0; 30], LINE, TOP, HEIGHT);
        assert!(at.iter().all(|y| (TOP - 1e-6..=HEIGHT + 1e-6).contains(y)));
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(1.0, 100.0, true), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(ticks(1.0, 100.0, false), [1.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(7.0, 7.0, true), [7.0]);
        for last in [2.0, 3.0, 9.0, 37.0, 200.0, 1000.0] {
            let found = ticks(1.0, last, false);
            assert!((2..=8).contains(&found.len()), "{last}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        assert!(matches!(Plot::default().svg(), Err(PlotError::Empty { .. })));
        let with = |s: Series| Plot { series: vec![s], ..plot() }.svg();
        assert!(matches!(with(Series::default()), Err(PlotError::Empty { .. })));
        assert!(matches!(with(Series { ci95: vec![0.1], ..series("s", &[0.5, 0.6]) }), Err(PlotError::Length { .. })));
        assert!(matches!(
            with(Series { accuracy: vec![0.1], ..series("s", &[0.5, 0.6]) }),
            Err(PlotError::Length { .. })
        ));
        for bad in [f64::NAN, -0.1, 81.0, f64::INFINITY] {
            assert!(matches!(with(series("s", &[0.5, bad])), Err(PlotError::Value { index: 1, .. })), "{bad}");
        }
        let back = Series { positions: vec![5, 5], ..series("s", &[0.5, 0.6]) };
        assert!(matches!(with(back), Err(PlotError::Value { index: 1, .. })));
        // One point, and values at both ends, can be drawn.
        assert!(with(series("s", &[0.5])).unwrap().contains("circle"));
        assert!(!with(series("s", &[0.0, 1.0])).unwrap().contains("NaN"));
    }

    #[test]
    fn the_file_is_written_whole() {
        let path = std::env::temp_dir().join(format!("gpicl-test-plot-{}.svg", std::process::id()));
        plot().save(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), plot().svg().unwrap());
        assert!(!path.with_extension("svg.part").exists());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(plot().save(Path::new("/nowhere/at/all.svg")), Err(PlotError::Io { .. })));
    }
}
