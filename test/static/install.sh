#!/usr/bin/env bash
# install.sh BUILD VERSION PROGRAM...: installs BUILD into a scratch folder and looks at what lies there.
set -euo pipefail

build=$1 version=$2
shift 2
root=$(mktemp -d "${TMPDIR:-/tmp}/rc-install.XXXXXX")
trap 'rm -rf -- "$root"' EXIT
trap 'exit 130' INT TERM HUP

bad=0
complain() { printf 'FAIL: %s\n' "$*" >&2; bad=1; }

# The folders are absolute in a package: below DESTDIR, so that one outside of the prefix would show.
DESTDIR=$root cmake --install "$build" --prefix /usr >"$root.log" 2>&1 || { cat "$root.log" >&2; rm -f "$root.log"; exit 1; }
rm -f "$root.log"
(cd "$root" && find . -type f -o -type l) | sort

for program in "$@"; do
    # Only an administrator calls the daemon.
    file=$root/usr/bin/$program
    [ "$program" != rollcalld ] || file=$root/usr/sbin/$program
    if [ ! -x "$file" ]; then
        complain "${file#"$root"} is not installed, or no program"
        continue
    fi
    text=$("$file" --version 2>&1 </dev/null) || complain "$program --version fails: $text"
    [[ $text == *"$version"* ]] || complain "$program --version says '$text', expected $version in it"
    # Nothing installed may look for its libraries where it was built.
    if readelf -d "$file" | grep -E 'R(UN)?PATH'; then complain "$program has a run path"; fi
    [ "$(stat -c %a "$file")" = 755 ] || complain "$program has the mode $(stat -c %a "$file")"
done

# A public header stands alone, in C11 and in C++.
while IFS= read -r header; do
    for language in "cc -std=c11 -x c" "c++ -std=c++11 -x c++"; do
        # shellcheck disable=SC2086 # a command and its options
        printf '#include "%s"\n' "$header" |
            $language -I"$root/usr/include" -Wall -Wextra -pedantic -Werror -fsyntax-only - ||
            complain "$header does not stand alone in ${language##* }"
    done
done < <(find "$root/usr/include" -name '*.h' 2>/dev/null)

while IFS= read -r file; do
    if grep -qF -e "$root" -e "$build" "$file"; then complain "${file#"$root"} names the folder it was built in"; fi
done < <(find "$root" -type f \( -name '*.pc' -o -name '*.cmake' -o -name '*.service' -o -name '*.h' \))
exit $bad
