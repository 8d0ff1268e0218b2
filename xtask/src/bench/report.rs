//! What both benchmarks need for their reports: medians, growth of a cost with a size and its chart, the machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::output;

use crate::workspace::Workspace;

/// A whole number above 0 that was given for `option`.
pub fn number(text: &str, option: &str) -> Result<usize, String> {
    let found = text.parse().ok().filter(|&n| n > 0);
    found.ok_or_else(|| format!("{option}: expected a whole number above 0, found `{text}`"))
}

/// Writes a whole file: under a temporary name first.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let temporary = path.with_extension("tmp");
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The date, the commit, the processor and the load.
pub fn machine_description(workspace: &Workspace) -> String {
    let said = |command: &mut Command| output(command).map(|text| text.trim().to_owned());
    let git = |words: &[&str]| said(Command::new("git").args(words).current_dir(&workspace.root));
    let mut commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "unknown".into());
    if git(&["status", "--porcelain"]).is_ok_and(|changes| !changes.is_empty()) {
        commit += " with changes";
    }
    let date = said(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_else(|_| "a day unknown".into());
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| cpu.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(':').nth(1));
    let model = field("model name").unwrap_or(" unknown processor").trim().to_owned();
    let flags = field("flags").unwrap_or_default();
    let widest = ["avx512f", "avx2"].into_iter().find(|flag| flags.split(' ').any(|f| f == *flag)).unwrap_or("no AVX2");
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{date}, commit {commit}, {model} ({widest}), {cores} cores, load average at the start {load}")
}

/// The median of at least one number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How milliseconds grow with one size.
pub struct Cost {
    /// What grows: T, D or B, or a job of the page over its context.
    pub axis: String,
    /// Size and milliseconds.
    pub points: Vec<(f64, f64)>,
    /// The powers between which time should grow.
    pub expected: &'static [f64],
}

impl Cost {
    /// Reads lines such as `T 25 1.5`.
    ///
    /// Products of weights grow as T, the width's square and the batch, attention as T²: T lies between 1 and 2.
    pub fn all(text: &str) -> Result<Vec<Cost>, String> {
        let mut all: Vec<Cost> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [axis, size, time] = words[..] else { return Err(format!("expected `AXIS SIZE MS`, found `{line}`")) };
            let read = |word: &str| word.parse().map_err(|_| format!("expected a number, found `{word}`"));
            let point = (read(size)?, read(time)?);
            let expected: &[f64] = match axis {
                "T" => &[1.0, 2.0],
                "D" => &[2.0],
                _ => &[1.0],
            };
            match all.last_mut().filter(|cost| cost.axis == axis) {
                Some(cost) => cost.points.push(point),
                None => all.push(Cost { axis: axis.to_owned(), points: vec![point], expected }),
            }
        }
        Ok(all)
    }

    /// How often the time doubles where the size doubles, over the last step.
    fn slope(&self) -> f64 {
        let [.., (x0, y0), (x1, y1)] = self.points[..] else { return f64::NAN };
        (y1 / y0).ln() / (x1 / x0).ln()
    }

    pub fn line(&self) -> String {
        let digits = |time: f64| if time < 10.0 { 2 } else { 1 };
        let point = |(size, time): &(f64, f64)| format!("{size}: {time:.0$} ms", digits(*time));
        let points: Vec<String> = self.points.iter().map(point).collect();
        format!("- {}: {}; last slope {:.2}\n", self.axis, points.join(", "), self.slope())
    }
}

/// Both axes logarithmic, one panel for each size; dashed lines have the slopes that are expected, written at their ends.
pub fn chart(title: &str, costs: &[Cost]) -> String {
    const SIDE: f64 = 220.0;
    const PANEL: f64 = 280.0;
    /// Panels of a row, and its height.
    const ROW: usize = 3;
    const DOWN: f64 = 300.0;
    let all = || costs.iter().flat_map(|cost| &cost.points);
    let least = all().map(|p| p.1).fold(f64::INFINITY, f64::min).log10().floor();
    let most = all().map(|p| p.1).fold(0.0, f64::max).log10().ceil();
    let width = PANEL * costs.len().min(ROW) as f64 + 20.0;
    let height = DOWN * costs.len().div_ceil(ROW) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\" \
         fill=\"#333\"><title>{title}</title>\
         <rect x=\"-10\" width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (panel, cost) in costs.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", DOWN * (panel / ROW) as f64);
        let left = 50.0 + (panel % ROW) as f64 * PANEL;
        let (low, high) = (cost.points[0].0.log10(), cost.points[cost.points.len() - 1].0.log10());
        let x = |size: f64| left + SIDE * (size.log10() - low) / (high - low);
        let y = |time: f64| 20.0 + SIDE * (1.0 - (time.log10() - least) / (most - least));
        for power in least as i32..=most as i32 {
            let (at, label) = (y(10f64.powi(power)), 10f64.powi(power));
            let _ = writeln!(
                svg,
                "<path d=\"M{left:.1} {at:.1}h{SIDE}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label} ms</text>",
                left - 4.0,
                at + 4.0
            );
        }
        let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
            points.map(|(size, time)| format!("{:.1},{:.1}", x(size), y(time))).collect::<Vec<_>>().join(" ")
        };
        let (size, time) = cost.points[0];
        for slope in cost.expected {
            let reach = (high - low).min((most - time.log10()) / slope);
            let end = (size * 10f64.powf(reach), time * 10f64.powf(slope * reach));
            let straight = path(&mut [(size, time), end].into_iter());
            let _ = writeln!(
                svg,
                "<polyline points=\"{straight}\" fill=\"none\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#777\" text-anchor=\"end\">{slope:.0}</text>",
                x(end.0) - 2.0,
                y(end.1) - 3.0
            );
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#0a63b0\" stroke-width=\"2\"/>",
            path(&mut cost.points.iter().copied())
        );
        for &(size, time) in &cost.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#0a63b0\"/><text x=\"{:.1}\" y=\"256\" \
                 text-anchor=\"middle\">{size}</text>",
                x(size),
                y(time),
                x(size)
            );
        }
        let (middle, axis) = (left + SIDE / 2.0, &cost.axis);
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"276\" text-anchor=\"middle\">{axis} (slope at its end {:.2})</text></g>",
            cost.slope()
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_and_their_slope_is_the_power_by_which_they_grow() {
        let costs = Cost::all("T 25 1\nT 50 2\nT 100 8\nB 1 3\nB 10 30").unwrap();
        assert_eq!(costs.iter().map(|cost| cost.axis.as_str()).collect::<Vec<_>>(), ["T", "B"]);
        assert!((costs[0].slope() - 2.0).abs() < 1e-9 && (costs[1].slope() - 1.0).abs() < 1e-9);
        let svg = chart("title", &costs);
        assert_eq!(svg.matches("<circle").count(), 5);
        assert_eq!(svg.matches("stroke-dasharray").count(), 3, "T has two expected slopes, B one");
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(Cost::all("T 25").is_err() && Cost::all("T 25 x").is_err());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 100.0, 1.0]), 3.0);
        assert!(number("0", "--rounds").unwrap_err().contains("--rounds"));
    }
}
