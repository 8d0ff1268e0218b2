//! Many examples on the page: what was said of them is not asked again, what has to be asked delays no drawing, and it
//! stays light on its feet with a thousand.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Setting, wait_for};
use tests::examples::{FIGURES, file};
use tests::memory::resident_mb;
use tests::page::{CPU, Page, best};
use tests::strokes::Figure;

const PHONE: Setting = Setting { width: 390, height: 844, phone: true, ..Setting::DESK };

fn shown(page: &Page) -> usize {
    (0..FIGURES.len()).filter(|class| page.has(&format!("count-{class}"))).map(|class| page.count(class)).sum()
}

/// The page with these examples.
fn with_examples(setting: Setting, count: usize, answers: bool) -> Option<Page> {
    let page = Page::open(setting, CPU)?;
    assert_eq!(page.state(), "ready", "the page says: {}", page.text("status"));
    let path = file(count, answers);
    page.browser.files("examples-file", std::slice::from_ref(&path));
    wait_for("the examples", Duration::from_secs(60), || (shown(&page) == count).then_some(()));
    page.settle();
    fs::remove_file(path).unwrap();
    Some(page)
}

/// Questions about examples that the page has asked its engines.
fn questions(page: &Page) -> u64 {
    let count = page.browser.script("return parseInt(document.documentElement.dataset.questions ?? '0')", &[]);
    count.as_u64().expect("a number")
}

/// Opens the page anew, as at the next visit.
fn reload(page: &Page) {
    page.browser.script("window.old = true; location.reload()", &[]);
    wait_for("the page again", Duration::from_secs(120), || {
        let ready = "return !window.old && document.documentElement.dataset.state === 'ready'";
        (page.browser.script(ready, &[]) == true).then_some(())
    });
    page.settle();
}

/// Waits until the page asks no questions of its own and has kept what it found.
fn nothing_asked(page: &Page) {
    wait_for("the end of the questions", Duration::from_secs(60), || {
        let rests = "return document.documentElement.dataset.asking === 'false'";
        (page.browser.script(rests, &[]) == true).then_some(())
    });
    page.settle();
}

/// By example: whether it was named right.
fn marks(page: &Page) -> Value {
    page.browser.script(
        "return [...document.querySelectorAll('[data-example]')]
            .sort((a, b) => a.dataset.testid.slice(8) - b.dataset.testid.slice(8))
            .map(e => e.classList.contains('right') ? '+' : e.classList.contains('wrong') ? '-' : '0').join('')",
        &[],
    )
}

fn scores(page: &Page) -> Vec<String> {
    ["learner", "nearest", "shuffled", "untrained"].map(|who| page.text(&format!("score-{who}"))).to_vec()
}

/// Waits until everybody was asked about so many drawings.
fn wait_for_scores(page: &Page, of: usize) {
    for who in ["learner", "nearest", "shuffled", "untrained"] {
        let body = format!("return e.textContent.endsWith(' of {of}')");
        page.wait_of(&format!("score-{who}"), who, &body);
    }
}

#[test]
fn what_was_said_is_kept_and_not_asked_again() {
    let Some(page) = Page::open(Setting::default(), CPU) else { return };
    for shot in 0..3 {
        for (class, figure) in FIGURES[..3].iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
    wait_for_scores(&page, 6);
    // four answerers, six drawings that were questions
    assert_eq!(questions(&page), 24);
    let before = (marks(&page), scores(&page));
    assert_eq!(before.0.as_str().map(str::len), Some(9));
    // what was found is kept when the questions are through
    nothing_asked(&page);
    reload(&page);
    nothing_asked(&page);
    assert_eq!(questions(&page), 0, "stored examples were asked about again");
    assert_eq!((marks(&page), scores(&page)), before);
    // another look, and every one is a question again; back, and what was said is still known
    page.click("scramble");
    wait_for("questions about scrambled pictures", Duration::from_secs(60), || (questions(&page) == 24).then_some(()));
    page.click("scramble");
    nothing_asked(&page);
    assert_eq!((marks(&page), scores(&page), questions(&page)), (before.0, before.1, 24));
}

#[test]
fn what_is_asked_later_is_what_was_asked_one_by_one() {
    let Some(page) = Page::open(Setting::default(), CPU) else { return };
    for shot in 0..4 {
        for (class, figure) in FIGURES[..3].iter().enumerate() {
            page.teach(&figure.drawn(3, shot), class);
        }
    }
    wait_for_scores(&page, 9);
    let one_by_one = (marks(&page), scores(&page));
    let folder = std::env::temp_dir().join(format!("thousand-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    page.browser.downloads(&folder);
    page.click("save-examples");
    let path = folder.join("My-drawings.json");
    wait_for("the file", Duration::from_secs(30), || fs::metadata(&path).ok().filter(|file| file.len() > 0).map(drop));
    let mut saved: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for example in saved["examples"].as_array_mut().unwrap() {
        assert!(example.as_object_mut().unwrap().remove("answers").is_some(), "nothing was kept with an example");
    }
    fs::write(&path, saved.to_string()).unwrap();
    let before = questions(&page);
    page.browser.files("examples-file", std::slice::from_ref(&path));
    wait_for("the questions", Duration::from_secs(60), || (questions(&page) == before + 36).then_some(()));
    page.settle();
    assert_eq!((marks(&page), scores(&page)), one_by_one);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_drawing_is_answered_while_earlier_ones_are_asked_about_and_that_can_be_stopped() {
    const COUNT: usize = 250;
    let Some(page) = with_examples(Setting::default(), COUNT, false) else { return };
    let done = || page.of("asking", "return parseInt(e.dataset.done)").as_u64().expect("a number");
    page.wait_of("asking", "questions", "return parseInt(e.dataset.done) > 8");
    let asked = done();
    let answer = page.ask(&Figure::Seven.drawn(2, 5));
    assert_eq!(best(&answer), 1, "{answer:?}");
    assert!(done() < 4 * COUNT as u64, "the answer came when nothing was left to ask");
    // newest first: the last example has its mark, the first ones that were questions have none yet
    let marks = marks(&page);
    let marks = marks.as_str().expect("marks");
    assert!(marks.ends_with(['+', '-']) && marks.starts_with("00000000"), "{marks}");
    page.wait_of("asking", "more questions", &format!("return parseInt(e.dataset.done) > {asked}"));
    page.browser.screenshot("asking-light-1280");
    page.click("stop-asking");
    nothing_asked(&page);
    let stopped = done();
    sleep(Duration::from_secs(2));
    assert_eq!(done(), stopped, "it goes on after it was stopped");
    assert!(page.text("asking").contains("Stopped"), "{}", page.text("asking"));
    page.click("stop-asking");
    page.wait_of("asking", "more questions", &format!("return parseInt(e.dataset.done) > {stopped}"));
    // leaving each one out is such a job as well
    page.click("stop-asking");
    page.ask(&Figure::Three.drawn(2, 6));
    page.click("leave-out");
    let effects = || page.browser.script("return document.querySelectorAll('[data-effect]').length", &[]).as_u64();
    wait_for("effects", Duration::from_secs(60), || effects().filter(|count| *count > 0));
    page.click("leave-out");
    sleep(Duration::from_secs(1));
    let stopped = effects();
    assert!(page.text("left-out").contains("Stopped after"), "{}", page.text("left-out"));
    sleep(Duration::from_secs(2));
    assert_eq!(effects(), stopped);
    assert!(stopped < Some(COUNT as u64));
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_thousand_examples_look_as_they_should() {
    for (setting, name) in [
        (Setting::default(), "thousand-light-1280"),
        (Setting { dark: true, width: 1600, height: 1000, ..Setting::default() }, "thousand-dark-1600"),
        (PHONE, "thousand-light-390"),
    ] {
        let Some(page) = with_examples(setting, 1000, true) else { return };
        assert_eq!(questions(&page), 0, "stored answers that came with a file were asked again");
        let answer = page.ask(&Figure::Seven.drawn(2, 101));
        assert_eq!(best(&answer), 1, "{answer:?}");
        let painted = "const all = [...document.querySelectorAll('.thumb img')];
            const canvas = new OffscreenCanvas(28, 28).getContext('2d', { willReadFrequently: true });
            const inked = (image) => {
                canvas.clearRect(0, 0, 28, 28);
                canvas.drawImage(image, 0, 0);
                return canvas.getImageData(0, 0, 28, 28).data.some((v, i) => i % 4 < 3 && v > 0);
            };
            return all.length === 1000 && all.every((image) => image.naturalWidth === 28 && inked(image))";
        wait_for("every picture", Duration::from_secs(30), || {
            (page.browser.script(painted, &[]) == true).then_some(())
        });
        let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
        assert!(width.as_f64() <= Some(f64::from(setting.width)), "{name}: the page is {width} pixels wide");
        page.browser.screenshot(name);
    }
}

/// Times of the page itself: how long frames are, and when what is asked of it is on the screen.
const INSTRUMENT: &str = "
    window.figures = { ready: null, frames: [], bars: null };
    let last = null;
    const frame = (now) => { if (last !== null) figures.frames.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new MutationObserver((changes) => {
        if (document.documentElement.dataset.state === 'ready') figures.ready ??= performance.now();
        if (changes.some((change) => change.attributeName === 'data-probability')) figures.bars ??= performance.now();
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-probability', 'data-state'] });
    // from a press to the first frame that shows what came of it
    window.pressed = (id) => new Promise((done) => {
        const button = document.querySelector(`[data-testid='${id}']`), begin = performance.now();
        button.click();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
    });
";

/// No test: `cargo test --release -p tests --test thousand -- --ignored --nocapture figures` prints what this machine takes.
#[test]
#[ignore = "it measures"]
fn figures() {
    println!(
        "| examples | ready, ms | first answer, ms | worst frame while drawing, ms | teach, ms | undo, ms | swap, ms | answer after teach, ms | memory, MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for count in [0, 100, 300, 600, 1000] {
        let page = match count {
            0 => Page::open(Setting::default(), CPU),
            count => with_examples(Setting::default(), count, true),
        };
        let Some(page) = page else { return };
        sleep(Duration::from_secs(1));
        page.browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": INSTRUMENT }));
        page.browser.script("window.old = true; location.reload()", &[]);
        wait_for("the page again", Duration::from_secs(600), || {
            let ready = "return !window.old && document.documentElement.dataset.state === 'ready'";
            (page.browser.script(ready, &[]) == true).then_some(())
        });
        let number = |script: &str| page.browser.script(script, &[]).as_f64().unwrap_or(f64::NAN);
        // the pen is up when the first answer may come
        page.browser.script(
            "figures.bars = null; addEventListener('pointerup', () => (figures.pen = performance.now()), { capture: true, once: true })",
            &[],
        );
        page.draw(&Figure::Seven.drawn(2, 1));
        wait_for("the first answer", Duration::from_secs(600), || {
            (count == 0 || number("return figures.bars") > 0.0).then_some(())
        });
        let (ready, first) = (number("return figures.ready"), number("return figures.bars - figures.pen"));
        page.wipe();
        // a page that scrolls to its canvas paints anew, which is no part of drawing
        page.of("canvas", "e.scrollIntoView({ block: 'center', behavior: 'instant' })");
        sleep(Duration::from_secs(1));
        page.browser.script("figures.frames = []", &[]);
        for shot in 2..5 {
            page.draw(&Figure::Three.drawn(2, shot));
        }
        let frame = number("return Math.max(...figures.frames)");
        let press = |id: &str| {
            let time = number(&format!("return pressed('{id}')"));
            page.settle();
            time
        };
        let teach = press("teach-0");
        sleep(Duration::from_millis(50));
        page.browser.script("figures.bars = null; figures.begin = performance.now()", &[]);
        page.draw(&Figure::Three.drawn(2, 9));
        wait_for("an answer", Duration::from_secs(60), || {
            (count == 0 || number("return figures.bars") > 0.0).then_some(())
        });
        let after = number("return figures.bars - figures.begin");
        let undo = press("undo");
        let swap = if count == 0 { f64::NAN } else { press("swap-0") };
        println!(
            "| {count} | {ready:.0} | {first:.0} | {frame:.1} | {teach:.1} | {undo:.1} | {swap:.1} | {after:.0} | {:.0} |",
            resident_mb("renderer")
        );
    }
}
