"""`circadia policy evaluate`."""


def register(subparsers):
    pass
