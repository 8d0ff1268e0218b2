//! The camera, played by Chromium from a file.

use super::*;

/// A film of a figure on paper, for Chromium's fake camera (YUV4MPEG2, full frames).
fn film(figure: Figure, number: u64) -> PathBuf {
    const SIZE: (usize, usize) = (320, 240);
    let mut luma = vec![215u8; SIZE.0 * SIZE.1];
    for stroke in figure.drawn(6, number) {
        for pair in stroke.windows(2) {
            for step in 0..=20 {
                let part = f64::from(step) / 20.0;
                let at = |from: f64, to: f64, offset: f64| offset + 200.0 * (from + (to - from) * part);
                let (x, y) = (at(pair[0].0, pair[1].0, 60.0), at(pair[0].1, pair[1].1, 20.0));
                for dy in -3i32..=3 {
                    for dx in -3i32..=3 {
                        let (px, py) = ((x as i32 + dx) as usize, (y as i32 + dy) as usize);
                        if dx * dx + dy * dy <= 10 && px < SIZE.0 && py < SIZE.1 {
                            luma[py * SIZE.0 + px] = 40;
                        }
                    }
                }
            }
        }
    }
    // a lamp at the left
    for (i, v) in luma.iter_mut().enumerate() {
        *v = (f64::from(*v) * (1.0 - 0.25 * (i % SIZE.0) as f64 / SIZE.0 as f64)) as u8;
    }
    let mut bytes = format!("YUV4MPEG2 W{} H{} F10:1 Ip A1:1 C420mpeg2\n", SIZE.0, SIZE.1).into_bytes();
    for _ in 0..3 {
        bytes.extend(b"FRAME\n");
        bytes.extend(&luma);
        bytes.extend(vec![128u8; SIZE.0 * SIZE.1 / 2]);
    }
    let path = std::env::temp_dir().join(format!("film-{figure:?}-{}.y4m", std::process::id()));
    fs::write(&path, bytes).unwrap();
    path
}

/// A browser whose camera films a figure.
fn filming(figure: Figure) -> (&'static [&'static str], PathBuf) {
    let path = film(figure, 2);
    let file = format!("--use-file-for-fake-video-capture={}", path.display());
    let all = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", file.leak()];
    (Vec::from(all).leak(), path)
}

#[test]
fn a_drawing_before_the_camera_is_recognised_and_taught() {
    for (setting, name) in [(DESK, "wide"), (PHONE, "phone")] {
        let (extra, path) = filming(Figure::Seven);
        let Some(page) = ready(Setting { extra, ..setting }, "") else { return };
        for shot in 0..3 {
            page.teach(&Figure::Zero.drawn(1, shot), 0);
            page.teach(&Figure::Seven.drawn(1, shot), 1);
            page.teach(&Figure::Cross.drawn(1, shot), 2);
        }
        page.click("camera-on");
        wait_for("the camera's picture", Duration::from_secs(30), || {
            page.has("video")
                // its first pictures are black
                .then(|| page.of("video", "return e.videoWidth > 0 && e.currentTime > 1"))
                .filter(|on| *on == true)
        });
        page.browser.screenshot(&format!("camera-{name}"));
        page.click("camera-take");
        let status = page.text("status");
        assert!(status.contains("Taken"), "the page says: {status}");
        let probabilities = page.probabilities();
        assert_eq!(best(&probabilities), 1, "{probabilities:?}");
        page.click("teach-1");
        assert_eq!(page.count(1), 4);
        page.browser.screenshot(&format!("camera-taught-{name}"));
        // a picture is kept for the next visit, and goes into a link
        page.click("share-link");
        let link = page.of("link", "return e.value").as_str().unwrap().to_owned();
        println!("{} letters with a picture", link.len());
        page.browser.open("about:blank");
        page.browser.open(&format!("{}{CPU}", page.server.url()));
        wait_for("the page's start", Duration::from_secs(120), || (page.state() != "loading").then_some(()));
        page.settle();
        assert_eq!(page.count(1), 4, "the picture was not kept");
        assert_no_complaints(&page);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn without_a_camera_the_page_says_so() {
    let camera: &[&str] = &["--use-fake-device-for-media-stream"];
    for (extra, permission, words) in [(camera, "denied", "not allowed"), (&[], "granted", "no camera")] {
        let Some(page) = ready(Setting { extra, ..DESK }, CPU) else { return };
        page.browser.devtools(
            "Browser.setPermission",
            &json!({ "permission": { "name": "camera" }, "setting": permission, "origin": page.url().trim_end_matches('/') }),
        );
        page.click("camera-on");
        wait_for(words, Duration::from_secs(30), || page.text("status").contains(words).then_some(()));
        assert_eq!(page.of("camera", "return e.dataset.on"), "false");
        assert_no_complaints(&page);
    }
}
