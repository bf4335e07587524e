//! A TLS server in the box, which can go wrong in every way there is.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// The largest record of TLS, with its header.
const MOST: usize = 16_384 + 256 + 5;

/// What a TLS server does with a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tls {
    /// Serves it: TLS 1.3 and 1.2, ALPN `h2` and `http/1.1`, and sends back whatever it reads.
    Works,
    /// Does not wait for it, and closes.
    ClosesAtOnce,
    /// Closes: FIN.
    Closes,
    /// Breaks off: RST.
    Resets,
    /// Sends a fatal alert with this description (RFC 8446 §6): 40 is handshake_failure, 70 protocol_version.
    Alerts(u8),
    /// Answers in something that is no TLS.
    Garbage,
    /// Says nothing and stays.
    Silent,
    /// Says the first half of a record, and nothing more.
    Stalls,
    /// Says the first half of a record, and closes.
    Truncates,
    /// Changes a bit of what it would have said.
    Corrupts,
    /// Has a certificate of the box's authority for another name.
    WrongName,
    /// Has a certificate that nobody has signed but itself.
    SelfSigned,
    /// Has a certificate of the box's authority that is no longer valid.
    Expired,
    /// Has a certificate of the box's authority that is not valid yet.
    NotYetValid,
    /// Shares no application protocol with anybody.
    NoCommonProtocol,
}

impl Tls {
    /// All of them, with one alert.
    pub const ALL: [Self; 15] = [
        Self::Works,
        Self::ClosesAtOnce,
        Self::Closes,
        Self::Resets,
        Self::Alerts(40),
        Self::Garbage,
        Self::Silent,
        Self::Stalls,
        Self::Truncates,
        Self::Corrupts,
        Self::WrongName,
        Self::SelfSigned,
        Self::Expired,
        Self::NotYetValid,
        Self::NoCommonProtocol,
    ];
}

/// Who signs the certificates of a box.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "network in a box");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(io::Error::other)
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server of this name is configured with.
    pub(super) fn config(&self, name: &str, tls: Tls) -> io::Result<Arc<ServerConfig>> {
        let name = if tls == Tls::WrongName { "another.invalid" } else { name };
        let mut params = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        match tls {
            Tls::Expired => {
                params.not_before = date_time_ymd(2001, 1, 1);
                params.not_after = date_time_ymd(2002, 1, 1);
            }
            Tls::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = match tls {
            Tls::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.0),
        };
        let certificate = CertificateDer::from(certificate.map_err(io::Error::other)?);
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key);
        let mut config = config.map_err(io::Error::other)?;
        let protocols: &[&str] =
            if tls == Tls::NoCommonProtocol { &["nobody/0"] } else { &["h2", "http/1.1"] };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// Serves one connection: what it does, it does so long after the ClientHello.
///
/// An error is the end of the connection.
pub(super) async fn serve(stream: TcpStream, config: Arc<ServerConfig>, tls: Tls, after: Duration) {
    _ = match tls {
        Tls::Works
        | Tls::WrongName
        | Tls::SelfSigned
        | Tls::Expired
        | Tls::NotYetValid
        | Tls::NoCommonProtocol => honest(stream, config, after).await,
        fault => faulty(stream, config, fault, after).await,
    };
}

async fn honest(stream: TcpStream, config: Arc<ServerConfig>, after: Duration) -> io::Result<()> {
    _ = SockRef::from(&stream).set_tcp_nodelay(true);
    stream.readable().await?;
    sleep(after).await;
    let mut stream = TlsAcceptor::from(config).accept(stream).await?;
    let mut buffer = vec![0; MOST];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..length]).await?;
        stream.flush().await?;
    }
}

async fn faulty(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    fault: Tls,
    after: Duration,
) -> io::Result<()> {
    if fault == Tls::ClosesAtOnce {
        return Ok(());
    }
    let hello = record(&mut stream).await?;
    sleep(after).await;
    match fault {
        Tls::Resets => SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        // Alert, in a record of TLS 1.2, with two bytes: fatal, and why.
        Tls::Alerts(why) => stream.write_all(&[21, 3, 3, 0, 2, 2, why]).await,
        Tls::Garbage => {
            stream.write_all(b"HTTP/1.0 400 this is no TLS\r\n\r\n").await?;
            until_end(stream).await
        }
        Tls::Silent => until_end(stream).await,
        Tls::Stalls | Tls::Truncates | Tls::Corrupts => {
            let mut answer = answer_to(&hello, config)?;
            if fault == Tls::Corrupts {
                // In the random of ServerHello: the keys of the two sides differ then.
                if let Some(byte) = answer.get_mut(20) {
                    *byte ^= 1;
                }
                stream.write_all(&answer).await?;
                return until_end(stream).await;
            }
            stream.write_all(&answer[..answer.len().min(40)]).await?;
            if fault == Tls::Truncates { Ok(()) } else { until_end(stream).await }
        }
        _ => Ok(()),
    }
}

/// One record.
async fn record(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).await?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    stream.read_exact(&mut record[5..]).await?;
    Ok(record)
}

/// What an honest server says first.
fn answer_to(hello: &[u8], config: Arc<ServerConfig>) -> io::Result<Vec<u8>> {
    let mut server = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
    server.read_tls(&mut &hello[..])?;
    server.process_new_packets().map_err(io::Error::other)?;
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer)?;
    }
    Ok(answer)
}

async fn until_end(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; MOST];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
