//! The REST interface of NEAT's daemon.
//!
//! | | | |
//! |---|---|---|
//! | `GET` | `/pib`, `/cib` | the uids |
//! | `GET` | `/pib/{uid}`, `/cib/{uid}` | the entry |
//! | `PUT` | `/pib/{uid}`, `/cib/{uid}` | in place of the one of that uid, if there is one |
//! | `DELETE` | `/pib/{uid}`, `/cib/{uid}` | takes it out |
//! | `GET` | `/cib/rows` | the rows |
//! | `GET` | `/files`, `/reload` | which files are in force; they are looked at every second in any case |
//!
//! Every answer is JSON; what is wrong is `{"error": ".."}`. `PUT` and `DELETE` need the token, and so does everything
//! beyond loopback. On loopback the host that is asked for must be one, so that no page in a browser can ask by a name
//! of its own.

use super::token::Token;
use actix::Addr;
use actix_web::dev::Server;
use actix_web::http::header::{AUTHORIZATION, HOST};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use neatflow::policy::daemon::{Refusing, is_uid, reply_error, reply_imported};
use neatflow::policy::neat::MAX_DOCUMENT;
use neatflow::policy_manager::PolicyManager;
use neatflow::policy_manager::messages::{Base, Entry, Files, Import, Remove, Rows, Uids};
use serde_json::json;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many clients at a time; the others wait until the system takes them.
const MOST_CLIENTS: usize = 256;

struct State {
    manager: Addr<PolicyManager>,
    token: Token,
    loopback: bool,
}

/// What is wrong with a request.
struct Refusal(StatusCode, String);

type Answer = Result<HttpResponse, Refusal>;

/// Starts it; where it listens, and what has to run for it to serve.
pub(super) fn start(
    at: SocketAddr,
    token: Token,
    manager: Addr<PolicyManager>,
) -> io::Result<(SocketAddr, Running)> {
    let state = Data::new(State { manager, token, loopback: at.ip().is_loopback() });
    let server = HttpServer::new(move || App::new().app_data(state.clone()).default_service(web::to(serve)))
        .workers(1)
        .max_connections(MOST_CLIENTS)
        .client_request_timeout(PATIENCE)
        .keep_alive(PATIENCE)
        .disable_signals()
        .bind(at)?;
    let address = server.addrs().first().copied().unwrap_or(at);
    Ok((address, server.run()))
}

pub(super) type Running = Server;

async fn serve(request: HttpRequest, state: Data<State>, body: Payload) -> HttpResponse {
    match answer(&request, &state, body).await {
        Ok(response) => response,
        Err(Refusal(status, error)) => json_of(status, error),
    }
}

async fn answer(request: &HttpRequest, state: &State, body: Payload) -> Answer {
    allowed(request, state)?;
    let path = decoded(request.path())?;
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    // The server leaves out the body of what answers HEAD.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let (base, rest) = match &segments[..] {
        [""] if method == Method::GET => return Ok(index()),
        ["files" | "reload"] if method == Method::GET => return files(state).await,
        ["cib", "rows"] if method == Method::GET => {
            return Ok(json_of(StatusCode::OK, state.manager.send(Rows).await?));
        }
        ["pib", rest @ ..] => (Base::Pib, rest),
        ["cib", rest @ ..] => (Base::Cib, rest),
        _ => {
            return Err(Refusal::of(
                StatusCode::NOT_FOUND,
                "there is /pib, /pib/UID, /cib, /cib/UID, /cib/rows, /files",
            ));
        }
    };
    match (rest, method) {
        ([], &Method::GET) => {
            Ok(json_of(StatusCode::OK, json!(state.manager.send(Uids(base)).await?).to_string()))
        }
        ([uid], method) => {
            is_uid(uid).map_err(|fault| Refusal::of(StatusCode::BAD_REQUEST, &*fault.to_string()))?;
            let uid = (*uid).to_owned();
            match *method {
                Method::GET => entry(state, base, uid).await,
                Method::PUT => put(state, base, uid, body).await,
                Method::DELETE => delete(state, base, uid).await,
                _ => Err(Refusal::of(StatusCode::METHOD_NOT_ALLOWED, "an entry has GET, PUT and DELETE")),
            }
        }
        ([], _) => Err(Refusal::of(StatusCode::METHOD_NOT_ALLOWED, "a base has GET")),
        // A uid with a slash in it.
        _ => Err(Refusal::of(StatusCode::BAD_REQUEST, "a uid has no slash")),
    }
}

/// Whether whoever asks may.
fn allowed(request: &HttpRequest, state: &State) -> Result<(), Refusal> {
    let said = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    // One that cannot be read is none of ours.
    if state.loopback && request.headers().contains_key(HOST) && !said(HOST).is_some_and(is_this_host) {
        return Err(Refusal::of(StatusCode::FORBIDDEN, "this is served on loopback only: ask for localhost"));
    }
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if reads && state.loopback {
        return Ok(());
    }
    let shown = said(AUTHORIZATION).and_then(|said| said.split_once(' '));
    match shown {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && state.token.is(token.trim()) => {
            Ok(())
        }
        _ => Err(Refusal::of(StatusCode::UNAUTHORIZED, "this needs the token: Authorization: Bearer TOKEN")),
    }
}

/// Whether a Host header names loopback.
fn is_this_host(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The segments of a path, each of them decoded once, and after it was cut at the slashes.
fn decoded(path: &str) -> Result<Vec<String>, Refusal> {
    let wrong = || Refusal::of(StatusCode::BAD_REQUEST, "a path that is not UTF-8 in percent-encoding");
    let segment = |segment: &str| {
        let mut bytes = Vec::with_capacity(segment.len());
        let mut rest = segment.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(if byte == b'%' {
                let digits = [rest.next().ok_or_else(wrong)?, rest.next().ok_or_else(wrong)?];
                let digits = std::str::from_utf8(&digits).map_err(|_| wrong())?;
                u8::from_str_radix(digits, 16).map_err(|_| wrong())?
            } else {
                byte
            });
        }
        String::from_utf8(bytes).map_err(|_| wrong())
    };
    path.trim_start_matches('/').split('/').map(segment).collect()
}

fn index() -> HttpResponse {
    let about = json!({
        "neatflow": env!("CARGO_PKG_VERSION"),
        "paths": ["/pib", "/pib/{uid}", "/cib", "/cib/{uid}", "/cib/rows", "/files"],
    });
    json_of(StatusCode::OK, about.to_string())
}

async fn files(state: &State) -> Answer {
    let report = state.manager.send(Files).await?;
    let refused: Vec<_> = report.refused.iter().map(Refusing::to_json).collect();
    let about = json!({"directories": report.directories, "files": report.files, "refused": refused});
    Ok(json_of(StatusCode::OK, about.to_string()))
}

async fn entry(state: &State, base: Base, uid: String) -> Answer {
    match state.manager.send(Entry { base, uid: uid.clone() }).await? {
        Some(entry) => Ok(json_of(StatusCode::OK, entry)),
        None => Err(unknown(&uid)),
    }
}

async fn put(state: &State, base: Base, uid: String, body: Payload) -> Answer {
    let read = tokio::time::timeout(PATIENCE, body.to_bytes_limited(MAX_DOCUMENT)).await;
    let too_slow = |_| Refusal::of(StatusCode::REQUEST_TIMEOUT, "the request was not complete in time");
    let too_long = |_| {
        let why = format!("a request longer than {MAX_DOCUMENT} bytes");
        Refusal::of(StatusCode::PAYLOAD_TOO_LARGE, &*why)
    };
    let broken = |error: actix_web::Error| Refusal::of(StatusCode::BAD_REQUEST, &*error.to_string());
    let body = read.map_err(too_slow)?.map_err(too_long)?.map_err(broken)?;
    let not_text = |_| Refusal::of(StatusCode::BAD_REQUEST, "a request that is not UTF-8");
    let text = String::from_utf8(body.into()).map_err(not_text)?;
    match state.manager.send(Import { base, text, uid: Some(uid) }).await? {
        Ok(imported) => Ok(json_of(StatusCode::OK, reply_imported(&imported))),
        Err(error) => Err(Refusal(StatusCode::BAD_REQUEST, reply_error(&error))),
    }
}

async fn delete(state: &State, base: Base, uid: String) -> Answer {
    match state.manager.send(Remove { base, uid: uid.clone() }).await? {
        true => Ok(json_of(StatusCode::OK, json!({"removed": uid}).to_string())),
        false => Err(unknown(&uid)),
    }
}

fn unknown(uid: &str) -> Refusal {
    Refusal::of(StatusCode::NOT_FOUND, &*format!("no entry has the uid {uid:?}"))
}

fn json_of(status: StatusCode, mut text: String) -> HttpResponse {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    HttpResponse::build(status).content_type("application/json").body(text)
}

impl Refusal {
    fn of(status: StatusCode, why: &(impl Refusing + ?Sized)) -> Self {
        Self(status, reply_error(why))
    }
}

impl From<actix::MailboxError> for Refusal {
    fn from(_: actix::MailboxError) -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "the policy manager is gone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_loopback_or_it_is_another_one() {
        for host in
            ["localhost", "LocalHost:45888", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:1", "127.9.9.9"]
        {
            assert!(is_this_host(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:45888", "localhost.evil.example", "192.0.2.1:1", "127.0.0.1.x"]
        {
            assert!(!is_this_host(host), "{host}");
        }
    }

    #[test]
    fn a_path_is_cut_before_it_is_decoded() {
        let cut = |path| decoded(path).ok().map(|segments| segments.join("|"));
        assert_eq!(cut("/pib/a%20b").as_deref(), Some("pib|a b"));
        assert_eq!(cut("/pib/..%2f..%2Fetc").as_deref(), Some("pib|../../etc"));
        assert_eq!(cut("/pib/%252e").as_deref(), Some("pib|%2e"));
        assert_eq!(cut("/").as_deref(), Some(""));
        for wrong in ["/%", "/%2", "/%zz", "/%ff"] {
            assert_eq!(cut(wrong), None, "{wrong}");
        }
    }
}
