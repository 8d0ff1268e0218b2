//! What is kept: sets of examples, in several tabs of one browser, after a reload, and where nothing can be kept.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::browser::{Setting, wait_for};
use tests::page::{CPU, Page, ready};
use tests::strokes::Figure;

fn address(page: &Page) -> String {
    format!("{}{CPU}", page.url())
}

/// All examples on the page.
fn total(page: &Page) -> usize {
    let all = page.browser.script(
        "return [...document.querySelectorAll('[data-testid^=count-]')].reduce((sum, e) => sum + +e.dataset.count, 0)",
        &[],
    );
    all.as_u64().expect("a number") as usize
}

#[track_caller]
fn wait_total(page: &Page, expected: usize) {
    let start = Instant::now();
    while total(page) != expected {
        assert!(start.elapsed() < Duration::from_secs(20), "{} examples, not {expected}", total(page));
        std::thread::sleep(Duration::from_millis(50));
    }
    page.settle();
}

/// Name, number of examples and whether it is open, of each set.
fn sets(page: &Page) -> Vec<(String, u64, bool)> {
    let all = page.browser.script(
        "return [...document.querySelectorAll('[data-testid=set]')].map(e => [e.dataset.name, +e.dataset.count, e.dataset.open === 'true'])",
        &[],
    );
    let set = |set: &Value| (set[0].as_str().unwrap().to_owned(), set[1].as_u64().unwrap(), set[2].as_bool().unwrap());
    all.as_array().unwrap().iter().map(set).collect()
}

fn set(name: &str, count: u64, open: bool) -> (String, u64, bool) {
    (name.to_owned(), count, open)
}

fn link_of(page: &Page) -> String {
    page.click("share-link");
    let link = page.of("link", "return e.value").as_str().unwrap().to_owned();
    link[link.find('#').expect("a fragment")..].to_owned()
}

#[test]
fn two_tabs_lose_nothing() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let url = address(&page);
    for class in 0..3 {
        page.teach(&Figure::Zero.drawn(1, class), class as usize);
    }
    let a = page.browser.tab();
    let b = page.browser.new_tab();
    page.visit(&url);
    assert_eq!(total(&page), 3);
    page.browser.go_to_tab(&a);
    for shot in 0..7 {
        page.teach(&Figure::Seven.drawn(1, shot), shot as usize % 3);
    }
    assert_eq!(total(&page), 10);
    // they have come to the other tab, which teaches one more
    page.browser.go_to_tab(&b);
    wait_total(&page, 10);
    page.teach(&Figure::Cross.drawn(1, 0), 1);
    assert_eq!(total(&page), 11);
    page.rename(0, "nought");
    page.browser.go_to_tab(&a);
    wait_total(&page, 11);
    assert_eq!(page.of("class-name-0", "return e.value"), "nought");
    // undo takes back one's own last, and not the other's
    page.click("undo");
    assert_eq!(total(&page), 10);
    page.browser.go_to_tab(&b);
    wait_total(&page, 10);
    page.visit(&url);
    assert_eq!((total(&page), page.of("class-name-0", "return e.value")), (10, json!("nought")));
    // a tab that is closed right after it taught something has kept it
    page.teach(&Figure::Cross.drawn(1, 4), 2);
    page.browser.close_tab(&a);
    wait_total(&page, 11);
    page.visit(&url);
    assert_eq!(total(&page), 11);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_link_in_another_tab_is_a_set_beside_ones_own() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let url = address(&page);
    (0..3).for_each(|shot| page.teach(&Figure::Zero.drawn(1, shot), 0));
    let link = link_of(&page);
    (0..2).for_each(|shot| page.teach(&Figure::Seven.drawn(1, shot), 1));
    let a = page.browser.tab();
    let b = page.browser.new_tab();
    page.visit(&format!("{url}{link}"));
    assert_eq!(sets(&page), [set("My drawings", 5, false), set("From a link", 3, true)]);
    page.browser.go_to_tab(&a);
    (2..4).for_each(|shot| page.teach(&Figure::Seven.drawn(1, shot), 1));
    page.browser.go_to_tab(&b);
    page.click("bring-back");
    assert_eq!(total(&page), 7, "what the other tab taught is not there");
    // the same link again is the same set
    page.visit(&format!("{url}{link}"));
    assert_eq!(sets(&page), [set("My drawings", 7, false), set("From a link", 3, true)]);
    page.browser.go_to_tab(&a);
    page.visit(&url);
    assert_eq!((total(&page), sets(&page).len()), (7, 2));
}

#[test]
fn links_that_a_mail_program_has_changed_open() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    page.teach(&Figure::Zero.drawn(1, 0), 0);
    let link = link_of(&page);
    let url = address(&page);
    for changed in [link.replacen('=', "%3D", 1), format!("{link}%29."), format!("{link}%20")] {
        page.forget_everything();
        page.visit(&format!("{url}{changed}"));
        assert_eq!((total(&page), sets(&page)), (1, vec![set("From a link", 1, true)]), "{changed}");
    }
    page.visit(&format!("{url}#examples%3Dnothing"));
    assert!(page.text("status").to_lowercase().contains("link"), "the page says: {}", page.text("status"));
}

#[test]
fn sets_are_made_renamed_opened_deleted_and_come_back() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    page.teach(&Figure::Zero.drawn(1, 0), 0);
    page.click("new-set");
    assert_eq!(total(&page), 0);
    page.teach(&Figure::Seven.drawn(1, 0), 1);
    page.teach(&Figure::Seven.drawn(1, 1), 1);
    page.of("set-name", "e.focus(); e.select();");
    page.browser.keys(&format!("signs{}", tests::page::ENTER));
    page.settle();
    let both = [set("My drawings", 1, false), set("signs", 2, true)];
    assert_eq!(sets(&page), both);
    page.visit(&address(&page));
    assert_eq!((sets(&page), total(&page)), (both.to_vec(), 2));
    // one that is not open, too, with a step to undo
    page.click("rename-set-My drawings");
    page.browser.keys(&format!("numbers{}", tests::page::ENTER));
    page.settle();
    assert_eq!(sets(&page), [set("numbers", 1, false), set("signs", 2, true)]);
    page.browser.screenshot("sets-renamed-light-1280");
    page.click("undo");
    assert_eq!(sets(&page), both);
    page.browser.screenshot("sets-light-1280");
    page.click("delete-set-My drawings");
    assert_eq!(sets(&page), [set("signs", 2, true)]);
    page.click("delete-set-signs");
    assert_eq!(total(&page), 0, "deleting the last set leaves an empty one");
    assert_eq!(sets(&page).len(), 1);
    page.click("undo");
    assert_eq!((total(&page), sets(&page)), (2, vec![set("signs", 2, true)]));
    page.click("undo");
    assert_eq!(sets(&page), both);
    page.click("open-set-My drawings");
    assert_eq!((total(&page), page.count(0)), (1, 1));
    page.click("undo");
    assert_eq!(total(&page), 2);
    page.visit(&address(&page));
    assert_eq!(sets(&page), both);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn what_an_earlier_version_kept_is_taken_over_once() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let url = address(&page);
    let stroke: Vec<i64> = (0..30).flat_map(|i| [200 + 20 * i, 300 + (i * i) % 400]).collect();
    let table = |version: u32, count: usize| {
        let examples = vec![json!({ "label": 1, "strokes": [stroke] }); count];
        let classes = json!([{ "label": 0, "name": "a" }, { "label": 1, "name": "b" }]);
        json!({ "version": version, "classes": classes, "examples": examples }).to_string()
    };
    page.browser.script("localStorage.setItem('learner-table', arguments[0])", &[json!(table(1, 4))]);
    page.visit(&url);
    assert_eq!((total(&page), page.of("class-name-1", "return e.value")), (4, json!("b")));
    assert_eq!(page.browser.script("return localStorage.getItem('learner-table')", &[]), Value::Null);
    // the same text once more, as from a backup: nothing is doubled
    page.teach(&Figure::Zero.drawn(1, 0), 0);
    page.browser.script("localStorage.setItem('learner-table', arguments[0])", &[json!(table(1, 4))]);
    page.visit(&url);
    assert_eq!((total(&page), sets(&page).len()), (5, 1));
    // one's own that was put aside for a sample
    page.forget_everything();
    page.visit(&url);
    page.browser.script(
        "localStorage.setItem('learner-table', arguments[0]); localStorage.setItem('learner-table-aside', arguments[1])",
        &[json!(table(2, 2)), json!(table(2, 7))],
    );
    page.visit(&url);
    let counts: Vec<u64> = sets(&page).iter().map(|set| set.1).collect();
    assert_eq!(counts, [7, 2]);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_is_left_and_said() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let url = address(&page);
    let newer = json!({ "version": 9, "classes": [], "examples": [] }).to_string();
    page.browser.script("localStorage.setItem('learner-table', arguments[0])", &[json!(newer)]);
    page.visit(&url);
    let words = page.text("unreadable");
    assert!(words.contains("localStorage") && words.contains("found 9"), "the page says: {words}");
    page.teach(&Figure::Zero.drawn(1, 0), 0);
    page.visit(&url);
    assert_eq!(page.browser.script("return localStorage.getItem('learner-table')", &[]), newer);
    assert_eq!(total(&page), 1);
    page.browser.screenshot("unreadable-light-1280");

    // a newer version of the page has changed the database, while this one was open
    page.browser.script("localStorage.removeItem('learner-table')", &[]);
    let upgrade =
        "return new Promise((ok, bad) => { const r = indexedDB.open('learner', 2); r.onerror = bad; r.onblocked = bad;
        r.onsuccess = () => { r.result.close(); ok('done'); }; })";
    assert_eq!(page.browser.script(upgrade, &[]), "done", "the open page stood in the way");
    let words = wait_for("its words", Duration::from_secs(20), || {
        Some(page.text("unkept")).filter(|words| words.contains("newer version"))
    });
    assert!(words.contains("eload"), "the page says: {words}");
    page.teach(&Figure::Zero.drawn(1, 1), 0);
    assert_eq!(total(&page), 2, "what was taught since is not here");
    page.visit(&url);
    assert!(page.text("unreadable").contains("newer version"), "the page says: {}", page.text("unreadable"));
    let count = "return new Promise(ok => { const r = indexedDB.open('learner');
        r.onsuccess = () => { const c = r.result.transaction('examples').objectStore('examples').count(); c.onsuccess = () => ok(c.result); }; })";
    assert_eq!(page.browser.script(count, &[]), 1, "what the newer version has is not as it was");
}

#[test]
fn without_storage_everything_stays_in_memory() {
    let full = "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };";
    let throws = "for (const name of ['indexedDB', 'localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });";
    let missing = "Object.defineProperty(window, 'indexedDB', { value: undefined });";
    let fails = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'UnknownError'); };";
    for (name, script) in [("full", full), ("throws", throws), ("missing", missing), ("fails", fails)] {
        let Some(page) = ready(Setting::default(), CPU) else { return };
        page.browser.before_pages(script);
        page.visit(&address(&page));
        (0..2).for_each(|shot| page.teach(&Figure::Zero.drawn(1, shot), 0));
        let words = page.text("unkept");
        assert!(words.contains("next visit") && page.has("save-unkept"), "{name}: the page says: {words}");
        // a sample loses nothing of it
        page.of("play-letters", "e.click()");
        wait_for("the sample", Duration::from_secs(20), || {
            (page.of("samples", "return e.dataset.player") == "playing").then_some(())
        });
        page.click("skip");
        wait_for("its end", Duration::from_secs(90), || {
            (page.of("samples", "return e.dataset.player") == "done").then_some(())
        });
        page.settle();
        assert_eq!(total(&page), 20, "{name}");
        page.click("bring-back");
        assert_eq!((total(&page), page.count(0)), (2, 2), "{name}: one's own examples are gone");
        if name == "full" {
            page.browser.screenshot("unkept-light-1280");
        }
    }
}

#[test]
fn a_thousand_examples_are_kept_one_by_one() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let url = address(&page);
    let stroke =
        |n: i64| -> Vec<i64> { (0..30).flat_map(|i| [150 + 20 * i + n % 7, 300 + (i * (i + n)) % 400]).collect() };
    let examples: Vec<Value> = (0..999).map(|n| json!({ "label": n % 3, "strokes": [stroke(n)] })).collect();
    let classes = json!([{ "label": 0, "name": "a" }, { "label": 1, "name": "b" }, { "label": 2, "name": "c" }]);
    let text = json!({ "version": 2, "classes": classes, "examples": examples }).to_string();
    page.browser.script("localStorage.setItem('learner-table', arguments[0])", &[json!(text)]);
    // it is kept before any learner has answered
    page.browser.open("about:blank");
    let start = Instant::now();
    page.browser.open(&url);
    wait_for("all of them", Duration::from_secs(120), || (total(&page) == 999).then_some(()));
    println!("taken over and shown after {:.2} s", start.elapsed().as_secs_f64());
    page.browser.open("about:blank");
    page.browser.before_pages(
        "window.puts = []; const put = IDBObjectStore.prototype.put;
         IDBObjectStore.prototype.put = function (v, k) { window.puts.push(JSON.stringify(v).length); return put.call(this, v, k); }",
    );
    let start = Instant::now();
    page.browser.open(&url);
    wait_for("all of them", Duration::from_secs(120), || (total(&page) == 999).then_some(()));
    println!("loaded and shown after {:.2} s", start.elapsed().as_secs_f64());
    // to teach one writes one example and the set's own record
    page.browser.script(
        "const c = document.querySelector('[data-testid=canvas]'), r = c.getBoundingClientRect();
         const at = (k, x, y) => c.dispatchEvent(new PointerEvent(k, { bubbles: true, isPrimary: true, pointerId: 1, pointerType: 'mouse', button: 0, buttons: 1, clientX: r.x + x * r.width, clientY: r.y + y * r.height }));
         at('pointerdown', 0.2, 0.2); at('pointermove', 0.7, 0.8); at('pointerup', 0.7, 0.8);
         document.querySelector('[data-testid=teach-1]').click();",
        &[],
    );
    let puts = wait_for("what is written", Duration::from_secs(60), || {
        let kept = page.browser.script(
            "return document.documentElement.dataset.kept === 'true' && window.puts.length > 0 ? window.puts : null",
            &[],
        );
        kept.as_array().cloned()
    });
    println!("to teach one more wrote {puts:?} letters");
    let letters: u64 = puts.iter().map(|length| length.as_u64().unwrap()).sum();
    assert!(letters < 2_000, "{puts:?}");
}

#[test]
fn the_list_of_sets_looks_as_it_should() {
    for (setting, name) in [
        (Setting { dark: true, ..Setting::default() }, "sets-dark-1280"),
        (Setting { width: 390, height: 844, phone: true, ..Setting::default() }, "sets-light-390"),
    ] {
        let Some(page) = Page::open(setting, CPU) else { return };
        page.teach(&Figure::Zero.drawn(1, 0), 0);
        page.click("new-set");
        page.teach(&Figure::Seven.drawn(1, 0), 1);
        page.of("sets", "e.scrollIntoView({ block: 'center' })");
        page.browser.screenshot(name);
        let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
        assert!(width.as_f64() <= Some(f64::from(setting.width)), "{name}: the page is {width} pixels wide");
    }
}
