//! Pictures as people have them: which files are pictures, what class each belongs to, and what stands behind a see-through
//! one.

use std::collections::HashMap;

/// Fewest pictures.
pub const FEWEST: usize = 6;
/// Pictures that are read; more of them are thinned out evenly.
pub const MOST: usize = 1500;
/// Endings of files that browsers read as pictures.
const ENDINGS: [&str; 12] = ["png", "jpg", "jpeg", "jpe", "jfif", "pjpeg", "webp", "gif", "bmp", "avif", "svg", "ico"];
/// Parts of a name, from its front and from its end, that may say the class. A name of thousands of parts is nobody's.
const MOST_PARTS: usize = 16;
/// Files with their classes.
pub struct Sorted<F> {
    /// Name of the folder.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Class and file.
    pub files: Vec<(u32, F)>,
    /// How the classes were guessed, where they are not folders.
    pub guess: Option<String>,
}

/// Whether browsers read it as a picture, by its name.
pub fn is_picture(path: &str) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// Whether a system put it there, and no person.
pub fn is_hidden(path: &str) -> bool {
    let system = |part: &str| part.starts_with('.') || ["__MACOSX", "Thumbs.db", "desktop.ini"].contains(&part);
    path.split('/').any(system)
}

fn ending(path: &str) -> String {
    path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// A file's name without folder and ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The parts of a file's name: runs of letters and runs of digits.
fn parts(stem: &str) -> Vec<&str> {
    let kind = |c: char| (c.is_alphanumeric(), c.is_numeric());
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, letter) in stem.char_indices() {
        let next = stem[at + letter.len_utf8()..].chars().next();
        if next.is_none_or(|next| kind(next) != kind(letter)) {
            if letter.is_alphanumeric() {
                parts.push(&stem[start..at + letter.len_utf8()]);
            }
            start = at + letter.len_utf8();
        }
    }
    parts
}

/// One part of a name, counted from its front or its end.
fn part_at<'a>(parts: &[&'a str], place: usize, from_end: bool) -> Option<&'a str> {
    match from_end {
        true => parts.iter().rev().nth(place).copied(),
        false => parts.get(place).copied(),
    }
}

/// Whether these are classes: two or more and not too many, each of two files or more on average.
fn are_classes(classes: &[String], most: usize) -> bool {
    let mut different: Vec<String> = classes.iter().map(|class| class.to_lowercase()).collect();
    different.sort();
    different.dedup();
    let count = different.len();
    !classes.iter().any(String::is_empty) && (2..=most).contains(&count) && 2 * count <= classes.len()
}

/// The class that each name gives, by a part of the names that repeats and differs: the words before the first number, else a
/// word, else a number that is not padded as running numbers are, else anything. None where there is no such part.
fn classes_of(names: &[&str], most: usize) -> Option<Vec<String>> {
    let all: Vec<Vec<&str>> = names.iter().map(|name| parts(name)).collect();
    let is_number = |part: &str| part.chars().all(char::is_numeric);
    let is_word = |part: &String| part.chars().count() > 1 && !is_number(part.as_str());
    let is_padded = |part: &String| part.len() > 1 && part.starts_with('0');
    let leading: Vec<String> = all
        .iter()
        .map(|parts| parts.iter().take_while(|part| !is_number(part)).copied().collect::<Vec<_>>().join(" "))
        .collect();
    let longest = all.iter().map(Vec::len).max().unwrap_or(0).min(MOST_PARTS);
    let mut columns: Vec<Vec<String>> = Vec::new();
    for from_end in [false, true] {
        for place in 0..longest {
            let part = |parts: &Vec<&str>| part_at(parts, place, from_end).unwrap_or_default().to_owned();
            columns.push(all.iter().map(part).collect());
        }
    }
    let words = columns.iter().filter(|column| column.iter().all(is_word));
    let numbers = columns.iter().filter(|column| !column.iter().any(is_padded));
    let mut found = std::iter::once(&leading).chain(words).chain(numbers).chain(&columns);
    found.find(|column| are_classes(column, most)).cloned()
}

/// Sorts pictures by the folder they lie in, or by their names where all lie in one.
///
/// # Errors
/// In words: too few pictures, one class alone, too many.
pub fn sort<F>(mut files: Vec<(String, F)>, most: usize) -> Result<Sorted<F>, String> {
    if files.len() < FEWEST {
        return Err(format!(
            "{} pictures were found. Expected at least {FEWEST}: a folder with a folder for each class, or files with their \
             class in their names, such as cat-1.jpg.",
            files.len()
        ));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
    let first = folder(&files[0].0);
    let by_folder = files.iter().any(|(path, _)| folder(path) != first);
    let name = first.split('/').next().filter(|name| !name.is_empty()).unwrap_or("pictures").to_owned();
    let (found, guess) = match by_folder {
        true => {
            let last = |path: &str| folder(path).rsplit('/').next().unwrap_or_default().to_owned();
            let named = |class: String| if class.is_empty() { "(no folder)".to_owned() } else { class };
            (files.iter().map(|(path, _)| named(last(path))).collect::<Vec<_>>(), None)
        }
        false => {
            let names: Vec<&str> = files.iter().map(|(path, _)| stem(path)).collect();
            let found = classes_of(&names, most).or_else(|| classes_of(&names, usize::MAX)).ok_or_else(|| {
                format!(
                    "The names of the {} pictures show no classes, such as “{}”. Expected a folder for each class, or the \
                     class in each name, such as cat-1.jpg.",
                    names.len(),
                    names[0]
                )
            })?;
            let guess = format!("classes guessed from file names, such as “{}” from “{}”", found[0], names[0]);
            (found, Some(guess))
        }
    };
    let mut classes: Vec<String> = Vec::new();
    let mut labels: HashMap<String, usize> = HashMap::new();
    let mut sorted = Vec::with_capacity(files.len());
    for ((_, file), class) in files.into_iter().zip(found) {
        let label = *labels.entry(class.to_lowercase()).or_insert_with(|| {
            classes.push(class);
            classes.len() - 1
        });
        sorted.push((label as u32, file));
    }
    match classes.len() {
        1 => Err(format!(
            "All {} pictures lie in the folder “{}”. Expected a folder for each class.",
            sorted.len(),
            classes[0]
        )),
        found if found > most => Err(format!(
            "{found} classes were found, and this learner can tell at most {most} apart. Choose fewer folders."
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
            Ok(Sorted { name, classes, files: sorted, guess })
        }
    }
}

/// The class of each path, by its folder or its name as [`sort`] finds it, and what was guessed if no folders tell. Empty for those
/// beyond the number that is looked at.
///
/// # Errors
/// As [`sort`].
pub fn classes_by_path(paths: Vec<String>) -> Result<(Vec<String>, Option<String>), String> {
    let mut classes = vec![String::new(); paths.len()];
    let sorted = sort(paths.into_iter().zip(0..).collect::<Vec<(String, usize)>>(), usize::MAX)?;
    for (label, at) in sorted.files {
        classes[at].clone_from(&sorted.classes[label as usize]);
    }
    Ok((classes, sorted.guess))
}

/// A picture on its ground, and the ground around it.
///
/// # Shapes
/// `rgba` [side, side, 4], of which the picture takes left, top, width and height of `place`; the result [side, side, 3]
pub fn on_ground(rgba: &[u8], side: usize, [left, top, wide, high]: [usize; 4]) -> Vec<f32> {
    let at = |x: usize, y: usize| &rgba[4 * (y * side + x)..4 * (y * side + x) + 4];
    let inside = || (top..top + high).flat_map(|y| (left..left + wide).map(move |x| (x, y)));
    let value = |level: u8| f32::from(level) / 255.0;
    // brightness of what is not see-through
    let (mut ink, mut cover, mut pixels) = (0.0, 0.0, 0.0);
    for (x, y) in inside() {
        let pixel = at(x, y);
        let brightness = (value(pixel[0]) + value(pixel[1]) + value(pixel[2])) / 3.0;
        ink += value(pixel[3]) * brightness;
        cover += value(pixel[3]);
        pixels += 1.0;
    }
    let clear = cover < 0.995 * pixels;
    let corners = [(left, top), (left + wide - 1, top), (left, top + high - 1), (left + wide - 1, top + high - 1)];
    let ground: [f32; 3] = match clear {
        true => [if ink > 0.5 * cover { 0.0 } else { 1.0 }; 3],
        false => std::array::from_fn(|c| corners.iter().map(|(x, y)| value(at(*x, *y)[c])).sum::<f32>() / 4.0),
    };
    let mut picture = Vec::with_capacity(3 * side * side);
    for y in 0..side {
        for x in 0..side {
            let pixel = at(x, y);
            let here = (left..left + wide).contains(&x) && (top..top + high).contains(&y);
            let alpha = if here { value(pixel[3]) } else { 0.0 };
            picture.extend((0..3).map(|c| alpha * value(pixel[c]) + (1.0 - alpha) * ground[c]));
        }
    }
    picture
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
            "pets/dog/2.jpeg",
            "pets/cat/c.webp",
            "pets/cow/1.gif",
        ]);
        let sorted = sort(by_folder, 20).ok().unwrap();
        assert_eq!((sorted.name.as_str(), sorted.classes.join(" ").as_str()), ("pets", "cat cow dog"));
        assert_eq!(sorted.files.iter().map(|file| file.0).collect::<Vec<_>>(), [0, 0, 0, 1, 2, 2]);
        assert_eq!(sorted.guess, None);
        let by_name = paths(&["cat-1.jpg", "cat_2.jpg", "cat 3.jpg", "dog1.jpg", "dog (2).jpg", "dog.3.jpg"]);
        assert_eq!(sort(by_name, 20).ok().unwrap().classes.join(" "), "cat dog");
    }

    #[test]
    fn classes_are_found_wherever_names_repeat() {
        let several = |names: &[&str]| {
            let all: Vec<String> =
                names.iter().flat_map(|n| (1..=3).map(|i| n.replace('#', &format!("{i:03}")))).collect();
            let sorted = sort(paths(&all.iter().map(String::as_str).collect::<Vec<_>>()), 20).ok().unwrap();
            assert!(sorted.guess.is_some_and(|guess| guess.contains(&sorted.classes[0])));
            sorted.classes.join(",")
        };
        assert_eq!(several(&["0_#.png", "1_#.png", "0 (#).png", "1 (#).png"]), "0,1");
        assert_eq!(several(&["digit-7-#.png", "digit-3-#.png"]), "3,7");
        assert_eq!(several(&["digit-7-a#.png", "digit-3-b#.png"]), "3,7");
        assert_eq!(several(&["#_cat.jpg", "#_dog.jpg"]), "cat,dog");
        assert_eq!(several(&["IMG_#_cat.jpg", "IMG_#_dog.jpg"]), "cat,dog");
        assert_eq!(several(&["img#-3.png", "img#-5.png"]), "3,5");
        assert_eq!(several(&["x/train_9_#.png", "x/train_4_#.png"]), "4,9");
        assert_eq!(several(&["red apple #.png", "green apple #.png"]), "green apple,red apple");
        assert_eq!(several(&["A#.png", "B#.png", "a-#.png"]), "A,B");
        assert_eq!(several(&["été-#.png", "雪-#.png"]), "été,雪");
    }

    #[test]
    fn what_is_no_task_is_refused_in_words() {
        let said = |all: &[&str]| sort(paths(all), 3).err().unwrap();
        assert!(said(&["a/1.png", "b/1.png"]).contains("2 pictures"));
        assert!(said(&["a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png", "a/6.png"]).contains("show no classes"));
        assert!(said(&["a/1.png", "b/2.png", "c/3.png", "d/4.png", "a/5.png", "a/6.png"]).contains("4 classes"));
        assert!(said(&[]).contains("0 pictures"));
        let names = ["pets/a.PNG", "pets/dog/.x.jpg", "__MACOSX/a.png", "pets/Thumbs.db", "pets/notes.txt"];
        assert_eq!(names.map(is_picture), [true, true, true, false, false]);
        assert_eq!(names.map(is_hidden), [false, true, true, true, false]);
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
    fn see_through_pictures_are_laid_where_they_can_be_seen() {
        // a line of this brightness on nothing, 4 × 2 pixels in a square of 4
        let line = |level: u8, alpha: u8| -> Vec<u8> {
            (0..16)
                .flat_map(|at| match at {
                    5 | 6 => [level, level, level, 255],
                    4..12 => [level, level, level, alpha],
                    _ => [0; 4],
                })
                .collect()
        };
        let place = [0, 1, 4, 2];
        for (level, ground) in [(255, 0.0), (0, 1.0), (230, 0.0), (30, 1.0)] {
            let picture = on_ground(&line(level, 0), 4, place);
            assert_eq!((picture[0], picture[3 * 4], picture[3 * 5]), (ground, ground, f32::from(level) / 255.0));
        }
        // without clear parts what is around it has the colour of its corners
        let mut full = line(200, 255);
        full[4 * 5..4 * 5 + 4].copy_from_slice(&[10, 20, 30, 255]);
        let picture = on_ground(&full, 4, place);
        assert!((picture[0] - 200.0 / 255.0).abs() < 1e-6 && (picture[3 * 5 + 2] - 30.0 / 255.0).abs() < 1e-6);
    }
}
