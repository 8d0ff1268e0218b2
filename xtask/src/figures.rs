//! Figures that test programs print, and their files in `records/reliability`.

/// The figures in a line of a test program, as JSON. They stand behind `mark`, which ends with their brace, and perhaps behind
/// the name of their test.
pub fn after(mark: &str, line: &str) -> Option<String> {
    line.find(mark).map(|at| line[at + mark.len() - 1..].to_owned())
}

/// A file of figures: date, commit and machine, a field more where there is one, and a line for each of `name`.
pub fn file(machine: &str, field: &str, name: &str, lines: &[String]) -> String {
    format!("{{\n\"machine\": {},\n{field}\"{name}\": [\n{}\n]\n}}\n", quoted(machine.trim()), lines.join(",\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What came of a target, in all campaigns together.
#[derive(Debug, Clone, PartialEq)]
struct Figures {
    target: String,
    cases: u64,
    seconds: f64,
    read: u64,
    most_bytes: u64,
    /// Largest share of what an input justifies, with seed and index of the input.
    share: (f64, u64, u64),
    /// Milliseconds of the slowest input, with its seed and index.
    slowest: (f64, u64, u64),
}

/// The value of a field in a line of JSON whose values hold no commas.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let name = format!("\"{name}\":");
    let rest = &line[line.find(&name)? + name.len()..];
    rest.split([',', '}']).next().map(|value| value.trim().trim_matches('"'))
}

fn number<N: std::str::FromStr>(line: &str, name: &str) -> Option<N> {
    field(line, name)?.parse().ok()
}

impl Figures {
    /// Of a line that a target printed (`fuzz/src/campaign.rs`), or of one in the file, which names a seed for each input.
    fn of(line: &str) -> Option<Figures> {
        let seed = |name: &str| number(line, name).or_else(|| number(line, "seed"));
        Some(Figures {
            target: field(line, "target")?.to_owned(),
            cases: number(line, "cases")?,
            seconds: number(line, "seconds")?,
            read: number(line, "read")?,
            most_bytes: number(line, "most_bytes_held")?,
            share: (number(line, "largest_share_of_allowance")?, seed("its_seed")?, number(line, "its_case")?),
            slowest: (number(line, "slowest_ms")?, seed("slowest_seed")?, number(line, "slowest_case")?),
        })
    }

    fn add(&mut self, other: &Figures) {
        self.cases += other.cases;
        self.seconds += other.seconds;
        self.read += other.read;
        self.most_bytes = self.most_bytes.max(other.most_bytes);
        if other.share.0 > self.share.0 {
            self.share = other.share;
        }
        if other.slowest.0 > self.slowest.0 {
            self.slowest = other.slowest;
        }
    }

    fn line(&self) -> String {
        let Figures { target, cases, seconds, read, most_bytes, share, slowest } = self;
        format!(
            "{{\"target\":\"{target}\",\"cases\":{cases},\"seconds\":{seconds:.1},\"read\":{read},\"most_bytes_held\":{most_bytes},\
             \"largest_share_of_allowance\":{:.3},\"its_seed\":{},\"its_case\":{},\
             \"slowest_ms\":{:.2},\"slowest_seed\":{},\"slowest_case\":{}}}",
            share.0, share.1, share.2, slowest.0, slowest.1, slowest.2
        )
    }
}

/// One call of `cargo xtask fuzz`. Its seed tells its inputs from those of others.
pub struct Campaign<'a> {
    /// Date, commit and machine.
    pub machine: &'a str,
    pub seconds: u64,
    pub seed: u64,
    /// Packages with a target that failed.
    pub failed: &'a [&'a str],
}

impl Campaign<'_> {
    fn line(&self) -> String {
        let failed: Vec<String> = self.failed.iter().map(|package| quoted(package)).collect();
        format!(
            "{{\"seed\":{},\"seconds_per_target\":{},\"failed\":[{}],\"machine\":{}}}",
            self.seed,
            self.seconds,
            failed.join(","),
            quoted(self.machine.trim())
        )
    }
}

/// The file: a line for each campaign, and one for each target with what all of them found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    campaigns: Vec<String>,
    targets: Vec<Figures>,
}

impl Record {
    /// What a file holds.
    ///
    /// # Errors
    /// Names a line that is not as [`Record::text`] writes it.
    pub fn read(text: &str) -> Result<Record, String> {
        let mut record = Record::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_end_matches(',');
            if line.starts_with("{\"seed\":") {
                record.campaigns.push(line.to_owned());
            } else if line.starts_with("{\"target\":") {
                let figures = Figures::of(line);
                record
                    .targets
                    .push(figures.ok_or_else(|| format!("line {}: expected the figures of a target", at + 1))?);
            }
        }
        match record.campaigns.is_empty() {
            true => Err("expected a line for each campaign, found none".into()),
            false => Ok(record),
        }
    }

    /// A seed that no campaign had.
    pub fn next_seed(&self) -> u64 {
        self.campaigns
            .iter()
            .filter_map(|line| number::<u64>(line, "seed"))
            .max()
            .map_or(0, |last| last.wrapping_add(1))
    }

    /// Whether a campaign had this seed: its inputs would come again.
    pub fn has_seed(&self, seed: u64) -> bool {
        self.campaigns.iter().any(|line| number(line, "seed") == Some(seed))
    }

    /// Adds a campaign and the lines of its targets.
    pub fn add(&mut self, campaign: &Campaign, lines: &[String]) {
        self.campaigns.push(campaign.line());
        for figures in lines.iter().filter_map(|line| Figures::of(line)) {
            match self.targets.iter_mut().find(|known| known.target == figures.target) {
                Some(known) => known.add(&figures),
                None => self.targets.push(figures),
            }
        }
    }

    /// The file.
    pub fn text(&self) -> String {
        let cases: u64 = self.targets.iter().map(|figures| figures.cases).sum();
        let hours = self.targets.iter().map(|figures| figures.seconds).sum::<f64>() / 3600.0;
        let targets: Vec<String> = self.targets.iter().map(Figures::line).collect();
        format!(
            "{{\n\"cases\": {cases},\n\"hours\": {hours:.2},\n\"campaigns\": [\n{}\n],\n\"targets\": [\n{}\n]\n}}\n",
            self.campaigns.join(",\n"),
            targets.join(",\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: &str, seed: u64, cases: u64, share: f64, slowest: f64) -> String {
        format!(
            "{{\"target\":\"{target}\",\"seed\":{seed},\"cases\":{cases},\"seconds\":60.0,\"read\":5,\"most_bytes_held\":{},\
             \"largest_share_of_allowance\":{share},\"its_case\":{},\"slowest_ms\":{slowest},\"slowest_case\":{}}}",
            cases * 10,
            cases - 1,
            cases - 2
        )
    }

    fn campaign<'a>(seed: u64, failed: &'a [&'a str]) -> Campaign<'a> {
        Campaign { machine: "a day, commit 1a2b3c4, a \"fast\" one\n", seconds: 60, seed, failed }
    }

    #[test]
    fn figures_are_found_behind_the_names_of_tests() {
        assert_eq!(after("kills: {", "test a_run ... kills: {\"kills\":3}").as_deref(), Some("{\"kills\":3}"));
        assert_eq!(after("kills: {", "12 kills"), None);
        let text = file("a \"fast\" one\n", "\"seed\": 7,\n", "commands", &["{}".into(), "{}".into()]);
        assert_eq!(text, "{\n\"machine\": \"a \\\"fast\\\" one\",\n\"seed\": 7,\n\"commands\": [\n{},\n{}\n]\n}\n");
    }

    #[test]
    fn campaigns_add_up_and_the_worst_of_all_is_kept() {
        let mut record = Record::default();
        assert_eq!(record.next_seed(), 0);
        record.add(&campaign(7, &[]), &[line("a", 7, 100, 0.5, 3.0), line("b", 7, 10, 0.1, 9.0)]);
        record.add(&campaign(8, &["web"]), &[line("a", 8, 200, 0.25, 4.0), line("c", 8, 30, 0.2, 1.0)]);
        assert_eq!(record.targets.iter().map(|one| one.target.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let a = &record.targets[0];
        assert_eq!((a.cases, a.seconds, a.read, a.most_bytes), (300, 120.0, 10, 2000));
        assert_eq!((a.share, a.slowest), ((0.5, 7, 99), (4.0, 8, 198)));
        assert!(record.next_seed() == 9 && record.has_seed(7) && !record.has_seed(9));
        let text = record.text();
        assert!(text.starts_with("{\n\"cases\": 340,\n\"hours\": 0.07,\n"), "{text}");
        assert!(
            text.contains("\"failed\":[\"web\"],\"machine\":\"a day, commit 1a2b3c4, a \\\"fast\\\" one\"}"),
            "{text}"
        );
        assert_eq!(Record::read(&text).unwrap(), record);
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        for text in ["", "{}", "{\"seed\":1}\n{\"target\":\"a\",\"cases\":x}"] {
            assert!(Record::read(text).is_err(), "{text}");
        }
    }
}
