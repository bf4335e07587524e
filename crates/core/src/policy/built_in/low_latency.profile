{
    "uid": "low_latency",
    "description": "Paths with a short round trip, over a cable if there is one",
    "policy_type": "profile",
    "priority": 1,
    "match": {
        "low_latency": {"value": true}
    },
    "properties": {
        "rtt": {"value": {"start": 0, "end": 50}, "precedence": 1, "score": 5},
        "low_latency_interface": {"value": true, "precedence": 1, "score": 1},
        "is_wired_interface": {"value": true, "precedence": 1, "score": 1}
    }
}
