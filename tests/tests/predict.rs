//! `trainer predict` on tables as strangers have them.

use std::fs;
use std::process::Output;

use serde_json::Value;
use tests::program::{Folder, output, trainer};

fn predict_by(model: &str, arguments: &[&str]) -> Output {
    let model = std::env::current_dir().unwrap().join(format!("../models/{model}.safetensors"));
    output(trainer().arg("predict").arg(model).args(arguments))
}

fn predict(arguments: &[&str]) -> Output {
    predict_by("general", arguments)
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    json_by("general", arguments)
}

#[track_caller]
fn json_by(model: &str, arguments: &[&str]) -> Value {
    let output = predict_by(model, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = predict(arguments);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty() && !words.contains("panicked"), "{words}");
    words
}

/// Two clusters in the plane, with a number of the row and a word that says nothing.
fn clusters(count: usize) -> Vec<[String; 5]> {
    (0..count)
        .map(|at| {
            let class = at * 7 / 3 % 2;
            let noise = |seed: usize| ((at * 37 + seed * 101) % 97) as f64 / 97.0 - 0.5;
            let far = 1.5 * class as f64;
            [
                at.to_string(),
                format!("{:.3}", noise(1) + far),
                format!("{:.3}", 20.0 * (noise(2) + far)),
                ["red", "green", "blue"][at % 3].to_owned(),
                ["Ja", "Nein"][class].to_owned(),
            ]
        })
        .collect()
}

fn csv(rows: &[[String; 5]]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.join(",") + "\n").collect();
    format!(",x,y,colour,verdict\n{}", lines.concat())
}

#[test]
fn rows_of_no_class_are_told_from_the_others() {
    let folder = Folder::new("none");
    let show = folder.file("show.csv", csv(&clusters(80)));
    let mut rows = clusters(100).split_off(80);
    // as far from both clusters as these are from each other
    rows.push(["100", "-3", "60", "red", ""].map(str::to_owned));
    let ask = folder.file("ask.csv", csv(&rows));
    let arguments = ["--show", show.to_str().unwrap(), "--ask", ask.to_str().unwrap(), "--none"];
    let found = json(&arguments);
    let none: Vec<f64> = found["answers"].as_array().unwrap().iter().map(|row| row["none"].as_f64().unwrap()).collect();
    let (strange, known) = none.split_last().unwrap();
    let largest = known.iter().copied().fold(0.0, f64::max);
    assert!(*strange > 2.0 * largest, "{strange} of the strange row, up to {largest} of the others");
    let text = String::from_utf8(predict(&arguments).stdout).unwrap();
    assert!(text.starts_with("line,answer,Ja,Nein,none of these\n"), "{text}");
    assert_eq!(text.lines().nth(1).unwrap().split(',').count(), 5);
    let without = json(&arguments[..4]);
    assert_eq!(without["answers"][0]["none"], Value::Null);
    assert!(refused(&["--show", show.to_str().unwrap(), "--none"]).contains("--ask"));
    let refused = predict_by("quick", &arguments);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("expected a set learner"));
}

#[test]
fn a_class_of_a_hundred_is_answered() {
    let folder = Folder::new("hundred");
    let row = |at: usize, shift: f64| {
        format!("{:.3},{:.3},plant {}\n", (at % 10) as f64 + shift, (at / 10) as f64 - shift, at)
    };
    let table = |shifts: &[f64]| {
        let rows = shifts.iter().flat_map(|shift| (0..100).map(move |at| row(at, *shift))).collect::<String>();
        format!("x,y,plant\n{rows}")
    };
    let show = folder.file("show.csv", table(&[-0.1, 0.05, 0.12]));
    let ask = folder.file("ask.csv", table(&[0.0]));
    let found = json(&["--show", show.to_str().unwrap(), "--ask", ask.to_str().unwrap()]);
    assert_eq!(found["classes"].as_array().unwrap().len(), 100);
    assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{}", found["accuracy"]);
}

#[test]
fn a_table_is_tested_on_itself_in_folds() {
    let folder = Folder::new("folds");
    let file = folder.file("t.csv", csv(&clusters(80)));
    let found = json(&["--show", file.to_str().unwrap(), "--folds", "4"]);
    assert_eq!(found["rows"], 80);
    assert_eq!(found["class"], "verdict");
    assert_eq!(found["classes"], serde_json::json!(["Ja", "Nein"]));
    assert_eq!(found["columns"][0]["left_out"], "it counts the rows");
    assert_eq!(found["columns"][1]["left_out"], Value::Null);
    assert_eq!(found["columns"][3]["kind"], "category");
    assert!(found["accuracy"].as_f64().unwrap() > 0.95, "{}", found["accuracy"]);
    assert!(found["balanced_accuracy"].as_f64().unwrap() > 0.95);
    let baselines = found["baselines"].as_object().unwrap();
    assert!(baselines.len() == 7 && baselines["most frequent class"]["accuracy"].as_f64().unwrap() < 0.7);
    assert_eq!(found["answers"].as_array().unwrap().len(), 80);
    let one = json(&["--show", file.to_str().unwrap(), "--leave-one-out", "--limit", "30"]);
    assert!(one["accuracy"].as_f64().unwrap() > 0.9, "{}", one["accuracy"]);

    // for people
    let output = predict(&["--show", file.to_str().unwrap()]);
    let (text, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        text.contains("the learner") && text.contains("most frequent class") && text.contains("true class"),
        "{text}"
    );
    assert!(words.contains("2 classes in “verdict”") && words.contains("it counts the rows"), "{words}");
}

#[test]
fn a_file_of_ones_own_is_evaluated_beside_the_rules() {
    let folder = Folder::new("own-eval");
    let rows = folder.file("rows.csv", csv(&clusters(80)));
    let model = std::env::current_dir().unwrap().join("../models/general.safetensors");
    let eval = |more: &[&str]| output(trainer().arg("eval").arg(&model).args(more));
    let file = rows.to_str().unwrap();
    let found = eval(&[
        "--data",
        file,
        "--positions",
        "1,3,41",
        "--queries",
        "20",
        "--episodes",
        "20",
        "--baselines",
        "--json",
    ]);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let result = &found["results"][0];
    // of nothing no column has a scale
    assert_eq!((&result["positions"], &result["dataset"]), (&serde_json::json!([3, 41]), &Value::from(file)));
    let at = |values: &Value, i: usize| values[i].as_f64().unwrap();
    assert!(at(&result["accuracy"], 1) > 0.95 && at(&result["nll"], 0).is_finite(), "{result}");
    assert!(at(&result["accuracy"], 1) > at(&result["accuracy"], 0), "{result}");
    let frequent = at(&result["baselines"]["most frequent class"], 1);
    assert!((0.2..0.8).contains(&frequent) && result["baselines"]["kernel ridge"].is_array(), "{result}");
    for (more, words) in [
        (&["--data", "./nothing.csv"][..], "./nothing.csv"),
        (&["--data", file, "--positions", "90"], "needs 90 examples with a class, found 80"),
        (&["--data", file, "--positions", "1,2"], "expected a position of 3 or more"),
        (&["--data", file, "--protocol", "drawing"], "leave the protocol out"),
    ] {
        let refused = eval(more);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(words), "{said}");
    }
}

#[test]
fn rows_of_another_file_are_answered() {
    let folder = Folder::new("ask");
    let rows = clusters(120);
    let show = folder.file("show.csv", csv(&rows[..80]));
    let (show, truth) = (show.to_str().unwrap(), &rows[80..]);
    // other order of columns, another separator, no class, a value missing, a word never seen
    let lines: Vec<String> = truth
        .iter()
        .enumerate()
        .map(|(at, row)| match at {
            0 => format!("{};;{}\n", row[3], row[1]),
            1 => format!("violet;{};{}\n", row[2], row[1]),
            _ => format!("{};{};{}\n", row[3], row[2], row[1]),
        })
        .collect();
    let ask = folder.file("ask.csv", format!("colour;y;x\n{}", lines.concat()));
    let out = folder.0.join("answers.csv");
    let output = predict(&["--show", show, "--ask", ask.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read_to_string(&out).unwrap();
    let mut lines = written.lines();
    assert_eq!(lines.next(), Some("line,answer,Ja,Nein"));
    let answers: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!((answers.len(), answers[0][0]), (40, "2"));
    let right = answers.iter().zip(truth).filter(|(answer, row)| answer[1] == row[4]).count();
    assert!(right >= 38, "{right} of 40 are right");
    let sum: f64 = answers[0][2..].iter().map(|value| value.parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-4);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("“colour”, 1 of 40 cells: a word that was not shown"), "{words}");
    // what lies there is kept
    let words = refused(&["--show", show, "--ask", ask.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert!(words.contains("--overwrite") && fs::read_to_string(&out).unwrap() == written, "{words}");
    // with the classes in the file, how many are right is said
    let mut spelled = truth.to_vec();
    spelled.iter_mut().step_by(3).for_each(|row| row[4] = row[4].to_uppercase());
    let known = folder.file("known.csv", csv(&spelled));
    assert!(json(&["--show", show, "--ask", known.to_str().unwrap()])["accuracy"].as_f64().unwrap() > 0.95);
}

/// More rows than a piece of the reader holds, packed, in another encoding, and with a fault at their end.
#[test]
fn many_rows_are_answered_in_pieces() {
    let folder = Folder::new("many");
    let rows = clusters(60);
    let show = folder.file("show.csv", csv(&rows));
    let show = show.to_str().unwrap();
    let line = |at: usize| format!("{};{};größer-{}\r\n", rows[at % 60][1], rows[at % 60][2], "x".repeat(at % 200));
    let text: String = std::iter::once("x;y;note\r\n".to_owned()).chain((0..60_000).map(line)).collect();
    assert!(text.len() > 6 << 20, "{} bytes are no second piece", text.len());
    let old: Vec<u8> = text.chars().map(|letter| letter as u32 as u8).collect();
    let ask = folder.file("ask.csv", old);
    let out = folder.0.join("answers.csv");
    let arguments =
        ["--show", show, "--leave-out", "colour", "--ask", ask.to_str().unwrap(), "-o", out.to_str().unwrap()];
    let output = predict(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read_to_string(&out).unwrap();
    let answers: Vec<&str> = written.lines().skip(1).collect();
    assert_eq!(answers.len(), 60_000);
    assert!(answers[59_999].starts_with("60001,"), "{}", answers[59_999]);
    let same = |at: usize| answers[at].split_once(',').unwrap().1 == answers[at % 60].split_once(',').unwrap().1;
    assert!((0..60_000).all(same), "the same row has two answers");
    fs::remove_file(&out).unwrap();
    let ask = folder.file("faulty.csv", text + "1;2\r\n");
    let words = refused(&[
        "--show",
        show,
        "--leave-out",
        "colour",
        "--ask",
        ask.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ]);
    assert!(words.contains("faulty.csv: line 60002") && words.contains("2 cells"), "{words}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 3, "a half file is left");
}

#[test]
fn bad_input_is_named_and_nothing_is_printed() {
    let folder = Folder::new("bad");
    let good = folder.file("good.csv", csv(&clusters(60)));
    let good = good.to_str().unwrap();
    let other = folder.file("other.csv", "x,colour\n1,red\n2,red\n");
    let ragged = folder.file("ragged.csv", csv(&clusters(60)) + "1,2\n");
    let excel = folder.file("book.csv", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml");
    let target: String = (0..60).map(|at| format!("{at}.5,{}\n", at as f64 * 0.37)).collect();
    let target = folder.file("target.csv", target);
    for (arguments, parts) in [
        (vec!["--show", "no-such.csv"], vec!["no-such.csv"]),
        (vec!["--show", folder.0.to_str().unwrap()], vec!["a folder"]),
        (vec!["--show", good, "--ask", other.to_str().unwrap()], vec!["other.csv", "“y”", "x, colour"]),
        (vec!["--show", good, "--class", "mood"], vec!["mood", "verdict"]),
        (vec!["--show", good, "--leave-out", "mood"], vec!["mood"]),
        (vec!["--show", good, "--leave-out", "x,y,colour"], vec!["no column is left"]),
        (vec!["--show", ragged.to_str().unwrap()], vec!["line 62", "2 cells"]),
        (vec!["--show", excel.to_str().unwrap()], vec!["book.csv", "CSV"]),
        (vec!["--show", target.to_str().unwrap()], vec!["number to predict"]),
        (vec!["--show", good, "--encoding", "klingon"], vec!["klingon"]),
        (vec!["--show", good, "--heading", "maybe"], vec!["yes or no"]),
        (vec!["--show", good, "-o", "/no/such/folder/a.csv"], vec!["/no/such/folder"]),
    ] {
        let words = refused(&arguments);
        assert!(parts.iter().all(|part| words.contains(part)), "{arguments:?}: {words}");
    }
}

/// Workbooks and arrays that real libraries wrote (`tables/tests/files/make.py`).
#[test]
fn workbooks_and_arrays_are_tables_too() {
    let files = std::env::current_dir().unwrap().join("../tables/tests/files");
    let path = |name: &str| files.join(name).to_str().unwrap().to_owned();
    for (name, class) in [
        ("pandas.xlsx", "kind"),
        ("pandas.ods", "kind"),
        ("pandas.parquet", "kind"),
        ("polars.parquet", "kind"),
        ("two.npz", "y"),
        ("records.npy", "kind"),
    ] {
        let found = json(&["--show", &path(name)]);
        assert_eq!((&found["rows"], &found["class"]), (&Value::from(24), &Value::from(class)), "{name}");
        assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{name}: {}", found["accuracy"]);
    }
    // shown as one kind of file and asked as another
    let found = json(&["--show", &path("pandas.xlsx"), "--ask", &path("pandas.ods")]);
    assert_eq!((found["answers"].as_array().unwrap().len(), found["accuracy"].as_f64()), (24, Some(1.0)));
    assert!(refused(&["--show", &path("openpyxl.xlsx"), "--sheet", "Dta"]).contains("Notes, Data"));
}

/// A folder of parts, as Spark and Dask write it.
#[test]
fn a_folder_of_parquet_files_is_one_table() {
    let files = std::env::current_dir().unwrap().join("../tables/tests/files");
    let folder = Folder::new("parts");
    for part in ["part-00000.snappy.parquet", "part-00001.snappy.parquet"] {
        fs::copy(files.join("pandas.parquet"), folder.0.join(part)).unwrap();
    }
    fs::write(folder.0.join("_SUCCESS"), "").unwrap();
    fs::write(folder.0.join(".part-00000.snappy.parquet.crc"), "crc").unwrap();
    let whole = folder.0.to_str().unwrap();
    let found = json(&["--show", files.join("pandas.xlsx").to_str().unwrap(), "--ask", whole]);
    assert_eq!((found["answers"].as_array().unwrap().len(), found["accuracy"].as_f64()), (48, Some(1.0)));
    assert_eq!(json(&["--show", whole])["rows"], Value::from(48));
    // of other columns
    fs::copy(files.join("typed.parquet"), folder.0.join("part-00002.parquet")).unwrap();
    let words = refused(&["--show", whole]);
    assert!(words.contains("part-00002.parquet") && words.contains("size, count, day"), "{words}");
}

/// A picture as a bitmap with three bytes a pixel, rows from below, from the red, green and blue of each place.
fn bitmap(side: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    // rows are filled up to four bytes
    assert!(side.is_multiple_of(4));
    for value in [54 + 3 * side * side, 0, 54, 40, side, side] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let [red, green, blue] = colour(x, y);
        bytes.extend([blue, green, red]);
    }
    bytes
}

#[test]
fn pictures_that_differ_in_colour_alone_are_told_apart() {
    let folder = Folder::new("colours");
    let noise = |seed: u32| (seed.wrapping_mul(2_654_435_761) >> 16) % 100;
    for (set, classes) in [
        ("fields", &[("red", [180, 60, 60]), ("green", [60, 180, 60]), ("blue", [60, 60, 180])][..]),
        ("fruits", &[("ripe", [190, 60, 50]), ("unripe", [90, 150, 60])]),
    ] {
        for (class, colour) in classes {
            let inside = folder.0.join(set).join(class);
            fs::create_dir_all(&inside).unwrap();
            for number in 0..16 {
                let any = |what: u32| noise(number * 31 + what + colour[0]);
                let (light, ground) = (60 + any(1) * 6 / 10, 90 + any(2));
                let (left, top, reach) = (16 + any(3) / 6, 16 + any(4) / 6, 9 + any(5) / 14);
                let bytes = bitmap(48, |x, y| {
                    let inside = x.abs_diff(left).pow(2) + y.abs_diff(top).pow(2) < reach * reach;
                    let at = noise(number * 9_973 + y * 48 + x) / 8;
                    match set == "fields" || inside {
                        true => colour.map(|v| (v * light / 100 + at) as u8),
                        false => [(ground + at) as u8; 3],
                    }
                });
                fs::write(inside.join(format!("{number}.bmp")), bytes).unwrap();
            }
        }
        let found = json(&["--show", folder.0.join(set).to_str().unwrap(), "--folds", "4"]);
        let accuracy = found["accuracy"].as_f64().unwrap();
        println!("{set}: {accuracy}, rules {}", found["baselines"]);
        assert!(accuracy > 0.93, "{set}: {accuracy}, rules {}", found["baselines"]);
    }
}

#[test]
fn pictures_are_shown_by_folder_and_asked_about() {
    let folder = Folder::new("pictures");
    for (class, at) in [("left", 4u32), ("right", 20)] {
        let inside = folder.0.join("shapes").join(class);
        fs::create_dir_all(&inside).unwrap();
        for number in 0..10u32 {
            // a bar at one side
            let ink = |x, y| (at + number % 3..at + number % 3 + 4).contains(&x) && y > number % 5 && y < 25;
            let bytes = bitmap(28, |x, y| if ink(x, y) { [250; 3] } else { [10; 3] });
            fs::write(inside.join(format!("{number}.bmp")), bytes).unwrap();
        }
    }
    fs::write(folder.0.join("shapes/left/readme.txt"), "words").unwrap();
    let shapes = folder.0.join("shapes");
    let found = json(&["--show", shapes.to_str().unwrap()]);
    assert_eq!((&found["pictures"], &found["classes"]), (&Value::from(20), &serde_json::json!(["left", "right"])));
    assert!(found["accuracy"].as_f64().unwrap() > 0.9 && found["notes"].to_string().contains("readme.txt"), "{found}");
    // the folders say what is right
    let found = json(&["--show", shapes.to_str().unwrap(), "--ask", shapes.to_str().unwrap()]);
    assert_eq!(found["accuracy"].as_f64(), Some(1.0));
    assert_eq!(found["answers"][0]["picture"], "left/0.bmp");
    let one = shapes.join("right/7.bmp");
    let found = json(&["--show", shapes.to_str().unwrap(), "--ask", one.to_str().unwrap()]);
    assert_eq!(found["answers"][0]["answer"], "right");
    let table = folder.file("t.csv", "x,k\n1,a\n2,b\n3,a\n4,b\n");
    assert!(refused(&["--show", shapes.to_str().unwrap(), "--ask", table.to_str().unwrap()]).contains("found a table"));
    let empty = folder.0.join("empty");
    fs::create_dir_all(&empty).unwrap();
    assert!(refused(&["--show", empty.to_str().unwrap()]).contains("a folder of pictures for each class"));
}

/// Circles and crosses by hand, `number` says which: points in 0..256, y downwards.
fn strokes(cross: bool, number: usize) -> Vec<Vec<[u8; 2]>> {
    let wobble = |at: usize| (number * 37 + at * 11) % 17;
    let point = |x: usize, y: usize| [(x + wobble(x)) as u8, (y + wobble(y + 3)) as u8];
    if cross {
        return vec![
            (0..9).map(|at| point(20 + 22 * at, 20 + 22 * at)).collect(),
            (0..9).map(|at| point(200 - 22 * at, 20 + 22 * at)).collect(),
        ];
    }
    let round = |at: usize| {
        let angle = at as f64 / 12.0 * std::f64::consts::TAU;
        point((110.0 + 90.0 * angle.cos()) as usize, (110.0 + 90.0 * angle.sin()) as usize)
    };
    vec![(0..=12).map(round).collect()]
}

#[test]
fn drawings_of_other_programs_are_told_apart() {
    let folder = Folder::new("inks");
    let file = |format: &str, path: String, bytes: Vec<u8>| {
        let path = folder.0.join(format).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let axis = |stroke: &[[u8; 2]], axis: usize| stroke.iter().map(|point| point[axis]).collect::<Vec<u8>>();
    for (word, cross) in [("circle", false), ("cross", true)] {
        let drawings: Vec<_> = (0..12).map(|number| strokes(cross, number)).collect();
        let lines = drawings.iter().map(|strokes| {
            let drawing: Vec<_> = strokes.iter().map(|stroke| [axis(stroke, 0), axis(stroke, 1)]).collect();
            format!("{}\n", serde_json::json!({ "word": word, "recognized": true, "drawing": drawing }))
        });
        file("lines", format!("{word}.ndjson"), lines.collect::<String>().into_bytes());
        let record = |strokes: &Vec<Vec<[u8; 2]>>| {
            let mut bytes = [&[1; 8][..], b"DE", &[1, 0, 0, 0, 0], &(strokes.len() as u16).to_le_bytes()].concat();
            for stroke in strokes {
                bytes.extend((stroke.len() as u16).to_le_bytes());
                bytes.extend([axis(stroke, 0), axis(stroke, 1)].concat());
            }
            bytes
        };
        file("binary", format!("full_binary_{word}.bin"), drawings.iter().flat_map(record).collect());
        for (number, strokes) in drawings.iter().enumerate() {
            let trace = |stroke: &Vec<[u8; 2]>| {
                let points: Vec<String> = stroke.iter().map(|[x, y]| format!("{x} {y}")).collect();
                format!("<trace>{}</trace>", points.join(", "))
            };
            let traces: String = strokes.iter().map(trace).collect();
            let ink =
                |truth: &str| format!("<ink xmlns=\"http://www.w3.org/2003/InkML\">{truth}{traces}</ink>").into_bytes();
            let truth = format!("<annotation type=\"truth\">{word}</annotation>");
            file("said", format!("{}.inkml", 2 * number + usize::from(cross)), ink(&truth));
            file("folders", format!("{word}/{number}.inkml"), ink(""));
            file("names", format!("{word}-{number}.inkml"), ink(""));
        }
    }
    for format in ["lines", "binary", "said", "folders", "names"] {
        let found = json_by("drawing", &["--show", folder.0.join(format).to_str().unwrap()]);
        let mut classes: Vec<&str> =
            found["classes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        classes.sort_unstable();
        assert_eq!(classes, ["circle", "cross"], "{format}");
        assert_eq!((&found["pictures"], found["accuracy"].as_f64()), (&Value::from(24), Some(1.0)), "{format}");
    }
    // one that is damaged takes none of the others with it
    file("said", "damaged.inkml".to_owned(), b"<ink><trace>1 2".to_vec());
    let said = folder.0.join("said");
    let output = predict_by("drawing", &["--show", said.to_str().unwrap()]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success()
            && words.contains("Files without a drawing that can be read: 1")
            && words.contains("damaged.inkml"),
        "{words}"
    );
    // one drawing to ask about, of which nothing is known
    let one = folder.0.join("names/cross-3.inkml");
    let lines = folder.0.join("lines");
    let arguments = ["--show", lines.to_str().unwrap(), "--ask", one.to_str().unwrap()];
    let answers = json_by("drawing", &arguments)["answers"].clone();
    assert_eq!(answers[0]["answer"], "cross", "{answers}");
}
