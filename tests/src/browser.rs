//! A real headless Chromium, driven by the WebDriver protocol that its own chromedriver speaks: JSON over HTTP on the
//! loopback address.
//!
//! Only the dozen commands that the tests need are here. Every fault panics with what was asked and what came back, as
//! this is for tests alone.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shaders::testing;
use xtask::chromium;

/// How long one command to the browser may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One browser at a time: two software GPUs on a small machine would only slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A name that leads to this machine and is not `localhost`, so that the browser takes it for an insecure address.
pub const INSECURE_HOST: &str = "page.test";

/// Which GPU interface the page is to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gpu {
    /// WebGPU on Chromium's own software adapter, so that it works on any machine.
    Software,
    /// `navigator.gpu` is there and gives no adapter, as on machines whose driver is blocked.
    NoAdapter,
    /// No `navigator.gpu` at all, as in browsers without WebGPU: the page is opened under [`INSECURE_HOST`], and
    /// browsers give WebGPU to secure addresses only.
    Absent,
}

/// How the browser is started.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The GPU interface.
    pub gpu: Gpu,
    /// The window's inner width in CSS pixels.
    pub width: u32,
    /// The window's inner height in CSS pixels.
    pub height: u32,
    /// Whether the user prefers dark colours.
    pub dark: bool,
    /// Whether it behaves like a phone: touch, and a viewport that obeys `<meta name="viewport">`.
    pub phone: bool,
    /// More arguments of the browser, such as those of its fake camera.
    pub extra: &'static [&'static str],
}

impl Default for Setting {
    fn default() -> Self {
        Setting { gpu: Gpu::Software, width: 1280, height: 900, dark: false, phone: false, extra: &[] }
    }
}

/// A running browser with one tab. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

/// Where chromedriver and the browser are, or `None` (with words) when there are none and nobody promised them.
fn programs() -> Option<(PathBuf, Option<PathBuf>)> {
    if env::var_os("SKIP_BROWSER").is_some() {
        testing::skip("this run leaves the browser out");
        return None;
    }
    let driver = env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| xtask::shell::which("chromedriver"));
    // Without a name chromedriver finds the browser that belongs to it.
    let chrome = env::var_os("CHROME").map(PathBuf::from).or_else(|| xtask::shell::which("chromium"));
    match driver {
        Some(driver) => Some((driver, chrome)),
        None if required() => panic!("a browser was promised, and there is no chromedriver: run `cargo xtask setup`"),
        None => {
            testing::skip("no chromedriver (run `cargo xtask test`, which installs one)");
            None
        }
    }
}

/// Whether a missing browser or page is a failure.
pub fn required() -> bool {
    env::var_os("REQUIRE_BROWSER").is_some_and(|value| value != "0")
}

impl Browser {
    /// Starts a browser, or gives `None` after saying why there is none, where none was promised.
    pub fn start(setting: Setting) -> Option<Browser> {
        let (program, chrome) = programs()?;
        // A test that failed has poisoned the lock; the next one is not concerned.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let (driver, port) = started(&program);

        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("page-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let profile = env::temp_dir().join(name);
        let mut browser = Browser { driver, port, session: String::new(), profile, _alone: alone };
        browser.open_session(setting, chrome);
        Some(browser)
    }

    fn open_session(&mut self, setting: Setting, chrome: Option<PathBuf>) {
        let plain = ["--force-device-scale-factor=1", "--hide-scrollbars"];
        let mut arguments: Vec<String> = chromium::HEADLESS.into_iter().chain(plain).map(String::from).collect();
        match setting.gpu {
            Gpu::Software => {
                arguments.extend([chromium::WEBGPU, chromium::SOFTWARE_ADAPTER].map(String::from));
            }
            Gpu::NoAdapter => arguments.push("--disable-gpu".to_string()),
            Gpu::Absent => arguments.push(format!("--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1")),
        }
        arguments.extend(setting.extra.iter().map(|argument| argument.to_string()));
        arguments.push(format!("--user-data-dir={}", self.profile.display()));
        arguments.push(format!("--window-size={},{}", setting.width, setting.height));
        let mut options = json!({ "args": arguments });
        if let Some(chrome) = chrome {
            options["binary"] = json!(chrome);
        }
        let answer = self.send(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            }}}),
        );
        self.session = answer["sessionId"].as_str().expect("a new session has an id").to_string();
        self.command("POST", "timeouts", &json!({ "script": PATIENCE.as_millis() as u64 }));
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

    /// Opens an address and waits for its load event.
    pub fn open(&self, url: &str) {
        self.command("POST", "url", &json!({ "url": url }));
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

    /// Runs a script in each page of the tab before the page's own.
    pub fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Runs a function body in the page and gives what it returns. `arguments` are its arguments.
    pub fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// Sends a command of Chromium's DevTools protocol.
    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("POST", "goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    /// Draws strokes with the mouse, in CSS pixels of the viewport: down at each one's first point, up at its last.
    pub fn draw(&self, strokes: &[Vec<(f64, f64)>]) {
        let mut actions = Vec::new();
        for stroke in strokes {
            for (number, (x, y)) in stroke.iter().enumerate() {
                actions.push(
                    json!({ "type": "pointerMove", "duration": 0, "x": x.round() as i64, "y": y.round() as i64 }),
                );
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

    /// Drops files or folders on the element of a test id, as from a file manager.
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

    /// Has downloads go to a folder.
    pub fn downloads(&self, folder: &Path) {
        self.devtools(
            "Browser.setDownloadBehavior",
            &json!({ "behavior": "allow", "downloadPath": folder.display().to_string() }),
        );
    }

    /// What the page wrote to the console and what the browser complained about since the last call, each as
    /// (level, words).
    pub fn console(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        self.log("browser").iter().map(|entry| (text(&entry["level"]), text(&entry["message"]))).collect()
    }

    /// The addresses of all requests since the last call.
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

    /// Writes a picture of the whole page, as long as it is, into the folder that `SCREENSHOTS` names.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = env::var_os("SCREENSHOTS").map_or_else(|| env::temp_dir().join("screenshots"), PathBuf::from);
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        // Bars and colours move for a moment after a change.
        thread::sleep(Duration::from_millis(500));
        let answer =
            self.devtools("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let bytes = STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("the picture is base64");
        let path = folder.join(format!("{name}.png"));
        write_atomically(&path, &bytes);
        path
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.send(method, &format!("/session/{}/{path}", self.session), body)
    }

    /// One request to chromedriver. Panics with its words when it answers with an error.
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_send(method, path, body);
        answer.unwrap_or_else(|error| panic!("chromedriver: {method} {path}: {error}"))
    }

    fn try_send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(|e| e.to_string())?;
        let content = body_of(stream).map_err(|error| format!("no answer: {error}"))?;
        let mut answer: Value = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
            None => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Closes the browser; when that fails there is nothing more to be done, and a panic here would hide the test's.
            let _ = self.try_send("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        xtask::shell::end(&mut self.driver);
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// The content of an HTTP answer. chromedriver keeps the connection open, so its length must be heeded.
fn body_of(stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// Starts chromedriver; the process and its port. It takes a free port for IPv6 first and gives up when some other program
/// has the same number for IPv4, so it is started again a few times.
fn started(program: &Path) -> (Child, u16) {
    let mut said = String::new();
    for _ in 0..5 {
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        match announced_port(&mut driver) {
            Ok(port) => return (driver, port),
            Err(words) => said = words,
        }
        // Its end was seen in its output; this frees its entry in the table of processes.
        driver.wait().ok();
    }
    panic!("chromedriver ended before it was ready: {said}");
}

/// Reads the port that chromedriver chose from what it prints, or all it printed before it ended.
fn announced_port(driver: &mut Child) -> Result<u16, String> {
    let pipe = driver.stdout.take().expect("its output was asked for as a pipe");
    let mut lines = BufReader::new(pipe).lines();
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        // "ChromeDriver was started successfully on port 40123."
        if let Some((_, number)) = line.split_once("successfully on port ") {
            // Nobody reads the rest, but a closed pipe would end chromedriver.
            thread::spawn(move || lines.for_each(drop));
            return Ok(number.trim_end_matches('.').parse().expect("a port is a number"));
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(said)
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
