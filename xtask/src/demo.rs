//! `cargo xtask demo`: from a bare clone to a page that learns, with a learner that was meta-trained a minute ago.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use xtask::server::Server;
use xtask::shell::{run as run_shown, which};

use crate::options::Options;
use crate::page;
use crate::profile::SMALL;
use crate::setup::{Need, setup};
use crate::workspace::Workspace;

pub const HELP: &str = "\
cargo xtask demo [OPTIONS]

Installs what is missing, builds the trainer, meta-trains the quick learner (a minute or two on two CPU cores, no data
set needed), exports it into the page, builds the page into dist/ and serves it on this machine. The page opens with the
shipped drawing learner; the address with the fresh one is printed beside it.

    --pretrained   the shipped learners alone: nothing is meta-trained
    --no-serve     stop when dist/ is ready, with a summary
    --port N       serve on this port (otherwise 8080, or a free one when that is taken)
    --gpu          build the trainer for the GPU too, even where none was found (long to compile)
    --cpu          build the trainer for the CPU only, even where a GPU was found";

/// The port that is tried first.
const PORT: u16 = 8080;
/// The run's folder, below the workspace. It is made anew each time.
const RUN: &str = "runs/quick";
/// The fresh learner, below the page's folder.
const MODEL: &str = "models/quick.safetensors";

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let pretrained = options.switch("--pretrained");
    let serve = !options.switch("--no-serve");
    let (gpu, cpu) = (options.switch("--gpu"), options.switch("--cpu"));
    let port = options.value("--port")?;
    options.finish()?;
    if gpu && cpu {
        return Err("--gpu and --cpu exclude each other".to_string());
    }
    let port: Option<u16> = match port {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| format!("--port {text}: a port is a number from 0 to 65535"))?),
    };
    if pretrained && !workspace.root.join(MODEL).is_file() {
        return Err(format!("there is no shipped {MODEL}. Leave --pretrained out to meta-train one."));
    }

    let dist = workspace.root.join("dist");
    let mut times = Vec::new();
    let tools = timed(&mut times, "tools", || setup(workspace, &[Need::Page]))?;
    if !pretrained {
        let features = if cpu || !(gpu || has_gpu()) { "cpu" } else { "cpu,gpu" };
        timed(&mut times, "trainer built", || {
            if features != "cpu" {
                eprintln!("Building for the GPU as well, which takes a while; --cpu leaves it out.");
            }
            run_shown(&mut workspace.cargo(&["build", "--release", "-p", "trainer", "--features", features]))
        })?;
        timed(&mut times, "meta-trained", || {
            run_shown(workspace.program("trainer").args(["train", "--preset", "quick", "--overwrite", "--out", RUN]))
        })?;
    }
    timed(&mut times, "page built", || page::build(workspace, &tools, &dist, SMALL))?;
    if !pretrained {
        // Into the built page only: the shipped file in models/ is the one that the documented figures speak of.
        timed(&mut times, "exported", || {
            let folder = dist.join("models");
            fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
            run_shown(workspace.program("trainer").args(["export", RUN, "-o"]).arg(dist.join(MODEL)))
        })?;
    }
    summary(&dist, &times, pretrained)?;
    if serve { serve_page(&dist, port, pretrained) } else { Ok(()) }
}

fn timed<T>(
    times: &mut Vec<(&'static str, Duration)>,
    step: &'static str,
    work: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let start = Instant::now();
    let result = work()?;
    times.push((step, start.elapsed()));
    Ok(result)
}

/// Whether a real GPU seems to be here. A Mac always has one.
fn has_gpu() -> bool {
    let render_node = fs::read_dir("/dev/dri")
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("renderD")));
    cfg!(target_os = "macos")
        || render_node
        || Path::new("/proc/driver/nvidia").exists()
        || which("nvidia-smi").is_some()
}

fn summary(dist: &Path, times: &[(&'static str, Duration)], pretrained: bool) -> Result<(), String> {
    println!(
        "\n{} is ready, with {}.",
        dist.display(),
        if pretrained { "the shipped learners" } else { "the shipped learners and the fresh one" }
    );
    for (step, time) in times {
        println!("  {step:<16} {:>8.1} s", time.as_secs_f64());
    }
    println!("  {:<16} {:>8.1} s", "together", times.iter().map(|(_, time)| time.as_secs_f64()).sum::<f64>());
    for file in xtask::sizes::of(dist)? {
        println!("  {:<40} {:>9} bytes, {:>8} gzipped", file.name, file.raw, file.gzipped);
    }
    Ok(())
}

fn serve_page(dist: &Path, port: Option<u16>, pretrained: bool) -> Result<(), String> {
    let server = match port {
        Some(port) => Server::start(dist, port)?,
        None => Server::start(dist, PORT).or_else(|_| Server::start(dist, 0))?,
    };
    println!("\nOpen {} in a browser; nothing leaves this machine. Ctrl-C ends it.", server.url());
    if !pretrained {
        println!("Your own learner, just meta-trained: {}?model={MODEL}", server.url());
    }
    if env::var_os("SSH_CONNECTION").is_some() {
        println!("Over SSH, forward the port first: WebGPU needs the page to come from localhost.");
    }
    loop {
        thread::park();
    }
}
