//! Cells of a grid as tasks of a scheduler's array: killed, lost, doubled, and in the end what one machine gives.

use std::fs;
use std::path::Path;
use std::process::Command;

use tests::browser::wait_for;
use tests::program::{Folder, bad, good, output, trainer};
#[cfg(unix)]
use trainer::experiment::{Job, Scale, cells, plan};

#[cfg(unix)]
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

/// A list of cells that take seconds; how many there are.
fn list(path: &Path) -> usize {
    let (out, said) =
        good(trainer().args(["experiment", "fig4", "emergence", "--scale", "smoke", "--plan-file"]).arg(path));
    assert!(out.is_empty() && said.contains("--cell 0"), "{said}");
    let lines = fs::read_to_string(path).unwrap().lines().count();
    assert!(lines > 4, "{lines} lines");
    lines - 1
}

fn task(list: &Path, out: &Path, cell: &str) -> Command {
    let mut command = trainer();
    command.args(["experiment", "--device", "cpu", "--cell", cell, "--plan-file"]).arg(list).arg("--out").arg(out);
    // what this test itself runs in
    for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "SLURM_CPUS_PER_TASK", "SGE_TASK_ID"] {
        command.env_remove(name);
    }
    command
}

fn missing(list: &Path, out: &Path) -> String {
    good(trainer().arg("report").arg(out).arg("--plan-file").arg(list).arg("--missing")).0.trim().to_owned()
}

/// The accuracies of a report, which do not depend on time and place.
fn accuracies(list: &Path, out: &Path, page: &Path) -> Vec<serde_json::Value> {
    good(trainer().arg("report").arg(out).arg("--plan-file").arg(list).arg("-o").arg(page));
    let text = fs::read_to_string(page.with_file_name("results.jsonl")).unwrap();
    let line = |line: &str| {
        let result: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::json!([result["cell"]["name"], result["outcome"]["measured"], result["state"]])
    };
    text.lines().map(line).collect()
}

#[test]
fn an_array_of_tasks_gives_what_one_machine_gives() {
    let folder = Folder::new("array");
    let (cells, one, many) = (folder.at("cells.jsonl"), folder.at("one"), folder.at("many"));
    let n = list(&cells);
    assert_eq!(missing(&cells, &many), format!("0-{}", n - 1), "before the first task there is no folder");
    // one machine takes the list as a whole
    good(trainer().args(["experiment", "--device", "cpu", "--plan-file"]).arg(&cells).arg("--out").arg(&one));
    assert_eq!(missing(&cells, &one), "");

    // Slurm's index; COUNT, MIN and MAX are those of a part that was sent again
    let slurm = |index: usize| {
        let mut command = task(&cells, &many, "auto");
        command.env("SLURM_ARRAY_TASK_ID", index.to_string());
        command.env("SLURM_ARRAY_TASK_COUNT", "1").env("SLURM_ARRAY_TASK_MIN", index.to_string());
        command
    };
    good(&mut slurm(1));
    good(task(&cells, &many, "auto").env("SGE_TASK_ID", "3"));
    assert_eq!(missing(&cells, &many), format!("0,3-{}", n - 1));
    // Kubernetes, two cells a task
    good(task(&cells, &many, "auto").args(["--cells-per-task", "2"]).env("JOB_COMPLETION_INDEX", "0"));
    good(&mut task(&cells, &many, &format!("3-{}", n - 1)));
    assert_eq!(missing(&cells, &many), "");
    let both = [&one, &many].map(|out| accuracies(&cells, out, &out.join("report/report.html")));
    assert_eq!(both[0], both[1]);
    // a cell that is done is not done again
    assert!(good(&mut slurm(1)).1.contains("1 from before"));

    assert!(bad(&mut slurm(n)).contains(&format!("expected an index from 0 to {}, found {n}", n - 1)));
    assert!(bad(&mut task(&cells, &many, "auto")).contains("SLURM_ARRAY_TASK_ID"));
    assert!(bad(task(&cells, &many, "auto").env("SLURM_ARRAY_TASK_ID", "1").env("SGE_TASK_ID", "2")).contains("1 and"));
    assert!(bad(&mut task(&cells, &many, "x")).contains("expected auto"));
    assert!(bad(task(&cells, &many, "0").args(["--scale", "desk"])).contains("--scale"));
    assert!(bad(task(&cells, &many, "0").arg("fig4")).contains("cannot be used with"));
    assert!(bad(trainer().args(["experiment", "--cell", "0"])).contains("--plan-file"));
    assert!(bad(trainer().args(["experiment"])).contains("<NAME>"));
    assert!(bad(trainer().args(["report", "--missing"])).contains("--plan-file"));
    // a list that tasks depend on stays as it is
    let text = fs::read_to_string(&cells).unwrap();
    let other = bad(trainer().args(["experiment", "fig2", "--scale", "smoke", "--plan-file"]).arg(&cells));
    assert!(other.contains("Nothing was changed"), "{other}");
    assert_eq!(fs::read_to_string(&cells).unwrap(), text);
    assert!(bad(&mut task(&folder.file("mine.csv", "a,b\n1,2\n"), &many, "0")).contains("line 1: expected the head"));
}

/// A list with one cell that takes some seconds, as its steps are many.
#[cfg(unix)]
fn long(folder: &Folder) -> std::path::PathBuf {
    let mut cells = cells("fig4", Scale::Smoke, None).unwrap();
    cells.truncate(3);
    let Job::Learner { config, .. } = &mut cells[1].job else { panic!("a learner") };
    config.training.steps = 60_000;
    config.training.checkpoint_every = 100;
    let path = folder.at("cells.jsonl");
    plan::write(&path, &cells).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn killed_doubled_and_lost_tasks_are_seen_and_go_on() {
    let folder = Folder::new("killed");
    let (cells, out) = (long(&folder), folder.at("out"));
    let mut first = task(&cells, &out, "1").spawn().unwrap();
    let begun = |folder: &Path| {
        let grid = fs::read_dir(folder).into_iter().flatten().flatten().flat_map(|grid| fs::read_dir(grid.path()));
        let inner = grid.flatten().flatten().flat_map(|cell| fs::read_dir(cell.path())).flatten().flatten();
        let whole = |name: &str| name.starts_with("checkpoint-") && !name.ends_with(".tmp");
        inner.filter(|entry| whole(&entry.file_name().to_string_lossy())).count()
    };
    wait_for("a checkpoint", MINUTE, || (begun(&out) > 0).then_some(()));
    // doubled: the second task leaves the cell alone and says so
    let second = output(&mut task(&cells, &out, "1"));
    assert_eq!(second.status.code(), Some(75), "{}", String::from_utf8_lossy(&second.stderr));
    // killed -9, as by a scheduler out of patience
    first.kill().unwrap();
    first.wait().unwrap();
    good(&mut task(&cells, &out, "0"));
    let page = folder.at("report.html");
    let (_, said) = good(trainer().arg("report").arg(&out).arg("--plan-file").arg(&cells).arg("-o").arg(&page));
    assert!(said.contains("1 of the list's 3 cells have results, 1 begun and not ended, 1 not begun"), "{said}");
    assert!(said.contains("checkpoint at step") && said.contains("(left: 1-2)"), "{said}");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("begun and not ended, checkpoint at step"), "the page names them, too");

    // SIGTERM, as at a time limit: a checkpoint, and another exit code
    let name = &plan::read(&cells).unwrap()[1].name;
    let metrics = out.join("fig4-smoke").join(name).join("metrics.jsonl");
    let before = fs::read(&metrics).unwrap().len();
    let mut third = task(&cells, &out, "1").spawn().unwrap();
    wait_for("its next steps", MINUTE, || (fs::read(&metrics).ok()?.len() > before).then_some(()));
    Command::new("kill").arg(third.id().to_string()).status().unwrap();
    assert_eq!(third.wait().unwrap().code(), Some(130));
    assert_eq!(missing(&cells, &out), "1-2");

    // results of two machines that share no folder
    good(&mut task(&cells, &folder.at("other"), "0"));
    let mut report = trainer();
    report.arg("report").args([&out, &folder.at("other")]).arg("--plan-file").arg(&cells).arg("-o").arg(&page);
    let (_, said) = good(&mut report);
    assert!(said.contains("1 run more than once") && said.contains("with the same numbers"), "{said}");
}
