//! Whether a run's memory on a GPU keeps growing.

/// Steps between two readings.
pub(super) const EVERY: u64 = 250;
/// Readings that must each be larger than the one before: 1,000 steps.
const GROWING: usize = 4;
/// Growth below this share of what there was is no leak: pools grow while new shapes of episodes come up.
const SHARE: f64 = 0.2;
/// Growth below this many bytes is none either.
const BYTES: u64 = 64 << 20;

/// Readings of the bytes that a device's allocator holds.
#[derive(Default)]
pub(super) struct MemoryWatch {
    readings: Vec<u64>,
}

/// Memory that grew for a thousand steps.
#[derive(Debug, PartialEq)]
pub(super) struct Growth {
    pub from: u64,
    pub to: u64,
}

impl MemoryWatch {
    /// Takes a reading, one each [`EVERY`] steps.
    ///
    /// # Errors
    /// The bytes grew from each of the last readings to the next, and by a fifth and 64 MiB together. After an error it
    /// begins anew.
    pub fn add(&mut self, bytes: u64) -> Result<(), Growth> {
        self.readings.push(bytes);
        let Some(first) = self.readings.len().checked_sub(GROWING + 1) else { return Ok(()) };
        let last = &self.readings[first..];
        let from = last[0];
        let growing = last.windows(2).all(|pair| pair[1] > pair[0]);
        if growing && bytes - from > BYTES.max((SHARE * from as f64) as u64) {
            self.readings.clear();
            return Err(Growth { from, to: bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which reading of a series is refused, in MiB.
    fn refused(series: impl IntoIterator<Item = u64>) -> Option<usize> {
        let mut watch = MemoryWatch::default();
        series.into_iter().position(|mib| watch.add(mib << 20).is_err())
    }

    #[test]
    fn a_leak_is_refused_after_a_thousand_steps_and_pools_that_fill_are_not() {
        assert_eq!(refused((0..20).map(|n| 500 + 40 * n)), Some(4));
        // a small learner's leak takes longer to matter
        assert_eq!(refused((0..20).map(|n| 20 + 10 * n)), None);
        assert_eq!(refused((0..20).map(|n| 20 + 20 * n)), Some(4));
        // steps upward, then flat
        assert_eq!(refused([100, 300, 500, 700, 700, 700, 900, 900, 900]), None);
        assert_eq!(refused((0..40).map(|n| 4_000 + n)), None);
        assert_eq!(refused([800; 10]), None);
    }
}
