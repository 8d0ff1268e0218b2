//! The data sets that can be fetched, with addresses and checksums.

use super::cifar;

/// A data set that can be fetched.
#[derive(Debug)]
pub struct RemoteSet {
    /// Name of its folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// Addresses that the file names are appended to, official ones first.
    pub mirrors: &'static [&'static str],
    /// Its files.
    pub files: &'static [RemoteFile],
    /// Bytes to download, about.
    pub bytes: u64,
}

/// A file of a data set.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile {
    /// Its name, at the mirrors and on disk.
    pub name: &'static str,
    /// MD5 of the file, as its publishers give it: against damage, not against malice.
    pub md5: &'static str,
    /// SHA-256 of the decompressed content, where known: the same content may be compressed in more than one way.
    pub content: Option<&'static str>,
}

/// A file of which only the checksum is known.
pub(super) const fn file(name: &'static str, md5: &'static str) -> RemoteFile {
    RemoteFile { name, md5, content: None }
}

/// A file whose content is known too.
const fn known(name: &'static str, md5: &'static str, content: &'static str) -> RemoteFile {
    RemoteFile { name, md5, content: Some(content) }
}

/// The data sets that can be fetched.
pub const SETS: &[RemoteSet] = &[
    RemoteSet {
        name: "mnist",
        about: "handwritten digits, 60,000 + 10,000, 28×28 grey",
        licence: "CC BY-SA 3.0",
        mirrors: &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        files: &[
            known(
                "train-images-idx3-ubyte.gz",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            known(
                "train-labels-idx1-ubyte.gz",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            known(
                "t10k-images-idx3-ubyte.gz",
                "9fb629c4189551a2d022fa330f9573f3",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            known(
                "t10k-labels-idx1-ubyte.gz",
                "ec29112dd5afa0611ce80d1b7f02629c",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
        bytes: 11_600_000,
    },
    RemoteSet {
        name: "fashion-mnist",
        about: "clothes, 60,000 + 10,000, 28×28 grey",
        licence: "MIT",
        mirrors: &[
            // Plain http: this bucket has no certificate of its own. The checksums decide.
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        files: &[
            known(
                "train-images-idx3-ubyte.gz",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            known(
                "train-labels-idx1-ubyte.gz",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            known(
                "t10k-images-idx3-ubyte.gz",
                "bef4ecab320f06d8554ea6380940ec79",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            known(
                "t10k-labels-idx1-ubyte.gz",
                "bb300cfdad3c16e7a12a480ee83cd310",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
        bytes: 30_900_000,
    },
    RemoteSet {
        name: "kmnist",
        about: "cursive Japanese characters, 60,000 + 10,000, 28×28 grey",
        licence: "CC BY-SA 4.0",
        mirrors: &[
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            // The host is often slow or away. `id_` asks the archive for the bytes as they were.
            "https://web.archive.org/web/2020id_/http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ],
        files: &[
            file("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
            file("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
            file("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
            file("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
        ],
        bytes: 21_300_000,
    },
    RemoteSet {
        name: "cifar-10",
        about: "photographs of ten kinds of things, 50,000 + 10,000, 32×32 colour",
        licence: "none stated; cite Krizhevsky 2009",
        mirrors: &["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"],
        files: &[file(cifar::ARCHIVE, "c32a1d4ab5d03f1284b67883e8d87530")],
        bytes: 170_052_171,
    },
    RemoteSet {
        name: "omniglot",
        about: "1,623 handwritten characters of 50 alphabets, 20 drawers each, reduced to 28×28 grey",
        licence: "MIT",
        mirrors: &["https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"],
        files: &[
            file("images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
            file("images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
        ],
        bytes: 15_800_000,
    },
];

/// The full name of a data set that has a short one.
pub fn full_name(name: &str) -> &str {
    match name {
        "fashion" => "fashion-mnist",
        "digits" => "sklearn-digits",
        "cifar10" => "cifar-10",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_complete() {
        for set in SETS {
            assert!(set.mirrors.iter().all(|m| m.starts_with("http") && m.ends_with('/')), "{}", set.name);
            for file in set.files {
                assert!(file.md5.len() == 32 && file.md5.bytes().all(|b| b.is_ascii_hexdigit()), "{}", file.name);
                assert!(file.content.is_none_or(|c| c.len() == 64), "{}", file.name);
            }
        }
    }
}
