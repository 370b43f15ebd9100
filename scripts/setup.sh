#!/usr/bin/env bash
# Make .venv exactly as requirements.lock says, and the map page's browser libraries as web/package-lock.json says,
# every file checked by hash. A second call does nothing.
#
#   PYTHON=python3.12 scripts/setup.sh    use this interpreter instead of the newest of 3.13, 3.12, 3.11
#
# pip brings uv (from the same lock), uv brings the rest: seconds instead of minutes. Where uv cannot
# reach a package index that pip can reach, pip does it all.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
vendor=src/bousai/serve/page/vendor
started=$SECONDS

die() {
    printf 'set-up stopped: %s\n  remedy: %s\n' "$1" "$2" >&2
    exit 1
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || die "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13" "name one that is, or leave PYTHON unset"
        printf '%s' "$PYTHON"
        return
    fi
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null && supported "$name"; then
            printf '%s' "$name"
            return
        fi
    done
    die "no Python 3.11, 3.12 or 3.13 among python3.13, python3.12, python3.11, python3" \
        "install one (Debian, Ubuntu: apt-get install python3 python3-venv), or say where it is: make setup PYTHON=/path/to/python3"
}

# A venv cannot be moved, and belongs to one interpreter: either change means a new one.
home_of() {
    printf '%s in %s\n' "$("$1" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])')" "$PWD"
}

contents() {
    cksum requirements.lock pyproject.toml scripts/setup.sh web/package-lock.json
}

if [ -x $venv/bin/python ] && [ -z "${PYTHON:-}" ]; then
    python=$venv/bin/python
else
    python=$(choose_python)
fi
wanted_home=$(home_of "$python" 2>/dev/null || true)
if [ "$(cat $venv/.home 2>/dev/null)" != "$wanted_home" ]; then
    python=$(choose_python)
    wanted_home=$(home_of "$python")
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot make virtual environments (its ensurepip is missing)" \
            "install it (Debian, Ubuntu: apt-get install python3-venv, or the one of your version, such as python3.12-venv)"
    printf 'set-up: new virtual environment %s with %s\n' "$venv" "$wanted_home"
    "$python" -m venv --clear $venv
    printf '%s\n' "$wanted_home" >$venv/.home
elif [ "$(cat $venv/.contents 2>/dev/null)" = "$(contents)" ] && [ -d $vendor ]; then
    exit 0
fi
rm -f $venv/.contents

printf 'set-up: installing %s packages from requirements.lock\n' "$(grep -c '^[a-z0-9].*==' requirements.lock)"
pip() { $venv/bin/python -m pip --disable-pip-version-check "$@"; }

sync_with_uv() {
    awk '/^[^ ]/ {mine = /^uv==/} mine' requirements.lock >$venv/uv.lock
    pip install --quiet --require-hashes --no-deps -r $venv/uv.lock || return
    # uv does not read pip's configuration: hand over the index that pip would use.
    local index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then
        export UV_DEFAULT_INDEX=$index
    fi
    # the certificates of this machine: offices often have a proxy with one of their own
    $venv/bin/uv pip sync --system-certs --quiet --python $venv/bin/python --require-hashes requirements.lock
}

if ! sync_with_uv; then
    printf 'set-up: uv could not do it; pip can, in about two minutes\n'
    pip install --quiet --require-hashes -r requirements.lock ||
        die "the packages of requirements.lock could not be installed" \
            "see the lines above; usual causes: no network, a package index that is not configured for pip, a full disk"
fi
# The project itself, editable. Its build tools are in the lock, so nothing is fetched here.
pip install --quiet --no-deps --no-index --no-build-isolation --editable . ||
    die "the project itself could not be installed" "see the lines above"

# The map page's libraries, exactly as web/package-lock.json says. Where there is no npm, a wheel brings one.
npm=$(command -v npm || true)
if [ -z "$npm" ]; then
    pip install --quiet --require-hashes -r scripts/node.lock || die "Node.js could not be installed" "see the lines above"
    npm=$PWD/$venv/bin/npm
fi
printf 'set-up: installing the browser libraries of web/package-lock.json\n'
(cd web && "$npm" ci --loglevel=error) ||
    die "the browser libraries of web/package-lock.json could not be installed" \
        "see the lines above; usual causes: no network, a registry that is not configured for npm, a full disk"
rm -rf $vendor
mkdir -p $vendor
cp web/node_modules/maplibre-gl/dist/maplibre-gl.{js,css} web/node_modules/pmtiles/dist/pmtiles.js $vendor/
cp web/node_modules/maplibre-gl/LICENSE.txt $vendor/maplibre-gl.LICENSE.txt
contents >$venv/.contents
printf 'set-up: done in %s s\n' $((SECONDS - started))
