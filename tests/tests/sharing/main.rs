//! Samples, own data, camera, learners from elsewhere, files and links: in the real browser, as a visitor would.

mod camera;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Setting, wait_for};
use tests::page::{CPU, Page, best, built, ready};
use tests::strokes::Figure;

/// A page that is ready; panics with its own words when it is not.
const PHONE: Setting = Setting { width: 390, height: 844, phone: true, ..DESK };
const DESK: Setting = Setting::DESK;

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sharing-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Console errors but those of fetches that were meant to fail.
fn assert_no_complaints(page: &Page) {
    assert_eq!(page.complaints(), Vec::<String>::new(), "the console holds errors");
}

fn teach_two(page: &Page) {
    for shot in 0..2 {
        page.teach(&Figure::Zero.drawn(1, shot), 0);
        page.teach(&Figure::Seven.drawn(1, shot), 1);
    }
}

fn player(page: &Page) -> String {
    page.of("samples", "return e.dataset.player").as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_sample_plays_from_guessing_to_right() {
    for (setting, name) in [(DESK, "wide"), (PHONE, "phone")] {
        let Some(page) = ready(setting, "") else { return };
        // nothing of the visitor's own is lost
        page.teach(&Figure::Cross.drawn(1, 0), 0);
        page.click("play-symbols");
        wait_for("the player", Duration::from_secs(60), || {
            (page
                .of("samples", "return parseInt(document.querySelector('[data-testid=told]')?.dataset.shown ?? 0)")
                .as_u64()
                >= Some(8))
            .then_some(())
        });
        // paused: nothing goes on, for as long as three drawings take
        page.click("pause");
        page.settle();
        let shown = page.of("told", "return e.dataset.shown");
        page.browser.screenshot(&format!("sample-playing-{name}"));
        thread::sleep(Duration::from_millis(600));
        assert_eq!(page.of("told", "return e.dataset.shown"), shown, "it went on while it was paused");
        page.click("pause");
        page.click("skip");
        let mut state = String::new();
        wait_for("the end of the sample", Duration::from_secs(120), || {
            state = player(&page);
            (state != "playing").then_some(())
        });
        assert_eq!(state, "done", "the press on \"To the end\" did something else");
        page.settle();
        let count = |key: &str| page.of("told", &format!("return parseInt(e.dataset.{key})")).as_u64().unwrap();
        assert_eq!(count("shown"), 18, "six things, three times");
        assert!(count("asked") == 12 && count("right") >= 9, "{} of {} right", count("right"), count("asked"));
        page.browser.screenshot(&format!("sample-done-{name}"));
        assert_eq!(page.count(5), 3);
        // one step back is the visitor's own table, and the button brings it back as well
        page.click("bring-back");
        assert_eq!(page.count(0), 1);
        page.click("undo");
        assert_eq!(page.count(5), 3);
        page.click("undo");
        assert_eq!(page.count(0), 1);
        assert_no_complaints(&page);
    }
}

#[test]
fn what_stands_beside_the_classes_stays_while_they_grow() {
    let Some(page) = ready(DESK, "") else { return };
    page.of("play-symbols", "e.click()");
    let shown = "return parseInt(document.querySelector('[data-testid=told]')?.dataset.shown ?? 0)";
    wait_for("its first drawings", Duration::from_secs(60), || {
        (page.of("samples", shown).as_u64() >= Some(2)).then_some(())
    });
    // the player in sight beside the classes' rows, the first of which are not
    page.of("stop", "e.scrollIntoView({ block: 'center', behavior: 'instant' })");
    let places = "const button = document.querySelector('[data-testid=speed]') ?? document.querySelector('[data-testid=play-again]');
                  return [scrollY, button.getBoundingClientRect().y, document.querySelector('.classes').offsetHeight]";
    let before = page.of("samples", places);
    assert!(before[0].as_f64().unwrap() > 100.0, "there was nothing to scroll");
    wait_for("the end of the sample", Duration::from_secs(120), || (player(&page) == "done").then_some(()));
    let after = page.of("samples", places);
    assert_ne!(before[2], after[2], "the classes did not grow, so nothing was tested");
    // the learning curve above it may have grown as well, and then the page is scrolled by as much
    let moved = after[1].as_f64().unwrap() - before[1].as_f64().unwrap();
    assert!(moved.abs() < 2.0, "the player's buttons moved by {moved} pixels under their visitor's pointer");
}

#[test]
fn a_sample_takes_ten_seconds_and_stops_for_the_pen() {
    let Some(page) = ready(DESK, "") else { return };
    let start = std::time::Instant::now();
    page.click("play-look-alikes");
    page.click("speed");
    wait_for("the end of the sample", Duration::from_secs(90), || (player(&page) == "done").then_some(()));
    println!("twice as fast: {:.1} s", start.elapsed().as_secs_f64());
    page.browser.screenshot("look-alikes-done-wide");
    page.click("play-letters");
    page.wait_of(
        "samples",
        "a first drawing",
        "return document.querySelector('[data-testid=told]')?.dataset.shown > 0",
    );
    page.draw(&Figure::Zero.drawn(1, 3));
    assert_eq!(player(&page), "idle", "it goes on although the visitor draws");
    let strokes = page.seen().iter().filter(|grey| **grey > 100).count();
    assert!(strokes > 10, "the visitor's own stroke is not there");
    assert_no_complaints(&page);
}

#[test]
fn without_motion_a_sample_is_there_at_once() {
    let Some(page) = Page::open(DESK, "") else { return };
    page.browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] }),
    );
    page.click("play-letters");
    wait_for("the end of the sample", Duration::from_secs(60), || (player(&page) == "done").then_some(()));
    assert_eq!(page.of("told", "return e.dataset.shown"), "20");
    assert_no_complaints(&page);
}

#[test]
fn a_link_gives_the_same_answers_in_another_browser() {
    let question = Figure::Seven.drawn(2, 3);
    let (link, before) = {
        let Some(page) = ready(DESK, "") else { return };
        page.rename(0, "nought");
        teach_two(&page);
        let before = page.ask(&question);
        page.click("share-link");
        let link = page.of("link", "return e.value").as_str().unwrap().to_owned();
        page.browser.screenshot("shared-wide");
        println!("{} letters for 4 drawings and one in hand", link.len());
        (link, before)
    };
    let fragment = &link[link.find('#').expect("a fragment")..];
    for setting in [DESK, PHONE] {
        let Some(page) = ready(setting, fragment) else { return };
        page.settle();
        // the drawing in hand came along
        let after = page.probabilities();
        let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "before {before:?}, after {after:?}");
        assert_eq!([page.count(0), page.count(1)], [2, 2]);
        assert_eq!(page.of("class-name-0", "return e.value"), "nought");
        assert_eq!(page.browser.script("return location.hash", &[]), "", "the fragment would be opened again");
        let after = page.ask(&question);
        let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "drawn again: before {before:?}, after {after:?}");
        page.browser.screenshot(if setting.phone { "link-opened-phone" } else { "link-opened-wide" });
        assert_no_complaints(&page);
    }
}

#[test]
fn a_link_leaves_the_visitors_own_examples_alone() {
    let Some(page) = ready(DESK, CPU) else { return };
    teach_two(&page);
    page.click("share-link");
    let link = page.of("link", "return e.value").as_str().unwrap().to_owned();
    // the visitor has other examples now
    page.click("clear-all");
    page.teach(&Figure::Cross.drawn(1, 1), 2);
    let fragment = &link[link.find('#').unwrap()..];
    let open = |fragment: &str| {
        page.browser.open("about:blank");
        page.browser.open(&format!("{}?engine=cpu{fragment}", page.server.url()));
        wait_for("the page's start", Duration::from_secs(120), || (page.state() != "loading").then_some(()));
        page.settle();
    };
    open(fragment);
    assert_eq!([page.count(0), page.count(1), page.count(2)], [2, 2, 0]);
    // even a reload later
    open("");
    assert_eq!([page.count(0), page.count(1), page.count(2)], [2, 2, 0]);
    page.click("bring-back");
    assert_eq!([page.count(0), page.count(1), page.count(2)], [0, 0, 1]);

    // a damaged link says so and changes nothing
    let middle = fragment.len() / 2;
    let other = if &fragment[middle..=middle] == "x" { "y" } else { "x" };
    let changed = format!("{}{other}{}", &fragment[..middle], &fragment[middle + 1..]);
    for damaged in [fragment[..fragment.len() - 9].to_owned(), changed] {
        open(&damaged);
        let status = page.text("status");
        assert!(status.contains("not whole"), "the page says: {status}");
        assert_eq!([page.count(0), page.count(1), page.count(2)], [0, 0, 1]);
    }
    assert_no_complaints(&page);
}

#[test]
fn a_link_that_would_be_cut_is_not_made() {
    let Some(page) = ready(DESK, CPU) else { return };
    // many examples come by file, as drawing them would take long
    let one: Vec<i64> = (0..60).flat_map(|i| [(i * 37) % 900, (i * 53) % 900]).collect();
    let examples: Vec<Value> = (0..60).map(|i| json!({ "label": i % 2, "strokes": [one] })).collect();
    let text = json!({
        "version": 2, "classes": [{ "label": 0, "name": "a" }, { "label": 1, "name": "b" }], "examples": examples,
    });
    let folder = folder("long");
    fs::write(folder.join("many.json"), text.to_string()).unwrap();
    page.browser.files("examples-file", &[folder.join("many.json")]);
    wait_for("the examples", Duration::from_secs(60), || (page.count(0) == 30).then_some(()));
    page.settle();
    page.click("share-link");
    let words = page.text("link-fault");
    assert!(words.contains("characters") && words.contains("Save a file"), "the page says: {words}");
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

#[test]
fn examples_are_saved_and_opened_as_a_file() {
    let question = Figure::Zero.drawn(2, 8);
    let folder = folder("file");
    let Some(page) = ready(DESK, "") else { return };
    teach_two(&page);
    page.wipe();
    let before = page.ask(&question);
    page.browser.downloads(&folder);
    page.click("save-examples");
    let path = folder.join("My-drawings.json");
    wait_for("the file", Duration::from_secs(30), || fs::metadata(&path).ok().filter(|file| file.len() > 0).map(drop));
    page.click("clear-all");
    assert_eq!(page.count(0), 0);
    page.browser.files("examples-file", std::slice::from_ref(&path));
    wait_for("the examples", Duration::from_secs(30), || (page.count(0) == 2).then_some(()));
    page.settle();
    let after = page.probabilities();
    let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "before {before:?}, after {after:?}");
    // dropped, and undone
    page.click("clear-all");
    page.browser.drop_files("canvas", std::slice::from_ref(&path));
    wait_for("the examples", Duration::from_secs(30), || (page.count(1) == 2).then_some(()));
    page.click("undo");
    assert_eq!(page.count(1), 0);
    // what is no such file says so
    fs::write(&path, "{\"version\":2}").unwrap();
    page.browser.files("examples-file", &[path]);
    wait_for("words", Duration::from_secs(30), || page.text("status").contains("no examples").then_some(()));
    fs::remove_dir_all(folder).unwrap();
    assert_no_complaints(&page);
}

/// A host of another origin: with CORS or without, quick or slow.
struct Host {
    port: u16,
}

impl Host {
    fn start(folder: PathBuf) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let folder = folder.clone();
                thread::spawn(move || {
                    let mut line = String::new();
                    let _ = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line);
                    let path = line.split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                    let (kind, name) = path.split_once('/').unwrap_or(("open", &path));
                    let cors = if kind == "closed" { "" } else { "Access-Control-Allow-Origin: *\r\n" };
                    let body = fs::read(folder.join(name));
                    let status = if body.is_ok() { "200 OK" } else { "404 Not Found" };
                    let body = body.unwrap_or_default();
                    let head = format!(
                        "HTTP/1.1 {status}\r\n{cors}Content-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(head.as_bytes());
                    for part in body.chunks(body.len().div_ceil(8).max(1)) {
                        if kind == "slow" {
                            thread::sleep(Duration::from_millis(400));
                        }
                        let _ = stream.write_all(part).and_then(|()| stream.flush());
                    }
                });
            }
        });
        Host { port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

fn fetch(page: &Page, url: &str) {
    page.of("model-address", "e.focus(); e.select();");
    page.browser.keys(url);
    page.browser.script("document.querySelector('[data-testid=model-fetch]').click()", &[]);
}

#[test]
fn learners_come_from_the_shelf_from_elsewhere_and_from_disk() {
    let Some(folder) = built().map(|page| page.join("models")) else { return };
    let host = Host::start(folder.clone());
    let Some(page) = ready(DESK, "") else { return };
    teach_two(&page);
    page.ask(&Figure::Zero.drawn(2, 1));
    let named = |name: &str| wait_for(name, Duration::from_secs(120), || (page.text("model") == name).then_some(()));
    for name in ["paper", "general"] {
        page.browser.script(&format!("document.querySelector('[data-testid=model-{name}]').click()"), &[]);
        named(&format!("{name}.safetensors"));
        page.settle();
        assert_eq!(page.count(0), 2, "{name}");
        assert!((page.probabilities().iter().sum::<f64>() - 1.0).abs() < 0.01, "{name}");
        page.browser.screenshot(&format!("shelf-{name}-wide"));
    }
    // its card
    page.browser.script("document.querySelector('[data-testid=card] > summary').click()", &[]);
    let card = page.text("card");
    for part in ["synthetic prior", "Omniglot", "commit", "MIT OR Apache-2.0", "MNIST", "this learner", "kernel ridge"]
    {
        assert!(card.contains(part), "`{part}` is not in the card: {card}");
    }
    page.browser.screenshot("card-wide");

    // from another site, slowly: how far it is can be seen, and the old one stays until then
    fetch(&page, &host.url("slow/quick.safetensors"));
    wait_for("progress", Duration::from_secs(20), || page.has("model-progress").then_some(()));
    assert_eq!(page.text("model"), "general.safetensors");
    let words = page.text("model-progress");
    assert!(words.contains("of 1.7 MB"), "progress: {words}");
    page.browser.screenshot("model-progress-wide");
    named("quick.safetensors");
    page.settle();
    assert!(!page.has("model-progress"));

    // each fault in its own words, and the old one stays
    let closed = host.url("closed/general.safetensors");
    let missing = host.url("open/none.safetensors");
    let dead = "http://127.0.0.1:9/x.safetensors".to_owned();
    for (url, parts) in [
        (closed, vec!["Access-Control-Allow-Origin", "drop it"]),
        (missing, vec!["404", "no such file"]),
        (dead, vec!["can't be reached"]),
        ("ftp://example.org/x".to_owned(), vec!["ftp:"]),
    ] {
        fetch(&page, &url);
        let status = wait_for(&url, Duration::from_secs(60), || {
            let status = page.text("status");
            parts.iter().all(|part| status.contains(part)).then_some(status)
        });
        assert!(status.contains("still quick.safetensors"), "{status}");
        page.settle();
        assert_eq!(page.text("model"), "quick.safetensors");
    }
    // from disk, by chooser and by drop; one that is broken is refused
    page.browser.files("model-file", &[folder.join("drawing.safetensors")]);
    named("drawing.safetensors");
    let bad = std::env::temp_dir().join(format!("bad-{}.safetensors", std::process::id()));
    fs::write(&bad, &fs::read(folder.join("general.safetensors")).unwrap()[..5000]).unwrap();
    page.browser.drop_files("canvas", std::slice::from_ref(&bad));
    wait_for("words", Duration::from_secs(30), || page.text("status").contains("cut off").then_some(()));
    assert_eq!(page.text("model"), "drawing.safetensors");
    page.browser.drop_files("canvas", &[folder.join("general.safetensors")]);
    named("general.safetensors");
    page.settle();
    assert_eq!([page.count(0), page.count(1)], [2, 2]);
    fs::remove_file(bad).unwrap();
}

#[test]
fn a_learner_that_was_fetched_is_there_without_a_network() {
    let Some(folder) = built().map(|page| page.join("models")) else { return };
    let host = Host::start(folder);
    let Some(page) = ready(DESK, "") else { return };
    fetch(&page, &host.url("open/general.safetensors"));
    let named = |name: &str| wait_for(name, Duration::from_secs(120), || (page.text("model") == name).then_some(()));
    named("general.safetensors");
    page.browser.script("document.querySelector('[data-testid=model-quick]').click()", &[]);
    named("quick.safetensors");
    page.browser.devtools("Network.enable", &json!({}));
    page.browser.devtools(
        "Network.emulateNetworkConditions",
        &json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 }),
    );
    fetch(&page, &host.url("open/general.safetensors"));
    named("general.safetensors");
    fetch(&page, &host.url("open/other.safetensors"));
    wait_for("words", Duration::from_secs(30), || page.text("status").contains("offline").then_some(()));
}
