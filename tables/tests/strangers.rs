//! Tables as strangers have them, each kind in a small one made for this purpose.

use tables::column::{Kind, LeftOut};
use tables::{Asked, Choices, Inputs, Table, TableError, arff, delimited, text};

/// Rows of two clusters, `a` and `b`, with a function that writes a row.
fn rows(count: usize, write: impl Fn(usize, f64, f64, &str) -> String) -> String {
    (0..count)
        .map(|at| {
            let class = ["a", "b"][at * 7 / 3 % 2];
            let shift = if class == "a" { 0.0 } else { 3.0 };
            let noise = |seed: usize| ((at * 37 + seed * 101) % 97) as f64 / 97.0;
            write(at, 1.5 + noise(1) + shift, noise(2) * 10.0, class) + "\n"
        })
        .collect()
}

fn read(bytes: &[u8], choices: &Choices) -> Result<Table, TableError> {
    let decoded = text::decode(bytes, None)?;
    let grid = if arff::is_arff(&decoded.text) { arff::read(&decoded.text)? } else { delimited::read(&decoded.text)? };
    Table::new(grid, choices)
}

fn table(text: &str) -> Table {
    read(text.as_bytes(), &Choices::default()).unwrap_or_else(|error| panic!("{error} in\n{text:.300}"))
}

/// Names of the columns that are used.
fn used(table: &Table) -> Vec<&str> {
    table.columns.iter().filter(|column| column.used()).map(|column| column.name.as_str()).collect()
}

#[test]
fn a_heading_is_told_from_a_row() {
    let words = rows(40, |at, _, _, _| {
        format!(
            "{},{},{}",
            ["red", "green", "blue"][at % 3],
            ["small", "large"][at / 3 % 2],
            ["keep", "drop"][at * 7 / 2 % 2]
        )
    });
    for (text, headed, count) in [
        (format!("colour,size,verdict\n{words}"), true, 40),
        (words, false, 40),
        (rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{c}")), false, 40),
        (format!("x,y,kind\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{c}"))), true, 40),
        // pandas without names, and years
        (format!("0,1,2,3,y\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{x:.1},{y:.1},{c}"))), true, 40),
        (format!("2019,2020,2021,kind\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{x:.1},{c}"))), true, 40),
        // an index without a name
        (format!(",x,y,kind\n{}", rows(40, |at, x, y, c| format!("{at},{x:.2},{y:.2},{c}"))), true, 40),
        // numbers as classes, too
        (rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{}", u8::from(c == "a"))), false, 40),
        (format!("x,y,label\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{}", u8::from(c == "a")))), true, 40),
    ] {
        let found = table(&text);
        assert_eq!((found.headed, found.len()), (headed, count), "{text:.60}");
        assert_eq!(found.class_names.len(), 2, "{text:.60}");
    }
    // and can be chosen
    let text = rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{c}"));
    let chosen = read(text.as_bytes(), &Choices { heading: Some(true), ..Choices::default() }).unwrap();
    assert_eq!(chosen.len(), 39);
}

#[test]
fn the_class_is_found_by_name_place_and_values() {
    for (text, class) in [
        (format!("x,y,kind\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{c}"))), "kind"),
        (
            format!(
                "good,cap,home\n{}",
                rows(40, |at, _, _, c| {
                    format!(
                        "{},{},{}",
                        if c == "a" { "yes" } else { "no" },
                        ["flat", "bell", "knob"][at % 3],
                        ["wood", "lawn", "path"][at / 2 % 3]
                    )
                })
            ),
            "good",
        ),
        (format!("species,x,y\n{}", rows(40, |_, x, y, c| format!("{c},{x:.2},{y:.2}"))), "species"),
        (format!("x,target,y\n{}", rows(40, |_, x, y, c| format!("{x:.2},{},{y:.2}", u8::from(c == "a")))), "target"),
        (rows(40, |_, x, y, c| format!("{c},{x:.2},{y:.2}")), "column 1"),
        // a named index comes last in some formats
        (format!("x,kind,row\n{}", rows(40, |at, x, _, c| format!("{x:.2},{c},{at}"))), "kind"),
    ] {
        let found = table(&text);
        assert_eq!(found.columns[found.class].name, class, "{text:.40}");
    }
    let text = format!("x,kind,other\n{}", rows(40, |at, x, _, c| format!("{x:.2},{c},{}", at % 3)));
    for name in ["other", "OTHER", "3"] {
        let chosen = read(text.as_bytes(), &Choices { class: Some(name.into()), ..Choices::default() }).unwrap();
        assert_eq!(chosen.class_names, ["0", "1", "2"]);
    }
    let error = read(text.as_bytes(), &Choices { class: Some("mood".into()), ..Choices::default() }).unwrap_err();
    assert!(error.message.contains("mood") && error.message.contains("x, kind, other"), "{error}");
}

#[test]
fn what_names_or_counts_rows_is_left_out_and_can_be_kept() {
    let text = format!(
        "id,when,always,x,kind\n{}",
        rows(40, |at, x, _, c| format!("{},{},1,{x:.2},{c}", at + 1, 1_764_288_000 + at * 61 % 3600))
    );
    let found = table(&text);
    assert_eq!(used(&found), ["when", "x"]);
    assert_eq!(found.left_out().collect::<Vec<_>>(), [("id", &LeftOut::RowNumbers), ("always", &LeftOut::Constant)]);
    let choices = Choices { keep: vec!["id".into()], leave_out: vec!["when".into()], ..Choices::default() };
    assert_eq!(used(&read(text.as_bytes(), &choices).unwrap()), ["id", "x"]);
}

#[test]
fn spellings_of_one_class_are_one_class() {
    let text = rows(60, |at, x, y, c| {
        let label = match (c, at % 4) {
            ("a", 0) => "1.0",
            ("a", _) => "1",
            (_, 0) => "0.0",
            _ => "0",
        };
        format!("{x:.2},{y:.2},{label}")
    });
    let found = table(&text);
    assert_eq!(found.class_names, ["0", "1"].map(String::from).to_vec().into_iter().rev().collect::<Vec<_>>());
    assert!(found.notes.iter().any(|note| note.contains("1 = 1.0") || note.contains("1.0 = 1")), "{:?}", found.notes);
    let text =
        rows(60, |at, x, y, c| format!("{x:.2},{y:.2},{}", if at % 5 == 0 { c.to_uppercase() } else { c.into() }));
    assert_eq!(table(&text).class_names.len(), 2);
}

#[test]
fn missing_values_are_learned_around() {
    let text = rows(40, |at, x, y, c| {
        let x = if at == 9 { String::from("?") } else { format!("{x:.2}") };
        let class = if at == 20 { "" } else { c };
        format!("{x},{y:.2},{},{class}", ["NA", "SA", "EU"][at % 3])
    });
    let found = table(&format!("x,y,continent,kind\n{text}"));
    assert_eq!((found.columns[0].missing, found.labels[20], found.class_names.len()), (1, None, 2));
    assert!(found.notes.iter().any(|note| note.starts_with("1 row has no class")));
    assert_eq!(found.columns[2].kind, Kind::Category(["EU", "NA", "SA"].map(String::from).to_vec()));
    let shown: Vec<usize> = (0..40).filter(|row| found.labels[*row].is_some()).collect();
    let inputs = Inputs::of(&found, &shown).unwrap();
    assert!((0..40).all(|row| inputs.row(&found, row).iter().all(|value| value.is_finite())));
}

#[test]
fn numbers_of_other_countries_are_the_same_numbers() {
    let plain = rows(40, |_, x, y, c| format!("{};{y:.1};{c}", (x * 1000.0).round()));
    let german = rows(40, |_, x, y, c| {
        let whole = (x * 1000.0).round() as u32;
        format!("{}.{:03};{};{c}", whole / 1000, whole % 1000, format!("{y:.1}").replace('.', ","))
    });
    let (plain, german) = (table(&plain), table(&german));
    let shown: Vec<usize> = (0..40).collect();
    let of = |table: &Table| {
        let inputs = Inputs::of(table, &shown).unwrap();
        shown.iter().map(|row| inputs.row(table, *row)).collect::<Vec<_>>()
    };
    assert_eq!(of(&plain), of(&german));
}

/// Semicolons say that commas are points; points that are there to be seen say more.
#[test]
fn three_decimals_between_semicolons_are_no_thousands() {
    let found =
        table(&format!("long;wide;kind\n{}", rows(40, |_, x, y, c| format!("{:.3};{y:.1};{c}", 1.0 + x.abs()))));
    let tables::column::Values::Numbers(values) = &found.columns[0].values else { panic!("expected numbers") };
    assert!(values.iter().all(|value| *value < 100.0), "{values:?}");
}

#[test]
fn arff_is_a_table_too() {
    let text = format!(
        "@relation r\n@attribute x numeric\n@attribute w {{u,v}}\n@attribute class {{a,b}}\n@data\n{}",
        rows(30, |at, x, _, c| format!("{x:.2},{},{c}", if at == 3 { "?" } else { ["u", "v"][at % 2] }))
    );
    let found = table(&text);
    assert_eq!((used(&found), found.len(), found.columns[1].missing), (vec!["x", "w"], 30, 1));
}

#[test]
fn rows_to_ask_are_matched_by_heading() {
    let found = table(&format!("x,y,kind\n{}", rows(40, |_, x, y, c| format!("{x:.2},{y:.2},{c}"))));
    let places = |text: &str| {
        let asked = Asked::new(&found, &delimited::read(text).unwrap(), None)?;
        Ok::<_, TableError>((asked.headed, asked.places))
    };
    assert_eq!(places("y,more,x\n1,2,3\n4,5,6\n").unwrap(), (true, vec![Some(2), Some(0), None]));
    assert_eq!(places("1,2\n3,4\n").unwrap(), (false, vec![Some(0), Some(1), None]));
    assert_eq!(places("1,2,a\n3,4,b\n").unwrap(), (false, vec![Some(0), Some(1), Some(2)]));
    let error = places("x,z\n1,2\n3,4\n").unwrap_err().to_string();
    assert!(error.contains("“y”") && error.contains("x, z"), "{error}");
}

#[test]
fn faults_say_what_to_do() {
    let target = rows(40, |at, x, y, _| format!("{x:.2},{y:.2},{}", at as f64 * 0.37));
    for (text, parts) in [
        (target.as_str(), vec!["40 different values", "number to predict"]),
        ("1,2,a\n3,4,a\n5,6,a\n1,1,a\n5,7,a\n6,6,a\n", vec!["all rows have the class “a”"]),
        ("x\n1\n2\n3\n", vec!["one column"]),
        ("x,kind\n", vec!["one row"]),
        ("kind,always\na,1\nb,1\na,1\nb,1\na,1\nb,1\n", vec!["no column is left"]),
    ] {
        let error = read(text.as_bytes(), &Choices::default()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn hundreds_of_names_are_classes_where_the_learner_takes_them() {
    let choices = |class: Option<&str>, most_classes| Choices {
        class: class.map(str::to_owned),
        most_classes,
        ..Choices::default()
    };
    let words = format!("x,plant\n{}", rows(300, |at, x, _, _| format!("{x:.2},plant {}", at % 100)));
    assert_eq!(read(words.as_bytes(), &choices(None, 200)).unwrap().class_names.len(), 100);
    let error = read(words.as_bytes(), &choices(Some("plant"), 20)).unwrap_err().to_string();
    assert!(error.contains("100 different values") && error.contains("20 classes"), "{error}");
    // so many numbers are measured unless someone says otherwise, and fractions always are
    let whole = format!("x,size\n{}", rows(300, |at, x, _, _| format!("{x:.2},{}", at % 100)));
    let error = read(whole.as_bytes(), &choices(None, 200)).unwrap_err().to_string();
    assert!(error.contains("“size”") && error.contains("a class of its own"), "{error}");
    let headed = whole.replacen("size", "label", 1);
    assert_eq!(read(headed.as_bytes(), &choices(None, 200)).unwrap().class_names.len(), 100);
    assert_eq!(read(whole.as_bytes(), &choices(Some("size"), 200)).unwrap().class_names.len(), 100);
    let fractions = format!("x,size\n{}", rows(300, |at, x, _, _| format!("{x:.2},{}.5", at % 100)));
    let error = read(fractions.as_bytes(), &choices(Some("size"), 200)).unwrap_err().to_string();
    assert!(error.contains("number to predict") && !error.contains("its own"), "{error}");
}

/// Files that were cut, mixed up and spoiled are read or refused, and never more.
#[test]
fn spoiled_files_are_refused_or_read() {
    let good = [
        format!("x;y;kind\n{}", rows(20, |_, x, y, c| format!("\"{x:.2}\";{y:.2};{c}"))),
        format!("# made\nsep=,\nx,y,kind,\n{}", rows(20, |_, x, y, c| format!("{x:.2}, \"{y:.2}\",{c},"))),
        format!(
            "@relation r\n@attribute 'x y' numeric\n@attribute c {{a,'b'}}\n@data\n{}",
            rows(20, |_, x, _, c| format!("{x:.2},{c}"))
        ),
        "Datum\tWert\tArt\n01.02.2026 12:30\t1.234,5\tja\n03.02.2026\t12\tnein\n".repeat(4),
    ];
    let mut state = 1u64;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let signs = b"\"',;\t|#@{}%?\n\r\0 .0129eE+-\xff\xc3\xa4";
    let (mut read_some, mut refused) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = good[random(good.len())].clone().into_bytes();
        for _ in 0..1 + random(6) {
            let at = random(bytes.len());
            match random(5) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = signs[random(signs.len())],
                2 => bytes.insert(at, signs[random(signs.len())]),
                3 => drop(bytes.remove(at)),
                _ => {
                    let piece = bytes[at..(at + 9).min(bytes.len())].to_vec();
                    let to = random(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
            if bytes.is_empty() {
                bytes.push(b'1');
            }
        }
        match read(&bytes, &Choices::default()) {
            Ok(table) => {
                read_some += 1;
                let shown: Vec<usize> = (0..table.len()).collect();
                if let Ok(inputs) = Inputs::of(&table, &shown) {
                    assert!(shown.iter().all(|row| inputs.row(&table, *row).iter().all(|value| value.is_finite())));
                }
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() > 20, "{error}");
            }
        }
    }
    assert!(read_some > 500 && refused > 500, "{read_some} read, {refused} refused");
}
