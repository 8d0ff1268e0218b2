//! Learners that begin each episode knowing nothing: the paper's online perceptron (its row "SGD"), and support vector
//! machines. The hand-written rules, which the page has too, are in [`shaders::baselines`].

mod online;
mod perceptron;
mod svm;

pub use online::{Method, SGD_RATE};
pub use perceptron::{ADAM_RATE, HIDDEN};
pub use svm::BOX;
