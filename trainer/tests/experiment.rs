//! A grid can be stopped, killed, sharded and changed, and its report is the same.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::Folder;
use trainer::device::{self, DeviceArg};
use trainer::experiment::{self, Cell, CellResult, Event, Job, Options, Outcome, Scale, Shard, State, Summary, report};

/// An empty folder.
fn empty(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::create_dir_all(&folder.0).unwrap();
    folder
}

fn smoke(name: &str) -> Vec<Cell> {
    experiment::cells(name, Scale::Smoke, None).unwrap()
}

/// Runs cells; `stop_at` stops everything at the first logged step of that number or later. Returns what was started.
fn run(cells: &[Cell], out: &Path, stop_at: Option<u64>) -> (Summary, Vec<String>) {
    let (stop, started) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let options = Options { out: out.to_owned(), jobs: 2, cores: 2, keep: false };
    let device = device::open(DeviceArg::Cpu).unwrap();
    let summary = experiment::run(cells, &options, Path::new("nowhere"), &device, &stop, &|event| match event {
        Event::Started(cell) => started.lock().unwrap().push(cell.name.clone()),
        Event::Step(_, step) if stop_at.is_some_and(|at| step >= at) => stop.store(true, Ordering::Relaxed),
        _ => {}
    });
    (summary.unwrap(), started.into_inner().unwrap())
}

fn collect(sources: &[PathBuf]) -> Vec<CellResult> {
    experiment::collect(experiment::find_results(sources).unwrap())
}

/// Results without wall-clock, which is the one thing that may differ.
fn results(out: &Path) -> Vec<CellResult> {
    let mut all = collect(&[out.to_owned()]);
    for result in &mut all {
        result.outcome.seconds = 0.0;
        result.outcome.probes.iter_mut().for_each(|point| point.seconds = 0.0);
    }
    all
}

#[test]
fn a_grid_runs_skips_what_is_done_and_makes_a_report() {
    let folder = empty("chain");
    let cells = [smoke("fig4"), smoke("emergence")].concat();
    let (summary, started) = run(&cells, &folder.0, None);
    assert_eq!((summary.done, summary.failed, summary.skipped), (cells.len(), 0, 0));
    assert_eq!(started.len(), cells.len());
    let (summary, started) = run(&cells, &folder.0, None);
    assert_eq!((summary.skipped, started.len()), (cells.len(), 0), "what is done is not done again");
    for cell in &cells {
        let names: Vec<String> = fs::read_dir(cell.folder(&folder.0))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.iter().all(|name| !name.starts_with("checkpoint") && !name.ends_with(".tmp")), "{names:?}");
        for file in ["cell.json", "config.toml", "metrics.jsonl", "result.json"] {
            assert!(names.iter().any(|name| name == file), "{file} in {names:?}");
        }
    }

    let page = folder.0.join("report/report.html");
    let made = report::build(&results(&folder.0), None);
    report::write(&made, &page, false).unwrap();
    let html = fs::read_to_string(&page).unwrap();
    for expected in ["fig4", "emergence", "three phases seen:", "<svg", "prefers-color-scheme", "@media print", "copy"]
    {
        assert!(html.contains(expected), "{expected}");
    }
    assert!(
        !html.contains("http://") || html.matches("http").count() == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("NaN"));
    assert!(fs::read_to_string(page.with_file_name("fig4-shifted.csv")).unwrap().lines().count() > 4);
    assert!(page.with_file_name("emergence.svg").exists());

    // the results beside it make the same report, elsewhere and without the folders
    let lines = page.with_file_name(report::RESULTS);
    let read = collect(std::slice::from_ref(&lines));
    assert_eq!(report::build(&read, None), made);
    let both = collect(&[lines.clone(), folder.0.clone()]);
    assert_eq!(both.len(), read.len(), "a cell that is in both counts once");
    let text = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, &text[..text.len() - 20]).unwrap();
    let said = experiment::find_results(std::slice::from_ref(&lines)).unwrap_err().to_string();
    assert!(said.contains(&format!("line {}", text.lines().count())) && said.contains("trainer report"), "{said}");
}

#[test]
fn a_stopped_grid_goes_on_and_ends_as_if_it_had_not_been_stopped() {
    let (whole, parts) = (empty("whole"), empty("parts"));
    let cells = smoke("emergence");
    run(&cells, &whole.0, None);
    let (summary, _) = run(&cells, &parts.0, Some(4));
    assert!(summary.left > 0 && summary.failed == 0, "{summary:?}");
    // a killed cell: half a result, and a probe that its checkpoint knows nothing of
    let folder = cells[0].folder(&parts.0);
    fs::write(folder.join("result.json"), "{\"cell\":").unwrap();
    let (summary, _) = run(&cells, &parts.0, None);
    assert_eq!((summary.done, summary.left, summary.failed), (cells.len(), 0, 0));
    assert_eq!(results(&whole.0), results(&parts.0));
}

#[test]
fn shards_share_the_cells_and_their_results_merge() {
    let cells = smoke("fig4");
    let names = |cells: &[Cell]| cells.iter().map(|cell| cell.name.clone()).collect::<Vec<_>>();
    let of = |text: &str| text.parse::<Shard>().unwrap().of(cells.clone());
    let mut both = [names(&of("1/2")), names(&of("2/2"))].concat();
    both.sort();
    let mut all = names(&cells);
    all.sort();
    assert_eq!(both, all);
    assert_eq!(of("1/1"), cells);
    for wrong in ["0/2", "3/2", "2", "a/b", ""] {
        assert!(wrong.parse::<Shard>().unwrap_err().to_string().contains("i/n"), "{wrong}");
    }
    let (one, two, whole) = (empty("one"), empty("two"), empty("unsharded"));
    run(&of("1/2"), &one.0, None);
    run(&of("2/2"), &two.0, None);
    run(&cells, &whole.0, None);
    let merged = collect(&[one.0.clone(), two.0.clone()]);
    assert_eq!(merged.len(), cells.len());
    let no_clock = |mut results: Vec<CellResult>| {
        results.iter_mut().for_each(|r| r.outcome = Outcome { seconds: 0.0, ..r.outcome.clone() });
        report::build(&results, None)
    };
    assert_eq!(no_clock(merged), no_clock(collect(std::slice::from_ref(&whole.0))));
}

#[test]
fn a_cell_that_diverges_or_fails_says_so_and_the_grid_goes_on() {
    let folder = empty("diverged");
    let mut cells = smoke("fig4");
    let Job::Learner { config, .. } = &mut cells[0].job else { panic!("a learner") };
    config.training.rate = 1e30;
    config.training.warm_up = 0;
    config.training.clip = 0.0;
    let Job::Learner { config, .. } = &mut cells[1].job else { panic!("a learner") };
    config.tasks.data = vec!["no-such-set".into()];
    let (summary, _) = run(&cells, &folder.0, None);
    assert_eq!((summary.diverged, summary.failed, summary.done), (1, 1, cells.len() - 1));
    let all = results(&folder.0);
    let state = |state: State| all.iter().find(|result| result.state == state).unwrap().message.clone().unwrap();
    assert!(state(State::Diverged).contains("not finite"), "{}", state(State::Diverged));
    assert!(state(State::Failed).contains("no-such-set"), "{}", state(State::Failed));
    let html = report::build(&all, None).html;
    assert!(html.contains("diverged") && html.contains("no-such-set"));
    // a finding is not looked for again, an error is
    let (summary, started) = run(&cells, &folder.0, None);
    assert_eq!((summary.skipped, started), (cells.len() - 1, vec![cells[1].name.clone()]));
}

#[test]
fn a_changed_cell_is_run_anew() {
    let folder = empty("changed");
    let mut cells = smoke("emergence");
    cells.truncate(1);
    run(&cells, &folder.0, None);
    let before = results(&folder.0);
    let Job::Learner { config, .. } = &mut cells[0].job else { panic!("a learner") };
    config.training.steps = 3;
    let (_, started) = run(&cells, &folder.0, None);
    assert_eq!(started.len(), 1);
    let after = results(&folder.0);
    assert_eq!((before[0].outcome.steps, after[0].outcome.steps), (6, 3));
}
