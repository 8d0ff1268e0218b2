//! InkML (<https://www.w3.org/TR/InkML/>): traces of a pen in XML, with what they show in annotations.

use std::collections::HashMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::sketch::{Sketch, Sketches};

/// Types of annotations that say what ink shows.
const TRUTH: [&str; 4] = ["truth", "label", "class", "transcription"];
/// Most elements and texts of a file.
const MOST_NODES: u32 = 1_000_000;

/// Whether a file is InkML, by its beginning.
pub fn is_inkml(head: &[u8]) -> bool {
    let holds = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    head.trim_ascii_start().starts_with(b"<") && (holds(b"<ink ") || holds(b"<ink>") || holds(b":ink "))
}

/// Reads up to `most` drawings of a file: the smallest groups of traces that say what they show, as symbols of a formula do; else
/// all traces as one drawing, which may not say it.
///
/// # Errors
/// In words: no InkML, or more of it than is read.
pub fn sketches(text: &str, most: usize) -> Result<Sketches, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| format!("it is no XML ({error})"))?;
    let root = document.root_element();
    if root.tag_name().name() != "ink" {
        return Err(format!("expected InkML, whose root is <ink>, found <{}>", root.tag_name().name()));
    }
    let channels = Channels::of(root);
    let mut traces: Vec<(Option<&str>, Vec<[f32; 2]>)> = Vec::new();
    for trace in named(root, "trace").filter(|trace| trace.attribute("type") != Some("penUp")) {
        let points = channels
            .points(&trace.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect::<String>());
        traces.push((id(trace), points));
    }
    let mut found = Sketches::default();
    let mut take = |word: &str, strokes: Vec<Vec<[f32; 2]>>| {
        if found.all.len() < most {
            match Sketch::new(word, strokes.into_iter().filter(|stroke| !stroke.is_empty()).collect()) {
                Some(sketch) => found.all.push(sketch),
                None => found.unread += 1,
            }
        }
    };
    let groups = groups(root);
    if groups.is_empty() {
        let word = truth(root).or_else(|| root.children().find_map(truth)).unwrap_or_default();
        take(&word, traces.into_iter().map(|(_, points)| points).collect());
        return Ok(found);
    }
    let places: HashMap<&str, usize> =
        traces.iter().enumerate().filter_map(|(at, (id, _))| Some(((*id)?, at))).collect();
    let inside: HashMap<_, _> = named(root, "trace")
        .filter(|trace| trace.attribute("type") != Some("penUp"))
        .enumerate()
        .map(|(at, trace)| (trace.id(), at))
        .collect();
    for (group, word) in groups {
        let referred = group.descendants().filter_map(|node| {
            let reference = node.attribute("traceDataRef").or_else(|| node.attribute("traceRef"))?;
            places.get(reference.rsplit('#').next().unwrap_or(reference).trim()).copied()
        });
        let own = named(group, "trace").filter_map(|trace| inside.get(&trace.id()).copied());
        let mut all: Vec<usize> = referred.chain(own).collect();
        all.sort_unstable();
        all.dedup();
        take(&word, all.into_iter().map(|at| traces[at].1.clone()).collect());
    }
    Ok(found)
}

fn named<'a, 'input: 'a>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

fn id<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.attribute(("http://www.w3.org/XML/1998/namespace", "id")).or_else(|| node.attribute("id"))
}

/// What a node itself says that it shows. Formulas are written between dollar signs.
fn truth(node: Node<'_, '_>) -> Option<String> {
    node.children()
        .filter(|child| child.tag_name().name() == "annotation")
        .find(|child| child.attribute("type").is_some_and(|kind| TRUTH.contains(&kind.to_ascii_lowercase().as_str())))
        .and_then(|annotation| annotation.text())
        .map(|text| text.trim().trim_matches('$').trim().to_owned())
        .filter(|word| !word.is_empty())
}

/// The smallest groups with a truth, where there are several.
fn groups<'a, 'input: 'a>(root: Node<'a, 'input>) -> Vec<(Node<'a, 'input>, String)> {
    let is_group = |node: &Node<'_, '_>| matches!(node.tag_name().name(), "traceGroup" | "traceView");
    // in the order of the text an outer group comes before those in it
    let mut smallest: Vec<(Node<'a, 'input>, String)> = Vec::new();
    for (group, word) in root.descendants().filter(is_group).filter_map(|group| Some((group, truth(group)?))) {
        if smallest.last().is_some_and(|(last, _)| group.range().start < last.range().end) {
            smallest.pop();
        }
        smallest.push((group, word));
    }
    smallest
}

/// Which values of a point are x and y.
struct Channels {
    places: [usize; 2],
    /// −1 where values grow to the left or upwards.
    signs: [f32; 2],
    count: usize,
}

impl Channels {
    /// Those of the first trace format, else x and y alone.
    fn of(root: Node<'_, '_>) -> Channels {
        let format = named(root, "traceFormat").next();
        let all: Vec<_> = format.into_iter().flat_map(|format| named(format, "channel")).collect();
        let place = |name: &str| all.iter().position(|channel| channel.attribute("name") == Some(name));
        let (Some(x), Some(y)) = (place("X"), place("Y")) else {
            return Channels { places: [0, 1], signs: [1.0; 2], count: 2 };
        };
        let sign = |at: usize| if all[at].attribute("orientation") == Some("-ve") { -1.0 } else { 1.0 };
        Channels { places: [x, y], signs: [sign(x), sign(y)], count: all.len() }
    }

    /// The points of a trace: separated by commas, each with a value for each channel. A value may be a difference (`'`), a
    /// difference of differences (`"`) or as it is (`!`), and later ones of its channel are what it was.
    fn points(&self, text: &str) -> Vec<[f32; 2]> {
        let mut state = vec![Channel::default(); self.count];
        let mut points = Vec::new();
        for point in text.split(',') {
            let mut known = [None; 2];
            for (at, value) in Values(point).enumerate().take(self.count.max(2)) {
                let Some(channel) = state.get_mut(at) else { break };
                let found = channel.next(value);
                for axis in [0, 1] {
                    if self.places[axis] == at {
                        known[axis] = found.map(|value| value * self.signs[axis]);
                    }
                }
            }
            if let [Some(x), Some(y)] = known {
                points.push([x, y]);
            }
        }
        points
    }
}

/// A value of a point as it is written.
#[derive(Clone, Copy)]
struct Value {
    /// Whether and how the way of writing changes: `!`, `'` or `"`.
    way: Option<u8>,
    number: Option<f32>,
    /// `*`: the same again.
    same: bool,
}

/// The values of a point. Blanks between them may be left out where a sign separates them.
struct Values<'a>(&'a str);

impl Iterator for Values<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut rest = self.0.trim_start();
        let way = rest.bytes().next().filter(|byte| matches!(byte, b'!' | b'\'' | b'"'));
        if way.is_some() {
            rest = rest[1..].trim_start();
        }
        let first = rest.chars().next()?;
        if matches!(first, '*' | '?' | 'T' | 'F') {
            self.0 = &rest[1..];
            return Some(Value { way, number: None, same: first == '*' });
        }
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E');
        let sign = usize::from(matches!(first, '-' | '+'));
        let length = rest[sign..].char_indices().find(|(at, c)| {
            let exponent = matches!(c, '-' | '+') && rest[sign..][..*at].ends_with(['e', 'E']);
            !digits(*c) && !exponent
        });
        let end = length.map_or(rest.len(), |(at, _)| sign + at);
        let (number, after) = rest.split_at(end);
        // what is none of these is passed, so that every step goes on
        let passed = if end > sign { 0 } else { after.chars().next().map_or(0, char::len_utf8) };
        self.0 = &after[passed..];
        Some(Value { way, number: number.parse().ok(), same: false })
    }
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    way: Option<u8>,
    value: f32,
    step: f32,
}

impl Channel {
    fn next(&mut self, given: Value) -> Option<f32> {
        self.way = given.way.or(self.way);
        if given.same {
            return Some(self.value);
        }
        let number = given.number?;
        match self.way {
            Some(b'\'') => self.step = number,
            Some(b'"') => self.step += number,
            _ => {
                self.step = number - self.value;
                self.value = number;
                return Some(number);
            }
        }
        self.value += self.step;
        Some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_drawing_says_what_it_shows_or_not() {
        let text = r#"<?xml version="1.0"?><ink xmlns="http://www.w3.org/2003/InkML">
            <annotation type="truth">$\alpha$</annotation>
            <trace id="0">10 0, 9 14, 8 28</trace><trace type="penUp">1 1, 2 2</trace><trace>130 155 , 144 159</trace></ink>"#;
        assert!(is_inkml(text.as_bytes()) && !is_inkml(b"<inky>") && !is_inkml(b"ink"));
        let found = sketches(text, 9).unwrap();
        assert_eq!((found.all.len(), found.all[0].word.as_str()), (1, "\\alpha"));
        assert_eq!(
            found.all[0].strokes,
            [vec![[10.0, 0.0], [9.0, 14.0], [8.0, 28.0]], vec![[130.0, 155.0], [144.0, 159.0]]]
        );
        let silent = text.replace("truth", "writer");
        assert_eq!(sketches(&silent, 9).unwrap().all[0].word, "");
    }

    /// As CROHME has them: a formula whose groups are symbols.
    #[test]
    fn the_smallest_groups_with_a_truth_are_drawings() {
        let text = r##"<ink xmlns="http://www.w3.org/2003/InkML">
            <traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/></traceFormat>
            <annotation type="truth">$x+1$</annotation>
            <trace id="0">1 1, 2 2</trace><trace id="1">1 2, 2 1</trace><trace id="2">5 5, 6 6</trace>
            <traceGroup xml:id="9"><annotation type="truth">Segmentation</annotation>
              <traceGroup xml:id="10"><annotation type="truth">x</annotation><traceView traceDataRef="1"/><traceView traceDataRef="0"/></traceGroup>
              <traceGroup><annotation type="truth">1</annotation><traceView traceDataRef="#2"/></traceGroup>
            </traceGroup></ink>"##;
        let found = sketches(text, 9).unwrap();
        let words: Vec<_> = found.all.iter().map(|sketch| (sketch.word.as_str(), sketch.strokes.len())).collect();
        assert_eq!(words, [("x", 2), ("1", 1)]);
        assert_eq!(found.all[1].strokes, [vec![[5.0, 5.0], [6.0, 6.0]]]);
        assert_eq!(sketches(text, 1).unwrap().all.len(), 1);
        // groups that hold their traces
        let text = r#"<ink><traceGroup><annotation type="label">a</annotation><trace>1 2</trace></traceGroup>
            <traceGroup><annotation type="label">b</annotation><trace>3 4</trace><trace>5 6</trace></traceGroup></ink>"#;
        let found = sketches(text, 9).unwrap();
        assert_eq!(found.all[1].strokes, [vec![[3.0, 4.0]], vec![[5.0, 6.0]]]);
    }

    #[test]
    fn differences_other_channels_and_orientations_are_read() {
        // the example of the specification, section 3.2.1
        let plain = Channels { places: [0, 1], signs: [1.0; 2], count: 2 };
        let points = plain.points("1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6 T,2 4*T,3 6,3-6 F F");
        let expected = [[1125.0, 18432.0], [1148.0, 18475.0], [1178.0, 18510.0], [1211.0, 18540.0], [1251.0, 18567.0]];
        assert_eq!(points[..5], expected);
        let text = r#"<ink><traceFormat><channel name="T"/><channel name="Y" orientation="-ve"/><channel name="X"/></traceFormat>
            <trace>0 5 1, 10 7 -2.5e1</trace></ink>"#;
        assert_eq!(sketches(text, 9).unwrap().all[0].strokes, [vec![[1.0, -5.0], [-25.0, -7.0]]]);
        assert_eq!(plain.points("1 2, ? 3, x y, 4 *"), [[1.0, 2.0], [4.0, 3.0]]);
    }

    #[test]
    fn what_is_no_inkml_is_refused_in_words() {
        assert!(sketches("<svg/>", 9).unwrap_err().contains("<svg>"));
        assert!(sketches("<ink", 9).unwrap_err().contains("no XML"));
        assert_eq!(sketches("<ink/>", 9).unwrap().unread, 1);
    }
}
