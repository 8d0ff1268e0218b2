//! `cargo xtask demo`: from a bare clone to a page that learns, with a learner that was meta-trained a minute ago.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::shell::{run as run_shown, which};

use crate::options::Options;
use crate::page;
use crate::profile::SMALL;
use crate::setup::{Need, setup};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask demo [OPTIONS]

Installs what is missing, builds the page into dist/ and serves it on this machine with the shipped learners. Then builds
the trainer, meta-trains the quick learner (a minute or two on two CPU cores, no data set needed), adds it to the served
page, and prints its address. The page can be used as soon as its address is printed.

    --pretrained   the shipped learners only: no trainer is built and nothing is meta-trained
    --no-serve     serve nothing; end when dist/ is complete, with a summary
    --port N       serve on this port (otherwise 8080, or a free one when that is taken)
    --gpu          build the trainer for the GPU too, even where none was found (long to compile)
    --cpu          build the trainer for the CPU only, even where a GPU was found";

/// The port that is tried first.
const PORT: u16 = 8080;
/// The run's folder, below the workspace. It is made anew each time.
const RUN: &str = "runs/demo";
/// The fresh learner, below the page's folder.
const FRESH: &str = "models/fresh.safetensors";
/// What the page opens with.
const SHIPPED: &str = "models/drawing.safetensors";

/// Runs the command.
///
/// # Errors
/// When a tool cannot be had, or the page or the trainer does not build.
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
    if !workspace.root.join(SHIPPED).is_file() {
        return Err(format!(
            "there is no {SHIPPED} in this checkout. Restore it (git checkout models), and try again."
        ));
    }

    let dist = workspace.root.join("dist");
    let mut times = Vec::new();
    let tools = timed(&mut times, "tools", || setup(workspace, &[Need::Page]))?;
    timed(&mut times, "page built", || page::build(workspace, &tools, &dist, SMALL))?;
    // The page comes first: it is there to play with while the trainer compiles.
    let server = if serve { Some(start_server(&dist, port)?) } else { None };
    let trained = if pretrained {
        Ok(())
    } else {
        let features = if cpu || !(gpu || has_gpu()) { "cpu" } else { "cpu,gpu" };
        meta_train(workspace, &dist, features, &mut times)
    };
    let Some(server) = server else {
        trained?;
        return summary(&dist, &times, pretrained);
    };
    match trained {
        Ok(()) => summary(&dist, &times, pretrained)?,
        // The page goes on with the shipped learners.
        Err(error) => eprintln!("error: {error}\nThe page stays open with the shipped learners."),
    }
    println!("\nThe page: {}. Ctrl-C ends it.", server.url());
    if dist.join(FRESH).is_file() {
        println!("The page with your own learner, just meta-trained: {}?model={FRESH}", server.url());
    }
    loop {
        thread::park();
    }
}

/// Builds the trainer, meta-trains the quick learner and exports it into the built page.
fn meta_train(
    workspace: &Workspace,
    dist: &Path,
    features: &str,
    times: &mut Vec<(&'static str, Duration)>,
) -> Result<(), String> {
    timed(times, "trainer built", || {
        if features != "cpu" {
            eprintln!("Building for the GPU as well, which takes a while; --cpu leaves it out.");
        }
        run_shown(&mut workspace.cargo(&["build", "--release", "-p", "trainer", "--features", features]))
    })?;
    timed(times, "meta-trained", || {
        run_shown(workspace.program("trainer").args(["train", "--preset", "quick", "--overwrite", "--out", RUN]))
    })?;
    // Into the built page only: the documented figures are of the shipped file in models/.
    timed(times, "exported", || {
        let folder = dist.join("models");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        run_shown(workspace.program("trainer").args(["export", RUN, "--overwrite", "-o"]).arg(dist.join(FRESH)))
    })
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
    for file in crate::sizes::of(dist)? {
        println!("  {:<40} {:>9} bytes, {:>8} gzipped", file.name, file.raw, file.gzipped);
    }
    Ok(())
}

/// Serves the built page and prints its address.
fn start_server(dist: &Path, port: Option<u16>) -> Result<Server, String> {
    let server = match port {
        Some(port) => Server::start(dist, port)?,
        None => Server::start(dist, PORT).or_else(|_| Server::start(dist, 0))?,
    };
    println!("\nOpen {} in a browser. Nothing that you draw leaves this machine.", server.url());
    if env::var_os("SSH_CONNECTION").is_some() {
        println!("Over SSH, forward the port first: WebGPU needs the page to come from localhost.");
    }
    Ok(server)
}
