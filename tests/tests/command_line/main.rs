//! The trainer's program as a user calls it: what it prints where, how it ends, what it leaves behind.

mod kept;
mod streams;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use shaders::testing;
use tests::browser::wait_for;
use tests::program::{Folder, bad, good, train_tiny, trainer};

fn export(run: &Path, file: &Path, dtype: &str) {
    good(trainer().arg("export").arg(run).arg("-o").arg(file).args(["--dtype", dtype]));
}

#[test]
fn help_names_every_command_on_standard_output() {
    let (help, _) = good(trainer().arg("--help"));
    for command in ["train", "eval", "export", "inspect", "experiment", "report", "data"] {
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
fn several_processes_never_train_the_same_run_each() {
    let folder = Folder::new("mpirun");
    let out = folder.at("run");
    // what mpirun of Open MPI, and of MPICH, tells the processes that it starts
    for size in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] {
        let words = bad(train_tiny(&out, 20).env(size, "2"));
        assert!(words.contains("2 processes") && words.contains("--features mpi"), "{words}");
        assert!(!out.exists(), "a run that never began has left {}", out.display());
    }
    // one process, and a job of Slurm's that holds more, are plain runs
    good(train_tiny(&out, 2).env("OMPI_COMM_WORLD_SIZE", "1").env("SLURM_NTASKS", "2"));
}

#[test]
fn threads_change_the_time_and_never_the_result() {
    let folder = Folder::new("threads");
    let weights = |threads: &str| {
        let run = folder.at(threads);
        good(train_tiny(&run, 6).args(["--threads", threads]));
        fs::read(run.join("checkpoint-000000006/model.safetensors")).expect("a checkpoint")
    };
    assert!(weights("1") == weights("3"));
    let words = bad(train_tiny(&folder.at("none"), 6).args(["--threads", "0"]));
    assert!(words.contains("--threads"), "{words}");
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
    let folder = std::env::current_dir().unwrap().join("../models");
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

/// What the files compute is compared in `onnx/tests`.
#[test]
fn a_learner_is_exported_for_other_runtimes() {
    let folder = Folder::new("onnx");
    let (run, model, graph) = (folder.at("run"), folder.at("a.safetensors"), folder.at("a.onnx"));
    good(&mut train_tiny(&run, 10));
    let (_, words) = good(trainer().arg("export").arg(&run).arg("-o").arg(&model).arg("--onnx").arg(&graph));
    assert!(words.contains("a.safetensors") && words.contains("opset"), "{words}");
    let free = fs::read(&graph).unwrap();
    assert_eq!(shaders::FileKind::of(&free), Some(shaders::FileKind::Onnx));
    // of the model file it is the same, and sizes can be fixed
    good(trainer().arg("export").arg(&model).arg("--onnx").arg(&graph));
    assert!(fs::read(&graph).unwrap() == free, "a run and its model file give the same");
    good(trainer().arg("export").arg(&model).arg("--onnx").arg(&graph).args(["--examples", "5", "--queries", "2"]));
    assert!(fs::read(&graph).unwrap() != free);
    for (arguments, expected) in
        [(["--examples", "100000"], "found 100000"), (["--queries", "0"], "expected a whole number")]
    {
        let words = bad(trainer().arg("export").arg(&model).arg("--onnx").arg(&graph).args(arguments));
        assert!(words.contains(expected), "{words}");
    }
    let text = folder.at("thesis.onnx");
    fs::write(&text, "years of work").unwrap();
    let words = bad(trainer().arg("export").arg(&model).arg("--onnx").arg(&text));
    assert!(words.contains("thesis.onnx") && words.contains("--overwrite"), "{words}");
    assert_eq!(fs::read_to_string(&text).unwrap(), "years of work");
    let words = bad(trainer().arg("export").arg(&model));
    assert!(words.contains("--output"), "{words}");
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
    // what a stranger's file is, and what to do
    let strangers: [(&[u8], &str, &str); 7] = [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 1\n", "Git LFS pointer", "git lfs pull"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page", "address of the file"),
        (b"{\"message\": \"Not Found\"}", "JSON", "server's error"),
        (b"PK\x03\x04\x14\0\0\0\0\0", "zip archive", "Unpack"),
        (b"%PDF-1.7\n", "PDF", ".safetensors"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture", ".safetensors"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC picture", ".safetensors"),
    ];
    for (bytes, name, advice) in strangers {
        fs::write(&file, bytes).unwrap();
        for arguments in [vec!["inspect"], vec!["eval", "--data", "random"]] {
            let words = bad(trainer().args(&arguments).arg(&file));
            assert!(words.contains("model.safetensors"), "{words}");
            assert!(words.contains(name) && words.contains(advice), "{words}");
        }
        let words = bad(trainer().arg("export").arg(&file).arg("-o").arg(folder.at("x.safetensors")));
        assert!(words.contains(name) && words.contains("trainer train"), "{words}");
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

#[test]
fn what_cannot_be_measured_is_found_before_anything_is() {
    let folder = Folder::new("checks");
    let (run, model, data) = (folder.at("run"), folder.at("a.safetensors"), folder.at("data"));
    good(&mut train_tiny(&run, 10));
    export(&run, &model, "f32");
    toy_data_set(&data.join("toy"));
    // far more episodes than there is time for
    let eval = |more: &[&str]| {
        let mut command = trainer();
        command.arg("eval").arg(&model).args(["--episodes", "1000000000"]).args(more).env("GPICL_DATA", &data);
        command
    };
    let words = bad(&mut eval(&["--data", "toy,nothing"]));
    assert!(words.contains("nothing"), "{words}");
    let words = bad(&mut eval(&["--data", "toy,nothing", "--protocol", "drawing", "--ways", "2", "--shots", "1"]));
    assert!(words.contains("nothing"), "{words}");
    let missing = folder.at("no-folder/curves.svg");
    for plot in [missing.to_str().unwrap(), folder.0.to_str().unwrap()] {
        let words = bad(&mut eval(&["--data", "toy", "--plot", plot]));
        assert!(words.contains(plot), "{words}");
    }
    let second = folder.at("missing.safetensors");
    assert!(bad(eval(&["--data", "toy"]).arg(&second)).contains("missing.safetensors"));
    for (option, value, bounds) in [
        ("--episodes", "0", "1…"),
        ("--episodes", "-1", "1…"),
        ("--episodes", "many", "1…"),
        ("--ways", "1", "2…"),
        ("--ways", "5,0", "2…"),
        ("--shots", "0", "1…"),
        ("--positions", "0", "1…"),
        ("--queries", "0", "1…"),
        ("--ensemble", "17", "1…16"),
        ("--project", "1", "2…"),
        ("--seed", "-3", "0 or more"),
    ] {
        let words = bad(trainer().arg("eval").arg(&model).args(["--data", "random"]).arg(format!("{option}={value}")));
        assert!(
            words.contains(option) && words.contains(bounds) && words.contains("found"),
            "{option}={value}: {words}"
        );
        assert!(!words.contains("..=") && !words.contains("invalid digit"), "{words}");
    }
    let words = bad(trainer().arg("eval").arg(&model).args(["--data", "random", "--positions", "1000"]));
    assert!(words.contains("1000") && words.contains("1…40"), "{words}");
    for jobs in ["0", "x"] {
        assert!(bad(trainer().args(["experiment", "fig4", "--jobs", jobs])).contains("1…1024"));
    }
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
