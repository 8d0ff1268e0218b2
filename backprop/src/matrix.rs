//! Matrix products, and sums over rows.

#[cfg(target_arch = "wasm32")]
use crate::product;
use crate::simd;
pub use crate::strides::Matrix;

/// out ← a·b, or out + a·b.
///
/// # Shapes
/// `[m, k, n]`: a `[m, k]`, b `[k, n]`, out `[m, n]` in rows that lie `width` apart.
pub fn multiply([m, k, n]: [usize; 3], a: Matrix, b: Matrix, out: &mut [f32], width: usize, add: bool) {
    let fits = m * n == 0 || (m - 1) * width + n <= out.len();
    assert!(a.reaches(m, k) && b.reaches(k, n) && fits && n <= width, "a product of {m}×{k} and {k}×{n} out of bounds");
    #[cfg(target_arch = "wasm32")]
    {
        if !add {
            out.chunks_mut(width).take(m).for_each(|row| row[..n].fill(0.0));
        }
        product::add_product([m, k, n], a, b, out, width);
    }
    // SAFETY: every element that is read or written lies inside its slice, as just asserted; `out` is borrowed alone.
    #[cfg(not(target_arch = "wasm32"))]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            width as isize,
            add,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Adds `row` to every row.
pub fn add_rows(rows: &mut [f32], row: &[f32]) {
    simd::fast(
        #[inline(always)]
        || {
            for to in rows.chunks_exact_mut(row.len()) {
                to.iter_mut().zip(row).for_each(|(t, r)| *t += r);
            }
        },
    );
}

/// Adds every row to `sums`.
pub fn sum_rows(rows: &[f32], sums: &mut [f32]) {
    simd::fast(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(s, r)| *s += r);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_take_transposes_parts_of_rows_and_sums() {
        let a: Vec<f32> = (0..6).map(|v| v as f32).collect(); // [2, 3]
        let b: Vec<f32> = (0..12).map(|v| (v * v % 7) as f32).collect(); // [3, 4]
        let mut plain = [0.0; 8];
        for (i, out) in plain.iter_mut().enumerate() {
            *out = (0..3).map(|k| a[i / 4 * 3 + k] * b[k * 4 + i % 4]).sum();
        }
        let mut out = [1.0; 8];
        multiply([2, 3, 4], Matrix::rows(&a, 3), Matrix::rows(&b, 4), &mut out, 4, false);
        assert_eq!(out, plain);
        multiply([2, 3, 4], Matrix::rows(&a, 3), Matrix::rows(&b, 4), &mut out, 4, true);
        assert_eq!(out, plain.map(|v| 2.0 * v));
        let turned: Vec<f32> = (0..6).map(|i| a[i % 2 * 3 + i / 2]).collect(); // [3, 2]
        multiply([2, 3, 4], Matrix::columns(&turned, 2), Matrix::rows(&b, 4), &mut out, 4, false);
        assert_eq!(out, plain);
        let mut wide = [9.0; 10];
        multiply([2, 3, 4], Matrix::rows(&a, 3), Matrix::rows(&b, 4), &mut wide, 6, false);
        assert_eq!((&wide[..4], wide[4], wide[5], &wide[6..]), (&plain[..4], 9.0, 9.0, &plain[4..]));
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn a_product_beyond_its_slices_is_refused() {
        multiply([2, 3, 4], Matrix::rows(&[0.0; 5], 3), Matrix::rows(&[0.0; 12], 4), &mut [0.0; 8], 4, false);
    }
}
