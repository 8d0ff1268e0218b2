//! What a page holds in memory, in Chromium.

use std::fs;
use std::iter::successors;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::page::Page;

/// Resident memory of the largest process of a kind below this one, in MB: `renderer` runs the page and its workers,
/// `gpu-process` a software GPU. 0 where there is none.
pub fn resident_mb(kind: &str) -> f64 {
    let read = |pid: u32, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let parent = |pid: u32| -> Option<u32> {
        read(pid, "stat").rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok().filter(|parent| *parent > 1)
    };
    let ours = |pid: u32| successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == std::process::id());
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let wanted = format!("--type={kind}");
    let found = pids.filter(|pid| ours(*pid) && read(*pid, "cmdline").contains(&wanted));
    let resident = |pid: u32| -> Option<f64> {
        let status = read(pid, "status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    found.filter_map(resident).fold(0.0, f64::max) / 1024.0
}

/// What a page holds at rest, after a collection of its garbage.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// JavaScript's objects of the page itself, in MB. Every script of a test leaves some bytes there, so that it grows by itself.
    pub heap_mb: f64,
    /// Nodes of all its documents.
    pub nodes: f64,
    /// Listeners of events.
    pub listeners: f64,
    /// See [`resident_mb`].
    pub renderer_mb: f64,
    /// See [`resident_mb`].
    pub gpu_mb: f64,
}

impl Held {
    /// Looks now.
    pub fn by(page: &Page) -> Held {
        page.browser.devtools("Performance.enable", &json!({}));
        // the second finds what the first has only untied
        for _ in 0..2 {
            page.browser.devtools("HeapProfiler.collectGarbage", &json!({}));
            page.browser.devtools_of_workers("HeapProfiler.collectGarbage", &json!({}));
        }
        // nobody says when a worker has done it
        thread::sleep(Duration::from_millis(500));
        let metrics = page.browser.devtools("Performance.getMetrics", &json!({}));
        let all = metrics["metrics"].as_array().cloned().unwrap_or_default();
        let of = |name: &str| {
            let found = all.iter().find(|metric| metric["name"] == name).and_then(|metric| metric["value"].as_f64());
            found.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        };
        Held {
            heap_mb: of("JSHeapUsedSize") / f64::from(1 << 20),
            nodes: of("Nodes"),
            listeners: of("JSEventListeners"),
            renderer_mb: resident_mb("renderer"),
            gpu_mb: resident_mb("gpu-process"),
        }
    }

    /// As numbers under their names.
    pub fn json(&self) -> Value {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        json!({
            "heap_mb": round(self.heap_mb), "nodes": self.nodes, "listeners": self.listeners,
            "renderer_mb": round(self.renderer_mb), "gpu_mb": round(self.gpu_mb),
        })
    }
}
