//! Metrics and health over HTTP, for this machine alone: `/metrics` and `/healthz`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

use super::metrics::{self, Metrics};
use super::state::{Board, State};
use crate::base::time;
use crate::config::daemon::Listen;

/// So many connections are open at one time. One more ends the oldest: whoever says what they want is answered at once, so
/// the oldest has not said it, or does not take the answer.
const ASKERS: usize = 64;

/// Whoever does not say within this time what they want is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause after a connection that could not be taken: too many files are open, and the next moment may be better.
const NO_FILES: Duration = Duration::from_millis(200);

/// A daemon that has not looked for work for so long does not move.
const STALE: SignedDuration = SignedDuration::from_mins(2);

/// What can be asked for.
pub struct Pages {
    pub board: Board,
    pub metrics: Metrics,
}

/// A place that is listened at.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// # Errors
    /// Where the place cannot be had, such as a port that somebody else listens at.
    pub async fn bind(place: &Listen) -> io::Result<Self> {
        match place {
            Listen::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address).await?)),
            Listen::Unix(path) => {
                remove_stale(path);
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
                Ok(Listener::Unix(listener))
            }
        }
    }

    /// Answers for ever.
    pub async fn answer(self, pages: Pages) {
        let pages = Arc::new(pages);
        let mut open: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let pages = Arc::clone(&pages);
            let taken = match &self {
                Listener::Tcp(listener) => {
                    listener.accept().await.map(|(stream, _)| tokio::spawn(talk(stream, pages, Reach::Network)))
                }
                Listener::Unix(listener) => {
                    listener.accept().await.map(|(stream, _)| tokio::spawn(talk(stream, pages, Reach::Files)))
                }
            };
            match taken {
                Ok(talk) => open.push_back(talk.abort_handle()),
                Err(_) => tokio::time::sleep(NO_FILES).await,
            }
            open.retain(|talk| !talk.is_finished());
            if open.len() > ASKERS {
                open.pop_front().into_iter().for_each(|oldest| oldest.abort());
            }
            // Who has said what they want is answered before the next one is let in.
            tokio::task::yield_now().await;
        }
    }
}

/// How the place that is listened at is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// By an address, which a page in a browser of this machine can be made to ask under a name of its own.
    Network,
    /// By a file, which a browser does not ask.
    Files,
}

/// A socket of a daemon that died: nobody answers there. Anything else is left alone, and binding to it fails.
fn remove_stale(path: &Path) {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        // Where it cannot be removed, binding says why.
        let _ = fs::remove_file(path);
    }
}

/// One request, and the end of the connection. What goes wrong is the asker's affair.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, pages: Arc<Pages>, reach: Reach) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = match reach == Reach::Network && !is_for_this_machine(request.headers()) {
            true => plain(StatusCode::MISDIRECTED_REQUEST, "the Host header names another machine\n".to_owned()),
            false => pages.answer(request.method(), request.uri().path()),
        };
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false).max_buf_size(LONGEST_QUESTION);
    let _ = tokio::time::timeout(PATIENCE * 2, http.serve_connection(TokioIo::new(stream), service)).await;
}

/// Bytes of a question with its headers.
const LONGEST_QUESTION: usize = 16_384;

/// Is no other machine named in the question? Under a name that leads here (DNS rebinding), a page of a stranger's could read
/// the answers in a browser on this machine.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().all(|host| {
        let Ok(host) = host.to_str() else { return false };
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name.is_empty() || name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}

impl Pages {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
            refusal.headers_mut().insert(ALLOW, const { hyper::header::HeaderValue::from_static("GET, HEAD") });
            return refusal;
        }
        match path {
            "/metrics" => match self.metrics.text() {
                Ok(page) => of_type(StatusCode::OK, metrics::CONTENT_TYPE, page),
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n".to_owned()),
            },
            "/healthz" => match health(&self.board.lock(), time::now()) {
                Ok(sentence) => plain(StatusCode::OK, sentence + "\n"),
                Err(sentence) => plain(StatusCode::SERVICE_UNAVAILABLE, sentence + "\n"),
            },
            _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n".to_owned()),
        }
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    of_type(status, "text/plain; charset=utf-8", text)
}

fn of_type(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Can the daemon do its work? In one sentence. (A config that was not taken over hinders nothing; the sentence tells of it.)
fn health(state: &State, now: Timestamp) -> Result<String, String> {
    let line = state.line();
    let is_stale = state.last_tick.is_none_or(|tick| now.duration_since(tick) > STALE);
    let is_hindered = state.clock_trouble.is_some() || state.databases.values().any(|known| known.trouble.is_some());
    match (is_stale, is_hindered) {
        (true, _) => Err(format!("it has not looked for work for more than {} s; {line}", STALE.as_secs())),
        (false, true) => Err(line),
        (false, false) => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::state::{DatabaseState, Trouble};

    fn state(last_tick: &str) -> State {
        State { last_tick: Some(last_tick.parse().unwrap()), ..State::default() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_question_to_another_machine_is_told_from_one_to_this() {
        let of = |hosts: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, hyper::header::HeaderValue::from_bytes(host).unwrap());
            }
            is_for_this_machine(&headers)
        };
        for host in ["localhost", "LOCALHOST:9187", "127.0.0.1", "127.0.0.1:9187", "[::1]", "[::1]:9187", ""] {
            assert!(of(&[host.as_bytes()]), "{host}");
        }
        for host in ["evil.example.org", "localhost.evil.org:9187", "10.0.0.1", "[fe80::1]:80", "localhost:x"] {
            assert!(!of(&[host.as_bytes()]), "{host}");
        }
        assert!(of(&[]) && !of(&[b"localhost", b"evil.example.org"]) && !of(&[b"\xff\xfe"]));
    }

    #[test]
    fn a_daemon_that_ticks_is_well_also_with_the_old_config_and_tells_of_that() {
        let refused = State { reload_error: Some("a comma is missing".to_owned()), ..state("2026-01-01T00:00:00Z") };
        let said = health(&refused, at("2026-01-01T00:01:00Z")).unwrap();
        assert!(said.contains("the old config is in force: a comma is missing"), "{said}");
    }

    #[test]
    fn a_daemon_that_does_not_tick_is_hindered_or_distrusts_a_clock_is_not_well() {
        let fresh = || state("2026-01-01T00:00:00Z");
        let now = at("2026-01-01T00:01:00Z");
        let trouble = Trouble { sentence: "it is away".to_owned(), since: now, attempts: 1, is_of_clocks: false };
        let away = DatabaseState { trouble: Some(trouble), ..DatabaseState::default() };
        let hindered = State { databases: [("main".to_owned(), away)].into(), ..fresh() };
        let jumped = State { clock_trouble: Some("the clock jumped".to_owned()), ..fresh() };
        for (state, now, reason) in [
            (fresh(), at("2026-01-01T00:02:01Z"), "has not looked for work"),
            (State::default(), now, "has not looked for work"),
            (hindered, now, "it is away"),
            (jumped, now, "the clock jumped"),
        ] {
            let said = health(&state, now).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }
}
