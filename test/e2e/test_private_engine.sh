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
    line=$("$tool" start "$@" "$dir")
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

state_of() { docker inspect --format '{{.State.Status}}' "$1"; }

# An engine that goes and comes back has the same containers, which live on where live-restore says so.
come_back() {
    docker run -d --name server -p 80 rollcall-sample:latest \
        sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
    [ -n "$(docker port server 80/tcp)" ] || fail "no port is published"
    docker network create net >/dev/null
    docker network connect net server
    expect "the server's networks" "bridge net" "$(docker inspect --format '{{range $n, $_ := .NetworkSettings.Networks}}{{$n}} {{end}}' server | xargs)"
    "$tool" restart --kill --live-restore "$dir" >/dev/null
    expect "killed, live-restore" running "$(state_of server)"
    "$tool" restart --live-restore "$dir" >/dev/null
    expect "ended cleanly, live-restore" running "$(state_of server)"
    "$tool" down --kill "$dir"
    expect "status while down" 3 "$(code_of "$tool" status "$dir")"
    "$tool" up "$dir" >/dev/null
    expect "killed, no live-restore" exited "$(state_of server)"
    docker start server >/dev/null
    "$tool" restart "$dir" >/dev/null
    expect "ended cleanly, no live-restore" exited "$(state_of server)"
    expect "up while it runs" 1 "$(code_of "$tool" up "$dir")"
}

# Interfaces that can only be the engine's: others may make theirs meanwhile.
interfaces() { find /sys/class/net -mindepth 1 \( -name 'docker*' -o -name 'br-*' -o -name 'veth*' \) -printf '%f\n' | sort; }

nothing_left() {
    local file
    expect "interfaces" "$interfaces_before" "$(interfaces)"
    ! find /sys/fs/cgroup -type d -name "$cgroup" | grep . || fail "cgroups are left"
    [ ! -e "$dir" ] || fail "$dir is still there"
    ! grep -F "$dir" /proc/mounts || fail "mounts are left"
    for file in /proc/[0-9]*/cmdline; do
        # The test's own processes do not count: they do not name the exec-root.
        if tr '\0' ' ' 2>/dev/null <"$file" | grep -F -e "$dir/exec" -e "sleep $mark " >&2; then fail "a process is left: $file"; fi
    done
    expect "status when stopped" 3 "$(code_of "$tool" status "$dir")"
}

interfaces_before=$(interfaces)
cgroup=rollcall-$(printf '%s' "$dir" | sha256sum | cut -c1-16)
# A number that makes the sleeping container's process known.
mark=9$$1

expect "usage without DIR" 2 "$(code_of "$tool" start)"
expect "usage with a wrong verb" 2 "$(code_of "$tool" dance "$dir")"
expect "usage with an option of another verb" 2 "$(code_of "$tool" stop --bridge "$dir")"
expect "up of what never was" 1 "$(code_of "$tool" up "$dir")"
expect "down of what never was" 1 "$(code_of "$tool" down "$dir")"
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

start --bridge
come_back
docker start server >/dev/null
# A stopped engine answers nobody, and the containers' namespaces are still there.
kill -STOP "$(cat "$dir/dockerd.pid")"
"$tool" stop "$dir"
nothing_left

start --bridge
docker run -d --name server -p 80 rollcall-sample:latest sleep "$mark" >/dev/null
kill -KILL "$(cat "$dir/dockerd.pid")"
"$tool" stop "$dir"
nothing_left
if command -v podman >/dev/null; then
    start --podman
    docker run -d --name server --network none --cgroup-parent "$(cat "$dir/cgroup")" rollcall-sample:latest sleep "$mark" >/dev/null
    "$tool" restart --kill "$dir" >/dev/null
    expect "podman's container, its service killed" running "$(state_of server)"
    # Without its monitor a container has nobody to say whose it is but its cgroup.
    kill -KILL "$(awk '/^PPid:/ { print $2 }' "/proc/$(docker inspect --format '{{.State.Pid}}' server)/status")"
    "$tool" stop "$dir"
    nothing_left
fi
echo "ok"
