//! Which source of meta-training tasks gives a learner for which data.

use super::cell::{ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::section::{Results, Section, headline, name_of};

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "prior", about: "which synthetic prior transfers where", cells, section };

/// Meta-training on one source, measured on all.
fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let measures: Vec<Measure> = grid.all_data().iter().map(|data| grid.headline(data, data)).collect();
    let families = ["spectral", "network", "clusters", "prototypes", "sparse", "strokes", "fields", "mixtures"];
    let mut plans: Vec<(String, Vec<String>)> = Vec::new();
    let none = || families.iter().map(|family| format!("tasks.prior.{family}=0")).collect::<Vec<_>>();
    for family in grid.by(vec!["prototypes"], families.to_vec(), families.to_vec()) {
        let mut set = none();
        set.extend([format!("tasks.prior.{family}=1"), "tasks.data=[\"prior\"]".to_owned()]);
        plans.push((format!("prior: {family}"), set));
    }
    plans.push(("prior: default mix".into(), vec!["tasks.data=[\"prior\"]".to_owned()]));
    if grid.scale != Scale::Smoke {
        for data in ["mnist", "fashion-mnist"] {
            plans.push((data.to_owned(), vec![format!("tasks.data=[\"{data}\"]")]));
        }
    }
    for (name, set) in plans {
        let set = [grid.learner("shifted"), set].concat();
        grid.add(&name.replace(": ", "-").replace(' ', "-"), &[("train", word(&name))], &set, &measures, None)?;
    }
    Ok(())
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: "Which source of meta-training tasks gives a learner for which data?".into(),
        ..Section::default()
    };
    let trained = data.words("train");
    let tested = data.tested();
    let value = |train: &str, test: &str| {
        data.seeds(&|c| c.cell.word("train") == train, &|c| c.measured(test, "").map(headline))
    };
    let title = "Accuracy by source of meta-training and data of the test";
    section.accuracy_map("prior", title, ("trained on", &trained), &tested, &|train, test| value(train, test).mean);
    section.accuracy_table(("trained on", &trained), &tested, &value);
    let synthetic: Vec<&String> = trained.iter().filter(|t| t.starts_with("prior")).collect();
    for test in tested.iter().filter(|t| t.as_str() != "random" && t.as_str() != "prior") {
        let best = synthetic.iter().max_by(|a, b| value(a, test).mean.total_cmp(&value(b, test).mean));
        let worst = synthetic.iter().min_by(|a, b| value(a, test).mean.total_cmp(&value(b, test).mean));
        if let (Some(best), Some(worst)) = (best, worst) {
            let own = trained.contains(test).then(|| format!("; trained on itself {} %", value(test, test).percent()));
            section.claim(
                None,
                format!(
                    "{}: best synthetic source {best}, {} %; worst {worst}, {} %{}.",
                    name_of(test),
                    value(best, test).percent(),
                    value(worst, test).percent(),
                    own.unwrap_or_default()
                ),
            );
        }
    }
    section
}
