//! Pictures of a visitor's own: sorted into classes, decoded by the browser, fitted into a square and reduced.

use js_sys::Reflect;
use shaders::input::pixels;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

use tables::pictures::on_ground;
pub use tables::pictures::{FEWEST, is_hidden, is_picture, sort};

use super::protocol::{Data, Examples};
use crate::browser::{self, window, words};

/// Pictures are kept at this many pixels a side.
pub const SIDE: usize = 28;
/// The browser reduces them to this many first; exact pooling does the rest.
const FIRST: usize = 112;
/// The whole of a picture, fitted into a square. What is left of the square has the colour of the picture's corners; a
/// see-through picture is laid on black or white, whichever leaves more contrast.
///
/// # Shapes
/// The result in [0, 1], [28, 28, 3]
pub async fn decode(file: &File) -> Result<Vec<f32>, String> {
    let unread = || {
        format!(
            "“{}” could not be read as a picture. Expected PNG, JPEG, WebP or another format that browsers show.",
            file.name()
        )
    };
    let promise = window().create_image_bitmap_with_blob(file).map_err(|_| unread())?;
    let bitmap: ImageBitmap = JsFuture::from(promise).await.map_err(|_| unread())?.unchecked_into();
    let (width, height) = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    let scale = FIRST as f64 / width.max(height);
    let (wide, high) = ((width * scale).round().max(1.0), (height * scale).round().max(1.0));
    let place = [((FIRST as f64 - wide) / 2.0).floor(), ((FIRST as f64 - high) / 2.0).floor(), wide, high];
    let rgba = painted(&bitmap, [0.0, 0.0, width, height], place, FIRST, None);
    bitmap.close();
    let rgba = rgba.map_err(|error| format!("{} ({error})", unread()))?;
    let picture = on_ground(&rgba, FIRST, place.map(|at| at as usize));
    pixels::pool(&picture, (FIRST, FIRST, 3), SIDE).map_err(|error| error.to_string())
}

/// The square in the middle of anything that can be painted, as RGBA of `side` pixels a side.
pub fn square(source: &JsValue, (width, height): (f64, f64), side: usize, ground: &str) -> Result<Vec<u8>, String> {
    let cut = width.min(height);
    let whole = side as f64;
    let from = [(width - cut) / 2.0, (height - cut) / 2.0, cut, cut];
    painted(source, from, [0.0, 0.0, whole, whole], side, Some(ground))
}

/// A part of anything that can be painted (left, top, width, height), at a place of a square of `side` pixels a side, as RGBA.
fn painted(
    source: &JsValue,
    from: [f64; 4],
    to: [f64; 4],
    side: usize,
    ground: Option<&str>,
) -> Result<Vec<u8>, String> {
    let document = window().document().ok_or("there is no page")?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").map_err(words)?.unchecked_into();
    canvas.set_width(side as u32);
    canvas.set_height(side as u32);
    let context: CanvasRenderingContext2d = browser::context(&canvas).ok_or("no canvas can be painted")?;
    let whole = side as f64;
    if let Some(ground) = ground {
        context.set_fill_style_str(ground);
        context.fill_rect(0.0, 0.0, whole, whole);
    }
    // Not there in older browsers, which then reduce more coarsely.
    let _ = Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into());
    if from[2].min(from[3]) < 1.0 {
        return Err("it has no size".into());
    }
    let paint: js_sys::Function = Reflect::get(&context, &"drawImage".into()).map_err(words)?.unchecked_into();
    let arguments = js_sys::Array::of1(source);
    from.iter().chain(&to).for_each(|place| {
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
    guess: Option<String>,
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
    if let Some(guess) = guess {
        text += &format!("; {guess}");
    }
    let values = pictures.iter().flat_map(|picture| with_channels(picture, channels)).collect();
    let examples = Examples::Pictures { size: (SIDE, SIDE, channels), values };
    Some(Data { name, words: text, examples, labels, classes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_without_colour_are_grey() {
        let grey = vec![[0.5; 3 * 784].to_vec(); 6];
        let labels = vec![0, 1, 0, 1, 0, 1];
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data_of =
            |pictures| data("x".into(), pictures, labels.clone(), classes.clone(), &["y.png".to_owned()], None);
        let found = data_of(grey.clone()).unwrap();
        let size = |data: &Data| match &data.examples {
            Examples::Pictures { size, values } => (*size, values.len()),
            Examples::Rows(_) => panic!("pictures are no rows"),
        };
        assert_eq!(size(&found), ((28, 28, 1), 6 * 784));
        assert!(found.words.contains("y.png"));
        let mut colour = grey;
        colour[3][0] = 0.9;
        assert_eq!(size(&data_of(colour).unwrap()), ((28, 28, 3), 6 * 3 * 784));
        assert_eq!(data("x".into(), vec![vec![0.5; 3 * 784]; 6], vec![1; 6], classes.clone(), &[], None), None);
    }
}
