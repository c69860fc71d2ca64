#!/bin/sh
# Installs FerroTunnel: downloads the program for this machine, verifies its SHA-256, and puts it into PREFIX/bin.
set -eu

usage() {
  cat <<'EOF'
Usage: install.sh [OPTIONS]

  --prefix DIR     install to DIR/bin (default: /usr/local for root, else ~/.local)
  --version X.Y.Z  install this version (default: the latest)
  --base-url URL   download from URL/ferrotunnel-OS-ARCH and URL/ferrotunnel-OS-ARCH.sha256
  --dry-run        say what would be done, and do nothing
  --help           show this

Environment: FERROTUNNEL_REPOSITORY=OWNER/NAME picks the repository whose releases are used;
FERROTUNNEL_OS and FERROTUNNEL_ARCH override what is found out about this machine.
EOF
}

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# The system, as release files name it.
detect_os() {
  case "${FERROTUNNEL_OS:-$(uname -s)}" in
    Linux | linux) echo linux ;;
    Darwin | darwin) echo darwin ;;
    *) fail "there is no program for the system '${FERROTUNNEL_OS:-$(uname -s)}'; known are Linux and Darwin (macOS)" ;;
  esac
}

# The processor, as release files name it.
detect_arch() {
  case "${FERROTUNNEL_ARCH:-$(uname -m)}" in
    x86_64 | amd64 | x64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) fail "there is no program for the processor '${FERROTUNNEL_ARCH:-$(uname -m)}'; known are x86_64 and arm64" ;;
  esac
}

# "-musl" on Linux systems with that C library.
detect_libc() {
  [ "$1" = linux ] || return 0
  if [ -f /etc/alpine-release ] || { has ldd && ldd --version 2>&1 | grep -qi musl; }; then echo -musl; fi
}

# download URL FILE
download() {
  if has curl; then
    curl --fail --silent --show-error --location --retry 2 --max-time 300 --output "$2" "$1" || return 1
  elif has wget; then
    wget -q -T 60 -t 3 -O "$2" "$1" || return 1
  else
    fail "needs curl or wget"
  fi
}

# The SHA-256 of a file, in lower-case hexadecimal.
sha256_of() {
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  elif has openssl; then
    openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
  else
    fail "needs sha256sum, shasum or openssl to verify the download"
  fi
}

main() {
  prefix= version= base_url= dry_run=
  while [ $# -gt 0 ]; do
    case "$1" in
      --prefix | --version | --base-url)
        [ $# -ge 2 ] || fail "$1 needs a value"
        case "$1" in
          --prefix) prefix=$2 ;;
          --version) version=${2#v} ;;
          --base-url) base_url=${2%/} ;;
        esac
        shift 2
        ;;
      --dry-run) dry_run=1 && shift ;;
      --help | -h) usage && exit 0 ;;
      *) usage >&2 && fail "unknown option '$1'" ;;
    esac
  done

  if [ -z "$prefix" ]; then
    if [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; else prefix=${HOME:?}/.local; fi
  fi
  if [ -z "$base_url" ]; then
    releases=https://github.com/${FERROTUNNEL_REPOSITORY:-ferrotunnel/ferrotunnel}/releases
    if [ -n "$version" ]; then base_url=$releases/download/v$version; else base_url=$releases/latest/download; fi
  elif [ -n "$version" ]; then
    fail "--version and --base-url exclude each other"
  fi
  # Assigned one by one: a failure inside a substitution ends the script only from an assignment.
  os=$(detect_os)
  arch=$(detect_arch)
  libc=$(detect_libc "$os")
  name=ferrotunnel-$os-$arch$libc
  target=$prefix/bin/ferrotunnel

  if [ -n "$dry_run" ]; then
    echo "Would download $base_url/$name"
    echo "Would verify it with $base_url/$name.sha256"
    echo "Would install it as $target"
    exit 0
  fi

  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  download "$base_url/$name" "$folder/program" || fail "cannot download $base_url/$name"
  download "$base_url/$name.sha256" "$folder/sum" || fail "cannot download $base_url/$name.sha256"
  expected=$(cut -d ' ' -f 1 <"$folder/sum" | head -n 1 | tr 'A-F' 'a-f')
  printf '%s\n' "$expected" | grep -Eq '^[0-9a-f]{64}$' || fail "$base_url/$name.sha256 holds no SHA-256"
  actual=$(sha256_of "$folder/program")
  [ "$actual" = "$expected" ] || fail "the SHA-256 of $name is $actual, expected $expected; nothing was installed"

  mkdir -p "$prefix/bin" 2>/dev/null && [ -w "$prefix/bin" ] ||
    fail "cannot write to $prefix/bin; choose another folder with --prefix, or run as root"
  # Beside the target first, then renamed: a program that runs is not overwritten, and nobody sees half of one.
  cp "$folder/program" "$target.new.$$"
  chmod 755 "$target.new.$$"
  mv -f "$target.new.$$" "$target"

  echo "Installed $target"
  case ":${PATH:-}:" in
    *":$prefix/bin:"*) ;;
    *) echo "Add $prefix/bin to PATH to start it by its name" ;;
  esac
  echo "To uninstall: rm $target"
}

# Called on the last line, so that a script cut short in transit does nothing.
main "$@"
