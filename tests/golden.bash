# Reads the lists of golden files, for golden.bats, data/make-golden and scripts/check-cross.
# shellcheck shell=bash

GOLDEN=$ROOT/tests/data/golden
TEXTS=$GOLDEN/texts

# golden_rows LIST FUNCTION: calls FUNCTION NAME DICTIONARY TEXT RECIPE for each row; DICTIONARY is
# empty for none, a file, or parent: and a file. Stops at the first failure and names it.
golden_rows() {
    local name dictionary text recipe
    while IFS='|' read -r name dictionary text recipe; do
        name=${name%% *}
        dictionary=${dictionary// /}
        [[ -z $name || $name == '#'* ]] && continue
        case $dictionary in
            -) dictionary='' ;;
            parent:*) dictionary=parent:$TEXTS/${dictionary#parent:} ;;
            *) dictionary=$TEXTS/$dictionary ;;
        esac
        "$2" "$name" "$dictionary" "$text" "$recipe" < /dev/null && continue
        echo "golden file $name" >&2
        return 1
    done < "$GOLDEN/$1"
}

# times N FILE...: the concatenated files, N times.
times() {
    local i
    for ((i = 0; i < $1; i++)); do
        cat "${@:2}"
    done
}

# damage OFFSET LENGTH [NEW]: standard input with LENGTH bytes at OFFSET replaced by NEW.
damage() {
    local whole
    whole=$(mktemp)
    cat > "$whole"
    head -c "$1" "$whole"
    printf '%b' "${3-}"
    tail -c +$(($1 + $2 + 1)) "$whole"
    rm "$whole"
}
export -f times damage

# Runs a TEXT or RECIPE, which is a shell command, in texts/. $T is the caller's directory.
in_texts() {
    T=$PWD bash -o pipefail -c 'cd "$0" && eval "$1"' "$TEXTS" "$1"
}

# golden_unpack FILE DICTIONARY [OPTION...]: unpacks FILE to standard output.
golden_unpack() {
    if [[ $2 == parent:* ]]; then
        lpunpack --parent "${2#parent:}" "${@:3}" "$1"
    else
        lpunpack ${2:+-D "$2"} "${@:3}" "$1"
    fi
}
