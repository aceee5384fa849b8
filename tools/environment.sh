# Sourced by run, test, check and bench: makes .venv in the checkout's root and keeps it up to date.
#
#   environment EXTRA…      .venv holds circadia (editable) with at least these extras; exits with a message if not
#   debian_packages NAME…   installs them where it may; otherwise names them and returns 1
#
# CIRCADIA_PYTHON=/path/to/python chooses the interpreter of a new environment.
# shellcheck shell=bash

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
STAMP=$VENV/circadia-stamp          # written last: ROOT, the extras, a hash
UNFINISHED=$VENV/circadia-unfinished # there from the first step to the last one

# Other programs of the user must not lean into the environment.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
fail() { say "$*"; exit 1; }

debian_packages() {
    local name missing=() as_root=()
    command -v dpkg-query >/dev/null || { say "needs $* (not a Debian: install by hand)"; return 1; }
    for name in "$@"; do
        [[ $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) == *" installed" ]] || missing+=("$name")
    done
    (( ${#missing[@]} )) || return 0
    if (( EUID != 0 )); then
        sudo -n true 2>/dev/null || { say "missing: as root, apt-get install ${missing[*]}"; return 1; }
        as_root=(sudo -n)
    fi
    say "installing from Debian: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    _apt "${missing[@]}" || { "${as_root[@]}" apt-get update -qq >&2 && _apt "${missing[@]}"; } \
        || { say "apt-get install ${missing[*]} failed"; return 1; }
}

_apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# The first interpreter that is new enough and can make environments. 3.11 first: it has tflite-runtime.
_find_python() {
    local name
    for name in ${CIRCADIA_PYTHON:+"$CIRCADIA_PYTHON"} python3.11 /usr/bin/python3.11 python3.12 python3.13 \
        python3 python; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

_python() {
    _find_python && return
    debian_packages python3-venv && _find_python && return
    fail "no Python 3.11 or newer with venv found; install one, or name it in CIRCADIA_PYTHON"
}

_hash() { cat "$ROOT/pyproject.toml" "$ROOT/tools/pyproject.toml" "$ROOT/android_app/pyproject.toml" "$ROOT/tools/constraints.txt" | sha256sum | cut -d' ' -f1; }

_wanted() { # the extras asked for and those already there, in order, each once
    { printf '%s\n' "$@"; if [[ -f $STAMP ]]; then sed -n 2p "$STAMP" | tr ' ' '\n'; fi; } \
        | sed '/^$/d' | sort -u | paste -sd' '
}

_alive() { "$VENV/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

_current() { # nothing to do?
    [[ ! -e $UNFINISHED && -f $STAMP ]] && _alive \
        && [[ $(<"$STAMP") == "$ROOT"$'\n'"$(_wanted "$@")"$'\n'"$(_hash)" ]]
}

_lock() { # one set-up at a time in a checkout; the lock goes with the file descriptor
    command -v flock >/dev/null || return 0
    exec 9>"$ROOT/.venv.lock"
    flock -n 9 && return
    say "another set-up is at work; waiting for it"
    flock 9
}

_make() { # a venv, unless there is a sound one
    local python moved=
    [[ -f $STAMP && $(sed -n 1p "$STAMP") != "$ROOT" ]] && moved=1
    if [[ -d $VENV && ! -e $UNFINISHED && -z $moved ]] && _alive; then
        return
    fi
    [[ -e $VENV ]] && say "remaking .venv, which is unfinished, broken or was moved"
    python=$(_python) || exit 1
    rm -rf "$VENV"
    mkdir "$VENV"
    : >"$UNFINISHED"
    say "making .venv with $("$python" --version)"
    "$python" -m venv "$VENV"
}

_install() {
    local pip=("$VENV/bin/python" -m pip install -qq -c "$ROOT/tools/constraints.txt") extras own=()
    extras=$(IFS=,; printf '%s' "$*")
    # The extras name these distributions; they lie here.
    [[ " $* " == *" lab "* ]] && own+=(-e "$ROOT/tools")
    [[ " $* " == *" app "* ]] && own+=(-e "$ROOT/android_app")
    : >"$UNFINISHED"
    say "installing ${*:-the device set} (the first time takes minutes)"
    # Without build isolation, the editable install builds with the pinned setuptools and needs no network for it.
    "${pip[@]}" pip setuptools && "${pip[@]}" --no-build-isolation -e "$ROOT${extras:+[$extras]}" "${own[@]}" \
        || fail "pip could not install the packages; look above, check the network and run this again"
}

environment() {
    local extras
    _current "$@" && return
    [[ -w $ROOT ]] || fail "$ROOT is not writable, and its .venv is missing or out of date"
    [[ ! -d $VENV || -w $VENV ]] || fail "$VENV belongs to $(stat -c %U "$VENV") and is out of date"
    _lock
    if ! _current "$@"; then
        extras=$(_wanted "$@")
        _make
        # shellcheck disable=SC2086  # one word each
        _install $extras
        printf '%s\n%s\n%s\n' "$ROOT" "$extras" "$(_hash)" >"$STAMP.new"
        mv "$STAMP.new" "$STAMP"
        rm "$UNFINISHED"
    fi
    exec 9>&-
}
