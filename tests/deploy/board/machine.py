"""One emulated board: its power, pin, network cable, modem plug, sound and watchdog, in the test's hands.

Emulated wholly (TCG): a /dev/kvm that exists may still kill guests. It dies with the process that made it.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.board.channel import Channel, Done
from deploy.board.image import Image
from deploy.board.qmp import Pins, Qmp, connected

HOST = "10.0.2.100"  # how the guest names this host
BOOT_S = 900.0  # 45 s on an idle machine, 390 s were seen on one with 16 others waiting
KERNEL_LINE = "rw quiet systemd.firstboot=off systemd.show_status=0 net.ifnames=0"
PL061 = "pl061"
RELAY = Path(__file__).with_name("relay.py")


@dataclass
class Machine:
    """A board with a disk of its own over `image`; `doors` maps the guest's ports at HOST to the host's.

    `folder` keeps its disk, console and sound; `stick` is a second disk, `memory_mb` as a small board has.
    """

    image: Image
    folder: Path
    doors: Mapping[int, int] = field(default_factory=dict)
    stick: Path | None = None
    memory_mb: int = 768
    pi: bool = False  # a Raspberry Pi 3 by its own device tree instead: only chips, paths and the watchdog
    _child: "subprocess.Popen[bytes] | None" = None
    _ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _starts: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.disk.exists():
            command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", self.image.form]
            command += ["-b", str(self.image.disk)]
            subprocess.run([*command, str(self.disk)], check=True, timeout=60)

    @property
    def disk(self) -> Path:
        """Name this board's own disk; it outlives power cuts."""
        return self.folder / "disk.qcow2"

    @property
    def sound(self) -> Path:
        """Name the WAV file with all that the board has said since its power came on."""
        return self.folder / f"sound-{self._starts}.wav"

    @property
    def modem_socket(self) -> Path:
        """Name the socket that is the other end of the modem's USB cable."""
        return self.folder / "modem.sock"

    def console(self) -> str:
        """Give what the kernel and systemd have written since the power came on."""
        with contextlib.suppress(OSError):
            return (self.folder / f"console-{self._starts}").read_text("utf-8", "replace")
        return ""

    def power_on(self, *, wait: bool = True) -> Self:
        """Begin to boot, and wait for the agent unless told otherwise."""
        self._starts += 1
        for name in ("control.sock", "qmp.sock", "qtest.sock", "modem.sock"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("ab") as log:
            self._child = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        self.on_since_s = time.monotonic()
        self.qmp = Qmp(self.folder / "qmp.sock")
        self._ends.callback(self.qmp.close)
        if not self.pi:
            self.pins = Pins(self.folder / "qtest.sock", self.qmp.path_of(PL061))
            self._ends.callback(self.pins.close)
        self._channel = Channel(connected(self.folder / "control.sock"), alive=self.is_on)
        self._ends.callback(self._channel.close)
        if wait:
            self.wait_until_up()
        return self

    def is_on(self) -> bool:
        """Tell whether QEMU runs."""
        return self._child is not None and self._child.poll() is None

    def wait_until_up(self, *, within_s: float = BOOT_S) -> None:
        """Wait until the guest answers, after power on or a reset."""
        self._channel.wait_until_up(within_s=within_s)

    def cut_power(self) -> None:
        """Pull the plug: what was not on the disk is lost; idempotent."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait(30)
        self._ends.close()

    def run(self, script: str, *, within_s: float = 60.0) -> Done:
        """Run a script as root in the guest."""
        return self._channel.run(script, within_s=within_s)

    def must(self, script: str, *, within_s: float = 60.0) -> str:
        """Run a script that has to succeed; gives its output."""
        done = self.run(f"set -e\n{script}", within_s=within_s)
        if done.status:
            raise AssertionError(f"status {done.status} of {script!r}:\n{done.text[-4000:]}")
        return done.text

    def wait_for(self, script: str, *, within_s: float, why: str = "") -> str:
        """Run a script until it succeeds."""
        deadline_s = time.monotonic() + within_s
        while True:
            done = self.run(script, within_s=30.0)
            if done.status == 0:
                return done.text
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{why or script} did not come in {within_s:.0f} s: {done.text[-2000:]}")
            time.sleep(0.5)

    def set_cable(self, *, plugged: bool) -> None:
        """Plug the network cable in or out; connections stay open and go dead, as in life."""
        self.qmp.ask("set_link", name="nic", up=plugged)

    def unplug_modem(self) -> None:
        """Pull the modem's USB plug."""
        self.qmp.ask("device_del", id="modem")

    def plug_modem(self) -> None:
        """Plug the modem in again."""
        self.qmp.ask("device_add", driver="usb-serial", id="modem", chardev="modem", bus="usb.0")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def _command(self) -> list[str]:
        image, folder = self.image, self.folder
        common = [
            "setpriv", "--pdeathsig", "KILL", "nice", "-n", "10", "qemu-system-aarch64",
            "-nodefaults", "-display", "none", "-accel", "tcg,thread=multi",
            "-kernel", str(image.kernel), "-initrd", str(image.initrd),
            "-qmp", "unix:qmp.sock,server=on,wait=off",
            "-chardev", "socket,id=control,path=control.sock,server=on,wait=off",
        ]  # fmt: skip
        console = f"{folder}/console-{self._starts}"
        return [*common, *(self._pi() if self.pi else self._virt(console))]

    def _pi(self) -> list[str]:
        """A Raspberry Pi 3 by its own device tree: no network, no sound; its serial port is the test's."""
        return [
            "-M", "raspi3b", "-dtb", f"{self.image.folder}/dtb/bcm2837-rpi-3-b.dtb",
            "-drive", f"if=sd,file={self.disk},format=qcow2",
            # QEMU resets this machine as soon as its watchdog is started, not when it runs out
            "-append", f"{KERNEL_LINE} systemd.watchdog_sec=0 board.port=/dev/ttyS1",
            "-serial", f"file:{self.folder}/console-{self._starts}", "-serial", "chardev:control",
        ]  # fmt: skip

    def _virt(self, console: str) -> list[str]:
        """A board with all that a kiosk has."""
        forwards = "".join(
            f",guestfwd=tcp:{HOST}:{port}-cmd:{sys.executable} -I -S {RELAY} {own}"
            for port, own in self.doors.items()
        )
        stick = self.stick and f"if=none,id=stick,file={self.stick},format=raw,read-only=on"
        return [
            "-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", str(self.memory_mb),
            "-append", f"console=ttyAMA0 {KERNEL_LINE}", "-serial", f"file:{console}",
            "-drive", f"if=none,id=root,file={self.disk},format=qcow2",
            "-device", "virtio-blk-pci,drive=root",
            *(["-drive", stick, "-device", "virtio-blk-pci,drive=stick"] if stick else []),
            "-qtest", "unix:qtest.sock,server=on,wait=off", "-qtest-log", "/dev/null",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=control,name=board.control",
            "-audiodev", f"wav,id=sound,path={self.sound},out.frequency=48000",
            "-device", "intel-hda", "-device", "hda-output,audiodev=sound,mixer=off",
            "-device", "qemu-xhci,id=usb", "-chardev", "socket,id=modem,path=modem.sock,server=on,wait=off",
            "-device", "usb-serial,id=modem,chardev=modem,bus=usb.0",
            "-device", "i6300esb", "-action", "watchdog=reset",
            "-netdev", f"user,id=net,restrict=on{forwards}",
            "-device", "virtio-net-pci,netdev=net,id=nic,romfile=",
        ]  # fmt: skip


def missing_programs() -> list[str]:
    """Name what this machine lacks to have a board."""
    wanted = ("qemu-system-aarch64", "qemu-img", "setpriv", "mmdebstrap", "mosquitto", "depmod", "mkfs.ext4")
    return [name for name in wanted if not any(map(shutil.which, (name, f"/usr/sbin/{name}")))]


def until(ready: Callable[[], object], *, within_s: float, what: str) -> None:
    """Wait for a condition on the host."""
    deadline_s = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what} did not come in {within_s:.0f} s")
        time.sleep(0.2)
