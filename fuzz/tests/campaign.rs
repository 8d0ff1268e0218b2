//! The campaign finds what it is to find.

use std::panic::catch_unwind;
#[cfg(not(debug_assertions))]
use std::time::{Duration, Instant};

use fuzz::{Found, Random, Target, mutate};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

fn target(name: &'static str) -> Target<'static> {
    let seeds = vec![b"count 12 of 3456\n".to_vec()];
    Target { name, seeds, words: &[b"of"], grammar: None, seal: None, memory: |length| 4 * length + 4096, cases: 300 }
}

/// The words of the failure.
fn failure(name: &'static str, parse: fn(&[u8]) -> Found) -> String {
    let failed = catch_unwind(|| target(name).run(parse)).unwrap_err();
    failed.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_sound_parser_passes() {
    target("sound").run(|bytes| match bytes.starts_with(b"count") {
        true => Found::Read,
        false => Found::Refused("expected `count`".into()),
    });
}

#[test]
fn panics_memory_time_and_silence_are_found() {
    let panics = failure("panics", |bytes| {
        assert!(bytes.len() > 3 && bytes[3] == b'n', "the fourth letter");
        Found::Read
    });
    assert!(panics.contains("the fourth letter") && panics.contains("FUZZ_SEED=0 FUZZ_CASE="), "{panics}");
    let memory = failure("memory", |bytes| {
        let size = bytes.len() + 20_000 * usize::from(bytes[0] != b'c');
        Found::from(Vec::<u8>::with_capacity(size).try_reserve(1).map(|()| size))
    });
    assert!(memory.contains("bytes were held at once"), "{memory}");
    let silent = failure("silent", |bytes| match bytes[0] {
        b'c' => Found::Read,
        _ => Found::Refused("no".into()),
    });
    assert!(silent.contains("refused without words"), "{silent}");
}

/// Keeps a processor for so long, however many share it.
#[cfg(not(debug_assertions))]
fn compute(long: Duration) {
    let spent = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse::<u64>().ok();
    let (start, before) = (Instant::now(), spent());
    let so_far = || spent().zip(before).map_or(start.elapsed(), |(now, before)| Duration::from_nanos(now - before));
    while so_far() < long {
        std::hint::black_box((0..10_000u64).sum::<u64>());
    }
}

#[test]
#[cfg(not(debug_assertions))]
fn an_input_that_takes_long_is_found() {
    let slow = failure("slow", |bytes| {
        if bytes[0] != b'c' {
            compute(Duration::from_millis(1200));
        }
        Found::Read
    });
    assert!(slow.contains("it took 1."), "{slow}");
}

#[test]
fn the_same_seed_spoils_alike_and_another_does_not() {
    let seeds = [b"some 12 words, and 7 more".to_vec()];
    let spoiled = |seed, index| mutate(&mut Random::new(seed, "x", index), &seeds[0], &seeds, &[b"and"]);
    let all = |seed| (0..200).map(|index| spoiled(seed, index)).collect::<Vec<_>>();
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
    assert!(all(1).iter().all(|bytes| bytes.len() <= fuzz::LONGEST));
    assert!(all(1).iter().filter(|bytes| **bytes != seeds[0]).count() > 150);
}
