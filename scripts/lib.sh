# Shared by the scripts beside it; to be sourced. Leaves the shell in the project's root.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '%s\n' "$*"; }

# An error: what is wrong and the way out.
fail() {
  printf 'atoll: %s\n' "$*" >&2
  exit 1
}

# Where cargo puts what it builds, whatever its configuration says.
target_dir() {
  local dir
  dir=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
  [ -n "$dir" ] || fail "cargo does not say where it builds; run 'cargo metadata' to see why"
  printf '%s\n' "$dir"
}

# Builds every program and example. Always all default members: another selection of packages would select other
# features of the dependencies, and build them all once more.
build_programs() { # [CARGO OPTION…]
  cargo build --bins --examples "$@"
}

# Prints the `node` on the PATH that is Node.js, which says v<number> when asked for its version.
node_js() {
  local candidate
  while read -r candidate; do
    [[ $("$candidate" --version 2>/dev/null) =~ ^v[0-9] ]] || continue
    printf '%s\n' "$candidate"
    return
  done < <(type -ap node || true)
}
