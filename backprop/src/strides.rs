//! Matrices in slices, as they lie or transposed.

/// A matrix in a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// The slice; it begins with the first element.
    pub values: &'a [f32],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows that lie `width` apart, each in one piece.
    pub fn rows(values: &'a [f32], width: usize) -> Self {
        Matrix { values, row: width, column: 1 }
    }

    /// The transpose of [`Matrix::rows`].
    pub fn columns(values: &'a [f32], width: usize) -> Self {
        Matrix { values, row: 1, column: width }
    }

    /// Whether so many rows and columns lie in the slice.
    pub fn reaches(&self, rows: usize, columns: usize) -> bool {
        rows * columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.values.len()
    }
}
