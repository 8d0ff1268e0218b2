//! `cargo xtask test`: formatting, lints, and every test, ending with one line of totals.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{run as run_shown, run_reading, run_reading_errors};

use crate::options::Options;
use crate::python;
use crate::setup::{Need, Tools, setup};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask test [OPTIONS]

Installs what is missing, then checks formatting and lints, builds the page, and runs the tests of every crate: laws of
the model, parity of its implementations (Burn, CPU, native wgpu on a software adapter, WebGPU in headless Chromium),
the command line, ONNX files in onnxruntime, the real page in Chromium, its heart in Firefox and WebKit, too, and the
Python package's wheel in scikit-learn's own checks. Ends with a line `N passed, N failed`.

    --quick         formatting, lints and native tests only: no browser, no Python, and no build of the trainer for the GPU
    --filter NAME   only tests whose name holds NAME; no formatting and no lints

Tests that need data sets look for them in GPICL_DATA, else in ../shared/data, else in the user's cache, and say so when
there are none. Pictures of the page are left in the target folder under screenshots/.";

/// The trainer is built and tested with Burn on a GPU, too, in the one build of everything: Burn takes as long to compile as all
/// of this. Not with `autotune`, for choosing among kernels compiles them all, minutes for each shape on a software adapter.
const GPU_FEATURES: [&str; 2] = ["--features", "trainer/wgpu,trainer/fusion"];
/// What is linted natively: all but the page's program, which is linted for WebAssembly.
const LINTED_CRATES: [&str; 5] = ["--workspace", "--exclude", "web", "--exclude", "dom"];
/// What natively runs: all but the Python package, which has tests of its own. The page's crate is no default member, for its
/// program runs in no terminal; its laws do.
const TESTED_CRATES: [&str; 3] = ["--workspace", "--exclude", "python"];

/// What a run of a test program counted.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Count {
    /// Adds what a line of cargo's says: `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or pytest's last one.
    fn add_line(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else {
            return self.add_pytest_line(line).unwrap_or_default();
        };
        let number_before = |word: &str| {
            let (before, _) = rest.split_once(word)?;
            before.split_whitespace().last()?.parse::<usize>().ok()
        };
        self.passed += number_before(" passed").unwrap_or(0);
        self.failed += number_before(" failed").unwrap_or(0);
        self.skipped += number_before(" ignored").unwrap_or(0);
    }

    /// Adds a line such as `1 failed, 30 passed, 2 skipped in 4.20s`; none if it is no such line.
    fn add_pytest_line(&mut self, line: &str) -> Option<()> {
        let (counts, _) = line.trim_matches(['=', ' ']).split_once(" in ")?;
        let mut sum = *self;
        for part in counts.split(", ") {
            let (number, word) = part.split_once(' ')?;
            let number = number.parse::<usize>().ok()?;
            match word {
                "passed" => sum.passed += number,
                "failed" | "error" | "errors" => sum.failed += number,
                "skipped" | "xfailed" => sum.skipped += number,
                "warning" | "warnings" | "deselected" => {}
                _ => return None,
            }
        }
        *self = sum;
        Some(())
    }

    /// Counts a test that passed, and said that it did not run.
    fn skip(&mut self) {
        self.passed = self.passed.saturating_sub(1);
        self.skipped += 1;
    }
}

/// The steps of the run so far.
struct Steps {
    start: Instant,
    done: Vec<Step>,
}

/// One step of the run, for the table at its end.
struct Step {
    name: &'static str,
    count: Count,
    fault: Option<String>,
    time: Duration,
}

/// Runs everything; false when anything failed.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<bool, String> {
    let quick = options.switch("--quick");
    let filter = options.value("--filter")?;
    options.finish()?;

    let needs: &[Need] = match quick {
        true => &[Need::Lints],
        false => {
            &[Need::Lints, Need::Page, Need::Browser, Need::Engines, Need::SoftwareAdapter, Need::Python, Need::Onnx]
        }
    };
    let mut steps = Steps::new();
    let tools = steps.setup(workspace, needs)?;
    let page = workspace.target.join("page");

    // The page is built meanwhile: its longest part runs on one core, and locks other folders than the native builds.
    let building = (!quick).then(|| Background::page(workspace, &page));
    if filter.is_none() {
        lints(workspace, quick, &mut steps);
    }
    let features: &[&str] = if quick { &[] } else { &GPU_FEATURES };
    // With --all-targets the trainer's program is built as well, which the command line tests call; the same crates with
    // the same features are then tested, so nothing is built twice.
    steps.plain("native build", || {
        let mut cargo = workspace.cargo(&["build", "--release", "--all-targets"]);
        run_without_warnings(cargo.args(TESTED_CRATES).args(features))
    });
    if let Some(building) = building {
        building.finish(&mut steps);
        if filter.is_none() {
            page_lints(workspace, &tools, &mut steps);
        }
    }
    let filter = filter.as_deref();
    let mut native = promises(workspace, &tools, quick, &page, &["test", "--release", "--no-fail-fast"]);
    native.args(TESTED_CRATES).args(features);
    steps.tests("native tests", filter, native);
    if let Some(environment) = &tools.python {
        let mut wheel = None;
        steps.plain("wheel", || {
            wheel = Some(python::wheel(workspace, environment)?);
            Ok(())
        });
        // without one the step before has failed
        if let Some(wheel) = wheel {
            steps.tests("python", None, python::tests(workspace, environment, &wheel, filter));
        }
    }
    Ok(steps.report())
}

/// The build of the page as a process of its own, whose words are shown when it has ended.
struct Background {
    child: Result<(Child, PathBuf), String>,
    start: Instant,
}

impl Background {
    fn page(workspace: &Workspace, folder: &Path) -> Background {
        let start = Instant::now();
        let log = workspace.target.join("page.log");
        let spawn = || {
            fs::create_dir_all(&workspace.target)?;
            let words = fs::File::create(&log)?;
            Command::new(env::current_exe()?)
                .args(["page", "--out"])
                .arg(folder)
                .current_dir(&workspace.root)
                .env("CARGO_TARGET_DIR", &workspace.target)
                .stdin(Stdio::null())
                .stdout(words.try_clone()?)
                .stderr(words)
                .spawn()
        };
        let child = spawn().map(|child| (child, log.clone())).map_err(|error: io::Error| error.to_string());
        Background { child, start }
    }

    /// Waits for its end, and adds it to the steps.
    fn finish(self, steps: &mut Steps) {
        let waited = self.child.and_then(|(mut child, log)| {
            let status = child.wait().map_err(|error| error.to_string())?;
            let words = fs::read_to_string(&log).unwrap_or_default();
            Ok((status, words))
        });
        steps.plain("page built", || {
            let (status, words) = waited?;
            eprint!("{words}");
            if status.success() { Ok(()) } else { Err(format!("it ended with {status}; its words are above")) }
        });
        if let Some(step) = steps.done.last_mut() {
            step.time = self.start.elapsed();
        }
    }
}

fn lints(workspace: &Workspace, quick: bool, steps: &mut Steps) {
    let deny = ["--", "-D", "warnings"];
    steps.plain("formatting", || {
        run_shown(&mut workspace.cargo(&["fmt", "--all", "--check"]))
            .map_err(|error| format!("{error}: run `cargo fmt --all`"))
    });
    // In release mode, so that build scripts and macros are shared with what is built next. The trainer without a GPU: the other
    // one is built next, without warnings, and `ci.yml` lints every set of features.
    let crates: &[&str] = if quick { &[] } else { &LINTED_CRATES };
    steps.plain("lints", || {
        run_shown(workspace.cargo(&["clippy", "--release", "--all-targets"]).args(crates).args(deny))
    });
}

/// Runs cargo, and takes a warning about one of our crates for a fault. Of dependencies it shows none.
fn run_without_warnings(cargo: &mut Command) -> Result<(), String> {
    let mut warned = Vec::new();
    // "warning: `trainer` (lib) generated 2 warnings", each time, also when nothing is compiled
    let ended =
        run_reading_errors(cargo, |line| warned.extend(line.contains(" generated ").then(|| line.to_string())))?;
    match (ended, warned.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("expected no warnings, found some: {}", warned.join("; "))),
        (false, _) => Err("it did not build; the words are above".to_string()),
    }
}

/// The page's lints, for which it must not be built at the same time: both use the same folder.
fn page_lints(workspace: &Workspace, tools: &Tools, steps: &mut Steps) {
    let deny = ["--", "-D", "warnings"];
    steps.plain("lints, page", || {
        let mut cargo = if tools.wasm_has_clippy() {
            let mut cargo = tools.wasm_command("cargo");
            cargo.args(["clippy", "--target", "wasm32-unknown-unknown"]);
            cargo
        } else {
            eprintln!("  (no clippy for WebAssembly in this Rust: the page is linted as a native crate)");
            workspace.cargo(&["clippy"])
        };
        cargo.current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
        run_shown(
            cargo
                .args(["-p", "web", "-p", "dom", "-p", "engine", "-p", "reader", "-p", "training", "--profile", "web"])
                .args(["--features", "training/gpu,engine/parity"])
                .args(deny),
        )
    });
}

/// The cargo command with what its tests need to know, and with promises kept: a missing part then fails its tests.
fn promises(workspace: &Workspace, tools: &Tools, quick: bool, page: &PathBuf, arguments: &[&str]) -> Command {
    let mut cargo = workspace.cargo(arguments);
    cargo.env("TRAINER", workspace.program("trainer").get_program());
    cargo.env("SCREENSHOTS", workspace.target.join("screenshots"));
    match workspace.data_folder() {
        Some(folder) => {
            eprintln!("  (data sets from {})", folder.display());
            cargo.env("GPICL_DATA", folder);
        }
        None => {
            eprintln!("  (no GPICL_DATA and no ../shared/data: tests on real data use the cache or say that they skip)")
        }
    }
    if quick {
        cargo.env("SKIP_BROWSER", "1");
        return cargo;
    }
    cargo.env("REQUIRE_BROWSER", "1").env("REQUIRE_GPU", "1").env("PAGE", page);
    if let (Some(chromium), Some(chromedriver)) = (&tools.chromium, &tools.chromedriver) {
        cargo.env("CHROME", chromium).env("CHROMEDRIVER", chromedriver);
    }
    if let Some(engines) = tools.engines {
        for (there, promise) in [(engines.firefox, "REQUIRE_FIREFOX"), (engines.webkit, "REQUIRE_WEBKIT")] {
            if there {
                cargo.env(promise, "1");
            }
        }
    }
    if let Some(python) = &tools.onnx {
        cargo.env("ONNX_PYTHON", python).env("REQUIRE_ONNX", "1");
    }
    if let Some(npm) = &tools.npm {
        cargo.env("NPM_TOOLS", npm).env("AXE", npm.join("axe-core/axe.min.js"));
    }
    if let Some(driver) = &tools.vulkan_driver {
        // The second name is the one that older Vulkan loaders read.
        cargo.env("VK_DRIVER_FILES", driver).env("VK_ICD_FILENAMES", driver);
    }
    cargo
}

impl Steps {
    fn new() -> Steps {
        Steps { start: Instant::now(), done: Vec::new() }
    }

    /// Prints the name of what comes now and when that is, for whoever reads where a run that was ended had spent its time.
    fn heading(&self, name: &str) {
        let seconds = self.start.elapsed().as_secs();
        eprintln!("\n== {name} (after {} min {:02} s)", seconds / 60, seconds % 60);
    }

    /// Finds and installs what the others need; without it there is nothing to run.
    fn setup(&mut self, workspace: &Workspace, needs: &[Need]) -> Result<Tools, String> {
        let mut tools = Err(String::new());
        self.plain("tools", || {
            tools = setup(workspace, needs);
            tools.as_ref().map(|_| ()).map_err(String::clone)
        });
        tools
    }

    /// A step that either works or does not, and counts as a test only when it fails.
    fn plain(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), String>) {
        self.heading(name);
        let start = Instant::now();
        let fault = work().err();
        let count = Count { failed: usize::from(fault.is_some()), ..Count::default() };
        self.done.push(Step { name, count, fault, time: start.elapsed() });
    }

    /// A step that runs test programs and counts what they say.
    fn tests(&mut self, name: &'static str, filter: Option<&str>, mut cargo: Command) {
        self.heading(name);
        cargo.args(filter);
        // Tests that cannot run here pass, and write why into this file.
        let skips = env::temp_dir().join(format!("xtask-skipped-{}", std::process::id()));
        let _ = fs::remove_file(&skips);
        cargo.env("SKIPPED", &skips);
        let start = Instant::now();
        let mut count = Count::default();
        let fault = match run_reading(&mut cargo, |line| count.add_line(line)) {
            Ok(true) => None,
            Ok(false) => {
                // A build that fails or a program that crashes prints no count.
                count.failed = count.failed.max(1);
                Some("tests failed; their words are above".to_string())
            }
            Err(error) => {
                count.failed += 1;
                Some(error)
            }
        };
        for why in fs::read_to_string(&skips).unwrap_or_default().lines() {
            eprintln!("  skipped: {why}");
            count.skip();
        }
        let _ = fs::remove_file(&skips);
        self.done.push(Step { name, count, fault, time: start.elapsed() });
    }

    /// Prints the table and the totals; whether nothing failed.
    fn report(&self) -> bool {
        println!();
        let mut total = Count::default();
        for step in &self.done {
            let Count { passed, failed, skipped } = step.count;
            let seconds = step.time.as_secs_f64();
            match &step.fault {
                Some(fault) => println!("  {:<16} FAILED {seconds:>7.1} s   {fault}", step.name),
                None if passed > 0 => println!("  {:<16} ok     {seconds:>7.1} s   {passed} tests", step.name),
                None => println!("  {:<16} ok     {seconds:>7.1} s", step.name),
            }
            total.passed += passed;
            total.failed += failed;
            total.skipped += skipped;
        }
        println!("  {:<16}        {:>7.1} s", "together", self.start.elapsed().as_secs_f64());
        // The last line, alone, so that other programs can read it.
        println!("\n{}", totals(total));
        total.failed == 0
    }
}

fn totals(total: Count) -> String {
    let skipped = if total.skipped > 0 { format!(", {} skipped", total.skipped) } else { String::new() };
    format!("{} passed, {} failed{skipped}", total.passed, total.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_lines_of_cargo_test_and_pytest() {
        let mut count = Count::default();
        for line in [
            "test shaders::model::spec::reads ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "something else: 7 passed; 8 failed",
            "2 failed, 30 passed, 4 skipped, 5 deselected, 1 warning in 62.10s (0:01:02)",
            "===== 1 passed, 1 error in 0.10s =====",
            "12 files in 3 folders",
        ] {
            count.add_line(line);
        }
        assert_eq!(count, Count { passed: 48, failed: 5, skipped: 5 });
        assert_eq!(totals(count), "48 passed, 5 failed, 5 skipped");
        assert_eq!(totals(Count { passed: 3, ..Count::default() }), "3 passed, 0 failed");
    }

    #[test]
    #[cfg(unix)]
    fn a_test_that_says_it_did_not_run_is_no_test_that_passed() {
        let mut steps = Steps::new();
        let mut command = Command::new("sh");
        let line = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        command.args(["-c", &format!("echo 'no browser' >> \"$SKIPPED\"; echo '{line}'")]);
        steps.tests("skips", None, command);
        assert_eq!(steps.done[0].count, Count { passed: 2, failed: 0, skipped: 1 });
    }

    #[test]
    #[cfg(unix)]
    fn a_warning_is_a_fault_of_the_build() {
        let cargo = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let warning = "warning: `trainer` (lib) generated 2 warnings (run `cargo fix` to apply 1 suggestion)";
        let script = format!("echo '   Compiling trainer v0.2.0' >&2; echo '{warning}' >&2");
        assert!(run_without_warnings(&mut cargo(&script.replace('`', "_"))).unwrap_err().contains("2 warnings"));
        assert_eq!(run_without_warnings(&mut cargo("echo '   Compiling trainer v0.2.0' >&2")), Ok(()));
        assert!(run_without_warnings(&mut cargo("exit 101")).unwrap_err().contains("did not build"));
    }

    #[test]
    fn a_failed_step_is_never_counted_as_nothing() {
        let mut steps = Steps::new();
        steps.plain("formatting", || Err("not formatted".to_string()));
        steps.tests("crash", None, Command::new("false"));
        steps.tests("missing", None, Command::new("no-such-program-anywhere"));
        assert!(steps.done.iter().all(|step| step.count.failed == 1 && step.fault.is_some()));
        assert!(!steps.report());
    }
}
