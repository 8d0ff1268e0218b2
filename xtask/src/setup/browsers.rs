//! Firefox and WebKit, in which the heart of the page is tested beside Chromium.
//!
//! Debian has both, and Ubuntu WebKit; geckodriver, which neither packages, is compiled into the cache. Elsewhere they are
//! taken where they are found, and a run without them says what to install; with `CI` set it fails.

use std::env;
use std::fs;
use std::path::Path;

use crate::setup::programs::{firefox, geckodriver, webkit_driver, xvfb};
use crate::setup::rust;
use crate::setup::system::Package;
use crate::shell::which;

/// Speaks WebDriver to Firefox.
const GECKODRIVER_VERSION: &str = "0.37.1";
/// What the packages are for.
const REASON: &str = "a browser beside Chromium in which the page is tested";

/// Which of them there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Engines {
    /// Firefox and geckodriver.
    pub firefox: bool,
    /// WebKitGTK's driver, with its small browser, and an X server without a screen.
    pub webkit: bool,
}

/// The system's packages that are missing, where it has them. Ubuntu's Firefox is a snap, which geckodriver does not start.
pub fn missing_packages() -> Vec<Package> {
    if which("apt-get").is_none() {
        return Vec::new();
    }
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let lacking = [
        ("firefox-esr", firefox().is_none() && is_debian(&system)),
        ("webkit2gtk-driver", webkit_driver().is_none()),
        ("xvfb", xvfb().is_none()),
    ];
    let package = |name: &str| Package { name: name.into(), reason: REASON };
    lacking.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| package(name)).collect()
}

/// Whether an os-release file is Debian's own.
fn is_debian(system: &str) -> bool {
    system.lines().any(|line| line.replace('"', "") == "ID=debian")
}

/// Finds both, and compiles geckodriver where Firefox lacks it.
///
/// # Errors
/// When geckodriver does not build; with `CI` set, also when a browser is missing. The words say how to install it.
pub fn find(folder: &Path) -> Result<Engines, String> {
    let firefox = firefox().is_some();
    if firefox && geckodriver().is_none() {
        let purpose = "Firefox is driven by it in tests";
        rust::cargo_tool(folder, "geckodriver", "geckodriver", GECKODRIVER_VERSION, &["--locked"], purpose)?;
    }
    let webkit = webkit_driver().is_some() && xvfb().is_some();
    let missing = [
        (firefox, "Firefox", "Install Firefox (on Ubuntu Mozilla's own package, not the snap), or name it in FIREFOX."),
        (webkit, "WebKit", "Install WebKitGTK's driver and Xvfb (Debian's names: webkit2gtk-driver xvfb)."),
    ];
    for (_, name, by_hand) in missing.into_iter().filter(|(found, ..)| !found) {
        let words = format!("the page is not tested in {name}, which was not found. {by_hand}");
        match env::var_os("CI") {
            Some(_) => return Err(words),
            None => eprintln!("Note: {words}"),
        }
    }
    Ok(Engines { firefox, webkit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_told_from_ubuntu() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian("ID=\"debian\""));
        assert!(!is_debian("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n"));
    }
}
