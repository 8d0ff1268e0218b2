//! `trainer gpu`

use std::path::{Path, PathBuf};

use trainer::device::DeviceArg;

use super::output::Ended;

#[derive(clap::Args)]
pub struct Arguments {
    /// gpu, gpu:n, or software: a GPU's driver that computes on the CPU
    #[arg(long, default_value = "gpu")]
    device: DeviceArg,
    /// Minutes in all; what does not fit is left out, the paper's preset takes what is left
    #[arg(long, default_value_t = 8.0, value_parser = minutes)]
    minutes: f64,
    /// Folder of the report: new, empty, or that of an earlier report, whose run of the paper's preset goes on
    #[arg(long, value_name = "FOLDER", default_value = "runs/gpu")]
    out: PathBuf,
    /// A rehearsal at small sizes, for a software adapter
    #[arg(long)]
    smoke: bool,
    /// Compute each operation by a kernel of its own
    #[arg(long)]
    no_fusion: bool,
    /// The Python that PyTorch is looked for in
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.5..=10_000.0).contains(&minutes) => Ok(minutes),
        _ => Err(format!("expected minutes between 0.5 and 10000, found `{text}`")),
    }
}

/// Checks a GPU.
#[cfg(feature = "wgpu")]
pub fn run(arguments: &Arguments, data_dir: &Path) -> Ended {
    use super::interrupt::stop_flag;
    use super::output::note;
    use trainer::device;
    use trainer::gpu_check::{self, Settings};

    if arguments.no_fusion {
        device::disable_fusion();
    }
    let settings = Settings {
        device: device::open(arguments.device)?,
        out: arguments.out.clone(),
        data_dir: data_dir.to_owned(),
        minutes: arguments.minutes,
        smoke: arguments.smoke,
        python: arguments.python.clone(),
    };
    if settings.device.cpu {
        return Err("this checks a GPU, and the device is the CPU; use --device gpu, gpu:n or software".into());
    }
    note(format!("on {}, {} minutes; Ctrl-C stops it and leaves a report", settings.device.name, settings.minutes));
    let stop = stop_flag()?;
    let report = gpu_check::run(&settings, &stop, &mut |line| note(line))?;
    let folder = arguments.out.display();
    note(format!("wrote {folder}/index.html and {folder}/report.json"));
    match report.agrees() {
        Some(true) => Ok(()),
        Some(false) => Err("this GPU does not compute what the CPU computes; see the report".into()),
        None => Err("nothing was compared; see the report".into()),
    }
}

/// Says what is missing.
#[cfg(not(feature = "wgpu"))]
pub fn run(arguments: &Arguments, _: &Path) -> Ended {
    let Arguments { device: _, minutes: _, out: _, smoke: _, no_fusion: _, python: _ } = arguments;
    Err(trainer::device::DeviceError::NotBuilt.into())
}
