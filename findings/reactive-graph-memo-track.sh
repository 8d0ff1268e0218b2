#!/usr/bin/env bash
# reactive_graph 0.2.16 (the signals of Leptos): an effect that calls `memo.track()` may never run again.
#
# Expected: `track()` subscribes, for a memo as for a signal. An effect that tracks a memo runs again whenever the memo's
#   value changes, whoever else reads the memo.
# Seen: a memo that nobody has read yet has computed nothing and so follows no signal. `track()` does not compute it. The
#   effect runs once and then never, without a warning. If anything has read the memo before the effect's first run, the same
#   effect runs at each change: a reader elsewhere in a page decides whether it works.
# Why it matters: effects that only need to know *that* something changed (repaint, save, wake a worker) are where `track()` is
#   used. Such an effect works until an unrelated view that read the memo goes. Read the memo (`memo.with(|_| ())`) instead.
# Versions: reactive_graph 0.2.16, any_spawner 0.3.0, tokio 1 on stable Rust 1.95. Seen on 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "memo-track"
version = "0.0.0"
edition = "2024"

[dependencies]
any_spawner = { version = "=0.3.0", features = ["tokio"] }
reactive_graph = { version = "=0.2.16", features = ["effects"] }
tokio = { version = "1", features = ["macros", "rt", "time"] }
TOML
cat > "$folder/src/main.rs" <<'RUST'
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use any_spawner::Executor;
use reactive_graph::computed::Memo;
use reactive_graph::effect::Effect;
use reactive_graph::owner::Owner;
use reactive_graph::prelude::*;
use reactive_graph::signal::RwSignal;

/// How often an effect runs: once at first, and once more for each of three changes if it follows them.
async fn runs(read_before: bool, follow: impl Fn(RwSignal<u32>, Memo<u32>) + 'static) -> usize {
    let owner = Owner::new();
    owner.set();
    let signal = RwSignal::new(0);
    let memo = Memo::new(move |_| signal.get() / 2);
    if read_before {
        memo.get_untracked();
    }
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    Effect::new(move |_| {
        follow(signal, memo);
        counted.set(counted.get() + 1);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    for value in [2, 4, 6] {
        signal.set(value);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    count.get()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    Executor::init_tokio().unwrap();
    let set = tokio::task::LocalSet::new();
    let all = set.run_until(async {
        [
            ("signal.track()", runs(false, |signal, _| signal.track()).await),
            ("memo.with(|_| ())", runs(false, |_, memo| memo.with(|_| ())).await),
            ("memo.track(), read once before", runs(true, |_, memo| memo.track()).await),
            ("memo.track(), never read", runs(false, |_, memo| memo.track()).await),
        ]
    });
    for (name, count) in all.await {
        println!("{name}: the effect ran {count} times");
    }
}
RUST
CARGO_TARGET_DIR="$folder/target" cargo run --quiet --manifest-path "$folder/Cargo.toml" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
signal.track(): the effect ran 4 times
memo.with(|_| ()): the effect ran 4 times
memo.track(), read once before: the effect ran 4 times
memo.track(), never read: the effect ran 1 times
SEEN
echo "As seen on 2026-11-28."
