//! The page in the browser, spoken of in the page's own terms: draw, teach, ask.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shaders::testing;
use xtask::server::Server;

use crate::browser::{Browser, BrowserKind, Gpu, INSECURE_HOST, Setting, required, wait_for};
use crate::strokes::Stroke;

/// Starting includes compiling every WGSL kernel on a software GPU.
const STARTING: Duration = Duration::from_secs(240);
/// WebDriver's code points of special keys.
pub const ENTER: char = '\u{e007}';
/// See [`ENTER`].
pub const TAB: char = '\u{e004}';
/// One answer, on a software GPU of a busy machine.
const ANSWERING: Duration = Duration::from_secs(60);

/// The query that most tests want: the learner on the CPU, which is ready in a second. On a software GPU, compiling its
/// kernels takes twenty, so only tests that are about WebGPU ask for it.
pub const CPU: &str = "?engine=cpu";
/// A query that lets the page choose its engine by measuring both, and plays nothing by itself.
pub const MEASURED: &str = "?still";
/// A query that opens the page as a first visit does: a demonstration begins by itself. See [`Page::open`].
pub const FIRST_VISIT: &str = "#";

/// The page, open in a browser, served from this process.
pub struct Page {
    /// The browser it is open in.
    pub browser: Browser,
    /// The server it came from.
    pub server: Server,
}

/// The folder of the built page: `PAGE`, else `dist/` of the workspace. `None`, with words, when it is not built and
/// nobody promised it.
pub fn built() -> Option<PathBuf> {
    let workspace = std::env::current_dir().unwrap().join("..");
    let folder = env::var_os("PAGE").map_or_else(|| workspace.join("dist"), PathBuf::from);
    if folder.join("index.html").is_file() {
        return Some(folder);
    }
    assert!(!required(), "a page was promised, and {} has none: run `cargo xtask page`", folder.display());
    testing::skip(&format!("{} has no page (run `cargo xtask test`, which builds one)", folder.display()));
    None
}

/// Opens the built page, and fails where it does not become ready.
#[track_caller]
pub fn ready(setting: Setting, query: &str) -> Option<Page> {
    ready_in(BrowserKind::Chromium, setting, query)
}

/// The same in a browser of choice.
#[track_caller]
pub fn ready_in(kind: BrowserKind, setting: Setting, query: &str) -> Option<Page> {
    let page = Page::open_in(kind, &built()?, setting, query)?;
    assert_eq!(page.state(), "ready", "the page says: {}", page.text("status"));
    Some(page)
}

impl Page {
    /// Opens the built page with a query and waits until it is ready or has failed in words. Nothing plays by itself
    /// with any query but [`FIRST_VISIT`]. Without a query it is [`CPU`].
    pub fn open(setting: Setting, query: &str) -> Option<Page> {
        Page::open_folder(&built()?, setting, query)
    }

    /// The same for a page in another folder.
    pub fn open_folder(folder: &Path, setting: Setting, query: &str) -> Option<Page> {
        Page::open_in(BrowserKind::Chromium, folder, setting, query)
    }

    /// The same in a browser of choice.
    pub fn open_in(kind: BrowserKind, folder: &Path, setting: Setting, query: &str) -> Option<Page> {
        let browser = Browser::start_kind(kind, setting)?;
        let server = Server::start(folder, 0).unwrap_or_else(|error| panic!("{error}"));
        // What the log holds so far is the empty first tab's.
        if kind == BrowserKind::Chromium && setting.requests {
            browser.requested();
        }
        let mut url = server.url();
        if setting.gpu == Gpu::Absent {
            url = url.replace("127.0.0.1", INSECURE_HOST);
        }
        let query = if query.is_empty() { CPU } else { query };
        browser.open(&format!("{url}{query}"));
        let page = Page { browser, server };
        wait_for("the page's start", STARTING, || (page.state() != "loading").then_some(()));
        page.browser.watch_console();
        Some(page)
    }

    /// Opens another address in this tab, or the same anew, and waits until the page is ready or has failed in words.
    pub fn visit(&self, url: &str) {
        self.browser.open("about:blank");
        self.browser.open(url);
        wait_for("the page's start", STARTING, || (self.state() != "loading").then_some(()));
        self.browser.watch_console();
        self.settle();
    }

    /// Empties what the browser stores for the page.
    pub fn forget_everything(&self) {
        let origin = self.url();
        self.browser.open("about:blank");
        self.browser.devtools(
            "Storage.clearDataForOrigin",
            &json!({ "origin": origin.trim_end_matches('/'), "storageTypes": "indexeddb,local_storage" }),
        );
    }

    /// `loading`, `ready` or `failed`.
    pub fn state(&self) -> String {
        let state = self.browser.script("return document.documentElement.dataset.state ?? 'loading'", &[]);
        state.as_str().unwrap_or("loading").to_string()
    }

    /// Waits until the page has answered everything it was told.
    #[track_caller]
    pub fn settle(&self) {
        // What is taught is kept a moment later.
        let idle = "const d = document.documentElement.dataset; return d.busy !== 'true' && d.kept !== 'false'";
        let start = Instant::now();
        while self.browser.script(idle, &[]) != true {
            let late = start.elapsed() > ANSWERING;
            assert!(!late, "no answer: {}", self.browser.script("return { ...document.documentElement.dataset }", &[]));
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Calls a function body with the element `e` of a test id; panics when there is none.
    #[track_caller]
    pub fn of(&self, id: &str, body: &str) -> Value {
        let script = format!(
            "const e = document.querySelector(`[data-testid=\"${{arguments[0]}}\"]`);\
             if (!e) return {{ missing: true }};\
             return {{ value: (() => {{ {body} }})() ?? null }};"
        );
        let mut answer = self.browser.script(&script, &[json!(id)]);
        assert!(answer.get("missing").is_none(), "the page has no element with data-testid \"{id}\"");
        answer["value"].take()
    }

    /// Whether the page has an element of this test id.
    pub fn has(&self, id: &str) -> bool {
        self.browser.script("return !!document.querySelector(`[data-testid=\"${arguments[0]}\"]`)", &[json!(id)])
            == true
    }

    /// The words an element shows.
    #[track_caller]
    pub fn text(&self, id: &str) -> String {
        self.of(id, "return e.innerText ?? e.textContent").as_str().unwrap_or_default().trim().to_string()
    }

    /// The middle of an element that can be pressed there, scrolled into view; panics where it is disabled or covered.
    #[track_caller]
    fn middle(&self, id: &str) -> (f64, f64) {
        let place = self.of(
            id,
            "e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
             const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
             const top = document.elementFromPoint(x, y);
             if (e.disabled) return { fault: 'it is disabled' };
             if (!top || !(e === top || e.contains(top) || top.contains(e))) return { fault: `it is covered by ${top?.outerHTML}` };
             return { x, y };",
        );
        assert!(place.get("fault").is_none(), "cannot press \"{id}\": {}", place["fault"]);
        (place["x"].as_f64().expect("a place"), place["y"].as_f64().expect("a place"))
    }

    /// Clicks an element as a mouse would: where it lies, so that one that is hidden or covered is not clicked.
    #[track_caller]
    pub fn click(&self, id: &str) {
        let place = self.middle(id);
        self.browser.draw(&[vec![place]]);
        self.settle();
    }

    /// Draws strokes given in the unit square on the canvas.
    #[track_caller]
    pub fn draw(&self, strokes: &[Stroke]) {
        let place = self.of(
            "canvas",
            "e.scrollIntoView({ block: 'center', behavior: 'instant' });
             const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height];",
        );
        let side = |index: usize| place[index].as_f64().expect("a rectangle has four numbers");
        let scaled =
            |stroke: &Stroke| stroke.iter().map(|(x, y)| (side(0) + x * side(2), side(1) + y * side(3))).collect();
        self.browser.draw(&strokes.iter().map(scaled).collect::<Vec<_>>());
        self.settle();
    }

    /// Gives a class a name, as by typing it into its field.
    #[track_caller]
    pub fn rename(&self, class: usize, name: &str) {
        self.of(&format!("class-name-{class}"), "e.focus(); e.select();");
        self.browser.keys(&format!("{name}{ENTER}"));
        self.settle();
        let shown = self.of(&format!("class-name-{class}"), "return e.value");
        assert_eq!(shown, name, "class {class} did not take its new name");
    }

    /// Wipes the canvas.
    #[track_caller]
    pub fn wipe(&self) {
        if self.of("clear-drawing", "return e.disabled") != true {
            self.click("clear-drawing");
        }
    }

    /// Draws an example and gives it to class number `class`.
    #[track_caller]
    pub fn teach(&self, strokes: &[Stroke], class: usize) {
        self.wipe();
        self.draw(strokes);
        self.click(&format!("teach-{class}"));
    }

    /// Draws something and gives the probability of each class, in their order.
    #[track_caller]
    pub fn ask(&self, strokes: &[Stroke]) -> Vec<f64> {
        self.wipe();
        self.draw(strokes);
        self.probabilities()
    }

    /// The probability of each class, in their order, as the bars show them now.
    pub fn probabilities(&self) -> Vec<f64> {
        let all = self.browser.script(
            "return [...document.querySelectorAll('[data-testid^=\"bar-\"]')]
                .sort((a, b) => a.dataset.testid.slice(4) - b.dataset.testid.slice(4))
                .map(e => parseFloat(e.dataset.probability))",
            &[],
        );
        all.as_array().expect("an array").iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
    }

    /// Console messages that are errors or warnings of the page's own making.
    pub fn complaints(&self) -> Vec<String> {
        let bad = |(level, words): (String, String)| (level == "SEVERE").then_some(words);
        self.browser.console().into_iter().filter_map(bad).collect()
    }

    /// How many examples a class has.
    #[track_caller]
    pub fn count(&self, class: usize) -> usize {
        let count = self.of(&format!("count-{class}"), "return parseInt(e.dataset.count ?? e.textContent)");
        count.as_u64().unwrap_or_else(|| panic!("the count of class {class} is {count}")) as usize
    }

    /// Exchanges the labels of two classes, for all examples shown so far: neighbours between their cards, others by name.
    #[track_caller]
    pub fn swap(&self, first: usize, second: usize) {
        if second == first + 1 {
            return self.click(&format!("swap-{first}"));
        }
        for (id, class) in [("swap-first", first), ("swap-second", second)] {
            let name = self.of(&format!("class-name-{class}"), "return e.value");
            self.of(id, "e.focus()");
            // Typing a name picks it, as in any list.
            self.browser.keys(name.as_str().expect("a class has a name"));
            let picked = self.of(id, "return e.options[e.selectedIndex].textContent");
            assert_eq!(picked, name, "{id} did not take the name");
        }
        self.click("swap-any");
    }

    /// Hides the tab from its page, or shows it again: a headless browser hides none by itself.
    pub fn hide(&self, hidden: bool) {
        let script = "Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true }); \
                      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))";
        self.browser.script(script, &[json!(hidden)]);
    }

    /// Taps an element with a finger.
    #[track_caller]
    pub fn tap(&self, id: &str) {
        let (x, y) = self.middle(id);
        self.of(
            id,
            "window.tapped = false; e.addEventListener('click', () => { window.tapped = true; }, { once: true, capture: true });",
        );
        let touch = |kind: &str, points: Value| {
            self.browser.devtools("Input.dispatchTouchEvent", &json!({ "type": kind, "touchPoints": points }));
        };
        // On a busy machine the finger may lie there so long that it is a long press, of which no click comes: a visitor
        // taps once more.
        let tapped = (0..8).any(|_| {
            touch("touchStart", json!([{ "x": x, "y": y }]));
            touch("touchEnd", json!([]));
            (0..20).any(|_| {
                thread::sleep(Duration::from_millis(50));
                self.browser.script("return window.tapped", &[]) == true
            })
        });
        assert!(tapped, "no tap on \"{id}\" became a click");
        self.settle();
    }

    /// Waits until an attribute or text that a function body reads from an element is as wanted.
    #[track_caller]
    pub fn wait_of(&self, id: &str, what: &str, body: &str) -> Value {
        wait_for(what, ANSWERING, || {
            let value = if self.has(id) { self.of(id, body) } else { Value::Null };
            (!value.is_null() && value != false).then_some(value)
        })
    }

    /// What axe-core finds against WCAG 2 A and AA, a line each; none where the checker is missing and nobody promised
    /// it.
    pub fn violations(&self) -> Option<Vec<String>> {
        let Some(file) = env::var_os("AXE") else {
            assert!(!required(), "axe-core was promised, and AXE does not name it: run `cargo xtask test`");
            testing::skip("no axe-core (run `cargo xtask test`, which fetches it)");
            return None;
        };
        let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.browser.script(&format!("if (!window.axe) {{ {source} }}"), &[]);
        let found = self.browser.script(
            "return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(r =>
                r.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${v.help}: ${n.html.slice(0, 200)} ${n.any.concat(n.all).map(c => c.message).join('; ')}`)))",
            &[],
        );
        let lines = found.as_array().unwrap_or_else(|| panic!("axe-core gave {found}"));
        Some(lines.iter().map(|line| line.as_str().unwrap_or_default().to_string()).collect())
    }

    /// The address the page was opened under, without its query.
    pub fn url(&self) -> String {
        let url = self.browser.script("return location.origin", &[]);
        format!("{}/", url.as_str().unwrap_or_default())
    }

    /// The pixels that the preview of what the learner sees holds, as grey levels 0–255, row by row.
    pub fn seen(&self) -> Vec<u8> {
        let data = self.of(
            "seen",
            "const d = e.getContext('2d').getImageData(0, 0, e.width, e.height).data;
             return [...d].filter((_, i) => i % 4 == 0);",
        );
        data.as_array().expect("pixels").iter().map(|value| value.as_u64().unwrap_or(0) as u8).collect()
    }
}

/// The number of the largest probability.
pub fn best(probabilities: &[f64]) -> usize {
    let largest = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    largest.expect("there is at least one class")
}
