//! Runs a target: cases until a count or a time is reached, each within its limits.

use std::any::Any;
use std::env;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::memory::{counts, measured};
use crate::mutate::mutate;
use crate::random::Random;

/// Longest time of an input: the promise in release mode; a debug build is many times slower.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 15 } else { 1 });
/// What hangs this long is taken for a hang, and ends the program.
const HANG: Duration = Duration::from_secs(if cfg!(debug_assertions) { 300 } else { 60 });
/// So many times its allowance a case may hold before it is given no more.
const BEYOND: usize = 16;

/// What a parser made of an input.
pub enum Found {
    /// It was read.
    Read,
    /// It was refused, in these words.
    Refused(String),
}

impl<T, E: ToString> From<Result<T, E>> for Found {
    fn from(result: Result<T, E>) -> Found {
        match result {
            Ok(_) => Found::Read,
            Err(error) => Found::Refused(error.to_string()),
        }
    }
}

/// A parser with what is known of its inputs.
pub struct Target<'a> {
    /// Its name, for reports and files.
    pub name: &'a str,
    /// Valid inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Words of its format, to put in.
    pub words: &'a [&'a [u8]],
    /// Makes an input from nothing; half of all cases are made by it, some of them spoiled afterwards.
    pub grammar: Option<fn(&mut Random) -> Vec<u8>>,
    /// Makes sums and lengths right after an input was spoiled, so that it gets past them; in three of four cases.
    pub seal: Option<fn(Vec<u8>) -> Vec<u8>>,
    /// The most bytes that may be held for an input of this length.
    pub memory: fn(usize) -> usize,
    /// Cases where no time is given.
    pub cases: u64,
}

/// What came of a campaign.
#[derive(Default)]
struct Tally {
    cases: u64,
    read: u64,
    /// Seconds and index of the slowest case.
    slowest: (f64, u64),
    /// Most bytes held, its share of the allowance, and the index of the case with the largest share.
    memory: (usize, f64, u64),
}

/// A case that runs, as the watch sees it.
struct Running {
    /// Milliseconds since the beginning, at which it began.
    since: AtomicU64,
    ended: AtomicBool,
}

impl Target<'_> {
    /// Feeds the parser. `FUZZ_SECONDS` gives a time in the place of the count of cases, `FUZZ_SEED` another seed than 0,
    /// `FUZZ_CASE` a single case, and `FUZZ_FAILURES` the folder for inputs that fail.
    ///
    /// # Panics
    /// When a case breaks a promise, with seed and index; and when nothing was read at all, or a seed was not.
    pub fn run(&self, parse: impl Fn(&[u8]) -> Found) {
        assert!(counts(), "the test program needs `fuzz::Counting` as its allocator");
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let seed = number("FUZZ_SEED").unwrap_or(0);
        let folder = env::var_os("FUZZ_FAILURES").map_or_else(|| env::temp_dir().join("fuzz-failures"), PathBuf::from);
        fs::create_dir_all(&folder).expect("the folder for failures can be made");
        for (at, valid) in self.seeds.iter().enumerate() {
            if let Found::Refused(why) = parse(valid) {
                panic!("{}: valid input {at} was refused: {why}", self.name);
            }
        }
        let mut tally = Tally::default();
        if let Some(index) = number("FUZZ_CASE") {
            self.case(seed, index, &folder, &parse, &mut tally);
            return;
        }
        let time = number("FUZZ_SECONDS").map(Duration::from_secs);
        let note = folder.join(format!("{}.running", self.name));
        let mut running = File::create(&note).expect("a file in the folder for failures");
        let start = Instant::now();
        let state = Arc::new(Running { since: AtomicU64::new(0), ended: AtomicBool::new(false) });
        let watch = watch(self.name, start, state.clone());
        let more = |index: u64| time.map_or(index < self.cases, |time| start.elapsed() < time);
        let mut index = 0;
        while more(index) {
            // where the program itself ends, by a full stack for example, this is what is left
            let line = format!("seed {seed} case {index:<20}\n");
            let _ = running.seek(SeekFrom::Start(0)).and_then(|_| running.write_all(line.as_bytes()));
            state.since.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
            self.case(seed, index, &folder, &parse, &mut tally);
            index += 1;
        }
        state.ended.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        let _ = (watch.join(), fs::remove_file(&note));
        self.report(seed, start.elapsed(), &tally);
        assert!(tally.read > 0, "{}: no input was read at all; the cases test nothing", self.name);
    }

    /// The input of a case.
    fn input(&self, seed: u64, index: u64) -> Vec<u8> {
        let mut random = Random::new(seed, self.name, index);
        let made = match self.grammar {
            Some(grammar) if random.once_in(2) => {
                let made = grammar(&mut random);
                if random.once_in(2) { mutate(&mut random, &made, &self.seeds, self.words) } else { made }
            }
            _ => {
                let valid = &self.seeds[random.below(self.seeds.len())];
                mutate(&mut random, valid, &self.seeds, self.words)
            }
        };
        match self.seal {
            Some(seal) if !random.once_in(4) => seal(made),
            _ => made,
        }
    }

    fn case(&self, seed: u64, index: u64, folder: &Path, parse: &impl Fn(&[u8]) -> Found, tally: &mut Tally) {
        let bytes = self.input(seed, index);
        let allowed = (self.memory)(bytes.len());
        let end = allowed.saturating_mul(BEYOND);
        let attempt = || {
            let start = Instant::now();
            let (found, held) = measured(end, || catch_unwind(AssertUnwindSafe(|| parse(&bytes))));
            (found, held, start.elapsed())
        };
        let fail = |what: &str| -> ! {
            let path = folder.join(format!("{}-{seed}-{index}.input", self.name));
            let _ = fs::write(&path, &bytes);
            panic!(
                "{}: {what}\n  FUZZ_SEED={seed} FUZZ_CASE={index} runs it again; its {} bytes are in {}",
                self.name,
                bytes.len(),
                path.display()
            );
        };
        let (found, held, mut time) = attempt();
        match found {
            Err(panicked) => fail(&format!("a panic: {}", words(panicked.as_ref()))),
            Ok(Found::Refused(why)) if why.len() < 10 => fail(&format!("refused without words: “{why}”")),
            Ok(Found::Refused(_)) => {}
            Ok(Found::Read) => tally.read += 1,
        }
        if held > allowed {
            fail(&format!("{held} bytes were held at once, and the input justifies {allowed}"));
        }
        // another program may have had the processor
        for _ in 0..2 {
            if time > LONGEST {
                let before = processor_time();
                let again = attempt().2;
                time = time.min(processor_time().zip(before).map_or(again, |(after, before)| after - before));
            }
        }
        if time > LONGEST {
            fail(&format!("it took {:.1} s", time.as_secs_f64()));
        }
        tally.cases += 1;
        if time.as_secs_f64() > tally.slowest.0 {
            tally.slowest = (time.as_secs_f64(), index);
        }
        let share = held as f64 / allowed.max(1) as f64;
        tally.memory.0 = tally.memory.0.max(held);
        if share > tally.memory.1 {
            (tally.memory.1, tally.memory.2) = (share, index);
        }
    }

    /// Prints a line that `cargo xtask fuzz` collects.
    fn report(&self, seed: u64, time: Duration, tally: &Tally) {
        static LINES: Mutex<()> = Mutex::new(());
        let _one = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        println!(
            "\nfuzz: {{\"target\":\"{}\",\"seed\":{seed},\"cases\":{},\"seconds\":{:.1},\"read\":{},\"most_bytes_held\":{},\
             \"largest_share_of_allowance\":{:.3},\"its_case\":{},\"slowest_ms\":{:.2},\"slowest_case\":{}}}",
            self.name,
            tally.cases,
            time.as_secs_f64(),
            tally.read,
            tally.memory.0,
            tally.memory.1,
            tally.memory.2,
            1000.0 * tally.slowest.0,
            tally.slowest.1
        );
    }
}

/// How long this thread has had a processor, where the system says it (Linux does). Waiting is none of it: what hangs is for
/// the watch.
fn processor_time() -> Option<Duration> {
    let said = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    said.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn words(panicked: &(dyn Any + Send)) -> &str {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// Ends the program when a case hangs, as no thread can end another.
fn watch(name: &str, start: Instant, state: Arc<Running>) -> std::thread::JoinHandle<()> {
    let name = name.to_owned();
    std::thread::spawn(move || {
        while !state.ended.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_secs(1));
            let since = Duration::from_millis(state.since.load(Ordering::Relaxed));
            if !state.ended.load(Ordering::Relaxed) && start.elapsed().saturating_sub(since) > HANG {
                eprintln!("fuzz: {name}: a case hangs; it is named in the file {name}.running");
                std::process::abort();
            }
        }
    })
}
