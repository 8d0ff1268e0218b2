//! Spoiled tables through everything that the page asks of its reader: opened, understood, chosen about, shown, typed into,
//! and another file of rows answered.

use fuzz::{Found, Target};
use reader::{OpenTable, rule_scores};
use tables::Choices;

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

fn table(separator: &str) -> Vec<u8> {
    let mut text = ["size", "colour", "day", "kind"].join(separator) + "\n";
    for at in 0..16 {
        let cells = [format!("{}.5", at * 7 % 5), ["red", "", "blue"][at % 3].into(), format!("2026-01-1{}", at % 9)];
        text += &(cells.join(separator) + separator + ["plum", "melon"][at % 2] + "\n");
    }
    text.into_bytes()
}

/// All of it; what is refused on the way is no fault.
fn used(bytes: &[u8]) -> Result<(), String> {
    let mut table = OpenTable::read(bytes)?;
    let understood = table.choose(Choices::default());
    table.summary();
    table.cells(&[0, 1, u32::MAX]);
    understood?;
    let labels = table.labels();
    let shown: Vec<u32> = (0..labels.len().min(12) as u32).collect();
    let (rows, asked) = table.show(&shown, &shown[..1])?;
    assert!(rows.iter().all(|value| value.is_finite()));
    let width = asked.len();
    let known: Vec<u32> = labels[..shown.len()].iter().map(|label| (*label).min(1)).collect();
    if width > 0 && width < 64 {
        rule_scores((1, width, 1), &rows, &known, &asked, 2)?;
    }
    // the first lines of the file as what somebody types, and the file itself as rows to ask about
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().take(3) {
        let _ = table.typed(&shown, &[line.to_owned()]);
        let _ = table.typed(&shown, &line.split(',').take(40).map(str::to_owned).collect::<Vec<_>>());
    }
    if let Ok(count) = table.open_asked(bytes) {
        let inputs = table.asked(&shown, 0, 20)?;
        assert_eq!(inputs.len(), count.min(20) * width);
        let classes = table.summary()["classes"].as_array().map_or(0, Vec::len);
        table.answers(&vec![1.0 / classes as f32; classes * count]);
    }
    // other choices, which may not fit
    for class in ["1", "2", "kind", "99"] {
        let choices = Choices {
            class: Some(class.into()),
            heading: Some(bytes.len().is_multiple_of(2)),
            keep: vec!["1".into()],
            ..Choices::default()
        };
        let _ = table.choose(choices);
        table.summary();
    }
    Ok(())
}

#[test]
fn tables_as_the_page_uses_them() {
    let arff = "@relation r\n@attribute x numeric\n@attribute class {a,b}\n@data\n1,a\n2,b\n3,a\n?,b\n5,a\n6,b\n";
    let mut seeds: Vec<Vec<u8>> = [",", ";", "\t"].map(table).to_vec();
    seeds.push(arff.as_bytes().to_vec());
    let target = Target {
        name: "reader-table",
        seeds,
        words: &[
            b"\"",
            b"\n",
            b",",
            b";",
            b"\t",
            b"#",
            b"sep=;\n",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\0",
            b"NaN",
            b"1e308",
            b"@data\n",
            b"{}",
            b"9223372036854775807",
            b"kind",
            b"\xc3\xa4",
        ],
        grammar: None,
        seal: None,
        memory: |length| 400 * length + (1 << 18),
        cases: 4000,
    };
    target.run(|bytes| Found::from(used(bytes)));
}

/// Drawings in every format. What is accepted is a file of examples with finite strokes.
#[test]
fn drawings_of_other_programs() {
    let mut record = [7; 8].to_vec();
    record.extend(b"DE\x01\x01\x02\x03\x04\x02\0\x02\0\x01\xf0\x05\x06\x01\0\x09\x08");
    let line = |word: &str, drawing: &str| {
        format!("{{\"word\":\"{word}\",\"recognized\":true,\"drawing\":{drawing}}}\n").repeat(3).into_bytes()
    };
    let ink =
        br#"<ink xmlns="http://www.w3.org/2003/InkML"><traceFormat><channel name="X"/><channel name="Y"/></traceFormat>
        <annotation type="truth">$a$</annotation><trace id="0">1 2, 3 4,'1'1,"2"-1</trace><trace id="1">5 6, 7 8</trace>
        <traceGroup><annotation type="truth">x</annotation><traceView traceDataRef="0"/></traceGroup>
        <traceGroup><annotation type="truth">y</annotation><traceView traceDataRef="1"/></traceGroup></ink>"#;
    let seeds = vec![
        line("cat", "[[[0,255],[10,10]],[[40],[80]]]"),
        line("dog", "[[[310.5,330.5],[200.0,420.0],[0,17]]]"),
        record.repeat(3),
        ink.to_vec(),
    ];
    let target = Target {
        name: "reader-drawings",
        seeds,
        words: &[
            b"<trace>",
            b"</trace>",
            b"<ink>",
            b"<traceGroup>",
            b"\"truth\"",
            b"'",
            b"\"",
            b",",
            b"-",
            b"*",
            b"?",
            b"1e39",
            b"NaN",
            b"&amp;",
            b"<!DOCTYPE a>",
            b"[[",
            b"]]",
            b"{\"word\":",
            b"\xff\xff",
            b"\n",
        ],
        grammar: None,
        seal: None,
        memory: |length| 600 * length + (1 << 18),
        cases: 6000,
    };
    target.run(|bytes| {
        // its name decides where bytes could be anything
        let name = if bytes.first().is_some_and(|byte| *byte < 32) { "cat.bin" } else { "cat.inkml" };
        let found = reader::examples(&[(name.to_owned(), bytes)], 10);
        if let Ok(text) = &found {
            let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let flat = json["examples"].as_array().expect("examples").iter().flat_map(|example| {
                example["strokes"]
                    .as_array()
                    .expect("strokes")
                    .iter()
                    .flat_map(|stroke| stroke.as_array().expect("a stroke"))
            });
            assert!(flat.into_iter().all(|value| value.as_i64().is_some_and(|value| (0..=1000).contains(&value))));
        }
        found.into()
    });
}
