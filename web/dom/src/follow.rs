//! Functions that are called again when the signals they have read change.

use reactive_graph::computed::Memo;
use reactive_graph::effect::{Effect, RenderEffect};
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

/// A function that is called again and again, with what it gave before.
pub trait Compute<T>: Send + Sync {
    /// Calls it.
    fn compute(&self, last: Option<&T>) -> T;
}

impl<T, F: Fn(Option<&T>) -> T + Send + Sync> Compute<T> for F {
    fn compute(&self, last: Option<&T>) -> T {
        self(last)
    }
}

/// One memo for each type, and not for each function: each of them is long.
#[inline(never)]
pub fn boxed_memo<T: PartialEq + Send + Sync + 'static>(call: Box<dyn Compute<T>>) -> Memo<T> {
    Memo::new(move |last: Option<&T>| call.compute(last))
}

/// The same for effects.
#[inline(never)]
pub fn boxed_effect(mut call: Box<dyn Again<(), ()>>) {
    Effect::new(move |_: Option<()>| call.again(()));
}
