#!/bin/bash
# Installs what the build needs and this machine lacks: a C and C++ compiler, make, pkg-config, and libclang, with
# which RocksDB's bindings are generated. With the word `lab` also ip and nft, with which the lab of NATs is built, and the
# program of a router that maps ports; tests that need what cannot be had are skipped. Says nothing and changes nothing when
# all of it is there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A pattern that matches no file expands to nothing.
shopt -s nullglob

has() { command -v "$1" >/dev/null 2>&1; }

# Prints the directories that clang's libraries may be in.
llvm_library_dirs() {
  local config
  [ -z "${LIBCLANG_PATH:-}" ] || printf '%s\n' "$LIBCLANG_PATH"
  for config in "${LLVM_CONFIG_PATH:-llvm-config}" /usr/bin/llvm-config-* /usr/lib/llvm-*/bin/llvm-config; do
    "$config" --libdir 2>/dev/null || true
  done
  printf '%s\n' /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib
}

# libclang itself, under one of the names that the bindings' generator looks for.
has_libclang() {
  local dir files
  case $(ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null) in
    *libclang.so* | *libclang-[0-9]*.so*) return 0 ;;
  esac
  while read -r dir; do
    files=("$dir"/libclang.so* "$dir"/libclang-[0-9]*.so*)
    [ ${#files[@]} -eq 0 ] || return 0
  done < <(llvm_library_dirs)
  return 1
}

# The headers that belong to the compiler, such as stddef.h. A package of their own, and without them libclang parses
# nothing.
has_clang_headers() {
  local dir files
  while read -r dir; do
    files=("$dir"/clang/*/include/stddef.h)
    [ ${#files[@]} -eq 0 ] || return 0
  done < <(llvm_library_dirs)
  return 1
}

missing_packages() {
  local packages=()
  # Without the C library's headers a compiler is of no use either.
  { has cc && has c++ && [ -e /usr/include/stdlib.h ]; } || packages+=(build-essential)
  has make || packages+=(make)
  has pkg-config || packages+=(pkg-config)
  { has_libclang && has_clang_headers; } || packages+=(libclang-dev)
  printf '%s\n' "${packages[*]}"
}

# Both may be where only root's PATH leads.
missing_lab_packages() {
  local packages=() PATH=$PATH:/usr/sbin:/sbin
  has ip || packages+=(iproute2)
  has nft || packages+=(nftables)
  printf '%s\n' "${packages[*]}"
}

has_router() {
  local PATH=$PATH:/usr/sbin:/sbin
  has miniupnpd
}

install_packages() { # PACKAGE…
  local as_root=()
  has apt-get || fail "the build needs $*, and there is no apt-get here to install them with; install your system's" \
    "packages of a C++ compiler, make, pkg-config and libclang"
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "the build needs $*; run as root: apt-get install $*"
    as_root=(sudo)
  fi
  say "Installing what the build needs: $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
    say "The package lists could not all be refreshed; trying with those that are there."
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" ||
    fail "apt-get could not install $*; its messages are above"
}

missing=$(missing_packages)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086 # a list of words
  install_packages $missing
  missing=$(missing_packages)
  [ -z "$missing" ] || fail "installed, and yet still not found: $missing"
fi

if [ "${1:-}" = lab ]; then
  missing=$(missing_lab_packages)
  # In a shell of its own: who cannot install these can still build, and run every other test.
  # shellcheck disable=SC2086 # a list of words
  [ -z "$missing" ] || (install_packages $missing) || say "Going on without $missing: there is no lab of NATs here."
  # By itself: not every release has it, and only one test needs it. It is the program alone; nothing is started.
  has_router || (install_packages miniupnpd-nftables) || say "Going on without miniupnpd: no router in the lab maps ports."
fi

has cargo || fail "cargo is not on the PATH; install Rust as https://rustup.rs says, open a new shell and try again"
