//! The real page in a real headless Chromium: drawn on, taught and asked as a visitor would.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Gpu, Setting, wait_for};
use tests::page::{CPU, ENTER, MEASURED, Page, TAB, best, built, ready};
use tests::program::copy_folder;
use tests::strokes::Figure;

const FIGURES: [Figure; 3] = [Figure::Zero, Figure::Seven, Figure::Three];
const NAMES: [&str; 3] = ["zero", "seven", "three"];

/// Makes three classes and teaches `shots` drawings of each, in turns.
fn teach_three(page: &Page, shots: u64) {
    make_classes(page, FIGURES.len());
    for (class, name) in NAMES.into_iter().enumerate() {
        page.rename(class, name);
    }
    for shot in 0..shots {
        for (class, figure) in FIGURES.into_iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
}

fn make_classes(page: &Page, count: usize) {
    while !page.has(&format!("class-row-{}", count - 1)) {
        page.click("add-class");
    }
}

/// Asks `each` drawings of every figure by another hand; gives how many were answered with the class `expected` names.
fn right_answers(page: &Page, each: u64, expected: [usize; 3]) -> u64 {
    let mut right = 0;
    for number in 100..100 + each {
        for (figure, class) in FIGURES.into_iter().zip(expected) {
            let probabilities = page.ask(&figure.drawn(2, number));
            let sum: f64 = probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 0.01, "{figure:?}: the bars add up to {sum}: {probabilities:?}");
            right += u64::from(best(&probabilities) == class);
        }
    }
    right
}

/// A page that is ready; panics with its own words when it is not.
/// Nothing was asked of any other place than the page's own server, and nothing was complained about.
fn assert_quiet(page: &Page) {
    let own = page.url();
    for url in page.browser.requested() {
        let inside = url.starts_with(&own) || url.starts_with("data:") || url.starts_with(&format!("blob:{own}"));
        assert!(inside, "the page asked for {url}");
    }
    assert_eq!(page.complaints(), Vec::<String>::new(), "the console holds errors");
}

#[test]
fn drawings_of_three_classes_are_learned() {
    let Some(page) = ready(Setting::default(), "?engine=webgpu") else { return };
    assert!(page.text("engine").contains("WebGPU"), "the engine is: {}", page.text("engine"));
    teach_three(&page, 4);
    let right = right_answers(&page, 5, [0, 1, 2]);
    let (answer, best) = (page.text("answer"), best(&page.probabilities()));
    assert!(answer.contains(NAMES[best]), "the longest bar is {}'s, and the answer is: {answer}", NAMES[best]);
    // Chance is 5 of 15; 11 or more by chance happens once in five hundred times.
    assert!(right >= 12, "{right} of 15 drawings were recognised");
    page.ask(&Figure::Seven.drawn(2, 101));
    page.browser.screenshot("learned-light-1280");
    assert_quiet(&page);
}

#[test]
fn swapping_two_labels_swaps_the_answers() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 3);
    let before = right_answers(&page, 3, [0, 1, 2]);
    page.swap(0, 1);
    let after = right_answers(&page, 3, [1, 0, 2]);
    assert!(before >= 7, "{before} of 9 were recognised before the swap");
    assert!(after >= 7, "{after} of 9 follow the labels after the swap");
}

#[test]
fn the_answer_is_the_same_on_the_gpu_and_on_the_cpu() {
    let mut answers = Vec::new();
    for (query, word) in [("?engine=webgpu", "WebGPU"), (CPU, "CPU")] {
        let Some(page) = ready(Setting::default(), query) else { return };
        assert!(page.text("engine").contains(word), "{query:?} gives the engine {}", page.text("engine"));
        teach_three(&page, 2);
        answers.push(FIGURES.map(|figure| page.ask(&figure.drawn(2, 7))));
    }
    for (figure, (gpu, cpu)) in FIGURES.iter().zip(answers[0].iter().zip(&answers[1])) {
        let worst = gpu.iter().zip(cpu).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "{figure:?}: WebGPU {gpu:?}, CPU {cpu:?}");
    }
}

#[test]
fn without_webgpu_the_page_says_so_and_still_learns() {
    for gpu in [Gpu::NoAdapter, Gpu::Absent] {
        let Some(page) = ready(Setting { gpu, ..Setting::default() }, MEASURED) else { return };
        let engine = page.text("engine");
        assert!(engine.contains("CPU"), "{gpu:?}: the engine is: {engine}");
        teach_three(&page, 2);
        let right = right_answers(&page, 2, [0, 1, 2]);
        assert!(right >= 4, "{gpu:?}: {right} of 6 drawings were recognised");
        assert_quiet(&page);
    }
}

#[test]
fn a_lost_gpu_loses_nothing() {
    let Some(page) = ready(Setting::default(), "?engine=webgpu") else { return };
    teach_three(&page, 2);
    let question = Figure::Seven.drawn(2, 5);
    let before = page.ask(&question);
    page.browser.script(
        "return navigator.gpu.requestAdapter().then((adapter) => adapter.requestDevice()).then((device) => {
             device.lost.then(() => (window.lost = true));
             window.device = device;
         })",
        &[],
    );
    // The real thing: Chromium's GPU process dies, and every device with it.
    page.browser.devtools("Browser.crashGpuProcess", &json!({}));
    wait_for("the loss", Duration::from_secs(30), || {
        (page.browser.script("return window.lost", &[]) == true).then_some(())
    });
    let after = page.ask(&question);
    let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "before {before:?}, after the loss {after:?}; engine: {}", page.text("engine"));
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [2, 2, 2], "examples were lost");
    page.teach(&question, 1);
    assert_eq!(page.count(1), 3, "nothing can be taught after the loss");
}

#[test]
fn every_kernel_holds_in_the_browser() {
    parity_holds("?parity&model=models/quick.safetensors");
}

#[test]
fn set_learners_hold_in_the_browser() {
    parity_holds("?parity=2&model=models/general.safetensors");
}

#[test]
fn the_drawing_learner_holds_in_the_browser() {
    parity_holds("?parity=2");
}

fn parity_holds(query: &str) {
    let Some(page) = Page::open(Setting::default(), query) else { return };
    let report = wait_for("the parity report", Duration::from_secs(300), || {
        let done = page.has("parity-report") && page.of("parity-report", "return e.dataset.done") == "true";
        done.then(|| page.text("parity-report"))
    });
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error} in {report}"));
    let checks = report["checks"].as_array().unwrap_or_else(|| panic!("no checks in {report}"));
    assert!(checks.len() >= 6, "only {} checks ran: {report}", checks.len());
    for check in checks {
        assert_eq!(check["passed"], true, "{check}");
    }
    assert_eq!(report["passed"], true, "{report}");
    // For people: which errors were seen.
    println!("{report:#}");
    assert_quiet(&page);
}

#[test]
fn a_truncated_model_gets_clear_words() {
    for (name, cut) in [("half", "half of the file"), ("empty", "an empty file"), ("web page", "a web page instead")] {
        let Some(folder) = copied_page(&format!("cut-{}", name.replace(' ', "-"))) else { return };
        let model = folder.join("models/drawing.safetensors");
        let whole = fs::read(&model).unwrap_or_else(|error| panic!("{}: {error}", model.display()));
        let content: &[u8] = match name {
            "half" => &whole[..whole.len() / 2],
            "empty" => &[],
            _ => b"<!doctype html><title>Not found</title>",
        };
        fs::write(&model, content).unwrap();
        let Some(page) = Page::open_folder(&folder, Setting::default(), "") else { return };
        let status = page.text("status");
        assert_eq!(page.state(), "failed", "with {cut} the page says: {status}");
        assert!(status.to_lowercase().contains("model"), "with {cut} the page says: {status}");
        assert!(status.len() > 40 && !status.contains("panicked"), "with {cut} the page says: {status}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_model_that_is_not_there_gets_clear_words() {
    let Some(page) = Page::open(Setting::default(), "?model=models/no-such-model.safetensors") else { return };
    let status = page.text("status");
    assert_eq!(page.state(), "failed", "the page says: {status}");
    assert!(status.contains("no-such-model") || status.contains("404"), "the page says: {status}");
}

#[test]
fn an_empty_canvas_teaches_nothing() {
    let Some(page) = ready(Setting::default(), "") else { return };
    make_classes(&page, 2);
    if page.of("teach-0", "return e.disabled || e.ariaDisabled === 'true'") != true {
        page.click("teach-0");
    }
    assert_eq!(page.count(0), 0, "an empty drawing was taken as an example");
    page.draw(&Figure::Zero.drawn(1, 0));
    assert!(page.seen().iter().any(|&grey| grey > 100), "the preview shows nothing of the drawing");
    page.wipe();
    let grey = page.seen();
    assert_eq!(grey.len(), 28 * 28);
    assert!(grey.iter().all(|&level| level == grey[0]), "the preview of an empty canvas is not empty");
    assert_quiet(&page);
}

#[test]
fn undo_takes_the_last_example_back() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 1);
    let question = Figure::Three.drawn(2, 3);
    let before = page.ask(&question);
    page.teach(&Figure::Seven.drawn(1, 9), 2);
    assert_eq!(page.count(2), 2);
    page.click("undo");
    assert_eq!(page.count(2), 1);
    let after = page.ask(&question);
    let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "before {before:?}, after teaching and undoing {after:?}");
    page.click("clear-all");
    for class in 0..3 {
        assert!(!page.has(&format!("class-row-{class}")) || page.count(class) == 0, "class {class} kept its examples");
    }
}

#[test]
fn the_keyboard_reaches_everything() {
    let Some(page) = ready(Setting::default(), "") else { return };
    make_classes(&page, 2);
    page.draw(&Figure::Zero.drawn(1, 0));
    page.browser.script("document.activeElement.blur(); window.scrollTo(0, 0);", &[]);

    // Walk through the page once, and write down where the focus was.
    let mut visited: Vec<String> = Vec::new();
    for _ in 0..80 {
        page.browser.keys(&TAB.to_string());
        let here = page.browser.script(
            "const e = document.activeElement; if (!e || e === document.body) return null;
             const s = getComputedStyle(e);
             const shown = s.outlineStyle !== 'none' || s.boxShadow !== 'none';
             return [e.dataset.testid ?? e.tagName, shown];",
            &[],
        );
        let Some(id) = here[0].as_str().map(String::from) else { break };
        assert_eq!(here[1], true, "the focus on {id} cannot be seen");
        if visited.contains(&id) && id.contains('-') {
            break;
        }
        visited.push(id);
    }
    for id in ["class-name-0", "add-class", "teach-0", "teach-1", "clear-drawing"] {
        assert!(visited.iter().any(|seen| seen == id), "Tab never reaches {id}: {visited:?}");
    }

    // Teach with Enter, where the focus is.
    page.browser.script("document.querySelector('[data-testid=teach-0]').focus()", &[]);
    page.browser.keys(&ENTER.to_string());
    page.settle();
    assert_eq!(page.count(0), 1, "Enter on teach-0 taught nothing");
    // And by the class's number alone.
    page.draw(&Figure::Seven.drawn(1, 0));
    page.browser.script("document.activeElement.blur()", &[]);
    page.browser.keys("2");
    page.settle();
    assert_eq!(page.count(1), 1, "the key 2 did not teach the second class");
    assert_quiet(&page);
}

#[test]
fn drawing_teaching_and_asking_need_no_mouse() {
    const DOWN: &str = "\u{e015}";
    const RIGHT: &str = "\u{e014}";
    const SPACE: &str = " ";
    const ESCAPE: &str = "\u{e00c}";
    let Some(page) = ready(Setting::default(), "") else { return };
    // The pen starts anew in the middle whenever the canvas gets the focus.
    let draw = |direction: &str, length: usize| {
        page.of("canvas", "e.blur(); e.focus();");
        for key in [SPACE, &direction.repeat(length), SPACE] {
            page.browser.keys(key);
        }
        page.settle();
    };
    make_classes(&page, 2);
    for length in [5, 6] {
        for (direction, key, class) in [(DOWN, "1", 0), (RIGHT, "2", 1)] {
            draw(direction, length);
            page.browser.keys(key);
            page.settle();
            assert_eq!(page.count(class), length - 4, "the key {key} taught nothing");
            page.browser.keys(ESCAPE);
            page.settle();
        }
    }
    for (direction, class) in [(DOWN, 0), (RIGHT, 1)] {
        draw(direction, 7);
        let probabilities = page.probabilities();
        assert_eq!(best(&probabilities), class, "{probabilities:?}");
        page.browser.keys(ESCAPE);
        page.settle();
    }
    assert_quiet(&page);
}

#[test]
fn a_phone_shows_the_page_without_sideways_scrolling() {
    for dark in [false, true] {
        let setting = Setting { width: 390, height: 844, dark, phone: true, ..Setting::default() };
        let Some(page) = ready(setting, "") else { return };
        teach_three(&page, 1);
        page.ask(&Figure::Seven.drawn(2, 1));
        let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
        assert!(
            width.as_f64().is_some_and(|width| width <= 390.0),
            "the page is {width} pixels wide on a phone of 390"
        );
        let small = page.browser.script(
            "return [...document.querySelectorAll('button')].filter(e => e.offsetParent)
                .map(e => [e.dataset.testid ?? e.textContent, e.getBoundingClientRect()])
                .filter(([, r]) => r.width < 24 || r.height < 24).map(([name]) => name)",
            &[],
        );
        assert_eq!(small, json!([]), "these buttons are too small for a finger");
        page.browser.screenshot(if dark { "phone-dark-390" } else { "phone-light-390" });
        assert_quiet(&page);
    }
}

#[test]
fn dark_colours_are_followed() {
    let mut brightness = Vec::new();
    for dark in [false, true] {
        let Some(page) = ready(Setting { dark, ..Setting::default() }, "") else { return };
        teach_three(&page, 1);
        page.ask(&Figure::Zero.drawn(2, 1));
        // Whatever notation the colour is in, a canvas turns it into bytes.
        let colour = page.browser.script(
            "const c = document.createElement('canvas').getContext('2d');
             c.fillStyle = getComputedStyle(document.body).backgroundColor;
             c.fillRect(0, 0, 1, 1);
             return [...c.getImageData(0, 0, 1, 1).data];",
            &[],
        );
        let byte = |index: usize| colour[index].as_f64().expect("a colour has bytes");
        brightness.push((0.2126 * byte(0) + 0.7152 * byte(1) + 0.0722 * byte(2)) / 255.0);
        page.browser.screenshot(if dark { "wide-dark-1280" } else { "wide-light-1280" });
    }
    assert!(brightness[0] > 0.7 && brightness[1] < 0.3, "light and dark backgrounds are {brightness:?}");
}

/// A copy of the built page in a folder of its own, for tests that damage it.
fn copied_page(name: &str) -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("page-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    copy_folder(&built()?, &folder);
    Some(folder)
}
