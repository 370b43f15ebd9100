"""A real Mosquitto on free ports of this machine, and a publisher that waits until the broker has what it says."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


def required() -> None:
    """Skip, or fail where BOUSAI_REQUIRE_MOSQUITTO=1, when there is no broker to test with."""
    if PROGRAM is None:
        why = "no mosquitto: apt-get install mosquitto"
        if os.environ.get("BOUSAI_REQUIRE_MOSQUITTO") == "1":
            pytest.fail(why)
        pytest.skip(why)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Broker:
    """A broker in a folder of its own; what it keeps survives `stop` and `start`."""

    folder: Path
    lines: tuple[str, ...] = ("allow_anonymous true",)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        kept = (
            "per_listener_settings false",
            "user root" if os.geteuid() == 0 else "",
            "persistence true",
            f"persistence_location {self.folder}/",
            f"listener {self.port} 127.0.0.1",
            *self.lines,
        )
        config.write_text("".join(f"{line}\n" for line in kept))
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", str(config)], stdout=log, stderr=log)
        for _ in range(200):
            if self.process.poll() is not None:
                break
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    @contextmanager
    def running(self) -> Iterator[Broker]:
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def say(self, *messages: tuple[str, str | bytes], retain: bool = False, qos: int = 1) -> None:
        """Publish in order; back when the broker has acknowledged the last."""
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            for topic, payload in messages:
                client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)
        finally:
            client.disconnect()
            client.loop_stop()

    def intrude(self, client_id: str) -> list[MQTTMessage]:
        """Connect under somebody else's client id, and take what waits there without acknowledging it."""
        came: list[MQTTMessage] = []
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        client.on_message = lambda _client, _data, message: came.append(message)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", self.port, clean_start=False, properties=properties)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            client.loop(0.1)
        client.disconnect()
        return came
