//! The card of a model: what its file says of how it was made and of what it reaches.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a file says of itself, for people. Whatever it does not say is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Card {
    /// Heading and words of each line.
    pub lines: Vec<(&'static str, String)>,
    /// What it reached.
    pub figures: Vec<Figures>,
    /// The settings of its run, as TOML.
    pub training: Option<String>,
}

/// Accuracy on one data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Data set and protocol.
    pub title: String,
    /// What the columns count.
    pub head: &'static str,
    /// Number of examples, or of shots.
    pub columns: Vec<u64>,
    /// Name of the learner or rule, accuracy in per cent; its own first.
    pub rows: Vec<(String, Vec<String>)>,
}

/// Data sets by the names that files use.
fn data_words(key: &str) -> &str {
    match key {
        "prior" => "a synthetic prior (no data set)",
        "strokes" => "procedural strokes",
        "omniglot" => "Omniglot",
        "mnist" => "MNIST",
        "fashion-mnist" => "Fashion-MNIST",
        "digits" | "sklearn-digits" => "sklearn-digits",
        other => other,
    }
}

impl Card {
    /// Of a file's metadata.
    pub fn of(metadata: &BTreeMap<String, String>) -> Card {
        let mut card = Card::default();
        let get = |key: &str| metadata.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
        let mut line = |heading, words: Option<String>| card.lines.extend(words.map(|words| (heading, words)));
        line(
            "Meta-trained on",
            get("data").map(|data| data.split(',').map(|key| data_words(key.trim())).collect::<Vec<_>>().join(", ")),
        );
        let by = match (get("software"), get("commit")) {
            (Some(software), Some(commit)) => Some(format!("{software}, commit {commit}")),
            (software, commit) => software.or(commit).map(str::to_owned),
        };
        line("Made by", by);
        line("Steps", get("step").map(str::to_owned));
        line("Licence", get("licence").map(str::to_owned));
        card.training = get("training").map(str::to_owned);
        let results = get("evaluation").and_then(|json| serde_json::from_str::<Value>(json).ok());
        if let Some(results) = results.as_ref().and_then(|all| all["results"].as_array()) {
            card.figures = results.iter().filter_map(figures).collect();
        }
        card
    }
}

fn figures(result: &Value) -> Option<Figures> {
    let text = |key: &str| result[key].as_str();
    let protocol = text("protocol")?;
    let paper = protocol == "paper";
    let positions: Vec<u64> = result["positions"].as_array()?.iter().filter_map(Value::as_u64).collect();
    let percent = |values: &Value| -> Option<Vec<String>> {
        let cells = values.as_array()?.iter().map(|v| v.as_f64().map(|v| format!("{:.1}", 100.0 * v)));
        cells.collect::<Option<Vec<String>>>().filter(|cells| cells.len() == positions.len())
    };
    let mut title = format!("{}, {} split", data_words(text("dataset")?), text("split").unwrap_or("test"));
    if !paper {
        title += &format!(", {}", protocol.strip_prefix("drawing ").unwrap_or(protocol));
    }
    if let Some(size) = result["project"].as_u64() {
        title += &format!(", projected to {size} dimensions");
    }
    if let Some(size) = result["ensemble"].as_u64() {
        title += &format!(", ensemble of {size}");
    }
    let own = percent(&result["accuracy"])?;
    let interval = percent(&result["ci95"]).unwrap_or_default();
    let own = own.iter().enumerate().map(|(i, cell)| match interval.get(i) {
        Some(width) => format!("{cell} ± {width}"),
        None => cell.clone(),
    });
    let mut rows = vec![("this learner".to_owned(), own.collect())];
    if let Some(rules) = result["baselines"].as_object() {
        rows.extend(rules.iter().filter_map(|(name, values)| Some((name.clone(), percent(values)?))));
    }
    Some(Figures {
        title,
        head: if paper { "examples shown" } else { "examples per class" },
        // the paper's protocol counts the query too
        columns: positions.iter().map(|p| p.saturating_sub(u64::from(paper))).collect(),
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_what_the_file_says_and_survives_nonsense() {
        let evaluation = r#"{"results":[
            {"dataset":"mnist","protocol":"paper","split":"test","positions":[11,100],"accuracy":[0.5,0.75],
             "ci95":[0.01,0.02],"project":64,"baselines":{"1-NN cosine":[0.4,0.7]}},
            {"dataset":"mnist","protocol":"drawing 10-way","positions":[1],"accuracy":[0.895]},
            {"dataset":"x"}, 7]}"#;
        let pairs =
            [("data", "prior, omniglot"), ("commit", "abc"), ("software", "trainer 1"), ("evaluation", evaluation)];
        let card = Card::of(&pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(card.lines[0], ("Meta-trained on", "a synthetic prior (no data set), Omniglot".to_owned()));
        assert_eq!(card.lines[1], ("Made by", "trainer 1, commit abc".to_owned()));
        assert_eq!(card.figures.len(), 2);
        let first = &card.figures[0];
        assert_eq!(first.title, "MNIST, test split, projected to 64 dimensions");
        assert_eq!((first.head, &first.columns[..]), ("examples shown", &[10, 99][..]));
        assert_eq!(first.rows[0].1, ["50.0 ± 1.0", "75.0 ± 2.0"]);
        assert_eq!(first.rows[1], ("1-NN cosine".to_owned(), vec!["40.0".to_owned(), "70.0".to_owned()]));
        assert_eq!((card.figures[1].columns[0], &card.figures[1].rows[0].1[0][..]), (1, "89.5"));

        for junk in ["", "null", "[]", "{\"results\":3}", "{\"results\":[{\"protocol\":\"paper\",\"positions\":[1]}]}"]
        {
            let card = Card::of(&[("evaluation".to_owned(), junk.to_owned())].into());
            assert_eq!(card, Card::default());
        }
    }
}
