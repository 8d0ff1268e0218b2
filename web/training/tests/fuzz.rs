//! Spoiled runs as a browser keeps them, and spoiled settings of links: what is accepted is used as the page uses it.

use std::sync::LazyLock;

use fuzz::{Found, Random, Target, mutate};
use training::{Data, Drawings, Kind, Line, Optimiser, Report, Run, Settings, sampled, smoothed};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

/// What JSON and these settings know.
const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"\"",
    b"-1",
    b"1e999",
    b"1e-300",
    b"18446744073709551615",
    b"4294967295",
    b"\"paper\"",
    b"\"muon\"",
    b"\"drawings\"",
    b"\"strokes\"",
    b"\"keyShift\":\"gated\"",
    b"\"curriculum\":true",
    b"\"batch\":64",
    b"\"labels\":[0,0,1,1]",
    b"\"stage\":2",
    b",",
];

fn small() -> Settings {
    Settings { width: 8, layers: 1, batch: 1, ..Settings::default() }
}

/// Kept runs: of both learners and optimisers, of a curriculum, and of drawings with two values each.
fn kept() -> &'static [Vec<u8>] {
    static KEPT: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let paper = Settings { learner: Kind::Paper, optimiser: Optimiser::Muon, curriculum: true, ..small() };
        let drawn = Settings { data: Data::Drawings, ..small() };
        let drawings = Drawings { inputs: vec![0.5, -0.5, 1.0, 0.0, 0.25, 0.75, -1.0, 0.1], labels: vec![0, 0, 1, 1] };
        let runs = [(small(), Drawings::default()), (paper, Drawings::default()), (drawn, drawings)];
        let steps = |(settings, drawings)| {
            let mut run = Run::new(settings, drawings).unwrap();
            for _ in 0..2 {
                run.advance().unwrap();
            }
            run.checkpoint()
        };
        runs.map(steps).to_vec()
    });
    &KEPT
}

/// A kept run whose head is spoiled, and its length right.
fn spoiled_head(random: &mut Random) -> Vec<u8> {
    let whole = &kept()[random.below(kept().len())];
    let length = u32::from_le_bytes(whole[8..12].try_into().unwrap()) as usize;
    let head = mutate(random, &whole[12..12 + length], &[], WORDS);
    [&whole[..8], &(head.len() as u32).to_le_bytes(), &head, &whole[12 + length..]].concat()
}

#[test]
fn runs_that_were_kept() {
    let target = Target {
        name: "training-checkpoint",
        seeds: kept().to_vec(),
        words: &[b"GPICLrun", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"}"],
        grammar: Some(spoiled_head),
        seal: None,
        memory: |length| 64 * length + (1 << 22),
        cases: 2000,
    };
    target.run(|bytes| {
        let found = Run::resume(bytes);
        let found = found.map(|mut run| {
            let again = Run::resume(&run.checkpoint()).expect("what is kept can be read");
            assert_eq!((again.step(), again.stage()), (run.step(), run.stage()));
            // a larger batch takes longer, and no other way
            if run.settings().batch <= 2 && run.step() < 100_000 {
                let _ = run.advance();
            }
            let report = run.report(0);
            assert!(report.unseen.len() <= training::LENGTH && report.points.len() as u64 <= report.step);
            assert!(!run.file().is_empty());
        });
        Found::from(found)
    });
}

#[test]
fn settings_of_links() {
    let all = Settings { learner: Kind::Paper, curriculum: true, data: Data::Strokes, ..Settings::default() };
    let target = Target {
        name: "training-settings",
        seeds: vec![serde_json::to_vec(&all).unwrap(), b"{\"width\":32,\"log2Tasks\":4}".to_vec(), b"{}".to_vec()],
        words: WORDS,
        grammar: None,
        seal: None,
        memory: |length| 200 * length + (1 << 16),
        cases: 20_000,
    };
    target.run(|bytes| {
        let found = serde_json::from_str::<Settings>(&String::from_utf8_lossy(bytes));
        if let Ok(wild) = &found {
            let (settings, _) = wild.clone().bounded();
            let (same, words) = settings.clone().bounded();
            assert!(words.is_empty() && same == settings, "{words:?}");
            settings.spec().validate().expect("every learner that can be chosen is one");
            assert!(!settings.name().is_empty());
            assert_eq!(settings.toml().is_none(), settings.data == Data::Drawings);
            settings.with_learner(Kind::Paper).with_learner(Kind::Shifted).stages();
        }
        found.into()
    });
}

#[test]
fn lines_that_were_kept_and_reports() {
    let mut run = Run::new(small(), Drawings::default()).unwrap();
    run.advance().unwrap();
    let report = run.report(0);
    let mut line = Line::new(1, small());
    line.add(report.clone(), 2.5);
    let other = Line { id: 2, gpu: Some("a GPU".to_owned()), ..line.clone() };
    let target = Target {
        name: "training-lines",
        seeds: vec![serde_json::to_vec(&[line, other]).unwrap()],
        words: WORDS,
        grammar: None,
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 4000,
    };
    target.run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Some(lines) = Line::kept(&text) else { return Found::Refused("none, as the page takes it".into()) };
        for mut line in lines {
            assert!(!line.name().is_empty() && !line.words().is_empty());
            let _ = (line.speed(), line.left(), line.own_tasks());
            assert_eq!(smoothed(&line.seen, 2).len(), line.seen.len());
            assert!(sampled(&line.points, 120).count() <= 120);
            line.add(report.clone(), 0.1);
        }
        Found::Read
    });
    // what the worker says is the page's own, and still read with care
    let target = Target {
        name: "training-report",
        seeds: vec![serde_json::to_vec(&report).unwrap()],
        words: WORDS,
        grammar: None,
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 4000,
    };
    target.run(|bytes| {
        let found = serde_json::from_slice::<Report>(bytes);
        if let Ok(report) = &found {
            let mut line = Line::new(1, small());
            line.add(report.clone(), 0.1);
            let _ = (line.words(), line.left(), line.speed());
        }
        found.into()
    });
}
