//! Hands of every kind on the real page: pens with palms, phones, keyboards of other scripts, files that don't belong.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Setting, wait_for};
use tests::page::{CPU, Page, ready};
use tests::strokes::Figure;

const DESK: Setting = Setting::DESK;

/// Runs a function body with `send(type, id, kind, x, y, buttons)`, which sends a pointer event to a place of the canvas.
fn point(page: &Page, body: &str) -> Value {
    let send = "const canvas = document.querySelector('[data-testid=canvas]');
        canvas.scrollIntoView({ block: 'center', behavior: 'instant' });
        const r = canvas.getBoundingClientRect();
        const send = (type, id, kind, x, y, buttons, button) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId: id, pointerType: kind, isPrimary: true, bubbles: true, cancelable: true,
            button: button ?? (type === 'pointermove' ? -1 : 0), buttons, pressure: buttons ? 0.5 : 0,
            clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
        const line = (id, kind, from, to) => {
            send('pointerdown', id, kind, ...from, 1);
            for (let i = 1; i <= 20; i++) send('pointermove', id, kind, from[0] + (to[0] - from[0]) * i / 20, from[1] + (to[1] - from[1]) * i / 20, 1);
            send('pointerup', id, kind, ...to, 0);
        };";
    let value = page.browser.script(&format!("{send} {body}"), &[]);
    page.settle();
    value
}

/// The cosine of two pictures.
fn cosine(a: &[u8], b: &[u8]) -> f64 {
    let dot = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn is_empty(page: &Page) -> bool {
    page.of("canvas", "return e.dataset.empty") == "true"
}

#[test]
fn a_stroke_belongs_to_the_pointer_that_began_it() {
    let Some(page) = ready(DESK, CPU) else { return };
    let pen = "line(2, 'pen', [0.3, 0.1], [0.3, 0.9]);";
    point(&page, pen);
    let clean = page.seen();
    for (what, palm) in [
        (
            "a palm that comes down during the stroke",
            "send('pointerdown', 2, 'pen', 0.3, 0.1, 1);
             for (let i = 1; i <= 20; i++) {
                 send('pointermove', 2, 'pen', 0.3, 0.1 + 0.04 * i, 1);
                 if (i === 8) send('pointerdown', 7, 'touch', 0.85, 0.9, 1);
                 if (i > 8) send('pointermove', 7, 'touch', 0.85 + 0.004 * i, 0.9, 1);
             }
             send('pointerup', 2, 'pen', 0.3, 0.9, 0); send('pointerup', 7, 'touch', 0.85, 0.9, 0);",
        ),
        (
            "a palm that lay there before the pen",
            "send('pointerdown', 7, 'touch', 0.85, 0.9, 1); send('pointermove', 7, 'touch', 0.8, 0.7, 1);
             line(2, 'pen', [0.3, 0.1], [0.3, 0.9]);
             send('pointermove', 7, 'touch', 0.6, 0.7, 1); send('pointerup', 7, 'touch', 0.6, 0.7, 0);",
        ),
        (
            "a touch that the system takes back",
            "send('pointerdown', 7, 'touch', 0.95, 0.95, 1); send('pointermove', 7, 'touch', 0.7, 0.6, 1);
             send('pointercancel', 7, 'touch', 0.7, 0.6, 0); line(2, 'pen', [0.3, 0.1], [0.3, 0.9]);",
        ),
        (
            "other buttons",
            "send('pointerdown', 1, 'mouse', 0.9, 0.9, 2, 2); send('pointermove', 1, 'mouse', 0.6, 0.9, 2);
             send('pointerup', 1, 'mouse', 0.6, 0.9, 0, 2); line(2, 'pen', [0.3, 0.1], [0.3, 0.9]);",
        ),
    ] {
        page.wipe();
        point(&page, palm);
        assert!(cosine(&page.seen(), &clean) > 0.99, "{what} changed the drawing");
    }
    // A finger alone draws, until it is switched off; that is remembered.
    page.wipe();
    let finger = "line(9, 'touch', [0.3, 0.1], [0.3, 0.9]);";
    point(&page, finger);
    assert!(!is_empty(&page));
    page.wipe();
    page.click("pen-only");
    point(&page, finger);
    assert!(is_empty(&page), "a finger drew though it was switched off");
    page.browser.script("location.reload()", &[]);
    wait_for("the page again", Duration::from_secs(120), || (page.state() == "ready").then_some(()));
    point(&page, finger);
    assert!(is_empty(&page), "that fingers are switched off was forgotten");
    page.click("pen-only");
    point(&page, finger);
    assert!(!is_empty(&page));
    let open =
        page.of("canvas", "return e.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }))");
    assert_eq!(open, false, "a menu opens over the canvas");
}

#[test]
fn a_far_speck_is_left_out_and_can_be_kept() {
    let Some(page) = ready(DESK, CPU) else { return };
    let three = "line(1, 'mouse', [0.32, 0.24], [0.55, 0.3]); line(1, 'mouse', [0.55, 0.3], [0.32, 0.66]);";
    point(&page, three);
    let clean = page.seen();
    assert!(!page.has("specks"));
    page.wipe();
    point(
        &page,
        &format!(
            "send('pointerdown', 7, 'touch', 0.95, 0.95, 1); send('pointerup', 7, 'touch', 0.95, 0.95, 0); {three}"
        ),
    );
    assert!(page.text("specks").contains("left out"), "no word of the speck");
    assert!(cosine(&page.seen(), &clean) > 0.99, "a speck shrinks the drawing");
    page.click("keep-specks");
    assert!(!page.has("specks"));
    assert!(cosine(&page.seen(), &clean) < 0.9, "the speck was not kept");
    page.click("undo");
    assert!(cosine(&page.seen(), &clean) > 0.99);
}

/// Presses a key that writes `key` at the place `code`.
fn press(page: &Page, key: &str, code: &str, more: Value) {
    page.browser.script(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], code: arguments[1], bubbles: true, cancelable: true, ...arguments[2] }))",
        &[json!(key), json!(code), more],
    );
    page.settle();
}

#[test]
fn letters_and_digits_are_classes_that_their_keys_teach() {
    let Some(page) = ready(DESK, CPU) else { return };
    for set in ["add-small", "add-large", "add-digits"] {
        page.click(set);
    }
    let names = page.browser.script("return [...document.querySelectorAll('.rows .name')].map(e => e.value)", &[]);
    let names: Vec<String> = serde_json::from_value(names).unwrap();
    let wanted: Vec<String> = ('a'..='z').chain('A'..='Z').chain('0'..='9').map(String::from).collect();
    assert_eq!(names, wanted);
    assert_eq!(page.of("add-class", "return e.disabled"), true);
    let place = |name: &str| names.iter().position(|other| other == name).unwrap();
    let figures = [("k", Figure::Cross), ("K", Figure::Seven), ("3", Figure::Three), ("z", Figure::Zero)];
    for (name, figure) in &figures {
        for hand in 0..2 {
            page.draw(&figure.drawn(1, hand));
            press(&page, name, "", json!({}));
            assert_eq!(page.count(place(name)), hand as usize + 1, "the key {name} teaches nothing");
        }
    }
    for (name, figure) in &figures {
        let probabilities = page.ask(&figure.drawn(2, 7));
        assert_eq!(probabilities.len(), 62);
        assert_eq!(tests::page::best(&probabilities), place(name), "{name}: {probabilities:?}");
    }
    page.browser.screenshot("letters");
    // everything is there at the next visit, and on a phone nothing runs out of the screen
    page.visit(&format!("{}{CPU}", page.url()));
    assert_eq!(page.count(place("K")), 2);
    assert_eq!(page.complaints(), Vec::<String>::new());
    // one browser at a time
    drop(page);
    let Some(page) = ready(Setting { width: 360, height: 640, phone: true, ..DESK }, CPU) else { return };
    page.tap("add-small");
    page.tap("add-digits");
    page.draw(&Figure::Three.drawn(1, 0));
    page.tap("teach-25");
    assert_eq!(page.count(25), 1);
    // a new example grows to its size
    let large = || (too_small(&page) == json!([])).then_some(());
    wait_for("targets that are large enough for a finger", Duration::from_secs(10), large);
    let wide = page.browser.script("return document.documentElement.scrollWidth - innerWidth", &[]);
    assert!(wide.as_f64().unwrap() <= 0.0, "scrolls sideways by {wide}");
    page.browser.screenshot("letters-phone");
}

#[test]
fn keys_work_on_other_keyboards() {
    let Some(page) = ready(DESK, CPU) else { return };
    let press = |key: &str, code: &str, more: Value| press(&page, key, code, more);
    let mut taught = 0;
    for (key, code) in [("1", "Digit1"), ("&", "Digit1"), ("۱", "Digit1"), ("١", "Digit1"), ("1", "Numpad1")] {
        page.draw(&Figure::Three.drawn(1, 0));
        press(key, code, json!({}));
        taught += 1;
        assert_eq!(page.count(0), taught, "{key} teaches nothing");
    }
    page.draw(&Figure::Three.drawn(1, 0));
    for more in [json!({ "altKey": true }), json!({ "isComposing": true }), json!({ "modifierAltGraph": true })] {
        press("1", "Digit1", more.clone());
        assert_eq!(page.count(0), taught, "{more} teaches");
    }
    press("Dead", "KeyA", json!({}));
    for (key, code) in [("z", "KeyZ"), ("z", "KeyY"), ("я", "KeyZ"), ("ζ", "KeyZ"), ("ז", "KeyZ")] {
        page.draw(&Figure::Three.drawn(1, 0));
        press("1", "Digit1", json!({}));
        assert_eq!(page.count(0), taught + 1);
        press(key, code, json!({ "ctrlKey": true }));
        assert_eq!(page.count(0), taught, "Ctrl {key} undoes nothing");
    }
}

/// What does not lie on the screen of answer, canvas and buttons that teach, and what is too small for a finger.
fn off_screen(page: &Page, classes: usize) -> Value {
    page.browser.script(
        "const of = id => document.querySelector(`[data-testid=\"${id}\"]`);
         of('canvas').scrollIntoView({ block: 'start', behavior: 'instant' });
         const ids = ['answer', 'canvas', 'clear-drawing', ...[...Array(arguments[0]).keys()].map(i => `teach-${i}`)];
         return ids.map(id => [id, of(id).getBoundingClientRect()])
             .filter(([, r]) => r.top < -0.5 || r.left < -0.5 || r.bottom > innerHeight + 0.5 || r.right > innerWidth + 0.5 || !r.width)
             .map(([id, r]) => `${id}: ${r.left.toFixed()},${r.top.toFixed()} to ${r.right.toFixed()},${r.bottom.toFixed()} of ${innerWidth}x${innerHeight}`);",
        &[json!(classes)],
    )
}

fn too_small(page: &Page) -> Value {
    page.browser.script(
        "return [...document.querySelectorAll('button, select, summary, input, [role=button], a[href]')]
             .filter(e => e.getClientRects().length && !e.closest('[aria-hidden=true], .unseen, p, figcaption') && !e.classList.contains('skip') && e.type !== 'file')
             .map(e => [e.dataset.testid ?? e.outerHTML.slice(0, 80), (e.labels?.[0] ?? e).getBoundingClientRect()])
             .filter(([, r]) => r.width < 43.9 || r.height < 43.9)
             .map(([name, r]) => `${name}: ${r.width.toFixed()} x ${r.height.toFixed()}`)",
        &[],
    )
}

#[test]
fn a_phone_keeps_answer_canvas_and_teach_on_one_screen() {
    for (width, height) in [(360, 640), (390, 844), (412, 915), (740, 360), (844, 390)] {
        let Some(page) = ready(Setting { width, height, phone: true, ..DESK }, CPU) else { return };
        page.draw(&Figure::Three.drawn(1, 0));
        page.tap("teach-0");
        page.wipe();
        page.draw(&Figure::Zero.drawn(1, 0));
        page.tap("teach-1");
        page.browser.screenshot(&format!("phone-{width}x{height}"));
        page.tap("remove-class-2");
        assert_eq!(off_screen(&page, 2), json!([]), "two classes, {width} x {height}");
        assert_eq!(too_small(&page), json!([]), "too small for a finger, {width} x {height}");
        for classes in 3..=10 {
            page.tap("add-class");
            assert_eq!(off_screen(&page, classes), json!([]), "{classes} classes, {width} x {height}");
        }
        let side = page.of("canvas", "return e.getBoundingClientRect().width");
        assert!(side.as_f64().unwrap() >= 170.0, "the canvas is {side} wide, {width} x {height}");
        assert_eq!(too_small(&page), json!([]), "too small for a finger, {width} x {height}, ten classes");
        let wide = page.browser.script("return document.documentElement.scrollWidth - innerWidth", &[]);
        assert!(wide.as_f64().unwrap() <= 0.0, "{width} x {height} scrolls sideways by {wide}");
        page.browser.screenshot(&format!("phone-{width}x{height}-ten"));
    }
}

#[test]
fn lines_of_attention_run_behind_what_is_read() {
    let Some(page) = ready(DESK, CPU) else { return };
    let above = page.browser.script(
        "const level = e => +getComputedStyle(e).zIndex || 0;
         const lines = level(document.querySelector('[data-testid=lines]'));
         return [...document.querySelectorAll('.top, .count, .thumbs, .swap, .sight figcaption, .note, .tools')]
             .filter(e => level(e) <= lines).map(e => e.className)",
        &[],
    );
    assert_eq!(above, json!([]), "the lines lie over these");
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hands-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

const TABLE: &str = "a,b,k\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n9,1,x\n2,3,y\n1,3,x\n8,8,y\n";

#[test]
fn files_that_do_not_belong_are_named_and_leave_nothing_of_others() {
    let Some(page) = ready(DESK, CPU) else { return };
    let folder = folder("files");
    let write = |name: &str, content: &[u8]| {
        fs::write(folder.join(name), content).unwrap();
        folder.join(name)
    };
    let model = page.text("model");
    for (name, content, parts) in [
        (
            "a.safetensors",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".as_slice(),
            ["a.safetensors", "LFS"],
        ),
        ("b.csv", b"%PDF-1.7\n", ["b.csv", "PDF"]),
        ("c.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ["c.jpg", "HEIC"]),
        ("d.safetensors", b"<!doctype html><title>Not found</title>", ["d.safetensors", "web page"]),
    ] {
        page.browser.drop_files("canvas", &[write(name, content)]);
        wait_for(name, Duration::from_secs(30), || {
            let words = page.of("skipped", "return e.hidden ? '' : e.textContent");
            parts.iter().all(|part| words.as_str().unwrap_or_default().contains(part)).then_some(())
        });
        assert_eq!(page.text("model"), model);
    }
    // Two tables and a picture: the first table is learned, in sight and with a word; the others are named.
    let both = [
        write("first.csv", TABLE.as_bytes()),
        write("second.csv", TABLE.as_bytes()),
        write("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ];
    page.browser.script("scrollTo(0, 0)", &[]);
    page.browser.drop_files("canvas", &both);
    wait_for("the curves", Duration::from_secs(120), || {
        (page.of("import", "return e.dataset.state") == "done").then_some(())
    });
    for name in ["second.csv", "photo.png"] {
        assert!(page.text("skipped").contains(name), "{name} is not named: {}", page.text("skipped"));
    }
    assert!(
        page.text("import-skipped").contains("photo.png"),
        "where the table is learned nothing is said of the picture"
    );
    assert!(page.text("status").contains("first.csv"), "{}", page.text("status"));
    let top = page.of("import", "return e.getBoundingClientRect().top");
    assert!(top.as_f64().is_some_and(|top| top.abs() < 400.0), "own data lies {top} px away");
    assert!(page.text("curves").contains("first.csv"));
    // A table that can't be learned leaves no chart of the one before.
    page.browser.drop_files("canvas", &[write("bad.csv", b"1,2,x\n3,4,x\n5,6,x\n7,8,x\n9,1,x\n2,3,x\n")]);
    wait_for("the refusal", Duration::from_secs(30), || page.text("import-status").contains("bad.csv").then_some(()));
    assert!(!page.has("curves"), "the chart of another file stays");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn odd_addresses_get_words() {
    for (query, parts) in
        [("?engine=quantum", vec!["quantum", "cpu", "webgpu"]), ("?engine=cpu&model=", vec!["?model=", ".safetensors"])]
    {
        let Some(page) = ready(DESK, query) else { return };
        let words = page.text("status");
        assert!(parts.iter().all(|part| words.contains(part)), "{query}: {words}");
    }
}

#[test]
fn without_a_learner_nothing_claims_to_have_been_seen() {
    let Some(page) = Page::open(DESK, "?engine=cpu&model=models/no-such-model.safetensors") else { return };
    assert_eq!(page.state(), "failed");
    page.draw(&Figure::Three.drawn(1, 0));
    page.click("teach-0");
    let words = page.text("status");
    assert!(words.contains("Kept") && words.contains("No learner has seen it"), "{words}");
}
