"""What lies between kiosks, centre and people: MQTT, HTTPS, mobile network, modems. Pure."""
