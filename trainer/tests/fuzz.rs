//! Spoiled data sets, pictures, settings, lists of cells, results and checkpoints: each is read or refused in words, within
//! its time and its memory. The parsers take files, so each case is written into a folder of the test's own.

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use common::Folder;
use fuzz::{Found, Random, Target};
use image::{DynamicImage, ImageFormat};
use trainer::config::RunConfig;
use trainer::data::{Split, cifar, idx};
use trainer::device::{self, DeviceArg};
use trainer::experiment::{Cell, CellResult, Outcome, Scale, State, cells, collect, find_results, plan, report};
use trainer::pictures;
use trainer::train::{Run, read_run};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

/// Deflate makes at most so many bytes of one.
const DEFLATE: usize = 1032;

/// A new, empty folder.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::create_dir_all(&folder.0).unwrap();
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The result without its value, for whatever a parser gives.
fn outcome<T, E: ToString>(result: Result<T, E>) -> Found {
    Found::from(result.map(|_| ()))
}

/// An IDX file: type, axes, values.
fn idx_file(code: u8, axes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// A header that may claim anything, over a few values, packed or not.
fn claimed(random: &mut Random) -> Vec<u8> {
    const LENGTHS: [u32; 9] = [0, 1, 2, 3, 28, 65_536, 1 << 31, u32::MAX, 1000];
    let code = [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E][random.below(6)];
    let axes: Vec<u32> = (0..random.below(6)).map(|_| LENGTHS[random.below(LENGTHS.len())]).collect();
    let values: Vec<u8> = (0..random.below(200)).map(|_| random.bits() as u8).collect();
    let bytes = idx_file(code, &axes, &values);
    if random.once_in(2) { gzip(&bytes) } else { bytes }
}

#[test]
fn idx_files() {
    let folder = folder("fuzz-idx");
    let path = folder.0.join("train-images-idx3-ubyte");
    let pixels: Vec<u8> = (0..48).collect();
    let plain = [
        idx_file(0x08, &[3, 4, 4], &pixels),
        idx_file(0x09, &[48], &pixels),
        idx_file(0x0B, &[24], &pixels),
        idx_file(0x0C, &[3, 4], &pixels),
    ];
    let packed = gzip(&plain[0]);
    let target = Target {
        name: "trainer-idx",
        seeds: plain.into_iter().chain([packed]).collect(),
        words: &[b"\x1f\x8b\x08", b"\0\0\x08\x03", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"],
        grammar: Some(claimed),
        seal: None,
        memory: |length| 8 * DEFLATE * length + (1 << 18),
        cases: 3000,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(idx::read(&path))
    });
}

/// A record of CIFAR-10.
fn record(label: u8) -> Vec<u8> {
    let mut record = vec![label];
    record.extend((0..3072usize).map(|at| (at % 251) as u8));
    record
}

/// The archive of a batch.
fn archive(batch: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(batch.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "cifar-10-batches-bin/test_batch.bin", batch).unwrap();
    gzip(&tar.into_inner().unwrap())
}

#[test]
fn batches_of_cifar() {
    let folder = folder("fuzz-cifar");
    let path = folder.0.join("test_batch.bin");
    let target = Target {
        name: "trainer-cifar",
        seeds: vec![record(3), [record(0), record(9)].concat()],
        words: &[b"\x0a", b"\0"],
        grammar: None,
        seal: None,
        memory: |length| 16 * length + (1 << 18),
        cases: 1500,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(cifar::read(&folder.0, "cifar-10", Split::Test))
    });
}

/// An archive whose entries are made, spoiled before they are packed.
fn spoiled_archive(random: &mut Random) -> Vec<u8> {
    let plain = {
        let mut tar = tar::Builder::new(Vec::new());
        let batch = record(1);
        for _ in 0..random.between(1, 3) {
            let mut header = tar::Header::new_gnu();
            header.set_size(batch.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, "cifar-10-batches-bin/test_batch.bin", batch.as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    };
    gzip(&fuzz::mutate(random, &plain, &[], &[b"test_batch.bin", b"77777777777", b"../", b"\0"]))
}

#[test]
fn archives_of_cifar() {
    let folder = folder("fuzz-cifar-archive");
    let path = folder.0.join(cifar::ARCHIVE);
    let target = Target {
        name: "trainer-cifar-archive",
        seeds: vec![archive(&record(3))],
        words: &[b"\x1f\x8b\x08", b"\0\0\0\0"],
        grammar: Some(spoiled_archive),
        seal: None,
        memory: |length| 8 * DEFLATE * length + (1 << 20),
        cases: 1500,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(cifar::read(&folder.0, "cifar-10", Split::Test))
    });
}

/// An array of NumPy.
fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

#[test]
fn arrays_of_pictures() {
    let folder = folder("fuzz-arrays");
    let path = folder.0.join("my-imgs.npy");
    let pixels: Vec<u8> = (0..8 * 16).map(|at| (at * 7 % 256) as u8).collect();
    // labels in a file beside it, fewer than there may be pictures
    fs::write(folder.0.join("my-labels.npy"), npy("|u1", "(8,)", &[0, 1, 0, 1, 0, 1, 0, 1])).unwrap();
    let target = Target {
        name: "trainer-arrays",
        seeds: vec![npy("|u1", "(8, 4, 4)", &pixels), npy("|u1", "(8, 2, 2, 4)", &pixels)],
        words: &[b"'<f8'", b"'>f4'", b"(2, 1, 1)", b"(9, 2, 2)", b"True", b"0, ", b", 3)", b"\0\x7c"],
        grammar: None,
        seal: None,
        memory: |length| 400 * length + (1 << 18),
        cases: 3000,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        let found = pictures::read(&path, true, 20);
        if let Ok(Some(pictures)) = &found {
            assert_eq!(pictures.labels.len(), pictures.names.len());
            assert!(pictures.values.iter().all(|value| value.is_finite()));
        }
        outcome(found)
    });
}

/// A small picture in a format.
fn encoded(format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Rgba([(40 * x) as u8, (50 * y) as u8, 9, 255]);
    let picture = DynamicImage::from(image::RgbaImage::from_fn(6, 5, pixel));
    // the only one of them that has no see-through pixels
    let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A chunk of a PNG file.
fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(content);
    [&(content.len() as u32).to_be_bytes()[..], kind, content, &sum.sum().to_be_bytes()].concat()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG file that may say any size, over zeros that pack well.
fn claimed_png(random: &mut Random) -> Vec<u8> {
    const SIDES: [u32; 9] = [0, 1, 5, 200, 3000, 4096, 20_000, 65_536, 1 << 31];
    let mut side = || SIDES[random.below(SIDES.len())];
    let sides = [side().to_be_bytes(), side().to_be_bytes()].concat();
    let depth = [1, 2, 4, 8, 16][random.below(5)];
    let head = [&sides[..], &[depth, [0, 2, 3, 4, 6][random.below(5)], 0, 0, random.below(2) as u8]].concat();
    let zeros = vec![0; if random.once_in(50) { random.below(1 << 24) } else { random.below(1 << 12) }];
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&zeros).unwrap();
    let mut bytes =
        [PNG, &chunk(b"IHDR", &head), &chunk(b"PLTE", &[7; 9]), &chunk(b"IDAT", &encoder.finish().unwrap())].concat();
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

/// The same PNG file with sums that are right; other files as they are.
fn summed(bytes: Vec<u8>) -> Vec<u8> {
    let Some(mut rest) = bytes.strip_prefix(PNG) else { return bytes };
    let mut sealed = PNG.to_vec();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((whole, next)) = length.checked_add(8).and_then(|end| after.split_at_checked(end)) else { break };
        sealed.extend(chunk(&whole[..4], &whole[4..4 + length]));
        rest = next;
    }
    sealed.extend(rest);
    sealed
}

#[test]
fn files_of_pictures() {
    let folder = folder("fuzz-pictures");
    let path = folder.0.join("picture.png");
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Ico,
    ];
    quiet();
    let target = Target {
        name: "trainer-picture-files",
        seeds: formats.map(encoded).to_vec(),
        words: &[
            b"IHDR",
            b"IDAT",
            b"acTL",
            b"fcTL",
            b"eXIf",
            b"iCCP",
            b"\xff\xc0",
            b"\xff\xc2",
            b"\xff\xda",
            b"\xff\xe1",
            b"Exif\0\0II*\0",
            b"VP8X",
            b"VP8L",
            b"ANMF",
            b"\x21\xf9\x04",
            b"\x2c",
            b"\xff\xff",
        ],
        grammar: Some(claimed_png),
        seal: Some(summed),
        // what is checked before is held again by decoders
        memory: |length| 8 * 2000 * length + (1 << 27),
        cases: 1500,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(pictures::read(&folder.0, false, 20))
    });
}

/// Panics of the libraries that read pictures are caught, and would fill the screen.
fn quiet() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let libraries = ["/image-", "/png-", "/zune-", "/gif-", "/tiff-", "/weezl-", "/fdeflate-"];
        if !panic.location().is_some_and(|place| libraries.iter().any(|name| place.file().contains(name))) {
            before(panic);
        }
    }));
}

/// What TOML and these settings know.
const SETTINGS: &[&[u8]] = &[
    b"[",
    b"]",
    b"[[curriculum]]\n",
    b"=",
    b"\"",
    b"nan",
    b"inf",
    b"-1",
    b"1e300",
    b"9223372036854775807",
    b"[[[[[[[[",
    b"{a=",
    b"[learner]\nkind=\"lstm\"\n",
    b"\n",
    b"#",
    b"'''",
    b"2020-01-01",
    b"true",
    b"width = 4096\n",
    b"layers = 64\n",
];

#[test]
fn settings() {
    let folder = folder("fuzz-settings");
    let path = folder.0.join("config.toml");
    let seeds = ["quick", "paper", "general", "drawing"]
        .map(|preset| RunConfig::resolve(preset, None, &[]).unwrap().to_toml().into_bytes());
    let target = Target {
        name: "trainer-settings",
        seeds: seeds.to_vec(),
        words: SETTINGS,
        grammar: None,
        seal: None,
        memory: |length| 1000 * length + (1 << 20),
        cases: 2000,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        // over a preset, as `--config` is, and alone, as a run's own
        let _ = RunConfig::resolve("quick", Some(&path), &[]);
        outcome(RunConfig::read(&path))
    });
}

/// A result of each of some cells.
fn results() -> Vec<CellResult> {
    let grid = cells("fig4", Scale::Smoke, None).unwrap();
    let result = |cell: &Cell| CellResult {
        cell: cell.clone(),
        hash: cell.hash(),
        state: State::Done,
        message: None,
        outcome: Outcome { parameters: 10, state_size: 4, steps: 3, flop: 1e6, seconds: 0.5, ..Outcome::default() },
        commit: "1a2b3c4".into(),
        device: "cpu".into(),
    };
    grid.iter().take(3).map(result).collect()
}

/// What JSON knows.
const JSON: &[&[u8]] = &[
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"\"",
    b"-1",
    b"1e999",
    b"18446744073709551615",
    b"\"done\"",
    b"\"failed\"",
    b"\"desk\"",
    b"\"seeds\"",
    b"\n",
    b"{\"gpicl_cells\":1,\"cells\":1,\"commit\":\"\"}\n",
    b"\"\"",
];

#[test]
fn results_of_grids() {
    let folder = folder("fuzz-results");
    let path = folder.0.join("results.jsonl");
    let lines: Vec<Vec<u8>> = results().iter().map(|result| serde_json::to_vec(result).unwrap()).collect();
    let target = Target {
        name: "trainer-results",
        seeds: vec![lines.join(&b'\n'), lines[0].clone()],
        words: JSON,
        grammar: None,
        seal: None,
        memory: |length| 1000 * length + (1 << 20),
        cases: 1500,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(find_results(std::slice::from_ref(&path)))
    });
}

#[test]
fn reports_of_odd_results() {
    let folder = folder("fuzz-report");
    let path = folder.0.join("results.jsonl");
    let lines: Vec<Vec<u8>> = results().iter().map(|result| serde_json::to_vec(result).unwrap()).collect();
    let target = Target {
        name: "trainer-report",
        seeds: vec![lines.join(&b'\n')],
        words: JSON,
        grammar: None,
        seal: None,
        memory: |length| 4000 * length + (1 << 24),
        cases: 200,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        let found = find_results(std::slice::from_ref(&path));
        outcome(found.map(|found| {
            // each result asks for its experiment's whole grid
            if found.results.len() <= 8 {
                report::build(&collect(found), None);
            }
        }))
    });
}

#[test]
fn lists_of_cells() {
    let folder = folder("fuzz-plan");
    let path = folder.0.join("cells.jsonl");
    let grid = cells("fig4", Scale::Smoke, None).unwrap();
    plan::write(&path, &grid[..2]).unwrap();
    let target = Target {
        name: "trainer-plan",
        seeds: vec![fs::read(&path).unwrap()],
        words: JSON,
        grammar: None,
        seal: None,
        memory: |length| 1000 * length + (1 << 20),
        cases: 1500,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(plan::read(&path))
    });
}

/// A run of two steps, and the folder of its checkpoint.
fn trained(folder: &Path) -> PathBuf {
    let set = [
        "model.width=16",
        "model.key_size=8",
        "model.inputs=16",
        "tasks.length=12",
        "training.steps=2",
        "training.checkpoint_every=1",
        "training.log_every=1",
        "training.batch=4",
        "training.micro_batch=1",
    ];
    let config = RunConfig::resolve("quick", None, &set.map(str::to_owned)).unwrap();
    let mut run = Run::start(config, folder, Path::new("."), device::open(DeviceArg::Cpu).unwrap()).unwrap();
    assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let is_checkpoint = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint-"))
    };
    entries.filter(is_checkpoint).max().expect("a run keeps its last checkpoint")
}

#[test]
fn states_of_checkpoints() {
    let folder = Folder::new("fuzz-checkpoint");
    let checkpoint = trained(&folder.0);
    let path = checkpoint.join("state.json");
    let target = Target {
        name: "trainer-checkpoint",
        seeds: vec![fs::read(&path).unwrap()],
        words: JSON,
        grammar: None,
        seal: None,
        memory: |length| 1000 * length + (1 << 22),
        cases: 300,
    };
    target.run(|bytes| {
        fs::write(&path, bytes).unwrap();
        outcome(read_run(&folder.0))
    });
}

/// Labels in a file beside the pictures, fewer than these; and pixels that are no numbers.
#[test]
fn pictures_without_labels_or_numbers_are_refused() {
    let folder = folder("fewer-labels");
    let path = folder.0.join("my-imgs.npy");
    fs::write(&path, npy("|u1", "(8, 2, 2)", &[7; 32])).unwrap();
    fs::write(folder.0.join("my-labels.npy"), npy("|u1", "(3,)", &[0, 1, 0])).unwrap();
    let error = pictures::read(&path, true, 20).unwrap_err();
    assert!(error.contains("expected 8 labels, one for each picture, found 3"), "{error}");
    fs::write(&path, npy("<f4", "(2, 2, 2)", &f32::INFINITY.to_le_bytes().repeat(8))).unwrap();
    let error = pictures::read(&path, true, 20).unwrap_err();
    assert!(error.contains("infinite"), "{error}");
}

/// An archive that names one batch again and again.
#[test]
fn a_batch_is_taken_from_an_archive_once() {
    let folder = folder("batches-again");
    let batch = record(1);
    let mut tar = tar::Builder::new(Vec::new());
    for _ in 0..3 {
        let mut header = tar::Header::new_gnu();
        header.set_size(batch.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "cifar-10-batches-bin/test_batch.bin", batch.as_slice()).unwrap();
    }
    fs::write(folder.0.join(cifar::ARCHIVE), gzip(&tar.into_inner().unwrap())).unwrap();
    let error = cifar::read(&folder.0, "cifar-10", Split::Test).unwrap_err().to_string();
    assert!(error.contains("found more of them"), "{error}");
}
