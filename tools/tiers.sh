# Sourced by test: the SDK and the app's half without screens in another set of packages, in an environment of its own.
#
#   tier numpy2       numpy 2.3.0 and ai-edge-litert, as python-for-android's recipes have numpy, and what buildozer.spec pins
#   tier python3.14   the same on the Python of python-for-android 2026.5.9
#
# A tier whose Python or packages are not to be had is skipped, and says so.
# shellcheck shell=bash

NUMPY=2.3.0 # python-for-android's recipe; with tflite-runtime, which a Python 3.11 would take, it works with no model
TIERS=(numpy2 python3.14)
CORE=(
    tests/unit/test_{config,policy_integers,store,schema,task_identity,message_formats,federation_device,forecast,history,reasons,separate_policy,simulated_platform}.py
    tests/property/test_{shield,sleeps,observation_encoder,policy_sampling,federation_codecs,federation_messages,meter_frames,model_file}.py
    tests/contract/test_{interpreter,policy,store,platform,workload}_contract.py
    tests/integration/test_{agent,application,runtime}.py
    tests/android/viewmodels tests/android/service tests/android/test_{current_reader,rails}.py
)

_tier_python() {
    case $1 in
        numpy2) _python ;;
        python3.14) command -v python3.14 ;;
    esac
}

_tier_install() { # PYTHON FOLDER: a fresh environment, nothing of it editable
    local python=$1 folder=$2 copy pins
    copy=$(mktemp -d) pins=$(mktemp)
    grep -v -E '^(numpy|paho-mqtt|cbor2|cobs)==' "$ROOT/tools/constraints.txt" >"$pins"
    cp -r "$ROOT"/{pyproject.toml,README.md,LICENSE,sdk,firmware_bridge,tools,android_app} "$copy"
    rm -rf "$folder"
    "$python" -m venv "$folder" \
        && "$folder/bin/pip" install -qq -c "$pins" "numpy==$NUMPY" ai-edge-litert cryptography \
            $(grep -o -E '(paho-mqtt|cbor2|cobs)==[0-9.]+' "$ROOT/android_app/buildozer.spec") pytest pytest-timeout pytest-xdist hypothesis setuptools \
        && "$folder/bin/pip" install -qq --no-deps --no-build-isolation "$copy" "$copy/android_app"
    local status=$?
    rm -rf "$copy" "$pins"
    return $status
}

tier() { # NAME ARGUMENTS-FOR-PYTEST…
    local name=$1 python folder
    shift
    [[ " ${TIERS[*]} " == *" $name "* ]] || fail "no tier $name; there are ${TIERS[*]}"
    folder=$ROOT/.venv-$name
    python=$(_tier_python "$name") || { say "tier $name skipped: there is no $name here"; return 0; }
    _tier_install "$python" "$folder" || { say "tier $name skipped: its packages cannot be installed (see above)"; return 0; }
    cd "$ROOT"
    "$folder/bin/python" -c 'import sys, numpy; from importlib.metadata import version as v
print("==", "Python", sys.version.split()[0], "numpy", numpy.__version__, "ai-edge-litert", v("ai-edge-litert"))'
    "$folder/bin/python" -m pytest -m "not slow" -n 2 --dist loadfile "${@:-${CORE[@]}}" </dev/null || return
    _tier_minute "$folder"
}

_tier_minute() { # an agent runs for an hour of its own time, with a policy that decides every minute
    local folder=$1 home
    home=$(mktemp -d)
    printf '[agent]\npolicy = "threshold"\nperiod_s = 60\n[platform]\nscale = 60\n[store]\npath = "device.db"\n' >"$home/device.toml"
    (cd "$home" && timeout -s INT 60 "$folder/bin/circadia" run --config device.toml >run.log 2>&1) || true
    "$folder/bin/python" - "$home" <<'PY' || { tail -20 "$home/run.log"; rm -rf "$home"; return 1; }
import sys
from pathlib import Path
from circadia.store.reading import StoreReader
with StoreReader(Path(sys.argv[1]) / "device.db") as store:
    ticks = store.tick_count()
print(f"== an agent ran for a minute: {ticks} ticks")
sys.exit(ticks < 30)
PY
    rm -rf "$home"
}
