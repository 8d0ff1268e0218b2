//! The browsers that tests run in: their programs, how their drivers are started, and what a session asks of each.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use shaders::testing;
use xtask::chromium;
use xtask::setup::programs;

use crate::setting::{Gpu, INSECURE_HOST, Setting};

/// A browser, by its engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrowserKind {
    /// Headless Chromium or Chrome, through chromedriver.
    Chromium,
    /// Headless Firefox, through geckodriver.
    Firefox,
    /// WebKitGTK's small browser, through WebKitWebDriver, on a display that nobody sees.
    WebKit,
}

/// What a browser needs to run.
pub struct Programs {
    /// The WebDriver server.
    pub driver: PathBuf,
    /// The browser; without it the driver finds its own.
    pub browser: Option<PathBuf>,
    /// The X server without a screen, for a browser that cannot do without a display.
    pub display: Option<PathBuf>,
}

impl BrowserKind {
    /// The name of the engine.
    pub fn name(self) -> &'static str {
        match self {
            BrowserKind::Chromium => "Chromium",
            BrowserKind::Firefox => "Firefox",
            BrowserKind::WebKit => "WebKit",
        }
    }

    /// Whether the caller was promised this browser, so that a missing one is a failure.
    pub fn required(self) -> bool {
        let variable = match self {
            BrowserKind::Chromium => "REQUIRE_BROWSER",
            BrowserKind::Firefox => "REQUIRE_FIREFOX",
            BrowserKind::WebKit => "REQUIRE_WEBKIT",
        };
        env::var_os(variable).is_some_and(|value| value != "0")
    }

    /// Where its programs are, or `None` (with words) when there are none and nobody promised them.
    ///
    /// # Panics
    /// They were promised and one is missing.
    pub fn programs(self) -> Option<Programs> {
        if env::var_os("SKIP_BROWSER").is_some() {
            testing::skip("this run leaves the browser out");
            return None;
        }
        let (found, missing) = match self {
            // Without a name chromedriver finds the browser that belongs to it.
            BrowserKind::Chromium => {
                let browser = env::var_os("CHROME").map(PathBuf::from).or_else(|| xtask::shell::which("chromium"));
                let found = programs::chromedriver().map(|driver| Programs { driver, browser, display: None });
                (found, "chromedriver")
            }
            BrowserKind::Firefox => {
                let found = programs::geckodriver().zip(programs::firefox());
                let found = found.map(|(driver, browser)| Programs { driver, browser: Some(browser), display: None });
                (found, "Firefox with geckodriver")
            }
            BrowserKind::WebKit => {
                let found = programs::webkit_driver().zip(programs::xvfb());
                let found = found.map(|(driver, display)| Programs { driver, browser: None, display: Some(display) });
                (found, "WebKitWebDriver with Xvfb")
            }
        };
        if found.is_none() {
            assert!(
                !self.required(),
                "{} was promised, and there is no {missing}: run `cargo xtask setup`",
                self.name()
            );
            testing::skip(&format!("no {missing} (run `cargo xtask test`, which installs it)"));
        }
        found
    }

    /// The driver's command, for a browser whose own files lie in the folder `profile`. `port` is the one to listen on,
    /// heeded by a driver that cannot choose one and say which.
    pub fn driver(self, programs: &Programs, profile: &Path, port: u16, dark: bool) -> Command {
        let mut command = Command::new(&programs.driver);
        match self {
            BrowserKind::Chromium => {
                command.arg("--port=0");
            }
            BrowserKind::Firefox => {
                command.args(["--port", "0", "--host", "127.0.0.1", "--profile-root"]).arg(profile);
            }
            BrowserKind::WebKit => {
                command.arg(format!("--port={port}"));
                // It has no folder of a profile, but looks for everything below the user's home.
                command.env("HOME", profile).env("XDG_CONFIG_HOME", profile.join("config"));
                command.env("XDG_DATA_HOME", profile.join("data")).env("XDG_CACHE_HOME", profile.join("cache"));
                let folders = format!("XDG_DOWNLOAD_DIR=\"{}\"\n", downloads(profile).display());
                let written = fs::create_dir_all(profile.join("config"))
                    .and_then(|()| fs::write(profile.join("config/user-dirs.dirs"), folders));
                written.unwrap_or_else(|error| panic!("cannot write in {}: {error}", profile.display()));
                command.env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY");
                command.env("GTK_THEME", if dark { "Adwaita:dark" } else { "Adwaita" });
                command.env("GSETTINGS_BACKEND", "memory").env("NO_AT_BRIDGE", "1");
                // without a GPU, painting on the CPU is quicker than a GPU in software
                command.env("WEBKIT_SKIA_ENABLE_CPU_RENDERING", "1");
            }
        }
        command
    }

    /// The port, in a line that the driver prints when it is ready; none for a driver that prints nothing.
    pub fn announced_port(self, line: &str) -> Option<u16> {
        let number = match self {
            // "ChromeDriver was started successfully on port 40123."
            BrowserKind::Chromium => line.split_once("successfully on port ")?.1.trim_end_matches('.'),
            // "1764410000000	geckodriver	INFO	Listening on 127.0.0.1:40123"
            BrowserKind::Firefox => line.split_once("Listening on 127.0.0.1:")?.1,
            BrowserKind::WebKit => return None,
        };
        number.trim().parse().ok()
    }

    /// What a new session asks for.
    pub fn capabilities(self, programs: &Programs, profile: &Path, setting: &Setting) -> Value {
        match self {
            BrowserKind::Chromium => chrome_options(programs, profile, setting),
            BrowserKind::Firefox => json!({
                "browserName": "firefox",
                "moz:firefoxOptions": {
                    "binary": programs.browser,
                    "args": ["-headless"],
                    "prefs": {
                        "browser.download.folderList": 2,
                        "browser.download.dir": downloads(profile).display().to_string(),
                        "browser.download.useDownloadDir": true,
                        "browser.download.alwaysOpenPanel": false,
                        // a camera is given or not without a question
                        "media.navigator.permission.disabled": true,
                        // 0 is dark, 1 is light
                        "layout.css.prefers-color-scheme.content-override": if setting.dark { 0 } else { 1 },
                    },
                },
            }),
            BrowserKind::WebKit => json!({}),
        }
    }
}

/// Where a browser's downloads go, below the folder of its own files.
pub fn downloads(profile: &Path) -> PathBuf {
    profile.join("downloads")
}

/// A headless browser has no pointer at all, and would show a desk what it shows to fingers: this is a mouse.
const MOUSE: &str =
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4";

fn chrome_options(programs: &Programs, profile: &Path, setting: &Setting) -> Value {
    let plain = ["--force-device-scale-factor=1", "--hide-scrollbars"];
    let mut arguments: Vec<String> = chromium::HEADLESS.into_iter().chain(plain).map(String::from).collect();
    match setting.gpu {
        Gpu::Software => {
            arguments.extend([chromium::WEBGPU, chromium::SOFTWARE_ADAPTER].map(String::from));
        }
        Gpu::NoAdapter => arguments.push("--disable-gpu".to_string()),
        Gpu::Absent => arguments.push(format!("--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1")),
    }
    if !setting.phone {
        arguments.push(MOUSE.to_string());
    }
    arguments.extend(setting.extra.iter().map(|argument| argument.to_string()));
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--window-size={},{}", setting.width, setting.height));
    let mut options = json!({ "args": arguments });
    if let Some(chrome) = &programs.browser {
        options["binary"] = json!(chrome);
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL", "performance": if setting.requests { "ALL" } else { "OFF" } },
    })
}
