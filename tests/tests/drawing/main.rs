//! Learning by drawing, as a visitor goes about it: by mouse, pen, finger and keyboard, at the size of a desk and of a
//! phone. Pictures of every state are kept for people to look at.

mod looks;

use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Gpu, Setting, wait_for};
use tests::page::{CPU, ENTER, FIRST_VISIT, MEASURED, Page, best, ready};
use tests::strokes::{Figure, Stroke};

const FIGURES: [Figure; 3] = [Figure::Zero, Figure::Seven, Figure::Three];
const NAMES: [&str; 3] = ["zero", "seven", "three"];
const DOWN: char = '\u{e015}';
const ESCAPE: char = '\u{e00c}';
const DELETE: char = '\u{e017}';

const PHONE: Setting = Setting { width: 390, height: 844, phone: true, ..Setting::DESK };

/// A page that is ready.
fn make_classes(page: &Page, count: usize) {
    while !page.has(&format!("class-row-{}", count - 1)) {
        page.click("add-class");
    }
}

/// Teaches `shots` drawings of each of three figures, in turns.
fn teach_three(page: &Page, shots: u64) {
    make_classes(page, 3);
    for (class, name) in NAMES.into_iter().enumerate() {
        page.rename(class, name);
    }
    for shot in 0..shots {
        for (class, figure) in FIGURES.into_iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
}

/// Asks `each` drawings of every figure by another hand; gives how many were answered with the class `expected` names.
fn right_answers(page: &Page, each: u64, expected: [usize; 3]) -> u64 {
    let mut right = 0;
    for number in 100..100 + each {
        for (figure, class) in FIGURES.into_iter().zip(expected) {
            right += u64::from(best(&page.ask(&figure.drawn(2, number))) == class);
        }
    }
    right
}

/// The largest difference between two answers.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Draws one stroke through the DevTools protocol: a pen with pressure, or a finger.
fn stroke(page: &Page, stroke: &Stroke, pen: Option<f64>) {
    let place = page.of(
        "canvas",
        "e.scrollIntoView({ block: 'center', behavior: 'instant' });
         const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height];",
    );
    let side = |index: usize| place[index].as_f64().expect("a rectangle has four numbers");
    let at = |(x, y): &(f64, f64)| (side(0) + x * side(2), side(1) + y * side(3));
    let last = stroke.len() - 1;
    for (number, point) in stroke.iter().enumerate() {
        let (x, y) = at(point);
        match pen {
            Some(force) => {
                let send = |kind: &str| {
                    page.browser.devtools(
                        "Input.dispatchMouseEvent",
                        &json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1,
                                 "pointerType": "pen", "force": force }),
                    );
                };
                match number {
                    0 => send("mousePressed"),
                    _ => send("mouseMoved"),
                }
                if number == last {
                    send("mouseReleased");
                }
            }
            None => {
                let kind = if number == 0 { "touchStart" } else { "touchMove" };
                page.browser.devtools(
                    "Input.dispatchTouchEvent",
                    &json!({ "type": kind, "touchPoints": [{ "x": x, "y": y }] }),
                );
            }
        }
    }
    if pen.is_none() {
        page.browser.devtools("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] }));
    }
    page.settle();
}

/// Share of the canvas that is inked.
fn inked(page: &Page) -> f64 {
    let share = page.of(
        "canvas",
        "const d = e.getContext('2d').getImageData(0, 0, e.width, e.height).data;
         let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 128; return n / (d.length / 4);",
    );
    share.as_f64().expect("a share")
}

#[test]
fn a_pens_pressure_is_for_the_eye_and_changes_nothing_for_the_learner() {
    let Some(page) = ready(Setting::default(), "") else { return };
    let figure = &Figure::Seven.drawn(1, 3)[0];
    let mut seen = Vec::new();
    let mut ink = Vec::new();
    for force in [0.1, 0.9] {
        page.wipe();
        stroke(&page, figure, Some(force));
        ink.push(inked(&page));
        seen.push(page.seen());
    }
    assert!(ink[1] > 1.8 * ink[0], "hardly pressed {}, pressed {}", ink[0], ink[1]);
    assert_eq!(seen[0], seen[1], "the learner sees how hard the pen was pressed");
    page.wipe();
    page.draw(std::slice::from_ref(figure));
    let worst = page.seen().iter().zip(&seen[0]).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst < Some(120), "a mouse draws another picture: {worst:?}");
}

#[test]
fn undo_and_redo_are_seen_on_the_canvas() {
    let Some(page) = ready(Setting::default(), "") else { return };
    page.draw(&Figure::Cross.drawn(1, 0));
    let whole = inked(&page);
    page.click("undo");
    let half = inked(&page);
    assert!(half > 0.0 && half < 0.8 * whole, "two strokes ink {whole}, one {half}");
    page.click("undo");
    assert_eq!(inked(&page), 0.0, "the canvas shows what was taken back");
    page.click("redo");
    page.click("redo");
    assert_eq!(inked(&page), whole);
    page.click("teach-0");
    assert_eq!(inked(&page), 0.0, "what was taught stays on the canvas");
}

#[test]
fn a_finger_draws_and_teaches_on_a_phone() {
    let Some(page) = ready(PHONE, "") else { return };
    for (class, figure) in [Figure::Zero, Figure::Seven].into_iter().enumerate() {
        stroke(&page, &figure.drawn(1, 0)[0], None);
        assert!(inked(&page) > 0.01, "the finger left no ink");
        page.tap(&format!("teach-{class}"));
        assert_eq!(page.count(class), 1);
    }
    stroke(&page, &Figure::Seven.drawn(2, 1)[0], None);
    assert_eq!(best(&page.probabilities()), 1, "{:?}", page.probabilities());
    // A finger opens the menu of an example, too.
    page.tap("example-0");
    page.browser.screenshot("phone-menu-390");
    page.tap("menu-forget");
    assert_eq!((page.count(0), page.count(1)), (0, 1));
}

#[test]
fn the_ink_is_there_before_the_pointers_event_is_over() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 2);
    page.wipe();
    // Seen from a listener that comes after the canvas's own in the very same event: whatever the learner is doing, the
    // ink does not wait for it.
    page.of(
        "canvas",
        "window.late = 0; window.moves = 0; window.longest = 0;
         window.addEventListener('pointermove', event => {
             if (!(event.buttons & 1)) return;
             const r = e.getBoundingClientRect(), scale = e.width / r.width;
             const d = e.getContext('2d').getImageData((event.clientX - r.x) * scale - 2, (event.clientY - r.y) * scale - 2, 4, 4).data;
             window.moves += 1;
             if (!d.some((v, i) => i % 4 == 3 && v > 0)) window.late += 1;
         });",
    );
    page.draw(&Figure::Three.drawn(1, 5));
    let counts = page.browser.script("return [window.moves, window.late]", &[]);
    assert!(counts[0].as_u64() > Some(10), "too few moves were seen: {counts}");
    assert_eq!(counts[1], 0, "of {} moves, this many left no ink at once", counts[0]);
}

#[test]
fn examples_are_forgotten_and_renamed_by_mouse_and_keyboard() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 2);
    let question = Figure::Seven.drawn(2, 9);
    let before = page.ask(&question);

    // By mouse: the fourth one taught is the second zero.
    page.click("example-3");
    page.browser.screenshot("menu-light-1280");
    page.click("menu-forget");
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [1, 2, 2]);
    page.click("undo");
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [2, 2, 2]);
    assert!(apart(&before, &page.probabilities()) < 1e-3, "forgetting and undoing left a trace");

    // By keyboard: the first example becomes a seven, then a zero again.
    let labels = |keys: &[char]| {
        page.of("example-0", "e.focus()");
        for key in keys {
            page.browser.keys(&key.to_string());
        }
        page.settle();
    };
    labels(&[ENTER, ENTER]);
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [1, 3, 2]);
    labels(&[ENTER, DOWN, ENTER]);
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [1, 2, 3], "the second entry is the other class");
    labels(&[ENTER, ESCAPE]);
    assert!(!page.has("menu"), "Escape does not close the menu");
    // it goes there with the next frame
    let focus = || page.browser.script("return document.activeElement.dataset.testid ?? ''", &[]);
    wait_for("the focus that the menu had", Duration::from_secs(10), || (focus() == "example-0").then_some(()));
    // Delete forgets without a menu, and the focus goes on.
    labels(&[DELETE]);
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [1, 2, 2]);
    let focus = focus();
    assert!(focus.as_str().is_some_and(|id| id.starts_with("example-")), "the focus is on {focus}");
}

#[test]
fn an_example_that_is_dragged_to_another_class_takes_its_name() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 1);
    page.browser.script(
        "const from = document.querySelector('[data-testid=example-0]'), to = document.querySelector('[data-testid=class-row-2]');
         const data = new DataTransfer(), send = (e, kind) => e.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
         send(from, 'dragstart'); send(to, 'dragover'); send(to, 'drop'); send(from, 'dragend');",
        &[],
    );
    page.settle();
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [0, 1, 2]);
}

#[test]
fn any_two_labels_swap() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 2);
    let question = Figure::Three.drawn(2, 4);
    let before = page.ask(&question);
    page.swap(0, 2);
    let after = page.probabilities();
    let expected = [before[2], before[1], before[0]];
    assert!(apart(&after, &expected) < 1e-3, "before {before:?}, after the swap {after:?}");
}

#[test]
fn a_strange_drawing_may_be_none_of_the_classes() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 3);
    page.ask(&Figure::Seven.drawn(2, 5));
    assert!(!page.text("because").contains("none of these"));
    page.click("none-switch");
    page.settle();
    let none = |figure: Figure| -> f64 {
        page.ask(&figure.drawn(2, 7));
        let words = page.text("because");
        let (percent, _) = words.split_once(" % that it is none of these.").unwrap_or_else(|| panic!("{words}"));
        percent.parse().unwrap_or_else(|_| panic!("{words}"))
    };
    let known = FIGURES.map(none);
    let strange = none(Figure::Cross);
    assert!(known.iter().all(|known| strange > 2.0 * known), "{strange} % of a cross, {known:?} % of what it knows");
    page.browser.screenshot("none-light-1280");
    page.click("none-switch");
    page.settle();
    assert!(!page.text("because").contains("none of these"));
}

#[test]
fn scrambled_pixels_are_noise_to_us_and_are_learned() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 4);
    let question = Figure::Zero.drawn(2, 100);
    page.ask(&question);
    let clear = page.seen();
    page.click("scramble");
    let noise = page.seen();
    // No pixel tells of its own place any more: a correlation that chance gives.
    let mean = |picture: &[u8]| picture.iter().map(|v| f64::from(*v)).sum::<f64>() / picture.len() as f64;
    let (a, b) = (mean(&clear), mean(&noise));
    let product = |p: &[u8], q: &[u8], a: f64, b: f64| -> f64 {
        p.iter().zip(q).map(|(x, y)| (f64::from(*x) - a) * (f64::from(*y) - b)).sum()
    };
    let correlation =
        product(&clear, &noise, a, b) / (product(&clear, &clear, a, a) * product(&noise, &noise, b, b)).sqrt();
    assert!(correlation.abs() < 0.15, "the picture can still be seen: correlation {correlation}");
    let right = right_answers(&page, 4, [0, 1, 2]);
    page.browser.screenshot("scrambled-light-1280");
    // Chance is 4 of 12; 9 or more by chance happens once in 250 times.
    assert!(right >= 9, "{right} of 12 scrambled drawings were recognised");
    // The labels still rule.
    page.ask(&question);
    let before = page.probabilities();
    page.swap(0, 1);
    let after = page.probabilities();
    assert!(apart(&after, &[before[1], before[0], before[2]]) < 1e-3, "before {before:?}, after {after:?}");
    page.swap(0, 1);
    page.click("scramble");
    assert_eq!(page.ask(&question).len(), 3);
    // The same drawing falls on other pixels of the screen where the page has scrolled.
    let worst = page.seen().iter().zip(&clear).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst < Some(100), "the drawing is not what it was: a pixel differs by {worst:?}");
}

#[test]
fn the_order_of_examples_makes_no_difference() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 3);
    page.ask(&Figure::Three.drawn(2, 8));
    page.click("shuffle");
    let change = page.wait_of("held", "the comparison", "return e.dataset.change || null");
    let change: f64 = change.as_str().expect("words").parse().expect("a number");
    assert!(change < 1e-3, "another order changed a probability by {change}");
}

#[test]
fn leaving_each_example_out_tells_what_forgetting_it_does() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 2);
    let before = page.ask(&Figure::Three.drawn(2, 31));
    page.click("leave-out");
    page.wait_of("left-out", "all effects", "return e.textContent.includes('lost without it')");
    page.browser.screenshot("left-out-light-1280");
    let effects = page.browser.script(
        "return [...document.querySelectorAll('[data-effect]')].map(e => [e.closest('button').dataset.testid, parseFloat(e.dataset.effect)])",
        &[],
    );
    let effects = effects.as_array().expect("effects");
    assert_eq!(effects.len(), 6, "not every example was left out");
    let leading = best(&before);
    for effect in effects.iter().take(3) {
        page.click(effect[0].as_str().expect("a test id"));
        page.click("menu-forget");
        let without = page.probabilities();
        let (told, found) = (effect[1].as_f64().expect("a number"), before[leading] - without[leading]);
        assert!((told - found).abs() < 2e-3, "{}: told {told}, found {found}", effect[0]);
        page.click("undo");
    }
    assert!(!page.has("effect-0"), "effects of another table stay on show");
}

#[test]
fn attention_glows_and_its_lines_follow_the_layout() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 2);
    page.ask(&Figure::Seven.drawn(2, 3));
    let shares = page
        .browser
        .script("return [...document.querySelectorAll('[data-share]')].map(e => parseFloat(e.dataset.share))", &[]);
    let shares: Vec<f64> = shares.as_array().expect("shares").iter().filter_map(Value::as_f64).collect();
    assert_eq!(shares.len(), 6);
    let sum: f64 = shares.iter().sum();
    assert!((sum - 1.0).abs() < 0.01, "the shares {shares:?} add up to {sum}");
    // How far each line ends from the nearest example's edge, in pixels.
    let ends = || {
        page.of(
            "lines",
            "const o = e.getBoundingClientRect(), all = [...document.querySelectorAll('[data-example]')].map(t => t.getBoundingClientRect());
             return [...e.querySelectorAll('path')].map(p => { const q = p.getPointAtLength(p.getTotalLength()), x = q.x + o.x, y = q.y + o.y;
                 return Math.min(...all.map(r => Math.hypot(Math.max(r.left - x, 0, x - r.right), Math.max(r.top - y, 0, y - r.bottom)))); })",
        )
    };
    page.wait_of("lines", "lines", "return e.querySelectorAll('path').length > 0");
    page.of("lines", "window.scrollTo(0, 60)");
    let near = |end: &Value| end.as_f64().is_some_and(|distance| distance < 3.0);
    wait_for("lines that end at their examples", Duration::from_secs(10), || {
        ends().as_array().is_some_and(|all| !all.is_empty() && all.iter().all(near)).then_some(())
    });
    page.click("lines-switch");
    page.wait_of("lines", "no lines", "return e.querySelectorAll('path').length === 0");
}

#[test]
fn ones_own_learning_curve_stands_beside_the_others() {
    let Some(page) = ready(Setting::default(), "") else { return };
    teach_three(&page, 4);
    for who in ["learner", "nearest", "shuffled", "untrained"] {
        let words =
            page.wait_of(&format!("score-{who}"), who, "return e.textContent.endsWith('of 9') && e.textContent");
        println!("{who}: {words}");
    }
    let number = |who: &str| -> u64 {
        page.text(&format!("score-{who}")).split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
    };
    assert!(number("learner") >= 7, "the learner named {} of 9", number("learner"));
    assert!(number("shuffled") < number("learner"), "shuffled labels teach as well as true ones");
    page.of("curve-table", "e.closest('details').open = true");
    let rows = page.of(
        "curve-table",
        "return [...e.querySelectorAll('tbody tr')].map(r => r.innerText.split(/\\t/).map(c => c.trim()))",
    );
    assert_eq!(rows.as_array().map(Vec::len), Some(9), "{rows}");
    // Nine of nine: Wilson's interval reaches down to 70 %.
    let last = &rows[8];
    let low: f64 = last[2].as_str().and_then(|range| range.split('–').next()?.parse().ok()).expect("an interval");
    let hits = number("learner") as f64 / 9.0;
    assert!(low < 100.0 * hits && low > 100.0 * hits - 45.0, "the interval of {last} is odd");
    page.ask(&Figure::Seven.drawn(2, 101));
    page.browser.screenshot("curve-light-1280");
    // Whoever is chosen answers.
    for who in ["nearest", "shuffled", "untrained", "learner"] {
        page.click(&format!("who-{who}"));
        let sum: f64 = page.probabilities().iter().sum();
        assert!((sum - 1.0).abs() < 0.01, "{who}: the bars add up to {sum}");
    }
    assert_eq!(best(&page.probabilities()), 1);
}

#[test]
fn the_walk_goes_on_when_its_step_is_done_and_is_remembered() {
    let Some(page) = ready(Setting::default(), "") else { return };
    let step = || page.of("walk-step", "return parseInt(e.dataset.step)").as_u64().expect("a number");
    assert_eq!(step(), 1);
    teach_three(&page, 1);
    assert_eq!(step(), 2);
    page.ask(&Figure::Seven.drawn(2, 1));
    page.click("walk-show");
    page.swap(0, 1);
    assert_eq!(step(), 3);
    page.click("scramble");
    assert_eq!(step(), 4);
    page.browser.script("location.reload()", &[]);
    page.wait_of("walk-step", "the page again", "return document.documentElement.dataset.state === 'ready'");
    page.settle();
    assert_eq!(step(), 4, "the walk was not remembered");
    page.click("example-0");
    page.click("menu-forget");
    assert_eq!(step(), 5);
    page.click("who-untrained");
    assert_eq!(step(), 0, "the walk does not end");
    page.click("walk-close");
    assert!(!page.has("walk"));
}

#[test]
fn a_first_visit_sees_it_learn_and_a_touch_ends_that() {
    let Some(page) = Page::open(Setting::default(), FIRST_VISIT) else { return };
    page.wait_of("walk", "the demonstration", "return e.dataset.playing === 'true'");
    page.wait_of("count-1", "its first examples", "return parseInt(e.dataset.count) > 1");
    // Something is being drawn most of the time; between two drawings the canvas is empty.
    let ink = wait_for("ink", Duration::from_secs(20), || Some(inked(&page)).filter(|ink| *ink > 0.005));
    assert!(ink < 0.5, "{ink} of the canvas is inked");
    page.browser.screenshot("demonstration-light-1280");
    // Its visitor begins to draw.
    page.draw(&Figure::Seven.drawn(1, 0));
    let playing = page.of("walk", "return e.dataset.playing");
    assert_eq!(playing, "false", "the demonstration goes on under the visitor's pen");
    assert!(page.count(0) > 0, "what it taught is gone");
    // At the next visit it is known, and keeps still.
    page.browser.script("location.reload()", &[]);
    no_demonstration(&page);
    assert_eq!(page.of("walk", "return e.dataset.playing"), "false", "it plays at the second visit");
}

/// Waits until the page is ready and has decided whether to play by itself, which is to be no.
fn no_demonstration(page: &Page) {
    page.wait_of("walk", "the page again", "return document.documentElement.dataset.state === 'ready'");
    let decided = page.wait_of("walk", "a decision", "return document.documentElement.dataset.demonstration");
    assert_eq!(decided, "none", "it plays by itself");
}

#[test]
fn whoever_wants_no_motion_sees_none_unasked() {
    let Some(page) = Page::open(Setting::default(), "") else { return };
    page.browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] }),
    );
    let url = page.url();
    page.forget_everything();
    page.browser.open(&url);
    no_demonstration(&page);
    assert_eq!(page.of("walk", "return e.dataset.playing"), "false");
    let moving =
        page.browser.script("return document.getAnimations().filter(a => a.playState === 'running').length", &[]);
    assert_eq!(moving, 0, "something moves on its own");
}
