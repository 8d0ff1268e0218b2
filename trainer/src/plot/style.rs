//! Colours, text and style sheet of all pictures.

use std::fmt::Write;

/// Colours that remain distinct for most colour-blind people (after Okabe and Ito), for light and for dark ground.
const COLOURS: [[&str; 2]; 8] = [
    ["#0068a8", "#5ab4f0"],
    ["#c94f00", "#ff9350"],
    ["#00835f", "#3fd0a4"],
    ["#a8478a", "#ee9dd0"],
    ["#7a6400", "#e3c94a"],
    ["#5b4bb5", "#b0a4ff"],
    ["#8c3b2f", "#e88d80"],
    ["#4f5b66", "#aab6c2"],
];

/// Left end of title and subtitle, and the lines they stand on, in pixels.
pub(super) const HEADING: [f64; 3] = [12.0, 24.0, 43.0];

/// The start of a picture: size, title, style sheet with `colours` colours, ground.
pub(super) struct Head<'a> {
    pub title: &'a str,
    pub subtitle: &'a str,
    /// For screen readers; empty for none.
    pub description: &'a str,
    pub width: f64,
    pub height: f64,
    pub colours: usize,
    /// As [`HEADING`].
    pub text: [f64; 3],
}

impl Head<'_> {
    pub(super) fn svg(&self) -> String {
        let Head { width, height, text: [x, first, second], .. } = *self;
        let mut out = String::new();
        let title = escape(self.title);
        let description = match self.description {
            "" => String::new(),
            text => format!("<desc>{}</desc>\n", escape(text)),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n{description}<style>\n{}\
             .hollow{{fill:var(--ground);stroke:var(--c);stroke-width:1.5}}.on-light{{fill:#10151a}}.on-dark{{fill:#fff}}\n</style>\n\
             <rect class=\"ground\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n\
             <text class=\"title\" x=\"{x}\" y=\"{first}\">{title}</text>\n<text class=\"small\" x=\"{x}\" y=\"{second}\">{}</text>\n",
            style(self.colours),
            escape(self.subtitle),
        );
        out
    }
}

/// Moves points apart until neighbours are `gap` away from each other, in their order, as little as a few sweeps find,
/// within `low`..`high`; where there is no room for that, they are spread evenly.
pub(super) fn spread(ends: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
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

fn style(curves: usize) -> String {
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
pub fn escape(text: &str) -> String {
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

    #[test]
    fn names_never_overlap_nor_leave_the_picture() {
        const ROW: f64 = 18.0;
        const TOP: f64 = 68.0;
        const LAST: f64 = 426.0;
        for n in [1, 2, 5, 12, 20] {
            for ends in [vec![200.0; n], (0..n).map(|i| 100.0 + (i * 37 % n) as f64).collect(), vec![440.0; n]] {
                let mut at = spread(&ends, ROW, TOP, LAST);
                let by_end: Vec<f64> = {
                    let mut order: Vec<usize> = (0..n).collect();
                    order.sort_by(|&a, &b| ends[a].total_cmp(&ends[b]));
                    order.iter().map(|&i| at[i]).collect()
                };
                assert!(by_end.is_sorted(), "names are in the order of their curves");
                at.sort_by(f64::total_cmp);
                assert!(at[0] >= TOP - 1e-6 && at[n - 1] <= LAST + 1e-6, "{at:?}");
                assert!(at.windows(2).all(|w| w[1] - w[0] >= ROW - 1e-6), "{n}: {at:?}");
            }
        }
        // 30 names don't fit at full distance: they come closer, evenly.
        let at = spread(&[100.0; 30], ROW, TOP, LAST);
        assert!(at.iter().all(|y| (TOP - 1e-6..=LAST + 1e-6).contains(y)));
    }
}
