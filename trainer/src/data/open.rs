//! Reading a data set.

use std::path::Path;

use shaders::input::pixels;

use super::catalogue::SETS;
use super::dataset::{Dataset, Split};
use super::error::DataError;
use super::folder::{files, folder_name, folders};
use super::idx::Values;
use super::{cifar, idx};

/// Reads one split of a data set from its folder in the data directory `dir`.
///
/// `name` is the folder's name, or a short one (`fashion`, `digits`, `cifar10`), with `:KIND` to pick one of several
/// label files, as in `omniglot:alphabets`.
///
/// # Errors
/// [`DataError::Unknown`] and [`DataError::NoSplit`] when it isn't there, with what is; else what is wrong with a file.
pub fn open(name: &str, split: Split, dir: &Path) -> Result<Dataset, DataError> {
    let (set, kind) = name.split_once(':').map_or((name, None), |(set, kind)| (set, Some(kind)));
    let set = folder_name(set, dir);
    let folder = dir.join(set);
    // One plain folder name: a name from a configuration must not reach out of the data directory.
    let plain = Path::new(set).components().eq([std::path::Component::Normal(set.as_ref())]);
    if !plain || !folder.is_dir() {
        let advice = if SETS.iter().any(|s| s.name == set) {
            format!("run `trainer data fetch {set}`, or point --data-dir or GPICL_DATA to where it is")
        } else {
            "check the name with `trainer data list`, or point --data-dir or GPICL_DATA to where it is".into()
        };
        return Err(DataError::Unknown { name: name.into(), dir: dir.into(), found: folders(dir), advice });
    }
    if cifar::is_in(&folder) {
        return cifar::read(&folder, name, split);
    }
    let (images, labels) = files(&folder, split, kind)?;
    let mut data = read_pair(name, split, &images, &labels)?;
    if is_emnist(&images) {
        make_upright(&mut data);
    }
    Ok(data)
}

/// Whether images are EMNIST's, by the name of their file or of their folder.
fn is_emnist(images: &Path) -> bool {
    let mut names = images.components().rev().take(3).map(|part| part.as_os_str().to_string_lossy().to_lowercase());
    names.any(|name| name == "emnist" || name.starts_with("emnist-"))
}

/// EMNIST's pictures lie on their side (rows and columns exchanged), and the labels of its letters begin at 1.
fn make_upright(data: &mut Dataset) {
    let (height, width) = (data.height, data.width);
    if data.channels == 1 {
        let image = |image: &[u8]| -> Vec<u8> {
            (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).map(|(x, y)| image[y * width + x]).collect()
        };
        data.images = data.images.chunks_exact(height * width).flat_map(image).collect();
        (data.height, data.width) = (width, height);
    }
    if data.labels.iter().min() == Some(&1) {
        data.labels.iter_mut().for_each(|label| *label -= 1);
        data.classes -= 1;
    }
}

/// Reads a pair of IDX files. Images [n, X], [n, h, w], [n, h, w, c] or [n, c, h, w] of u8; labels [n] of any type.
fn read_pair(name: &str, split: Split, images: &Path, labels: &Path) -> Result<Dataset, DataError> {
    let file = idx::read(images)?;
    let wrong = |dims: &[usize]| DataError::Extent { path: images.into(), dims: dims.to_vec() };
    let Values::U8(mut bytes) = file.values else {
        return Err(DataError::Type { path: images.into(), found: 0x0C, expected: "0x08 (u8) for images" });
    };
    let channel = |c: usize| matches!(c, 1 | 3 | 4);
    let (height, width, channels) = match file.dims[..] {
        [_, x] => (1, x, 1),
        [_, h, w] => (h, w, 1),
        [_, h, w, c] if channel(c) => (h, w, c),
        [n, c, h, w] if channel(c) => {
            // Planes, as torchvision and CIFAR write them: here the channels of a pixel lie side by side.
            let mut last = Vec::with_capacity(bytes.len());
            for i in 0..n {
                let image = &bytes[i * c * h * w..][..c * h * w];
                last.extend((0..h * w).flat_map(|p| (0..c).map(move |c| image[c * h * w + p])));
            }
            bytes = last;
            (h, w, c)
        }
        _ => return Err(wrong(&file.dims)),
    };
    if height > pixels::MAX_SIDE || width > pixels::MAX_SIDE {
        return Err(wrong(&file.dims));
    }

    let found = idx::read(labels)?;
    let count = file.dims[0];
    let values: Vec<i64> = match found.values {
        Values::U8(values) => values.into_iter().map(i64::from).collect(),
        Values::I32(values) => values.into_iter().map(i64::from).collect(),
    };
    // QMNIST keeps eight numbers for each image; the first is its class
    let (values, dims) = match found.dims[..] {
        [rows, columns] if columns > 1 => (values.into_iter().step_by(columns).collect(), vec![rows]),
        _ => (values, found.dims.clone()),
    };
    if dims != [count] {
        return Err(DataError::LabelCount { path: labels.into(), images: count, labels: values.len() });
    }
    // No data set here has more classes than this, and tables of classes are allocated by the greatest label.
    let limit = 1 << 20;
    if let Some(&found) = values.iter().find(|v| !(0..limit).contains(*v)) {
        return Err(DataError::Label { path: labels.into(), found, limit });
    }
    let labels: Vec<u32> = values.into_iter().map(|v| v as u32).collect();
    let classes = labels.iter().max().map_or(0, |&m| m as usize + 1);
    let white = bytes.iter().copied().max().unwrap_or(0).max(1);
    Ok(Dataset { name: name.into(), split, height, width, channels, images: bytes, labels, classes, white })
}

#[cfg(test)]
mod tests {
    use super::super::fetch;
    use super::super::folder::data_dir;
    use super::super::testing::Folder;
    use super::*;

    fn ramp(n: usize) -> Values {
        Values::U8((0..n).map(|i| i as u8).collect())
    }

    #[test]
    fn relatives_of_mnist_are_read_as_they_are_downloaded() {
        let dir = Folder::new("relatives");
        for split in ["train", "test"] {
            for set in ["letters", "digits"] {
                dir.idx(&format!("emnist/emnist-{set}-{split}-images-idx3-ubyte.gz"), &[2, 2, 2], ramp(8));
            }
            dir.idx(&format!("emnist/emnist-letters-{split}-labels-idx1-ubyte.gz"), &[2], Values::U8(vec![1, 26]));
            dir.idx(&format!("emnist/emnist-digits-{split}-labels-idx1-ubyte.gz"), &[2], Values::U8(vec![0, 9]));
            dir.idx(&format!("qmnist/{split}-images-idx3-ubyte.gz"), &[2, 1, 1], ramp(2));
            let labels: Vec<i32> = vec![5, 0, 2, 2, 2, 2, 0, 0, 3, 1, 3, 3, 3, 3, 0, 0];
            dir.idx(&format!("qmnist/{split}-labels-idx2-int.gz"), &[2, 8], Values::I32(labels));
        }
        let letters = open("emnist:letters", Split::Train, dir.root()).unwrap();
        assert_eq!((letters.image(0), &letters.labels[..], letters.classes), (&[0, 2, 1, 3][..], &[0, 25][..], 26));
        assert_eq!(open("emnist:digits", Split::Test, dir.root()).unwrap().labels, [0, 9]);
        let error = open("emnist", Split::Test, dir.root()).unwrap_err().to_string();
        assert!(error.contains("emnist:digits"), "{error}");
        let digits = open("qmnist", Split::Test, dir.root()).unwrap();
        assert_eq!((&digits.labels[..], digits.image(1)), (&[5, 3][..], &[1][..]));
    }

    #[test]
    fn splits_and_labels_are_found_by_name() {
        let dir = Folder::new("splits");
        for (prefix, n) in [("train", 3), ("t10k", 2)] {
            dir.idx(&format!("pair/{prefix}-images-idx3-ubyte.gz"), &[n, 2, 2], ramp(n * 4));
            dir.idx(&format!("pair/{prefix}-labels-idx1-ubyte.gz"), &[n], ramp(n));
        }
        dir.idx("one/images-idx3-ubyte.gz", &[2, 1, 2], Values::U8(vec![0, 16, 8, 4]));
        dir.idx("one/labels-idx1-ubyte.gz", &[2], ramp(2));
        dir.idx("tested/test-images-idx3-ubyte.gz", &[1, 1, 1], Values::U8(vec![3]));
        dir.idx("tested/test-labels-idx1-ubyte.gz", &[1], ramp(1));
        dir.idx("om/background-images-idx3-ubyte.gz", &[4, 1, 1], ramp(4));
        dir.idx("om/background-characters-idx1-short.gz", &[4], Values::I32(vec![0, 1, 2, 600]));
        dir.idx("om/background-alphabets-idx1-ubyte.gz", &[4], Values::U8(vec![0, 0, 1, 1]));
        let open = |name: &str, split| open(name, split, dir.root());

        assert_eq!(open("pair", Split::Train).unwrap().labels, [0, 1, 2]);
        let test = open("pair", Split::Test).unwrap();
        assert_eq!((test.len(), test.height, test.width, test.channels, test.classes), (2, 2, 2, 1, 2));
        assert_eq!(test.image(1), [4, 5, 6, 7]);
        // The only images there serve for both; the greatest value is white.
        for split in [Split::Train, Split::Test] {
            assert_eq!(open("one", split).unwrap().pixels(0), [0.0, 1.0]);
            assert_eq!(open("om", split).unwrap().labels, [0, 1, 2, 600]);
        }
        assert_eq!(open("om", Split::Train).unwrap().classes, 601);
        assert_eq!(open("om:alphabets", Split::Train).unwrap().labels, [0, 0, 1, 1]);
        assert_eq!(open("tested", Split::Test).unwrap().len(), 1);
        // What says it is for tests is never trained on.
        assert!(matches!(open("tested", Split::Train), Err(DataError::NoSplit { .. })));
        assert!(matches!(open("om:moons", Split::Train), Err(DataError::NoSplit { .. })));
        assert_eq!(folders(dir.root()), ["om", "one", "pair", "tested"]);
        let Err(DataError::Unknown { found, advice, .. }) = open("mnist", Split::Test) else {
            panic!("mnist is not there")
        };
        assert_eq!(found, ["om", "one", "pair", "tested"]);
        assert!(advice.contains("data fetch mnist"), "{advice}");
        for outside in ["..", "/", "", "../splits", "pair/../one"] {
            assert!(matches!(open(outside, Split::Test), Err(DataError::Unknown { .. })), "{outside:?}");
        }
    }

    #[test]
    fn files_in_folders_of_their_name_are_read() {
        let dir = Folder::new("unpacked");
        let put = |set: &str, images: &str, labels: &str| {
            dir.idx(&format!("{set}/{images}"), &[2, 1, 1], ramp(2));
            dir.idx(&format!("{set}/{labels}"), &[2], ramp(2));
        };
        let pack = "t10k-images-idx3-ubyte";
        put("same", &format!("{pack}/{pack}"), "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte");
        put("dots", &format!("{pack}/t10k-images.idx3-ubyte"), "t10k-labels-idx1-ubyte/t10k-labels.idx1-ubyte");
        put("other", &format!("{pack}/data"), "t10k-labels-idx1-ubyte/labels.bin");
        put("twice", &format!("{pack}/{pack}/{pack}.gz"), "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte");
        dir.write("same/t10k-images-idx3-ubyte/.DS_Store", b"x");
        for name in ["same", "dots", "other", "twice"] {
            assert_eq!(open(name, Split::Test, dir.root()).unwrap().len(), 2, "{name}");
        }
        // a file beside such a folder is the one that is meant
        put("both", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte");
        dir.write("both/t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", b"not this one");
        std::fs::create_dir_all(dir.path("both/t10k-labels-idx1-ubyte")).unwrap();
        assert_eq!(open("both", Split::Test, dir.root()).unwrap().len(), 2);
        // folders alone
        for part in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            std::fs::create_dir_all(dir.path(&format!("empty/t10k-{part}"))).unwrap();
        }
        let words = open("empty", Split::Test, dir.root()).unwrap_err().to_string();
        assert!(words.contains("t10k-images-idx3-ubyte (a folder without an IDX file in it)"), "{words}");
        assert!(!folders(dir.root()).contains(&"empty".to_owned()));
    }

    #[test]
    fn a_folder_is_opened_by_its_own_name_before_a_short_one() {
        let dir = Folder::new("short-names");
        let put = |set: &str, n: usize| {
            dir.idx(&format!("{set}/t10k-images-idx3-ubyte"), &[n, 1, 1], ramp(n));
            dir.idx(&format!("{set}/t10k-labels-idx1-ubyte"), &[n], ramp(n));
        };
        put("cifar10", 3);
        assert_eq!(open("cifar10", Split::Test, dir.root()).unwrap().len(), 3);
        put("cifar-10", 4);
        assert_eq!(open("cifar10", Split::Test, dir.root()).unwrap().len(), 3);
        assert_eq!(open("cifar-10", Split::Test, dir.root()).unwrap().len(), 4);
        put("fashion-mnist", 5);
        assert_eq!(open("fashion", Split::Test, dir.root()).unwrap().len(), 5);
        // a folder without data hides nothing
        std::fs::create_dir_all(dir.path("fashion")).unwrap();
        assert_eq!(open("fashion", Split::Test, dir.root()).unwrap().len(), 5);
        assert_eq!(fetch::verify("cifar10", dir.root()).unwrap().len(), 2);
    }

    #[test]
    fn tables_colours_and_planes_are_read_channels_last() {
        let dir = Folder::new("shapes");
        for (name, dims) in [("table", vec![2, 6]), ("last", vec![2, 2, 1, 3]), ("planes", vec![2, 3, 1, 2])] {
            dir.idx(&format!("{name}/images-idx-ubyte.gz"), &dims, ramp(12));
            dir.idx(&format!("{name}/labels-idx1-ubyte.gz"), &[2], ramp(2));
        }
        let open = |name: &str| open(name, Split::Test, dir.root());
        let table = open("table").unwrap();
        assert_eq!((table.height, table.width, table.channels), (1, 6, 1));
        let last = open("last").unwrap();
        assert_eq!((last.height, last.width, last.channels), (2, 1, 3));
        assert_eq!(last.image(0), [0, 1, 2, 3, 4, 5]);
        let planes = open("planes").unwrap();
        assert_eq!((planes.height, planes.width, planes.channels), (1, 2, 3));
        assert_eq!(planes.image(0), [0, 2, 4, 1, 3, 5]);
        assert_eq!(planes.image(1), [6, 8, 10, 7, 9, 11]);
        assert_eq!(planes.pooled(1).unwrap().len(), 6);
    }

    #[test]
    fn pairs_that_do_not_match_are_refused() {
        let dir = Folder::new("pairs");
        let put = |images: &[usize], labels: &[usize], values: Values| {
            let n = images.iter().product();
            dir.idx("a/images-idx3-ubyte.gz", images, ramp(n));
            dir.idx("a/labels-idx1-ubyte.gz", labels, values);
            open("a", Split::Test, dir.root())
        };
        assert!(put(&[3, 1, 1], &[3], ramp(3)).is_ok());
        let found = put(&[3, 1, 1], &[4], ramp(4));
        assert!(matches!(found, Err(DataError::LabelCount { images: 3, labels: 4, .. })), "{found:?}");
        assert!(matches!(put(&[4, 1, 1], &[2, 2], ramp(4)), Err(DataError::LabelCount { .. })));
        let found = put(&[2, 1, 1], &[2], Values::I32(vec![0, -1]));
        assert!(matches!(found, Err(DataError::Label { found: -1, .. })), "{found:?}");
        assert!(matches!(put(&[4], &[4], ramp(4)), Err(DataError::Extent { .. })));
        assert!(matches!(put(&[2, 5, 2, 2], &[2], ramp(2)), Err(DataError::Extent { .. })));
        dir.idx("a/images-idx3-ubyte.gz", &[2, 1, 1], Values::I32(vec![1, 2]));
        assert!(matches!(open("a", Split::Test, dir.root()), Err(DataError::Type { .. })));
    }

    /// MNIST was made by the rule of [`pixels::normalise`]: where it is there, the rule must hardly change it.
    #[test]
    fn preprocessing_leaves_mnist_nearly_alone() {
        let Ok(mnist) = data_dir(None).and_then(|dir| open("mnist", Split::Test, &dir)) else {
            eprintln!("not run: MNIST is not in the data directory");
            return;
        };
        let mut sum = 0.0;
        let mut same = 0;
        for i in 0..mnist.len() {
            let before = mnist.pixels(i);
            let after = pixels::normalise(&before, 28, 28).unwrap();
            let d = before.iter().zip(&after).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 784.0;
            same += usize::from(d < 1e-6);
            sum += d;
        }
        let (mean, same) = (sum / mnist.len() as f64, same as f64 / mnist.len() as f64);
        eprintln!("mean absolute difference {mean:.5}, unchanged {:.1} %", 100.0 * same);
        assert!(mean < 0.01 && same > 0.85, "mean absolute difference {mean}, unchanged {same}");
    }
}
