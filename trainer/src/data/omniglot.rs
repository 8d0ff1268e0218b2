//! Omniglot's archives of pictures become IDX files.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use shaders::input::pixels;

use super::error::{DataError, io};
use super::idx::{self, Idx, Values};
use crate::files::write_whole;

/// Prefix of the IDX files that an Omniglot archive becomes.
pub(super) fn zip_prefix(file: &str) -> Option<&'static str> {
    match file {
        "images_background.zip" => Some("background"),
        "images_evaluation.zip" => Some("evaluation"),
        _ => None,
    }
}

/// The IDX files of a prefix.
pub(super) fn converted(prefix: &str) -> [String; 3] {
    ["images-idx3-ubyte.gz", "characters-idx1-short.gz", "alphabets-idx1-short.gz"].map(|f| format!("{prefix}-{f}"))
}

/// Converts an Omniglot archive (`…/Alphabet/character07/0042_13.png`, 105×105, black on white) to IDX files beside it:
/// images 28×28, bright on black, reduced by area; labels by character and by alphabet, numbered in the order of their
/// names; `-characters.txt` and `-alphabets.txt` list the names. Files that are there and differ are kept, without
/// `overwrite`.
pub(super) fn convert_omniglot(archive: &Path, prefix: &str, overwrite: bool) -> Result<(), DataError> {
    let wrong = |reason: String| DataError::Archive { path: archive.into(), reason };
    let file = BufReader::new(File::open(archive).map_err(io(archive))?);
    let mut zip = zip::ZipArchive::new(file).map_err(|error| wrong(error.to_string()))?;
    let names: Result<Vec<String>, _> = zip.file_names().map(|name| name.map(String::from)).collect();
    let mut pictures = names.map_err(|error| wrong(error.to_string()))?;
    pictures.retain(|name| name.ends_with(".png"));
    pictures.sort();
    let (mut alphabets, mut characters): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut by_alphabet, mut by_character, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for name in &pictures {
        let mut parts = name.rsplit('/').skip(1);
        let (Some(character), Some(alphabet)) = (parts.next(), parts.next()) else {
            return Err(wrong(format!("expected Alphabet/character/image.png, found {name}")));
        };
        let character = format!("{alphabet}/{character}");
        if alphabets.last().is_none_or(|last| last != alphabet) {
            alphabets.push(alphabet.into());
        }
        if characters.last().is_none_or(|last| *last != character) {
            characters.push(character);
        }
        by_alphabet.push(alphabets.len() as i32 - 1);
        by_character.push(characters.len() as i32 - 1);
        let mut bytes = Vec::new();
        let entry = zip.by_name(name).map_err(|error| wrong(error.to_string()))?;
        // The true ones have about 250 bytes.
        entry.take(1 << 20).read_to_end(&mut bytes).map_err(io(archive))?;
        let ink = decode_ink(&bytes).map_err(|reason| wrong(format!("{name}: {reason}")))?;
        let small = pixels::pool(&ink.pixels, (ink.height, ink.width, 1), pixels::SIDE)?;
        images.extend(small.iter().map(|v| (v * 255.0).round() as u8));
    }
    if pictures.is_empty() {
        return Err(wrong("expected PNG pictures, found none".into()));
    }
    let folder = archive.parent().unwrap_or(Path::new(""));
    let n = pictures.len();
    let mut lists = Vec::new();
    for (names, of) in [(&characters, "characters"), (&alphabets, "alphabets")] {
        let lines: String = names.iter().enumerate().map(|(i, name)| format!("{i}\t{name}\n")).collect();
        lists.push((folder.join(format!("{prefix}-{of}.txt")), lines));
    }
    let [image_file, character_file, alphabet_file] = converted(prefix).map(|f| folder.join(f));
    let side = pixels::SIDE;
    // images last: they are what says that all is there
    let all = [
        (character_file, Idx { dims: vec![n], values: Values::I32(by_character) }),
        (alphabet_file, Idx { dims: vec![n], values: Values::I32(by_alphabet) }),
        (image_file, Idx { dims: vec![n, side, side], values: Values::U8(images) }),
    ];
    let other = lists.iter().filter(|(path, lines)| std::fs::read(path).is_ok_and(|old| old != lines.as_bytes()));
    let other = other.map(|(path, _)| path);
    let differs = |path: &Path, new: &Idx| path.exists() && idx::read(path).ok().as_ref() != Some(new);
    let mut other = other.chain(all.iter().filter(|(path, new)| differs(path, new)).map(|(path, _)| path));
    if let (Some(path), false) = (other.next(), overwrite) {
        return Err(DataError::Kept { path: path.clone(), reason: "its content is another".into() });
    }
    for (path, lines) in lists {
        write_whole(&path, lines.as_bytes()).map_err(io(&path))?;
    }
    all.iter().try_for_each(|(path, new)| idx::write(path, new))
}

/// Decodes a grey PNG, black on white, to ink in [0, 1].
fn decode_ink(bytes: &[u8]) -> Result<pixels::Grey, String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = reader.output_buffer_size().filter(|&s| s <= 1 << 24).ok_or("expected a small picture")?;
    let mut buffer = vec![0; size];
    let info = reader.next_frame(&mut buffer).map_err(|error| error.to_string())?;
    if info.color_type != png::ColorType::Grayscale {
        return Err(format!("expected a grey picture, found {:?}", info.color_type));
    }
    let (height, width) = (info.height as usize, info.width as usize);
    let pixels = buffer[..height * width].iter().map(|&v| 1.0 - f32::from(v) / 255.0).collect();
    Ok(pixels::Grey { height, width, pixels })
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Split;
    use super::super::open::open;
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn omniglot_becomes_idx() {
        let folder = Folder::new("fetch-omniglot");
        let mut zip = zip::ZipWriter::new(File::create(folder.path("images_background.zip")).unwrap());
        // Not in the order of their names, as in many archives. Each picture has one black 15×15 square.
        for (k, name) in
            ["B/character01/3_01.png", "A/character02/2_01.png", "A/character01/1_02.png", "A/character01/1_01.png"]
                .into_iter()
                .enumerate()
        {
            zip.start_file(format!("images_background/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            let mut encoder = png::Encoder::new(&mut zip, 105, 105);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(png::BitDepth::One);
            let mut writer = encoder.write_header().unwrap();
            let mut rows = vec![0xffu8; 105 * 14];
            for y in 15 * k..15 * (k + 1) {
                for x in 30..45 {
                    rows[y * 14 + x / 8] &= !(0x80 >> (x % 8));
                }
            }
            writer.write_image_data(&rows).unwrap();
            writer.finish().unwrap();
        }
        zip.finish().unwrap();
        let convert = |overwrite| convert_omniglot(&folder.path("images_background.zip"), "background", overwrite);
        convert(false).unwrap();
        // what is there and the same does not stand in the way; what is another's is kept
        convert(false).unwrap();
        folder.write("background-alphabets.txt", b"my own list");
        assert!(matches!(convert(false), Err(DataError::Kept { .. })));
        assert_eq!(std::fs::read(folder.path("background-alphabets.txt")).unwrap(), b"my own list");
        convert(true).unwrap();

        let dir = folder.root().parent().unwrap();
        let name = folder.root().file_name().unwrap().to_str().unwrap();
        let characters = open(name, Split::Train, dir).unwrap();
        assert_eq!(characters.labels, [0, 0, 1, 2]);
        assert_eq!(open(&format!("{name}:alphabets"), Split::Train, dir).unwrap().labels, [0, 0, 0, 1]);
        // 15 px of 105 are 4 of 28: the square of the k-th written picture fills rows 4k..4k+4, columns 8..12.
        for (i, k) in [3, 2, 1, 0].into_iter().enumerate() {
            let image = characters.image(i);
            for (p, &v) in image.iter().enumerate() {
                let inside = (4 * k..4 * k + 4).contains(&(p / 28)) && (8..12).contains(&(p % 28));
                assert_eq!(v, if inside { 255 } else { 0 }, "image {i}, pixel {p}");
            }
        }
        let lines = std::fs::read_to_string(folder.path("background-characters.txt")).unwrap();
        assert_eq!(lines, "0\tA/character01\n1\tA/character02\n2\tB/character01\n");
        folder.write("images_evaluation.zip", b"PK and nothing");
        let found = convert_omniglot(&folder.path("images_evaluation.zip"), "evaluation", false);
        assert!(matches!(found, Err(DataError::Archive { .. })), "{found:?}");
    }
}
