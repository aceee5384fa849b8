"""The process in which iotcore's broker runs: `python -m …iotcore_process CONFIG.toml`. It ends when its parent does."""

from __future__ import annotations

import logging
import os
import sys
import threading


def main() -> None:
    """Serve for ever; exits when standard input closes, as it does when the parent is gone."""
    from iotcore import Broker

    # rumqttd tells of every packet as an error.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL + 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Broker(config_path=sys.argv[1]).run_forever()


def _end_with_parent() -> None:
    while os.read(0, 4096):  # not `sys.stdin`: its lock would be held when the interpreter ends
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
