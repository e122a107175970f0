"""The boards that a release may be made for, and what each gets from Debian instead of as a wheel. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What `provision.sh` and the package want of the system beyond what every Debian has.
SYSTEM = (
    "alsa-utils", "espeak-ng", "nftables", "openssl", "python3", "python3-venv", "systemd-timesyncd",
    "unattended-upgrades",
)  # fmt: skip
OLDEST_GLIBC = 17  # manylinux2014


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One kind of board: suite and architecture of Debian, and its Python."""

    name: str
    suite: str
    arch: str
    machine: str
    python: str
    glibc: int  # 2.x: the newest wheels that run there
    # Python packages without a wheel for this machine: by Debian's package, or built from source here.
    from_debian: Mapping[str, str] = field(default_factory=dict)
    built_here: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()  # Debian packages that no lock file knows of

    @property
    def debian(self) -> tuple[str, ...]:
        """List the Debian packages that such a kiosk needs."""
        return tuple(sorted({*SYSTEM, *self.from_debian.values(), *self.beside}))

    @property
    def platforms(self) -> tuple[str, ...]:
        """List the platform tags of wheels that run there, newest first."""
        many = [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.glibc, OLDEST_GLIBC - 1, -1)]
        return (*many, f"manylinux2014_{self.machine}", f"linux_{self.machine}")

    @property
    def environment(self) -> Mapping[str, str]:
        """Give the values by which a lock file's markers are judged for such a board (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.2",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "6.12",
            "platform_system": "Linux",
            "platform_version": "1",
            "python_full_version": f"{self.python}.2",
            "python_version": self.python,
            "sys_platform": "linux",
        }


# No project publishes 32-bit ARM wheels of these (docs/adr/0021).
WITHOUT_ARMV7 = {
    "cffi": "python3-cffi-backend",
    "numpy": "python3-numpy",
    "python-gammu": "python3-gammu",
    "scipy": "python3-scipy",
}
TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(name="trixie-arm64", suite="trixie", arch="arm64", machine="aarch64", python="3.13", glibc=41),
        Target(
            name="bookworm-arm64", suite="bookworm", arch="arm64", machine="aarch64", python="3.11", glibc=36
        ),
        Target(
            name="trixie-armhf",
            suite="trixie",
            arch="armhf",
            machine="armv7l",
            python="3.13",
            glibc=41,
            from_debian=WITHOUT_ARMV7,
            built_here=("msgspec",),
            beside=("python3-libgpiod",),
        ),
        Target(
            name="bookworm-armhf",
            suite="bookworm",
            arch="armhf",
            machine="armv7l",
            python="3.11",
            glibc=36,
            from_debian=WITHOUT_ARMV7,
            built_here=("msgspec",),
        ),
    )
}
