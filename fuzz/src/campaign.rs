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
/// What computes this long is taken for a hang, and ends the program.
const HANG: Duration = Duration::from_secs(if cfg!(debug_assertions) { 300 } else { 60 });
/// What has not ended after this time is one too, whether it computes or waits.
const STUCK: Duration = Duration::from_secs(1800);
/// The clock is looked at once in so many cases, for some are a few microseconds long.
const BETWEEN_LOOKS: u64 = 64;
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
    case: AtomicU64,
    ended: AtomicBool,
}

impl Target<'_> {
    /// Feeds the parser. `FUZZ_SECONDS` gives seconds of a processor in the place of the count of cases, `FUZZ_SEED` another
    /// seed than 0, `FUZZ_CASE` a single case, and `FUZZ_FAILURES` the folder for inputs that fail.
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
        let clock = Clock::of_this_thread();
        let start = clock.now();
        let state = Arc::new(Running { case: AtomicU64::new(0), ended: AtomicBool::new(false) });
        let watch = watch(self.name, clock.clone(), state.clone());
        let more = |index: u64| match time {
            None => index < self.cases,
            Some(time) => !index.is_multiple_of(BETWEEN_LOOKS) || clock.now() - start < time,
        };
        let mut index = 0;
        while more(index) {
            // where the program itself ends, by a full stack for example, this is what is left
            let line = format!("seed {seed} case {index:<20}\n");
            let _ = running.seek(SeekFrom::Start(0)).and_then(|_| running.write_all(line.as_bytes()));
            state.case.store(index, Ordering::Relaxed);
            self.case(seed, index, &folder, &parse, &mut tally);
            index += 1;
        }
        state.ended.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        let _ = (watch.join(), fs::remove_file(&note));
        self.report(seed, clock.now() - start, &tally);
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
            if time > LONGEST || time.as_secs_f64() > tally.slowest.0 {
                let clock = Clock::of_this_thread();
                let before = clock.now();
                drop(attempt());
                time = time.min(clock.now() - before);
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

/// How long a thread has had a processor, where the system says it (Linux does); the time that has passed elsewhere.
#[derive(Clone)]
struct Clock {
    /// The file that says it.
    file: Option<PathBuf>,
    start: Instant,
}

impl Clock {
    fn of_this_thread() -> Clock {
        let file = fs::canonicalize("/proc/thread-self/schedstat").ok();
        let clock = Clock { file, start: Instant::now() };
        Clock { file: clock.file.clone().filter(|_| clock.processor().is_some()), ..clock }
    }

    fn processor(&self) -> Option<Duration> {
        let said = fs::read_to_string(self.file.as_ref()?).ok()?;
        said.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }

    fn now(&self) -> Duration {
        self.processor().unwrap_or_else(|| self.start.elapsed())
    }
}

fn words(panicked: &(dyn Any + Send)) -> &str {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// Ends the program when a case hangs, as no thread can end another.
fn watch(name: &str, clock: Clock, state: Arc<Running>) -> std::thread::JoinHandle<()> {
    let name = name.to_owned();
    std::thread::spawn(move || {
        let look = || (state.case.load(Ordering::Relaxed), clock.now(), Instant::now());
        let mut seen = look();
        while !state.ended.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_secs(1));
            let now = look();
            if now.0 != seen.0 {
                seen = now;
            } else if !state.ended.load(Ordering::Relaxed) && (now.1 - seen.1 > HANG || seen.2.elapsed() > STUCK) {
                eprintln!("fuzz: {name}: a case hangs; it is named in the file {name}.running");
                std::process::abort();
            }
        }
    })
}
