//! Which name servers are asked, by the command line.

use clap::Args as Arguments;
use neatflow::TransportBuilder;
use neatflow::name_resolver::{Config, NameServer, Roots};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The port of name servers (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;
/// Of those that are asked over TLS (RFC 7858 §3.1).
const TLS_PORT: u16 = 853;
/// Of those that are asked over HTTPS (RFC 8484).
const HTTPS_PORT: u16 = 443;

#[derive(Debug, Arguments)]
pub(crate) struct NameServers {
    /// A name server to ask; may be given several times, and they are asked in this order.
    ///
    /// In datagrams and over TCP: ADDR[:PORT]. Over TLS: tls://NAME@ADDR[:PORT]. Over HTTPS:
    /// https://NAME@ADDR[:PORT][/PATH]. NAME is what its certificate must have; without `NAME@` it must have the address.
    /// An IPv6 address with a port stands in brackets. Default ports: 53, 853 and 443; default path: /dns-query.
    /// Default: the name servers of the system.
    #[arg(long, value_name = "SERVER", value_parser = name_server)]
    dns: Vec<NameServer>,

    /// Who vouches for the name servers that are asked over TLS or HTTPS: a file with certificates, in PEM.
    ///
    /// Default: whom the system trusts.
    #[arg(long, value_name = "FILE", requires = "dns", value_parser = authorities)]
    dns_ca: Option<Authorities>,
}

/// Certificates, in DER.
#[derive(Clone, Debug)]
struct Authorities(Vec<Vec<u8>>);

impl NameServers {
    /// A transport that asks these.
    pub(crate) fn on(&self, mut builder: TransportBuilder) -> TransportBuilder {
        if !self.dns.is_empty() {
            builder = builder.name_servers(self.dns.iter().cloned());
        }
        match &self.dns_ca {
            Some(Authorities(certificates)) => builder.name_server_authorities(certificates.iter().cloned()),
            None => builder,
        }
    }

    /// Lets a resolver ask these.
    pub(crate) fn set(&self, config: &mut Config) {
        if !self.dns.is_empty() {
            config.servers = Some(self.dns.clone());
        }
        if let Some(Authorities(certificates)) = &self.dns_ca {
            config.roots = Roots::Only(certificates.clone());
        }
    }
}

fn authorities(file: &str) -> Result<Authorities, String> {
    let read =
        CertificateDer::pem_file_iter(Path::new(file)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| format!("no certificates can be read: {error}"))?;
    match certificates.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(Authorities(certificates.into_iter().map(|one| one.to_vec()).collect())),
    }
}

fn name_server(text: &str) -> Result<NameServer, String> {
    let wrong = || {
        "a name server is ADDR[:PORT], tls://NAME@ADDR[:PORT] or https://NAME@ADDR[:PORT][/PATH], \
         ADDR being an address"
            .to_owned()
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return address(text, DNS_PORT).map(NameServer::from).ok_or_else(wrong);
    };
    let (place, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (name, place) = match place.rsplit_once('@') {
        Some((name, place)) if !name.is_empty() => (Some(name), place),
        Some(_) => return Err(wrong()),
        None => (None, place),
    };
    let at = |port| {
        let address = address(place, port).ok_or_else(wrong)?;
        Ok((address, name.map_or_else(|| address.ip().to_string(), str::to_owned)))
    };
    match scheme {
        "tls" if path.is_empty() => at(TLS_PORT).map(|(address, name)| NameServer::tls(address, name)),
        "https" => {
            let server = at(HTTPS_PORT).map(|(address, name)| NameServer::https(address, name))?;
            Ok(if path.is_empty() { server } else { server.path(path) })
        }
        _ => Err(wrong()),
    }
}

fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().map(|address: IpAddr| SocketAddr::new(address, port));
    address.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow::name_resolver::Via;

    #[test]
    fn a_name_server_has_the_port_of_its_protocol_unless_another_is_given() {
        for (text, meant) in [
            ("9.9.9.9", "9.9.9.9:53"),
            ("9.9.9.9:5353", "9.9.9.9:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
            ("tls://9.9.9.9", "9.9.9.9:853"),
            ("tls://[::1]:5353", "[::1]:5353"),
            ("https://dns.example@9.9.9.9", "9.9.9.9:443"),
            ("https://dns.example@[::1]:4433/q", "[::1]:4433"),
        ] {
            assert_eq!(name_server(text).unwrap().address.to_string(), meant, "{text}");
        }
        for text in [
            "",
            "dns.example",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "[1.2.3.4]x",
            "tls://dns.example",
            "tls://@1.2.3.4",
            "tls://dns.example@1.2.3.4/q",
            "udp://1.2.3.4",
            "https://",
        ] {
            assert!(name_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_must_have_the_name_or_else_the_address() {
        let via = |text| name_server(text).unwrap().via;
        assert_eq!(via("9.9.9.9"), Via::Plain);
        assert_eq!(via("tls://dns.example@9.9.9.9"), Via::Tls { name: "dns.example".into() });
        assert_eq!(via("tls://::1"), Via::Tls { name: "::1".into() });
        let https = |name: &str, path: &str| Via::Https { name: name.into(), path: path.into() };
        assert_eq!(via("https://9.9.9.9"), https("9.9.9.9", "/dns-query"));
        assert_eq!(via("https://a.example@9.9.9.9:1/x/y"), https("a.example", "/x/y"));
    }
}
