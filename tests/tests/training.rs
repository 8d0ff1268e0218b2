//! Meta-training in the page: the run of a visitor, and the same run by the trainer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shaders::Model;
use tests::browser::{Gpu, Setting, wait_for};
use tests::page::{CPU, ENTER, Page, ready};
use tests::program::{Folder, good, trainer};
use tests::strokes::Figure;
use training::{Data, Drawings, Kind, Optimiser, Run, Settings};

/// A learner needs some seconds to emerge, and a busy machine some more.
const EMERGING: Duration = Duration::from_secs(120);
const PHONE: Setting = Setting { width: 360, height: 640, dark: true, phone: true, ..Setting::DESK };

/// Opens the card and waits until it is there.
fn open(page: &Page) {
    page.click("train-open");
    wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
}

fn phase(page: &Page) -> String {
    if !page.has("phase") {
        return String::new();
    }
    page.of("phase", "return e.dataset.phase ?? ''").as_str().unwrap_or_default().to_owned()
}

/// Steps done, as the card says.
fn step(page: &Page) -> u64 {
    let words = page.text("train-numbers");
    words.split_whitespace().nth(1).and_then(|step| step.parse().ok()).unwrap_or_default()
}

fn main_button(page: &Page) -> String {
    page.text("train-main").trim().to_owned()
}

fn wait_for_phase(page: &Page, wanted: &str) {
    wait_for(&format!("the phase “{wanted}”"), EMERGING, || (phase(page) == wanted).then_some(()));
}

/// Waits for a step beyond one.
fn wait_beyond(page: &Page, from: u64) {
    wait_for("a further step", EMERGING, || (step(page) > from).then_some(()));
}

fn pause(page: &Page) -> u64 {
    page.click("train-main");
    wait_for("the pause", EMERGING, || (main_button(page) == "Continue").then_some(()));
    // the slice that was under way still comes
    page.wait_of("train-numbers", "the last slice", "return e.dataset.busy === 'false'");
    step(page)
}

fn choose(page: &Page, dial: &str, words: &str) {
    let body = format!(
        "const o = [...e.options].find((o) => o.textContent === {words:?}); e.value = o.value; \
         e.dispatchEvent(new Event('change', {{ bubbles: true }}))"
    );
    page.of(&format!("dial-{dial}"), &body);
}

fn set(page: &Page, dial: &str, value: &str) {
    let body = format!("e.value = {value:?}; e.dispatchEvent(new Event('change', {{ bubbles: true }}))");
    page.of(&format!("dial-{dial}"), &body);
}

#[test]
fn a_visitor_makes_a_learner_draws_with_it_saves_it_and_finds_it_again() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    let folder = Folder::new("made-here");
    page.browser.downloads(&folder.0);
    open(&page);
    wait_for_phase(&page, "learns");
    assert!(page.text("phase").contains("learned to learn"), "{}", page.text("phase"));
    page.browser.screenshot("training-learns");
    let paused = pause(&page);
    page.click("train-step");
    wait_beyond(&page, paused);
    assert_eq!(step(&page), paused + 1);

    // the learner that has just come to be learns what is drawn
    page.click("train-use");
    wait_for("the new learner", EMERGING, || page.text("status").contains("made-here").then_some(()));
    for shot in 0..3 {
        for (class, figure) in [Figure::Zero, Figure::Seven].into_iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
    let right = |number: u64| {
        let zero = page.ask(&Figure::Zero.drawn(2, number));
        let seven = page.ask(&Figure::Seven.drawn(2, number));
        u32::from(zero[0] > zero[1]) + u32::from(seven[1] > seven[0])
    };
    let all: u32 = (100..104).map(right).sum();
    assert!(all >= 6, "{all} of 8 right, by a learner that was made here");
    page.click("train-back");
    wait_for("the page's learner", EMERGING, || page.text("status").contains("drawing.safetensors").then_some(()));

    page.click("train-save");
    let file = folder.at(&format!("made-here-{}.safetensors", paused + 1));
    wait_for("the file", EMERGING, || file.is_file().then_some(()));
    let model = Model::read(&file).unwrap();
    assert_eq!(model.metadata["step"], (paused + 1).to_string());
    let (said, _) = good(trainer().arg("inspect").arg(&file));
    assert!(said.contains("shifted"), "{said}");

    // the next visit goes on with it
    page.browser.script("location.reload()", &[]);
    wait_for("the page again", EMERGING, || (page.has("train-open") && page.state() == "ready").then_some(()));
    open(&page);
    wait_for("the run as it was kept", EMERGING, || page.has("runs").then_some(()));
    assert_eq!(main_button(&page), "Continue");
    let kept = step(&page);
    assert!(kept > 0 && kept <= paused + 1, "step {kept} was kept, of {paused}");
    page.click("train-main");
    wait_beyond(&page, kept);
    assert_eq!(page.complaints(), [] as [String; 0]);
    assert_eq!(page.violations(), Some(vec![]));
}

#[test]
fn with_one_task_it_memorises_and_runs_stay_for_comparison() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    open(&page);
    wait_beyond(&page, 30);
    page.of("dials", "e.open = true");
    choose(&page, "tasks", "1 task");
    set(&page, "bias", "7");
    assert!(page.text("bounded").contains("Label bias: 0 to 1, found 7; 1 is used"), "{}", page.text("bounded"));
    set(&page, "bias", "0");
    page.click("train-again");
    wait_for_phase(&page, "memorises");
    let runs = page.of("runs", "return [...e.children].map((run) => run.querySelector('span').textContent)");
    assert_eq!(runs, json!(["endless tasks", "1 task"]));
    let lines = page.of("chart-steps", "return e.querySelectorAll('polyline.run, polyline.now').length");
    assert_eq!(lines, json!(2));
    page.click("line-remove");
    assert_eq!(page.of("runs", "return e.children.length"), json!(1));
    // a drawing that nobody has taught is no task
    choose(&page, "data", "your own drawings");
    page.click("train-again");
    wait_for("a refusal", EMERGING, || page.has("train-fault").then_some(()));
    assert!(page.text("train-fault").contains("two classes with two drawings each"), "{}", page.text("train-fault"));
    choose(&page, "data", "points with noise");
    page.click("train-main");
    wait_beyond(&page, 5);
}

#[test]
fn it_waits_while_the_tab_is_hidden_and_a_link_brings_settings() {
    let query = "?engine=cpu&train=%7B%22log2Tasks%22%3A4%2C%22width%22%3A32%7D";
    let Some(page) = ready(Setting::default(), query) else { return };
    wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
    assert_eq!(main_button(&page), "Make a learner", "a link starts nothing");
    let chosen = |dial: &str| page.of(&format!("dial-{dial}"), "return e.selectedOptions[0].textContent");
    assert_eq!((chosen("tasks"), chosen("width")), (json!("16 tasks"), json!("32")));
    assert!(page.of("train-link", "return e.value").as_str().is_some_and(|link| link.contains("log2Tasks")));
    page.click("train-main");
    wait_beyond(&page, 3);
    let own = page.browser.tab();
    page.browser.new_tab();
    page.browser.go_to_tab(&own);
    page.hide(true);
    wait_for("a pause", EMERGING, || page.has("train-paused").then_some(()));
    let hidden = step(&page);
    page.hide(false);
    wait_beyond(&page, hidden);
    assert!(!page.has("train-paused"));
}

#[test]
fn of_two_tabs_the_first_keeps_its_run() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    open(&page);
    wait_beyond(&page, 12);
    let kept = pause(&page);
    let (first, address) = (page.browser.tab(), format!("{}{CPU}", page.url()));
    let second = page.browser.new_tab();
    page.visit(&address);
    open(&page);
    wait_beyond(&page, 3);
    page.click("train-main");
    wait_for("a word about it", EMERGING, || page.has("train-unkept").then_some(()));
    assert!(page.text("train-unkept").contains("Another tab keeps its run"), "{}", page.text("train-unkept"));
    page.browser.go_to_tab(&first);
    page.browser.close_tab(&second);
    // once the first is closed, another one takes over
    page.browser.script("location.reload()", &[]);
    wait_for("the page again", EMERGING, || (page.has("train-open") && page.state() == "ready").then_some(()));
    open(&page);
    wait_for("the run as it was kept", EMERGING, || page.has("runs").then_some(()));
    assert_eq!(step(&page), kept);
}

#[test]
fn learners_that_are_ready_can_be_drawn_with_and_left_again() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    for name in ["4-tasks", "32-tasks", "1-024-tasks", "endless-tasks"] {
        page.click(&format!("ladder-{name}"));
        let file = format!("{}.safetensors", name.replace("1-024", "1024"));
        wait_for(&file, EMERGING, || page.text("status").contains(&file).then_some(()));
    }
    for shot in 0..3 {
        for (class, figure) in [Figure::Zero, Figure::Seven].into_iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
    let answer = page.ask(&Figure::Seven.drawn(2, 100));
    assert!(answer[1] > answer[0], "the one of endless tasks learns: {answer:?}");
    page.click("train-back");
    wait_for("the page's learner", EMERGING, || page.text("status").contains("drawing.safetensors").then_some(()));
    assert!(!page.has("train-back"));
}

#[test]
fn a_phone_has_room_for_it_and_the_keyboard_suffices() {
    let Some(page) = ready(PHONE, CPU) else { return };
    page.of("train-open", "e.focus()");
    page.browser.keys(&ENTER.to_string());
    wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
    wait_beyond(&page, 12);
    page.of("dials", "e.open = true");
    let wide = page.browser.script("return document.documentElement.scrollWidth - innerWidth", &[]);
    assert!(wide.as_f64().is_some_and(|wide| wide <= 0.0), "{wide} px too wide");
    let small = "return [...e.querySelectorAll('button, select, input')].map((b) => [b.dataset.testid, b.getBoundingClientRect()])
        .filter(([, r]) => r.width > 0 && r.height < 43.5).map(([name, r]) => `${name} ${r.height}`)";
    assert_eq!(page.of("training", small), json!([]), "targets below 44 px");
    page.of("training", "e.scrollIntoView()");
    page.browser.screenshot("training-phone-dark");
    page.of("train-main", "e.focus()");
    page.browser.keys(&ENTER.to_string());
    wait_for("the pause", EMERGING, || (main_button(&page) == "Continue").then_some(()));
}

/// What a worker of its own replies after so many steps: report, milliseconds, bytes; `with` says what computes, as its
/// request `open` has it.
fn steps_there(page: &Page, settings: &Settings, steps: u64, with: Value) -> Value {
    let script = "
        window.trained = undefined;
        (async () => {
            const worker = new Worker('training/worker.js', { type: 'module' });
            const ask = (method, request) => new Promise((resolve) => {
                worker.onmessage = ({ data }) => data.call === undefined || resolve(data);
                worker.postMessage({ call: 1, learner: 1, method, request });
            });
            await new Promise((resolve) => { worker.onmessage = resolve; });
            const nothing = { inputs: new Float32Array(0), labels: new Uint32Array(0) };
            const opened = await ask('open', { settings: arguments[0], ...nothing, ...arguments[2] });
            const { value } = await ask('step', { milliseconds: 1e9, most: arguments[1], known: 0 });
            window.trained = { ...value, report: JSON.parse(value.report), gpu: opened.value.gpu };
            worker.terminate();
        })();";
    let text = serde_json::to_string(settings).unwrap();
    page.browser.script(script, &[json!(text), json!(steps), with]);
    wait_for("the steps", EMERGING, || {
        let found = page.browser.script("return window.trained", &[]);
        found.is_object().then_some(found)
    })
}

/// Machines that multiply and add at once round once where WebAssembly rounds twice, so that not all bits are the same.
#[test]
fn the_browser_takes_the_steps_that_this_machine_takes() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    for learner in [Kind::Shifted, Kind::Paper] {
        let settings = Settings { learner, width: 32, heads: 2, steps: 50, ..Settings::default() };
        let reply = steps_there(&page, &settings, 50, json!({}));
        let points = reply["report"]["points"].as_array().unwrap();
        let there: Vec<f64> = points.iter().map(|point| point["loss"].as_f64().unwrap()).collect();
        let mut run = Run::new(settings, Drawings::default()).unwrap();
        while !run.done() {
            run.advance().unwrap();
        }
        let here: Vec<f64> = run.report(0).points.iter().map(|point| point.loss).collect();
        assert_eq!(there.len(), here.len());
        let apart = there.iter().zip(&here).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
        eprintln!("{learner:?}: losses of 50 steps differ by {apart:.1e} at most");
        assert!(apart < 1e-6, "{there:?} in the browser, {here:?} here");
    }
}

#[test]
fn several_workers_take_the_steps_that_one_takes() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    // three groups of four, three and three episodes
    let settings = Settings { batch: 10, width: 16, ..Settings::default() };
    let [alone, two, three] =
        [0, 1, 2].map(|helpers| steps_there(&page, &settings, 20, json!({ "helpers": helpers }))["report"].take());
    assert_eq!(alone["points"].as_array().map(Vec::len), Some(3));
    assert_eq!(alone, two);
    assert_eq!(alone, three);
    assert_eq!(page.complaints(), [] as [String; 0]);
}

#[test]
fn the_gpu_takes_the_steps_that_the_cpu_takes() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    for (learner, optimiser) in [(Kind::Shifted, Optimiser::Adamw), (Kind::Paper, Optimiser::Muon)] {
        let settings = Settings { learner, optimiser, width: 32, heads: 2, batch: 2, steps: 20, ..Settings::default() };
        let [gpu, cpu] = [true, false].map(|gpu| steps_there(&page, &settings, 20, json!({ "gpu": gpu })));
        assert!(gpu["gpu"].is_string() && cpu["gpu"].is_null(), "{gpu}");
        let losses = |reply: &Value| -> Vec<f64> {
            let points = reply["report"]["points"].as_array().unwrap();
            points.iter().map(|point| point["loss"].as_f64().unwrap()).collect()
        };
        let (one, other) = (losses(&gpu), losses(&cpu));
        assert_eq!((one.len(), &gpu["report"]["step"]), (other.len(), &cpu["report"]["step"]));
        let apart = one.iter().zip(&other).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
        eprintln!("{learner:?}: losses of 20 steps differ by {apart:.1e} at most");
        assert!(apart < 1e-3, "{one:?} on the GPU, {other:?} on the CPU");
    }
}

#[test]
fn a_run_on_the_gpu_is_kept_and_goes_on_when_it_is_lost() {
    let query = format!("{CPU}&train=%7B%22width%22%3A16%2C%22batch%22%3A2%7D");
    let Some(page) = ready(Setting::default(), &query) else { return };
    wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
    page.of("dials", "e.open = true");
    choose(&page, "computes", "the GPU");
    page.click("train-main");
    wait_beyond(&page, 10);
    let on_gpu = || page.text("train-numbers").contains("tasks a second on ");
    wait_for("the GPU's name", EMERGING, || on_gpu().then_some(()));
    assert!(page.text("runs").contains("on the GPU"), "{}", page.text("runs"));
    let paused = pause(&page);
    page.click("train-step");
    wait_beyond(&page, paused);
    assert_eq!(step(&page), paused + 1);
    page.browser.screenshot("training-gpu");
    page.settle();
    page.browser.script("location.reload()", &[]);
    wait_for("the page again", EMERGING, || (page.state() == "ready" && page.has("runs")).then_some(()));
    page.click("train-main");
    wait_beyond(&page, paused + 2);
    assert!(on_gpu() && !page.has("train-trouble"), "{}", page.text("train-numbers"));
    // Chromium's GPU process dies, and every device with it
    page.browser.devtools("Browser.crashGpuProcess", &json!({}));
    wait_for("words about it", EMERGING, || page.has("train-trouble").then_some(()));
    assert!(page.text("train-trouble").contains("The CPU goes on"), "{}", page.text("train-trouble"));
    wait_beyond(&page, step(&page) + 1);
    assert!(!on_gpu() && !page.has("train-fault"));
}

#[test]
fn without_a_gpu_the_cpu_takes_the_steps_and_the_page_says_so() {
    let query = format!("{CPU}&train=%7B%22width%22%3A16%2C%22batch%22%3A2%7D");
    let Some(page) = ready(Setting { gpu: Gpu::NoAdapter, ..Setting::default() }, &query) else { return };
    wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
    page.of("dials", "e.open = true");
    choose(&page, "computes", "the GPU");
    page.click("train-main");
    wait_beyond(&page, 2);
    let words = page.text("train-trouble");
    assert!(words.contains("The CPU takes the steps, not the GPU"), "{words}");
}

#[test]
fn a_run_of_the_page_is_the_trainers_run_of_the_same_settings() {
    let folder = Folder::new("page-runs");
    let usual = Settings { width: 16, batch: 4, steps: 14, ..Settings::default() };
    let wanted = [
        Settings { log2_tasks: 3, label_bias: 0.5, seed: 9, ..usual.clone() },
        Settings {
            learner: Kind::Paper,
            heads: 2,
            curriculum: true,
            data: Data::Prototypes,
            optimiser: Optimiser::Muon,
            ..usual
        },
    ];
    for (number, settings) in wanted.into_iter().enumerate() {
        let config = folder.file(&format!("{number}.toml"), settings.toml().unwrap());
        let (out, file) = (folder.at(&format!("run-{number}")), folder.at(&format!("{number}.safetensors")));
        good(trainer().args(["train", "--device", "cpu", "--config"]).arg(&config).arg("--out").arg(&out));
        good(trainer().arg("export").arg(&out).arg("-o").arg(&file));
        let native = Model::read(&file).unwrap();
        let mut run = Run::new(settings, Drawings::default()).unwrap();
        while !run.done() {
            run.advance().unwrap();
        }
        let own = Model::from_bytes(&run.file()).unwrap();
        assert_eq!(own.spec, native.spec);
        for (name, values) in own.tensors() {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(bits(values) == bits(native.tensor(name)), "{name} differs");
        }
    }
}

/// Figures for `records/emergence-page`: see there.
#[test]
#[ignore = "a measurement, which wants a quiet machine"]
fn measure_how_soon_a_learner_emerges() {
    let mut found: Vec<Value> = Vec::new();
    for seed in 1..=5 {
        let settings = format!("%7B%22seed%22%3A{seed}%7D");
        let Some(page) = ready(Setting::default(), &format!("{CPU}&train={settings}")) else { return };
        wait_for("the card", EMERGING, || page.has("train-main").then_some(()));
        let start = Instant::now();
        page.click("train-main");
        wait_for("the emergence", EMERGING, || page.has("emerged").then_some(()));
        let clock = start.elapsed().as_secs_f64();
        // the time between frames, while it trains and somebody draws
        page.browser.script(
            "window.frames_ = []; let last = performance.now();
             const look = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(look); };
             requestAnimationFrame(look);",
            &[],
        );
        page.draw(&Figure::Three.drawn(1, seed));
        let frames = page.browser.script("return frames_.slice(1).sort((a, b) => a - b)", &[]);
        let frames: Vec<f64> = frames.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        wait_for("the end", EMERGING, || (main_button(&page) == "Train on").then_some(()));
        let all = Settings { seed: seed as u32, steps: 100, ..Settings::default() };
        let there = steps_there(&page, &all, 100, json!({ "helpers": 0 }));
        let mut run = Run::new(all, Drawings::default()).unwrap();
        let native = Instant::now();
        while !run.done() {
            run.advance().unwrap();
        }
        let native = native.elapsed().as_secs_f64() * 10.0;
        let wide = Settings { width: 128, steps: 30, ..Settings::default() };
        let wide_there = steps_there(&page, &wide, 30, json!({ "helpers": 0 }));
        let mut run = Run::new(wide, Drawings::default()).unwrap();
        let wide_native = Instant::now();
        while !run.done() {
            run.advance().unwrap();
        }
        found.push(json!({
            "seed": seed, "seconds_from_the_button_to_60_percent": clock, "said": page.text("emerged"),
            "numbers": page.text("train-numbers"), "end": page.text("phase"),
            "ms_a_step": there["spent"].as_f64().unwrap() / 100.0, "ms_a_step_natively": native,
            "ms_a_step_at_width_128": wide_there["spent"].as_f64().unwrap() / 30.0,
            "ms_a_step_at_width_128_natively": wide_native.elapsed().as_secs_f64() * 1000.0 / 30.0,
            "worker_bytes": there["bytes"], "worker_bytes_at_width_128": wide_there["bytes"],
            "frame_ms_median": frames[frames.len() / 2], "frame_ms_worst": frames.last(),
        }));
    }
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
}

/// Figures for `records/emergence-page`: milliseconds a step with so many workers that help.
#[test]
#[ignore = "a measurement, which wants a quiet machine"]
fn measure_what_more_workers_bring() {
    let Some(page) = ready(Setting::default(), CPU) else { return };
    for (width, batch) in [(64, 8), (64, 16), (128, 16)] {
        let settings = Settings { width, batch, steps: 40, ..Settings::default() };
        let mut times = [Vec::new(), Vec::new()];
        // by turns, so that what else the machine does hits both
        for _ in 0..5 {
            for (helpers, times) in times.iter_mut().enumerate() {
                let reply = steps_there(&page, &settings, 40, json!({ "helpers": helpers }));
                times.push(reply["spent"].as_f64().unwrap() / 40.0);
            }
        }
        let [alone, two] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times
        });
        println!("width {width}, batch {batch}: ms a step alone {alone:.1?}, with a helper {two:.1?}");
    }
}
