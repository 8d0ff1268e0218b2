//! The report as one self-contained page.

use std::fmt::Write;

use super::report::{Parity, Report, Speed, Trained, Training};
use crate::plot::{Axis, Layout, Line, LineChart, Spacing, Stroke, escape, short};

/// The page of a report.
pub fn html(report: &Report) -> String {
    let mut body = String::new();
    head(&mut body, report);
    adapters(&mut body, report);
    kernels(&mut body, &report.kernels);
    training(&mut body, &report.training);
    speed(&mut body, &report.speed);
    for run in &report.runs {
        trained(&mut body, run);
    }
    notes(&mut body, report);
    let title = escape(&report.device);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}: GPU check</title>\n\
         <style>{STYLE}</style></head><body><main>\n{body}</main></body></html>\n"
    )
}

fn head(out: &mut String, report: &Report) {
    let (class, words) = match (report.agrees(), report.complete) {
        (Some(true), true) => ("yes", "It computes what the CPU computes."),
        (Some(true), false) => ("open", "So far it computes what the CPU computes; the check is not complete."),
        (Some(false), _) => ("no", "It does not compute what the CPU computes; see below."),
        (None, _) => ("open", "Nothing was compared yet."),
    };
    let _ = write!(
        out,
        "<h1>{}</h1>\n<p class=\"{class}\">{words}</p>\n<p class=\"soft\">{}, on {}. {}. Made by <code>trainer gpu</code>.</p>\n",
        escape(&report.device),
        escape(&report.date),
        escape(&report.machine),
        escape(&report.trainer),
    );
}

/// A table, its cells as HTML; the first `words` columns hold words, the others numbers.
fn table(out: &mut String, words: usize, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let align = |column: usize| if column < words { " class=\"words\"" } else { "" };
    let heads: String = heads.iter().enumerate().map(|(at, head)| format!("<th{}>{head}</th>", align(at))).collect();
    let _ = writeln!(out, "<div class=\"table\"><table><thead><tr>{heads}</tr></thead><tbody>");
    for row in rows {
        let cells: String = row.iter().enumerate().map(|(at, cell)| format!("<td{}>{cell}</td>", align(at))).collect();
        let _ = writeln!(out, "<tr>{cells}</tr>");
    }
    out.push_str("</tbody></table></div>\n");
}

fn adapters(out: &mut String, report: &Report) {
    out.push_str("<h2>Adapters</h2>\n");
    let row = |adapter: &super::report::Adapter| {
        [&adapter.name, &adapter.kind, &adapter.backend, &adapter.driver].map(|text| escape(text)).to_vec()
    };
    table(out, 4, &["name", "kind", "interface", "driver"], report.adapters.iter().map(row));
}

/// A verdict, and why not.
fn verdict(failed: &[String]) -> String {
    match failed {
        [] => "<b class=\"yes\">agrees</b>".into(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            format!("<b class=\"no\">differs</b> {}{more}", escape(first))
        }
    }
}

fn kernels(out: &mut String, kernels: &[Parity]) {
    if kernels.is_empty() {
        return;
    }
    let cases: usize = kernels.iter().map(|parity| parity.cases).sum();
    let failed: usize = kernels.iter().map(|parity| parity.failed.len()).sum();
    let _ = write!(
        out,
        "<h2>The page's kernels and engines</h2>\n<p>{cases} comparisons of WGSL on this device with the formulas, {failed} \
         of them failed.</p>\n"
    );
    let row = |parity: &Parity| {
        let worst = format!("{:.0} %", 100.0 * parity.worst);
        vec![escape(&parity.name), parity.cases.to_string(), worst, verdict(&parity.failed)]
    };
    let _ = writeln!(out, "<details{}><summary>All of them</summary>", if failed > 0 { " open" } else { "" });
    table(out, 1, &["kernel or engine", "comparisons", "worst, of what is allowed", ""], kernels.iter().map(row));
    out.push_str("</details>\n");
}

fn training(out: &mut String, training: &[Training]) {
    if training.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Training beside the CPU</h2>\n<p>Twenty optimiser steps of a smaller learner from the same weights on the same \
         tasks: Burn on this device, the project's own step or Burn on the CPU.</p>\n",
    );
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.1e}"));
    let row = |training: &Training| {
        let failed: Vec<String> = training.failed.iter().cloned().collect();
        vec![
            escape(&training.learner),
            number(training.losses_apart),
            number(training.first_norms_apart),
            format!("{:.1e}", training.weights_apart),
            format!("{:.1}", training.seconds),
            launches(training),
            verdict(&failed),
        ]
    };
    let heads = [
        "learner",
        "losses apart, nats",
        "first gradient's norm apart",
        "weights apart",
        "seconds, with compiling",
        "kernels launched a step",
        "",
    ];
    table(out, 1, &heads, training.iter().map(row));
    kernels_launched(out, training);
}

/// How many kernels a step launched; reports of earlier versions do not say.
fn launches(training: &Training) -> String {
    if training.launched.is_empty() { "–".into() } else { training.launched.values().sum::<usize>().to_string() }
}

/// Which kernels a step launched, the most frequent first.
fn kernels_launched(out: &mut String, training: &[Training]) {
    if training.iter().all(|training| training.launched.is_empty()) {
        return;
    }
    out.push_str("<details><summary>Kernels launched by a step</summary>\n");
    let rows = training.iter().flat_map(|training| {
        let mut launched: Vec<_> = training.launched.iter().collect();
        launched.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let row = |(name, count): (&String, &usize)| vec![escape(&training.learner), escape(name), count.to_string()];
        launched.into_iter().map(row).collect::<Vec<_>>()
    });
    table(out, 2, &["learner", "kernel", "launches"], rows);
    out.push_str("</details>\n");
}

fn speed(out: &mut String, speed: &[Speed]) {
    if speed.is_empty() {
        return;
    }
    out.push_str("<h2>Training steps</h2>\n");
    let mut ordered: Vec<&Speed> = speed.iter().collect();
    // rows of one learner and size together, in the order in which they were tried
    let alike = |one: &Speed, other: &Speed| (&one.learner, one.size) == (&other.learner, other.size);
    ordered.sort_by_key(|row| speed.iter().position(|other| alike(row, other)));
    let own = |row: &Speed| speed.iter().find(|other| alike(row, other) && other.by == "trainer");
    let row = |row: &&Speed| {
        let [b, t, d, l] = row.size;
        let ratio = own(row).filter(|_| row.by != "trainer").map(|own| own.tokens / row.tokens);
        vec![
            escape(&row.learner),
            format!("{b}, {t}, {d}, {l}"),
            escape(&row.by),
            format!("{:.2}", 1e3 * row.step),
            format!("{:.2} to {:.2}", 1e3 * row.spread[0], 1e3 * row.spread[1]),
            format!("{:.0}", row.tokens),
            row.tflops.map_or_else(|| "–".into(), short),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            format!("{:.1}", row.first),
            row.bytes.map_or_else(|| "–".into(), |bytes| format!("{:.0}", bytes as f64 / 1048576.0)),
        ]
    };
    let heads = [
        "learner",
        "B, T, D, L",
        "by",
        "step, ms",
        "least to most",
        "tokens/s",
        "TFLOP/s",
        "tokens/s, trainer's over this one's",
        "first step, s",
        "memory held, MiB",
    ];
    table(out, 3, &heads, ordered.iter().map(row));
}

fn trained(out: &mut String, run: &Trained) {
    let [done, of] = run.steps;
    let _ = write!(
        out,
        "<h2>{}, from start to end</h2>\n<p>{done} of {of} steps in {:.0} s{}{}.</p>\n",
        escape(&run.preset),
        run.seconds,
        if run.settings.is_empty() { String::new() } else { format!(", with {}", escape(&run.settings.join(", "))) },
        match run.rolled_back {
            0 => String::new(),
            n => format!("; {n} times steps that were not finite were taken again"),
        }
    );
    if run.losses.len() > 1 {
        let points = run.losses.iter().map(|&(step, loss)| (step as f64, loss)).collect();
        let line = Line { name: "loss".into(), points, half: Vec::new(), stroke: Stroke::Solid, colour: 0 };
        let chart = LineChart {
            title: format!("{}: loss", run.preset),
            subtitle: "mean cross-entropy in nats, this session".into(),
            description: format!("Loss of the run of preset {} over its steps", run.preset),
            x: Axis::new("step", Spacing::Linear),
            y: Axis::new("loss", Spacing::Linear),
            lines: vec![line],
            levels: Vec::new(),
            layout: Layout::default(),
        };
        let _ = writeln!(out, "<figure>{}</figure>", chart.svg());
    }
    if !run.accuracy.is_empty() {
        let row = |(set, position, accuracy): &(String, usize, f64)| {
            vec![escape(set), position.to_string(), format!("{:.1}", 100.0 * accuracy)]
        };
        table(out, 1, &["data set (test split)", "position", "accuracy, %"], run.accuracy.iter().map(row));
    }
}

fn notes(out: &mut String, report: &Report) {
    if !report.notes.is_empty() {
        let notes: String = report.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
        let _ = write!(out, "<h2>Notes</h2>\n<ul>{notes}</ul>\n");
    }
    if !report.seconds.is_empty() {
        out.push_str("<h2>Time</h2>\n");
        let row = |(name, seconds): &(String, f64)| vec![escape(name), format!("{seconds:.0}")];
        table(out, 1, &["part", "seconds"], report.seconds.iter().map(row));
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2126;--soft:#59636e;--grid:#e4e8ec;--yes:#00734f;--no:#b3401a}\
@media (prefers-color-scheme:dark){:root{--ground:#14181c;--ink:#e9edf1;--soft:#9aa6b2;--grid:#2b333b;--yes:#3fd0a4;--no:#ff9350}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
main{max-width:1080px;margin:0 auto;padding:1.5rem}h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem;\
border-top:1px solid var(--grid);padding-top:1rem}p,li{max-width:80ch;overflow-wrap:anywhere}.soft,summary{color:var(--soft)}\
.yes{color:var(--yes);font-weight:700}.no{color:var(--no);font-weight:700}.open{color:var(--soft);font-weight:700}\
.table{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\
th,td{text-align:right;padding:.2rem .7rem;border-bottom:1px solid var(--grid);vertical-align:bottom}\
td{white-space:nowrap}th{font-weight:600;max-width:9rem}.words{text-align:left}\
figure{margin:0;max-width:100%;border:1px solid var(--grid);border-radius:6px;overflow:hidden;display:inline-block}\
figure svg{display:block;max-width:100%;height:auto}summary{cursor:pointer}code{font-size:.9em}";
