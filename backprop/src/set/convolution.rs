//! A convolution with "same" padding, then ReLU. Planes lie picture by picture, row by row, with the channels of a pixel
//! together and the zeros of the padding around them, so that a row of a window is one piece and no window is copied.

use shaders::model::spec;

use crate::matrix::sum_rows;
use crate::simd;
use crate::tile::{TALL, WIDE, outer, pack, rows_by_panel};

/// Sizes.
#[derive(Debug, Clone)]
pub struct Convolution {
    /// Side of what it reads, without padding, and channels.
    pub side: usize,
    pub inputs: usize,
    /// Side and channels of what it gives.
    pub to_side: usize,
    pub outputs: usize,
    /// Side of its window.
    size: usize,
    /// Zeros around what the next one reads.
    margin: usize,
    /// Where a window begins in what is read, and its pixel in what is given, for every position in a few pictures.
    places: Vec<[usize; 2]>,
}

/// What is read, the gradient of what is given, and the places of both.
type Pairs<'a> = (&'a [f32], &'a [f32], &'a [[usize; 2]]);

/// Weights in panels.
#[derive(Default)]
pub struct Panels {
    /// `[⌈out/WIDE⌉, size²·in, WIDE]`
    forward: Vec<f32>,
    /// Of the transpose, for each row of a window: `[size, ⌈size·in/WIDE⌉, out, WIDE]`.
    backward: Vec<f32>,
}

impl Convolution {
    /// Convolution `i` of a stem, for at most `few` pictures at once. The first one reads windows as pixels, see [`Windows`].
    pub fn new(stem: &spec::Stem, i: usize, few: usize) -> Convolution {
        let sizes = stem.sizes();
        let ((side, inputs), (to_side, outputs)) = (sizes[i], sizes[i + 1]);
        let spec::Convolution { size, stride, .. } = stem.convolutions[i];
        let (side, inputs, size, stride) = match i {
            0 => (to_side, size * size * inputs, 1, 1),
            _ => (side, inputs, size, stride),
        };
        let margin = stem.convolutions.get(i + 1).map_or(0, |next| next.size / 2);
        let mut own = Convolution { side, inputs, to_side, outputs, size, margin, places: Vec::new() };
        let (width, to_width) = (own.width(), to_side + 2 * margin);
        for picture in 0..few {
            for (y, x) in (0..to_side).flat_map(|y| (0..to_side).map(move |x| (y, x))) {
                let from = picture * own.reads() + (y * width + x) * stride * inputs;
                let to = picture * own.gives() + ((y + margin) * to_width + x + margin) * outputs;
                own.places.push([from, to]);
            }
        }
        own
    }

    /// Zeros around what it reads.
    pub fn padding(&self) -> usize {
        self.size / 2
    }

    /// Side of what it reads, with padding.
    pub fn width(&self) -> usize {
        self.side + 2 * self.padding()
    }

    /// Numbers of a picture that it reads, with padding.
    pub fn reads(&self) -> usize {
        self.width().pow(2) * self.inputs
    }

    /// Numbers of a picture that it gives, with the padding of the next one.
    pub fn gives(&self) -> usize {
        (self.to_side + 2 * self.margin).pow(2) * self.outputs
    }

    /// Positions of the window in a picture.
    fn positions(&self) -> usize {
        self.to_side * self.to_side
    }

    /// Numbers of a row of a window, and how far apart they begin.
    fn line(&self) -> (usize, usize) {
        (self.size * self.inputs, self.width() * self.inputs)
    }

    /// Puts the weight `[size²·in, out]` into panels; those of the way back only where something has that gradient.
    pub fn pack(&self, weight: &[f32], back: bool, panels: &mut Panels) {
        let ((length, _), outputs) = (self.line(), self.outputs);
        let Panels { forward, backward } = panels;
        pack([self.size * length, outputs], |p, j| weight[p * outputs + j], forward);
        if back {
            let columns = length.next_multiple_of(WIDE);
            // rows of windows side by side, each filled up to whole panels
            let value = |p: usize, j: usize| match (j / columns, j % columns) {
                (row, column) if column < length => weight[(row * length + column) * outputs + p],
                _ => 0.0,
            };
            pack([outputs, self.size * columns], value, backward);
        }
    }

    /// What each position gives, into the middle of `to`.
    ///
    /// # Shapes
    /// `planes` `[pictures, reads]`, `bias` `[out]`, `to` `[pictures, gives]`, whose padding is left alone
    pub fn forward(&self, planes: &[f32], panels: &Panels, bias: &[f32], to: &mut [f32]) {
        let window = self.size * self.line().0;
        let places = &self.places[..planes.len() / self.reads() * self.positions()];
        simd::fast(
            #[inline(always)]
            || {
                for (panel, bias) in panels.forward.chunks_exact(window * WIDE).zip(bias.chunks(WIDE).enumerate()) {
                    let tiles = places.as_chunks::<TALL>();
                    for places in tiles.0 {
                        self.give(planes, places, panel, bias, to);
                    }
                    for place in tiles.1 {
                        self.give(planes, &[*place], panel, bias, to);
                    }
                }
            },
        );
    }

    /// A tile of outputs.
    #[inline(always)]
    fn give<const R: usize>(
        &self,
        planes: &[f32],
        places: &[[usize; 2]; R],
        panel: &[f32],
        (t, bias): (usize, &[f32]),
        to: &mut [f32],
    ) {
        let (length, apart) = self.line();
        let mut sums = [[0.0; WIDE]; R];
        for (row, panel) in panel.chunks_exact(length * WIDE).enumerate() {
            let mut rows = [&planes[..0]; R];
            for (to, [from, _]) in rows.iter_mut().zip(places) {
                *to = &planes[from + row * apart..][..length];
            }
            rows_by_panel(&mut sums, rows, panel);
        }
        let mut all = [0.0; WIDE];
        all[..bias.len()].copy_from_slice(bias);
        for ([_, at], sums) in places.iter().zip(&mut sums) {
            for l in 0..WIDE {
                let value = sums[l] + all[l];
                sums[l] = if value > 0.0 { value } else { 0.0 };
            }
            let to = &mut to[at + t * WIDE..][..bias.len()];
            match to.first_chunk_mut::<WIDE>() {
                Some(to) => *to = *sums,
                None => to.copy_from_slice(&sums[..bias.len()]),
            }
        }
    }

    /// Adds the gradients of weight and bias.
    ///
    /// # Shapes
    /// `d` `[pictures, gives]`, that of what came before ReLU, 0 in the padding; the others as in [`Convolution::forward`]
    pub fn backward_weights(&self, planes: &[f32], d: &[f32], [d_weight, d_bias]: [&mut [f32]; 2]) {
        let outputs = self.outputs;
        let places = &self.places[..planes.len() / self.reads() * self.positions()];
        simd::fast(
            #[inline(always)]
            || {
                let mut from = 0;
                while from < outputs {
                    // whole vectors where there are enough columns
                    from += match outputs - from {
                        16.. => self.add_columns::<16>((planes, d, places), from, d_weight),
                        8.. => self.add_columns::<8>((planes, d, places), from, d_weight),
                        _ => self.add_columns::<1>((planes, d, places), from, d_weight),
                    };
                }
            },
        );
        sum_rows(d, d_bias);
    }

    /// Adds the gradients of W columns of the weight; gives W.
    #[inline(always)]
    fn add_columns<const W: usize>(&self, pairs: Pairs<'_>, from: usize, d_weight: &mut [f32]) -> usize {
        let (length, apart) = self.line();
        for row in 0..self.size {
            let mut at = 0;
            while at < length {
                let (offset, tile) = (row * apart + at, (row * length + at, from));
                at += match length - at {
                    6.. => self.add_tile::<6, W>(pairs, offset, tile, d_weight),
                    5 => self.add_tile::<5, W>(pairs, offset, tile, d_weight),
                    3.. => self.add_tile::<3, W>(pairs, offset, tile, d_weight),
                    _ => self.add_tile::<1, W>(pairs, offset, tile, d_weight),
                };
            }
        }
        W
    }

    /// Adds a tile of the gradient of the weight, for inputs that lie at `offset` in a window; gives R.
    #[inline(always)]
    fn add_tile<const R: usize, const W: usize>(
        &self,
        (planes, d, places): Pairs<'_>,
        offset: usize,
        (row, column): (usize, usize),
        d_weight: &mut [f32],
    ) -> usize {
        let mut sums = [[0.0; W]; R];
        for [from, to] in places {
            outer(&mut sums, &planes[from + offset..][..R], &d[to + column..][..W]);
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut d_weight[(row + r) * self.outputs + column..][..W];
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
        R
    }

    /// Adds the gradient of what was read; in the padding something is added that means nothing.
    ///
    /// # Shapes
    /// `d` as in [`Convolution::backward_weights`], `to` `[pictures, reads]`
    pub fn backward_inputs(&self, d: &[f32], panels: &Panels, to: &mut [f32]) {
        let (length, apart) = self.line();
        let places = &self.places[..to.len() / self.reads() * self.positions()];
        let of_rows = panels.backward.chunks_exact(length.div_ceil(WIDE) * self.outputs * WIDE);
        simd::fast(
            #[inline(always)]
            || {
                for (row, panels) in of_rows.enumerate() {
                    for (t, panel) in panels.chunks_exact(self.outputs * WIDE).enumerate() {
                        let columns = (row * apart + t * WIDE, WIDE.min(length - t * WIDE));
                        let tiles = places.as_chunks::<TALL>();
                        for places in tiles.0 {
                            self.scatter(d, places, panel, columns, to);
                        }
                        for place in tiles.1 {
                            self.scatter(d, &[*place], panel, columns, to);
                        }
                    }
                }
            },
        );
    }

    /// Adds a tile of gradients to the places that were read.
    #[inline(always)]
    fn scatter<const R: usize>(
        &self,
        d: &[f32],
        places: &[[usize; 2]; R],
        panel: &[f32],
        (at, columns): (usize, usize),
        to: &mut [f32],
    ) {
        let mut sums = [[0.0; WIDE]; R];
        let mut rows = [&d[..0]; R];
        for (row, [_, given]) in rows.iter_mut().zip(places) {
            *row = &d[*given..][..self.outputs];
        }
        rows_by_panel(&mut sums, rows, panel);
        for ([from, _], sums) in places.iter().zip(&sums) {
            match to[from + at..].first_chunk_mut::<WIDE>() {
                Some(to) if columns == WIDE => {
                    for l in 0..WIDE {
                        to[l] += sums[l];
                    }
                }
                _ => to[from + at..][..columns].iter_mut().zip(sums).for_each(|(to, sum)| *to += sum),
            }
        }
    }
}

/// The windows of the first convolution: a row of one in a plane of a picture is a few numbers long, so it pays to copy them.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// Side of a picture, and of what the convolution gives.
    side: usize,
    to_side: usize,
    size: usize,
    stride: usize,
    channels: usize,
    /// A plane of a picture with its padding.
    padded: Vec<f32>,
}

impl Windows {
    /// Those of a stem.
    pub fn new(stem: &spec::Stem) -> Windows {
        let spec::Convolution { size, stride, .. } = stem.convolutions[0];
        let width = stem.side + 2 * (size / 2);
        let (side, channels, to_side) = (stem.side, stem.channels, stem.sizes()[1].0);
        Windows { side, to_side, size, stride, channels, padded: vec![0.0; width * width] }
    }

    /// # Shapes
    /// `picture` `[channels, side²]`, `to` `[to_side², size², channels]`
    pub fn gather(&mut self, picture: &[f32], to: &mut [f32]) {
        let (side, padding) = (self.side, self.size / 2);
        let width = side + 2 * padding;
        for (channel, plane) in picture.chunks_exact(side * side).enumerate() {
            for (y, row) in plane.chunks_exact(side).enumerate() {
                self.padded[(y + padding) * width + padding..][..side].copy_from_slice(row);
            }
            match (self.channels, self.size) {
                (1, 3) => self.copy(width, to, |to, from| to[..3].copy_from_slice(&from[..3])),
                (1, 5) => self.copy(width, to, |to, from| to[..5].copy_from_slice(&from[..5])),
                (1, size) => self.copy(width, to, |to, from| to.copy_from_slice(&from[..size])),
                (channels, _) => self.copy(width, &mut to[channel..], |to, from| {
                    to.iter_mut().step_by(channels).zip(from).for_each(|(to, from)| *to = *from);
                }),
            }
        }
    }

    fn copy(&self, width: usize, to: &mut [f32], copy: impl Fn(&mut [f32], &[f32])) {
        let &Windows { to_side, size, stride, channels, .. } = self;
        // the last window and its last row are shorter by the channels before this one
        for (at, to) in to.chunks_mut(size * size * channels).enumerate() {
            let from = (at / to_side * width + at % to_side) * stride;
            for (row, to) in to.chunks_mut(size * channels).enumerate() {
                copy(to, &self.padded[from + row * width..]);
            }
        }
    }
}

/// d ← d where `given` is above 0, else 0: back through ReLU, for two buffers of one layout.
pub fn backward_relu(d: &mut [f32], given: &[f32]) {
    simd::fast(
        #[inline(always)]
        || d.iter_mut().zip(given).for_each(|(d, given)| *d = if *given > 0.0 { *d } else { 0.0 }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + 1) * (seed + 7919) % 10_007) as f32 * 12.9898).sin()).collect()
    }

    /// What a convolution gives and its gradients, one product after another in f64, planes without padding.
    struct Plain {
        out: Vec<f64>,
        d_weight: Vec<f64>,
        d_inputs: Vec<f64>,
    }

    fn plain(stem: &spec::Stem, [inputs, weight, bias, d]: [&[f32]; 4]) -> Plain {
        let ((side, channels), (to_side, outputs)) = (stem.sizes()[1], stem.sizes()[2]);
        let spec::Convolution { size, stride, .. } = stem.convolutions[1];
        let pictures = inputs.len() / (side * side * channels);
        let mut all = Plain {
            out: vec![0.0; pictures * to_side * to_side * outputs],
            d_weight: vec![0.0; weight.len()],
            d_inputs: vec![0.0; inputs.len()],
        };
        for at in 0..all.out.len() {
            let (position, o) = (at / outputs, at % outputs);
            let (picture, y, x) = (position / (to_side * to_side), position / to_side % to_side, position % to_side);
            let taps = |f: &mut dyn FnMut(usize, usize)| {
                for tap in 0..size * size * channels {
                    let (row, column) = (y * stride + tap / channels / size, x * stride + tap / channels % size);
                    let inside = |at: usize| (size / 2..side + size / 2).contains(&at);
                    if inside(row) && inside(column) {
                        let pixel = (row - size / 2) * side + column - size / 2;
                        f((picture * side * side + pixel) * channels + tap % channels, tap * outputs + o);
                    }
                }
            };
            let mut sum = f64::from(bias[o]);
            taps(&mut |input, tap| sum += f64::from(inputs[input]) * f64::from(weight[tap]));
            all.out[at] = sum.max(0.0);
            let d = if sum > 0.0 { f64::from(d[at]) } else { 0.0 };
            taps(&mut |input, tap| {
                all.d_weight[tap] += d * f64::from(inputs[input]);
                all.d_inputs[input] += d * f64::from(weight[tap]);
            });
        }
        all
    }

    /// Pixels into the middle of padded planes, or out of them.
    fn places(side: usize, margin: usize, channels: usize, pictures: usize) -> Vec<usize> {
        let width = side + 2 * margin;
        let pixels = (0..pictures * side * side).map(|at| {
            let (picture, y, x) = (at / (side * side), at / side % side, at % side);
            picture * width * width + (y + margin) * width + x + margin
        });
        pixels.flat_map(|pixel| pixel * channels..(pixel + 1) * channels).collect()
    }

    #[test]
    fn a_convolution_is_what_its_products_are() {
        let convolution = |channels, size, stride| spec::Convolution { channels, size, stride };
        for (outputs, size, stride, pictures) in
            [(27, 3, 1, 2), (48, 3, 2, 3), (5, 4, 2, 1), (16, 5, 1, 2), (1, 1, 3, 2)]
        {
            let convolutions = vec![convolution(4, 3, 1), convolution(outputs, size, stride), convolution(2, 3, 1)];
            let stem = spec::Stem { side: 7, channels: 1, convolutions, embedding: 3 };
            let own = Convolution::new(&stem, 1, 3);
            let inputs = noise(pictures * 49 * 4, 1);
            let (weight, bias) = (noise(size * size * 4 * outputs, 2), noise(outputs, 3));
            let d = noise(pictures * own.positions() * outputs, 4);
            let want = plain(&stem, [&inputs, &weight, &bias, &d]);
            let read = places(7, size / 2, 4, pictures);
            let given = places(own.to_side, 1, outputs, pictures);
            let spread = |values: &[f32], at: &[usize], size: usize| {
                let mut planes = vec![0.0; size];
                at.iter().zip(values).for_each(|(&at, value)| planes[at] = *value);
                planes
            };
            let planes = spread(&inputs, &read, pictures * own.reads());
            let mut panels = Panels::default();
            own.pack(&weight, true, &mut panels);
            let mut out = vec![0.0; pictures * own.gives()];
            own.forward(&planes, &panels, &bias, &mut out);
            let mut d = spread(&d, &given, out.len());
            backward_relu(&mut d, &out);
            let (mut d_weight, mut d_bias) = (vec![0.0; weight.len()], vec![0.0; outputs]);
            own.backward_weights(&planes, &d, [&mut d_weight, &mut d_bias]);
            let mut d_planes = vec![0.0; planes.len()];
            own.backward_inputs(&d, &panels, &mut d_planes);
            let near = |got: &[f32], at: &[usize], want: &[f64], what: &str| {
                for (&at, want) in at.iter().zip(want) {
                    let got = f64::from(got[at]);
                    assert!((got - want).abs() < 1e-4 * (1.0 + want.abs()), "{what} {outputs}: {got}, {want}");
                }
            };
            near(&out, &given, &want.out, "out");
            near(&d_weight, &(0..weight.len()).collect::<Vec<_>>(), &want.d_weight, "weight");
            near(&d_planes, &read, &want.d_inputs, "inputs");
            let bias: Vec<f64> =
                (0..outputs).map(|o| d[o..].iter().step_by(outputs).map(|&d| f64::from(d)).sum()).collect();
            near(&d_bias, &(0..outputs).collect::<Vec<_>>(), &bias, "bias");
        }
    }
}
