"""The HTTPS doors for kiosks: alerts, replies, enrolment. A process of its own, mutual TLS, private CA."""
