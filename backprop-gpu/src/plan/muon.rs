//! The launches of Muon: five steps of a quintic Newton–Schulz iteration, X ← (a + b·XXᵀ + c·(XXᵀ)²)·X, for all matrices of
//! one shape at once.

use std::collections::BTreeMap;

use backprop::Layout;
use backprop::muon::{ITERATIONS, QUINTIC, matrices};
use shaders::model::spec::ModelSpec;

use super::buffer::{Buffer, Group};
use super::forward::multiply;
use super::launch::Launch;
use crate::kernel::product::{DIAGONAL, POLYNOMIAL, Params};
use crate::kernel::{muon_momentum, muon_step, muon_unit};

/// Matrices of one shape, and where they lie: [`muon_momentum::placed`] of each.
pub type Groups = Vec<(Group, Vec<f32>)>;

/// The matrices that Muon moves, by their shape the wide way round.
pub fn groups(spec: &ModelSpec) -> Groups {
    let mut by_shape: BTreeMap<[usize; 2], Vec<f32>> = BTreeMap::new();
    for (shape, place) in matrices(spec).into_iter().zip(Layout::new(spec).tensors) {
        let Some([rows, columns]) = shape else { continue };
        let tall = rows > columns;
        let wide = if tall { [columns, rows] } else { [rows, columns] };
        by_shape.entry(wide).or_default().extend(muon_momentum::placed(place.start, tall));
    }
    let group = |([rows, columns], places): ([usize; 2], Vec<f32>)| {
        let matrices = (places.len() / 3) as u32;
        (Group { matrices, rows: rows as u32, columns: columns as u32 }, places)
    };
    by_shape.into_iter().map(group).collect()
}

/// The launches for one group; parameters of the first and the last come with each step.
pub(super) fn launches(group: Group) -> Vec<Launch> {
    let Group { matrices, rows: r, columns: c } = group;
    let first = muon_momentum::Params { rows: r, columns: c, matrices, ..Default::default() };
    let unit = muon_unit::Params { size: r * c, matrices, ..Default::default() };
    let x = |odd| Buffer::Muon(group, odd);
    let places = Buffer::MuonPlaces(group);
    let buffers = [places, Buffer::Gradient, Buffer::Numbers, Buffer::First, x(false)];
    let mut all = vec![
        Launch::new(&muon_momentum::KERNEL, &first, muon_momentum::grid(&first), &buffers),
        Launch::new(&muon_unit::KERNEL, &unit, muon_unit::grid(&unit), &[x(false)]),
    ];
    let [a, b, cubic] = QUINTIC.map(f32::to_bits);
    let each = |sizes| Params { outer: matrices, ..Params::new(sizes) };
    // G = XXᵀ and c·G + b·I; their product + a·I; that times X. So no launch reads what it writes.
    let gram = Params { a_outer: r * c, b_outer: r * c, b_depth: 1, b_column: c, out_outer: r * r, ..each([r, c, r]) };
    let gram = Params { epilogue: POLYNOMIAL, alpha: cubic, beta: b, ..gram };
    let square = Params { a_outer: r * r, b_outer: r * r, out_outer: r * r, ..each([r, r, r]) };
    let square = Params { epilogue: DIAGONAL, beta: a, ..square };
    let next = Params { a_outer: r * r, b_outer: r * c, out_outer: r * c, ..each([r, r, c]) };
    let (of_gram, factor, polynomial) = (Buffer::Gram(group), Buffer::Factor(group), Buffer::Polynomial(group));
    for iteration in 0..ITERATIONS {
        let odd = iteration % 2 == 1;
        all.push(multiply(&gram, [x(odd), x(odd), of_gram, factor]));
        all.push(multiply(&square, [of_gram, factor, polynomial, Buffer::Nothing]));
        all.push(multiply(&next, [polynomial, x(odd), x(!odd), Buffer::Nothing]));
    }
    let last = muon_step::Params { rows: r, columns: c, matrices, ..Default::default() };
    let buffers = [places, Buffer::Numbers, x(ITERATIONS % 2 == 1), Buffer::Weights, Buffer::Average];
    all.push(Launch::new(&muon_step::KERNEL, &last, muon_step::grid(&last), &buffers));
    all
}
