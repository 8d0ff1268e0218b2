//! The HTTP client of downloads, with the certificates and the proxy of this system, as other programs on it have them.
//!
//! | variable | |
//! |---|---|
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | authorities to trust, in PEM, in the place of the system's own |
//! | `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` | the proxy for addresses of this kind, or for all |
//! | `NO_PROXY` | hosts that are reached without it, separated by commas |

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Proxy;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::error::DataError;

/// A variable of the environment; none where it is not set or empty.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The variables of this process.
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A client for one download.
pub(super) struct Client {
    agent: ureq::Agent,
    secure: Option<Proxy>,
    plain: Option<Proxy>,
}

impl Client {
    /// A client with the settings of the environment.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(variable: Variable<'_>) -> Result<Client, DataError> {
        let tls = TlsConfig::builder().root_certs(authorities(variable)?).build();
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("gpicl/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .tls_config(tls)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)));
        Ok(Client {
            agent: config.build().into(),
            // many set only one of them and mean both
            secure: proxy(
                &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"],
                variable,
            )?,
            plain: proxy(
                &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"],
                variable,
            )?,
        })
    }

    /// Asks for a file, from some byte on.
    ///
    /// # Errors
    /// There is no answer.
    pub fn get(&self, url: &str, from: u64) -> Result<ureq::http::Response<ureq::Body>, NoAnswer> {
        let proxy = if url.starts_with("https:") { &self.secure } else { &self.plain };
        let mut request = self.agent.get(url).config().proxy(proxy.clone()).build();
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        request.call().map_err(|error| no_answer(&error, proxy.as_ref()))
    }
}

/// Why a request got no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// What happened, and what may help.
    pub reason: String,
    /// Whether it may be otherwise in a while.
    pub again: bool,
}

/// Whether a status means that the next request may be answered.
pub(super) fn passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

fn no_answer(error: &ureq::Error, proxy: Option<&Proxy>) -> NoAnswer {
    let words = error.to_string();
    if words.contains("invalid peer certificate") {
        let reason = format!(
            "{words} (this system does not trust the authority of this certificate; if a proxy checks what you download, \
             set SSL_CERT_FILE to a PEM file with its authority)"
        );
        return NoAnswer { reason, again: false };
    }
    let Some(proxy) = proxy else { return NoAnswer { reason: words, again: true } };
    let address = format!("{}:{}", proxy.host(), proxy.port());
    match refusal(error) {
        Some(407) => {
            let advice = match proxy.username().or(proxy.password()) {
                Some(_) => "it does not accept the user name and the password in its address".into(),
                None => {
                    format!("it wants a user name and a password, as in HTTPS_PROXY=http://USER:PASSWORD@{address}")
                }
            };
            NoAnswer { reason: format!("the proxy {address} answered with status 407: {advice}"), again: false }
        }
        Some(status) => {
            NoAnswer { reason: format!("the proxy {address} answered with status {status}"), again: passing(status) }
        }
        None => NoAnswer { reason: format!("{words} (through the proxy {address})"), again: true },
    }
}

/// The status with which a proxy refused to connect. ureq has it in words only: `proxy server responded 407/407`.
fn refusal(error: &ureq::Error) -> Option<u16> {
    let ureq::Error::ConnectProxyFailed(words) = error else { return None };
    words.rsplit('/').next()?.parse().ok()
}

/// The authorities to trust.
fn authorities(variable: Variable<'_>) -> Result<RootCerts, DataError> {
    let (file, folders) = (variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR"));
    let mut found = Vec::new();
    if file.is_none() && folders.is_none() {
        for certificate in rustls_native_certs::load_native_certs().certs {
            found.push(Certificate::from_der(&certificate).to_owned());
        }
        // a system without any, such as a bare container: those that come with the program
        return Ok(if found.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&found) });
    }
    let mut wrong = Vec::new();
    if let Some(file) = &file
        && let Err(error) = read(Path::new(file), &mut found)
    {
        wrong.push(format!("SSL_CERT_FILE={}: {error}", Path::new(file).display()));
    }
    for folder in folders.iter().flat_map(std::env::split_paths) {
        if let Err(error) = read_folder(&folder, &mut found) {
            wrong.push(format!("SSL_CERT_DIR={}: {error}", folder.display()));
        }
    }
    if found.is_empty() {
        let reason = if wrong.is_empty() { "found no certificate there".into() } else { wrong.join("; ") };
        return Err(DataError::Environment {
            what: "PEM files with certificates where SSL_CERT_FILE or SSL_CERT_DIR says".into(),
            reason,
        });
    }
    // a folder often holds each certificate twice, by name and by number, and all of them once more in one file
    found.sort_by(|a, b| a.der().cmp(b.der()));
    found.dedup_by(|a, b| a.der() == b.der());
    Ok(RootCerts::new_with_certs(&found))
}

/// Adds the certificates of a PEM file.
fn read(path: &Path, found: &mut Vec<Certificate<'static>>) -> std::io::Result<()> {
    let before = found.len();
    for item in parse_pem(&std::fs::read(path)?) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            found.push(certificate);
        }
    }
    match found.len() == before {
        true => Err(std::io::Error::other("it holds no certificate in PEM")),
        false => Ok(()),
    }
}

/// Adds the certificates of all PEM files of a folder; other files are passed by.
fn read_folder(folder: &Path, found: &mut Vec<Certificate<'static>>) -> std::io::Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let _ = read(path, found);
    }
    Ok(())
}

/// The proxy of the first variable that is set.
fn proxy(names: &[&str], variable: Variable<'_>) -> Result<Option<Proxy>, DataError> {
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, variable(name)?))) else { return Ok(None) };
    // it may hold a password, which no message repeats
    let wrong = |_| DataError::Environment {
        what: format!("the address of a proxy in {name}, such as http://host:3128"),
        reason: "found something else".into(),
    };
    let given = Proxy::new(&value.to_string_lossy()).map_err(wrong)?;
    let mut builder = Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let Some(user) = given.username() {
        builder = builder.username(user);
    }
    if let Some(password) = given.password() {
        builder = builder.password(password);
    }
    let direct = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    for host in direct.to_string_lossy().split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
        // a domain means its hosts too, as elsewhere
        if !host.starts_with(['.', '*']) {
            builder = builder.no_proxy(&format!(".{host}"));
        }
    }
    builder.build().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;
    use proxy::Running;
    use std::io::Read;

    const CONTENT: &[u8] = b"what lies behind the proxy";

    fn intercepting() -> Running {
        proxy::Proxy::new([("file.gz".into(), CONTENT.to_vec())].into()).start()
    }

    fn of(variables: Vec<(&'static str, OsString)>) -> impl Fn(&str) -> Option<OsString> {
        move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn text(response: ureq::http::Response<ureq::Body>) -> Vec<u8> {
        let mut bytes = Vec::new();
        response.into_body().into_reader().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_download_goes_through_a_proxy_with_its_own_authority() {
        let folder = Folder::new("proxy");
        let proxy = intercepting();
        let authority = folder.write("authority.pem", proxy.authority().as_bytes());
        std::fs::create_dir_all(folder.path("authorities")).unwrap();
        folder.write("authorities/0a1b2c3d.0", proxy.authority().as_bytes());
        let url = "https://data.example/file.gz";
        let folders = folder.path("authorities").into_os_string();
        for trust in [("SSL_CERT_FILE", authority.clone().into_os_string()), ("SSL_CERT_DIR", folders)] {
            let environment = of(vec![("HTTPS_PROXY", proxy.address.clone().into()), trust]);
            assert_eq!(text(Client::new(&environment).unwrap().get(url, 0).unwrap()), CONTENT);
        }
        assert_eq!(proxy.connections(), ["data.example:443"; 2]);
        // without the authority nothing is taken, and the words say what helps
        let environment = of(vec![("HTTPS_PROXY", proxy.address.clone().into())]);
        let error = Client::new(&environment).unwrap().get(url, 0).unwrap_err();
        assert!(error.reason.contains("certificate") && error.reason.contains("SSL_CERT_FILE"), "{error:?}");
        assert!(!error.again, "nobody waits for what will not change");
    }

    #[test]
    fn a_proxy_that_refuses_is_named_with_what_helps() {
        let refused = |status, user: &str| {
            let proxy = proxy::Proxy::new([].into()).connect(move |_| status).start();
            let address = proxy.address.replace("http://", &format!("http://{user}"));
            let client = Client::new(&of(vec![("HTTPS_PROXY", address.into())])).unwrap();
            client.get("https://data.example/file.gz", 0).unwrap_err()
        };
        let error = refused(407, "");
        assert!(error.reason.contains("status 407") && error.reason.contains("USER:PASSWORD@127.0.0.1"), "{error:?}");
        assert!(!error.again);
        let error = refused(407, "me:secret@");
        assert!(error.reason.contains("does not accept") && !error.reason.contains("secret"), "{error:?}");
        let error = refused(403, "");
        assert!(
            error.reason.contains("the proxy 127.0.0.1:") && error.reason.contains("403") && !error.again,
            "{error:?}"
        );
        let error = refused(502, "");
        assert!(error.reason.contains("status 502") && error.again, "{error:?}");
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let folder = Folder::new("environment");
        let wrong = |variables| Client::new(&of(variables)).err().expect("refused").to_string();
        let missing = folder.path("none.pem");
        let words = wrong(vec![("SSL_CERT_FILE", missing.clone().into_os_string())]);
        assert!(words.contains("SSL_CERT_FILE") && words.contains("none.pem"), "{words}");
        let empty = folder.write("empty.pem", b"no certificate");
        assert!(wrong(vec![("SSL_CERT_FILE", empty.into_os_string())]).contains("no certificate"));
        let words = wrong(vec![("HTTPS_PROXY", "http://user:secret@:::".into())]);
        assert!(words.contains("HTTPS_PROXY") && !words.contains("secret"), "{words}");
    }

    #[test]
    fn hosts_without_a_proxy_and_kinds_of_addresses_are_told_apart() {
        let given = of(vec![
            ("HTTPS_PROXY", "http://secure.example:3128".into()),
            ("http_proxy", "http://plain.example:3129".into()),
            ("NO_PROXY", "inside.example, .other.example".into()),
        ]);
        let client = Client::new(&given).unwrap();
        let (secure, plain) = (client.secure.unwrap(), client.plain.unwrap());
        assert_eq!((secure.host(), secure.port()), ("secure.example", 3128));
        assert_eq!((plain.host(), plain.port()), ("plain.example", 3129));
        let direct = |host: &str| secure.is_no_proxy(&format!("https://{host}/").parse().unwrap());
        assert!(direct("inside.example") && direct("a.inside.example") && direct("a.other.example"));
        assert!(!direct("outside.example") && !direct("sideinside.example"));
        assert!(Client::new(&|_| None).unwrap().secure.is_none());
        let only = Client::new(&of(vec![("ALL_PROXY", "socks5://socks.example".into())])).unwrap();
        assert_eq!(only.plain.unwrap().host(), "socks.example");
    }
}
