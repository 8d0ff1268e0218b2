//! An allocator that counts what each thread holds.
//!
//! Counts are of a thread, as tests run side by side; a parser that starts threads is not seen whole.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

thread_local! {
    /// Bytes held now, and the most since [`measured`] began. Without a destructor, as an allocator needs it.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// Nothing is given beyond this.
    static END: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// The system's allocator, with counts. A test program makes it its own:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: fuzz::Counting = fuzz::Counting;
/// ```
pub struct Counting;

/// Counts a change; false where it goes beyond the end.
fn count(change: isize) -> bool {
    let held = HELD.get() + change;
    // a panic may write a long trace, and holds locks meanwhile
    if change > 0 && held > END.get() && !std::thread::panicking() {
        return false;
    }
    HELD.set(held);
    MOST.set(MOST.get().max(held));
    true
}

/// Says that memory beyond the end was asked for: what follows is the end of the program, mostly.
fn refused(bytes: usize) -> *mut u8 {
    END.set(isize::MAX);
    // neither a lock nor an allocation: `format!` would need both
    let mut digits = [b' '; 24];
    let mut rest = bytes;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut error = std::io::stderr();
    let _ = error.write_all(b"fuzz: far beyond the allowance, asked for");
    let _ = error.write_all(&digits);
    let _ = error.write_all(b" bytes at once; the case is named in the file that ends in .running\n");
    std::ptr::null_mut()
}

// SAFETY: every call is handed to the system's allocator unchanged; a null pointer says that there is no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size() as isize) {
            return refused(layout.size());
        }
        // SAFETY: the caller's promises are those of the system's allocator
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size() as isize) {
            return refused(layout.size());
        }
        // SAFETY: as above
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !count(size as isize - layout.size() as isize) {
            return refused(size);
        }
        // SAFETY: as above
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs something, and gives the most bytes that this thread held meanwhile beyond what it held before. Nothing beyond `end`
/// bytes is given: a program that insists ends there, before the machine is out of memory.
pub fn measured<T>(end: usize, run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    END.set(before.saturating_add(isize::try_from(end).unwrap_or(isize::MAX)));
    let result = run();
    END.set(isize::MAX);
    (result, usize::try_from(MOST.get() - before).unwrap_or(0))
}

/// Whether this program's allocator counts.
pub fn counts() -> bool {
    let (kept, most) = measured(usize::MAX, || std::hint::black_box(vec![1u8; 4096]));
    most >= kept.len()
}
