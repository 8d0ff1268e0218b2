//! Pictures of a visitor's own, in folders, archives and arrays, in the real browser.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tests::browser::wait_for;
use tests::own_data::{DESK, assert_no_complaints, begun, examined, folder, last_accuracy, what};
use tests::page::{CPU, Page, ready};
use tests::program::{output, trainer};
use tests::strokes::Figure;

/// A picture of a figure: black on white, as a PNG that the browser itself makes.
fn write_pictures(page: &Page, folder: &Path, by_folder: bool) {
    use base64::Engine;
    for (figure, name) in [(Figure::Zero, "zero"), (Figure::Seven, "seven"), (Figure::Cross, "cross")] {
        for number in 0..14 {
            let script = "const [strokes, colour] = arguments, c = document.createElement('canvas');
                c.width = 120; c.height = 90; const x = c.getContext('2d');
                x.fillStyle = 'white'; x.fillRect(0, 0, 120, 90); x.strokeStyle = colour; x.lineWidth = 8; x.lineCap = 'round';
                for (const s of strokes) { x.beginPath(); s.forEach(([a, b], i) => x[i ? 'lineTo' : 'moveTo'](15 + 90 * a, 90 * b)); x.stroke(); }
                return c.toDataURL('image/png').split(',')[1];";
            let strokes: Vec<Vec<[f64; 2]>> =
                figure.drawn(4, number).iter().map(|s| s.iter().map(|p| [p.0, p.1]).collect()).collect();
            let text =
                page.browser.script(script, &[json!(strokes), json!(if by_folder { "crimson" } else { "black" })]);
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
            let path = match by_folder {
                true => folder.join(name).join(format!("{number}.png")),
                false => folder.join(format!("{name}-{number}.png")),
            };
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    fs::write(folder.join("notes.txt"), "not a picture").unwrap();
    fs::write(if by_folder { folder.join("zero/broken.png") } else { folder.join("zero-99.png") }, "not a picture")
        .unwrap();
}

#[test]
fn folders_of_pictures_are_learned() {
    let Some(page) = ready(DESK, "") else { return };
    for (by_folder, name) in [(true, "folders"), (false, "names")] {
        let folder = folder(name);
        write_pictures(&page, &folder, by_folder);
        let before = what(&page);
        if by_folder {
            page.browser.drop_files("canvas", std::slice::from_ref(&folder));
        } else {
            let mut all: Vec<PathBuf> = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
            all.sort();
            page.browser.files("picture-files", &all);
        }
        begun(&page, before.as_deref());
        examined(&page);
        let what = page.text("import-what");
        let kind = if by_folder { "42 colour pictures" } else { "42 grey pictures" };
        assert!(what.contains(kind) && what.contains("3 classes"), "{what}");
        let skipped = page.text("import-skipped");
        let broken = if by_folder { "broken.png" } else { "zero-99.png" };
        assert!(
            skipped.contains(broken) && skipped.contains("notes.txt"),
            "not all that was left out is named: {skipped}"
        );
        let table = page.text("curve-table");
        println!("{name}:\n{table}");
        assert!(last_accuracy(&page, "general") > 60.0, "{table}");
        let question = if by_folder { folder.join("cross/3.png") } else { folder.join("cross-3.png") };
        page.browser.files("ask-picture-file", &[question]);
        let reply = wait_for("the answer", Duration::from_secs(60), || page.has("reply").then(|| page.text("reply")));
        assert!(reply.starts_with("cross"), "{reply}");
        page.browser.screenshot(&format!("pictures-{name}"));
        fs::remove_dir_all(folder).unwrap();
    }
    assert_no_complaints(&page);
}

/// White ink on nothing, which a white ground would hide, and pictures that are wider than high, whose class stands at their
/// ends.
#[test]
fn see_through_and_wide_pictures_are_seen_whole() {
    use base64::Engine;
    let Some(page) = ready(DESK, CPU) else { return };
    for (name, script) in [
        (
            "white-on-clear",
            "c.width = c.height = 96; x.strokeStyle = 'white'; x.lineWidth = 9; x.lineCap = 'round';
             for (const s of strokes) { x.beginPath(); s.forEach(([a, b], i) => x[i ? 'lineTo' : 'moveTo'](96 * a, 96 * b)); x.stroke(); }",
        ),
        (
            "wide",
            "c.width = 240; c.height = 60; x.fillStyle = 'white'; x.fillRect(0, 0, 240, 60); x.fillStyle = 'black';
             const at = kind === 0 ? 5 : kind === 1 ? 195 : 100; x.fillRect(at + number % 5, 8 + number % 7, 36, 40);",
        ),
    ] {
        let folder = folder(name);
        for (kind, figure) in [Figure::Zero, Figure::Seven, Figure::Cross].into_iter().enumerate() {
            for number in 0..14u64 {
                let strokes: Vec<Vec<[f64; 2]>> =
                    figure.drawn(4, number).iter().map(|s| s.iter().map(|p| [p.0, p.1]).collect()).collect();
                let script = format!(
                    "const [strokes, kind, number] = arguments, c = document.createElement('canvas'), x = c.getContext('2d');
                     {script} return c.toDataURL('image/png').split(',')[1];"
                );
                let text = page.browser.script(&script, &[json!(strokes), json!(kind), json!(number)]);
                let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
                let class = folder.join(["left", "right", "middle"][kind]);
                fs::create_dir_all(&class).unwrap();
                fs::write(class.join(format!("{number}.png")), bytes).unwrap();
            }
        }
        let before = what(&page);
        page.browser.drop_files("canvas", std::slice::from_ref(&folder));
        begun(&page, before.as_deref());
        examined(&page);
        let accuracy = last_accuracy(&page, "general");
        println!("{name}: {accuracy}");
        assert!(accuracy > 85.0, "{name}: {accuracy}");
        fs::remove_dir_all(folder).unwrap();
    }
    // the pictures of a cell of the confusion table
    page.of("confusion", "e.open = true");
    page.click("cell-0-0");
    wait_for("the pictures", Duration::from_secs(20), || {
        (page.has("inspected") && page.of("inspected", "return e.querySelectorAll('canvas').length").as_u64() > Some(3))
            .then_some(())
    });
    page.browser.screenshot("confusion-pictures");
    assert_no_complaints(&page);
}

/// Everything below a folder in a zip archive.
fn zipped(folder: &Path) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten().map(|entry| entry.path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let name = entry.strip_prefix(folder).unwrap().to_str().unwrap();
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&fs::read(&entry).unwrap()).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archives_and_arrays_are_opened_as_what_is_in_them() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("archives");
    let drop = |name: &str, bytes: &[u8]| {
        let before = what(&page);
        fs::write(folder.join(name), bytes).unwrap();
        page.browser.drop_files("canvas", &[folder.join(name)]);
        begun(&page, before.as_deref());
        examined(&page);
        page.text("import-what")
    };
    // a folder with a folder for each class, packed
    let pictures = folder.join("shapes");
    write_pictures(&page, &pictures, true);
    let found = drop("shapes.zip", &zipped(&pictures));
    assert!(found.contains("shapes") && found.contains("42 colour pictures") && found.contains("3 classes"), "{found}");
    let skipped = page.text("import-skipped");
    assert!(skipped.contains("broken.png") && skipped.contains("notes.txt"), "{skipped}");
    assert!(last_accuracy(&page, "general") > 60.0);
    page.browser.screenshot("pictures-zip");
    // arrays that NumPy wrote: pictures, and a table
    let files = std::env::current_dir().unwrap().join("../tables/tests/files");
    let read = |name: &str| fs::read(files.join(name)).unwrap();
    let found = drop("medical.npz", &read("medical.npz"));
    assert!(found.contains("pictures"), "{found}");
    let found = drop("two.npz", &read("two.npz"));
    assert!(found.contains("24 rows"), "{found}");
    // a table that came packed, once and twice
    let table = folder.join("table");
    fs::create_dir_all(&table).unwrap();
    let rows: String = (0..40).map(|i| format!("{},{}\n", i % 2 * 10 + i, ["a", "b"][i % 2])).collect();
    fs::write(table.join("rows.csv"), format!("x,kind\n{rows}")).unwrap();
    let found = drop("rows.zip", &zipped(&table));
    assert!(found.contains("rows.csv") && found.contains("40 rows"), "{found}");
    fs::write(table.join("rows.csv"), zipped(&table)).unwrap();
    fs::write(folder.join("twice.zip"), zipped(&table)).unwrap();
    page.browser.drop_files("canvas", &[folder.join("twice.zip")]);
    wait_for("the words", Duration::from_secs(30), || {
        (page.has("import-skipped") && page.text("import-skipped").contains("packed in another archive")).then_some(())
    });
    // one that ends too early
    let whole = zipped(&pictures);
    fs::write(folder.join("half.zip"), &whole[..whole.len() / 2]).unwrap();
    page.browser.drop_files("canvas", &[folder.join("half.zip")]);
    wait_for("the words", Duration::from_secs(30), || {
        let words = if page.has("import-skipped") { page.text("import-skipped") } else { String::new() };
        (words.contains("half.zip") && words.contains("could not be opened")).then_some(())
    });
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

#[test]
fn files_of_quick_draw_are_a_set_of_drawings() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("quick-draw");
    let files: Vec<PathBuf> = [(Figure::Zero, "circle"), (Figure::Cross, "cross")]
        .into_iter()
        .map(|(figure, word)| {
            // as the data set has them: 256 by 256, a list of x and one of y for each stroke
            let line = |number: u64| {
                let axis = |of: fn(&(f64, f64)) -> f64| {
                    move |stroke: &Vec<(f64, f64)>| stroke.iter().map(|p| (of(p) * 255.0).round()).collect::<Vec<_>>()
                };
                let drawn = figure.drawn(6, number);
                let strokes: Vec<_> = drawn.iter().map(|s| [axis(|p| p.0)(s), axis(|p| p.1)(s)]).collect();
                json!({ "word": word, "countrycode": "DE", "recognized": number != 3, "drawing": strokes }).to_string()
            };
            let path = folder.join(format!("{word}.ndjson"));
            fs::write(&path, (0..9).map(line).collect::<Vec<_>>().join("\n")).unwrap();
            path
        })
        .collect();
    page.browser.drop_files("canvas", &files);
    wait_for("the drawings", Duration::from_secs(60), || {
        (page.has("count-1") && page.count(0) == 8 && page.count(1) == 8).then_some(())
    });
    page.settle();
    let name = |class: usize| page.of(&format!("class-name-{class}"), "return e.value");
    assert_eq!((name(0), name(1)), (json!("circle"), json!("cross")));
    let answer = page.ask(&Figure::Cross.drawn(9, 1));
    assert_eq!(tests::page::best(&answer), 1, "{answer:?}");
    page.browser.screenshot("quick-draw");
    // saved for other programs, and opened again
    let lines = String::from_utf8(exported(&page, "ndjson")).unwrap();
    let words: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((words.len(), &words[1]["word"]), (16, &json!("cross")));
    let svg = exported(&page, "svg");
    assert!(svg.starts_with(b"PK") && svg.windows(15).any(|part| part == b"circle/0001.svg"));
    let path = folder.join("again.zip");
    fs::write(&path, exported(&page, "png")).unwrap();
    let mut predict = trainer();
    predict.args(["predict", "../models/drawing.safetensors", "--json", "--show"]).arg(&path);
    let found: serde_json::Value = serde_json::from_slice(&output(&mut predict).stdout).unwrap();
    assert_eq!((&found["classes"], found["accuracy"].as_f64()), (&json!(["circle", "cross"]), Some(1.0)));
    page.browser.drop_files("canvas", &[path]);
    begun(&page, None);
    examined(&page);
    assert!(what(&page).unwrap().contains("16 grey pictures"), "{:?}", what(&page));
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

/// What the page saves for other programs.
fn exported(page: &Page, format: &str) -> Vec<u8> {
    let folder = page.browser.downloads_folder();
    let files = || fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let before = files();
    page.browser.script("document.querySelector('[data-testid=export]').parentElement.open = true", &[]);
    page.click(&format!("export-{format}"));
    wait_for("the file", Duration::from_secs(30), || {
        let new = files().into_iter().find(|path| !before.contains(path))?;
        let whole = new.extension().is_some_and(|ending| ending == "zip" || ending == "ndjson");
        whole.then(|| fs::read(&new).ok()).flatten().filter(|bytes| !bytes.is_empty())
    })
}

/// Ink that says nothing of what it shows, in files that do.
#[test]
fn files_of_inkml_are_a_set_of_drawings() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("ink");
    let mut files = Vec::new();
    for (figure, word) in [(Figure::Zero, "ring"), (Figure::Cross, "cross")] {
        for number in 0..4 {
            let trace = |stroke: &Vec<(f64, f64)>| {
                let points: Vec<String> =
                    stroke.iter().map(|(x, y)| format!("{:.4} {:.4}", x * 0.02, y * 0.02)).collect();
                format!("<trace>{}</trace>", points.join(", "))
            };
            let traces: String = figure.drawn(6, number).iter().map(trace).collect();
            let path = folder.join(format!("{word}-{number}.inkml"));
            let ink = format!("<?xml version=\"1.0\"?>\n<ink xmlns=\"http://www.w3.org/2003/InkML\">{traces}</ink>\n");
            fs::write(&path, ink).unwrap();
            files.push(path);
        }
    }
    page.browser.drop_files("canvas", &files);
    wait_for("the drawings", Duration::from_secs(60), || {
        (page.has("count-1") && page.count(0) == 4 && page.count(1) == 4).then_some(())
    });
    page.settle();
    let names = [0, 1].map(|class| page.of(&format!("class-name-{class}"), "return e.value"));
    let cross = names.iter().position(|name| *name == json!("cross")).expect("a class of crosses");
    let answer = page.ask(&Figure::Cross.drawn(9, 1));
    assert_eq!(tests::page::best(&answer), cross, "{answer:?}");
    // a file that is damaged is named, and the set stays
    let path = folder.join("half.inkml");
    fs::write(&path, "<ink><trace>1 2, 3").unwrap();
    page.browser.drop_files("canvas", &[path]);
    wait_for("the words", Duration::from_secs(30), || page.text("status").contains("half.inkml").then_some(()));
    assert_eq!((page.count(0), page.count(1)), (4, 4));
    fs::remove_dir_all(folder).unwrap();
}
