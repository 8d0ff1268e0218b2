//! Whatever is killed at a random moment loses nothing that was kept, leaves nothing half done, and ends as if nothing had happened
//! once it is called again.
//!
//! `KILLS` (12) are shared out among the commands that write files; `KILLS_SEED` (0) chooses the moments. Each command is called
//! again until it ends, in a new folder each time, until it was killed as often as it should be. `cargo xtask kills` runs this for
//! long, and keeps the line of figures that each command prints.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use proxy::{Answer, Running};
use rand::RngExt;
use serde_json::{Value, json};
use shaders::{Model, random};
use tests::downloads::{Place, Source};
use tests::program::{Folder, good, train_tiny, trainer};
use tests::setting::number;

/// What a folder holds in the end, by the names of its files.
type Outcome = BTreeMap<PathBuf, Vec<u8>>;

/// What processes lock while they use a folder.
const LOCK: &str = ".gpicl-lock";

/// A command that writes files.
struct Job<'a> {
    name: &'a str,
    /// The call that begins or goes on in a folder.
    call: &'a dyn Fn(&Path) -> Command,
    /// What is in the folder once it has ended well, less what may differ from run to run, such as times.
    outcome: &'a dyn Fn(&Path) -> Outcome,
    /// What has to be true after any kill.
    check: &'a dyn Fn(&Path),
}

/// Every file below a folder, by its path within.
fn files(folder: &Path) -> Outcome {
    let mut all = Outcome::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let name = path.strip_prefix(folder).expect("it is below").to_owned();
                    all.insert(name, fs::read(&path).expect("a file that stays"));
                }
            }
        }
    }
    all
}

/// A file of JSON, or of a value in each line, without the fields that depend on the clock or the machine.
fn timeless(bytes: &[u8]) -> Vec<u8> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["seconds", "commit", "device", "date"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => (),
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    let values = values.unwrap_or_else(|error| panic!("a file that is not whole: {error}: {text}"));
    let lines = values.into_iter().map(|mut value| {
        strip(&mut value);
        value.to_string()
    });
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

/// Kills `job` as often as it should be, and prints the figures.
fn campaign(job: &Job<'_>, kills: u64, seed: u64) {
    println!("kills: {}", call_and_kill(job, kills, seed));
}

/// Calls `job` until it was killed `kills` times and has ended after it.
fn call_and_kill(job: &Job<'_>, kills: u64, seed: u64) -> Value {
    let folder = Folder::new(&format!("kills-{}", job.name));
    let whole = folder.at("whole");
    let begin = Instant::now();
    good(&mut (job.call)(&whole));
    let usual = begin.elapsed();
    let expected = (job.outcome)(&whole);
    assert!(!expected.is_empty(), "{} writes something", job.name);
    let mut stream = random::stream(seed, job.name, 0);
    let (mut killed, mut ended, mut calls) = (0, 0, 0);
    while killed < kills {
        let broken = folder.at(&format!("broken-{ended}"));
        loop {
            calls += 1;
            let mut child =
                (job.call)(&broken).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
            // the first moments are as likely as all the rest: there files are made
            let share: f64 = stream.random_range(0.0..1.0);
            let after = usual.mul_f64(1.1 * share * share);
            if killed < kills && ends_within(&mut child, after).is_none() {
                child.kill().expect("it is ours");
                child.wait().expect("it was killed");
                killed += 1;
                (job.check)(&broken);
                continue;
            }
            let output = child.wait_with_output().expect("it ends");
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}, after kill {killed}: {}: {words}", job.name, output.status);
            break;
        }
        ended += 1;
        let found = (job.outcome)(&broken);
        let names = |outcome: &Outcome| outcome.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{}, after kill {killed}", job.name);
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{}, after kill {killed}: {} differs", job.name, name.display());
        }
        fs::remove_dir_all(&broken).expect("it is ours");
    }
    json!({
        "command": job.name, "kills": killed, "calls": calls, "ended": ended, "lost": 0,
        "files": expected.len(), "usual_seconds": (usual.as_secs_f64() * 100.0).round() / 100.0,
    })
}

/// How the child ended, if it did so in time.
fn ends_within(child: &mut Child, time: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return Some(status);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(left.min(Duration::from_millis(2)));
    }
}

/// A run that takes a second for some thousand steps, with a line of metrics for each.
fn train(out: &Path, steps: u64) -> Command {
    let mut command = train_tiny(out, steps);
    command.args(["--threads", "1", "--set", "training.log_every=1"]);
    command
}

/// The share of all kills that each of the commands takes.
fn kills() -> (u64, u64) {
    (number("KILLS", 12).div_ceil(6), number("KILLS_SEED", 0))
}

/// Every checkpoint that has its name is whole: its weights can be read, and its state is JSON.
fn checkpoints_are_whole(folder: &Path) {
    for (name, bytes) in files(folder) {
        let parts: Vec<&str> = name.iter().filter_map(|part| part.to_str()).collect();
        match parts[..] {
            [checkpoint, _] if checkpoint.ends_with(".tmp") => (),
            [_, "model.safetensors"] => drop(Model::from_bytes(&bytes).expect("weights of a checkpoint")),
            [_, "state.json"] => drop(timeless(&bytes)),
            _ => (),
        }
    }
}

/// Nothing but whole files, each as it should be or not there yet.
fn each_is_whole(expected: Outcome) -> impl Fn(&Path) {
    move |folder| {
        for (name, bytes) in files(folder) {
            // what was begun has another name
            if let Some(whole) = expected.get(&name) {
                assert!(*whole == bytes, "{} is not whole", name.display());
            }
        }
    }
}

#[test]
fn a_run_goes_on_from_its_last_checkpoint() {
    let call = |folder: &Path| match folder.join("config.toml").is_file() {
        true => {
            let mut command = trainer();
            command.args(["train", "--device", "cpu", "--threads", "1", "--resume"]).arg(folder);
            command
        }
        false => train(folder, 1000),
    };
    // the numbers of the newest checkpoint, and a line for each step
    let outcome =
        |folder: &Path| {
            let mut all = files(folder);
            all.retain(|name, _| !name.ends_with(".gpicl-lock"));
            let metrics = all.get_mut(Path::new("metrics.jsonl")).expect("a run leaves its metrics");
            *metrics = timeless(metrics);
            all.into_iter()
                .map(|(name, bytes)| {
                    if name.extension().is_some_and(|e| e == "json") { (name, timeless(&bytes)) } else { (name, bytes) }
                })
                .collect()
        };
    let (kills, seed) = kills();
    campaign(&Job { name: "train", call: &call, outcome: &outcome, check: &checkpoints_are_whole }, kills, seed);
}

#[test]
fn an_experiment_goes_on_with_the_cell_that_was_killed() {
    let call = |folder: &Path| {
        let mut command = trainer();
        command.args([
            "experiment",
            "fig4",
            "--scale",
            "smoke",
            "--seeds",
            "1,2,3,4,5",
            "--device",
            "cpu",
            "--jobs",
            "1",
        ]);
        command.arg("--out").arg(folder);
        command
    };
    let outcome = |folder: &Path| {
        let mut all = files(folder);
        all.retain(|name, _| name.ends_with("result.json"));
        all.values_mut().for_each(|bytes| *bytes = timeless(bytes));
        all
    };
    let check = |folder: &Path| drop(outcome(folder));
    let (kills, seed) = kills();
    campaign(&Job { name: "experiment", call: &call, outcome: &outcome, check: &check }, kills, seed);
}

#[test]
fn a_file_is_exported_whole_or_not_at_all() {
    let base = Folder::new("kills-of-export");
    let run = base.at("run");
    good(&mut train(&run, 10));
    let call = |folder: &Path| {
        fs::create_dir_all(folder).expect("a folder");
        let mut command = trainer();
        command.arg("export").arg(&run).arg("-o").arg(folder.join("a.safetensors"));
        command.arg("--onnx").arg(folder.join("a.onnx"));
        command
    };
    let whole = base.at("whole");
    good(&mut call(&whole));
    let check = each_is_whole(files(&whole));
    let (kills, seed) = kills();
    campaign(&Job { name: "export", call: &call, outcome: &files, check: &check }, kills, seed);
}

#[test]
fn a_report_is_written_whole_or_not_at_all() {
    let base = Folder::new("kills-of-report");
    let grid = base.at("grid");
    let mut first = trainer();
    first.args(["experiment", "fig4", "--scale", "smoke", "--seeds", "1", "--device", "cpu", "--shard", "1/20"]);
    good(first.arg("--out").arg(&grid));
    let call = |folder: &Path| {
        fs::create_dir_all(folder).expect("a folder");
        let mut command = trainer();
        command.arg("report").arg(&grid).arg("-o").arg(folder.join("report.html"));
        command
    };
    let whole = base.at("whole");
    good(&mut call(&whole));
    let check = each_is_whole(files(&whole));
    let (kills, seed) = kills();
    campaign(&Job { name: "report", call: &call, outcome: &files, check: &check }, kills, seed);
}

#[test]
fn answers_are_written_whole_or_not_at_all() {
    let base = Folder::new("kills-of-predict");
    let rows = |count: usize, label: bool| -> String {
        let mut text = String::from(if label { "a,b,kind\n" } else { "a,b\n" });
        for row in 0..count {
            let (a, b) = (row * 7 % 13, row * 5 % 11);
            text += &match label {
                true => format!("{a},{b},{}\n", if a > b { "more" } else { "less" }),
                false => format!("{a},{b}\n"),
            };
        }
        text
    };
    let (shown, asked) = (base.file("shown.csv", rows(40, true)), base.file("asked.csv", rows(400, false)));
    let run = base.at("run");
    good(&mut train(&run, 10));
    let model = base.at("a.safetensors");
    good(trainer().arg("export").arg(&run).arg("-o").arg(&model));
    let call = |folder: &Path| {
        fs::create_dir_all(folder).expect("a folder");
        let mut command = trainer();
        command.arg("predict").arg(&model).arg("--show").arg(&shown).arg("--ask").arg(&asked);
        // a kill may come between the last file and the end
        command.arg("-o").arg(folder.join("answers.csv")).arg("--overwrite");
        command
    };
    let whole = base.at("whole");
    good(&mut call(&whole));
    let check = each_is_whole(files(&whole));
    let (kills, seed) = kills();
    campaign(&Job { name: "predict", call: &call, outcome: &files, check: &check }, kills, seed);
}

/// Holds what a proxy was asked for to what killed calls had left.
struct Ranges<'a> {
    source: &'a Source,
    proxy: &'a Running,
    /// Requests that were looked at.
    seen: Cell<usize>,
    /// Requests that went on from some byte.
    resumed: Cell<usize>,
    /// Bytes of each file in the folder at the last look, whole or not.
    left: RefCell<BTreeMap<String, usize>>,
}

impl Ranges<'_> {
    /// After a kill: files under their own names are whole, those that are not yet are beginnings, and what was there before
    /// was not asked for again.
    fn check(&self, folder: &Path) {
        self.proxy.settle();
        let mut left = self.left.borrow_mut();
        for request in &self.proxy.requests()[self.seen.get()..] {
            let from = request.from.unwrap_or(0);
            assert_eq!(from, left.get(&request.file).copied().unwrap_or(0), "{request:?}, but {left:?} was there");
            self.seen.set(self.seen.get() + 1);
            self.resumed.set(self.resumed.get() + usize::from(from > 0));
        }
        for (path, bytes) in files(&folder.join(self.source.name)) {
            let name = path.to_str().expect("names are plain");
            if name == LOCK {
                continue;
            }
            let file = name.strip_suffix(".part").unwrap_or(name);
            let whole = &self.source.files[file];
            assert!(whole.starts_with(&bytes), "{name} is no beginning of {file}");
            assert!(file != name || bytes.len() == whole.len(), "{name} is not whole");
            left.insert(file.to_owned(), bytes.len());
        }
    }

    /// At the end of a call: the files, and nothing is left of them for the next folder.
    fn outcome(&self, folder: &Path) -> Outcome {
        self.check(folder);
        self.left.borrow_mut().clear();
        files(folder)
    }
}

#[test]
fn a_download_goes_on_and_has_its_name_only_when_it_is_whole() {
    let sources = Source::all();
    let (kills, seed) = kills();
    for source in &sources {
        // a call takes some tenths of a second
        let piece = source.files.values().map(Vec::len).sum::<usize>() / 100;
        let proxy = source.proxy().answer(move |_| Answer::Slow(piece, Duration::from_millis(2))).start();
        let place = Place::new("kills-of-fetch", &proxy);
        let ranges =
            Ranges { source, proxy: &proxy, seen: Cell::new(0), resumed: Cell::new(0), left: RefCell::default() };
        let job = Job {
            name: &format!("fetch {}", source.name),
            call: &|folder| source.fetch(folder, &proxy, &place.authority),
            outcome: &|folder| ranges.outcome(folder),
            check: &|folder| ranges.check(folder),
        };
        let mut figures = call_and_kill(&job, kills.div_ceil(sources.len() as u64), seed);
        figures["resumed"] = ranges.resumed.get().into();
        println!("kills: {figures}");
    }
}
