#!/usr/bin/env bats
# The benchmarks run. Their figures are not tested.

load helpers

setup_file() {
    export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # a benchmark keeps its corpus to the end
    make -s -C "$BATS_TEST_DIRNAME/.." bench > "$BATS_FILE_TMPDIR/table"
}

@test "make bench prints a line for each method, with figures" {
    cat "$BATS_FILE_TMPDIR/table"
    grep -Eq '^42 records, [0-9]+ bytes, cl100k_base' "$BATS_FILE_TMPDIR/table"
    for method in lpzstd lptok 'lptok \| lpzstd'; do
        grep -Eq "^$method  +[0-9]+\.[0-9]+ +[0-9]+\.[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$" \
            "$BATS_FILE_TMPDIR/table"
    done
    grep -Eq '^lptok, used +- +- +[0-9.]+' "$BATS_FILE_TMPDIR/table"
}

@test "each benchmark has --help and refuses what it does not know" {
    for script in "$ROOT"/scripts/bench-*; do
        expect 0 "$script" --help
        grep -q "^usage: $(basename "$script")" out
        expect 2 "$script" --no-such-option
    done
}

@test "bench-peers names the peers that it cannot have, and measures the rest" {
    for file in "$DATA"/prompts/*.txt; do
        cat "$file"
        printf '\0'
    done > corpus.nul
    export PIP_NO_INDEX=1 PIP_CONFIG_FILE=/dev/null CARGO_NET_OFFLINE=true CARGO_HOME=$PWD/cargo
    expect 0 "$ROOT/scripts/bench-peers" --peers peers --runs 1 --limit 20000 -o figures.csv corpus.nul
    for peer in 'LoPace hybrid' 'brotli -11' 'PPMd (7z)' 'tiktoken (Python)' 'quicktok (C++)' \
        'gigatoken (Python)' 'fastokens (Rust)' 'snaptokens (Rust)' 'toktok (Rust)' \
        'bpe-openai (Rust)'; do
        grep -qF "skipped: $peer: " figures.csv
        if grep -qF ",$peer," figures.csv; then
            fail "$peer was measured"
        fi
    done
    # our methods, and xz, which comes with Python
    grep -q '^corpus,cl100k_base,packer,hybrid,lptok | lpzstd,1,' figures.csv
    grep -q '^corpus,cl100k_base,packer,xz,xz -9e,0,' figures.csv
    for state in used others new; do
        grep -q "^corpus,cl100k_base,tokeniser,lptok-$state," figures.csv
    done
    grep -Eq '^lptok +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' out
    expect 1 "$ROOT/scripts/bench-peers" no-such-file
    err_line bench-peers "no such file"
}

@test "bench-logs restores what it packs, and writes a row for each" {
    cat "$DATA"/prompts/*.txt > log.jsonl
    tr '\n' '\0' < log.jsonl > log.nul
    expect 0 "$ROOT/scripts/bench-logs" -o logs.csv log.jsonl
    grep -Eq '^lptok -L \| lpwin \| lpmix +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+$' out
    grep -Eq '^zstd -3 --long=27 +[0-9.]+ ' out
    grep -q '^log.jsonl,[0-9]*,lptok -L | lpwin | lpzstd -19,[0-9]' logs.csv
    expect 0 "$ROOT/scripts/bench-logs" -0 log.nul
    grep -q '^lptok -0 | lpwin' out
    expect 0 "$ROOT/scripts/bench-logs" --parents 2 log.jsonl
    grep -Eq '^2 records by themselves, ' out
    grep -Eq '^lptok --blob \| lpwin --blob --parent PARENT \| lpmix --blob +[0-9.]+ +[0-9.]+ B$' out
    expect 1 "$ROOT/scripts/bench-logs" no-such-file
    err_line bench-logs 'no such file'
}

@test "bench-grep compares counts with ripgrep, then times searches" {
    command -v rg > /dev/null || skip 'no ripgrep'
    expect 0 "$ROOT/scripts/bench-grep" --runs 1 "$DATA"/prompts/*.txt
    grep -qx "50 patterns: the counts are ripgrep's" out
    [ "$(grep -c x$ out)" -ge 10 ]
}

@test "the worker refuses a method and groups that are not there" {
    printf 'text' > one.txt
    expect 1 "$B/bench/bench" -w -V "$B/vocab" no-such-method one.txt 1 sizes
    expect 1 "$B/bench/bench" -w -V "$B/vocab" zstd one.txt 2 sizes
}

@test "bench-growth restores what it packs, and writes a row for each command" {
    expect 0 "$ROOT/scripts/bench-growth" --max 10k -o growth.csv
    grep -q '^pipeline,bytes,stored,command,wall_s,cpu_s,memory_mb,runs$' growth.csv
    for size in 1000 10000; do
        grep -q "^lptok | lpzstd,$size,[0-9]*,lpzstd,[0-9.]*,[0-9.]*,[0-9.]*,9$" growth.csv
        grep -q "^lptok | lpzstd,$size,[0-9]*,lpunpack," growth.csv
    done
}

@test "bench-plots draws every figure that the CSVs have" {
    command -v gnuplot > /dev/null || skip "gnuplot is not installed"
    cat > peers.csv << 'CSV'
# machine: any
corpus,encoding,kind,method,label,ours,version,group,records,bytes,stored,ratio_mean,ratio_total,ratio_q1,ratio_median,ratio_q3,saved_mean,pack_mbs,pack_min,pack_max,unpack_mbs,unpack_min,unpack_max,memory_mb,runs
c,cl100k_base,packer,hybrid,lptok | lpzstd,1,1,all,9,9000,3000,3.1,3,2.5,3,3.5,0.66,20,19,21,200,190,210,9,5
c,cl100k_base,packer,hybrid,lptok | lpzstd,1,1,under 1 kB,5,2000,700,2.9,2.8,2.5,3,3.5,0.64,20,19,21,200,190,210,9,5
c,cl100k_base,packer,hybrid,lptok | lpzstd,1,1,1 to 4 kB,4,7000,2300,3.2,3.1,2.5,3,3.5,0.68,20,19,21,200,190,210,9,5
c,cl100k_base,packer,brotli,brotli -11,0,1,all,9,9000,3600,2.4,2.5,2.2,2.4,2.6,0.58,0.7,0.6,0.8,90,80,100,4,5
c,cl100k_base,packer,brotli,brotli -11,0,1,under 1 kB,5,2000,900,2.2,2.3,2.2,2.4,2.6,0.55,0.7,0.6,0.8,90,80,100,4,5
c,cl100k_base,packer,brotli,brotli -11,0,1,1 to 4 kB,4,7000,2700,2.6,2.7,2.2,2.4,2.6,0.6,0.7,0.6,0.8,90,80,100,4,5
c,cl100k_base,tokeniser,lptok-used,"lptok, used",1,1,all,9,9000,,,,,,,,90,80,100,400,390,410,8,5
c,cl100k_base,tokeniser,lptok-new,"lptok, new",1,1,all,9,9000,,,,,,,,50,40,60,400,390,410,8,5
c,cl100k_base,tokeniser,tiktoken,tiktoken (Python),0,1,all,9,9000,,,,,,,,5,4,6,40,39,41,40,5
CSV
    cat > growth.csv << 'CSV'
pipeline,bytes,stored,command,wall_s,cpu_s,memory_mb,runs
lptok | lpzstd,1000,400,lpzstd,0.002,0.001,5,9
lptok | lpzstd,1000,400,lpunpack,0.002,0.001,5,9
lptok | lpzstd,10000,4000,lpzstd,0.004,0.002,6,9
lptok | lpzstd,10000,4000,lpunpack,0.004,0.002,5,9
CSV
    expect 0 "$ROOT/scripts/bench-plots" -o plots peers.csv growth.csv
    for plot in compression_ratio space_savings disk_size speed memory comprehensive tokenisers \
        scalability; do
        grep -q '</svg>' "plots/$plot.svg"
        grep -q '<style>@media (prefers-color-scheme: dark)' "plots/$plot.svg"
        python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "plots/$plot.svg"
    done
    for plot in compression_ratio disk_size speed memory; do # what the colours mean
        grep -q '>others<' "plots/$plot.svg" || fail "$plot"
    done
    grep -q gpPt7 plots/speed.svg && grep -q logarithmic plots/speed.svg # points, no bars
    refute grep -q logarithmic plots/memory.svg
    sed 's/,10000,4000,lpunpack/,5000,2000,lpunpack/' growth.csv > short.csv
    expect 0 "$ROOT/scripts/bench-plots" -o plots peers.csv short.csv
    grep -q '>lpunpack after lpzstd, to 5 kB<' plots/scalability.svg
    grep -q '>3\.10<' plots/compression_ratio.svg
    expect 1 "$ROOT/scripts/bench-plots" -o plots growth.csv
}

@test "bench-commands times each command on small prompts" {
    expect 0 "$ROOT/scripts/bench-commands" --quick -o commands.csv
    for command in /bin/true lptok lpzstd 'lptok | lpzstd' 'lpunpack, of zstd'; do
        grep -Eq "^1000,\"?${command//|/\\|}\"?,[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+,21$" commands.csv
    done
    grep -q '^300000,lptok,' commands.csv
}
