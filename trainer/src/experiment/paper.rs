//! Numbers of the paper to put beside ours: Kirsch, Harrison, Sohl-Dickstein, Metz, *General-Purpose In-Context Learning
//! by Meta-Learning Transformers*, arXiv 2212.04458.
//!
//! Read off the published figures and the headline table, to about ±0.01 (tables exactly). Their inputs have 32 × 32 × 3
//! values, their Transformer 4 layers of width 256 and 50,000 steps of 512 sequences: another scale than a desk's. What
//! is marked second-hand was recalled and not read again.

/// Where the numbers come from.
pub const SOURCE: &str = "arXiv 2212.04458, figures and headline table";

/// Data sets of [`TABLE`], in its order.
pub const TABLE_DATA: [&str; 6] = ["mnist", "fashion-mnist", "kmnist", "random", "cifar-10", "svhn"];

/// Meta-test accuracy in per cent at example 100, meta-trained on augmented MNIST (headline table).
pub const TABLE: [(&str, [f64; 6]); 5] = [
    ("SGD (online MLP)", [70.31, 50.78, 37.89, 100.00, 14.84, 10.16]),
    ("MAML", [53.71, 48.44, 36.33, 99.80, 17.38, 11.33]),
    ("VSML", [79.04, 68.49, 54.69, 100.00, 24.09, 17.45]),
    ("LSTM", [25.39, 28.12, 18.10, 58.72, 12.11, 11.07]),
    ("GPICL Transformer", [73.70, 62.24, 53.39, 100.00, 19.40, 14.58]),
];

/// Figure 2c, without a label permutation: accuracy on unseen tasks at 2^14 tasks or more, over the width.
pub const FIGURE_2_UNSEEN: [(f64, f64); 6] =
    [(16.0, 0.29), (32.0, 0.42), (64.0, 0.745), (128.0, 0.80), (256.0, 0.845), (512.0, 0.86)];
/// Figure 2: unseen tasks are learned from this many on, log₂.
pub const FIGURE_2_TRANSITION: [f64; 2] = [12.0, 13.0];
/// Figure 2a: log₂ of the tasks at which a perceptron of some units falls to 50 %.
pub const FIGURE_2_MLP: [(f64, f64); 3] = [(64.0, 9.0), (256.0, 11.0), (1024.0, 12.0)];

/// A learning curve: (examples shown, accuracy).
pub type Curve = &'static [(f64, f64)];

/// Figure 3: (trained on, tested on, curve).
pub const FIGURE_3: [(&str, &str, Curve); 4] = [
    ("mnist", "mnist", &[(10.0, 0.37), (20.0, 0.47), (30.0, 0.55), (50.0, 0.64), (99.0, 0.736)]),
    ("fashion-mnist", "mnist", &[(10.0, 0.30), (20.0, 0.42), (50.0, 0.59), (99.0, 0.649)]),
    ("mnist", "fashion-mnist", &[(99.0, 0.63)]),
    ("fashion-mnist", "fashion-mnist", &[(99.0, 0.65)]),
];

/// Figure 4: gain from the first to the last example over the number of tasks.
pub const FIGURE_4: [(&str, Curve); 3] = [
    ("seen", &[(128.0, 0.0), (1024.0, 0.11), (4096.0, 0.33), (16384.0, 0.46), (32768.0, 0.595)]),
    ("unseen", &[(8192.0, 0.0), (16384.0, 0.16), (32768.0, 0.59)]),
    ("unseen-fashion", &[(8192.0, 0.0), (16384.0, 0.08), (32768.0, 0.41)]),
];

/// Figure 7 in words: the plateau is about this many steps long (second-hand).
pub const FIGURE_7_PLATEAU: f64 = 35_000.0;

/// Figures 9 and 10: accuracy on CIFAR10 at example 100 with frozen ResNet-50 features (second-hand).
pub const EMBEDDINGS_CIFAR10: f64 = 0.45;
