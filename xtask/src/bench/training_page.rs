//! `cargo xtask bench --training-page`: a training step in the page beside TensorFlow.js and jax-js, in one headless Chromium.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;

use crate::server::Server;

use super::browser::{Folder, Results, copy, make, spread, time, version, visit};
use super::report::{machine_description, number, write};
use crate::npm;
use crate::options::Options;
use crate::package;
use crate::setup::npm::{JAX_JS_VERSION, TENSORFLOW_VERSION};
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Widths of the learners, each with two layers, 64 inputs, 10 classes, 100 examples and batches of 8: the page's own settings,
/// and twice as wide.
const WIDTHS: [usize; 2] = [64, 128];
/// Steps whose losses are compared, each with a batch of its own.
const BATCHES: usize = 10;
/// Steps of a turn at least, and about how many milliseconds it takes.
const LEAST: usize = 3;
const ENOUGH: usize = 2_000;
/// Turns that warm a contender up, where a step takes less than a turn.
const WARM: usize = 3;
/// Milliseconds of a step beyond which a contender is left out.
const SLOW: usize = 15_000;

/// Whoever takes turns, and what a table calls them; ours come first.
const CONTENDERS: [(&str, &str); 14] = [
    (OURS, "ours"),
    ("ours-page", "ours, with its tasks and measurements"),
    ("tfjs-wasm-plain", "TensorFlow.js, wasm"),
    ("tfjs-wasm", "TensorFlow.js, wasm, transposed first"),
    ("tfjs-wasm-threads", "TensorFlow.js, wasm, transposed first, threads"),
    ("tfjs-cpu", "TensorFlow.js, cpu"),
    ("tfjs-webgl", "TensorFlow.js, WebGL"),
    ("tfjs-webgpu", "TensorFlow.js, WebGPU"),
    ("jax-wasm-plain", "jax-js, wasm"),
    ("jax-wasm", "jax-js, wasm, weights in one array"),
    ("jax-wasm-threads", "jax-js, wasm, weights in one array, threads"),
    ("jax-cpu", "jax-js, cpu"),
    ("jax-webgl", "jax-js, WebGL"),
    ("jax-webgpu", "jax-js, WebGPU"),
];
/// With whom the others are compared.
const OURS: &str = "ours";
/// The steps by which losses are told; see bench.js.
const REFERENCE: &str = "reference";
/// What begins the name of a part of a step's time.
const SHARE: &str = "share of ";
/// Whose fastest is compared with ours: one thread, and any.
const PEERS: [(&str, &str); 2] = [("TensorFlow.js", "tfjs"), ("jax-js", "jax")];

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let rounds = options.value("--rounds")?.map_or(Ok(5), |text| number(&text, "--rounds"))?;
    let gpu = options.switch("--gpu");
    let cpu = options.switch("--cpu");
    let out = options.value("--out")?.map(|folder| workspace.root.join(folder));
    options.finish()?;

    let tools = setup::setup(workspace, &[Need::Page, Need::Chromium])?;
    let site = Folder::new()?;
    let pages = workspace.root.join("xtask/peers/training");
    for name in ["index.html", "bench.js", "contender.js", "case.js", "tfjs.js", "jax.js"] {
        copy(&pages.join(name), &site.path.join(name))?;
    }
    let mut names: Vec<&str> = CONTENDERS.iter().map(|(name, _)| *name).collect();
    if let Err(why) = peers(&site.path) {
        println!("TensorFlow.js and jax-js are left out: {why}");
        names.retain(|name| name.starts_with(OURS));
    }
    if cpu {
        names.retain(|name| !name.contains("webg"));
    }
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    if threads < 2 {
        names.retain(|name| !name.ends_with("threads"));
    }
    let built = site.path.join("pkg");
    package::build_alone(workspace, &tools, &built, ("training", "bench"))?;
    // what the module imports, as it lies in the page
    npm::copy(&workspace.root.join("web/training"), &built, &["card.js", "helpers.js", "keep.js"])?;
    let engine = site.path.join("engine");
    make(&engine)?;
    npm::copy(&workspace.root.join("web/package"), &engine, &npm::SCRIPTS)?;
    write(&site.path.join("plan.json"), &plan(&names, rounds, threads))?;

    let chromium = tools.chromium.as_deref().ok_or("no Chromium")?;
    let about = format!(
        "{}\n{}, {} adapter; TensorFlow.js {TENSORFLOW_VERSION}, jax-js {JAX_JS_VERSION}; {threads} threads where it says threads",
        machine_description(workspace),
        version(chromium),
        if gpu { "its own" } else { "SwiftShader's software" }
    );
    let (server, reports) = Server::start_measuring(&site.path)?;
    let results = visit(chromium, &server.url(), gpu, &site.path.join("profile"), &reports)?;
    let table = format!("{about}\n\n{}", tables(&results));
    println!("\n{table}");
    if let Some(out) = out {
        make(&out)?;
        write(&out.join("training-page.md"), &table)?;
        write(&out.join("training-page.csv"), &results.csv("case"))?;
    }
    Ok(())
}

/// Copies what the page loads of both libraries.
fn peers(site: &Path) -> Result<(), String> {
    let modules = setup::npm::training_peers()?;
    let tensorflow = site.join("tfjs");
    make(&tensorflow)?;
    for file in [
        "tfjs/dist/tf.min.js",
        "tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
        "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
        "tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
        "tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm",
    ] {
        let name = file.rsplit('/').next().unwrap_or(file);
        copy(&modules.join("@tensorflow").join(file), &tensorflow.join(name))?;
    }
    let (from, to) = (modules.join("@jax-js/jax/dist"), site.join("jax"));
    make(&to)?;
    let entries = fs::read_dir(&from).map_err(|error| format!("cannot list {}: {error}", from.display()))?;
    for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "js")) {
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// What a table calls the learner of this width.
fn case(width: usize) -> String {
    format!("width {width}")
}

/// What the page is to do, as JSON.
fn plan(contenders: &[&str], rounds: usize, threads: usize) -> String {
    // runs that never end: the page's own steps go on as long as turns do
    let case =
        |width: usize| format!("{{\"name\":\"{}\",\"settings\":{{\"width\":{width},\"steps\":100000}}}}", case(width));
    let contenders: Vec<String> = contenders.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "{{\"cases\":[{}],\"contenders\":[{}],\"rounds\":{rounds},\"batches\":{BATCHES},\"least\":{LEAST},\
         \"enough\":{ENOUGH},\"warm\":{WARM},\"slow\":{SLOW},\"threads\":{threads}}}",
        WIDTHS.map(case).join(","),
        contenders.join(",")
    )
}

/// The values of a contender, in the order of rounds.
fn values(results: &Results, case: &str, contender: &str, what: &str) -> Vec<f64> {
    results.of(case, contender, what).into_iter().flat_map(|rounds| rounds.values().copied()).collect()
}

/// Largest difference of its losses from those of the steps that the page itself takes.
fn difference(results: &Results, case: &str, contender: &str) -> f64 {
    let losses = |who: &str| values(results, case, who, "loss");
    let pairs = losses(REFERENCE).into_iter().zip(losses(contender));
    pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max)
}

/// Where its time goes, if its library tells that: what takes most of it comes first.
fn shares(results: &Results, case: &str, contender: &str) -> String {
    let mut all: Vec<(&str, f64)> = Vec::new();
    for ([model, who, what], rounds) in &results.values {
        if let Some(part) = what.strip_prefix(SHARE).filter(|_| model == case && who == contender) {
            all.extend(rounds.values().map(|share| (part, *share)));
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let percent = |(part, share): &(&str, f64)| format!("{part} {:.0} %", 100.0 * share);
    all.iter().map(percent).collect::<Vec<_>>().join(", ")
}

/// Times, ratios and differences of each case; then the fastest of each library, and who could not do it.
fn tables(results: &Results) -> String {
    let mut text = String::from(
        "| learner | steps by | a step, ms | theirs / ours | first step, s | losses differ by | its time |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for width in WIDTHS {
        let case = case(width);
        for (name, title) in CONTENDERS {
            let steps = values(results, &case, name, "step");
            if steps.is_empty() {
                continue;
            }
            let ratios = if name == OURS { Vec::new() } else { results.ratios(&case, "step", &[OURS], &[name]) };
            let first = results.middle(&case, name, "first").map_or("–".into(), |ms| format!("{:.1}", ms / 1e3));
            let _ = writeln!(
                text,
                "| {case} | {title} | {} | {} | {first} | {:.0e} | {} |",
                spread(&steps, time, ""),
                spread(&ratios, |ratio| format!("{ratio:.2}"), "**"),
                difference(results, &case, name),
                shares(results, &case, name),
            );
        }
    }
    text.push('\n');
    for width in WIDTHS {
        for (library, begins) in PEERS {
            let of = |threads: bool| -> Vec<&str> {
                let theirs = CONTENDERS.iter().map(|(name, _)| *name).filter(|name| name.starts_with(begins));
                theirs.filter(|name| threads || !name.ends_with("threads")).collect()
            };
            let [one, any] = [false, true].map(|threads| results.ratios(&case(width), "step", &[OURS], &of(threads)));
            let show = |ratios: &[f64]| spread(ratios, |ratio| format!("{ratio:.2}"), "**");
            let _ = writeln!(
                text,
                "- {}: the fastest of {library} / ours {}; with threads, too, {}",
                case(width),
                show(&one),
                show(&any)
            );
        }
    }
    results.faults.iter().for_each(|fault| text += &format!("\n{fault}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        for line in [
            "width 64,reference,1,loss,2.5",
            "width 64,reference,2,loss,2.25",
            "width 64,ours,1,step,20",
            "width 64,ours,2,step,25",
            "width 64,ours,1,loss,2.5",
            "width 64,ours,2,loss,2.25",
            "width 64,tfjs-wasm,1,step,200",
            "width 64,tfjs-wasm,2,step,150",
            "width 64,tfjs-wasm,1,first,2500",
            "width 64,tfjs-wasm,1,loss,2.5",
            "width 64,tfjs-wasm,2,loss,2.2500305",
            "width 64,tfjs-wasm,1,share of Exp,0.1",
            "width 64,tfjs-wasm,1,share of BatchMatMul,0.75",
            "width 64,tfjs-wasm-threads,1,step,100",
            "width 64,tfjs-wasm-threads,2,step,100",
        ] {
            results.take(line).unwrap();
        }
        results.faults.push("failed width 64 on jax-webgpu: no adapter".into());
        results
    }

    #[test]
    fn a_row_has_times_ratios_of_one_round_and_how_far_losses_are_apart() {
        let text = tables(&results());
        let row = "| width 64 | TensorFlow.js, wasm, transposed first | 200 (150 to 200) | **10.00** (6.00 to 10.00) | 2.5 | 3e-5 | \
                   BatchMatMul 75 %, Exp 10 % |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| width 64 | ours | 25.0 (20.0 to 25.0) | – | – | 0e0 |  |"), "{text}");
        let best =
            "fastest of TensorFlow.js / ours **10.00** (6.00 to 10.00); with threads, too, **5.00** (4.00 to 5.00)";
        assert!(text.contains(best) && text.contains("fastest of jax-js / ours –"), "{text}");
        assert!(text.ends_with("\nfailed width 64 on jax-webgpu: no adapter\n"), "{text}");
    }

    #[test]
    fn the_plan_is_what_the_page_reads() {
        let plan = plan(&["ours", "jax-wasm"], 3, 2);
        for part in [
            "{\"cases\":[{\"name\":\"width 64\",\"settings\":{\"width\":64,\"steps\":100000}},{\"name\":\"width 128\",",
            "\"contenders\":[\"ours\",\"jax-wasm\"],\"rounds\":3,\"batches\":10,",
        ] {
            assert!(plan.contains(part), "{plan}");
        }
        assert_eq!(plan.matches(['{', '[']).count(), plan.matches(['}', ']']).count());
    }

    /// Each is made by contender.js under the same name.
    #[test]
    fn the_page_knows_every_contender() {
        let script = fs::read_to_string("peers/training/contender.js").unwrap();
        for (name, _) in CONTENDERS {
            assert!(script.contains(&format!("\"{name}\": (")), "{name}");
        }
    }
}
