//! Learning from frozen features of a network in place of pixels.

use super::cell::{ExperimentError, Job, Measure};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::paper;
use super::section::{Results, Section, headline, name_of};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "embeddings",
    about: "learning from frozen features of a network in the place of pixels",
    cells,
    section,
};

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let sets = grid.by(vec!["random"], vec!["mnist", "fashion-mnist"], vec!["mnist", "fashion-mnist"]);
    let measures: Vec<Measure> = sets.iter().map(|data| grid.headline(data, data)).collect();
    let networks = grid.by(
        vec![None],
        vec![None, Some("random"), Some("records/drawing/without-mnist.safetensors")],
        vec![None, Some("random"), Some("records/drawing/without-mnist.safetensors")],
    );
    for network in networks {
        let name = match network {
            None => "pixels",
            Some("random") => "random network",
            Some(_) => "trained network",
        };
        let set = grid.learner("shifted");
        let first = grid.cells.len();
        grid.add(&name.replace(' ', "-"), &[("features", word(name))], &set, &measures, None)?;
        for cell in &mut grid.cells[first..] {
            if let Job::Learner { features, .. } = &mut cell.job {
                *features = network.map(str::to_owned);
            }
        }
    }
    Ok(())
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: format!(
            "With frozen features of a pretrained network in the place of pixels the paper's learner works on harder data: \
             about {:.0} % on CIFAR10 (second-hand). Here: the stem of a drawing learner that never saw these sets, and the \
             same stem with random weights.",
            100.0 * paper::EMBEDDINGS_CIFAR10
        ),
        ..Section::default()
    };
    let features = data.words("features");
    let tested = data.tested();
    let value = |network: &str, test: &str| {
        data.seeds(&|c| c.cell.word("features") == network, &|c| c.measured(test, "").map(headline))
    };
    let mean = |network: &str, test: &str| value(network, test).mean;
    section.accuracy_map("embeddings", "Accuracy by features", ("features", &features), &tested, &mean);
    section.accuracy_table(("features", &features), &tested, &value);
    for test in &tested {
        let (pixels, trained) = (value("pixels", test), value("trained network", test));
        if pixels.mean.is_finite() && trained.mean.is_finite() {
            section.claim(
                Some(trained.mean - trained.half > pixels.mean + pixels.half).filter(|_| trained.half.is_finite()),
                format!(
                    "{}: features of a trained network help: pixels {} %, random network {} %, trained network {} %.",
                    name_of(test),
                    pixels.percent(),
                    value("random network", test).percent(),
                    trained.percent()
                ),
            );
        }
    }
    section
}
