//! `cargo xtask gpu`: a folder that checks any machine's GPU, with nothing installed there, and a check of this one.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::options::Options;
use crate::setup::programs::vulkan_loader;
use crate::shell::{output, run as run_shown};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask gpu [OPTIONS] [-- OPTIONS OF trainer gpu]

Builds the trainer for GPUs, packs it with a script, MNIST and a Vulkan loader into a folder that runs on a machine
without network, compiler or package manager, and runs it here: which adapters there are, whether this GPU computes what
the CPU computes, how long training steps take (beside PyTorch, where Python has it), and training from start to end. The
report is in report/index.html of the folder.

    --out FOLDER       the folder (otherwise gpu-check in cargo's target folder)
    --features LIST    features of the trainer in the place of gpu: vulkan, metal or cuda for one kind of card
    --pack             pack the folder and run nothing
    --smoke            small sizes on a software adapter, as a rehearsal
    -- --minutes 30    what comes after -- is for `trainer gpu`; see its --help";

/// The script of the folder.
const SCRIPT: &str = r#"#!/bin/sh
# Checks this machine's GPU, and writes report/index.html. Needs nothing but a GPU's driver.
#   ./gpu.sh                      eight minutes on the first GPU
#   ./gpu.sh --minutes 30         longer; the run of the paper's preset goes on where the last one ended
#   ./gpu.sh --device software --smoke    a rehearsal on a software adapter
set -eu
cd "$(dirname "$0")"
if [ ! -x trainer ] || [ trainer.gz -nt trainer ]; then
    gzip -dc trainer.gz > trainer.part
    chmod +x trainer.part
    mv trainer.part trainer
fi
# a bare machine may have a driver and no Vulkan loader
if [ -d lib ] && ! ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
    LD_LIBRARY_PATH="$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export LD_LIBRARY_PATH
fi
exec ./trainer --data-dir data gpu --out report "$@"
"#;

/// Files of MNIST, 11.3 MB together.
const MNIST: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// Runs the command.
///
/// # Errors
/// The trainer does not build, the folder cannot be written, or the check finds a fault.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let further = match options.words.iter().position(|word| word == "--") {
        Some(at) => options.words.split_off(at).split_off(1),
        None => Vec::new(),
    };
    let folder = options.value("--out")?.map_or_else(|| workspace.target.join("gpu-check"), |f| workspace.root.join(f));
    let features = options.value("--features")?.unwrap_or_else(|| "gpu".into());
    let (pack, smoke) = (options.switch("--pack"), options.switch("--smoke"));
    options.finish()?;
    let features = format!("cpu,{features}");
    run_shown(&mut workspace.cargo(&["build", "--release", "-p", "trainer", "--features", &features]))?;
    let program = workspace.program("trainer").get_program().to_owned();
    fill(Path::new(&program), &folder)?;
    let script = folder.join("gpu.sh");
    println!("{} checks a GPU; the folder holds {:.1} MB.", script.display(), bytes(&folder) as f64 / 1e6);
    if pack {
        return Ok(());
    }
    let mut command = Command::new("sh");
    command.arg(&script).args(further);
    if smoke {
        command.args(["--smoke", "--device", "software"]);
    }
    run_shown(&mut command)
}

/// Puts everything that a check needs into a folder.
fn fill(program: &Path, folder: &Path) -> Result<(), String> {
    let data = folder.join("data/mnist");
    fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    write(&folder.join("gpu.sh"), SCRIPT.as_bytes())?;
    executable(&folder.join("gpu.sh"))?;
    packed(program, folder)?;
    let mut found = 0;
    for file in MNIST {
        let Some(source) = mnist(file) else { continue };
        copy(&source, &data.join(file))?;
        found += 1;
    }
    if found < MNIST.len() {
        println!(
            "MNIST was not found: the paper's tokens will be trained on the synthetic prior (`trainer data fetch mnist`)."
        );
    }
    if let Some(loader) = vulkan_loader() {
        let library = folder.join("lib");
        fs::create_dir_all(&library).map_err(|error| format!("{}: {error}", library.display()))?;
        copy(&loader, &library.join("libvulkan.so.1"))?;
    }
    Ok(())
}

/// The program without its debugging symbols, compressed.
fn packed(program: &Path, folder: &Path) -> Result<(), String> {
    let stripped = folder.join("trainer.stripped");
    let made = output(Command::new("strip").arg("-o").arg(&stripped).arg(program));
    let source = if made.is_ok() { &stripped } else { program };
    let target = folder.join("trainer.gz");
    let compress = || -> io::Result<()> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(source)?)?;
        fs::write(&target, encoder.finish()?)
    };
    compress().map_err(|error| format!("{}: {error}", target.display()))?;
    let _ = fs::remove_file(&stripped);
    // one of an earlier build
    let _ = fs::remove_file(folder.join("trainer"));
    Ok(())
}

/// Where a file of MNIST lies, if it does: where the trainer looks for it.
fn mnist(file: &str) -> Option<PathBuf> {
    let cache = || crate::shell::cache_folder().ok();
    let folders = [env::var_os("GPICL_DATA").map(PathBuf::from), cache()];
    folders.into_iter().flatten().map(|folder| folder.join("mnist").join(file)).find(|path| path.is_file())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // a copy keeps the mode, and one that may not be written cannot be replaced
    let bytes = fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?;
    write(to, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<(), String> {
    Ok(())
}

/// Bytes of all files below a folder.
fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.path() {
        path if path.is_dir() => bytes(&path),
        path => fs::metadata(path).map_or(0, |data| data.len()),
    };
    entries.flatten().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_script_unpacks_the_program_and_hands_its_options_on() {
        let folder = env::temp_dir().join(format!("xtask-gpu-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("program");
        // a program that says what it was given, in place of the trainer
        fs::write(&program, "#!/bin/sh\necho \"$@\"\n").unwrap();
        let packed = folder.join("with a space");
        fill(&program, &packed).unwrap();
        let said = output(Command::new("sh").arg(packed.join("gpu.sh")).args(["--minutes", "3"])).unwrap();
        assert_eq!(said.trim(), "--data-dir data gpu --out report --minutes 3");
        // again, with the program unpacked
        let said = output(Command::new("sh").arg(packed.join("gpu.sh")).arg("--smoke")).unwrap();
        assert_eq!(said.trim(), "--data-dir data gpu --out report --smoke");
        fs::remove_dir_all(&folder).unwrap();
    }
}
