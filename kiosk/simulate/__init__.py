"""The whole system in virtual time: real cores, modelled devices, seeded faults, laws that hold. Pure."""
