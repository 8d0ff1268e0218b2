//! Examples as files for other programs: pictures in a folder for each class, or lines as Quick, Draw! has them.

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use shaders::input::pixels::{self, Grey, SIDE, Stroke};
use shaders::input::png;
use shaders::input::sketch::{CANVAS, PEN};
use zip::write::SimpleFileOptions;

/// Side of a picture of the canvas, in pixels.
const PICTURE: usize = 160;
/// Largest coordinate of a simplified drawing of Quick, Draw!.
const LARGEST: f32 = 255.0;

/// What examples are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A zip file of PNG pictures, black on white: the canvas at 160 × 160, examples without strokes at 28 × 28.
    Png,
    /// A zip file of SVG pictures.
    Svg,
    /// Lines of JSON, as Quick, Draw! has its simplified drawings.
    Lines,
}

impl Format {
    /// The format of a name.
    pub fn of(name: &str) -> Option<Format> {
        match name {
            "png" => Some(Format::Png),
            "svg" => Some(Format::Svg),
            "ndjson" => Some(Format::Lines),
            _ => None,
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its content.
    pub bytes: Vec<u8>,
    /// The ending of its name.
    pub ending: &'static str,
    /// Examples without strokes, which lines and SVG cannot hold.
    pub left_out: usize,
}

/// An example with the name of its class.
struct Example<'a> {
    class: &'a str,
    /// In units of the canvas.
    strokes: Vec<Vec<[f32; 2]>>,
    /// `[28, 28]`, ink in [0, 1], where there are no strokes.
    picture: &'a [f32],
}

/// Writes the examples of a file of examples; `pictures` are those of examples without strokes, in their order.
///
/// # Shapes
/// `pictures` `[P, 28, 28]`, ink in [0, 1]
///
/// # Errors
/// In words: no file of examples, or nothing in it that the format can hold.
pub fn export(text: &str, pictures: &[f32], format: Format) -> Result<Exported, String> {
    let saved: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let examples = examples(&saved, pictures);
    let held = |example: &&Example| format == Format::Png || !example.strokes.is_empty();
    let left_out = examples.iter().filter(|example| !held(example)).count();
    if left_out == examples.len() {
        return Err("none of these examples has strokes. Choose PNG pictures".to_owned());
    }
    let held = examples.iter().filter(held);
    let (bytes, ending) = match format {
        Format::Lines => (held.map(|example| line(example) + "\n").collect::<String>().into_bytes(), "ndjson"),
        Format::Svg => (zipped(held, "svg", |example| Ok(svg(example).into_bytes()))?, "zip"),
        Format::Png => (zipped(held, "png", picture)?, "zip"),
    };
    Ok(Exported { bytes, ending, left_out })
}

fn examples<'a>(saved: &'a Value, pictures: &'a [f32]) -> Vec<Example<'a>> {
    let list = |value: &'a Value| value.as_array().map(Vec::as_slice).unwrap_or_default();
    let class = |label: &Value| {
        let class = list(&saved["classes"]).iter().find(|class| class["label"] == *label);
        class.and_then(|class| class["name"].as_str()).map(str::trim).filter(|name| !name.is_empty()).unwrap_or("class")
    };
    let mut pictures = pictures.chunks_exact(SIDE * SIDE);
    let stroke = |flat: &'a Value| {
        let numbers: Vec<f32> = list(flat).iter().filter_map(Value::as_f64).map(|value| value as f32).collect();
        numbers.as_chunks::<2>().0.to_vec()
    };
    let example = |example: &'a Value| {
        let strokes: Vec<_> =
            list(&example["strokes"]).iter().map(stroke).filter(|stroke| !stroke.is_empty()).collect();
        let picture = if strokes.is_empty() { pictures.next()? } else { &[] };
        Some(Example { class: class(&example["label"]), strokes, picture })
    };
    list(&saved["examples"]).iter().filter_map(example).collect()
}

/// A line of a simplified drawing: moved to the upper left corner, its longer side 255.
fn line(example: &Example) -> String {
    let all = || example.strokes.iter().flatten();
    let low = [0, 1].map(|axis| all().map(|point| point[axis]).fold(f32::INFINITY, f32::min));
    let high = [0, 1].map(|axis| all().map(|point| point[axis]).fold(f32::NEG_INFINITY, f32::max));
    let scale = LARGEST / (high[0] - low[0]).max(high[1] - low[1]).max(1.0);
    let axis = |stroke: &[[f32; 2]], axis: usize| -> Vec<u8> {
        stroke.iter().map(|point| ((point[axis] - low[axis]) * scale).round() as u8).collect()
    };
    let drawing: Vec<_> = example.strokes.iter().map(|stroke| [axis(stroke, 0), axis(stroke, 1)]).collect();
    json!({ "word": example.class, "recognized": true, "drawing": drawing }).to_string()
}

fn svg(example: &Example) -> String {
    let mut path = String::new();
    for stroke in &example.strokes {
        for (at, [x, y]) in stroke.iter().enumerate() {
            path += &format!("{}{x} {y}", if at == 0 { "M" } else { "L" });
        }
        // a line of no length is a dot
        if let [[x, y]] = stroke[..] {
            path += &format!("L{x} {y}");
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {CANVAS} {CANVAS}\"><rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/><path d=\"{path}\" fill=\"none\" stroke=\"#000\" stroke-width=\"{PEN}\" stroke-linecap=\"round\" \
         stroke-linejoin=\"round\"/></svg>\n"
    )
}

/// A picture of the canvas, or of an example without strokes as it is.
fn picture(example: &Example) -> Result<Vec<u8>, String> {
    let paper = |ink: &f32| 1.0 - ink;
    if example.strokes.is_empty() {
        return Ok(png::grey(&example.picture.iter().map(paper).collect::<Vec<_>>(), SIDE));
    }
    let strokes: Vec<Stroke> =
        example.strokes.iter().map(|points| Stroke { points: points.clone(), width: PEN }).collect();
    let drawn = pixels::render(&strokes).map_err(|error| error.to_string())?;
    let bounds = [0, 1].map(|axis| {
        let along = || example.strokes.iter().flatten().map(|point| point[axis]);
        (along().fold(f32::INFINITY, f32::min) - PEN / 2.0, along().fold(f32::NEG_INFINITY, f32::max) + PEN / 2.0)
    });
    let pixel = PICTURE as f32 / CANVAS;
    let size = |axis: usize| (((bounds[axis].1 - bounds[axis].0) * pixel).round() as usize).max(1);
    let (width, height) = (size(0), size(1));
    let Grey { pixels: ink, height: rows, width: columns } = drawn;
    let ink = pixels::resize(&ink, (rows, columns, 1), (height, width)).map_err(|error| error.to_string())?;
    let corner = [0, 1].map(|axis| (bounds[axis].0 * pixel).round() as i64);
    let mut levels = vec![1.0; PICTURE * PICTURE];
    for (at, ink) in ink.iter().enumerate() {
        // the pen may reach beyond the canvas
        let place = [corner[0] + (at % width) as i64, corner[1] + (at / width) as i64];
        if let [Ok(x), Ok(y)] = place.map(usize::try_from)
            && x < PICTURE
            && y < PICTURE
        {
            levels[y * PICTURE + x] = paper(ink);
        }
    }
    Ok(png::grey(&levels, PICTURE))
}

/// A zip file with a folder for each class.
fn zipped<'a>(
    examples: impl Iterator<Item = &'a Example<'a>>,
    ending: &str,
    content: impl Fn(&Example) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, example) in examples.enumerate() {
        let path = format!("{}/{:04}.{ending}", folder(example.class), number + 1);
        zip.start_file(path, SimpleFileOptions::default()).map_err(|error| error.to_string())?;
        zip.write_all(&content(example)?).map_err(|error| error.to_string())?;
    }
    Ok(zip.finish().map_err(|error| error.to_string())?.into_inner())
}

/// A name that every system takes for a folder.
fn folder(name: &str) -> String {
    let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let name: String = name.chars().take(60).map(|c| if bad(c) { '-' } else { c }).collect();
    // a name of dots is another folder, and Windows drops dots and blanks at the end
    match name.trim_end_matches(['.', ' ']) {
        "" => "class".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const SAVED: &str = r#"{"version":2,"classes":[{"label":0,"name":"cat/dog"},{"label":3,"name":".."}],
        "examples":[{"label":0,"strokes":[[100,200,610,200],[300,400]]},{"label":3,"picture":"x"},{"label":3,"strokes":[[0,0,0,1000]]}]}"#;

    fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> =
            (0..zip.len()).map(|at| zip.by_index(at).unwrap().name().unwrap().to_string()).collect();
        let content = |name: String| {
            let mut content = Vec::new();
            zip.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
            (name, content)
        };
        names.into_iter().map(content).collect()
    }

    #[test]
    fn lines_are_those_of_quick_draw_and_read_again() {
        let found = export(SAVED, &[0.0; 784], Format::Lines).unwrap();
        assert_eq!((found.ending, found.left_out), ("ndjson", 1));
        let text = String::from_utf8(found.bytes).unwrap();
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["drawing"], json!([[[0, 255], [0, 0]], [[100], [100]]]));
        let again = crate::examples(&[("a.ndjson".into(), text.as_bytes())], 10).unwrap();
        assert!(again.contains("cat/dog"), "{again}");
    }

    #[test]
    fn pictures_lie_in_a_folder_for_each_class() {
        let mut picture = vec![0.0; 784];
        picture[0] = 1.0;
        let found = export(SAVED, &picture, Format::Png).unwrap();
        let files = unzipped(&found.bytes);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, found.left_out), (vec!["cat-dog/0001.png", "class/0002.png", "class/0003.png"], 0));
        // black on white, where it was drawn: from (100, 200) to (610, 200), in pixels from 16 to 98 at 32
        let size = |file: &[u8]| [16, 20].map(|at| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()));
        let (line, small) = (&files[0].1, &files[1].1);
        assert_eq!((size(line), size(small)), ([160, 160], [28, 28]));
        let at = |file: &[u8], x: usize, y: usize, side: usize| file[48 + y * (side + 1) + 1 + x];
        assert_eq!(
            [(50, 32), (20, 32), (95, 32), (110, 32), (50, 50), (48, 64)].map(|(x, y)| at(line, x, y, 160)),
            [0, 0, 0, 255, 255, 0]
        );
        assert_eq!((at(small, 0, 0, 28), at(small, 1, 0, 28)), (0, 255));
    }

    #[test]
    fn strokes_are_paths_of_svg() {
        let found = export(SAVED, &[0.0; 784], Format::Svg).unwrap();
        let files = unzipped(&found.bytes);
        assert_eq!((files.len(), files[0].0.as_str(), found.left_out), (2, "cat-dog/0001.svg", 1));
        let text = String::from_utf8(files[0].1.clone()).unwrap();
        assert!(
            text.contains("d=\"M100 200L610 200M300 400L300 400\"") && text.contains("viewBox=\"0 0 1000 1000\""),
            "{text}"
        );
        let pictures = r#"{"classes":[],"examples":[{"label":0}]}"#;
        assert!(export(pictures, &[0.0; 784], Format::Svg).unwrap_err().contains("PNG"));
    }
}
