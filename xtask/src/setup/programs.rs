//! Programs and drivers of the system that are looked for, not installed, here: the browser, its driver, a software GPU.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{cache_folder, which};

/// The browser: named in `CHROME`, or found under one of its usual names.
pub fn chromium() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROME") {
        return Some(named.into());
    }
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
        .into_iter()
        .find_map(which)
        .or_else(|| {
            [
                "/Applications/Chromium.app/Contents/MacOS/Chromium",
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            ]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
        })
}

/// The WebDriver server of the browser: named in `CHROMEDRIVER`, or on PATH.
pub fn chromedriver() -> Option<PathBuf> {
    env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| which("chromedriver"))
}

/// Firefox: named in `FIREFOX`, or found under one of its usual names.
pub fn firefox() -> Option<PathBuf> {
    env::var_os("FIREFOX").map(PathBuf::from).or_else(|| {
        ["firefox-esr", "firefox"].into_iter().find_map(which).or_else(|| {
            let mac = PathBuf::from("/Applications/Firefox.app/Contents/MacOS/firefox");
            mac.is_file().then_some(mac)
        })
    })
}

/// The WebDriver server of Firefox: named in `GECKODRIVER`, on PATH, or compiled into the project's cache.
pub fn geckodriver() -> Option<PathBuf> {
    env::var_os("GECKODRIVER").map(PathBuf::from).or_else(|| which("geckodriver")).or_else(|| {
        let ours = cache_folder().ok()?.join("tools/bin").join(format!("geckodriver{}", env::consts::EXE_SUFFIX));
        ours.is_file().then_some(ours)
    })
}

/// The WebDriver server of WebKitGTK, which starts the small browser that comes with it: named in `WEBKITDRIVER`, or on PATH.
pub fn webkit_driver() -> Option<PathBuf> {
    env::var_os("WEBKITDRIVER").map(PathBuf::from).or_else(|| which("WebKitWebDriver"))
}

/// The X server without a screen, for WebKitGTK, which has no headless mode.
pub fn xvfb() -> Option<PathBuf> {
    which("Xvfb")
}

/// The description of a software Vulkan driver: named in `VK_DRIVER_FILES`, else Mesa's lavapipe.
pub fn vulkan_driver() -> Option<PathBuf> {
    if let Some(named) = env::var_os("VK_DRIVER_FILES") {
        return Some(named.into());
    }
    fs::read_dir("/usr/share/vulkan/icd.d").ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("lvp_icd")
    })
}

/// The Vulkan loader, which finds the driver, where the system has one.
pub fn vulkan_loader() -> Option<PathBuf> {
    let triple = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    ["/usr/lib", "/usr/lib64", "/lib64", "/usr/local/lib", triple.as_str()]
        .into_iter()
        .map(|folder| Path::new(folder).join("libvulkan.so.1"))
        .find(|path| path.exists())
}

/// Whether the system has the Vulkan loader.
pub fn has_vulkan_loader() -> bool {
    vulkan_loader().is_some()
}
