//! Functions that are called again when the signals they have read change.

use reactive_graph::effect::RenderEffect;
use reactive_graph::owner::StoredValue;

/// A function that is called again and again. The vtable of a boxed `FnMut` holds a second body for calling it once, which
/// every binding of the page would pay for.
pub trait Again<A, R> {
    /// Calls it.
    fn again(&mut self, argument: A) -> R;
}

impl<A, R, F: FnMut(A) -> R> Again<A, R> for F {
    fn again(&mut self, argument: A) -> R {
        self(argument)
    }
}

/// Calls now, and again whenever a signal changes that it has read, as long as the scope that it was called in is alive.
pub fn follow(mut call: Box<dyn Again<(), ()>>) {
    StoredValue::new_local(RenderEffect::new(move |_: Option<()>| call.again(())));
}
