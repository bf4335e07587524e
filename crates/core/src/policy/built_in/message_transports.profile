{
    "uid": "message_transports",
    "description": "Protocols that keep the boundaries of messages",
    "policy_type": "profile",
    "priority": 3,
    "match": {
        "transport_type": {"value": "message"}
    },
    "properties": {
        "transport": {"value": ["SCTP", "SCTP/UDP", "QUIC", "UDP", "UDP-Lite"], "precedence": 2}
    }
}
