//! Data of a visitor's own: tables and pictures as people have them, in the real browser.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tests::browser::{Setting, wait_for};
use tests::own_data::{DESK, assert_no_complaints, begun, examine, examined, folder, last_accuracy, what};
use tests::page::{CPU, Page, ready};

const PHONE: Setting = Setting { width: 390, height: 844, phone: true, ..DESK };

/// Types into a field of the form, or chooses a word there.
fn fill(page: &Page, id: &str, text: &str) {
    page.of(id, &format!("e.value = {}", json!(text)));
}

/// Words of the refusal of a table.
fn refused(page: &Page, folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    fs::write(folder.join(name), content).unwrap();
    page.browser.drop_files("canvas", &[folder.join(name)]);
    wait_for(name, Duration::from_secs(30), || {
        let words = page.text("import-status");
        (words.contains(name) && words.contains("can’t be learned")).then_some(words)
    })
}

/// Two columns of very different scales, one of words; the class follows from all of them.
fn fruit(rows: u32) -> Vec<String> {
    let row = |i: u32| {
        let noise = f64::from(i * 7919 % 101) / 101.0;
        let (length, weight, colour, kind) = match i % 3 {
            0 => (1.0 + noise, 1000.0 + 300.0 * noise, "red", "plum"),
            1 => (2.5 + noise, 1000.0 - 300.0 * noise, "green", "pear"),
            _ => (1.2 + noise, 3000.0 + 400.0 * noise, "green", "melon"),
        };
        format!("{length:.3};{weight:.1};{colour};\"{kind}\"\n")
    };
    (0..rows).map(row).collect()
}

#[test]
fn a_table_is_learned_beside_rules_and_can_be_asked() {
    for (setting, name) in [(DESK, "wide"), (PHONE, "phone"), (Setting { dark: true, ..DESK }, "dark")] {
        let Some(page) = ready(setting, "") else { return };
        let folder = folder(&format!("table-{name}"));
        let text = "length;\"weight; g\";colour;kind\n".to_owned() + &fruit(90).concat();
        let what = examine(&page, &folder, "fruit.csv", text);
        assert!(what.contains("fruit.csv") && what.contains("90 rows") && what.contains("3 classes"), "{what}");
        for method in ["general", "1-NN cosine", "nearest class mean", "kernel ridge", "logistic regression"] {
            let accuracy = last_accuracy(&page, method);
            println!("{name}, {method}: {accuracy}");
            assert!(accuracy > 80.0, "{method}: {accuracy}");
        }
        // three classes of the same size
        let frequent = last_accuracy(&page, "most frequent class");
        assert!((30.0..37.0).contains(&frequent), "{frequent}");
        fill(&page, "ask-1", "1.5");
        fill(&page, "ask-2", "3100");
        fill(&page, "ask-3", "green");
        page.click("ask");
        let reply = wait_for("the answer", Duration::from_secs(60), || {
            assert!(!page.has("ask-fault"), "{}", page.text("ask-fault"));
            page.has("reply").then(|| page.text("reply"))
        });
        assert!(reply.starts_with("melon"), "{reply}");
        page.browser.screenshot(&format!("table-{name}"));
        page.of("preview", "e.scrollIntoView()");
        page.browser.screenshot(&format!("table-preview-{name}"));
        fill(&page, "ask-1", "long");
        page.click("ask");
        let words =
            wait_for("words", Duration::from_secs(20), || page.has("ask-fault").then(|| page.text("ask-fault")));
        assert!(words.contains("“length”: expected a number, found “long”"), "{words}");
        if setting.phone {
            let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
            assert!(width.as_f64() <= Some(390.0), "the page is {width} pixels wide on a phone of 390");
        }
        fs::remove_dir_all(folder).unwrap();
        assert_no_complaints(&page);
    }
}

/// The answers of a file, as the page offers them for download.
#[test]
fn a_file_of_rows_is_answered_and_the_answers_can_be_saved() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("answers");
    page.browser.downloads(&folder);
    let text = "length;weight;colour;kind\n".to_owned() + &fruit(60).concat();
    examine(&page, &folder, "fruit.csv", text);
    // other columns in another order, and more rows than are answered at once
    let rows: String = fruit(1300)
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.trim().split(';').collect();
            format!("{},{},7,{},{}\n", cells[3], cells[1], cells[2], cells[0])
        })
        .collect();
    fs::write(folder.join("new.csv"), format!("kind,weight,more,colour,length\n{rows}")).unwrap();
    page.browser.files("ask-file-file", &[folder.join("new.csv")]);
    let words =
        wait_for("the answers", Duration::from_secs(120), || page.has("reply-file").then(|| page.text("reply-file")));
    assert!(words.contains("1300 rows of “new.csv”"), "{words}");
    let right: f64 = words
        .split("rows")
        .nth(1)
        .and_then(|rest| rest.split("examples. ").nth(1)?.split(' ').next()?.parse().ok())
        .unwrap();
    assert!(right > 1200.0, "{words}");
    page.click("answers-download");
    let text =
        wait_for("the file", Duration::from_secs(20), || fs::read_to_string(folder.join("new-answers.csv")).ok());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1301, "line,answer,plum,pear,melon"));
    assert!(lines[1].starts_with("2,plum,"), "{}", lines[1]);
    // a file that lacks a column
    fs::write(folder.join("short.csv"), "length,colour\n1,red\n2,green\n").unwrap();
    page.browser.files("ask-file-file", &[folder.join("short.csv")]);
    let words = wait_for("words", Duration::from_secs(20), || page.has("ask-fault").then(|| page.text("ask-fault")));
    assert!(words.contains("short.csv") && words.contains("weight"), "{words}");
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

/// Whether a column is used.
fn used(page: &Page, column: usize) -> bool {
    page.of(&format!("use-{column}"), "return e.checked").as_bool().unwrap()
}

#[test]
fn what_a_table_means_is_shown_and_can_be_changed() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("meaning");
    // the class comes first, the rows are counted, and two columns could be the class
    let rows: String = fruit(60)
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let cells: Vec<&str> = row.trim().split(';').collect();
            format!("{},{at},{},{},{}\n", cells[3].trim_matches('"'), cells[0], cells[1], cells[2])
        })
        .collect();
    let what = examine(&page, &folder, "first.csv", format!("species,no,length,weight,colour\n{rows}"));
    assert!(what.contains("the class is “species”") && what.contains("1 left out"), "{what}");
    assert_eq!(page.of("class-column", "return e.value"), "1");
    assert!(!used(&page, 2) && used(&page, 3));
    assert!(page.text("preview-table").contains("left out: it counts the rows"));
    let before = last_accuracy(&page, "general");
    assert!(before > 80.0, "{before}");
    // the confusion table, and the examples behind a number
    page.of("confusion", "e.open = true");
    page.click("cell-0-0");
    let rows = wait_for("the rows", Duration::from_secs(20), || page.has("inspected").then(|| page.text("inspected")));
    assert!(rows.contains("plum") && rows.contains("recognised"), "{rows}");
    page.of("confusion", "e.scrollIntoView()");
    page.browser.screenshot("confusion");
    // balanced accuracy is another measure of the same answers
    page.click("balanced");
    assert!(page.text("curve-table").contains("Balanced accuracy"));
    page.click("balanced");
    // another class
    let shown = self::what(&page);
    page.of("class-column", "e.value = '5'; e.dispatchEvent(new Event('change'))");
    begun(&page, shown.as_deref());
    examined(&page);
    let what = page.text("import-what");
    assert!(what.contains("the class is “colour”") && what.contains("2 classes"), "{what}");
    // a column that was left out, and one that was not
    let shown = self::what(&page);
    page.click("use-2");
    begun(&page, shown.as_deref());
    examined(&page);
    assert!(used(&page, 2));
    let shown = self::what(&page);
    page.click("use-3");
    begun(&page, shown.as_deref());
    examined(&page);
    assert!(!used(&page, 3) && page.text("import-what").contains("1 left out"));
    // a column that cannot be the class says why, and the choice can be taken back
    page.of("class-column", "e.value = '4'; e.dispatchEvent(new Event('change'))");
    let words = wait_for("the refusal", Duration::from_secs(20), || {
        let words = page.text("import-status");
        words.contains("different values").then_some(words)
    });
    assert!(words.contains("“weight”"), "{words}");
    page.of("class-column", "e.value = '1'; e.dispatchEvent(new Event('change'))");
    wait_for("the class", Duration::from_secs(20), || {
        self::what(&page).filter(|what| what.contains("“species”")).map(drop)
    });
    examined(&page);
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

/// The kinds of tables that were reported of tools of this kind.
#[test]
fn tables_of_strangers_are_read() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("strangers");
    let two = |row: &dyn Fn(usize, f64, f64, usize) -> String| -> String {
        (0..60)
            .map(|at| {
                let class = at * 7 / 3 % 2;
                let noise = |seed: usize| ((at * 37 + seed * 101) % 97) as f64 / 97.0;
                row(at, 10.0 + noise(1) + 1.5 * class as f64, 500.0 + 300.0 * (noise(2) + 1.5 * class as f64), class)
            })
            .collect()
    };
    let comma = |value: f64| format!("{value:.2}").replace('.', ",");
    let german = two(&|_, x, y, c| format!("{};{};{}\n", comma(x), comma(y), ["ja", "nein"][c]));
    let thousands = two(&|_, x, y, c| {
        let y = y * 3.0;
        let y =
            if y >= 1000.0 { format!("{}.{:03}", y as u32 / 1000, y as u32 % 1000) } else { format!("{}", y as u32) };
        format!("{y};{};{}\n", comma(x), ["ja", "nein"][c])
    });
    let holes = two(&|at, x, y, c| {
        let x = if at % 9 == 4 { String::new() } else { format!("{x:.2}") };
        format!("{x},{y:.1},{}\n", ["a", "b"][c])
    });
    let stamps = two(&|at, x, _, c| format!("{:.3},{},{}\n", 1_764_288_000.0 + x, at % 3, ["a", "b"][c]));
    let umlauts = two(&|_, x, y, c| format!("{x:.2};{y:.1};{}\n", ["groß", "klein"][c]));
    let latin: Vec<u8> =
        format!("Länge;Größe;Güte\n{umlauts}").chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let arff = format!(
        "@relation r\n@attribute x numeric\n@attribute y numeric\n@attribute class {{a,b}}\n@data\n{}",
        two(&|_, x, y, c| format!("{x:.2},{y:.1},{}\n", ["a", "b"][c]))
    );
    let titled = format!(
        "sep=;\nmeasured in spring;;;\nx;y;kind;\n{}",
        two(&|_, x, y, c| format!("{x:.2};{y:.1};{};\n", ["a", "b"][c]))
    );
    for (name, bytes, parts) in [
        ("german.csv", german.into_bytes(), vec!["60 rows", "2 columns", "2 classes"]),
        ("thousands.csv", thousands.into_bytes(), vec!["60 rows", "2 columns", "2 classes"]),
        ("holes.csv", format!("x,y,kind\n{holes}").into_bytes(), vec!["60 rows", "2 columns"]),
        ("stamps.csv", format!("when,k,kind\n{stamps}").into_bytes(), vec!["60 rows", "2 columns"]),
        ("latin.csv", latin, vec!["“Güte”", "2 classes"]),
        ("weka.arff", arff.into_bytes(), vec!["“class”", "2 columns"]),
        ("titled.csv", titled.into_bytes(), vec!["60 rows", "“kind”"]),
    ] {
        let what = examine(&page, &folder, name, bytes);
        assert!(parts.iter().all(|part| what.contains(part)), "{name}: {what}");
        let accuracy = last_accuracy(&page, "general");
        println!("{name}: {accuracy}");
        assert!(accuracy > 85.0, "{name}: {accuracy}\n{}", page.text("preview-table"));
    }
    // nine of ten rows are of one class: what is to be beaten is that share
    let rare = (0..100)
        .map(|at| format!("{},{},{}\n", at * 37 % 100, at * 61 % 83, if at % 10 == 3 { "rare" } else { "usual" }));
    examine(&page, &folder, "rare.csv", format!("x,y,kind\n{}", rare.collect::<String>()));
    let frequent = last_accuracy(&page, "most frequent class");
    assert!((88.0..93.0).contains(&frequent), "{frequent}");
    page.click("balanced");
    assert_eq!(last_accuracy(&page, "most frequent class"), 50.0);
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

#[test]
fn tables_that_cannot_be_learned_say_why_and_a_large_one_stops_nothing() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("bad-tables");
    for (name, text, parts) in [
        ("one.csv", "1,2,x\n3,4,x\n5,6,x\n7,8,x\n9,1,x\n2,3,x\n", vec!["two classes"]),
        ("ragged.csv", "a,b,k\n1,2,x\n3,4,y\n5,6\n7,8,y\n9,1,x\n2,3,y\n", vec!["line 4"]),
        ("quote.csv", "a,b,k\n1,2,x\n3,\"4,y\n5,6,x\n7,8,y\n9,1,x\n", vec!["quote"]),
        ("number.csv", "a,b,price\n1,2,1.5\n3,4,2.5\n5,6,3.5\n7,8,4.5\n9,1,5.5\n2,3,6.5\n", vec!["price"]),
    ] {
        let words = refused(&page, &folder, name, text);
        assert!(parts.iter().all(|part| words.contains(part)), "{words}");
        assert!(!page.has("curves"), "an old chart stands under a refused table");
    }
    // some 30 MB: the page answers while it is read, and reading can be stopped
    let row = |at: u64| {
        format!(
            "{},{},{},{}\n",
            at * 7919 % 10_007,
            at * 104_729 % 9_973,
            at * 31 % 977,
            ["a", "b", "c"][at as usize % 3]
        )
    };
    let large: String = "one,two,three,kind\n"
        .chars()
        .chain((0..1_900_000).flat_map(|at| row(at).chars().collect::<Vec<_>>()))
        .collect();
    fs::write(folder.join("large.csv"), &large).unwrap();
    assert!(large.len() > 29_000_000, "{}", large.len());
    page.browser.script(
        "let last = performance.now(); window.worst = 0;
         const step = () => { const now = performance.now(); window.worst = Math.max(window.worst, now - last); last = now; requestAnimationFrame(step); };
         requestAnimationFrame(step);",
        &[],
    );
    page.browser.files("table-file", &[folder.join("large.csv")]);
    wait_for("the table", Duration::from_secs(120), || what(&page).filter(|what| what.contains("large.csv")).map(drop));
    let worst = page.browser.script("return window.worst", &[]);
    println!("30 MB: the longest frame took {worst} ms");
    assert!(worst.as_f64() < Some(2000.0), "the page stood still for {worst} ms");
    assert!(page.text("table-notes").contains("100000"), "{}", page.text("table-notes"));
    if page.has("import-cancel") {
        page.click("import-cancel");
    }
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

#[test]
fn made_tables_show_the_curve_and_can_be_cancelled() {
    let Some(page) = ready(DESK, "") else { return };
    // it is cancelled by the page itself, at once: a second later it would be done
    page.browser.script(
        "new MutationObserver((_, observer) => {
             const cancel = document.querySelector('[data-testid=import-cancel]');
             if (cancel) { observer.disconnect(); cancel.click(); }
         }).observe(document.body, { childList: true, subtree: true });",
        &[],
    );
    page.click("made-spirals");
    wait_for("it to stop", Duration::from_secs(60), || {
        (page.of("import", "return e.dataset.state") == "stopped").then_some(())
    });
    assert!(!page.has("import-cancel"));
    for made in ["clouds", "spirals", "rings"] {
        let before = what(&page);
        page.click(&format!("made-{made}"));
        begun(&page, before.as_deref());
        examined(&page);
        let table = page.text("curve-table");
        println!("{made}:\n{table}");
        assert!(last_accuracy(&page, "general") > 60.0, "{table}");
        page.browser.screenshot(&format!("made-{made}"));
    }
    assert_no_complaints(&page);
}

#[test]
fn everything_here_has_a_name_and_shows_its_focus() {
    let Some(page) = ready(DESK, CPU) else { return };
    page.click("made-clouds");
    examined(&page);
    let nameless = page.browser.script(
        "return [...document.querySelectorAll('button, input, select, a[href], [tabindex=\"0\"], svg[role=img], progress')]
            .filter(e => e.getClientRects().length && !e.closest('[aria-hidden=true]'))
            .filter(e => !(e.ariaLabel || e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim() || e.title))
            .map(e => e.outerHTML.slice(0, 120))",
        &[],
    );
    assert_eq!(nameless, json!([]));
    for id in [
        "play-symbols",
        "share-link",
        "model-address",
        "pick-folder",
        "ask-1",
        "class-column",
        "use-2",
        "camera-on",
        "made-rings",
    ] {
        let outline = page.of(id, "e.focus({ focusVisible: true }); return getComputedStyle(e).outlineStyle");
        let disabled = page.of(id, "return !!e.disabled");
        assert!(disabled == true || outline == "solid", "{id} shows no focus: {outline}");
    }
}
