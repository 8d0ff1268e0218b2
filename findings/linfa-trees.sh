#!/usr/bin/env bash
# linfa-trees 0.8.1: below the root, a decision tree overlooks splits of features whose values repeat (0 and 1, counts, figures with one decimal).
#
# Expected: a tree that grows without a limit is right on every training row, if rows with the same features have the same class, whatever the
#   order of the rows and the unit of a feature. So scikit-learn: all 150 flowers of iris, all 1599 wines, and 65.4 % of wines left out.
# Seen: 1. For `a and b`, of 0 and 1, linfa's tree gets 761 of 1000 training rows right, for a sum of two dice 923. The order of the rows
#   decides: the same 8 rows give a perfect tree in 477 of 1000 orders. Iris: 147 of 150. Red wine, measured to one or two decimals: some 1358
#   of 1599, and 59 % of those left out. A plain tree of 40 lines, below, has 65.1 % there and misses no training row anywhere.
#   2. Values nearer than 1e-5 count as equal. A feature in a small unit (metres for micrometres, mol for micromoles) is never split: the tree
#   is one leaf, without a word.
# Why it matters: as a baseline the tree is too weak, on just the tables for which one takes trees: categories as 0 and 1, counts, pixels, ratings.
#   What beats it looks better than it is, and a shuffle with another seed changes the baseline. RandomForest and AdaBoost of linfa-ensemble are
#   made of these trees. Take the trees of another crate.
# Cause: samples are sorted once for the whole table. A split after a value is tried only at the last sample that has it, and samples outside the node
#   are passed over: if that last one is outside, the split is lost.
# Docs: nothing on either; "so that equal values end up in the same subtree" is a comment in the source. No report found (rust-ml/linfa#40,
#   closed in 2020, is about other faults).
# Versions: linfa, linfa-datasets (with its data), linfa-trees 0.8.1, stable Rust 1.95; scikit-learn 1.9.1 for what is expected. Seen on
#   2026-12-01. The code was the same at the repository's head of May 2026. Ties are decided by a HashMap: wine differs a little in every run.
#   Builds in a minute or two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "linfa-trees-splits"
version = "0.0.0"
edition = "2024"

[dependencies]
linfa = "=0.8.1"
linfa-datasets = { version = "=0.8.1", features = ["iris", "winequality"] }
linfa-trees = "=0.8.1"
ndarray = "=0.16.1"

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use linfa::prelude::*;
use linfa::traits::{Fit, Predict};
use linfa_trees::DecisionTree;
use ndarray::{Array1, Array2, Axis};

struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }
}

/// The textbook's tree, for comparison: the best split by Gini of every node, halfway between two neighbouring values.
enum Tree {
    Leaf(usize),
    Split(usize, f64, Box<Tree>, Box<Tree>),
}

fn gini(counts: &[f64]) -> f64 {
    let sum: f64 = counts.iter().sum();
    sum - counts.iter().map(|n| n * n).sum::<f64>() / sum
}

fn textbook(x: &Array2<f64>, y: &Array1<usize>, rows: &mut [usize]) -> Tree {
    let mut all = vec![0f64; y.iter().max().unwrap() + 1];
    rows.iter().for_each(|row| all[y[*row]] += 1.0);
    let class = (0..all.len()).max_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap();
    let mut best = (gini(&all) - 1e-5 * rows.len() as f64, None);
    for column in 0..x.ncols() {
        rows.sort_by(|a, b| x[(*a, column)].total_cmp(&x[(*b, column)]));
        let (mut left, mut rest) = (vec![0.0; all.len()], all.clone());
        for pair in rows.windows(2) {
            left[y[pair[0]]] += 1.0;
            rest[y[pair[0]]] -= 1.0;
            let (low, high) = (x[(pair[0], column)], x[(pair[1], column)]);
            let impurity = gini(&left) + gini(&rest);
            if low < high && impurity < best.0 {
                best = (impurity, Some((column, (low + high) / 2.0)));
            }
        }
    }
    let Some((column, at)) = best.1 else { return Tree::Leaf(class) };
    let (mut low, mut high): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| x[(**row, column)] <= at);
    Tree::Split(column, at, Box::new(textbook(x, y, &mut low)), Box::new(textbook(x, y, &mut high)))
}

fn ask(tree: &Tree, row: &[f64]) -> usize {
    match tree {
        Tree::Leaf(class) => *class,
        Tree::Split(column, at, low, high) => ask(if row[*column] <= *at { low } else { high }, row),
    }
}

/// How many of the rows outside are right, of linfa's tree and of the textbook's.
fn right(x: &Array2<f64>, y: &Array1<usize>, outside: &Array2<f64>, truth: &Array1<usize>) -> [usize; 2] {
    let tree = DecisionTree::params().fit(&DatasetBase::from((x.clone(), y.clone()))).unwrap();
    let answer: Array1<usize> = tree.predict(outside);
    let other = textbook(x, y, &mut (0..y.len()).collect::<Vec<_>>());
    let other = outside.rows().into_iter().map(|row| ask(&other, &row.to_vec())).collect();
    [answer, other].map(|answer| answer.iter().zip(truth).filter(|(answer, truth)| answer == truth).count())
}

fn see(name: &str, x: &Array2<f64>, y: &Array1<usize>) {
    let [linfa, textbook] = right(x, y, x, y);
    println!("{name}: {linfa} of {} training rows right, the textbook's tree {textbook}", y.len());
    println!("verdict {name}: all right {}, the textbook's tree {}", linfa == y.len(), textbook == y.len());
}

fn main() {
    let mut chance = Chance(7);
    type Rule = fn(&[f64]) -> usize;
    let rules: [(&str, usize, usize, Rule); 3] = [
        ("a and b, of 0 and 1", 2, 2, |x| (x[0] * x[1] == 1.0) as usize),
        ("a or (b and c), of 0 and 1", 2, 3, |x| (x[0] + x[1] * x[2] > 0.0) as usize),
        ("two dice show 8 or more", 6, 2, |x| (x[0] + x[1] >= 6.0) as usize),
    ];
    for (name, values, columns, rule) in rules {
        let x = Array2::from_shape_fn((1000, columns), |_| chance.below(values) as f64);
        let y = x.rows().into_iter().map(|row| rule(row.as_slice().unwrap())).collect();
        see(name, &x, &y);
    }

    // Two times the four rows of `a and b`, in other orders.
    let mut perfect = [0; 2];
    for _ in 0..1000 {
        let mut rows: Vec<usize> = (0..8).collect();
        for i in (1..8).rev() {
            rows.swap(i, chance.below(i + 1));
        }
        let x = Array2::from_shape_fn((8, 2), |(i, j)| (rows[i] >> j & 1) as f64);
        let y = rows.iter().map(|row| (row & 3 == 3) as usize).collect();
        right(&x, &y, &x, &y).iter().zip(&mut perfect).for_each(|(n, perfect)| *perfect += (*n == 8) as usize);
    }
    println!("8 rows of a and b: perfect in {} of 1000 orders, the textbook's tree in {}", perfect[0], perfect[1]);
    println!("verdict 8 rows of a and b: perfect in about half of the orders {}", (400..600).contains(&perfect[0]));

    for (name, data) in [("iris", linfa_datasets::iris()), ("red wine", linfa_datasets::winequality())] {
        see(name, data.records(), data.targets());
    }
    let wine = linfa_datasets::winequality();
    let (x, y) = (wine.records(), wine.targets());
    let mut sum = [0; 2];
    for fold in 0..10 {
        let (out, kept): (Vec<usize>, Vec<usize>) = (0..y.len()).partition(|i| i % 10 == fold);
        let [x, outside] = [&kept, &out].map(|rows| x.select(Axis(0), rows));
        let [y, truth] = [&kept, &out].map(|rows| y.select(Axis(0), rows));
        right(&x, &y, &outside, &truth).iter().zip(&mut sum).for_each(|(n, sum)| *sum += n);
    }
    let share = sum.map(|n| 100.0 * n as f64 / y.len() as f64);
    println!("red wine left out, ten folds: {:.1} % right, the textbook's tree {:.1} %", share[0], share[1]);
    println!("verdict red wine left out: 3 points and more behind {}", share[0] + 3.0 < share[1]);

    let x = Array2::from_shape_fn((400, 1), |_| chance.next());
    let y = x.column(0).mapv(|v| (v > 0.3) as usize);
    for unit in ["1", "1e-3", "1e-6"] {
        see(&format!("x > 0.3, times {unit}"), &(&x * unit.parse::<f64>().unwrap()), &y);
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/linfa-trees-splits" > "$folder/seen"
sed 's/^verdict //' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict a and b, of 0 and 1: all right false, the textbook's tree true
verdict a or (b and c), of 0 and 1: all right false, the textbook's tree true
verdict two dice show 8 or more: all right false, the textbook's tree true
verdict 8 rows of a and b: perfect in about half of the orders true
verdict iris: all right false, the textbook's tree true
verdict red wine: all right false, the textbook's tree true
verdict red wine left out: 3 points and more behind true
verdict x > 0.3, times 1: all right true, the textbook's tree true
verdict x > 0.3, times 1e-3: all right false, the textbook's tree true
verdict x > 0.3, times 1e-6: all right false, the textbook's tree true
SEEN
echo "as described: a tree that cannot split what repeats"
