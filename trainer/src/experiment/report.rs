//! One self-contained HTML file from the results of any number of grids and machines, and its figures as SVG and CSV.

use std::fmt::Write;
use std::path::Path;

use super::audit::Audit;
use super::cell::{CellResult, Job, Scale, State};
use super::paper;
use super::registry::find;
use super::section::{Claim, Results, Section, Table};
use crate::files::check_writable;
use crate::plot::csv::quoted;
use crate::plot::{escape, short};

/// The report and the files beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The page.
    pub html: String,
    /// Name and text of each figure's SVG and CSV, each table's CSV, and of all results.
    pub files: Vec<(String, String)>,
    /// Cells it was made of.
    pub cells: usize,
}

/// Name of the file of all results beside a report, one a line as JSON: another report, here or elsewhere, takes it in
/// the place of the folders.
pub const RESULTS: &str = "results.jsonl";

/// The report of some results; `audit` says which cells of a list they lack.
pub fn build(results: &[CellResult], audit: Option<&Audit>) -> Report {
    let mut groups: Vec<(&str, Scale, Vec<&CellResult>)> = Vec::new();
    for result in results {
        let (name, scale) = (result.cell.experiment.as_str(), result.cell.scale);
        match groups.iter_mut().find(|g| g.0 == name && g.1 == scale) {
            Some(group) => group.2.push(result),
            None => groups.push((name, scale, vec![result])),
        }
    }
    let lines = results.iter().map(|result| serde_json::to_string(result).expect("plain data") + "\n");
    let mut files = vec![(RESULTS.to_owned(), lines.collect())];
    let mut body = String::new();
    let mut contents = String::new();
    let several = groups.iter().any(|g| g.1 != groups[0].1);
    for (name, scale, cells) in groups {
        let experiment = find(name).map(|(_, experiment)| experiment);
        let about = experiment.map_or("", |experiment| experiment.about);
        let results = Results { scale, cells: cells.clone() };
        let section = experiment.map_or_else(Section::default, |experiment| (experiment.section)(&results));
        let id = if several { format!("{name}-{scale}") } else { name.to_owned() };
        let verdicts: String = section.claims.iter().map(|claim| mark(claim.held)).collect();
        let _ = writeln!(contents, "<li><a href=\"#{id}\">{name}</a> {} {verdicts}</li>", escape(about));
        body += &part(&id, name, scale, about, &section, &cells);
        for figure in &section.figures {
            let stem = if several { format!("{}-{scale}", figure.name) } else { figure.name.clone() };
            files.push((format!("{stem}.svg"), figure.svg.clone()));
            files.push((format!("{stem}.csv"), figure.csv.clone()));
        }
        for (i, table) in section.tables.iter().enumerate() {
            let number = if section.tables.len() == 1 { String::new() } else { format!("-{}", i + 1) };
            files.push((format!("{id}-table{number}.csv"), csv(table)));
        }
    }
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Experiments</title>\n<style>{STYLE}</style></head><body><main>\n<h1>Experiments</h1>\n\
         <p>Made by <code>trainer report</code> from {} cells. Dashed lines with hollow points are the paper's numbers ({}), at \
         its own scale, or hand-written rules. Verdicts are computed from the results: {} held, {} not held, {} not to be told \
         from these results.</p>\n{}<ol class=\"contents\">\n{contents}</ol>\n{body}</main>\n<script>{SCRIPT}</script></body></html>\n{}{}{}\n",
        results.len(),
        paper::SOURCE,
        mark(Some(true)),
        mark(Some(false)),
        mark(None),
        audit.map(lacking).unwrap_or_default(),
        LIST.0,
        serde_json::to_string(&files.iter().map(|(name, _)| name).collect::<Vec<_>>()).expect("plain data"),
        LIST.1,
    );
    Report { html, files, cells: results.len() }
}

/// Shows that a page is a report.
const OWN: &str = "Made by <code>trainer report</code>";
/// Stands before the list of files beside a report, and after it.
const LIST: (&str, &str) = ("<!-- files beside it: ", " -->");

/// The files that an earlier report wrote beside itself; none if the page is something else.
fn earlier(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let list = text.split_once(LIST.0).and_then(|(_, rest)| rest.split_once(LIST.1));
    list.filter(|_| text.contains(OWN)).and_then(|(list, _)| serde_json::from_str(list).ok()).unwrap_or_default()
}

/// Writes the page, and its figures and tables into the same folder. What an earlier report wrote is replaced; any
/// other file only with `overwrite`.
///
/// # Errors
/// A file is there that no report wrote (then nothing is written), or what the operating system says.
pub fn write(report: &Report, path: &Path, overwrite: bool) -> Result<(), crate::train::TrainError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|source| crate::train::TrainError::Io { path: folder.to_owned(), source })?;
    }
    let mine = earlier(path);
    let page = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(OWN));
    check_writable(path, overwrite, "no report", page)?;
    for (name, _) in &report.files {
        check_writable(&path.with_file_name(name), overwrite, "no file of an earlier report", |_| mine.contains(name))?;
    }
    // the page first: it names the others, so that after a kill in between the next report knows them
    crate::train::write_whole(path, report.html.as_bytes())?;
    for (name, text) in &report.files {
        crate::train::write_whole(&path.with_file_name(name), text.as_bytes())?;
    }
    Ok(())
}

fn mark(held: Option<bool>) -> &'static str {
    match held {
        Some(true) => "<span class=\"yes\" title=\"held\">✓</span>",
        Some(false) => "<span class=\"no\" title=\"not held\">✗</span>",
        None => "<span class=\"open\" title=\"no verdict\">•</span>",
    }
}

/// What the cells of a list lack, at the top of a report.
fn lacking(audit: &Audit) -> String {
    let whole = audit.missing().is_empty() && audit.doubled().next().is_none();
    let mut out = format!("<p class=\"{}\">{}</p>\n", if whole { "cost" } else { "fault" }, escape(&audit.summary()));
    let named = audit.cells.iter().filter(|cell| !cell.ended());
    let lines: String =
        named.chain(audit.doubled()).map(|cell| format!("<li>{}</li>\n", escape(&cell.line()))).collect();
    if !lines.is_empty() {
        let _ = writeln!(
            out,
            "<details><summary>Cells that lack a result, or have several</summary><ul>\n{lines}</ul></details>"
        );
    }
    out
}

fn part(id: &str, name: &str, scale: Scale, about: &str, section: &Section, cells: &[&CellResult]) -> String {
    let mut out = format!("<section id=\"{id}\"><h2>{name}: {}</h2>\n", escape(about));
    let _ = writeln!(out, "<p>{}</p>", escape(&section.question));
    if scale == Scale::Smoke {
        out += "<p class=\"fault\">A smoke run shows that everything works, and nothing else: its verdicts mean nothing.</p>\n";
    }
    if !section.claims.is_empty() {
        out += "<ul class=\"claims\">\n";
        for Claim { text, held } in &section.claims {
            let _ = writeln!(out, "<li>{} {}</li>", mark(*held), escape(text));
        }
        out += "</ul>\n";
    }
    out += "<div class=\"figures\">\n";
    for figure in &section.figures {
        let _ = writeln!(out, "<figure>{}</figure>", figure.svg);
    }
    out += "</div>\n";
    for table in &section.tables {
        out += &html_table(table);
    }
    for cell in cells.iter().filter(|cell| cell.state != State::Done) {
        let word = if cell.state == State::Diverged { "diverged" } else { "failed" };
        let message = cell.message.as_deref().unwrap_or_default();
        let _ = writeln!(
            out,
            "<p class=\"fault\">{} {} {word}: {}</p>",
            mark(Some(false)),
            escape(&cell.cell.name),
            escape(message)
        );
    }
    let seconds: f64 = cells.iter().map(|cell| cell.outcome.seconds).sum();
    let flop: f64 = cells.iter().map(|cell| cell.outcome.flop).sum();
    let mut commits: Vec<&str> = cells.iter().map(|cell| cell.commit.as_str()).collect();
    commits.sort_unstable();
    commits.dedup();
    let mut devices: Vec<&str> = cells.iter().map(|cell| cell.device.as_str()).collect();
    devices.sort_unstable();
    devices.dedup();
    let _ = writeln!(
        out,
        "<p class=\"cost\">{} cells, {} TFLOP of meta-training in {:.0} s of single threads on {}; commit {}. \
         <code>trainer experiment {name} --scale {scale}</code></p>",
        cells.len(),
        short(flop / 1e12),
        seconds,
        escape(&devices.join(", ")),
        escape(&commits.join(", ")),
    );
    let config = cells.iter().find_map(|cell| match &cell.cell.job {
        Job::Learner { config, .. } => Some((&cell.cell.name, config)),
        Job::Rules { .. } => None,
    });
    if let Some((cell, config)) = config {
        let _ = writeln!(
            out,
            "<details><summary>Settings of the first cell, {}</summary><pre>{}</pre></details>",
            escape(cell),
            config.to_toml().lines().map(|line| escape(line) + "\n").collect::<String>()
        );
    }
    out += "</section>\n";
    out
}

fn html_table(table: &Table) -> String {
    let mut out = format!(
        "<div class=\"table\"><table><caption>{} <button type=\"button\">copy</button></caption>\n<thead><tr>",
        escape(&table.title)
    );
    table.head.iter().for_each(|cell| out += &format!("<th>{}</th>", escape(cell)));
    out += "</tr></thead>\n<tbody>\n";
    for (i, row) in table.rows.iter().enumerate() {
        out += if table.reference.contains(&i) { "<tr class=\"reference\">" } else { "<tr>" };
        row.iter().for_each(|cell| out += &format!("<td>{}</td>", escape(cell)));
        out += "</tr>\n";
    }
    out + "</tbody></table></div>\n"
}

fn csv(table: &Table) -> String {
    let row = |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
    row(&table.head) + &table.rows.iter().map(|cells| row(cells)).collect::<String>()
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2126;--soft:#59636e;--grid:#e4e8ec;--yes:#00734f;--no:#b3401a}\
@media (prefers-color-scheme:dark){:root{--ground:#14181c;--ink:#e9edf1;--soft:#9aa6b2;--grid:#2b333b;--yes:#3fd0a4;--no:#ff9350}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
main{max-width:1180px;margin:0 auto;padding:1.5rem}h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:2.6rem;\
border-top:1px solid var(--grid);padding-top:1.2rem}p,li{max-width:80ch}a{color:inherit}\
.contents{columns:2 26rem;padding-left:1.3rem}.claims{list-style:none;padding:0}.claims li{margin:.35rem 0;padding-left:1.6rem;text-indent:-1.6rem}\
.yes,.no,.open{display:inline-block;min-width:1.2rem;text-indent:0;font-weight:700}.yes{color:var(--yes)}.no{color:var(--no)}.open{color:var(--soft)}\
.figures{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;max-width:100%;border:1px solid var(--grid);border-radius:6px;overflow:hidden}\
figure svg{display:block;max-width:100%;height:auto}.table{overflow-x:auto;margin:1rem 0}\
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}caption{text-align:left;color:var(--soft);padding-bottom:.3rem}\
th,td{text-align:right;padding:.2rem .7rem;border-bottom:1px solid var(--grid);white-space:nowrap}th:first-child,td:first-child{text-align:left}\
.reference td{color:var(--soft);font-style:italic}.cost,.fault{color:var(--soft);font-size:.9rem}.fault{color:var(--no)}\
button{font:inherit;font-size:.8rem;color:inherit;background:none;border:1px solid var(--grid);border-radius:4px;cursor:pointer}\
details{font-size:.9rem}pre{overflow-x:auto;font-size:.8rem}code{font-size:.9em}\
@media print{:root{color-scheme:light;--ground:#fff;--ink:#000;--soft:#444;--grid:#ccc;--yes:#00734f;--no:#b3401a}button,details{display:none}\
figure,table{break-inside:avoid}h2{break-after:avoid}main{max-width:none}}";

/// Copies a table as tab-separated text, which spreadsheets take.
const SCRIPT: &str = "\
for(const b of document.querySelectorAll('caption button'))b.onclick=async()=>{\
const t=[...b.closest('table').rows].map(r=>[...r.cells].map(c=>c.textContent).join('\\t')).join('\\n');\
try{await navigator.clipboard.writeText(t);b.textContent='copied'}catch{b.textContent='select and copy by hand'}}";
