"""The links to the centre and to people: MQTT, HTTPS and SMS."""
