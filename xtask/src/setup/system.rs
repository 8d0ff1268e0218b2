//! Packages of the system: Debian's and Ubuntu's, installed as root after saying what and why.

use std::process::{Command, Stdio};

use crate::shell::{output, run, which};

/// A package of Debian's or Ubuntu's, and what it is for.
pub struct Package {
    /// Its name there.
    pub name: String,
    /// What it is for, as the user reads it.
    pub reason: &'static str,
}

/// Lists packages and installs them with apt-get.
///
/// # Errors
/// On other systems, and when apt-get fails; says how to install them by hand.
pub fn install_packages(packages: &[Package]) -> Result<(), String> {
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
