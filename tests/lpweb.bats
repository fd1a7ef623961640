#!/usr/bin/env bats
# lpweb: who may ask, what it answers, and that it ends. tests/web has longer tests, in a browser.

load helpers
load golden

PATH=$ROOT/tests:$PATH

setup_file() {
    [ -x "${LP_BIN:-$B/bin}/lpweb" ] || skip 'lpweb is not built: no libmicrohttpd'
    cd "$BATS_FILE_TMPDIR" || return
    serve --no-browser --port 0
    cp "$DATA/prompts/agent-rules.txt" text
}

teardown_file() {
    [ ! -e "$BATS_FILE_TMPDIR/process" ] || kill "$(< "$BATS_FILE_TMPDIR/process")" 2> /dev/null || true
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    TEXT=$BATS_FILE_TMPDIR/text
}

# What a test that failed has started ends too.
teardown() {
    local left
    left=$(jobs -p)
    # shellcheck disable=SC2086 # ids are words
    [ -z "$left" ] || kill $left 2> /dev/null || true
}

# serve OPTION...: starts lpweb, whose address goes to the file address; sets ADDRESS.
serve() {
    rm -f address # another server's, which would be read before this one starts
    lpweb "$@" > address 2> said 3>&- &
    echo $! > process
    for ((i = 0; i < 200; i++)); do
        [ ! -s address ] || break
        sleep 0.05
    done
    ADDRESS=$(< address)
}

base() {
    local address=${ADDRESS:-$(< "$BATS_FILE_TMPDIR/address")}
    echo "${address%%/#*}"
}

secret() {
    local address=${ADDRESS:-$(< "$BATS_FILE_TMPDIR/address")}
    echo "${address##*#k=}"
}

# call PATH FILE [OPTION...]: the answer to a call with a file as its body. KEY and TYPE before it
# replace the secret and the type.
call() {
    local path=$1 body=$2
    shift 2
    curl -sS -H "Lpweb-Key: ${KEY-$(secret)}" -H "Content-Type: ${TYPE-application/octet-stream}" \
        --data-binary "@$body" "$@" "$(base)/api/$path"
}

# status_of OPTION...: the HTTP status of a request.
status_of() {
    curl -sS -o body -w '%{http_code}' "$@"
}

# answers STATUS PATH FILE [OPTION...]
answers() {
    local status=$1
    shift
    [ "$(call "$@" -o body -w '%{http_code}')" = "$status" ] || fail "$*: $(head -c 300 body)"
}

@test "it prints one address with a secret, and serves the page there" {
    [[ $(< "$BATS_FILE_TMPDIR/address") =~ ^http://127\.0\.0\.1:[0-9]+/#k=[0-9a-f]{32}$ ]]
    [ "$(wc -l < "$BATS_FILE_TMPDIR/address")" -eq 1 ]
    [ ! -s "$BATS_FILE_TMPDIR/said" ]
    for file in "$ROOT"/cmd/lpweb/page/*; do
        curl -sS "$(base)/${file##*/}" | same - "$file"
    done
    curl -sS "$(base)/" | same - "$ROOT/cmd/lpweb/page/index.html"
    [ "$(cat "$ROOT"/cmd/lpweb/page/* | wc -c)" -lt 100000 ]
    [ "$(status_of "$(base)/none")" = 404 ]
}

@test "headers keep scripts, frames and other sites out; HEAD is as GET" {
    curl -sSi "$(base)/" | tr -d '\r' > got
    for line in "Content-Security-Policy: default-src 'none'; script-src 'self'" 'X-Content-Type-Options: nosniff' \
        'Referrer-Policy: no-referrer' 'Cross-Origin-Resource-Policy: same-origin' 'Cache-Control: no-store'; do
        grep -q "^$line" got || fail "$line"
    done
    refute grep -qi 'unsafe-inline\|^Access-Control' got
    refute grep -rqE '<script[^>]*>[^<]|<style|style=| on[a-z]+="|innerHTML|https?://' "$ROOT/cmd/lpweb/page/index.html"
    refute grep -rq 'innerHTML\|insertAdjacentHTML\|document\.write\|eval(' "$ROOT/cmd/lpweb/page"
    sed '/^$/q' got | grep -v '^Date' > get.headers
    curl -sSI "$(base)/" | tr -d '\r' | grep -v '^Date' | diff get.headers -
}

@test "a call needs the secret, the right host, and to come from the page" {
    answers 200 about /dev/null
    KEY=00000000000000000000000000000000 answers 403 about /dev/null
    KEY='' answers 403 about /dev/null
    [ "$(status_of -d '' -H 'Content-Type: application/octet-stream' "$(base)/api/about")" = 403 ]
    grep -q 'secret' body
    answers 421 about /dev/null -H 'Host: evil.example'
    answers 403 about /dev/null -H 'Origin: http://evil.example'
    answers 403 about /dev/null -H 'Origin: null'
    answers 200 about /dev/null -H "Origin: $(base)"
    answers 403 about /dev/null -H 'Sec-Fetch-Site: cross-site'
    answers 200 about /dev/null -H 'Sec-Fetch-Site: same-origin'
    TYPE=text/plain answers 415 about /dev/null
    [ "$(status_of -H "Lpweb-Key: $(secret)" "$(base)/api/about")" = 405 ]
    [ "$(status_of -X OPTIONS -H 'Origin: http://evil.example' "$(base)/api/about")" = 403 ]
}

@test "bodies have a length, and a limit" {
    answers 411 tokens /dev/null -H 'Transfer-Encoding: chunked'
    [ "$(printf x | call tokens - -H 'Content-Length: 200000000' -o body -w '%{http_code}')" = 413 ]
    answers 400 'tokens?level=23' "$TEXT"
    answers 400 'tokens?unknown=1' "$TEXT"
    answers 400 'tokens?encoding=nonsense' "$TEXT"
    answers 400 'compare?beside=999999' "$TEXT"
}

@test "forty clients that say nothing do not hold up another one" {
    local port fds=() fd
    port=$(base)
    port=${port##*:}
    for ((i = 0; i < 40; i++)); do
        exec {fd}<> "/dev/tcp/127.0.0.1/$port"
        printf 'GET / HTTP/1.1\r\n' >&"$fd"
        fds+=("$fd")
    done
    curl -sS -m 4 "$(base)/" | same - "$ROOT/cmd/lpweb/page/index.html"
    for fd in "${fds[@]}"; do exec {fd}>&-; done
}

@test "figures are those of lpstat --json" {
    figures='[.original_bytes, .characters, .invalid_bytes, .tokens, .limit, .best, .best_stream, (.methods[] |
        [.method, .chain, .exact, ((.blobs, .stream) | .stored_bytes?, .ratio?, .saved?, .bits_per_character?, .of_limit?,
        .original_sha256?, .restored_sha256?, .reconstruction_error?)])]'
    printf 'caf\xe9 \0 \xf0\x9f\x98\x80\n' > odd
    : > empty
    for options in '' '-e o200k_base' '--level 3'; do
        query=$(sed 's/-e /encoding=/; s/--level /level=/' <<< "$options")
        for file in "$TEXT" odd empty; do
            call "measure?ms=1&$query" "$file" | jq "$figures" > got
            # shellcheck disable=SC2086 # options are words
            lpstat --json $options "$file" | jq "$figures" | diff - got
        done
    done
    { cat "$TEXT"; head -c 500 "$TEXT"; } > both
    head -c 500 "$TEXT" > child
    call "measure?ms=1&beside=$(size "$TEXT")" both | jq "$figures" > got
    lpstat --json --parent "$TEXT" child | jq "$figures" | diff - got
    call 'measure?ms=1&quick=1' "$TEXT" | jq -e '[.methods[].chain] | all(. != "tokens+mix")'
}

@test "tokens are those of lptok, their bits what lpmix takes" {
    call tokens "$TEXT" > got
    [ "$(jq -r '.ids | join(" ")' got)" = "$(lptok --ids "$TEXT")" ]
    [ "$(jq '.sizes | add' got)" = "$(size "$TEXT")" ]
    bytes=$(jq '.centibits | add / 800 | floor' got) blob=$(lptok --blob "$TEXT" | lpmix --blob | wc -c)
    [ "$bytes" -le "$blob" ] && [ "$bytes" -gt $((blob - 16)) ]
    call 'tokens?encoding=gpt2' "$TEXT" | jq -e '.centibits == null'
    call counts "$TEXT" | jq -r '.encodings[] | "\(.name) \(.tokens)"' | while read -r name tokens; do
        [ "$(lptok -c -e "$name" "$TEXT" | grep -o '^ *[0-9]*')" -eq "$tokens" ] || fail "$name"
    done
    echo '[{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi", "refusal": null}]' > chat
    [ "$(call chat chat | jq -c '[.messages, .tokens, .uncounted]')" = '[[5,5],13,"refusal"]' ]
    [ "$(lptok -c --chat -q chat | grep -o '^ *[0-9]*')" -eq 13 ]
    answers 422 chat "$TEXT"
}

@test "what it packs is what the commands write" {
    lptok --blob "$TEXT" > tokens.blob
    lptok "$TEXT" > tokens.lp
    call 'pack?method=token' "$TEXT" | same - tokens.blob
    call 'pack?method=token&stream=1' "$TEXT" | same - tokens.lp
    call 'pack?method=hybrid&level=5' "$TEXT" | same - <(lpzstd --blob -5 tokens.blob)
    call 'pack?method=mix' "$TEXT" | same - <(lpmix --blob tokens.blob)
    call 'pack?method=mix-fast&stream=1' "$TEXT" | same - <(lpmix --fast tokens.lp)
    call 'pack?method=zstd' "$TEXT" | same - <(lpzstd --blob "$TEXT")
    call 'pack?method=window&stream=1' "$TEXT" | same - <(lpwin tokens.lp | lpmix)
    cat "$TEXT" "$TEXT" > both
    call "pack?method=window&beside=$(size "$TEXT")" both | lpunpack --parent "$TEXT" | same - "$TEXT"
    answers 400 'pack?method=window' "$TEXT"
    answers 400 'pack?method=none' "$TEXT"
}

@test "packed files: segments, records, search, damage and text are those of lpunpack" {
    lptok -L -B 1K "$TEXT" > lines.lp
    lptok --blob "$TEXT" | lpmix --blob > one.blob
    for file in lines.lp one.blob; do
        call stored "$file" | jq '.items | map(del(.file))' > got
        lpunpack -l --json "$file" | jq '(.items? // .) | map(del(.file))' | diff - got
        call text "$file" | same - "$TEXT"
    done
    call 'record?first=3' lines.lp | same - <(lpunpack -r 3 lines.lp)
    answers 422 'record?first=999' lines.lp
    { printf the; cat lines.lp; } > searched
    call 'records?beside=3&count=1000' searched | jq -r '.records[].number' > got
    lpunpack lines.lp | grep -n the | cut -d: -f1 | diff - got
    call 'records?first=2&count=3' lines.lp | jq -e '[.records[].number] == [2, 3, 4]'
    cp lines.lp damaged.lp
    printf '\377\377' | dd of=damaged.lp bs=1 seek=400 conv=notrunc 2> /dev/null
    call records damaged.lp > got
    jq -e '.losses | length == 1 and .[0].records > 0' got
    call text damaged.lp > rescued
    lpunpack --recover damaged.lp 2> /dev/null | same - rescued
    call stored "$TEXT" | jq -e '.kind == null'
    answers 422 text "$TEXT"
}

# Records 3 and 8 are longer than a block. Damage to a block's header leaves no block to be refused.
@test "of a damaged stream each record has its own number, and is of one record" {
    local at
    for ((i = 1; i <= 10; i++)); do
        printf 'record %d %s\n' $i "$([[ $i != [38] ]] || seq -s ' ' 900)"
    done > records
    lptok -L -B 1K records > records.lp
    [ "$(lpstream-decoder -l records.lp | grep -c " [89ab]. ")" -gt 5 ]
    for at in 1 40; do
        for block in $(lpstream-decoder -l records.lp | awk '$2 ~ /^[89ab]/ { print $1 }'); do
            damage $((block + at)) 1 '\0377' < records.lp > bad
            call records bad > got
            jq -e '.losses | length == 1' got > /dev/null
            jq -r '.records[] | select(.start | startswith("record")) | "\(.number) \(.start | rtrimstr("\n"))"' got |
                awk '$2 != "record" || $1 != $3 + 0 { print; bad = 1 } END { exit bad }'
            jq -e '[.records[] | select(.start | startswith("record") | not)]
                | all(.number == 3 or .number == 8)' got > /dev/null
            jq -e '[.records[] | select(.number != 3 and .number != 8)] | all(.bytes < 13)' got
        done
    done
    cat records.lp records.lp | damage 1 1 x > bad # the first header
    call records bad | jq -e '[.records[].number] == [range(1; 21)]'
}

@test "two texts: what both have is found" {
    printf 'One two three four five. Something else.' > a
    printf 'But: two three four five. The end.' > b
    cat a b > both
    call "compare?beside=$(size a)" both | jq -c '[.shared, .shared_bytes, .shared_tokens]' > got
    out=$(< got)
    [ "$out" = '[[[4,3,21]],21,5]' ] || fail "$out"
    cat a a > both
    call "compare?beside=$(size a)" both | jq -e ".shared == [[0, 0, $(size a)]]"
    printf x | cat a - > both
    call "compare?beside=$(size a)" both | jq -e '.shared == []'
}

# The first port from 8501 on that is free on both addresses.
free_port() {
    python3 - << 'END'
import socket

def listens(port):
    held = []
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        try:
            held.append(socket.socket(family))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held[-1].bind((address, port))
            held[-1].listen()
        except OSError as error:
            if family == socket.AF_INET or "in use" in str(error):
                return False
    return True

print(next(port for port in range(8501, 8601) if listens(port)))
END
}

# Starts lpweb on a port of its choice, which must be the first that is free. Ports that others take
# or leave in between are no fault: it is started again then, on a new choice.
serve_first() {
    for _ in 1 2 3 4 5 6; do
        local expected
        expected=$(free_port)
        serve --no-browser
        [ "$(base)" != "http://127.0.0.1:$expected" ] || return 0
        kill "$(< process)"
        wait "$(< process)" || true
    done
    fail "$(base) is not the first free port, $expected"
}

@test "the port is 8501 or the next that is free, or the one that is asked for" {
    serve --no-browser --port 0
    first=$(base) process=$(< process)
    fails 1 'is in use' lpweb --no-browser --port "${first##*:}"
    kill "$process"
    wait "$process"
    serve_first
    one=$(base) process=$(< process)
    serve_first
    [ "$(base)" != "$one" ]
    kill "$process" "$(< process)"
    wait
}

@test "both 127.0.0.1 and ::1 are served" {
    port=$(base)
    port=${port##*:}
    [ "$(status_of "http://localhost:$port/")" = 200 ]
    grep -q 00000000000000000000000001000000 /proc/net/if_inet6 2> /dev/null ||
        grep -q '^00000000000000000000000000000001' /proc/net/if_inet6 2> /dev/null || skip 'no ::1'
    [ "$(status_of -g "http://[::1]:$port/")" = 200 ]
}

@test "signals end it cleanly, in the middle of a call too" {
    head -c 300000 /dev/urandom | od > long
    for signal in TERM HUP; do # INT is ignored by what a script runs in the background
        [[ $(trap -p $signal) != *"''"* ]] || continue # as under nohup
        serve --no-browser --port 0
        process=$(< process)
        call measure long > /dev/null 2>&1 3>&- &
        sleep 0.3
        kill -s $signal "$process"
        status=0
        wait "$process" || status=$?
        [ $status -eq 0 ] || fail "$signal: $status"
        [ ! -s said ] || fail "$(cat said)"
        wait || true
    done
}

@test "what reads texts is confined" {
    [[ $(lpweb --version) == *seccomp* ]] || skip 'no seccomp here'
    head -c 300000 /dev/urandom | od > long
    call measure long > /dev/null 2>&1 3>&- &
    server=$(< "$BATS_FILE_TMPDIR/process")
    for ((i = 0; i < 100; i++)); do
        read -r worker _ < "/proc/$server/task/$server/children" || true
        [ -z "$worker" ] || ! grep -q '^Seccomp:.*2' "/proc/$worker/status" || break
        sleep 0.05
    done
    grep -q '^Seccomp:.*2' "/proc/$worker/status"
    [ "$(readlink "/proc/$worker/fd/0")" = /dev/null ]
    [ "$(find "/proc/$worker/fd" -lname 'socket:*' | wc -l)" -eq 0 ]
    kill %1
}

@test "the browser gets a ticket that opens the page once, not the secret" {
    mkdir bin
    printf '#!/bin/sh\nprintf "%%s\\n" "$@" > "%s/opened"\n' "$PWD" > bin/xdg-open
    chmod +x bin/xdg-open
    PATH=$PWD/bin:$PATH DISPLAY=:9 serve --port 0
    for ((i = 0; i < 100; i++)); do
        [ ! -s opened ] || break
        sleep 0.05
    done
    process=$(< process)
    refute grep -q "$(secret)" opened
    [ "$(status_of "$(sed 's/.$/x/' opened)")" = 410 ]
    curl -sSi "$(cat opened)" | tr -d '\r' | grep -q "^Location: /#k=$(secret)$"
    [ "$(status_of "$(cat opened)")" = 410 ]
    kill "$process"
    wait "$process"
}

@test "--bind warns, and takes an address only" {
    fails 2 'not an address' lpweb --bind example.org --no-browser
    fails 2 'drop' lpweb text
    fails 2 '--port' lpweb --port 70000
    serve --no-browser --port 0 --bind 0.0.0.0
    grep -q '^lpweb: others can connect' said || fail "$(cat said)"
    kill "$(< process)"
    wait "$(< process)"
}
