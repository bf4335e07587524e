{
    "uid": "default",
    "description": "Whoever asks for no transport gets a reliable one",
    "policy_type": "profile",
    "priority": 0,
    "properties": {
        "transport": {"value": "reliable", "precedence": 0}
    }
}
