//! What is on the disk stays: foreign folders, runs in use, full disks, checkpoints.

use super::*;

/// Files below a folder with what is in them.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(everything(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn nothing_of_someone_else_is_removed_or_replaced() {
    let folder = Folder::new("strangers");
    let run = folder.at("run");
    good(&mut train_tiny(&run, 20));

    // a project that happens to have a config.toml
    let project = folder.at("project");
    fs::create_dir_all(project.join("src")).unwrap();
    fs::write(project.join("config.toml"), "title = \"my site\"\n").unwrap();
    fs::write(project.join("src/main.rs"), "fn main() {}").unwrap();
    let before = everything(&project);
    for more in [&["--overwrite"][..], &[]] {
        let words = bad(train_tiny(&project, 5).args(more));
        assert!(words.contains("no run wrote") && words.contains("config.toml"), "{words}");
    }
    assert!(bad(trainer().args(["train", "--resume"]).arg(&project)).contains("project"));
    assert_eq!(everything(&project), before);

    // a run, with notes in its folder
    fs::write(run.join("notes.txt"), "mine").unwrap();
    let words = bad(&mut train_tiny(&run, 5));
    assert!(words.contains("--resume") && words.contains("--overwrite"), "{words}");
    good(train_tiny(&run, 10).arg("--overwrite"));
    assert_eq!(fs::read_to_string(run.join("notes.txt")).unwrap(), "mine");
    assert!(!run.join("checkpoint-000000020").exists() && run.join("checkpoint-000000010").exists());

    // files under the names that other commands are given
    let text = folder.at("thesis.tex");
    fs::write(&text, "years of work").unwrap();
    let words = bad(trainer().arg("export").arg(&run).arg("-o").arg(&text));
    assert!(words.contains("thesis.tex") && words.contains("--overwrite"), "{words}");
    let model = folder.at("a.safetensors");
    export(&run, &model, "f32");
    export(&run, &model, "f16");
    let other = folder.at("other");
    good(train_tiny(&other, 10).args(["--set", "seed=7"]));
    let words = bad(trainer().arg("export").arg(&other).arg("-o").arg(&model));
    assert!(words.contains("a.safetensors"), "another run's learner is kept: {words}");
    good(trainer().arg("export").arg(&other).arg("-o").arg(&model).arg("--overwrite"));
    let eval = |plot: &Path| {
        let mut command = trainer();
        command.arg("eval").arg(&model).args(["--data", "random", "--episodes", "4", "--positions", "2", "--plot"]);
        command.arg(plot);
        command
    };
    let words = bad(&mut eval(&text));
    assert!(words.contains("thesis.tex"), "{words}");
    let plot = folder.at("curves.svg");
    good(&mut eval(&plot));
    good(&mut eval(&plot));
    good(eval(&text).arg("--overwrite"));
    fs::write(&text, "years of work").unwrap();

    // a grid and its report
    let grid = folder.at("grid");
    let mut first = trainer();
    first.args([
        "experiment",
        "fig4",
        "--scale",
        "smoke",
        "--seeds",
        "1",
        "--device",
        "cpu",
        "--shard",
        "1/40",
        "--out",
    ]);
    first.arg(&grid);
    let cell = {
        good(&mut first);
        fs::read_dir(grid.join("fig4-smoke")).unwrap().next().unwrap().unwrap().path()
    };
    fs::write(cell.join("notes.txt"), "mine").unwrap();
    // as if its settings had changed
    fs::write(cell.join("cell.json"), "{}").unwrap();
    fs::remove_file(cell.join("result.json")).unwrap();
    good(&mut first);
    assert_eq!(fs::read_to_string(cell.join("notes.txt")).unwrap(), "mine");
    fs::remove_dir_all(&cell).unwrap();
    fs::create_dir_all(&cell).unwrap();
    fs::write(cell.join("notes.txt"), "mine").unwrap();
    let words = bad(&mut first);
    assert!(words.contains("notes.txt"), "{words}");
    assert_eq!(everything(&cell).len(), 1);
    fs::remove_dir_all(&cell).unwrap();
    good(&mut first);
    let report = |page: &Path| {
        let mut command = trainer();
        command.arg("report").arg(&grid).arg("-o").arg(page);
        command
    };
    assert!(bad(&mut report(&text)).contains("thesis.tex"));
    let reports = folder.at("reports");
    fs::create_dir_all(&reports).unwrap();
    fs::write(reports.join("results.jsonl"), "{\"mine\": 1}\n").unwrap();
    let words = bad(&mut report(&reports.join("r.html")));
    assert!(words.contains("results.jsonl"), "{words}");
    assert_eq!(everything(&reports).len(), 1);
    fs::remove_file(reports.join("results.jsonl")).unwrap();
    good(&mut report(&reports.join("r.html")));
    good(&mut report(&reports.join("r.html")));
    assert_eq!(fs::read_to_string(&text).unwrap(), "years of work");
}

#[test]
fn a_folder_in_use_is_named_with_the_process_that_uses_it() {
    let folder = Folder::new("busy");
    let run = folder.at("run");
    let mut child = train_tiny(&run, 100_000).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = || fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|text| !text.is_empty()).then_some(());
    wait_for("the first step", Duration::from_secs(60), begun);
    let id = child.id().to_string();
    for words in [
        bad(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&run)),
        bad(train_tiny(&run, 5).arg("--overwrite")),
    ] {
        assert!(words.contains("in use") && words.contains(&id), "{words}");
    }
    // no farewell; the lock goes with the process
    child.kill().unwrap();
    child.wait().unwrap();
    good(train_tiny(&run, 5).arg("--overwrite"));
}

#[test]
fn a_step_has_one_line_after_a_kill_before_the_first_checkpoint() {
    let folder = Folder::new("early-kill");
    let run = folder.at("run");
    let never = ["--set", "training.checkpoint_every=1000000", "--set", "training.log_every=1"];
    let mut child = train_tiny(&run, 400).args(never).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lines = || fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    wait_for("some steps", Duration::from_secs(60), || (lines() >= 3).then_some(()));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the run was over before it could be killed; make it longer");
    good(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&run));
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let steps: Vec<u64> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, (1..=400).collect::<Vec<_>>());
}

/// A file system of a few kilobytes, where this system lets one be made.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new(at: PathBuf, kilobytes: u64) -> Option<SmallDisk> {
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={kilobytes}k");
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        made.is_ok_and(|made| made.status.success()).then_some(SmallDisk(at))
    }

    fn grow(&self) {
        assert!(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let folder = Folder::new("full-disk");
    let whole = folder.at("whole");
    good(&mut train_tiny(&whole, 60));
    let bytes: u64 = everything(&whole.join("checkpoint-000000060")).iter().map(|(_, bytes)| bytes.len() as u64).sum();
    // a checkpoint and half of another
    let Some(disk) = SmallDisk::new(folder.at("disk"), bytes * 3 / 2 / 1024 + 24) else {
        testing::skip("no small file system can be mounted here");
        return;
    };
    let run = disk.0.join("run");
    let words = bad(&mut train_tiny(&run, 60));
    assert!(words.contains("step 20") && words.contains("No space left"), "{words}");
    assert!(words.contains("checkpoint-000000010") && words.contains("Free some space"), "{words}");
    assert!(words.contains(&format!("--resume {}", run.display())), "{words}");
    let names: Vec<String> =
        fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.contains(&"checkpoint-000000010".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "what was begun is left: {names:?}");
    // the advice holds: first still without space, then with it
    let words = bad(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&run));
    assert!(words.contains("Free some space"), "{words}");
    disk.grow();
    good(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&run));
    let files = [folder.at("whole.safetensors"), folder.at("full.safetensors")];
    export(&whole, &files[0], "f32");
    export(&run, &files[1], "f32");
    let models = files.map(|file| shaders::Model::read(&file).unwrap());
    assert_eq!(models[0].hash(), models[1].hash());
}

/// The same where no disk can be made: files may not grow beyond a limit.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_written_is_removed() {
    let folder = Folder::new("limit");
    let run = folder.at("run");
    let train = train_tiny(&run, 20);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .arg(train.get_program())
        .args(train.get_args());
    let words = bad(limited.stdin(Stdio::null()));
    assert!(words.contains("step 10") && words.contains("there is no checkpoint before it"), "{words}");
    let left = everything(&run);
    assert!(left.iter().all(|(path, _)| !path.display().to_string().contains("checkpoint-")), "{left:?}");
    good(trainer().args(["train", "--device", "cpu", "--resume"]).arg(&run));
}
