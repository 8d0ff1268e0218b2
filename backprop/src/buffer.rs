//! Buffers that are kept from step to step.

/// As many zeros as asked for; costs nothing when the buffer has that length already, and then keeps its values.
pub(crate) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() != length {
        buffer.clear();
        buffer.resize(length, 0.0);
    }
    buffer
}

/// A buffer of that length, whose values mean nothing until they are written; those that are new are zeros.
pub(crate) fn room<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) -> &mut [T] {
    buffer.resize(length, T::default());
    buffer
}
