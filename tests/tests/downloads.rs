//! `trainer data fetch` through a company's proxy that opens TLS, over lines that break and from servers that do wrong: the right
//! file in the end or words that say why not, and never a wrong file under its own name.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use proxy::{Answer, Proxy, Request, Running};
use serde_json::json;
use tests::downloads::{Place, Source};
use tests::program::{bad, good};

/// The byte of a file at which so many percent of it are there.
fn cut_at(source: &Source) -> impl Fn(&str, usize) -> usize + use<> {
    let lengths: BTreeMap<String, usize> = source.files.iter().map(|(name, file)| (name.clone(), file.len())).collect();
    move |file, percent| lengths[file] * percent / 100
}

/// What is true at any time.
fn nothing_wrong(source: &Source, dir: &Path) {
    assert!(source.wrong(dir).is_empty(), "{}: {:?} are not whole", source.name, source.wrong(dir));
}

/// Bytes of files that went out.
fn sent(requests: &[Request]) -> usize {
    requests.iter().map(|request| request.sent).sum()
}

/// Bytes of all files.
fn bytes(source: &Source) -> usize {
    source.files.values().map(Vec::len).sum()
}

/// Fetches a source whose requests are answered in some way, which has to end well.
fn survives(name: &str, source: &Source, proxy: Proxy) -> (Running, String) {
    let proxy = proxy.start();
    let place = Place::new(name, &proxy);
    let dir = place.data("data");
    let (_, words) = good(&mut source.fetch(&dir, &proxy, &place.authority));
    assert!(source.is_whole(&dir), "{name}: {} is not as it should be: {words}", source.name);
    (proxy, words)
}

/// A line that breaks at every percent of each file: one call brings them, and asks for no byte twice.
#[test]
fn one_call_survives_a_cut_at_every_percent() {
    for source in Source::all() {
        let cut = cut_at(&source);
        let answer = move |request: &Request| match request.before {
            percent @ 0..100 => Answer::Cut(cut(&request.file, percent) - request.from.unwrap_or(0)),
            _ => Answer::Good,
        };
        let (proxy, _) = survives("every-percent", &source, source.proxy().answer(answer));
        let requests = proxy.requests();
        assert_eq!(requests.len(), 101 * source.files.len());
        assert_eq!(sent(&requests), bytes(&source), "{}: bytes were asked for twice", source.name);
        for request in &requests {
            let from = cut_at(&source)(&request.file, request.before.saturating_sub(1));
            assert_eq!(request.from.unwrap_or(0), from, "{request:?}");
        }
        let cuts = 100 * source.files.len();
        let figures = json!({
            "command": format!("fetch {}, in one call", source.name), "cuts": cuts, "bytes": bytes(&source),
            "sent": sent(&requests),
        });
        println!("kills: {figures}");
    }
}

/// A cut at each percent of a whole file by itself, so that all the rest is one range.
#[test]
fn a_cut_at_any_percent_is_made_up_for() {
    let source = Source::made_up();
    let (mut went, mut calls) = (0, 0);
    for percent in 0..100 {
        let cut = cut_at(&source);
        let answer = move |request: &Request| match request.before {
            0 => Answer::Cut(cut(&request.file, percent)),
            _ => Answer::Good,
        };
        let (proxy, _) = survives("any-percent", &source, source.proxy().answer(answer));
        let requests = proxy.requests();
        assert_eq!((requests.len(), sent(&requests)), (2 * source.files.len(), bytes(&source)), "{percent} %");
        went += sent(&requests);
        calls += 1;
    }
    let figures = json!({
        "command": "fetch made-up, a call for each percent", "cuts": calls * source.files.len(),
        "bytes": calls * bytes(&source), "sent": went,
    });
    println!("kills: {figures}");
}

/// The host is asked through the proxy, by its name, once for each file.
#[test]
fn hosts_are_reached_through_the_proxy() {
    let source = Source::made_up();
    let (proxy, _) = survives("proxy", &source, source.proxy());
    assert_eq!(proxy.connections(), ["data.example:443"; 2]);
    assert!(proxy.requests().iter().all(|request| request.host == "data.example" && request.from.is_none()));
}

/// Servers with ways of their own: each file arrives all the same, after a line that broke in its middle.
#[test]
fn servers_with_ways_of_their_own_are_put_up_with() {
    let source = Source::made_up();
    let manners = [
        ("whole-file", Answer::Whole),
        ("no-range", Answer::NoRange),
        ("less", Answer::Less(200)),
        ("longer", Answer::Length(7)),
        ("shorter", Answer::Length(-7)),
        ("spoiled", Answer::Spoiled(900)),
        ("busy", Answer::Status(503)),
        ("gone", Answer::Status(404)),
        ("moved", Answer::Status(302)),
        ("portal", Answer::Status(200)),
        ("slow", Answer::Slow(20_000, Duration::from_millis(5))),
    ];
    // in threads: most of the time is the trainer's wait before it asks again
    thread::scope(|all| {
        for (name, second) in manners {
            let source = &source;
            all.spawn(move || {
                let answer = move |request: &Request| match request.before {
                    0 => Answer::Cut(500),
                    1 => second,
                    _ => Answer::Good,
                };
                survives(name, source, source.proxy().answer(answer));
                // and when it is the first thing that happens
                let answer = move |request: &Request| if request.before == 0 { second } else { Answer::Good };
                survives(name, source, source.proxy().answer(answer));
            });
        }
    });
}

/// A file with one wrong byte at every address: no file, words with both checksums, and the next call begins anew.
#[test]
fn a_wrong_checksum_never_leaves_a_file() {
    for source in Source::all() {
        let proxy = source.proxy().answer(|_| Answer::Spoiled(700)).start();
        let place = Place::new("checksum", &proxy);
        let dir = place.data("data");
        let words = bad(&mut source.fetch(&dir, &proxy, &place.authority));
        assert!(words.contains("expected MD5 ") && words.contains("found "), "{words}");
        assert_eq!(source.names(&dir).len(), 0, "{}: a wrong file left something", source.name);
        let proxy = source.proxy().start();
        let place = Place::new("checksum-again", &proxy);
        good(&mut source.fetch(&dir, &proxy, &place.authority));
        assert!(source.is_whole(&dir));
        assert!(proxy.requests().iter().all(|request| request.from.is_none()));
    }
}

/// Calls at the same time, as the cells of a grid make them: one downloads, the others wait for it.
#[test]
fn of_several_calls_one_downloads() {
    for source in Source::all() {
        let proxy = source.proxy().start();
        let place = Place::new("several", &proxy);
        let dir = place.data("data");
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| good(&mut source.fetch(&dir, &proxy, &place.authority)));
            }
        });
        assert!(source.is_whole(&dir), "{}: {:?}", source.name, source.wrong(&dir));
        assert_eq!(proxy.requests().len(), source.files.len(), "{}: a file was asked for twice", source.name);
    }
}

/// A line that breaks for good: the next call goes on where it broke.
#[test]
fn the_next_call_goes_on_where_the_last_one_broke_off() {
    let source = Source::made_up();
    let (first, length) = source.files.first_key_value().map(|(name, content)| (name.clone(), content.len())).unwrap();
    let half = length / 2;
    // nothing but 404s after it: all addresses are given up at once
    let answer = move |request: &Request| if request.before == 0 { Answer::Cut(half) } else { Answer::Status(404) };
    let proxy = source.proxy().answer(answer).start();
    let place = Place::new("broken-off", &proxy);
    let dir = place.data("data");
    let words = bad(&mut source.fetch(&dir, &proxy, &place.authority));
    assert!(words.contains("status 404") && words.contains(&first), "{words}");
    nothing_wrong(&source, &dir);
    let proxy = source.proxy().start();
    let place = Place::new("gone-on", &proxy);
    good(&mut source.fetch(&dir, &proxy, &place.authority));
    assert!(source.is_whole(&dir));
    assert_eq!(proxy.requests()[0].from, Some(half));
    // a third call asks for nothing
    let proxy = source.proxy().start();
    let place = Place::new("asks-nothing", &proxy);
    good(&mut source.fetch(&dir, &proxy, &place.authority));
    assert!(proxy.connections().is_empty());
}

/// A proxy that refuses: at once and with words where waiting does not help, later where it may.
#[test]
fn proxies_that_refuse_are_named() {
    for source in Source::all() {
        let proxy = source.proxy().connect(|_| 407).start();
        let place = Place::new("refused", &proxy);
        let words = bad(&mut source.fetch(&place.data("data"), &proxy, &place.authority));
        assert!(words.contains("status 407") && words.contains("USER:PASSWORD"), "{words}");
        nothing_wrong(&source, &place.data("data"));
        let (_, words) = survives("busy-proxy", &source, source.proxy().connect(|n| if n == 0 { 502 } else { 200 }));
        assert!(words.contains("status 502"), "{words}");
        // an authority that is not this proxy's
        let (proxy, other) = (source.proxy().start(), source.proxy().start());
        let place = Place::new("untrusted", &other);
        let words = bad(&mut source.fetch(&place.data("data"), &proxy, &place.authority));
        assert!(words.contains("certificate") && words.contains("SSL_CERT_FILE"), "{words}");
        assert!(proxy.requests().is_empty(), "something was asked for over a line that is not trusted");
        nothing_wrong(&source, &place.data("data"));
    }
}

/// A server that falls silent in the middle is left after a minute, and what came from it is kept.
#[test]
#[ignore = "takes a minute: `cargo xtask kills` waits for it"]
fn a_server_that_falls_silent_is_left() {
    let source = Source::made_up();
    let silent = source.files.keys().next().expect("it has files").clone();
    let answer = move |request: &Request| match request.before {
        0 if request.file == silent => Answer::Slow(100_000, Duration::from_secs(600)),
        _ => Answer::Good,
    };
    let (proxy, words) = survives("silent", &source, source.proxy().answer(answer));
    assert!(words.contains("after 100000 bytes"), "{words}");
    assert_eq!(proxy.requests()[1].from, Some(100_000));
}
