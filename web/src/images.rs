//! Pictures of a visitor's own: sorted into classes, decoded by the browser, cut to a square and reduced.

use js_sys::Reflect;
use shaders::pixels;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

use crate::browser::{self, window, words};
use crate::curves::Data;

/// Pictures are kept at this many pixels a side.
pub const SIDE: usize = 28;
/// The browser reduces them to this many first; exact pooling does the rest.
const FIRST: usize = 112;
/// Fewest pictures.
pub const FEWEST: usize = 6;
/// Pictures that are read; more of them are thinned out evenly.
const MOST: usize = 1500;
/// Endings of files that browsers read as pictures.
const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "avif", "svg", "ico"];

/// Files with their classes.
pub struct Sorted<F> {
    /// Name of the folder.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Class and file.
    pub files: Vec<(u32, F)>,
}

/// Sorts files by the folder they lie in, or by how their names begin where all lie in one.
///
/// # Errors
/// In words: too few pictures, one class alone, too many.
pub fn sort<F>(files: Vec<(String, F)>, most: usize) -> Result<Sorted<F>, String> {
    let ending = |path: &str| path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    let mut files: Vec<(String, F)> =
        files.into_iter().filter(|(path, _)| ENDINGS.contains(&ending(path).as_str()) && !hidden(path)).collect();
    if files.len() < FEWEST {
        return Err(format!(
            "{} pictures were found there. Expected at least {FEWEST}: a folder with a folder for each class, or files \
             whose names begin with their class, such as cat-1.jpg.",
            files.len()
        ));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
    let beginning = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let end = stem.find(|c: char| c.is_ascii_digit() || "_-. (".contains(c)).unwrap_or(stem.len());
        stem[..end].to_owned()
    };
    let first = folder(&files[0].0);
    let by_folder = files.iter().any(|(path, _)| folder(path) != first);
    let name = first.split('/').next().filter(|name| !name.is_empty()).unwrap_or("pictures").to_owned();
    let mut classes: Vec<String> = Vec::new();
    let mut sorted = Vec::with_capacity(files.len());
    for (path, file) in files {
        let class = match by_folder {
            true => folder(&path).rsplit('/').next().unwrap_or_default().to_owned(),
            false => beginning(&path),
        };
        let class = if class.is_empty() { "(no name)".to_owned() } else { class };
        let label = classes.iter().position(|known| *known == class).unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        });
        sorted.push((label as u32, file));
    }
    match classes.len() {
        1 => Err(format!(
            "all {} pictures have the class “{}”. Expected a folder for each class, or names that begin with it, such as \
             cat-1.jpg.",
            sorted.len(),
            classes[0]
        )),
        found if found > most => Err(format!(
            "{found} classes were found, and this learner knows {most}: expected at most {most} folders of pictures."
        )),
        _ => {
            if sorted.len() > MOST {
                let count = sorted.len();
                // every so many-th of each class, as they are in order
                let mut number = 0;
                sorted.retain(|_| {
                    number += 1;
                    number * MOST / count != (number - 1) * MOST / count
                });
            }
            Ok(Sorted { name, classes, files: sorted })
        }
    }
}

/// The square in the middle of a picture.
///
/// # Shapes
/// The result in [0, 1], [28, 28, 3]
pub async fn decode(file: &File) -> Result<Vec<f32>, String> {
    let unread = || format!("“{}” could not be read as a picture. Expected PNG, JPEG, WebP or the like.", file.name());
    let promise = window().create_image_bitmap_with_blob(file).map_err(|_| unread())?;
    let bitmap: ImageBitmap = JsFuture::from(promise).await.map_err(|_| unread())?.unchecked_into();
    let size = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    let picture = square(&bitmap, size, FIRST, "white").map_err(|error| format!("{} ({error})", unread()));
    bitmap.close();
    let picture: Vec<f32> =
        picture?.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).map(|v| f32::from(v) / 255.0).collect();
    pixels::pool(&picture, (FIRST, FIRST, 3), SIDE).map_err(|error| error.to_string())
}

/// The square in the middle of anything that can be painted, as RGBA of `side` pixels a side.
pub fn square(source: &JsValue, (width, height): (f64, f64), side: usize, ground: &str) -> Result<Vec<u8>, String> {
    let document = window().document().ok_or("there is no page")?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").map_err(words)?.unchecked_into();
    canvas.set_width(side as u32);
    canvas.set_height(side as u32);
    let context: CanvasRenderingContext2d = browser::context(&canvas).ok_or("no canvas can be painted")?;
    let whole = side as f64;
    context.set_fill_style_str(ground);
    context.fill_rect(0.0, 0.0, whole, whole);
    // Not there in older browsers, which then reduce more coarsely.
    let _ = Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into());
    let cut = width.min(height);
    if cut < 1.0 {
        return Err("it has no size".into());
    }
    let paint: js_sys::Function = Reflect::get(&context, &"drawImage".into()).map_err(words)?.unchecked_into();
    let places = [(width - cut) / 2.0, (height - cut) / 2.0, cut, cut, 0.0, 0.0, whole, whole];
    let arguments = js_sys::Array::of1(source);
    places.iter().for_each(|place| {
        arguments.push(&JsValue::from_f64(*place));
    });
    paint.apply(&context, &arguments).map_err(words)?;
    Ok(context.get_image_data(0.0, 0.0, whole, whole).map_err(words)?.data().0)
}

/// Colour, or the mean of its channels.
///
/// # Shapes
/// `picture` [28, 28, 3]; the result [28, 28, `channels`]
pub fn with_channels(picture: &[f32], channels: usize) -> Vec<f32> {
    match channels {
        1 => picture.chunks_exact(3).map(|p| p.iter().sum::<f32>() / 3.0).collect(),
        _ => picture.to_vec(),
    }
}

/// Pictures as data; none where too few could be read. They are grey where none has colour.
pub fn data(
    name: String,
    pictures: Vec<Vec<f32>>,
    labels: Vec<u32>,
    classes: Vec<String>,
    unread: &[String],
) -> Option<Data> {
    let different = labels.iter().any(|label| *label != labels[0]);
    if pictures.len() < FEWEST || !different {
        return None;
    }
    let coloured = |p: &[f32]| (p[0] - p[1]).abs() > 0.02 || (p[1] - p[2]).abs() > 0.02;
    let colour = pictures.iter().any(|picture| picture.chunks_exact(3).any(coloured));
    let channels = if colour { 3 } else { 1 };
    let mut text =
        format!("{} {} pictures, reduced to {SIDE} × {SIDE}", pictures.len(), if colour { "colour" } else { "grey" });
    if !unread.is_empty() {
        text += &format!("; {} could not be read, such as {}", unread.len(), unread[0]);
    }
    let values = pictures.iter().flat_map(|picture| with_channels(picture, channels)).collect();
    Some(Data { name, words: text, size: (SIDE, SIDE, channels), values, labels, classes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[&str]) -> Vec<(String, ())> {
        all.iter().map(|path| (path.to_string(), ())).collect()
    }

    #[test]
    fn classes_are_folders_or_beginnings() {
        let by_folder = paths(&[
            "pets/dog/1.jpg",
            "pets/cat/a.PNG",
            "pets/cat/b.png",
            "pets/dog/.x.jpg",
            "pets/notes.txt",
            "pets/dog/2.jpeg",
            "pets/cat/c.webp",
            "pets/cow/1.gif",
        ]);
        let sorted = sort(by_folder, 20).ok().unwrap();
        assert_eq!((sorted.name.as_str(), sorted.classes.join(" ").as_str()), ("pets", "cat cow dog"));
        assert_eq!(sorted.files.iter().map(|file| file.0).collect::<Vec<_>>(), [0, 0, 0, 1, 2, 2]);
        let by_name = paths(&["cat-1.jpg", "cat_2.jpg", "cat 3.jpg", "dog1.jpg", "dog (2).jpg", "dog.3.jpg"]);
        assert_eq!(sort(by_name, 20).ok().unwrap().classes.join(" "), "cat dog");
    }

    #[test]
    fn what_is_no_task_is_refused_in_words() {
        let said = |all: &[&str]| sort(paths(all), 3).err().unwrap();
        assert!(said(&["a/1.png", "b/1.png"]).contains("2 pictures"));
        assert!(said(&["a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png", "a/6.png"]).contains("(no name)"));
        assert!(said(&["a/1.png", "b/2.png", "c/3.png", "d/4.png", "a/5.png", "a/6.png"]).contains("4 classes"));
        assert!(said(&["readme.txt"; 9]).contains("0 pictures"));
    }

    #[test]
    fn many_pictures_are_thinned_out_evenly() {
        let all = (0..6000).map(|i| (format!("{}/{i:05}.png", i % 3), ())).collect();
        let sorted = sort(all, 20).ok().unwrap();
        assert_eq!(sorted.files.len(), MOST);
        for class in 0..3 {
            assert_eq!(sorted.files.iter().filter(|file| file.0 == class).count(), MOST / 3);
        }
    }

    #[test]
    fn pictures_without_colour_are_grey() {
        let grey = vec![[0.5; 3 * 784].to_vec(); 6];
        let labels = vec![0, 1, 0, 1, 0, 1];
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data_of = |pictures| data("x".into(), pictures, labels.clone(), classes.clone(), &["y.png".to_owned()]);
        let found = data_of(grey.clone()).unwrap();
        assert_eq!((found.size, found.values.len()), ((28, 28, 1), 6 * 784));
        assert!(found.words.contains("y.png"));
        let mut colour = grey;
        colour[3][0] = 0.9;
        assert_eq!(data_of(colour).unwrap().size, (28, 28, 3));
        assert_eq!(data("x".into(), vec![vec![0.5; 3 * 784]; 6], vec![1; 6], classes.clone(), &[]), None);
    }
}
