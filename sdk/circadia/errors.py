"""The error tree, by blame: who has to do something about it.

    CircadiaError
    ├── ConfigError (ValueError)      the user's file or argument: unknown key, value out of range
    ├── PlatformUnavailable           this machine cannot do it: no interpreter, no broker binary
    ├── SensorError                   a sensor of the device answered nonsense or not at all
    ├── MeterError                    the power meter answered nonsense or vanished
    ├── ArtifactError                 a policy, task or model file is missing, truncated or not ours
    ├── StoreError                    the device's database: wrong version, corrupt, in use
    │   ├── StoreFull                 no room left
    │   └── NothingStored             there is no store yet
    ├── LimitError                    a hard limit of the device forbids it now
    ├── DeadlineExpired (TimeoutError)  a request waited longer than its application allowed
    ├── ProtocolError
    │   ├── LocalProtocolError        our side used the protocol wrongly
    │   └── RemoteProtocolError       the peer sent something that the protocol forbids
    └── TransportError
        ├── ConnectionLost            the broker or the link went away; reconnecting is on its way
        └── TransportTimeout (TimeoutError)

Every message names the thing at fault and says what to do about it.
"""


class CircadiaError(Exception):
    """The root of every error that Circadia raises on purpose."""


class ConfigError(CircadiaError, ValueError):
    """A configuration file, a profile or an argument is wrong."""


class PlatformUnavailable(CircadiaError):
    """This machine lacks what was asked for."""


class SensorError(CircadiaError):
    """A sensor gave no answer, or one that cannot be true."""


class MeterError(CircadiaError):
    """A power meter gave no answer, or one that cannot be true."""


class ArtifactError(CircadiaError):
    """A policy, task or model file cannot be used."""


class StoreError(CircadiaError):
    """The device's database cannot be read or written."""


class StoreFull(StoreError):
    """There is no room left, on the disk or within the store's own limit."""


class ProtocolError(CircadiaError):
    """A message breaks the federation's protocol."""


class LocalProtocolError(ProtocolError):
    """Our side asked the protocol for something that it does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent a message that the protocol does not allow."""


class TransportError(CircadiaError):
    """Messages do not get through."""


class ConnectionLost(TransportError):
    """The connection went away."""


class TransportTimeout(TransportError, TimeoutError):
    """The peer did not answer in time."""


class NothingStored(StoreError):
    """The file is not there, or nothing was ever written to it."""


class DeadlineExpired(CircadiaError, TimeoutError):
    """A request was not answered before its deadline."""


class LimitError(CircadiaError):
    """A hard limit forbids what was asked for, as things are now."""
