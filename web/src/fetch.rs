//! Models from this site and from others: fetched with progress, kept for when there is no network, and each way to
//! fail told in words.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Cache, ReadableStreamDefaultReader, RequestCache, RequestCredentials, RequestInit, RequestMode, Response, Url,
};

use crate::browser::{LARGEST, embedded, window, words};

/// Name of the cache that models are kept in.
const KEPT: &str = "models";

/// Bytes that have come, and how many there will be if the server told.
pub type Progress = (f64, Option<f64>);

/// The whole address of a model, as this page takes it, or why it is none.
pub fn resolve(address: &str) -> Result<Url, String> {
    let base = window().location().href().map_err(words)?;
    let url = Url::new_with_base(address.trim(), &base).map_err(|_| {
        format!("“{address}” is not an address. Expected one such as https://example.org/my.safetensors")
    })?;
    let page = window().location().protocol().unwrap_or_default();
    match url.protocol().as_str() {
        "https:" => Ok(url),
        "http:" if page == "https:" && !["localhost", "127.0.0.1"].contains(&url.hostname().as_str()) => Err(format!(
            "“{address}” begins with http:, which a page opened over https: may not fetch. Try the same address with \
             https:, or save the file and open it from your disk"
        )),
        "http:" => Ok(url),
        other => Err(format!("“{address}” begins with {other}. Models can be fetched over https: only")),
    }
}

/// Whether an address belongs to another site than this page.
pub fn foreign(url: &Url) -> bool {
    window().location().origin().is_ok_and(|origin| origin != url.origin())
}

/// Fetches a model and tells how far it is. What has come from another site is kept; without a network the kept copy
/// is given.
///
/// # Errors
/// In words with what to do: no network, a host that does not let this page read, a file that is not there, one that
/// is too large.
pub async fn fetch(address: &str, progress: impl Fn(Progress)) -> Result<Vec<u8>, String> {
    let url = resolve(address)?;
    match download(&url, address, &progress).await {
        Ok(bytes) => {
            // what belongs to the page is kept with the page
            if foreign(&url) {
                keep(&url.href(), &bytes).await;
            }
            Ok(bytes)
        }
        Err(Refusal { words, unreachable: true }) => match kept(&url.href()).await {
            Some(bytes) => Ok(bytes),
            None => Err(words),
        },
        Err(refusal) => Err(refusal.words),
    }
}

struct Refusal {
    words: String,
    /// Whether there was no answer at all, so that a copy from last time will do.
    unreachable: bool,
}

impl From<String> for Refusal {
    fn from(words: String) -> Refusal {
        Refusal { words, unreachable: false }
    }
}

fn options() -> RequestInit {
    let options = RequestInit::new();
    // A model that was trained again keeps its name: ask whether the copy at hand is still good.
    options.set_cache(RequestCache::NoCache);
    options.set_credentials(RequestCredentials::SameOrigin);
    options.set_referrer_policy(web_sys::ReferrerPolicy::NoReferrer);
    options
}

async fn download(url: &Url, address: &str, progress: &impl Fn(Progress)) -> Result<Vec<u8>, Refusal> {
    let name = url.hostname();
    let response = JsFuture::from(window().fetch_with_str_and_init(&url.href(), &options())).await;
    let response: Response = match response {
        Ok(response) => response.unchecked_into(),
        Err(error) => return Err(unanswered(url, address, error).await),
    };
    if !response.ok() {
        return Err(match response.status() {
            404 | 410 => format!(
                "“{address}” could not be fetched: {name} answered {} (no such file). Check the address",
                response.status()
            ),
            status @ (401 | 403) => format!(
                "“{address}” could not be fetched: {name} answered {status} (the file is not public). Save it and \
                 open it from your disk"
            ),
            status => format!("“{address}” could not be fetched: {name} answered {status}. Try again later"),
        }
        .into());
    }
    let length = response
        .headers()
        .get("content-length")
        .ok()
        .flatten()
        .and_then(|text| text.parse::<u64>().ok().map(|bytes| bytes as f64));
    // A length that was told of packed bytes says nothing of these.
    let packed = response.headers().get("content-encoding").ok().flatten().is_some_and(|kind| kind != "identity");
    let length = length.filter(|_| !packed);
    let too_large = |found: f64| {
        Refusal::from(format!(
            "“{address}” is {:.0} MB or larger; learners of this project are at most {:.0} MB. Check the address",
            found / 1e6,
            LARGEST / 1e6
        ))
    };
    if let Some(found) = length.filter(|length| *length > LARGEST) {
        return Err(too_large(found));
    }
    let broken = |error| Refusal {
        words: format!("The download of “{address}” was interrupted: {}. Try again", words(error)),
        unreachable: true,
    };
    let mut bytes = Vec::with_capacity(length.unwrap_or_default() as usize);
    let Some(body) = response.body() else { return Ok(bytes) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    progress((0.0, length));
    loop {
        let part = JsFuture::from(reader.read()).await.map_err(broken)?;
        if Reflect::get(&part, &"done".into()).is_ok_and(|done| done.is_truthy()) {
            return Ok(bytes);
        }
        let value: Uint8Array = Reflect::get(&part, &"value".into()).map_err(broken)?.unchecked_into();
        let start = bytes.len();
        bytes.resize(start + value.length() as usize, 0);
        value.copy_to(&mut bytes[start..]);
        if bytes.len() as f64 > LARGEST {
            let _ = reader.cancel();
            return Err(too_large(bytes.len() as f64));
        }
        progress((bytes.len() as f64, length));
    }
}

/// Why nothing came back: browsers keep that to themselves, so it is found out by asking in another way.
async fn unanswered(url: &Url, address: &str, error: JsValue) -> Refusal {
    let host = url.host();
    let unreachable = true;
    if !window().navigator().on_line() {
        let words =
            format!("“{address}” could not be fetched: you are offline. Go online, or open a file from your disk");
        return Refusal { words, unreachable };
    }
    if foreign(url) {
        // Without CORS an answer may come, though nobody may read it.
        let blind = options();
        blind.set_mode(RequestMode::NoCors);
        blind.set_credentials(RequestCredentials::Omit);
        if JsFuture::from(window().fetch_with_str_and_init(&url.href(), &blind)).await.is_ok() {
            let words = format!(
                "{host} does not let other sites read “{address}”: its server would have to send the header \
                 “Access-Control-Allow-Origin: *” (raw.githubusercontent.com and huggingface.co do). Save the file, and \
                 drop it on this page"
            );
            return Refusal { words, unreachable: false };
        }
        let words =
            format!("“{address}” could not be fetched: {host} can't be reached. Check the address and the network");
        return Refusal { words, unreachable };
    }
    Refusal { words: format!("“{address}” could not be fetched: {}", words(error)), unreachable }
}

/// Where models are kept, if this browser has such a place for this page.
async fn cache() -> Option<Cache> {
    // Not there for insecure addresses; throws where storage is blocked.
    if embedded() {
        return None;
    }
    let caches = window().caches().ok()?;
    JsFuture::from(caches.open(KEPT)).await.ok().map(JsCast::unchecked_into)
}

async fn keep(url: &str, bytes: &[u8]) {
    let Some(cache) = cache().await else { return };
    let array = Uint8Array::from(bytes);
    if let Ok(response) = Response::new_with_opt_buffer_source(Some(&array)) {
        // A full disk keeps nothing, and that is all.
        let _ = JsFuture::from(cache.put_with_str(url, &response)).await;
    }
}

async fn kept(url: &str) -> Option<Vec<u8>> {
    let response = JsFuture::from(cache().await?.match_with_str(url)).await.ok()?;
    let response: Response = response.dyn_into().ok()?;
    let buffer = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}
