#!/usr/bin/env bash
# Runs shellcheck on every shell script of the project and a syntax check on every Python script, known by their
# first line or their name; also those that are not committed yet.
set -euo pipefail
cd "$(dirname "$0")/../.."

shell=() python=()
while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    first=
    IFS= read -r first <"$file" 2>/dev/null || true
    case $first:$file in
    '#!'*[/\ ]bash:* | '#!'*[/\ ]sh:* | *.sh) shell+=("$file") ;;
    '#!'*python3:* | *.py) python+=("$file") ;;
    esac
    # A checkout that belongs to somebody else is ours to look at all the same.
done < <(git -c safe.directory='*' ls-files -z --cached --others --exclude-standard -- . ':!test/captures')
if [ ${#shell[@]} -eq 0 ] || [ ${#python[@]} -eq 0 ]; then
    echo "no scripts were found: ${#shell[@]} shell, ${#python[@]} Python" >&2
    exit 1
fi

code=0
shellcheck -x -- "${shell[@]}" || code=1
# Parsed, not compiled: that would leave files.
python3 - "${python[@]}" <<'EOF' || code=1
import ast
import sys

bad = False
for path in sys.argv[1:]:
    try:
        with open(path, encoding="utf-8") as f:
            ast.parse(f.read(), path)
    except (SyntaxError, UnicodeDecodeError) as e:
        print(f"{path}: {e}")
        bad = True
sys.exit(bad)
EOF
echo "${#shell[@]} shell scripts, ${#python[@]} Python scripts"
exit $code
