//! Learning curves: accuracy over the number of examples, checked and then drawn as a line chart.

use std::path::{Path, PathBuf};
use thiserror::Error;

use super::axis::{Axis, Spacing, Ticks};
use super::lines::{Layout, Line, LineChart, Stroke};

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
    /// Drawn thin and dashed: for hand-written rules and controls.
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

/// A little larger than the charts of a report, for a page of its own.
const LAYOUT: Layout = Layout {
    size: [520.0, 316.0],
    margins: [62.0, 68.0, 56.0],
    heading: [62.0, 28.0, 48.0],
    x_title: 42.0,
    row: 18.0,
    name_margins: [6.0, 14.0],
    most_marks: 12,
};

impl Plot {
    /// The picture as SVG text.
    ///
    /// # Errors
    /// [`PlotError::Empty`], [`PlotError::Length`] and [`PlotError::Value`] for curves that cannot be drawn.
    pub fn svg(&self) -> Result<String, PlotError> {
        self.check()?;
        Ok(self.chart().svg())
    }

    fn chart(&self) -> LineChart {
        let end = |s: &Series| format!("{} {:.1}", s.name, 100.0 * s.accuracy.last().copied().unwrap_or(0.0));
        let ends: Vec<String> = self.series.iter().map(end).collect();
        let (spacing, note) = match self.logarithmic {
            true => (Spacing::Log10, " (logarithmic)"),
            false => (Spacing::Linear, ""),
        };
        let positions = Axis::new(&format!("position of the example in its episode{note}"), spacing);
        let line = |(colour, s): (usize, &Series)| Line {
            name: s.name.clone(),
            points: s.positions.iter().zip(&s.accuracy).map(|(p, a)| (*p as f64, *a)).collect(),
            half: s.ci95.clone(),
            stroke: if s.dashed { Stroke::Reference } else { Stroke::Solid },
            colour,
        };
        LineChart {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            description: format!("Accuracy in percent over examples, at the last position: {}", ends.join(", ")),
            x: Axis { ticks: Ticks::Positions, ..positions },
            y: Axis { ticks: Ticks::Tens, ..Axis::percent("accuracy") },
            lines: self.series.iter().enumerate().map(line).collect(),
            levels: self.chance.map(|chance| (chance, "chance".to_owned())).into_iter().collect(),
            layout: LAYOUT,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: f64 = LAYOUT.size[0];
    const HEIGHT: f64 = LAYOUT.size[1];
    const LEFT: f64 = LAYOUT.margins[0];
    const TOP: f64 = LAYOUT.margins[1];

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
        assert!((line[0].0 - LEFT).abs() < 0.1 && (line[6].0 - LEFT - WIDTH).abs() < 0.1);
        // Logarithmic: 10 is half-way between 1 and 100. Better is higher.
        assert!((line[3].0 - LEFT - WIDTH / 2.0).abs() < 0.1, "{:?}", line[3]);
        assert!(line.windows(2).all(|w| w[1].1 < w[0].1 && w[1].0 > w[0].0));
        // The axis runs from 0 to 90 %: 81 % is at nine tenths of it.
        let share = (TOP + HEIGHT - line[6].1) / (HEIGHT);
        assert!((share - 0.9).abs() < 0.001, "{share}");
        let band = path(&svg, "band c0");
        assert_eq!(band.len(), 14);
        let height = (band[13 - 3].1 - band[3].1) / (HEIGHT);
        assert!((height - 0.04 / 0.9).abs() < 0.001, "±2 % is drawn as {height}");
        assert_eq!(path(&svg, "rule c1").len(), 7);
        assert!(!svg.contains("band c1"), "no interval, no band");

        let linear = Plot { logarithmic: false, ..plot() }.svg().unwrap();
        let line = path(&linear, "line c0");
        assert!((line[5].0 - LEFT - WIDTH * 49.0 / 99.0).abs() < 0.1, "{:?}", line[5]);
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
