//! Finds the tools that a command needs, and installs what is missing after saying what and why.
//!
//! On any system with rustup most of it is one `rustup target add` and two `cargo install`s into the user's cache. The
//! browser, the software Vulkan driver and, where rustup cannot download, a Rust with a WebAssembly library come from
//! Debian's or Ubuntu's packages. Elsewhere the error says what to install by hand.

pub mod browsers;
pub mod debian;
pub mod npm;
pub mod onnx;
pub mod programs;
pub mod python;
pub mod rust;
pub mod system;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::programs::{chromedriver, chromium, has_vulkan_loader, vulkan_driver};
use self::system::{Package, install_packages};
use crate::shell::{cache_folder, which};
use crate::workspace::Workspace;

/// 0.22 needs a newer Rust than this workspace.
const TRUNK_VERSION: &str = "0.21.14";
/// npm's binaryen, whose wasm-opt reads what today's Rust writes.
const BINARYEN_VERSION: &str = "132.0.0";

/// What Trunk and wasm-bindgen are for.
const BUILDS: &str = "the page is built with it";

/// What a command needs beyond cargo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Building the page: Rust's library for WebAssembly, wasm-bindgen, Trunk.
    Page,
    /// rustfmt and clippy.
    Lints,
    /// Chromium and its driver.
    Browser,
    /// Chromium alone.
    Chromium,
    /// Firefox and WebKit with their drivers, where they can be had.
    Engines,
    /// A Vulkan adapter that computes on the CPU, so that GPU code is tested on any machine.
    SoftwareAdapter,
    /// Python with what its package is built and tested with.
    Python,
    /// A Python with onnxruntime, for ONNX files.
    Onnx,
}

/// The tools that were found or installed. Those that were not asked for may be `None`.
pub struct Tools {
    wasm: Wasm,
    folder: PathBuf,
    /// The program that makes WebAssembly smaller, where there is one.
    pub wasm_opt: Option<PathBuf>,
    /// The browser's program.
    pub chromium: Option<PathBuf>,
    /// The WebDriver server that belongs to it.
    pub chromedriver: Option<PathBuf>,
    /// Which other browsers there are.
    pub engines: Option<browsers::Engines>,
    /// The folder of the packages of npm's that tests use.
    pub npm: Option<PathBuf>,
    /// The description of a software Vulkan driver, for `VK_DRIVER_FILES`.
    pub vulkan_driver: Option<PathBuf>,
    /// The folder of the virtual environment for the Python package.
    pub python: Option<PathBuf>,
    /// The Python that has onnxruntime, where it can be had.
    pub onnx: Option<PathBuf>,
}

/// Where Rust's library for WebAssembly comes from.
enum Wasm {
    /// The toolchain that runs us has it.
    Rustup,
    /// Debian's Rust in /usr/bin, with a library that we built.
    Debian(debian::Toolchain),
    /// Not asked for.
    None,
}

impl Tools {
    /// A command that builds for WebAssembly: the right Rust, linker and tools come first on its PATH.
    pub fn wasm_command(&self, program: &str) -> Command {
        let mut folders = vec![self.folder.join("bin")];
        if let Wasm::Debian(_) = self.wasm {
            folders.push("/usr/bin".into());
        }
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(folders).expect("folders of PATH can be joined again");

        // The program itself must be looked up on the new PATH, not on ours.
        let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| program.into()));
        command.env("PATH", path);
        if let Wasm::Debian(toolchain) = &self.wasm {
            // What rustup's cargo passes to its children would make Debian's rustc load the wrong compiler.
            for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "CARGO"] {
                command.env_remove(name);
            }
            command.env("RUSTC", &toolchain.rustc);
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &toolchain.linker);
        }
        command
    }

    /// Whether clippy can look at the page as WebAssembly; Debian's Rust brings no clippy of its own version.
    pub fn wasm_has_clippy(&self) -> bool {
        matches!(self.wasm, Wasm::Rustup)
    }
}

/// Finds everything in `needs`, installing what is missing.
///
/// # Errors
/// Says which tool could not be had, and how to install it by hand.
pub fn setup(workspace: &Workspace, needs: &[Need]) -> Result<Tools, String> {
    let mut tools = Tools {
        wasm: Wasm::None,
        folder: cache_folder()?.join("tools"),
        wasm_opt: None,
        chromium: None,
        chromedriver: None,
        engines: None,
        npm: None,
        vulkan_driver: None,
        python: None,
        onnx: None,
    };
    if needs.contains(&Need::Lints) {
        rust::lints()?;
    }
    let needs_debian = needs.contains(&Need::Page) && !rust::wasm_by_rustup(|| debian::found(&tools.folder).is_some())?;
    install_packages(&missing_packages(needs, &tools.folder, needs_debian))?;

    if needs.contains(&Need::Page) {
        tools.wasm =
            if needs_debian { Wasm::Debian(debian::toolchain(workspace, &tools.folder)?) } else { Wasm::Rustup };
        // The command line tool must be of exactly the crate's version, so the lock file is asked.
        let bindgen = workspace.locked_version("wasm-bindgen")?;
        // Neither downloads anything here, so both do without TLS, half of what they would compile.
        // Its own lock file does not build any more with --locked.
        let program = ["--no-default-features", "--bin", "wasm-bindgen"];
        rust::cargo_tool(&tools.folder, "wasm-bindgen", "wasm-bindgen-cli", &bindgen, &program, BUILDS)?;
        let alone = ["--locked", "--no-default-features"];
        rust::cargo_tool(&tools.folder, "trunk", "trunk", TRUNK_VERSION, &alone, BUILDS)?;
        // The page works without it as well, and is larger then.
        let smaller = "makes the page smaller";
        tools.wasm_opt =
            npm::tool(&tools.folder, "wasm-opt", "binaryen", BINARYEN_VERSION, smaller).or_else(|| which("wasm-opt"));
    }
    let by_hand =
        "Install Chromium or Chrome and the chromedriver of the same version, or name them in CHROME and CHROMEDRIVER.";
    if needs.contains(&Need::Browser) || needs.contains(&Need::Chromium) {
        tools.chromium = Some(chromium().ok_or_else(|| format!("no Chromium was found. {by_hand}"))?);
    }
    if needs.contains(&Need::Browser) {
        tools.chromedriver = Some(chromedriver().ok_or_else(|| format!("no chromedriver was found. {by_hand}"))?);
        tools.npm = Some(npm::install_packages(&tools.folder)?);
    }
    if needs.contains(&Need::Engines) {
        tools.engines = Some(browsers::find(&tools.folder)?);
    }
    if needs.contains(&Need::SoftwareAdapter) && cfg!(target_os = "linux") {
        let driver = vulkan_driver().ok_or(
            "no software Vulkan driver was found. Install Mesa's (lavapipe), or name its .json in VK_DRIVER_FILES.",
        )?;
        tools.vulkan_driver = Some(driver);
    }
    if needs.contains(&Need::Python) {
        tools.python = Some(python::environment(&tools.folder)?);
    }
    if needs.contains(&Need::Onnx) {
        tools.onnx = match onnx::python(&tools.folder) {
            Ok(python) => Some(python),
            Err(why) if env::var_os("CI").is_some() => return Err(why),
            // the tests that need it say that they skip
            Err(why) => {
                eprintln!("ONNX files are not checked: {why}");
                None
            }
        };
    }
    Ok(tools)
}

/// The system's packages that `needs` lacks here. `needs_debian` says that the page is to be built with Debian's Rust.
fn missing_packages(needs: &[Need], tools: &Path, needs_debian: bool) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut add = |name: &str, reason| packages.push(Package { name: name.into(), reason });
    if needs_debian && debian::found(tools).is_none() {
        for name in debian::PACKAGES {
            add(name, "Rust's library for WebAssembly, which rustup could not download");
        }
        if debian::linker().is_none() {
            add("lld", "the linker for WebAssembly");
        }
    }
    if (needs.contains(&Need::Browser) || needs.contains(&Need::Chromium)) && chromium().is_none() {
        add("chromium", "the browser that tests the page");
    }
    if needs.contains(&Need::Browser) {
        if chromedriver().is_none() {
            add("chromium-driver", "drives the browser in tests");
        }
        if npm::packages(tools).is_none() && which("npm").is_none() {
            add("npm", "fetches what the page and the npm package are tested with");
        }
    }
    if needs.contains(&Need::SoftwareAdapter) && cfg!(target_os = "linux") {
        let reason = "a GPU in software, so that GPU code is tested without one";
        if vulkan_driver().is_none() {
            add("mesa-vulkan-drivers", reason);
        }
        if !has_vulkan_loader() {
            add("libvulkan1", reason);
        }
    }
    if needs.contains(&Need::Python) && python::interpreter().is_none() {
        add("python3-venv", "builds and tests the Python package");
    }
    if needs.contains(&Need::Engines) {
        packages.extend(browsers::missing_packages());
    }
    packages
}
