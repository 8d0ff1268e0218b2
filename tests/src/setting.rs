//! How a test is started: numbers from its environment, and its browser.

use std::env;

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

/// How the browser is started. Other browsers than Chromium heed the size of the window and `dark` alone.
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
    /// Whether requests are logged, for `Browser::requested`. Chromium then holds what it has loaded in memory for as long as
    /// the page is open.
    pub requests: bool,
    /// More arguments of the browser, such as those of its fake camera.
    pub extra: &'static [&'static str],
}

impl Setting {
    /// A desk with a mouse.
    pub const DESK: Setting =
        Setting { gpu: Gpu::Software, width: 1280, height: 900, dark: false, phone: false, requests: true, extra: &[] };
}

impl Default for Setting {
    fn default() -> Self {
        Setting::DESK
    }
}

/// A number from the environment.
///
/// # Panics
/// There is something else under that name.
pub fn number(name: &str, default: u64) -> u64 {
    env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found {text}")))
}
