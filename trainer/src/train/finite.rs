//! Whether the steps on a GPU gave finite numbers.
//!
//! Reading a number makes the program wait for everything that the device has still to do. So loss and gradient norm of
//! each step are copied on the device as soon as they are queued, and looked at some steps later, when they have long
//! arrived.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::Tensor;

/// Steps that may be queued behind one whose numbers are not looked at yet.
pub(super) const LAG: usize = 4;

/// Numbers of a step on their way from the device, and then whether all are finite.
type Reading = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The steps whose numbers were not looked at yet, oldest first.
#[derive(Default)]
pub(super) struct Watch {
    readings: VecDeque<(u64, Reading)>,
}

impl Watch {
    /// Queues the copy of the numbers of a step, such as its loss and the norm of its gradient.
    pub fn push(&mut self, step: u64, values: Tensor<1>) {
        let arrive = async move {
            // a device that fails to compute has not computed finite numbers either
            let data = values.into_data_async().await;
            data.is_ok_and(|data| data.iter::<f32>().all(f32::is_finite))
        };
        let mut reading: Reading = Box::pin(arrive);
        // nothing is queued before a future is polled for the first time
        if let Poll::Ready(finite) = reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            reading = Box::pin(std::future::ready(finite));
        }
        self.readings.push_back((step, reading));
    }

    /// Looks at all but the newest `lag` steps, and waits for them if it must: the first step that is not finite.
    pub fn first_not_finite(&mut self, lag: usize) -> Option<u64> {
        while self.readings.len() > lag {
            let (step, reading) = self.readings.pop_front().expect("more than none");
            let finite = pollster::block_on(reading);
            if !finite {
                return Some(step);
            }
        }
        None
    }

    /// Forgets every step that was not looked at.
    pub fn clear(&mut self) {
        self.readings.clear();
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_that_is_not_finite_is_found_no_earlier_than_asked() {
        let device = crate::device::host();
        let mut watch = Watch::default();
        for (step, values) in [(1, [0.5, 1.0]), (2, [f32::NAN, 1.0]), (3, [0.5, f32::INFINITY])] {
            watch.push(step, Tensor::from_floats(values, &device));
        }
        assert_eq!(watch.first_not_finite(2), None);
        assert_eq!(watch.first_not_finite(0), Some(2));
        assert_eq!(watch.first_not_finite(0), Some(3));
        assert_eq!(watch.first_not_finite(0), None);
        watch.push(4, Tensor::from_floats([f32::NAN], &device));
        watch.clear();
        assert_eq!(watch.first_not_finite(0), None);
    }
}
