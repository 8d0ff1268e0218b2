//! A real browser, driven by the WebDriver protocol that its own driver speaks.
//!
//! Only the commands that the tests need are here. Every fault panics with what was asked and what came back, as this is
//! for tests alone. What only Chromium can do (its DevTools protocol, its log, drops from a file manager) says so.

use std::cell::RefCell;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::driver::{Driver, PATIENCE};
pub use crate::kind::BrowserKind;
use crate::kind::{Programs, downloads};
pub use crate::setting::{Gpu, INSECURE_HOST, Setting};

/// How many browsers run at a time. One alone leaves a third to a half of two cores idle, as it waits for its driver;
/// more than two software GPUs would only slow each other down.
const AT_A_TIME: usize = 2;

/// One of the [`AT_A_TIME`] places, given back when this is dropped.
struct Place;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Place {
    /// Waits for a place. A test that failed has poisoned the lock; the next one is not concerned.
    fn take() -> Place {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED.wait_while(taken, |taken| *taken >= AT_A_TIME).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

/// A running browser with one tab. It ends when this is dropped.
pub struct Browser {
    /// Which one it is.
    pub kind: BrowserKind,
    session: String,
    profile: PathBuf,
    driver: Driver,
    /// The selector of the frame that commands go to.
    frame: RefCell<Option<String>>,
    _place: Place,
}

/// Whether a missing page or Chromium is a failure.
pub fn required() -> bool {
    BrowserKind::Chromium.required()
}

impl Browser {
    /// Starts Chromium, or gives `None` after saying why there is none, where none was promised.
    pub fn start(setting: Setting) -> Option<Browser> {
        Browser::start_kind(BrowserKind::Chromium, setting)
    }

    /// Starts a browser, or gives `None` after saying why there is none, where none was promised.
    pub fn start_kind(kind: BrowserKind, setting: Setting) -> Option<Browser> {
        let programs = kind.programs()?;
        let place = Place::take();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("page-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let profile = env::temp_dir().join(name);
        let made = fs::create_dir_all(downloads(&profile));
        made.unwrap_or_else(|error| panic!("cannot make {}: {error}", profile.display()));
        let driver = Driver::start(kind, &programs, &profile, setting.dark);
        let mut browser =
            Browser { kind, session: String::new(), profile, driver, frame: RefCell::default(), _place: place };
        browser.open_session(&setting, &programs);
        Some(browser)
    }

    fn open_session(&mut self, setting: &Setting, programs: &Programs) {
        let wanted = self.kind.capabilities(programs, &self.profile, setting);
        let answer = self.driver.send("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        self.session = answer["sessionId"].as_str().expect("a new session has an id").to_string();
        self.command("POST", "timeouts", &json!({ "script": PATIENCE.as_millis() as u64 }));
        if self.kind != BrowserKind::Chromium {
            return self.fit_window(setting);
        }
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": setting.width, "height": setting.height, "deviceScaleFactor": 1, "mobile": setting.phone }),
        );
        if setting.phone {
            self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }));
        }
        let scheme = if setting.dark { "dark" } else { "light" };
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// Gives the window the size with which its page has the wanted one.
    fn fit_window(&self, setting: &Setting) {
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let (width, height) = (i64::from(setting.width), i64::from(setting.height));
        let resize = |width: i64, height: i64| {
            self.command("POST", "window/rect", &json!({ "width": width, "height": height }));
        };
        resize(width, height);
        wait_for("the window's size", PATIENCE, || {
            let inner = self.script("return [innerWidth, innerHeight]", &[]);
            let lacking = (width - number(&inner[0]), height - number(&inner[1]));
            if lacking == (0, 0) {
                return Some(());
            }
            let outer = self.command("GET", "window/rect", &Value::Null);
            resize(number(&outer["width"]) + lacking.0, number(&outer["height"]) + lacking.1);
            None
        });
    }

    /// The folder where downloads go.
    pub fn downloads_folder(&self) -> PathBuf {
        let folder = downloads(&self.profile);
        if self.kind == BrowserKind::Chromium {
            self.downloads(&folder);
        }
        folder
    }

    /// Opens an address and waits for its load event.
    pub fn open(&self, url: &str) {
        self.command("POST", "url", &json!({ "url": url }));
        *self.frame.borrow_mut() = None;
    }

    /// Opens another tab, goes there, and gives its name.
    pub fn new_tab(&self) -> String {
        let tab = self.command("POST", "window/new", &json!({ "type": "tab" }));
        let name = tab["handle"].as_str().expect("a tab has a name").to_string();
        self.go_to_tab(&name);
        name
    }

    /// The name of the tab that commands go to.
    pub fn tab(&self) -> String {
        self.command("GET", "window", &Value::Null).as_str().expect("a tab has a name").to_string()
    }

    /// Goes to another tab.
    pub fn go_to_tab(&self, name: &str) {
        self.command("POST", "window", &json!({ "handle": name }));
    }

    /// Closes the tab, without asking what it is about, and goes to another.
    pub fn close_tab(&self, then: &str) {
        self.command("DELETE", "window", &Value::Null);
        self.go_to_tab(then);
    }

    /// Has commands go to the frame that a selector finds.
    pub fn enter_frame(&self, css: &str) {
        let element = self.command("POST", "element", &json!({ "using": "css selector", "value": css }));
        self.command("POST", "frame", &json!({ "id": element }));
        *self.frame.borrow_mut() = Some(css.to_string());
    }

    /// Has commands go to the page itself again.
    pub fn leave_frame(&self) {
        self.command("POST", "frame", &json!({ "id": null }));
        *self.frame.borrow_mut() = None;
    }

    /// Runs a script in each page of the tab before the page's own, in Chromium.
    pub fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Runs a function body in the page and gives what it returns. `arguments` are its arguments.
    pub fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// Sends a command of the DevTools protocol to every worker, in Chromium; what they answer is not heard.
    pub fn devtools_of_workers(&self, name: &str, parameters: &Value) {
        let targets = self.devtools("Target.getTargets", &json!({}));
        let all = targets["targetInfos"].as_array().cloned().unwrap_or_default();
        for worker in all.iter().filter(|target| target["type"] == "worker") {
            let target = json!({ "targetId": worker["targetId"], "flatten": false });
            let attached = self.devtools("Target.attachToTarget", &target);
            let message = json!({ "id": 1, "method": name, "params": parameters }).to_string();
            let session = json!({ "sessionId": attached["sessionId"], "message": message });
            self.devtools("Target.sendMessageToTarget", &session);
            // a worker that the command has brought down has no session any more
            let _ = self.try_devtools("Target.detachFromTarget", &json!({ "sessionId": attached["sessionId"] }));
        }
    }

    /// Sends a command of the DevTools protocol, which only Chromium has.
    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.try_devtools(name, parameters).unwrap_or_else(|error| panic!("{name} {parameters}: {error}"))
    }

    fn try_devtools(&self, name: &str, parameters: &Value) -> Result<Value, String> {
        let path = format!("/session/{}/goog/cdp/execute", self.session);
        self.driver.try_send("POST", &path, &json!({ "cmd": name, "params": parameters }))
    }

    /// Draws strokes with the mouse, in CSS pixels of the viewport of page or frame: down at each one's first point, up at
    /// its last.
    pub fn draw(&self, strokes: &[Vec<(f64, f64)>]) {
        let frame = self.frame.borrow().clone();
        let Some(css) = frame else { return self.draw_on_page(strokes, (0.0, 0.0)) };
        // In a frame chromedriver and WebKitWebDriver count from the corner of the page, geckodriver from the frame's.
        self.leave_frame();
        let corner = self.script(
            "const r = document.querySelector(arguments[0]).getBoundingClientRect(); return [r.x, r.y]",
            &[json!(css)],
        );
        let of = |index: usize| corner[index].as_f64().expect("a place");
        self.draw_on_page(strokes, (of(0), of(1)));
        self.enter_frame(&css);
    }

    fn draw_on_page(&self, strokes: &[Vec<(f64, f64)>], corner: (f64, f64)) {
        let mut actions = Vec::new();
        for stroke in strokes {
            for (number, (x, y)) in stroke.iter().enumerate() {
                let (x, y) = ((x + corner.0).round() as i64, (y + corner.1).round() as i64);
                actions.push(json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y }));
                if number == 0 {
                    actions.push(json!({ "type": "pointerDown", "button": 0 }));
                }
            }
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        self.command(
            "POST",
            "actions",
            &json!({ "actions": [{
                "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions,
            }]}),
        );
    }

    /// Presses and releases keys one after another, wherever the focus is. Special keys are WebDriver's code points.
    pub fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.command(
            "POST",
            "actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        );
    }

    /// Picks files in the file field of a test id, as its chooser would.
    pub fn files(&self, id: &str, paths: &[PathBuf]) {
        let css = format!("[data-testid=\"{id}\"]");
        let found = self.command("POST", "element", &json!({ "using": "css selector", "value": css }));
        let element = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        let element = element.unwrap_or_else(|| panic!("no element in {found}"));
        let text = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n");
        self.command("POST", &format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Drops files or folders on the element of a test id, as from a file manager, in Chromium.
    pub fn drop_files(&self, id: &str, paths: &[PathBuf]) {
        let script = "const e = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
            e.scrollIntoView({ block: 'center', behavior: 'instant' });
            const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2];";
        let place = self.script(script, &[json!(id)]);
        let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        for kind in ["dragEnter", "dragOver", "drop"] {
            self.devtools(
                "Input.dispatchDragEvent",
                &json!({
                    "type": kind, "x": place[0], "y": place[1],
                    "data": { "items": [], "files": files, "dragOperationsMask": 1 },
                }),
            );
        }
    }

    /// Has downloads go to a folder, in Chromium; see [`Browser::downloads_folder`].
    pub fn downloads(&self, folder: &Path) {
        self.devtools(
            "Browser.setDownloadBehavior",
            &json!({ "behavior": "allow", "downloadPath": folder.display().to_string() }),
        );
    }

    /// What the page wrote to the console and what the browser complained about since the last call, each as
    /// (level, words). Only Chromium tells; of others it is what [`Browser::watch_console`] has heard.
    pub fn console(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        if self.kind != BrowserKind::Chromium {
            let heard = self.script("const all = window.complaints ?? []; window.complaints = []; return all", &[]);
            return heard.as_array().into_iter().flatten().map(|words| ("SEVERE".to_string(), text(words))).collect();
        }
        self.log("browser").iter().map(|entry| (text(&entry["level"]), text(&entry["message"]))).collect()
    }

    /// Listens for errors from now on, until another page is opened, where the browser has no log.
    pub fn watch_console(&self) {
        if self.kind == BrowserKind::Chromium {
            return;
        }
        self.script(
            "if (window.complaints) return;
             const all = window.complaints = [], error = console.error;
             console.error = (...words) => { all.push(words.join(' ')); error.apply(console, words); };
             addEventListener('error', e => all.push(`${e.message} (${e.filename}:${e.lineno})`));
             addEventListener('unhandledrejection', e => all.push(`unhandled: ${e.reason}`));
             document.addEventListener('securitypolicyviolation', e => all.push(`${e.violatedDirective}: ${e.blockedURI}`));",
            &[],
        );
    }

    /// The addresses of all requests since the last call, in Chromium.
    pub fn requested(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for entry in self.log("performance") {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or("{}")).unwrap_or_default();
            if message["message"]["method"] == "Network.requestWillBeSent" {
                urls.extend(message["message"]["params"]["request"]["url"].as_str().map(String::from));
            }
        }
        urls
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.command("POST", "se/log", &json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }

    /// Writes a picture of the whole page, as long as it is (other browsers than Chromium: of the window), into the folder that `SCREENSHOTS` names.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = env::var_os("SCREENSHOTS").map_or_else(|| env::temp_dir().join("screenshots"), PathBuf::from);
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        // Bars and colours move for a moment after a change.
        thread::sleep(Duration::from_millis(500));
        let picture = match self.kind {
            BrowserKind::Chromium => {
                let whole = json!({ "format": "png", "captureBeyondViewport": true });
                self.devtools("Page.captureScreenshot", &whole)["data"].take()
            }
            _ => self.command("GET", "screenshot", &Value::Null),
        };
        let bytes = STANDARD.decode(picture.as_str().expect("a picture")).expect("the picture is base64");
        let path = folder.join(format!("{name}.png"));
        write_atomically(&path, &bytes);
        path
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.driver.send(method, &format!("/session/{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Closes the browser; when that fails there is nothing more to be done, and a panic here would hide the test's.
            let _ = self.driver.try_send("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        self.driver.end();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// Calls `ask` until it gives something; panics with `what` after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < limit, "{what} did not come within {} s", limit.as_secs());
        thread::sleep(Duration::from_millis(30));
    }
}

fn write_atomically(path: &Path, bytes: &[u8]) {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
