//! How the page looks in every state, for people to see, and for those who do not see it.

use super::*;

#[test]
fn nothing_stands_against_accessibility() {
    for (setting, name) in [
        (Setting::default(), "light, desk"),
        (Setting { dark: true, ..Setting::default() }, "dark, desk"),
        (PHONE, "light, phone"),
        (Setting { dark: true, ..PHONE }, "dark, phone"),
    ] {
        let Some(page) = ready(setting, "") else { return };
        let check = |state: &str| {
            let Some(found) = page.violations() else { return };
            assert_eq!(found, Vec::<String>::new(), "{name}, {state}: axe-core found {}", found.join("\n"));
        };
        check("empty");
        teach_three(&page, 2);
        page.ask(&Figure::Seven.drawn(2, 3));
        page.click("leave-out");
        page.wait_of("left-out", "all effects", "return e.textContent.includes('lost without it')");
        page.browser.script("document.querySelectorAll('details').forEach(d => d.open = true)", &[]);
        check("taught");
        page.click("example-0");
        check("with a menu open");
        page.click("menu-forget");
        page.click("scramble");
        check("scrambled");
    }
}

#[test]
fn ten_classes_of_twelve_with_long_names_have_room() {
    for (setting, name) in [(Setting::default(), "many-light-1280"), (Setting { dark: true, ..PHONE }, "many-dark-390")]
    {
        let Some(page) = ready(setting, "") else { return };
        make_classes(&page, 10);
        page.rename(0, "antidisestablishmentaria");
        page.rename(1, "Donaudampfschifffahrts");
        // As if they had been taught to an earlier version of the page, which this one takes them over from.
        page.browser.script(
            "const classes = [...document.querySelectorAll('[data-testid^=class-name-]')].map((e, label) => ({ label, name: e.value }));
             const one = Array.from({ length: 40 }, (_, i) => [500 + 300 * Math.cos(i / 6), 500 + 350 * Math.sin(i / 6)]).flat();
             const table = { version: 2, classes, examples: [] };
             for (let shot = 0; shot < 12; shot++) for (const c of classes) {
                 const turn = s => s.map((v, i) => Math.round(v + 60 * Math.sin(shot * 3 + c.label * 5 + i * (c.label + 1) / 3)));
                 table.examples.push({ label: c.label, strokes: [turn(one)] });
             }
             localStorage.setItem('learner-table', JSON.stringify(table));
             localStorage.removeItem('learner-set'); sessionStorage.clear();
             return new Promise(ok => { indexedDB.deleteDatabase('learner').onsuccess = ok; }).then(() => true);",
            &[],
        );
        page.visit(&format!("{}{CPU}", page.url()));
        assert_eq!(page.count(9), 12);
        page.ask(&Figure::Zero.drawn(2, 1));
        let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
        assert!(width.as_f64() <= Some(f64::from(setting.width)), "the page is {width} pixels wide");
        page.browser.screenshot(name);
    }
}

#[test]
fn full_or_blocked_storage_is_told_and_loses_nothing() {
    let Some(page) = ready(Setting::default(), "") else { return };
    page.browser
        .script("IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }", &[]);
    page.teach(&Figure::Zero.drawn(1, 0), 0);
    let words = page.text("unkept");
    assert!(words.contains("next visit") && words.len() > 60, "the page says: {words}");
    assert_eq!(page.count(0), 1, "the example is gone");
}

#[test]
fn the_page_looks_like_itself_before_it_has_come() {
    for (setting, name) in [(Setting::default(), "first-paint-1280"), (PHONE, "first-paint-390")] {
        let Some(page) = ready(setting, "") else { return };
        page.browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        page.browser.devtools("Page.reload", &json!({}));
        page.browser.screenshot(name);
        page.browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": false }));
        let places = page.browser.script(
            "return ['h1', '.paper', '.row .top', '.article h2'].map(s => document.querySelector(s)?.getBoundingClientRect().height ?? 0)",
            &[],
        );
        let places = places.as_array().expect("heights");
        assert!(
            places.iter().all(|height| height.as_f64() > Some(20.0)),
            "{name}: heights of the first paint: {places:?}"
        );
    }
}

#[test]
fn states_look_as_they_should() {
    for (setting, name) in [
        (Setting { width: 1440, ..Setting::default() }, "light-1440"),
        (Setting { width: 1440, dark: true, ..Setting::default() }, "dark-1440"),
        (Setting { width: 820, height: 1180, ..Setting::default() }, "light-820"),
        (PHONE, "light-390"),
        (Setting { dark: true, ..PHONE }, "dark-390"),
    ] {
        let Some(page) = ready(setting, "") else { return };
        page.browser.screenshot(&format!("empty-{name}"));
        teach_three(&page, 4);
        page.ask(&Figure::Seven.drawn(2, 101));
        page.wait_of("score-untrained", "controls", "return e.textContent.endsWith('of 9')");
        page.browser.screenshot(&format!("taught-{name}"));
        let width = page.browser.script("return document.documentElement.scrollWidth", &[]);
        assert!(width.as_f64() <= Some(f64::from(setting.width)), "{name}: the page is {width} pixels wide");
    }
    let Some(page) = Page::open(Setting::default(), "?model=models/no-such-model.safetensors") else { return };
    page.browser.screenshot("no-model-light-1280");
    // One browser at a time.
    drop(page);
    let Some(page) = ready(Setting { gpu: Gpu::Absent, ..Setting::default() }, MEASURED) else { return };
    page.of("webgpu-help", "e.closest('details').open = true");
    assert!(page.text("webgpu-help").contains("https"), "the page says: {}", page.text("webgpu-help"));
    page.browser.screenshot("no-webgpu-light-1280");
}
