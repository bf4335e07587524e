//! The server's doors for those who ask over TLS (RFC 7858) and HTTPS (RFC 8484).

use super::reply::Over;
use super::{DnsServer, Script, serve_stream};
use bytes::Bytes;
use h2::server::SendResponse;
use hickory_resolver::net::tls;
use hickory_resolver::proto::op::Message;
use http::{Request, Response, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// Where they are, and who vouches for them.
#[derive(Debug)]
pub(super) struct Doors {
    tls: SocketAddr,
    https: SocketAddr,
    certificate: Vec<u8>,
    pem: String,
}

impl DnsServer {
    /// Starts a server that can be asked over TLS and HTTPS as well, each on a free port of 127.0.0.1. Its certificate
    /// is its own authority, and has the name `dns.example`.
    ///
    /// *Errors*: those of binding and of making a certificate.
    pub async fn start_secure() -> io::Result<Self> {
        let made =
            rcgen::generate_simple_self_signed(["dns.example".to_owned()]).map_err(io::Error::other)?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = |protocols: &[&[u8]]| {
            let mut config = ServerConfig::builder_with_provider(Arc::new(tls::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], key.clone_key())
                .map_err(io::Error::other)?;
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Ok::<_, io::Error>(TlsAcceptor::from(Arc::new(config)))
        };
        let mut server = Self::start().await?;
        let (tls, https) = (listen().await?, listen().await?);
        server.secure = Some(Doors {
            tls: tls.local_addr()?,
            https: https.local_addr()?,
            certificate: certificate.to_vec(),
            pem: made.cert.pem(),
        });
        server.tasks.spawn(serve(tls, config(&[])?, server.script.clone(), false));
        server.tasks.spawn(serve(https, config(&[b"h2"])?, server.script.clone(), true));
        Ok(server)
    }

    /// Where it is asked over TLS.
    ///
    /// # Panics
    ///
    /// If it was not [started](Self::start_secure) like that.
    pub fn tls(&self) -> SocketAddr {
        self.doors().tls
    }

    /// Where it is asked over HTTPS, under `/dns-query`.
    ///
    /// # Panics
    ///
    /// If it was not [started](Self::start_secure) like that.
    pub fn https(&self) -> SocketAddr {
        self.doors().https
    }

    /// The certificate of the authority that vouches for it, in DER.
    ///
    /// # Panics
    ///
    /// If it was not [started](Self::start_secure) like that.
    pub fn authority(&self) -> Vec<u8> {
        self.doors().certificate.clone()
    }

    /// The same certificate in PEM.
    ///
    /// # Panics
    ///
    /// If it was not [started](Self::start_secure) like that.
    pub fn authority_pem(&self) -> String {
        self.doors().pem.clone()
    }

    fn doors(&self) -> &Doors {
        self.secure.as_ref().unwrap_or_else(|| panic!("this server has no secure doors: start_secure"))
    }
}

async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, script: Arc<Script>, https: bool) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, script) = (acceptor.clone(), script.clone());
        connections.spawn(async move {
            // An error is the end of the connection.
            _ = greet(stream, acceptor, script, https).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn greet(stream: TcpStream, acceptor: TlsAcceptor, script: Arc<Script>, https: bool) -> io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    if !https {
        return serve_stream(stream, &script).await;
    }
    let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
    let mut requests = JoinSet::new();
    while let Some(request) = connection.accept().await {
        let (request, respond) = request.map_err(io::Error::other)?;
        let script = script.clone();
        requests.spawn(async move {
            // An error is the end of the request.
            _ = answer(request, respond, &script).await;
        });
        while requests.try_join_next().is_some() {}
    }
    Ok(())
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    script: &Script,
) -> Result<(), h2::Error> {
    let refuse = |mut respond: SendResponse<Bytes>, status| {
        let mut response = Response::new(());
        *response.status_mut() = status;
        respond.send_response(response, true).map(|_| ())
    };
    if request.uri().path() != "/dns-query" {
        return refuse(respond, StatusCode::NOT_FOUND);
    }
    let mut body = request.into_body();
    let mut query = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        query.extend_from_slice(&part);
    }
    let Ok(query) = Message::from_vec(&query) else { return refuse(respond, StatusCode::BAD_REQUEST) };
    let Some(reply) = script.reply(&query) else { return refuse(respond, StatusCode::BAD_REQUEST) };
    sleep(reply.after).await;
    // Silence is the end of the request without a response.
    let Some(message) = reply.bytes(&query, Over::Tcp) else { return Ok(()) };
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("application/dns-message"));
    headers.insert("content-length", http::HeaderValue::from(message.len()));
    respond.send_response(response, false)?.send_data(message.into(), true)
}
