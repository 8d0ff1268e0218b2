//! `trainer inspect`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use shaders::Model;
use trainer::learner::read_model;

use super::output::{Ended, print};

#[derive(clap::Args)]
pub struct Arguments {
    /// Model file
    model: PathBuf,
    /// As JSON on stdout
    #[arg(long)]
    json: bool,
    /// As a README for a model hub: what it is, how to use it, what it reaches, how it was made
    #[arg(long, conflicts_with = "json")]
    card: bool,
}

/// Prints what a model file holds.
pub fn run(arguments: &Arguments) -> Ended {
    let path = &arguments.model;
    let model = read_model(path)?;
    let text = if arguments.card {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        trainer::model_card::readme(&name, &model)
    } else if arguments.json {
        let value = serde_json::json!({
            "spec": model.spec,
            "parameters": model.spec.parameters(),
            "hash": model.hash(),
            "metadata": model.metadata,
            "tensors": model.spec.tensors().iter().map(|t| (t.name.clone(), t.shape.clone())).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&value)? + "\n"
    } else {
        lines(path, &model)?
    };
    Ok(print(&text)?)
}

fn lines(path: &Path, model: &Model) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = format!("{}\n", path.display());
    writeln!(text, "  parameters  {}", model.spec.parameters())?;
    writeln!(text, "  bytes       {}", std::fs::metadata(path)?.len())?;
    writeln!(text, "  weights     {}", model.hash())?;
    writeln!(text, "  spec        {}", serde_json::to_string(&model.spec)?)?;
    for (key, value) in &model.metadata {
        if value.contains('\n') {
            writeln!(text, "  {key}")?;
            for line in value.lines() {
                writeln!(text, "    {line}")?;
            }
        } else {
            writeln!(text, "  {key:<11} {value}")?;
        }
    }
    writeln!(text, "  tensors")?;
    for tensor in model.spec.tensors() {
        let values = model.tensor(&tensor.name);
        let rms = (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        writeln!(text, "    {:<28} {:<14} rms {rms:.4}", tensor.name, format!("{:?}", tensor.shape))?;
    }
    Ok(text)
}
