//! What a scripted name server says.

use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, SvcParamKey, SvcParamValue};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, HTTPS, SOA, SRV, SVCB};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use neatflow_core::racing::{Address, ServiceRecord};
use neatflow_core::resolution::Service;
use std::net::IpAddr;
use std::time::Duration;

/// What the server says to one question.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    /// `None`: nothing at all.
    code: Option<ResponseCode>,
    data: Vec<RData>,
    aliases: Vec<String>,
    ttl: u32,
    /// For how long there is nothing.
    nothing_for: Option<u32>,
    truncated: bool,
    cut: bool,
    forged: Vec<IpAddr>,
    misled: Vec<IpAddr>,
    pub(super) after: Duration,
}

impl Reply {
    /// These addresses; those of the family that was not asked for are left out. Literals, for brevity.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let data = addresses.into_iter().map(|address| RData::from(literal(address))).collect();
        Self { data, ..Self::no_data() }
    }

    /// These service bindings (HTTPS).
    ///
    /// # Panics
    ///
    /// If a TargetName is not a name.
    pub fn services(services: impl IntoIterator<Item = ServiceRecord>) -> Self {
        let data = services.into_iter().map(|service| RData::HTTPS(HTTPS(svcb(&service)))).collect();
        Self { data, ..Self::no_data() }
    }

    /// These providers of a service (SRV).
    ///
    /// # Panics
    ///
    /// If a target is not a name.
    pub fn providers(providers: impl IntoIterator<Item = Service>) -> Self {
        let srv = |Service { priority, weight, port, target }| {
            RData::SRV(SRV::new(priority, weight, port, name(&target)))
        };
        Self { data: providers.into_iter().map(srv).collect(), ..Self::no_data() }
    }

    /// The name exists and has nothing of this type (NODATA).
    pub const fn no_data() -> Self {
        Self::code(ResponseCode::NoError)
    }

    /// The name does not exist (NXDOMAIN).
    pub const fn no_such_name() -> Self {
        Self::code(ResponseCode::NXDomain)
    }

    /// The server has failed (SERVFAIL).
    pub const fn server_failure() -> Self {
        Self::code(ResponseCode::ServFail)
    }

    /// The server does not want to answer (REFUSED).
    pub const fn refused() -> Self {
        Self::code(ResponseCode::Refused)
    }

    /// This response code, and no records.
    pub const fn code(code: ResponseCode) -> Self {
        Self {
            code: Some(code),
            data: Vec::new(),
            aliases: Vec::new(),
            ttl: 60,
            nothing_for: None,
            truncated: false,
            cut: false,
            forged: Vec::new(),
            misled: Vec::new(),
            after: Duration::ZERO,
        }
    }

    /// No reply at all.
    pub fn silence() -> Self {
        Self { code: None, ..Self::no_data() }
    }

    /// Says it this much later.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Its records may be kept for so many seconds. Default: 60.
    pub fn ttl(self, ttl: u32) -> Self {
        Self { ttl, ..self }
    }

    /// That there is nothing may be kept for so many seconds, says the zone (RFC 2308). Default: it does not say.
    pub fn nothing_for(self, seconds: u32) -> Self {
        Self { nothing_for: Some(seconds), ..self }
    }

    /// Over UDP only that the answer is too long; the answer itself over TCP.
    pub fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    /// Over UDP only the first half of the message, as what is too long for the asker's buffer.
    pub fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    /// Says that the name is an alias of this one, whose records are those of the reply. Said again, that one is an
    /// alias of the next.
    pub fn alias_of(mut self, name: &str) -> Self {
        self.aliases.push(name.to_owned());
        self
    }

    /// Before it, over UDP and at once, a reply with these addresses and another id, as from somebody who guesses.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn forged_first<'a>(self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { forged: addresses.into_iter().map(literal).collect(), ..self }
    }

    /// Before it, over UDP and at once, a reply with these addresses to another question.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn misled_first<'a>(self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { misled: addresses.into_iter().map(literal).collect(), ..self }
    }

    /// The message to send, or none.
    pub(super) fn bytes(&self, query: &Message, over: Over) -> Option<Vec<u8>> {
        let mut bytes = self.message(query, over)?.to_vec().ok()?;
        if self.cut && over == Over::Udp {
            bytes.truncate(bytes.len() / 2);
        }
        Some(bytes)
    }

    fn message(&self, query: &Message, over: Over) -> Option<Message> {
        let code = self.code?;
        let mut message = respond(query);
        message.metadata.response_code = code;
        if self.truncated && over == Over::Udp {
            message.metadata.truncation = true;
            return Some(message);
        }
        let question = query.queries.first()?;
        let mut owner = question.name().clone();
        for alias in &self.aliases {
            let target = Name::from_ascii(alias).ok()?;
            let alias = RData::CNAME(CNAME(target.clone()));
            message.add_answer(Record::from_rdata(owner, self.ttl, alias));
            owner = target;
        }
        message.add_answers(self.records(&owner, question.query_type(), &self.data));
        if let Some(seconds) = self.nothing_for {
            let soa = SOA::new(name("ns.example"), name("admin.example"), 1, 7200, 3600, 86_400, seconds);
            message.add_authority(Record::from_rdata(name("example"), seconds, RData::SOA(soa)));
        }
        Some(message)
    }

    /// What comes before it.
    pub(super) fn forgeries(&self, query: &Message) -> Vec<Vec<u8>> {
        let Some(question) = query.queries.first() else { return Vec::new() };
        let forge = |addresses: &[IpAddr]| {
            let data: Vec<_> = addresses.iter().copied().map(RData::from).collect();
            let mut message = respond(query);
            message.add_answers(self.records(question.name(), question.query_type(), &data));
            message
        };
        let mut forgeries = Vec::new();
        if !self.forged.is_empty() {
            let mut forgery = forge(&self.forged);
            forgery.metadata.id = !query.metadata.id;
            forgeries.push(forgery);
        }
        if !self.misled.is_empty() {
            let mut forgery = forge(&self.misled);
            forgery.queries.clear();
            forgery.add_query(Query::query(name("another.example"), question.query_type()));
            forgeries.push(forgery);
        }
        forgeries.into_iter().filter_map(|forgery| forgery.to_vec().ok()).collect()
    }

    fn records(&self, owner: &Name, kind: RecordType, data: &[RData]) -> Vec<Record> {
        let of_kind = data.iter().filter(|data| data.record_type() == kind);
        of_kind.map(|data| Record::from_rdata(owner.clone(), self.ttl, data.clone())).collect()
    }
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Udp,
    Tcp,
}

fn literal(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("not a literal address: {text}"))
}

/// An absolute name.
fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap_or_else(|_| panic!("not a name: {text}"));
    name.set_fqdn(true);
    name
}

fn svcb(service: &ServiceRecord) -> SVCB {
    let target = if service.is_owner() { Name::root() } else { name(&service.target) };
    let v4 = |hint: &Address| match hint.ip() {
        IpAddr::V4(address) => Some(A(address)),
        IpAddr::V6(_) => None,
    };
    let v6 = |hint: &Address| match hint.ip() {
        IpAddr::V6(address) => Some(AAAA(address)),
        IpAddr::V4(_) => None,
    };
    // In the order of their numbers (RFC 9460 §2.2).
    let mut params = Vec::new();
    if !service.alpn.is_empty() {
        let alpn = Alpn(service.alpn.iter().map(ToString::to_string).collect());
        params.push((SvcParamKey::Alpn, SvcParamValue::Alpn(alpn)));
    }
    if service.no_default_alpn {
        params.push((SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn));
    }
    if let Some(port) = service.port {
        params.push((SvcParamKey::Port, SvcParamValue::Port(port)));
    }
    if !service.v4_hints.is_empty() {
        let hints = IpHint(service.v4_hints.iter().filter_map(v4).collect());
        params.push((SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(hints)));
    }
    if let Some(ech) = &service.ech {
        let list = EchConfigList(ech.to_vec());
        params.push((SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(list)));
    }
    if !service.v6_hints.is_empty() {
        let hints = IpHint(service.v6_hints.iter().filter_map(v6).collect());
        params.push((SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(hints)));
    }
    SVCB::new(service.priority, target, params)
}

fn respond(query: &Message) -> Message {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(query.queries.iter().cloned());
    message
}
