#!/usr/bin/env bash
# test_private_engine.sh PRIVATE-ENGINE: the private engine runs containers and leaves nothing behind.
set -euo pipefail

tool=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/rc-engine.XXXXXX")
trap '"$tool" stop "$dir" || true' EXIT
trap 'exit 130' INT TERM HUP
unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION

fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
expect() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }

# An exit code, without ending the script.
code_of() { local code=0; "$@" >/dev/null 2>&1 || code=$?; echo "$code"; }

start() {
    local line
    line=$("$tool" start "$dir")
    expect "start's output" "DOCKER_HOST=unix://$dir/docker.sock" "$line"
    export "${line?}"
    expect "status while running" 0 "$(code_of "$tool" status "$dir")"
}

run_to_three() {
    expect "docker run" 3 "$(code_of timeout 60 docker run --name three --network none rollcall-sample:latest sh -c 'exit 3')"
    expect "inspect's exit code" 3 "$(docker inspect --format '{{.State.ExitCode}}' three)"
    docker run -d --name sleeper --network none rollcall-sample:latest sleep "$mark" >/dev/null
    expect "the sleeper's state" running "$(docker inspect --format '{{.State.Status}}' sleeper)"
}

nothing_left() {
    local file
    [ ! -e "$dir" ] || fail "$dir is still there"
    ! grep -F "$dir" /proc/mounts || fail "mounts are left"
    for file in /proc/[0-9]*/cmdline; do
        # The test's own processes do not count: they do not name the exec-root.
        if tr '\0' ' ' 2>/dev/null <"$file" | grep -F -e "$dir/exec" -e "sleep $mark " >&2; then fail "a process is left: $file"; fi
    done
    expect "status when stopped" 3 "$(code_of "$tool" status "$dir")"
}

# A number that makes the sleeping container's process known.
mark=9$$1

expect "usage without DIR" 2 "$(code_of "$tool" start)"
expect "usage with a wrong verb" 2 "$(code_of "$tool" dance "$dir")"
expect "too long a DIR" 1 "$(code_of "$tool" start "$dir/$(printf 'x%.0s' {1..100})")"

start
run_to_three
"$tool" stop "$dir"
nothing_left
"$tool" stop "$dir"

start
run_to_three
kill -KILL "$(cat "$dir/dockerd.pid")"
"$tool" stop "$dir"
nothing_left
echo "ok"
