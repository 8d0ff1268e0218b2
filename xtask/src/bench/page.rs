//! `cargo xtask bench --page`: the learner in the page beside onnxruntime-web, in one headless Chromium.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::server::Server;
use crate::shell::{output, run as run_shown};

use super::browser::{Folder, Results, copy, make, spread, time, version, visit};
use super::report::{Cost, chart, machine_description, number, write};
use crate::options::Options;
use crate::package;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Models that are compared, beside one of the paper's size.
const MODELS: [&str; 2] = ["models/drawing.safetensors", "models/general.safetensors"];
/// What export_onnx.py has to know, as shaders/examples/page.rs has it.
const SHOWN: usize = 100;
const QUERIES: usize = 32;
const CLASSES: usize = 10;
/// Examples in the context where its growth is timed; a learner for fewer stops earlier.
const CONTEXTS: [usize; 5] = [10, 30, 100, 300, 1_000];
/// Jobs whose growth is timed, what a chart calls them, and the powers between which they should grow for a set learner: of an
/// answer, distances as the context, the representation by ridges as its square; of teaching, attention as its square, ridges
/// as its cube.
const GROWING: [(&str, &str, &[f64]); 3] = [
    ("answer-by-context", "an answer", &[1.0, 2.0]),
    ("teach-by-context", "taught", &[2.0, 3.0]),
    ("more-by-context", "one more", &[2.0, 3.0]),
];
/// The same powers for the one causal learner, [`CAUSAL`]: attention of one token, and of all.
const CAUSAL_GROWTH: [&[f64]; 3] = [&[1.0], &[1.0, 2.0], &[1.0]];
/// What shaders/examples/page.rs calls the learner of the paper's size.
const CAUSAL: &str = "paper";
/// Calls of a turn at least, of which the median counts, and for how many milliseconds they go on.
const ANSWERS: usize = 9;
const TEACHINGS: usize = 2;
const ENOUGH: usize = 1_000;
/// Between turns, in milliseconds.
const PAUSE: u32 = 500;

/// Whoever takes turns, and what a table calls them; ours come first.
const CONTENDERS: [(&str, &str); 6] = [
    ("ours-webgpu", "ours, WebGPU"),
    ("ours-cpu", "ours, CPU"),
    (BEFORE, "ours before, CPU"),
    ("ort-webgpu", "ORT, WebGPU"),
    ("ort-wasm", "ORT, wasm"),
    ("ort-wasm-threads", "ORT, wasm, threads"),
];
/// Another build of ours, with `--before`.
const BEFORE: &str = "before-cpu";
/// What is timed, and what a table calls it.
const JOBS: [(&str, &str); 3] = [
    ("answer", "an answer, 100 in context"),
    ("teach", "100 taught, first answer"),
    ("load", "cold load, taught, first answer"),
];
/// Which of ours is compared with which of theirs: everything, and each kind of processor alone.
const PAIRS: [(&str, &[&str], &[&str]); 4] = [
    ("best / best", &["ours-webgpu", "ours-cpu"], &["ort-webgpu", "ort-wasm", "ort-wasm-threads"]),
    ("WebGPU", &["ours-webgpu"], &["ort-webgpu"]),
    ("CPU", &["ours-cpu"], &["ort-wasm", "ort-wasm-threads"]),
    ("before", &["ours-cpu"], &[BEFORE]),
];

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let python = options.value("--python")?.unwrap_or_else(|| "python3".into());
    let rounds = options.value("--rounds")?.map_or(Ok(5), |text| number(&text, "--rounds"))?;
    let gpu = options.switch("--gpu");
    let cpu = options.switch("--cpu");
    let before = options.value("--before")?.map(|folder| workspace.root.join(folder));
    let out = options.value("--out")?.map(|folder| workspace.root.join(folder));
    options.finish()?;
    if let Some(before) = before.as_ref().filter(|before| !before.join("learner.js").is_file()) {
        return Err(format!(
            "--before: expected a package that `cargo xtask package --out FOLDER` wrote, found no learner.js in {}",
            before.display()
        ));
    }

    let tools = match setup::setup(workspace, &[Need::Page, Need::Chromium]) {
        Ok(tools) => tools,
        Err(error) => {
            println!("The page part is skipped, for a tool of it could not be had: {error}");
            return Ok(());
        }
    };
    let site = Folder::new()?;
    let case = site.path.join("case");
    let pages = workspace.root.join("xtask/peers/page");
    make(&case)?;
    for name in ["index.html", "frame.html", "bench.js", "frame.js", "ort.js"] {
        copy(&pages.join(name), &site.path.join(name))?;
    }
    package::build_engine(workspace, &tools, &site.path.join("pkg"))?;
    // with the same switches as the engine needs, and no GPU
    run_shown(&mut workspace.cargo(&[
        "build",
        "--release",
        "-p",
        "shaders",
        "--no-default-features",
        "--example",
        "page",
    ]))?;
    let mut cases =
        Command::new(workspace.target.join("release/examples").join(format!("page{}", env::consts::EXE_SUFFIX)));
    let models = Model::all(&output(cases.arg(&case).args(MODELS).current_dir(&workspace.root))?)?;

    let mut names: Vec<&str> = CONTENDERS.iter().map(|(name, _)| *name).collect();
    let peer = match peers(workspace, &python, &models, &case, &site.path.join("ort")) {
        Ok(version) => version,
        Err(why) => {
            println!("onnxruntime-web is left out: {why}");
            names.retain(|name| name.starts_with("ours"));
            "left out".into()
        }
    };
    match &before {
        Some(folder) => copy_package(folder, &site.path.join("before"))?,
        None => names.retain(|name| *name != BEFORE),
    }
    if cpu {
        names.retain(|name| !name.ends_with("webgpu"));
    }
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    if threads < 2 {
        names.retain(|name| !name.ends_with("threads"));
    }
    // a software adapter takes a minute to be taught a thousand
    let grows = |name: &&str| *name == "ours-cpu" || *name == BEFORE || (gpu && *name == "ours-webgpu");
    let growing: Vec<&str> = names.iter().copied().filter(grows).collect();
    write(&site.path.join("plan.json"), &plan(&models, &names, &growing, rounds, threads))?;
    let chromium = tools.chromium.as_deref().ok_or("no Chromium")?;
    let about = format!(
        "{}\n{}, {} adapter; onnxruntime-web {peer}",
        machine_description(workspace),
        version(chromium),
        if gpu { "its own" } else { "SwiftShader's software" }
    );
    let (server, reports) = Server::start_measuring(&site.path)?;
    let results = visit(chromium, &server.url(), gpu, &site.path.join("profile"), &reports)?;

    let costs = results.costs(&models, &growing);
    let grows: String = costs.iter().map(Cost::line).collect();
    let table = format!("{about}\n\n{}\n{}\n{grows}", results.times(&models), results.sizes(&models));
    println!("\n{table}");
    if let Some(out) = out {
        make(&out)?;
        write(&out.join("page.md"), &table)?;
        write(&out.join("page.csv"), &results.csv("model"))?;
        // another build's have their lines in the table
        let ours: Vec<&str> = growing.iter().copied().filter(|name| *name != BEFORE).collect();
        let costs = results.costs(&models, &ours);
        write(&out.join("page-cost.svg"), &chart("Milliseconds of the learner in the page by its context", &costs))?;
    }
    Ok(())
}

/// Copies what a page loads of a package.
fn copy_package(from: &Path, to: &Path) -> Result<(), String> {
    make(to)?;
    let entries = fs::read_dir(from).map_err(|error| format!("cannot list {}: {error}", from.display()))?;
    for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Writes the graphs and copies onnxruntime-web to `to`; gives its version, or why it takes no part.
fn peers(workspace: &Workspace, python: &str, models: &[Model], case: &Path, to: &Path) -> Result<String, String> {
    let knows = Command::new(python).args(["-c", "import onnx, numpy"]).stderr(Stdio::null()).status();
    if !knows.is_ok_and(|status| status.success()) {
        return Err(format!(
            "`{python} -c 'import onnx, numpy'` fails. Install both (`{python} -m pip install onnx numpy`), or name \
             another Python with --python FILE."
        ));
    }
    let files = setup::npm::onnxruntime()?;
    for model in models {
        let mut export = Command::new(python);
        export.arg("xtask/peers/export_onnx.py").arg(case.join(format!("{}.safetensors", model.name))).arg(case);
        export.args([SHOWN, CLASSES, model.inputs].map(|size| size.to_string())).current_dir(&workspace.root);
        run_shown(&mut export)?;
    }
    make(to)?;
    // what the two bundles load
    for name in [
        "ort.wasm.bundle.min.mjs",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
        "ort.webgpu.bundle.min.mjs",
        "ort-wasm-simd-threaded.asyncify.mjs",
        "ort-wasm-simd-threaded.asyncify.wasm",
    ] {
        copy(&files.join(name), &to.join(name))?;
    }
    Ok(setup::npm::ONNXRUNTIME_VERSION.into())
}

/// A model as `page` tells of it.
#[derive(Debug, PartialEq)]
struct Model {
    name: String,
    parameters: usize,
    inputs: usize,
    /// Examples that it takes at most.
    longest: usize,
}

impl Model {
    /// Reads lines such as `drawing 282919 784 1024`.
    fn all(text: &str) -> Result<Vec<Model>, String> {
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let fault = || format!("expected `NAME PARAMETERS INPUTS LONGEST`, found `{line}`");
            let [name, parameters, inputs, longest] = words[..] else { return Err(fault()) };
            let read = |word: &str| word.parse().map_err(|_| fault());
            let (parameters, inputs, longest) = (read(parameters)?, read(inputs)?, read(longest)?);
            Ok(Model { name: name.into(), parameters, inputs, longest })
        };
        text.lines().map(line).collect()
    }
}

/// What the page is to do, as JSON.
fn plan(models: &[Model], contenders: &[&str], growing: &[&str], rounds: usize, threads: usize) -> String {
    let model = |m: &Model| {
        let contexts: Vec<String> = CONTEXTS.iter().filter(|n| **n < m.longest).map(usize::to_string).collect();
        format!("{{\"name\":\"{}\",\"inputs\":{},\"contexts\":[{}]}}", m.name, m.inputs, contexts.join(","))
    };
    let models: Vec<String> = models.iter().map(model).collect();
    let words = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    format!(
        "{{\"models\":[{}],\"contenders\":[{}],\"growing\":[{}],\"rounds\":{rounds},\"shown\":{SHOWN},\
         \"queries\":{QUERIES},\"answers\":{ANSWERS},\"teachings\":{TEACHINGS},\"enough\":{ENOUGH},\
         \"threads\":{threads},\"pause\":{PAUSE}}}",
        models.join(","),
        words(contenders),
        words(growing)
    )
}

impl Results {
    fn contenders(&self) -> Vec<(&'static str, &'static str)> {
        let took_part = |name: &str| self.values.keys().any(|[_, contender, _]| contender == name);
        CONTENDERS.into_iter().filter(|(name, _)| took_part(name)).collect()
    }

    /// The table of milliseconds and ratios.
    fn times(&self, models: &[Model]) -> String {
        let contenders = self.contenders();
        let titles: String = contenders.iter().map(|(_, title)| format!(" {title} |")).collect();
        let pairs: String = PAIRS.iter().map(|(title, ..)| format!(" theirs / ours: {title} |")).collect();
        let mut table = format!("| model, job (ms) |{titles}{pairs}\n|---|");
        table += &"---|".repeat(contenders.len() + PAIRS.len());
        table.push('\n');
        for model in models {
            for (job, title) in JOBS {
                let _ = write!(table, "| {}: {title} |", model.name);
                for (contender, _) in &contenders {
                    let rounds = self.of(&model.name, contender, job);
                    let values: Vec<f64> = rounds.into_iter().flat_map(|rounds| rounds.values().copied()).collect();
                    let _ = write!(table, " {} |", spread(&values, time, ""));
                }
                for (_, ours, theirs) in PAIRS {
                    let ratios = self.ratios(&model.name, job, ours, theirs);
                    let _ = write!(table, " {} |", spread(&ratios, |ratio| format!("{ratio:.2}"), "**"));
                }
                table.push('\n');
            }
        }
        for fault in &self.faults {
            let _ = writeln!(table, "\n{fault}");
        }
        table
    }

    /// The table of sizes and of how far probabilities are from those of the CPU engine outside of the browser.
    fn sizes(&self, models: &[Model]) -> String {
        let mut table = String::from(
            "| model | parameters | learner by | loaded, MB | memory of wasm, MB | GPU buffers, MB | probabilities differ by |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for model in models {
            for (contender, title) in self.contenders() {
                let middle = |what| self.middle(&model.name, contender, what);
                let megabytes = |what| middle(what).map_or("–".into(), |bytes| format!("{:.1}", bytes / 1e6));
                let difference = middle("difference").map_or("–".into(), |value| format!("{value:.0e}"));
                let _ = writeln!(
                    table,
                    "| {} | {} | {title} | {} | {} | {} | {difference} |",
                    model.name,
                    model.parameters,
                    megabytes("bytes"),
                    megabytes("wasm"),
                    megabytes("buffers"),
                );
            }
        }
        table
    }

    /// How answers and teaching grow with the context.
    fn costs(&self, models: &[Model], growing: &[&str]) -> Vec<Cost> {
        let mut all = Vec::new();
        for model in models {
            for contender in growing {
                for ((job, title, of_set), causal) in GROWING.into_iter().zip(CAUSAL_GROWTH) {
                    let expected = if model.name == CAUSAL { causal } else { of_set };
                    let rounds = self.of(&model.name, contender, job);
                    let points: Vec<(f64, f64)> =
                        rounds.into_iter().flatten().map(|(size, time)| (*size as f64, *time)).collect();
                    if points.len() > 1 {
                        let title_of = CONTENDERS.iter().find(|(name, _)| name == contender).map(|(_, title)| *title);
                        let engine =
                            title_of.filter(|_| growing.len() > 1).map_or(String::new(), |who| format!(" ({who})"));
                        all.push(Cost { axis: format!("{}: {title}{engine}", model.name), points, expected });
                    }
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        for line in [
            "drawing,ours-webgpu,1,answer,40",
            "drawing,ours-webgpu,2,answer,44",
            "drawing,ours-cpu,1,answer,0.5",
            "drawing,ours-cpu,2,answer,0.25",
            "drawing,ort-webgpu,1,answer,80",
            "drawing,ort-webgpu,2,answer,176",
            "drawing,ort-wasm,1,answer,1",
            "drawing,ort-wasm,2,answer,1",
            "drawing,ours-cpu,1,difference,0.0000002",
            "drawing,ours-cpu,1,bytes,1500000",
        ] {
            results.take(line).unwrap();
        }
        results
    }

    #[test]
    fn ratios_are_of_one_round_and_of_the_best_of_each() {
        let results = results();
        assert_eq!(results.ratios("drawing", "answer", PAIRS[0].1, PAIRS[0].2), [2.0, 4.0]);
        assert_eq!(results.ratios("drawing", "answer", PAIRS[1].1, PAIRS[1].2), [2.0, 4.0]);
        assert!(results.ratios("drawing", "teach", PAIRS[0].1, PAIRS[0].2).is_empty());
        assert!(results.ratios("general", "answer", PAIRS[0].1, PAIRS[0].2).is_empty());
    }

    #[test]
    fn tables_have_a_cell_for_everybody_and_a_dash_for_what_is_missing() {
        let models = Model::all("drawing 282919 784 1024").unwrap();
        let results = results();
        let table = results.times(&models);
        let columns: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(columns, [10; 5], "{table}");
        assert!(table.contains("| 0.50 (0.25 to 0.50) |") && table.contains("| **4.00** (2.00 to 4.00) |"), "{table}");
        assert!(table.lines().last().unwrap().ends_with("| – | – | – | – | – | – | – | – |"), "{table}");
        let sizes = results.sizes(&models);
        assert!(sizes.contains("| drawing | 282919 | ours, CPU | 1.5 | – | – | 2e-7 |"), "{sizes}");
        assert!(results.csv("model").starts_with("model,contender,what,round,value\ndrawing,ort-wasm,answer,1,1\n"));
    }

    #[test]
    fn growth_is_drawn_for_what_was_timed() {
        let mut results = results();
        for (context, time) in [(10, 1.0), (100, 10.0), (1_000, 1_000.0)] {
            results.take(&format!("drawing,ours-cpu,{context},teach-by-context,{time}")).unwrap();
        }
        let models = Model::all("drawing 282919 784 1024\ngeneral 131625 196 1024").unwrap();
        let costs = results.costs(&models, &["ours-cpu"]);
        assert_eq!(costs.len(), 1);
        assert_eq!(costs[0].line(), "- drawing: taught: 10: 1.00 ms, 100: 10.0 ms, 1000: 1000.0 ms; last slope 2.00\n");
        assert_eq!(chart("by context", &costs).matches("<circle").count(), 3);
        assert!(chart("by context", &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn models_that_cannot_be_read_are_told() {
        assert!(Model::all("drawing 1").unwrap_err().contains("NAME PARAMETERS INPUTS LONGEST"));
    }

    #[test]
    fn the_plan_is_what_the_page_reads() {
        let models = Model::all("drawing 282919 784 1024\npaper 3391498 784 101").unwrap();
        let plan = plan(&models, &["ours-cpu", "ort-wasm"], &["ours-cpu"], 3, 2);
        for part in [
            "{\"name\":\"drawing\",\"inputs\":784,\"contexts\":[10,30,100,300,1000]}",
            "{\"name\":\"paper\",\"inputs\":784,\"contexts\":[10,30,100]}]",
            "\"contenders\":[\"ours-cpu\",\"ort-wasm\"],\"growing\":[\"ours-cpu\"],\"rounds\":3",
        ] {
            assert!(plan.contains(part), "{plan}");
        }
        assert_eq!(plan.matches('{').count(), plan.matches('}').count());
    }
}
