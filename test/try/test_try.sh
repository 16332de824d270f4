#!/usr/bin/env bash
# test_try.sh TRY: it shows the table and its changes, and leaves nothing behind, whether its time is up, it is
# interrupted, or the daemon dies under it.
set -euo pipefail

try=$1
[ "$(id -u)" -eq 0 ] || { echo "skipped: a private engine needs root"; exit 77; }
# It must not meet an engine of the machine's.
unset DOCKER_HOST DOCKER_CONTEXT
if [ -S /var/run/docker.sock ]; then echo "skipped: the machine has an engine"; exit 77; fi

work=$(mktemp -d "${TMPDIR:-/tmp}/rc-test-try.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM HUP

fail() { printf 'FAIL: %s\n' "$*" >&2; cat "$work/err" >&2; exit 1; }

# The folders that it says it uses.
folders() { grep -oE '/[^ ]*/rc-try\.[A-Za-z0-9]+' "$work/err" | sort -u; }

nothing_left() {
    local folder file
    [ -n "$(folders)" ] || fail "it said of no folder"
    while read -r folder; do
        [ ! -e "$folder" ] || fail "$folder is still there"
        ! grep -F "$folder" /proc/mounts || fail "mounts are left"
        for file in /proc/[0-9]*/cmdline; do
            if tr '\0' ' ' 2>/dev/null <"$file" | grep -F "$folder" >&2; then fail "a process is left: $file"; fi
        done
    done < <(folders)
}

# begin ARG...: starts it in the background; INT is not ignored there, as it would be by a plain &.
begin() {
    : >"$work/out"
    : >"$work/err"
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$try" "$@" >"$work/out" 2>"$work/err" &
    pid=$!
}

# A change that churn makes is the sign that all of it runs.
await_change() {
    local tries
    for ((tries = 0; tries < 3000; tries++)); do
        if grep -q 'web-2-old' "$work/out"; then return; fi
        kill -0 "$pid" 2>/dev/null || fail "it ended by itself"
        sleep 0.1
    done
    fail "no change was shown"
}

code_of_it() {
    local code=0
    wait "$pid" || code=$?
    pid=
    echo "$code" >"$work/code"
}

begin --for 8
code_of_it
[ "$(cat "$work/code")" = 0 ] || fail "--for ended with $(cat "$work/code")"
grep -q '^CONTAINER ID' "$work/out" || fail "no table was shown"
for name in web-1 web-2 db cache backup; do
    grep -q " $name\$" "$work/out" || fail "$name is not in the table"
done
grep -q 'unpause' "$work/out" || fail "no change was shown"
nothing_left

for signal in INT TERM HUP; do
    begin
    await_change
    kill -"$signal" "$pid"
    code_of_it
    [ "$(cat "$work/code")" = $((128 + $(kill -l "$signal"))) ] || fail "$signal ended it with $(cat "$work/code")"
    nothing_left
done

begin
await_change
for file in /proc/[0-9]*/stat; do
    # Its own child of that name, and no other.
    if read -r line 2>/dev/null <"$file" && [[ $line == *"(rollcalld) "?" $pid "* ]]; then kill -KILL "${line%% *}"; fi
done
code_of_it
[ "$(cat "$work/code")" = 1 ] || fail "without its daemon it ended with $(cat "$work/code")"
grep -q 'rollcalld ended by itself' "$work/err" || fail "it does not say that the daemon ended"
nothing_left
