{
    "uid": "reliable_transports",
    "description": "What reliable means: one of the protocols that lose nothing",
    "policy_type": "profile",
    "priority": 2,
    "replace_matched": true,
    "match": {
        "transport": {"value": "reliable"}
    },
    "properties": [
        [
            {"transport": {"value": "SCTP", "precedence": 2, "score": 3}},
            {"transport": {"value": "TCP", "precedence": 2, "score": 2}},
            {"transport": {"value": "SCTP/UDP", "precedence": 2, "score": 1}}
        ]
    ]
}
