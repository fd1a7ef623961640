#!/bin/bash -eu
# Build the fuzz targets in the container of OSS-Fuzz, which sets CC, CXX, their flags,
# LIB_FUZZING_ENGINE and OUT. Runs in the root of the source. libzstd is linked statically: where
# the targets run there is none.
b=build/oss-fuzz
export ASAN_OPTIONS=detect_leaks=0 # in programs that only build
read -ra flags <<< "$CXXFLAGS $LIB_FUZZING_ENGINE"

# The object file of a source.
object() {
    echo "$b/obj/${1%.c}.o"
}

objects=() shared=()
for source in tests/fuzz/*.c tests/fuzz/shared/*.c; do
    objects+=("$(object "$source")")
done
for source in tests/fuzz/shared/*.c; do
    [[ $source == */replay.c ]] || shared+=("$(object "$source")")
done
make -j"$(nproc)" B=$b CC="$CC" CFLAGS="$CFLAGS" COMMANDS= all "${objects[@]}"

mkdir -p "$OUT/vocab"
cp $b/vocab/*.lp[vm] "$OUT/vocab"
for source in tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    "$CXX" -o "$OUT/$target" "$(object "$source")" "${shared[@]}" $b/lib/liblp.a "${flags[@]}" \
        -l:libzstd.a -pthread
    printf '[libfuzzer]\nmax_len = 16384\ntimeout = 10\n' > "$OUT/$target.options"
    rm -rf $b/seeds
    scripts/fuzz --seed "$target" $b/seeds
    zip -q -j "$OUT/${target}_seed_corpus.zip" $b/seeds/*
done
