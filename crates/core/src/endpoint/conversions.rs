//! What both kinds of endpoint have in common: builders, and the ways from and to text and socket addresses.

macro_rules! endpoint_conversions {
    ($endpoint:ident, $nothing:expr) => {
        impl $endpoint {
            /// Sets the host name; it should be fully qualified. A second call replaces the first. An address in
            /// its text form is accepted, and is never looked up. RFC 9622 §6.1 (`WithHostName`).
            #[must_use]
            pub fn host(mut self, host: impl Into<Arc<str>>) -> Self {
                self.host = Some(host.into());
                self
            }

            /// Sets the address. A second call replaces the first. RFC 9622 §6.1 (`WithIPAddress`).
            #[must_use]
            pub fn address(mut self, address: impl Into<IpAddr>) -> Self {
                self.address = Some(address.into());
                self
            }

            /// Sets the port. A second call replaces the first. RFC 9622 §6.1 (`WithPort`).
            #[must_use]
            pub fn port(mut self, port: u16) -> Self {
                self.port = Some(port);
                self
            }

            /// Sets the service whose port it is: a name with a port of its own (`https`), or one to be asked of the
            /// DNS (SRV). A second call replaces the first. It is resolved before the endpoint is used; nothing is
            /// looked up here. RFC 9622 §6.1 (`WithService`).
            #[must_use]
            pub fn service(mut self, name: impl Into<Arc<str>>) -> Self {
                self.service = Some(name.into());
                self
            }

            /// Makes it an endpoint for one protocol only (`udp`): other protocols do not use it. A second call
            /// replaces the first. RFC 9622 §6.1.3 (`WithProtocol`).
            #[must_use]
            pub fn protocol(mut self, protocol: impl Into<Protocol>) -> Self {
                self.protocol = Some(protocol.into());
                self
            }

            /// Sets over how many routers packets may travel: IPv4's time to live, IPv6's hop limit. A second call
            /// replaces the first. RFC 9622 §6.1.1 (`WithHopLimit`).
            #[must_use]
            pub fn hop_limit(mut self, hops: u8) -> Self {
                self.hop_limit = Some(hops);
                self
            }

            /// Whether this protocol may use it: any may, unless one was named. RFC 9622 §6.1.3.
            pub fn is_for(&self, protocol: &Protocol) -> bool {
                self.protocol
                    .as_ref()
                    .is_none_or(|named| named.as_str().eq_ignore_ascii_case(protocol.as_str()))
            }

            /// The service that has to be looked up, if one has to be.
            pub fn unresolved_service(&self) -> Option<&Arc<str>> {
                self.service.as_ref().filter(|_| self.port.is_none())
            }

            /// The same endpoint once its service is resolved: this port instead of the service.
            #[must_use]
            pub fn served_at(self, port: u16) -> Self {
                Self { service: None, port: Some(port), ..self }
            }

            /// Sets the interface: its name, or its index in digits. A second call replaces the first.
            /// RFC 9622 §6.1.2 (`WithInterface`).
            #[must_use]
            pub fn interface(mut self, name: impl Into<Arc<str>>) -> Self {
                self.interface = Some(name.into());
                self
            }

            /// The address, where no name has to be looked up; an IPv4 address mapped into IPv6 is IPv4.
            pub fn literal(&self) -> Option<IpAddr> {
                self.address
                    .or_else(|| self.host.as_deref().and_then(|host| host.parse().ok()))
                    .map(|address: IpAddr| address.to_canonical())
            }

            /// The name that has to be looked up, if one has to be.
            pub fn unresolved(&self) -> Option<&Arc<str>> {
                self.host.as_ref().filter(|_| self.literal().is_none())
            }

            /// The same endpoint once its name is resolved: this address instead of the host name.
            #[must_use]
            pub fn resolved(self, address: IpAddr) -> Self {
                Self { host: None, address: Some(address), ..self }
            }

            fn from_parts(parts: parse::Parts) -> Self {
                let parse::Parts { host, address, port, service, interface } = parts;
                Self { host, address, port, service, interface, ..Self::new() }
            }
        }

        impl std::str::FromStr for $endpoint {
            type Err = EndpointError;

            fn from_str(text: &str) -> Result<Self, EndpointError> {
                parse::parse(text, $nothing).map(Self::from_parts)
            }
        }

        impl std::fmt::Display for $endpoint {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { host, address, port, service, interface, .. } = self;
                parse::write(f, host.as_deref(), *address, *port, service.as_deref(), interface.as_deref())
            }
        }

        impl TryFrom<&str> for $endpoint {
            type Error = EndpointError;

            fn try_from(text: &str) -> Result<Self, EndpointError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $endpoint {
            type Error = EndpointError;

            fn try_from(text: String) -> Result<Self, EndpointError> {
                text.parse()
            }
        }

        impl TryFrom<&String> for $endpoint {
            type Error = EndpointError;

            fn try_from(text: &String) -> Result<Self, EndpointError> {
                text.parse()
            }
        }

        impl From<IpAddr> for $endpoint {
            fn from(address: IpAddr) -> Self {
                Self::new().address(address)
            }
        }

        impl From<(IpAddr, u16)> for $endpoint {
            fn from((address, port): (IpAddr, u16)) -> Self {
                Self::new().address(address).port(port)
            }
        }

        impl From<(std::net::Ipv4Addr, u16)> for $endpoint {
            fn from((address, port): (std::net::Ipv4Addr, u16)) -> Self {
                Self::new().address(address).port(port)
            }
        }

        impl From<(std::net::Ipv6Addr, u16)> for $endpoint {
            fn from((address, port): (std::net::Ipv6Addr, u16)) -> Self {
                Self::new().address(address).port(port)
            }
        }

        /// A host name or an address in its text form; what is neither is found by `validate`.
        impl From<(&str, u16)> for $endpoint {
            fn from((host, port): (&str, u16)) -> Self {
                Self::from_parts(parse::identity_of(host)).port(port)
            }
        }

        /// A host name or an address in its text form; what is neither is found by `validate`.
        impl From<(String, u16)> for $endpoint {
            fn from((host, port): (String, u16)) -> Self {
                Self::from((host.as_str(), port))
            }
        }

        /// The scope of a link-local address becomes the interface, by its index.
        impl From<std::net::SocketAddr> for $endpoint {
            fn from(address: std::net::SocketAddr) -> Self {
                let endpoint = Self::new().address(address.ip()).port(address.port());
                match address {
                    std::net::SocketAddr::V6(scoped) if scoped.scope_id() != 0 => {
                        endpoint.interface(scoped.scope_id().to_string())
                    }
                    _ => endpoint,
                }
            }
        }

        impl From<std::net::SocketAddrV4> for $endpoint {
            fn from(address: std::net::SocketAddrV4) -> Self {
                std::net::SocketAddr::V4(address).into()
            }
        }

        impl From<std::net::SocketAddrV6> for $endpoint {
            fn from(address: std::net::SocketAddrV6) -> Self {
                std::net::SocketAddr::V6(address).into()
            }
        }
    };
}
