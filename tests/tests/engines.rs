//! The heart of the page in three browsers: Chromium, Firefox and WebKit, each with the learner on the CPU.
//!
//! A scenario is written once, and is a test in each browser: `cargo xtask test --filter webkit::` runs one browser's.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Browser, BrowserKind, Setting, wait_for};
use tests::page::{CPU, MEASURED, Page, best, built, ready_in};
use tests::program::Folder;
use tests::strokes::Figure;
use xtask::server::Server;

/// The longest that anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Makes tests of each scenario in Firefox and WebKit. Most have test programs of their own in Chromium, which go further there.
macro_rules! scenarios {
    (everywhere: $($everywhere:ident),*; in the others: $($other:ident),* $(,)?) => {
        mod chromium {
            $(#[test] fn $everywhere() { super::$everywhere(super::BrowserKind::Chromium); })*
        }
        scenarios! { @others $($everywhere,)* $($other,)* }
    };
    (@others $($scenario:ident,)*) => {
        mod firefox {
            $(#[test] fn $scenario() { super::$scenario(super::BrowserKind::Firefox); })*
        }
        mod webkit {
            $(#[test] fn $scenario() { super::twice(stringify!($scenario), || super::$scenario(super::BrowserKind::WebKit)); })*
        }
    };
}

/// A scenario, and once more where it fails. On a machine with other work WebKitGTK sometimes stands still for a minute or
/// two, wherever the page is at that time; a fault of the page fails twice.
fn twice(name: &str, scenario: fn()) {
    if let Err(panic) = std::panic::catch_unwind(scenario) {
        let words = panic.downcast_ref::<String>().map_or("no words", String::as_str);
        eprintln!("{name} failed in WebKit, and is tried once more: {words}");
        scenario();
    }
}

scenarios! {
    everywhere: words_have_room_in_their_boxes, in_an_article_the_page_is_small_and_stores_nothing;
    in the others:
    drawings_are_taught_answered_swapped_and_kept,
    examples_are_saved_and_opened_as_a_file,
    a_model_file_is_opened,
    a_table_is_learned,
    a_link_opens_as_a_set_of_its_own,
    without_a_network_the_page_still_learns,
    a_learner_is_made_step_by_step,
    without_a_camera_the_page_says_so,
}

/// Two drawings of each of two classes.
fn teach_two(page: &Page) {
    for shot in 0..2 {
        page.teach(&Figure::Zero.drawn(1, shot), 0);
        page.teach(&Figure::Seven.drawn(1, shot), 1);
    }
}

/// Drawings by another hand are answered with the classes `zero` and `seven`, in most cases.
#[track_caller]
fn assert_learned(page: &Page, zero: usize, seven: usize) {
    let right: u32 = (100..103)
        .flat_map(|number| [(Figure::Zero, zero, number), (Figure::Seven, seven, number)])
        .map(|(figure, class, number)| u32::from(best(&page.ask(&figure.drawn(2, number))) == class))
        .sum();
    assert!(right >= 5, "{right} of 6 drawings were recognised");
}

#[track_caller]
fn assert_same(before: &[f64], after: &[f64]) {
    let worst = before.iter().zip(after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(before.len() == after.len() && worst < 1e-3, "before {before:?}, after {after:?}");
}

#[track_caller]
fn assert_no_complaints(page: &Page) {
    assert_eq!(page.complaints(), Vec::<String>::new(), "the console holds errors");
}

/// Waits until the model in use has this name.
fn named(page: &Page, name: &str) {
    wait_for(name, LIMIT, || (page.text("model") == name).then_some(()));
    page.settle();
}

fn drawings_are_taught_answered_swapped_and_kept(kind: BrowserKind) {
    // Chromium has WebGPU in software, and would take long to measure it.
    let query = if kind == BrowserKind::Chromium { CPU } else { MEASURED };
    let Some(page) = ready_in(kind, Setting::default(), query) else { return };
    assert!(page.text("engine").contains("CPU"), "the engine is: {}", page.text("engine"));
    teach_two(&page);
    page.rename(0, "nought");
    assert_learned(&page, 0, 1);
    let timing = page.text("timing");
    assert!(timing == "< 1" || timing.parse::<f64>().is_ok_and(|ms| ms > 0.0), "“{timing}” ms per answer");
    let question = Figure::Zero.drawn(2, 100);
    page.ask(&question);
    assert!(page.text("answer").contains("nought"), "the answer is: {}", page.text("answer"));
    page.swap(0, 1);
    assert_learned(&page, 1, 0);
    page.swap(0, 1);
    let before = page.ask(&question);
    page.browser.screenshot(&format!("{}-learned", kind.name().to_lowercase()));
    assert_no_complaints(&page);

    // the next visit
    page.visit(&format!("{}{CPU}", page.url()));
    assert_eq!([page.count(0), page.count(1)], [2, 2], "the examples were not kept");
    assert_eq!(page.of("class-name-0", "return e.value"), "nought");
    assert_same(&before, &page.ask(&question));
    assert_no_complaints(&page);
}

fn examples_are_saved_and_opened_as_a_file(kind: BrowserKind) {
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    teach_two(&page);
    let before = page.ask(&Figure::Zero.drawn(2, 8));
    let file = page.browser.downloads_folder().join("My-drawings.json");
    page.click("save-examples");
    let whole = || fs::read(&file).is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_ok());
    wait_for("the file", LIMIT, || whole().then_some(()));
    page.click("clear-all");
    assert_eq!(page.count(0), 0);
    page.browser.files("examples-file", std::slice::from_ref(&file));
    wait_for("the examples", LIMIT, || (page.count(0) == 2).then_some(()));
    page.settle();
    assert_same(&before, &page.probabilities());
    assert_no_complaints(&page);
}

fn a_model_file_is_opened(kind: BrowserKind) {
    let Some(models) = built().map(|page| page.join("models")) else { return };
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    teach_two(&page);
    page.browser.files("model-file", &[models.join("general.safetensors")]);
    named(&page, "general.safetensors");
    assert_eq!([page.count(0), page.count(1)], [2, 2], "examples were lost");
    assert_learned(&page, 0, 1);
    // one of the shelf, too
    page.browser.script("document.querySelector('[data-testid=model-quick]').click()", &[]);
    named(&page, "quick.safetensors");
    let sum: f64 = page.ask(&Figure::Zero.drawn(2, 1)).iter().sum();
    assert!((sum - 1.0).abs() < 0.01, "the bars add up to {sum}");
    assert_no_complaints(&page);
}

/// Two columns of numbers and one of words, and three classes that follow from them.
fn table(folder: &Folder) -> PathBuf {
    let row = |i: u32| {
        let noise = f64::from(i * 7919 % 101) / 101.0;
        let (length, weight, colour, kind) = match i % 3 {
            0 => (1.0 + noise, 1000.0 + 300.0 * noise, "red", "plum"),
            1 => (2.5 + noise, 1000.0 - 300.0 * noise, "green", "pear"),
            _ => (1.2 + noise, 3000.0 + 400.0 * noise, "green", "melon"),
        };
        format!("{length:.3};{weight:.1};{colour};{kind}\n")
    };
    folder.file("fruit.csv", "length;weight;colour;kind\n".to_owned() + &(0..90).map(row).collect::<String>())
}

fn a_table_is_learned(kind: BrowserKind) {
    let folder = Folder::new(&format!("table-{kind:?}"));
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    page.browser.files("table-file", &[table(&folder)]);
    page.wait_of("import", "the end of the examination", "return e.dataset.state === 'done'");
    let what = page.text("import-what");
    assert!(what.contains("fruit.csv") && what.contains("90 rows") && what.contains("3 classes"), "{what}");
    let last = "const row = [...e.querySelectorAll('tbody tr')].find(r => r.cells[0].textContent.trim() === 'general');
        return parseFloat(row.cells[row.cells.length - 1].textContent)";
    let accuracy = page.of("curve-table", last);
    assert!(accuracy.as_f64() > Some(80.0), "general: {accuracy}");
    for (field, value) in [("ask-1", "1.5"), ("ask-2", "3100"), ("ask-3", "green")] {
        page.of(field, &format!("e.value = {}", json!(value)));
    }
    page.click("ask");
    let reply = wait_for("the answer", LIMIT, || {
        assert!(!page.has("ask-fault"), "{}", page.text("ask-fault"));
        page.has("reply").then(|| page.text("reply"))
    });
    assert!(reply.starts_with("melon"), "{reply}");
    assert_no_complaints(&page);
}

fn a_link_opens_as_a_set_of_its_own(kind: BrowserKind) {
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    teach_two(&page);
    let question = Figure::Seven.drawn(2, 3);
    let before = page.ask(&question);
    page.click("share-link");
    let link = page.of("link", "return e.value").as_str().expect("a link").to_owned();
    let fragment = &link[link.find('#').expect("a fragment")..];
    // the visitor has other examples now
    page.click("clear-all");
    page.teach(&Figure::Cross.drawn(1, 1), 2);
    page.visit(&format!("{}{CPU}{fragment}", page.url()));
    assert_eq!([page.count(0), page.count(1), page.count(2)], [2, 2, 0]);
    assert_same(&before, &page.ask(&question));
    assert_eq!(page.browser.script("return location.hash", &[]), "", "the fragment would be opened again");
    page.click("bring-back");
    assert_eq!([page.count(0), page.count(1), page.count(2)], [0, 0, 1], "the visitor's own examples are gone");
    assert_no_complaints(&page);
}

fn without_a_network_the_page_still_learns(kind: BrowserKind) {
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    let root = |body: &str| page.browser.script(&format!("return document.documentElement.{body}"), &[]);
    wait_for("the page to be kept", LIMIT, || (root("dataset.offline") == "ready").then_some(()));
    page.server.set_away(true);
    page.browser.script("window.old = true; location.reload()", &[]);
    let there = || page.browser.script("return !window.old", &[]) == true && page.state() == "ready";
    wait_for("the page's start", LIMIT, || there().then_some(()));
    teach_two(&page);
    assert_learned(&page, 0, 1);
}

fn a_learner_is_made_step_by_step(kind: BrowserKind) {
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    page.click("train-open");
    wait_for("the card", LIMIT, || page.has("train-main").then_some(()));
    let step = || {
        let words = page.text("train-numbers");
        words.split_whitespace().nth(1).and_then(|step| step.parse::<u64>().ok()).unwrap_or_default()
    };
    wait_for("steps", LIMIT, || (step() >= 3).then_some(()));
    page.click("train-main");
    wait_for("the pause", LIMIT, || (page.text("train-main") == "Continue").then_some(()));
    // the slice that was under way still comes
    page.wait_of("train-numbers", "the last slice", "return e.dataset.busy === 'false'");
    let last = step();
    page.click("train-step");
    wait_for("one step more", LIMIT, || (step() > last).then_some(()));
    assert_eq!(step(), last + 1);
    page.click("train-use");
    wait_for("the new learner", LIMIT, || page.text("status").contains("made-here").then_some(()));
    page.settle();
    teach_two(&page);
    let sum: f64 = page.ask(&Figure::Zero.drawn(2, 1)).iter().sum();
    assert!((sum - 1.0).abs() < 0.01, "the bars add up to {sum}");
    assert_no_complaints(&page);
}

fn without_a_camera_the_page_says_so(kind: BrowserKind) {
    let Some(page) = ready_in(kind, Setting::default(), "") else { return };
    if kind == BrowserKind::Chromium {
        let origin = page.url();
        let wanted = json!({
            "permission": { "name": "camera" }, "setting": "granted", "origin": origin.trim_end_matches('/'),
        });
        page.browser.devtools("Browser.setPermission", &wanted);
    }
    page.click("camera-on");
    let words = page.wait_of("status", "words", "return e.textContent.includes('amera') && e.textContent");
    let words = words.as_str().unwrap_or_default();
    assert!(words.contains("no camera here") && !words.contains("onstraint"), "the page says: {words}");
    assert_eq!(page.of("camera", "return e.dataset.on"), "false");
    assert_no_complaints(&page);
}

/// Text that leaves the box it belongs to, in words; and how wide the page is.
const OVERFLOW: &str = "
    const out = [];
    for (const e of document.querySelectorAll('button, .card, .row, .answer, label, a')) {
        if (!e.offsetParent || e.closest('.unseen, [aria-hidden=true]')) continue;
        const box = e.getBoundingClientRect();
        const words = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
        for (let node; (node = words.nextNode());) {
            const hidden = node.parentElement.closest('.unseen, svg, [hidden], .swap, .thumbs, details:not([open]) > :not(summary)');
            const clipped = getComputedStyle(node.parentElement).overflow !== 'visible';
            if (!node.textContent.trim() || hidden || clipped || !node.parentElement.offsetParent) continue;
            const range = document.createRange();
            range.selectNodeContents(node);
            const r = range.getBoundingClientRect();
            if (r.right > box.right + 1 || r.left < box.left - 1 || r.bottom > box.bottom + 2 || r.top < box.top - 2)
                out.push(`${e.tagName} ${e.dataset.testid ?? e.className}: ${node.textContent.trim().slice(0, 60)}`);
        }
    }
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) out.push(`the page is ${wide} pixels too wide`);
    return out;";

fn words_have_room_in_their_boxes(kind: BrowserKind) {
    for (width, height) in [(1280, 900), (800, 900), (520, 900)] {
        let Some(page) = ready_in(kind, Setting { width, height, ..Setting::default() }, "") else { return };
        teach_two(&page);
        page.ask(&Figure::Seven.drawn(2, 1));
        assert_eq!(page.browser.script(OVERFLOW, &[]), json!([]), "at a width of {width}");
        page.of("model-quick", "e.scrollIntoView({ block: 'center', behavior: 'instant' })");
        page.browser.screenshot(&format!("{}-models-{width}", kind.name().to_lowercase()));
    }
}

/// A web page that holds the page in a frame, as an article does, served from another origin.
struct Article {
    folder: Folder,
    server: Server,
}

impl Article {
    fn new(name: &str) -> Article {
        let folder = Folder::new(&format!("article-{name}"));
        folder.file("index.html", "");
        let server = Server::start(&folder.0, 0).unwrap_or_else(|error| panic!("{error}"));
        Article { folder, server }
    }

    /// Opens it with a frame of a size, in CSS pixels, and has commands go to the frame when the page there is ready.
    fn open(&self, page: &Page, address: &str, width: u32, height: u32) {
        let article = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=color-scheme content=\"light dark\"><link rel=icon href=data:,>\
             <title>An article</title><h1>An article</h1><p>Text before the frame.</p>\
             <div style=\"width: {width}px\"><iframe src=\"{address}\" title=\"Draw and teach\" \
             style=\"width: 100%; height: {height}px; border: 0\"></iframe></div><p>Text after it.</p>"
        );
        self.folder.file("index.html", article);
        page.browser.open("about:blank");
        page.browser.open(&self.server.url());
        page.browser.enter_frame("iframe");
        wait_for("the page in the frame", LIMIT, || (page.state() != "loading").then_some(()));
        assert_eq!(page.state(), "ready", "the page says: {}", page.text("status"));
        page.browser.watch_console();
        page.settle();
    }
}

/// What the browser stores for the page, in words.
const STORED: &str = "
    const workers = await navigator.serviceWorker?.getRegistrations() ?? [];
    return [...(await indexedDB.databases()).map(d => `database ${d.name}`), ...(await caches.keys()).map(c => `cache ${c}`),
        ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...workers.map(w => `worker ${w.scope}`)];";

fn in_an_article_the_page_is_small_and_stores_nothing(kind: BrowserKind) {
    let Some(folder) = built() else { return };
    let Some(browser) = Browser::start_kind(kind, Setting { width: 800, ..Setting::default() }) else { return };
    let server = Server::start(&folder, 0).unwrap_or_else(|error| panic!("{error}"));
    let page = Page { browser, server };
    let article = Article::new(&format!("{kind:?}"));
    let small = format!("{}?embed&engine=cpu", page.server.url());
    let question = Figure::Seven.drawn(2, 3);
    for (width, height) in [(640, 480), (320, 480)] {
        // nothing is left of the visit before
        article.open(&page, &small, width, height);
        assert_eq!([page.count(0), page.count(1)], [0, 0], "examples were kept");
        let size =
            page.browser.script("const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]", &[]);
        assert_eq!(size, json!([width, height]), "the page has another size than its frame");
        let shown = page.browser.script(
            "return ['h1', '.article', '.strip', '.shelf', '.camera', '[data-testid=canvas]', '[data-testid=answer]', \
             '[data-testid=teach-0]', '.whole'].filter(css => document.querySelector(css)?.offsetParent)",
            &[],
        );
        let wanted = json!(["[data-testid=canvas]", "[data-testid=answer]", "[data-testid=teach-0]", ".whole"]);
        assert_eq!(shown, wanted, "at {width} × {height}");
        assert_eq!(page.browser.script(OVERFLOW, &[]), json!([]), "at {width} × {height}");
        teach_two(&page);
        assert_learned(&page, 0, 1);
        assert_eq!(page.of("unkept", "return e.hidden"), true, "the page says: {}", page.text("unkept"));
        let stored = page.browser.script(&format!("return (async () => {{ {STORED} }})()"), &[]);
        assert_eq!(stored, json!([]), "the page has stored something");
        assert_no_complaints(&page);
        if kind == BrowserKind::Chromium {
            assert_eq!(page.violations().unwrap_or_default(), Vec::<String>::new());
        }
        page.browser.leave_frame();
        page.browser.screenshot(&format!("{}-article-{width}", kind.name().to_lowercase()));
    }

    // an article can bring examples of its own, and the visitor's stay theirs
    page.visit(&format!("{}{CPU}", page.server.url()));
    teach_two(&page);
    let before = page.ask(&question);
    page.click("share-link");
    let link = page.of("link", "return e.value").as_str().expect("a link").to_owned();
    page.click("clear-all");
    page.teach(&Figure::Cross.drawn(1, 1), 2);
    article.open(&page, &format!("{small}{}", &link[link.find('#').expect("a fragment")..]), 640, 480);
    assert_eq!([page.count(0), page.count(1), page.count(2)], [2, 2, 0]);
    assert_same(&before, &page.ask(&question));
    page.teach(&Figure::Zero.drawn(1, 5), 0);
    assert_no_complaints(&page);
    page.browser.leave_frame();
    page.visit(&format!("{}{CPU}", page.server.url()));
    assert_eq!([page.count(0), page.count(1), page.count(2)], [0, 0, 1], "the visitor's own examples were changed");
}
