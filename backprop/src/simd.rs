//! Elementwise mathematics that compilers can turn into vector instructions: no branches, and no calls where a machine can
//! multiply and add at once (x86 since 2013, every 64-bit ARM).

/// Values that are worked on side by side.
const LANES: usize = 16;

/// self·a + b: in one rounding where machines can multiply and add at once. WebAssembly cannot, and would call a function
/// that imitates it, some fifty times as slow.
pub(crate) trait TimesPlus {
    /// self·a + b
    fn times_plus(self, a: Self, b: Self) -> Self;
}

impl TimesPlus for f32 {
    #[inline(always)]
    fn times_plus(self, a: f32, b: f32) -> f32 {
        if cfg!(target_arch = "wasm32") { self * a + b } else { self.mul_add(a, b) }
    }
}

impl TimesPlus for f64 {
    #[inline(always)]
    fn times_plus(self, a: f64, b: f64) -> f64 {
        if cfg!(target_arch = "wasm32") { self * a + b } else { self.mul_add(a, b) }
    }
}

/// Runs `work`, compiled for AVX2 and FMA where this machine has them; it must be `#[inline(always)]`, or it may be
/// compiled on its own and for any machine.
#[inline(always)]
pub fn fast<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has both, as just seen.
            return unsafe { wide(work) };
        }
    }
    work()
}

/// eˣ with an error of at most 2 units in the last place; x below −87 counts as −87, above 88 as 88.
///
/// eˣ = 2ⁿ·eʳ with |r| ≤ ln 2 / 2 and the polynomial of Cephes' `expf` for eʳ.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // adding 1.5·2²³ rounds to an integer, which then lies in the lowest bits
    const ROUND: f32 = 12_582_912.0;
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x.times_plus(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    // ln 2 in two parts, the first one exact in few bits
    let r = n.times_plus(2.121_944_4e-4, n.times_plus(-0.693_359_4, x));
    let p = 1.987_569_1e-4f32;
    let p = p.times_plus(r, 1.398_2e-3);
    let p = p.times_plus(r, 8.333_452e-3);
    let p = p.times_plus(r, 4.166_579_6e-2);
    let p = p.times_plus(r, 1.666_666_5e-1);
    let p = p.times_plus(r, 0.5);
    let p = (p * r).times_plus(r, r) + 1.0;
    p * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// eˣ in f64 with an error of a few units in the last place; x below −700 counts as −700, above 700 as 700.
#[inline(always)]
pub fn exp_f64(x: f64) -> f64 {
    // as in `exp`: adding 1.5·2⁵² rounds to an integer, which then lies in the lowest bits
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// 1/13!, 1/12! … 1/2!
    const TERMS: [f64; 12] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let x = if x > 700.0 { 700.0 } else { x };
    let x = if x < -700.0 { -700.0 } else { x };
    let rounded = x.times_plus(std::f64::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    // ln 2 in two parts, the first one exact in few bits
    let r = n.times_plus(-1.908_214_929_270_587_7e-10, n.times_plus(-0.693_147_180_369_123_8, x));
    let mut p = TERMS[0];
    for term in &TERMS[1..] {
        p = p.times_plus(r, *term);
    }
    let p = (p * r).times_plus(r, r) + 1.0;
    p * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// The error function with an absolute error below 4e-7: the rational approximation of Eigen's `erf` for floats.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let s = x * x;
    let p = -2.726_142_3e-10f32;
    let p = p.times_plus(s, 2.770_681_4e-8);
    let p = p.times_plus(s, -2.101_024_1e-6);
    let p = p.times_plus(s, -5.692_506_5e-5);
    let p = p.times_plus(s, -7.349_906_3e-4);
    let p = p.times_plus(s, -2.954_6e-3);
    let p = p.times_plus(s, -1.609_603_3e-2);
    let q = -1.456_607_2e-5f32;
    let q = q.times_plus(s, -2.133_740_6e-4);
    let q = q.times_plus(s, -1.682_827e-3);
    let q = q.times_plus(s, -7.373_329e-3);
    let q = q.times_plus(s, -1.426_474e-2);
    x * p / q
}

/// Sum of f(x, y) over two slices of one length, in a fixed order.
#[inline(always)]
pub fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(&x, &y)| f(x, y)).sum();
    for (x, y) in xs.zip(ys) {
        for l in 0..LANES {
            lanes[l] += f(x[l], y[l]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Σ x·y, in a fixed order.
#[inline(always)]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in xs.zip(ys) {
        for l in 0..LANES {
            lanes[l] = x[l].times_plus(y[l], lanes[l]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The largest value.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(f32::NEG_INFINITY, |best, &v| if v > best { v } else { best });
    for x in chunks {
        for l in 0..LANES {
            lanes[l] = if x[l] > lanes[l] { x[l] } else { lanes[l] };
        }
    }
    lanes.iter().fold(rest, |best, &v| if v > best { v } else { best })
}

/// x ← eˣ⁻ᵐ/Σ eˣ⁻ᵐ with m the largest value.
#[inline(always)]
pub fn softmax(x: &mut [f32]) {
    let most = largest(x);
    x.iter_mut().for_each(|v| *v = exp(*v - most));
    let scale = 1.0 / sum(x, x, |v, _| v);
    x.iter_mut().for_each(|v| *v *= scale);
}

/// x ← x − m − ln Σ eˣ⁻ᵐ
#[inline(always)]
pub fn log_softmax(x: &mut [f32]) {
    let most = largest(x);
    let total: f32 = x.iter().map(|v| exp(v - most)).sum();
    let shift = most + total.ln();
    x.iter_mut().for_each(|v| *v -= shift);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_erf_are_those_of_the_textbook() {
        let points = || (-20_000..20_000).map(|i| i as f32 * 0.004_3);
        for x in points().filter(|x| x.abs() < 86.0) {
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 2.5e-7, "exp({x}) = {got}, expected {want}");
        }
        for x in points() {
            let (got, want) = (f64::from(erf(x)), libm::erf(f64::from(x)));
            assert!((got - want).abs() < 4e-7, "erf({x}) = {got}, expected {want}");
        }
        for x in points() {
            let (got, want) = (exp_f64(f64::from(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 1e-15, "exp({x}) = {got}, expected {want}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite() && exp(0.0) == 1.0 && erf(0.0) == 0.0);
    }

    #[test]
    fn sums_and_softmax_take_every_length() {
        for n in 1..70usize {
            let x: Vec<f32> = (0..n).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
            assert_eq!(sum(&x, &x, |a, b| a * b), x.iter().map(|v| v * v).sum::<f32>(), "{n}");
            assert_eq!(dot(&x, &x), x.iter().map(|v| v * v).sum::<f32>(), "{n}");
            assert_eq!(largest(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{n}");
            let (mut p, mut log) = (x.clone(), x);
            softmax(&mut p);
            log_softmax(&mut log);
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            p.iter().zip(&log).for_each(|(p, log)| assert!((p.ln() - log).abs() < 1e-5));
        }
    }
}
