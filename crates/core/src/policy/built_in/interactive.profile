{
    "uid": "interactive",
    "description": "Somebody waits for the answers: low latency is wanted",
    "policy_type": "profile",
    "priority": 0.5,
    "match": {
        "capacity_profile": {"value": "Low Latency/Interactive"}
    },
    "properties": {
        "low_latency": {"value": true, "precedence": 1}
    }
}
