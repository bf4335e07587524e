//! Socket options by number, as NEAT's library wants them: policies name them.
//!
//! The numbers are those of Linux, on which its library and ours talk over a socket of the same machine. Its library sets
//! them; stacks here set what connection properties say, and none of these.

use crate::policy::neat::{Conflict, Precedence, Properties, Property, Value};

/// What the keys of socket options begin with.
const PREFIX: &str = "so/";

/// A level, and its options by name.
struct Level {
    name: &'static str,
    number: u16,
    options: &'static [(&'static str, u16)],
}

const LEVELS: &[Level] = &[
    Level {
        name: "sol_socket",
        number: 1,
        options: &[
            ("so_reuseaddr", 2),
            ("so_broadcast", 6),
            ("so_sndbuf", 7),
            ("so_rcvbuf", 8),
            ("so_keepalive", 9),
            ("so_priority", 12),
            ("so_reuseport", 15),
            ("so_mark", 36),
        ],
    },
    Level {
        name: "ipproto_ip",
        number: 0,
        options: &[("ip_tos", 1), ("ip_ttl", 2), ("ip_mtu_discover", 10), ("ip_recverr", 11)],
    },
    Level {
        name: "ipproto_ipv6",
        number: 41,
        options: &[
            ("ipv6_unicast_hops", 16),
            ("ipv6_mtu_discover", 23),
            ("ipv6_v6only", 26),
            ("ipv6_tclass", 67),
        ],
    },
    Level {
        name: "ipproto_tcp",
        number: 6,
        options: &[
            ("tcp_nodelay", 1),
            ("tcp_maxseg", 2),
            ("tcp_cork", 3),
            ("tcp_keepidle", 4),
            ("tcp_keepintvl", 5),
            ("tcp_keepcnt", 6),
            ("tcp_quickack", 12),
            ("tcp_congestion", 13),
            ("tcp_user_timeout", 18),
            ("tcp_fastopen", 23),
            ("tcp_notsent_lowat", 25),
        ],
    },
    Level {
        name: "ipproto_udplite",
        number: 136,
        options: &[("udplite_send_cscov", 10), ("udplite_recv_cscov", 11)],
    },
    Level { name: "ipproto_sctp", number: 132, options: &[("sctp_rtoinfo", 0), ("sctp_nodelay", 3)] },
];

/// The same with numbers in place of names; what no number is known of is left out, as NEAT does.
pub(super) fn by_number(properties: &Properties) -> Properties {
    let renamed = properties.iter().filter_map(|(key, property)| {
        let Some(option) = key.strip_prefix(PREFIX) else { return Some((key.clone(), property.clone())) };
        let (level, name) = option.split_once('/')?;
        let (level, option) = numbers(level, name)?;
        Some((format!("{PREFIX}{level}/{option}").into(), property.clone()))
    });
    renamed.collect()
}

/// The options that must be set (precedence 2), and are not by any stack here.
pub(super) fn unset_options(properties: &Properties) -> Vec<Conflict> {
    let must = properties
        .iter()
        .filter(|(key, said)| key.starts_with(PREFIX) && said.precedence == Precedence::Immutable);
    let conflict = |(key, said): (&_, &Property)| Conflict {
        key: Clone::clone(key),
        ours: Property::immutable(Value::word("never set here")),
        theirs: said.clone(),
    };
    must.map(conflict).collect()
}

fn numbers(level: &str, option: &str) -> Option<(u16, u16)> {
    let Level { number, options, .. } =
        LEVELS.iter().find(|known| known.name == level || level.parse() == Ok(known.number))?;
    let named = options.iter().find(|(name, _)| *name == option).map(|(_, number)| *number);
    Some((*number, named.or_else(|| option.parse().ok())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::neat::Property;

    #[test]
    fn names_become_numbers_and_unknown_ones_go() {
        let keys = [
            "SO/IPPROTO_IP/IP_TOS",
            "SO/0/2",
            "SO/IPPROTO_TCP/1",
            "SO/SOL_SOCKET/TCP_NODELAY",
            "SO/X/Y",
            "so",
            "a",
        ];
        let all: Properties = keys.iter().map(|key| ((*key).into(), Property::requested(1_i64))).collect();
        assert_eq!(by_number(&all).to_string(), "(a|1) (so|1) (so/0/1|1) (so/0/2|1) (so/6/1|1)");
    }
}
