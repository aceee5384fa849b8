"""A device process of the demonstration: started, made ready, killed, restarted, ended."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable
from circadia_lab.fleet.demo.device_on_disk import DeviceOnDisk

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.data.day.plan import Plan


class DeviceProcess(DeviceOnDisk):
    """One device: its files, its log, its process."""

    def __init__(self, plan: Plan, index: int, folder: Path, config: str) -> None:
        super().__init__(plan, index, folder, config)
        self._plan = plan
        self._index = index
        self._log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; it loads what it needs and says that it is ready."""
        plan = self._plan
        command = [sys.executable, "-m", "circadia_lab.fleet.demo.device", str(self.config)]
        command += ["--seed", str(plan.seed), "--devices", str(plan.devices), "--index", str(self._index)]
        command += ["--fleet", plan.fleet, "--day-s", str(plan.day_s)]
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the day in order
            )

    def wait_ready(self) -> None:
        """Until it is ready; `PlatformUnavailable` with the end of its log when it died."""
        process = self._running()
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            tail = self._log.read_text(encoding="utf-8").strip().splitlines()[-5:]
            raise PlatformUnavailable(
                f"{self.name} did not start; {self._log} ends with:\n" + "\n".join(tail)
            )

    def begin(self, epoch_s: float) -> None:
        """Tell it when the simulated midnight was, on the machine's monotonic clock."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(f"{epoch_s!r}\n")
        process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, without a word."""
        process = self._running()
        process.kill()
        process.wait()
        self._close()

    def restart(self, epoch_s: float) -> None:
        """Start it again on its store; it rejoins at the present time. Does not wait for it."""
        self.restarts += 1
        self.start()
        self.begin(epoch_s)

    def terminate(self) -> None:
        """SIGTERM: it ends its day, drains its spool and stores everything."""
        if self.alive:
            self._running().terminate()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def ended(self) -> int | None:
        """Its exit status if it ended by itself since the last call; None while it runs or was never started."""
        if self._process is None or self._process.poll() is None:
            return None
        status = self._process.returncode
        self._close()
        return status

    def wait(self, timeout_s: float) -> int:
        """Its exit status; a process that does not end in time is killed (−9)."""
        if self._process is None:
            return 0
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._close()
        return status

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise PlatformUnavailable(f"{self.name} was not started")
        return self._process

    def _close(self) -> None:
        process = self._running()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
