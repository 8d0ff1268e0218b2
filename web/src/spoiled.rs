//! Spoiled links, documents, records, cards and files, each read or refused in words: what a stranger sends, and what a
//! browser's storage gives back after years. Whatever opens is used as the page uses it. Sample packs take no bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::fuzz::{Found, Random, Target, mutate};
use shaders::input::pixels::Stroke;

use crate::answers::{Answerer, Answers, Basis, Verdict};
use crate::card::Card;
use crate::document::change::Change;
use crate::document::link::{self, MARK, Shared};
use crate::document::testing::drawn;
use crate::document::{Document, MOST, PEN, codec, preprocess};
use crate::file_kind::kind;
use crate::own_data::summary::Summary;
use crate::store::record::{self, About, SetRecord};

#[global_allocator]
static ALLOCATOR: ::fuzz::Counting = ::fuzz::Counting;

/// A document with drawings, a picture, and a drawing in hand.
fn document() -> Document {
    let mut document = Document::default();
    [0, 1, 2, 1].into_iter().for_each(|label| drawn(&mut document, label));
    document.rename(1, "schön — 星");
    document.photo = Some(Arc::new((0..784).map(|at| if at % 9 < 2 { 0.4 } else { 0.0 }).collect()));
    document.teach(2);
    let basis = Basis { weights: 7, scrambled: true };
    document.examples.iter_mut().for_each(|example| example.answers.keep(basis, Answerer::Learner, Verdict::Right));
    document.drawing = Arc::new(vec![
        Stroke { points: vec![[1.0, 2.0], [300.0, 999.0]], width: PEN },
        Stroke { points: vec![[300.0, 999.0], [500.0, 500.0]], width: PEN },
    ]);
    document
}

fn shared(document: Document) -> Shared {
    Shared { document, model: "models/drawing.safetensors".into(), hash: [1, 2, 3, 255], scrambled: true }
}

/// What the page does with a document that came from elsewhere.
fn used(mut document: Document) {
    assert!(document.classes.len() <= MOST);
    assert!(document.examples.iter().all(|example| example.picture.len() == 784));
    assert!(document.examples.iter().flat_map(|example| &**example.picture).all(|ink| (0.0..=1.0).contains(ink)));
    let again = Document::load(&document.save()).expect("what is saved can be read");
    assert_eq!(again.examples.len(), document.examples.len());
    let _ = preprocess(&document.drawing);
    link::write(&shared(document.clone()));
    let before = document.clone();
    document.teach(document.classes[0].label);
    document.swap(0, 1);
    let change = Change::between(&before, &document);
    change.apply(&mut before.clone());
}

/// Strokes of any kind: none, without points, with two in the same place, far away.
fn strokes(random: &mut Random) -> Vec<Stroke> {
    let far = [0.0, 1.0, -1.0, 500.0, 1000.0, 1e5, 1e7, -1e7, 1e18, -1e18];
    let stroke = |random: &mut Random| {
        let wild = random.once_in(8);
        let place = |random: &mut Random| if wild { far[random.below(far.len())] } else { random.below(1000) as f32 };
        let points = if random.once_in(500) { 4000 } else { random.below(6) };
        Stroke { points: (0..points).map(|_| [place(random), place(random)]).collect(), width: PEN }
    };
    let count = if random.once_in(200) { 3000 } else { random.below(4) };
    (0..count).map(|_| stroke(random)).collect()
}

/// The bytes of a link that was never made of a document.
fn body(random: &mut Random) -> Vec<u8> {
    let mut writer = codec::Writer(vec![1]);
    writer.number(random.below(4) as u64);
    writer.text(random.pick(&["models/drawing.safetensors", "https://a.b/c", "", "models/../x", "é"]));
    writer.0.extend([1, 2, 3, 4]);
    let classes = random.below(5);
    writer.number(classes as u64);
    for class in 0..classes {
        writer.number(if random.once_in(20) { random.bits() } else { class as u64 });
        writer.text(&random.text(40));
    }
    let examples = if random.once_in(100) { 2000 } else { random.below(6) };
    writer.number(examples as u64);
    for _ in 0..examples {
        let picture = random.once_in(3);
        writer.number(2 * random.below(classes) as u64 + u64::from(picture));
        match picture {
            true => writer.picture(&vec![random.below(3) as f32 / 2.0; 784]),
            false => writer.strokes(&strokes(random)),
        }
    }
    let hand = random.below(3);
    writer.number(hand as u64);
    match hand {
        1 => writer.strokes(&strokes(random)),
        2 => writer.picture(&[0.5; 784]),
        _ => {}
    }
    writer.0
}

/// The bytes of a link, spoiled, with a checksum that is right.
fn sealed_link(random: &mut Random) -> Vec<u8> {
    let mut empty = document();
    empty.drawing = Arc::default();
    let links =
        [link::write(&shared(document())), link::write(&shared(empty)), link::write(&shared(Document::default()))];
    let bodies: Vec<Vec<u8>> = links
        .iter()
        .map(|link| codec::from_letters(&link[MARK.len()..]).unwrap())
        .map(|bytes| bytes[..bytes.len() - 4].to_vec())
        .collect();
    let words: &[&[u8]] =
        &[b"\0", b"\x01", b"\x02", b"\x7f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x90\x06\0", b"\x01\0\0"];
    let one = random.below(3);
    let mut body = match random.below(4) {
        0 => mutate(random, &bodies[one], &bodies, words),
        1 => {
            let made = body(random);
            mutate(random, &made, &bodies, words)
        }
        _ => body(random),
    };
    body.extend(codec::checksum(&body).to_le_bytes());
    format!("{MARK}{}", codec::to_letters(&body)).into_bytes()
}

#[test]
fn links() {
    let target = Target {
        name: "web-link",
        seeds: vec![link::write(&shared(document())).into_bytes()],
        words: &[b"%", b"%25", b"%3D", b"#examples", b"=\n", b"\xe2\x80\x8b", b"-", b"_"],
        grammar: Some(sealed_link),
        seal: None,
        memory: |length| 1600 * length + (1 << 18),
        cases: 3000,
    };
    target.run(|bytes| match link::read(&String::from_utf8_lossy(bytes)) {
        None => Found::Refused("it is no link of ours".into()),
        Some(Err(error)) => Found::Refused(error.to_string()),
        Some(Ok(shared)) => {
            let _ = shared.address();
            used(shared.document);
            Found::Read
        }
    });
}

#[test]
fn codes() {
    let mut writer = codec::Writer::default();
    writer.strokes(&document().drawing);
    writer.picture(&document().examples[4].picture);
    writer.text("star");
    writer.signed(i64::MIN);
    let target = Target {
        name: "web-codec",
        seeds: vec![writer.0],
        words: &[b"\0\0", b"\x01", b"\x04", b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x90\x06\0"],
        grammar: None,
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 10_000,
    };
    target.run(|bytes| {
        let mut reader = codec::Reader(bytes);
        let all = (reader.strokes(), reader.picture(), reader.text(), reader.signed());
        if let (Some(strokes), Some(picture), Some(_), Some(_)) = &all {
            let _ = (codec::thinned(strokes), preprocess(strokes));
            assert_eq!(picture.len(), 784);
            return Found::Read;
        }
        Found::Refused("none, as the reader says".into())
    });
}

/// What JSON and these files know.
const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[[]]",
    b"[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"-1",
    b"1e999",
    b"0.5",
    b"4294967295",
    b"\"version\":1",
    b"\"version\":2",
    b"\"strokes\":[[1,2,3,4],[]]",
    b"\"strokes\":[[],[]]",
    b"\"picture\":\"kAYA\"",
    b"\"answers\":[\"7s:rrrr\"]",
    b"\"label\":0",
    b"{\"label\":0,\"strokes\":[[2147483647,-2147483648]]},",
    b",",
];

/// A document that was never saved: of a few drawings, or one of thousands of points.
fn saved(random: &mut Random) -> Vec<u8> {
    let many = random.once_in(50);
    let list = |random: &mut Random| {
        let points = if many { 4000 } else { random.below(6) };
        let far = if random.once_in(6) { 9_999_999 } else { 1000 };
        let places = (0..2 * points).map(|at| match many {
            // from one corner to the other, as no drawing does
            true => (at / 2 % 2 * 999).to_string(),
            false => random.below(far).to_string(),
        });
        format!("[{}]", places.collect::<Vec<_>>().join(","))
    };
    let example = |random: &mut Random| {
        let strokes = if many { 1 } else { random.below(5) };
        let strokes: Vec<String> = (0..strokes).map(|_| list(random)).collect();
        format!("{{\"label\":{},\"strokes\":[{}]}}", random.below(4), strokes.join(","))
    };
    let count = if many { 1 } else { random.below(20) };
    let examples: Vec<String> = (0..count).map(|_| example(random)).collect();
    format!(
        "{{\"version\":2,\"classes\":[{{\"label\":0,\"name\":\"a\"}},{{\"label\":3,\"name\":\"b\"}}],\"examples\":[{}]}}",
        examples.join(",")
    )
    .into_bytes()
}

#[test]
fn documents() {
    let target = Target {
        name: "web-document",
        seeds: vec![document().save().into_bytes(), Document::default().save().into_bytes()],
        words: WORDS,
        grammar: Some(saved),
        seal: None,
        memory: |length| 400 * length + (1 << 18),
        cases: 1200,
    };
    target.run(|bytes| {
        let found = Document::load(&String::from_utf8_lossy(bytes));
        if let Ok(document) = &found {
            used(document.clone());
        }
        found.into()
    });
}

#[test]
fn records() {
    let about = About { name: "Ünö \"1\"".to_owned(), source: 7, deleted: Some(1.5e12), ..About::default() };
    let set = SetRecord { version: 1, revision: 3, changed: 1.5e12, about, classes: document().classes };
    let mut seeds: Vec<Vec<u8>> =
        document().examples.iter().map(|example| record::save_example(example).into_bytes()).collect();
    seeds.push(set.save().into_bytes());
    let known = document().examples[0].clone();
    let target = Target {
        name: "web-record",
        seeds,
        words: WORDS,
        grammar: None,
        seal: None,
        memory: |length| 400 * length + (1 << 18),
        cases: 8000,
    };
    target.run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = record::load_example(1, &text, Some(&known));
        let mut document = document();
        match (record::load_example(u64::MAX, &text, None), SetRecord::load(&text)) {
            (Ok(example), _) => {
                document.examples.push(example);
                document.sort();
                document.relabel(u64::MAX, 2);
                Found::Read
            }
            (_, found) => found.into(),
        }
    });
}

#[test]
fn cards() {
    let evaluation = r#"{"results":[{"dataset":"mnist","protocol":"paper","split":"test","positions":[11,100],
        "accuracy":[0.5,0.75],"ci95":[0.01,0.02],"project":64,"ensemble":3,"baselines":{"1-NN cosine":[0.4,0.7]}},
        {"dataset":"mnist","protocol":"drawing 10-way","positions":[1],"accuracy":[0.895]}]}"#;
    let target = Target {
        name: "web-card",
        seeds: vec![evaluation.as_bytes().to_vec()],
        words: &[
            b"\"positions\":[18446744073709551615]",
            b"[]",
            b"{}",
            b"null",
            b"1e308",
            b"-1",
            b"\"paper\"",
            b"[[[[[[",
        ],
        grammar: None,
        seal: None,
        memory: |length| 400 * length + (1 << 16),
        cases: 20_000,
    };
    target.run(|bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let keys = ["evaluation", "data", "licence", "commit", "training"];
        let metadata: BTreeMap<String, String> = keys.map(|key| (key.to_owned(), text.clone())).into();
        let _ = Card::of(&metadata);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let _ = Answers::load(&lines);
        Found::Read
    });
}

#[test]
fn kinds_of_files() {
    let table = "x;y;kind\n1;2;a\n3;4;b\n".as_bytes().to_vec();
    let target = Target {
        name: "web-kind",
        seeds: vec![
            table,
            document().save().into_bytes(),
            b"\x89PNG\r\n\x1a\n".to_vec(),
            b"PK\x03\x04xl/workbook.xml".to_vec(),
        ],
        words: &[b"{\"version\"", b"%PDF-", b"ftypheic", b"\x1f\x8b\x08", b"PK\x01\x02", b"GIF8", b"<svg", b"\0"],
        grammar: None,
        seal: None,
        memory: |length| length + 4096,
        cases: 20_000,
    };
    target.run(|bytes| {
        // the name is a stranger's, too
        let name = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).into_owned();
        let _ = (kind(&name, bytes), kind("a.csv", bytes), kind("a.safetensors", bytes));
        Found::Read
    });
}

#[test]
fn summaries() {
    let text = r#"{"preview":[["0","1,5"]],"heading":true,"heading_apart":false,"width":2,"rows":4,"class":1,
        "classes":["a","b"],"notes":[],"columns":[{"name":"x","kind":"number","missing":0,"left_out":null},
        {"name":"k","kind":"category","missing":0,"left_out":"it is the class"}]}"#;
    let target = Target {
        name: "web-summary",
        seeds: vec![text.as_bytes().to_vec()],
        words: WORDS,
        grammar: None,
        seal: None,
        memory: |length| 200 * length + (1 << 16),
        cases: 20_000,
    };
    target.run(|bytes| {
        let found: Result<Summary, _> = serde_json::from_slice(bytes);
        if let Ok(summary) = &found {
            summary.words();
        }
        found.into()
    });
}
