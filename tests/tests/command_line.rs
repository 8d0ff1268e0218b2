//! The trainer's program as a user calls it: what it prints where, how it ends, what it leaves behind.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::browser::wait_for;

/// A learner that trains in seconds, and a run short enough for a test.
const TINY: [&str; 10] = [
    "model.inputs=64",
    "model.width=16",
    "model.layers=1",
    "model.heads=1",
    "model.key_size=16",
    "model.longest=40",
    "tasks.length=32",
    "training.batch=4",
    "training.micro_batch=2",
    "training.checkpoint_every=10",
];

/// The program that was built beside this test.
fn trainer() -> Command {
    let test = env::current_exe().expect("a running test has a program");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let program = folder.join(format!("trainer{}", env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built: run `cargo build --release` first", program.display());
    let mut command = Command::new(program);
    // Never the user's own data sets.
    command.stdin(Stdio::null()).env("GPICL_DATA", env::temp_dir().join("no-data-sets-here"));
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// What it wrote, after it has ended well.
#[track_caller]
fn good(command: &mut Command) -> (String, String) {
    let output = output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?} ended with {}: {}", output.status, text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// What it said on standard error, after it has ended with a fault and left standard output alone.
#[track_caller]
fn bad(command: &mut Command) -> String {
    let output = output(command);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} ended well: {words}");
    assert!(output.stdout.is_empty(), "{command:?} wrote to standard output");
    assert!(!words.contains("panicked"), "{command:?} panicked: {words}");
    assert!(!words.trim().is_empty(), "{command:?} failed without a word");
    words
}

/// An empty folder of this test's own, removed when the test has passed.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("trainer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Kept for a look when the test fails.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn train_tiny(out: &Path, steps: u64) -> Command {
    let mut command = trainer();
    command.args(["train", "--preset", "quick", "--device", "cpu", "--out"]).arg(out);
    for setting in TINY {
        command.args(["--set", setting]);
    }
    command.args(["--set", &format!("training.steps={steps}")]);
    command
}

fn export(run: &Path, file: &Path, dtype: &str) {
    good(trainer().arg("export").arg(run).arg("-o").arg(file).args(["--dtype", dtype]));
}

#[test]
fn help_names_every_command_on_standard_output() {
    let (help, _) = good(trainer().arg("--help"));
    for command in ["train", "eval", "export", "inspect", "data"] {
        assert!(help.contains(command), "--help does not name {command}: {help}");
    }
    let (help, _) = good(trainer().args(["train", "--help"]));
    for option in ["--preset", "--config", "--set", "--device", "--out", "--resume"] {
        assert!(help.contains(option), "train --help does not name {option}: {help}");
    }
}

#[test]
fn what_is_not_known_is_named_with_what_is_near() {
    let words = bad(trainer().arg("trian"));
    assert!(words.contains("trian"), "{words}");
    let folder = Folder::new("unknown");
    let out = folder.at("run");
    let words = bad(trainer().args(["train", "--set", "training.stpes=5", "--out"]).arg(&out));
    assert!(words.contains("training.stpes") && words.contains("training.steps"), "{words}");
    let words = bad(trainer().args(["train", "--preset", "quikc", "--out"]).arg(&out));
    assert!(words.contains("quikc") && words.contains("quick"), "{words}");
    let words = bad(trainer().args(["train", "--set", "training.steps=soon", "--out"]).arg(&out));
    assert!(words.contains("steps"), "{words}");
    assert!(!out.exists(), "a run that never began has left {}", out.display());
}

#[test]
fn a_run_is_trained_exported_inspected_and_measured() {
    let folder = Folder::new("path");
    let run = folder.at("run");
    good(&mut train_tiny(&run, 20));
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("a run leaves its metrics");
    let last: Value =
        serde_json::from_str(metrics.lines().last().expect("a line at least")).expect("each line is JSON");
    assert_eq!(last["step"], 20, "{last}");
    assert!(last["loss"].as_f64().is_some_and(f64::is_finite), "{last}");

    // The folder is taken: a second run must not overwrite it.
    let words = bad(&mut train_tiny(&run, 20));
    assert!(words.contains("--resume"), "{words}");

    let (f32_file, f16_file) = (folder.at("a.safetensors"), folder.at("b.safetensors"));
    export(&run, &f32_file, "f32");
    export(&run, &f16_file, "f16");
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(size(&f16_file) < size(&f32_file), "f16 takes {} of f32's {} bytes", size(&f16_file), size(&f32_file));
    let model = shaders::Model::read(&f32_file).expect("what was exported can be read");
    assert_eq!((model.spec.width, model.spec.layers), (16, 1));
    let (words, _) = good(trainer().arg("inspect").arg(&f16_file));
    assert!(words.contains("16") && words.to_lowercase().contains("shifted"), "{words}");

    let data = folder.at("data");
    toy_data_set(&data.join("toy"));
    let (json, _) = good(
        trainer()
            .arg("eval")
            .arg(&f32_file)
            .args([
                "--data",
                "toy",
                "--episodes",
                "16",
                "--seed",
                "3",
                "--positions",
                "1,5,20",
                "--baselines",
                "--json",
            ])
            .env("GPICL_DATA", &data),
    );
    let report: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("--json gave {error} in {json}"));
    let result = &report["results"][0];
    assert_eq!((&result["dataset"], &result["episodes"]), (&"toy".into(), &16.into()), "{result}");
    let length = |value: &Value| value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).len();
    let positions = length(&result["positions"]);
    assert!(positions > 0);
    assert_eq!([length(&result["accuracy"]), length(&result["ci95"])], [positions; 2], "{result}");
    let fraction = |value: &Value| value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
    assert!(result["accuracy"].as_array().unwrap().iter().all(fraction), "{result}");
    let rules = result["baselines"].as_object().expect("the rules by name");
    assert!(!rules.is_empty() && rules.values().all(|rule| length(rule) == positions), "{result}");
}

#[test]
fn every_shipped_file_has_the_card_that_its_metadata_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let models: Vec<&PathBuf> =
        files.iter().filter(|file| file.extension().is_some_and(|e| e == "safetensors")).collect();
    assert!(models.len() >= 3, "{models:?}");
    for model in models {
        let card = fs::read_to_string(model.with_extension("md")).unwrap();
        let (told, _) = good(trainer().arg("inspect").arg(model).arg("--card"));
        assert_eq!(told, card, "make it again: trainer inspect {} --card", model.display());
    }
}

/// A set learner from the first step to its figures, as a preset makes it but in seconds.
#[test]
fn a_set_learner_is_trained_exported_and_measured() {
    let folder = env::temp_dir().join(format!("command-line-set-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let (run, file) = (folder.join("run"), folder.join("set.safetensors"));
    let small =
        ["tasks.data=[\"prior\"]", "tasks.weights=[]", "tasks.shown=[5, 9]", "tasks.queries=6", "training.steps=3"];
    let mut command = trainer();
    command.args(["train", "--preset", "general", "--device", "cpu", "--out"]).arg(&run);
    small.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    good(&mut command);
    good(trainer().arg("export").arg(&run).arg("-o").arg(&file));
    let (told, _) = good(trainer().arg("eval").arg(&file).args([
        "--data",
        "random",
        "--positions",
        "5,20",
        "--queries",
        "3",
        "--episodes",
        "32",
        "--project",
        "40",
        "--baselines",
        "--json",
    ]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let result = &told["results"][0];
    assert_eq!(result["project"], 40, "{result}");
    for list in ["accuracy", "nll", "ece"] {
        assert_eq!(result[list].as_array().unwrap().len(), 2, "{list}: {result}");
    }
    assert!(result["margin_ci95"]["kernel ridge"].is_array(), "{result}");
    // what a set learner cannot be asked is told in words
    let words =
        bad(trainer().arg("train").args(["--preset", "general", "--set", "tasks.queries=0", "--out"]).arg(&folder));
    assert!(words.contains("tasks.queries"), "{words}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_that_was_killed_goes_on_bit_for_bit() {
    let folder = Folder::new("killed");
    let (whole, killed) = (folder.at("whole"), folder.at("killed"));
    good(&mut train_tiny(&whole, 300));

    let mut child = train_tiny(&killed, 300).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lines = || fs::read_to_string(killed.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    wait_for("some steps", Duration::from_secs(60), || (lines() >= 5).then_some(()));
    // No farewell: as when the power fails.
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    assert!(!ended.success(), "the run was over before it could be killed; make it longer");

    good(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&killed));
    let files = [folder.at("whole.safetensors"), folder.at("killed.safetensors")];
    export(&whole, &files[0], "f32");
    export(&killed, &files[1], "f32");
    let models = files.map(|file| shaders::Model::read(&file).unwrap());
    assert_eq!(models[0].hash(), models[1].hash(), "the resumed run has other weights");
}

#[test]
fn a_damaged_model_is_refused_in_words() {
    let folder = Folder::new("damaged");
    let file = folder.at("model.safetensors");
    fs::write(&file, b"not a model at all").unwrap();
    for arguments in [vec!["inspect"], vec!["eval", "--data", "mnist"]] {
        let words = bad(trainer().args(&arguments).arg(&file));
        assert!(words.contains("model.safetensors"), "{arguments:?}: {words}");
    }
    let missing = folder.at("missing.safetensors");
    let words = bad(trainer().arg("inspect").arg(&missing));
    assert!(words.contains("missing.safetensors"), "{words}");
    let words = bad(trainer().arg("export").arg(folder.at("no-run")).arg("-o").arg(folder.at("x.safetensors")));
    assert!(words.contains("no-run"), "{words}");
    assert!(!folder.at("x.safetensors").exists());
}

#[test]
fn missing_data_are_told_with_the_way_to_get_them() {
    let folder = Folder::new("no-data");
    let run = folder.at("run");
    good(&mut train_tiny(&run, 2));
    let file = folder.at("a.safetensors");
    export(&run, &file, "f32");
    let words = bad(trainer().arg("eval").arg(&file).args(["--data", "mnist"]));
    assert!(words.contains("trainer data fetch mnist"), "{words}");
}

/// A data set as the IDX format has it: 40 pictures of 8×8 of each of ten classes, each class bright in rows of its own.
fn toy_data_set(folder: &Path) {
    let (classes, each, side) = (10_u32, 40_u32, 8_u32);
    let mut images = Vec::from([0, 0, 8, 3]);
    let mut labels = Vec::from([0, 0, 8, 1]);
    for number in [classes * each, side, side] {
        images.extend(number.to_be_bytes());
    }
    labels.extend((classes * each).to_be_bytes());
    for index in 0..classes * each {
        let class = index % classes;
        labels.push(class as u8);
        for pixel in 0..side * side {
            let lit = (pixel * 7 + class * 13) % 10 < 3;
            let noise = (index * 31 + pixel * 17) % 60;
            images.push((if lit { 190 } else { 5 } + noise) as u8);
        }
    }
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in [("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)] {
        fs::File::create(folder.join(name)).unwrap().write_all(&bytes).unwrap();
    }
}
