//! Data sets: where they are kept, how they are read, how they are fetched.
//!
//! A data set is a folder under the data directory, with IDX files ([`idx`]) or CIFAR-10's binary batches ([`cifar`]).
//! Any such folder can be named, whether [`fetch`] put it there or the user did. The files of a split are found by name:
//!
//! | split | images and labels start with |
//! |---|---|
//! | train | `train-`, or `background-` (Omniglot's word), or there is one set of images only and it names no split |
//! | test | `t10k-`, `test-`, or `evaluation-`, or there is one set of images only |
//!
//! `train-images-idx3-ubyte.gz` goes with `train-labels-…`; where there are several label files beside one image file
//! (Omniglot has characters and alphabets), `NAME:alphabets` picks one, and `labels` or `characters` is the default.

mod catalogue;
mod checksum;
pub mod cifar;
mod dataset;
mod download;
mod error;
pub mod fetch;
mod folder;
mod http;
pub mod idx;
mod omniglot;
mod open;
#[cfg(test)]
pub(crate) mod testing;

pub use catalogue::{RemoteFile, RemoteSet, SETS, full_name};
pub use checksum::State;
pub use dataset::{Dataset, Split, mean_and_std};
pub use download::Event;
pub use error::DataError;
pub use folder::{data_dir, folder_name, folders, holds_data};
pub use open::open;
