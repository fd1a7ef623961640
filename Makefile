# GNU make. `make help` lists the targets.

VERSION := $(shell sed -n 's/^\#define LP_VERSION_M[A-Z]* *//p; s/^\#define LP_VERSION_PATCH *//p' lib/lp.h | paste -sd. -)
SOVERSION := 0

CC ?= cc
AR ?= ar
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/lopace
# Prefix of each command's name and page: TOOLPREFIX=x- installs x-lptok.
TOOLPREFIX ?=
# The Python that make wheel builds for: any from 3.11 on, with its headers.
PYTHON ?= python3
# Emulator for programs built for another machine.
RUN ?=
# Build directory.
B ?= build
# Jobs that check and the like run at once.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

comma := ,
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
ZSTD_CFLAGS := $(shell $(PKG_CONFIG) --cflags libzstd 2>/dev/null)
ZSTD_LIBS := $(shell $(PKG_CONFIG) --libs libzstd 2>/dev/null || echo -lzstd)
DEFINES := -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64
# dladdr(), in libc since glibc 2.34.
DL_LIBS := $(if $(filter Linux,$(shell uname -s)),-ldl)
# lpstat alone: SHA-256.
CRYPTO_CFLAGS := $(shell $(PKG_CONFIG) --cflags libcrypto 2>/dev/null)
CRYPTO_LIBS := $(shell $(PKG_CONFIG) --libs libcrypto 2>/dev/null || echo -lcrypto)
# The extension of PostgreSQL alone, which its own makefiles build and install.
PG_CONFIG ?= pg_config
PGXS = $(MAKE) --no-print-directory -C $B/postgres -f $(CURDIR)/lib/ext/postgres/Makefile \
	CC='$(CC)' PG_CONFIG='$(PG_CONFIG)' LIBLP='$(abspath $B/lib/liblp.a)' LP_CFLAGS='$(CFLAGS)' LP_LIBS='$(LIBS)'
# The extension of SQLite alone, which needs its headers.
SQLITE_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 2>/dev/null)
# lpgrep alone: regular expressions.
PCRE2_CFLAGS := $(shell $(PKG_CONFIG) --cflags libpcre2-8 2>/dev/null)
PCRE2_LIBS := $(shell $(PKG_CONFIG) --libs libpcre2-8 2>/dev/null || echo -lpcre2-8)
# lpweb alone: HTTP. It is left out where that is not there for the machine that CC builds for.
MHD_CFLAGS := $(shell $(PKG_CONFIG) --cflags libmicrohttpd 2>/dev/null)
MHD_LIBS := $(shell $(PKG_CONFIG) --libs libmicrohttpd 2>/dev/null || echo -lmicrohttpd)
HAVE_MHD := $(shell printf '\043include <microhttpd.h>\nint main(void) { return MHD_get_version() == 0; }\n' | \
	$(CC) $(MHD_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -x c - -o /dev/null $(MHD_LIBS) 2>/dev/null && echo yes)
ALL_CFLAGS = -std=c11 $(DEFINES) -Ilib -Icmd -fPIC -fvisibility=hidden -MMD -MP $(WARN) \
	$(ZSTD_CFLAGS) $(CRYPTO_CFLAGS) $(PCRE2_CFLAGS) -pthread $(CPPFLAGS) $(CFLAGS)
LIBS = $(ZSTD_LIBS) -pthread $(DL_LIBS)
# LDFLAGS=-static: there is no shared library, and the commands have the static one within.
STATIC := $(filter -static%,$(LDFLAGS))
LIBLP = $(if $(STATIC),$B/lib/liblp.a,$B/lib/$(SHLINK))

ifeq ($(shell uname -s),Darwin)
SHLIB := liblp.$(SOVERSION).dylib
SHLINK := liblp.dylib
SHFLAGS = -dynamiclib -install_name @rpath/$(SHLIB)
RPATH = -Wl,-rpath,@loader_path/../lib -Wl,-rpath,'$(LIBDIR)'
LOPACE_SO := lopace.dylib
LOPACE_FLAGS = -dynamiclib -Wl,-exported_symbol,_sqlite3_lopace_init
DEFINES += -D_DARWIN_C_SOURCE
else
SHLIB := liblp.so.$(SOVERSION)
SHLINK := liblp.so
SHFLAGS = -shared -Wl,-soname,$(SHLIB)
RPATH = -Wl,-rpath,'$$ORIGIN/../lib:$(LIBDIR)'
LOPACE_SO := lopace.so
LOPACE_FLAGS = -shared -Wl,-soname,lopace.so -Wl,--exclude-libs,ALL
endif

# The trainer is not in the library: lptrain links it, and the static library.
objects = $(patsubst %.c,$B/obj/%.o,$(wildcard $(1)))
TRAIN_OBJ := $(call objects,lib/train/*.c)
LIB_OBJ := $(filter-out $(TRAIN_OBJ),$(call objects,lib/*.c lib/*/*.c))
# A command is cmd/lpNAME.c, or a folder cmd/lpNAME/ with a file lpNAME.c; and lopace.
# lpless is a script, and lpcat another name.
COMMANDS := lopace lpcat lpless $(basename $(notdir $(wildcard cmd/lp*.c))) $(notdir $(wildcard cmd/lp*[a-z]))
COMMANDS := $(sort $(filter-out %.c $(if $(HAVE_MHD),,lpweb),$(COMMANDS)))
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
ENCODINGS := $(shell sed -n 's/^encoding \([^ ]*\).*/\1/p' vocab/encodings)
VOCABS := $(ENCODINGS:%=$B/vocab/%.lpv)
MODELS := $(patsubst vocab/%.lpm.zst,$B/vocab/%.lpm,$(wildcard vocab/*.lpm.zst))
PAGES := $(wildcard man/*.[1-9])
PROMPTS := $(wildcard tests/data/prompts/*.txt) # for the examples of lopace-guide(7)

.DELETE_ON_ERROR:
.SECONDARY:

all: $(COMMANDS:%=$B/bin/%) $B/lib/liblp.a $(LIBLP) $(VOCABS) $(MODELS) ## build the commands, the library, the vocabularies and models
	@$(if $(HAVE_MHD),:,echo 'lpweb is left out: it needs libmicrohttpd (scripts/deps --install web)' >&2)

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile

# Names missing packages, for each package manager; installs nothing.
$B/obj/deps: scripts/deps
	@mkdir -p $(@D)
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' CFLAGS='$(ZSTD_CFLAGS) $(CRYPTO_CFLAGS) $(PCRE2_CFLAGS) $(CFLAGS)' \
		scripts/deps core $(filter lpstat lpgrep,$(COMMANDS))
	@touch $@

# A change of flags rebuilds everything, one of places what has them in it.
$B/obj/flags: WORDS := $(CC) $(AR) $(DEFINES) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)
$B/obj/places: WORDS := $(DATADIR) $(LIBDIR)
$B/obj/flags $B/obj/places: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(WORDS))' | cmp -s - $@ || echo '$(subst ','\'',$(WORDS))' > $@

$B/obj/lib/paths.o: DEFINES += -DLP_DATADIR='"$(DATADIR)"'
$B/obj/lib/paths.o $(patsubst %,$B/bin/%,$(filter-out lptrain,$(COMMANDS))): $B/obj/places

$B/obj/%.o: %.c $B/obj/flags $B/obj/deps
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/lib/liblp.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && $(AR) rcs $@ $^

$B/lib/$(SHLIB): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(SHFLAGS) -o $@ $^ $(LIBS)

$B/lib/$(SHLINK): $B/lib/$(SHLIB)
	ln -sf $(SHLIB) $@

# SQLite makes the symbols of its extensions global, so this one has the library within and shows
# its entry point alone.
$B/obj/lib/ext/sqlite/%.o: ALL_CFLAGS += $(SQLITE_CFLAGS)
$B/lib/$(LOPACE_SO): $(call objects,lib/ext/sqlite/*.c lib/ext/shared/*.c) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LOPACE_FLAGS) -o $@ $^ $(LIBS)

$B/obj/cmd/shared.a: $(call objects,cmd/shared/*.c)
	rm -f $@ && $(AR) rcs $@ $^

$B/bin/lpless: scripts/lpless
	@mkdir -p $(@D)
	cp scripts/lpless $@
$B/bin/lpcat: $B/bin/lpunpack
	ln -sf lpunpack $@

# What measures needs libcrypto.
$B/obj/cmd/measure.a: $(call objects,cmd/measure/*.c)
	rm -f $@ && $(AR) rcs $@ $^

$B/bin/lpstat: $B/obj/cmd/measure.a
$B/bin/lpstat: COMMAND_LIBS = $(CRYPTO_LIBS) -lm
$B/bin/lpentropy: COMMAND_LIBS = -lm
$B/bin/lpgrep: COMMAND_LIBS = $(PCRE2_LIBS)
$B/bin/lpweb: $B/obj/cmd/measure.a
$B/bin/lpweb: COMMAND_LIBS = $(MHD_LIBS) $(CRYPTO_LIBS) -lm
.SECONDEXPANSION:
$B/bin/%: $$(call objects,cmd/$$*.c cmd/$$*/*.c) $B/obj/cmd/shared.a $(LIBLP)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %/measure.a,$^) $B/obj/cmd/shared.a \
		$(if $(STATIC),$B/lib/liblp.a $(LIBS),-L$B/lib -llp $(RPATH)) $(COMMAND_LIBS) -pthread

# The page, compiled in.
$B/obj/cmd/lpweb/%.o: ALL_CFLAGS += $(MHD_CFLAGS)
PAGE := $(sort $(wildcard cmd/lpweb/page/*))
$B/page/page_files.c: scripts/make-page $(PAGE)
	@mkdir -p $(@D)
	scripts/make-page $(PAGE) > $@
$B/page/page_files.o: $B/page/page_files.c $B/obj/flags
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$B/bin/lpweb: $B/page/page_files.o

# Loops over vectors: -O3 makes mixing a fifth faster.
$B/obj/lib/mix/run_portable.o $B/obj/lib/mix/run_avx2.o $B/obj/lib/train/cluster.o $B/obj/lib/train/net.o: ALL_CFLAGS += -O3
$B/bin/lptrain: $(call objects,cmd/lptrain/*.c) $B/obj/cmd/shared.a $(TRAIN_OBJ) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lm

$B/vocab/compile: $B/obj/vocab/compile.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/vocab/%.lpv: $B/vocab/compile vocab/encodings $(wildcard vocab/*.tiktoken vocab/*.ranking)
	$(RUN) $B/vocab/compile vocab $* $@.new
	mv $@.new $@ # processes that have the old one open keep it

$B/vocab/model: $B/obj/vocab/model.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/vocab/%.lpm: $B/vocab/model vocab/%.lpm.zst
	$(RUN) $B/vocab/model expand vocab/$*.lpm.zst $@.new
	mv $@.new $@

# Unit tests use internal functions, so they link the static library.
$B/unit/%: $B/obj/tests/unit/%.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# This one uses the trainer's internal functions too.
$B/unit/train: $B/obj/tests/unit/train.o $(TRAIN_OBJ) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lm

# Calls that fail: a library for LD_PRELOAD, and a program with the same functions in it; with a
# sanitizer, which has functions of its own in their places, the linker puts them before these.
ifneq ($(shell $(CC) -dM -E -include features.h -x c /dev/null 2>/dev/null | grep -w __GLIBC__),)
INJECT := $B/inject/api
INJECTED := malloc calloc realloc aligned_alloc free open64 read pread64 write close fsync fstat64 \
	fchmod rename mmap64 pthread_create
ifneq ($(findstring sanitize,$(CFLAGS)),)
$B/obj/tests/inject/%.o: DEFINES += -DINJECT_WRAP
$B/inject/api: LDFLAGS += $(INJECTED:%=-Wl,--wrap=%)
else
INJECT += $B/inject/inject.so
INJECT_SQLITE := $B/inject/sqlite
INJECT_POSTGRES := $B/inject/postgres.so
endif
endif
$B/inject/api: $B/obj/tests/inject/api.o $B/obj/tests/inject/inject.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$B/obj/tests/inject/sqlite.o: ALL_CFLAGS += $(SQLITE_CFLAGS)
$B/inject/sqlite: $B/obj/tests/inject/sqlite.o $B/obj/tests/inject/inject.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -rdynamic -o $@ $^ -lsqlite3 -ldl -pthread
$B/obj/tests/inject/postgres.o: ALL_CFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server) -fvisibility=default
$B/inject/postgres.so: $B/obj/tests/inject/postgres.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -o $@ $^
$B/inject/inject.so: $B/obj/tests/inject/preload.o $B/obj/tests/inject/inject.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -o $@ $^ -ldl

# Targets for a fuzzer. FUZZ_ENGINE is what calls them: the flags of a fuzzer, or replay.c.
FUZZ_ENGINE ?= $B/obj/tests/fuzz/shared/replay.o
FUZZ_OBJ := $(patsubst %.c,$B/obj/%.o,$(filter-out %/replay.c,$(wildcard tests/fuzz/shared/*.c)))
$B/fuzz/%: $B/obj/tests/fuzz/%.o $(FUZZ_OBJ) $(filter %.o,$(FUZZ_ENGINE)) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter-out $(FUZZ_ENGINE),$^) $(FUZZ_ENGINE) $(LIBS)

# The compiled half of the Python package, with liblp and zstd in it, and its wheel.
PYTHON_INCLUDE = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')
WHEEL_ZSTD = $(firstword $(filter /%,$(shell $(CC) -print-file-name=libzstd.a)) $(ZSTD_LIBS))
WHEEL_FLAGS := $(if $(filter Darwin,$(shell uname -s)),-undefined dynamic_lookup \
	-Wl$(comma)-exported_symbol$(comma)_PyInit__lp,-Wl$(comma)--exclude-libs$(comma)ALL)
$B/obj/lib/ext/python/%.o: ALL_CFLAGS += -isystem $(PYTHON_INCLUDE) -Wno-pedantic
$B/python/_lp.abi3.so: $(call objects,lib/ext/python/*.c) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(WHEEL_FLAGS) -shared -o $@ $^ $(WHEEL_ZSTD) -pthread
$B/python/wheel: $B/python/_lp.abi3.so $(VOCABS) $(MODELS) lib/ext/python/make-wheel \
		$(wildcard lib/ext/python/*.py lib/ext/python/liblopace/*)
	rm -f $B/python/*.whl
	$(PYTHON) lib/ext/python/make-wheel $(VERSION) $< $B/vocab $B/python > $@

units: $(UNITS:%=$B/unit/%) $(INJECT) $(FUZZ:%=$B/fuzz/%)

$B/bench/%: $B/obj/tests/bench/%.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/soak/soak: $(patsubst %.c,$B/obj/%.o,$(wildcard tests/soak/*.c)) $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

bench-tok: $B/bench/tok $(VOCABS) # used by scripts/bench-instructions; to run it alone see tests/bench/tok.c

wheel: ## build the Python package, install it into a clean environment and test it there
	@scripts/deps --install wheel
	@$(MAKE) --no-print-directory all $B/python/wheel
	B='$B' PYTHON='$(PYTHON)' bats tests/wheel.bats
	@echo "pip install $$(cat $B/python/wheel)"

engines: ## install data engines (PyPI, Debian) into build/engines and run the recipes for them
	@scripts/deps --install wheel
	@$(MAKE) --no-print-directory all $B/python/wheel
	B='$B' PYTHON='$(PYTHON)' scripts/engines --install

demo: ## install what is missing, build, pack and restore a sample
	@scripts/deps --install build
	@$(MAKE) --no-print-directory all
	@scripts/demo $B

# To build with when make itself was not told how many jobs to run.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

check: ## install what is missing, build, run all tests
	@scripts/deps --install check
	@$(MAKE) --no-print-directory $(PARALLEL) all units sqlite-units postgres-units
	B='$B' JOBS='$(JOBS)' TOOLPREFIX='$(TOOLPREFIX)' scripts/check

sqlite-units: $B/lib/$(LOPACE_SO) $(INJECT_SQLITE)

sqlite: ## build lopace.so, the extension of SQLite, and test it; installs what is missing for that
	@scripts/deps --install sqlite
	@$(MAKE) --no-print-directory $(PARALLEL) all sqlite-units
	B='$B' bats tests/sqlite.bats

# A server for another kind of machine than CC and CFLAGS build for is passed over.
postgres-units: $B/lib/liblp.a
	@if printf '#include <pg_config.h>\n_Static_assert(sizeof(void *) == SIZEOF_VOID_P, "");\n' | \
		$(CC) $(CFLAGS) -I"$$($(PG_CONFIG) --includedir-server)" -fsyntax-only -x c - 2> /dev/null; \
	then mkdir -p $B/postgres && $(PGXS) $(if $(INJECT_POSTGRES),&& $(MAKE) --no-print-directory $(INJECT_POSTGRES) $B/inject/inject.so); else echo 'no headers of PostgreSQL for this machine: left out' >&2; fi

postgres: ## build lopace, the extension of PostgreSQL, and test it; installs what is missing for that
	@scripts/deps --install postgres
	@$(MAKE) --no-print-directory $(PARALLEL) all postgres-units
	B='$B' bats tests/postgres.bats

AXE = $B/web/node_modules/axe-core/axe.min.js
web-check: ## use lpweb in a real browser and attack it; installs what is missing for that
	@scripts/deps --install web
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@mkdir -p $B/web
	@[ -e $(AXE) ] || npm install --silent --no-save --prefix $B/web axe-core || echo 'no axe-core' >&2
	B='$B' bats tests/lpweb.bats
	B='$B' tests/web/attack
	B='$B' AXE='$(AXE)' tests/web/check

web-shots: all ## take pictures of lpweb, light, dark and narrow, into build/web
	B='$B' tests/web/shots $B/web

asan: ## run all tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory check B=$B/asan \
		CFLAGS='-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all'

THREADED := api catalog proof # unit tests that start threads
TSAN := -O1 -g1 -fsanitize=thread
tsan: ## run what starts threads under the thread sanitizer
	@scripts/deps --install check
	@$(MAKE) --no-print-directory $(PARALLEL) all units B=$B/tsan CFLAGS='$(TSAN)'
	B='$B/tsan' JOBS='$(JOBS)' CFLAGS='$(TSAN)' UNITS='$(THREADED)' scripts/check -f threads tests

memcheck: ## run unit tests and a sample of the suites under valgrind
	@scripts/deps --install check
	@$(MAKE) --no-print-directory $(PARALLEL) all units
	B='$B' scripts/check-memory

bench: $B/bench/bench $(VOCABS) ## measure ratio, speed and memory of each method on a small sample
	@$B/bench/bench -V $B/vocab tests/data/prompts/*.txt

oracle: all units ## compare the ids of millions of texts with tiktoken (PyPI)
	$B/unit/tok_vectors $B/vocab tests/data/vectors all
	B='$B' scripts/oracle

soak: all $B/soak/soak ## pack and restore any amount of real text (LP_CORPUS) in every way
	B='$B' scripts/soak

inject: all units ## make every call of libc and every system call of the commands fail
	$B/inject/api -v $B/vocab/cl100k_base.lpv $B/vocab/cl100k_base.lpm
	if [ -e $B/inject/sqlite ]; then \
		$B/bin/lptok -L -B 1K -o $B/inject/records.lp tests/data/prompts/agent-rules.txt; \
		$B/inject/sqlite -a $B/lib/$(LOPACE_SO) $B/inject/records.lp $B/vocab/cl100k_base.lpm; fi
	if [ -e $B/python/wheel ]; then rm -rf $B/inject/site && \
		$(PYTHON) -m zipfile -e "$$(cat $B/python/wheel)" $B/inject/site && \
		for malloc in default malloc; do LP_MODEL=$B/vocab/cl100k_base.lpm PYTHONMALLOC=$$malloc \
			PYTHONPATH=$B/inject/site LD_PRELOAD=$(abspath $B)/inject/inject.so \
			$(PYTHON) tests/inject/python -a || exit; done; fi
	[ ! -e $B/inject/postgres.so ] || INJECT_EVERY=1 B='$B' bats -f 'call of malloc' tests/postgres.bats
	tests/inject/sweep -a -v $B preload malloc mmap pthread_create open fstat read pread write close \
		fsync fchmod rename
	tests/inject/sweep -a -v $B strace open fstat mmap pread write fchmod fsync close rename
	tests/inject/sweep -a -v $B kill openat write fsync close rename exit

KILLS ?= 2000
kill: all ## kill `lopace --rm` at random system calls, KILLS times, and look for lost texts
	tests/inject/archive $B each
	tests/inject/archive $B $(KILLS)

fuzz: all ## fuzz the target T (default: each) for S seconds, with clang
	scripts/fuzz $(or $S,60) $(filter-out all,$T)

coverage: ## print which part of the library the tests run, with clang and llvm
	scripts/coverage

cross: ## run unit tests and golden files on aarch64, i686 and s390x, emulated
	scripts/check-cross

lint: ## check formatting, shell scripts and pages
	clang-format --dry-run --Werror $$(git ls-files '*.[ch]')
	shellcheck -x $$(git grep -lE '^#!/(usr/)?bin/(env )?(ba)?sh' -- scripts .ci tests) tests/*.bats
	mandoc -Tlint -Wwarning $(PAGES)

install: all ## install under PREFIX (staged in DESTDIR, commands prefixed with TOOLPREFIX)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCDIR)' \
		'$(DESTDIR)$(DATADIR)/lopace'
	set -e; for c in $(COMMANDS); do \
		install -m 755 $B/bin/$$c '$(DESTDIR)$(BINDIR)/$(TOOLPREFIX)'$$c; done
	$(if $(STATIC),,install -m 755 $B/lib/$(SHLIB) '$(DESTDIR)$(LIBDIR)')
	$(if $(STATIC),,ln -sf $(SHLIB) '$(DESTDIR)$(LIBDIR)/$(SHLINK)')
	install -m 644 $B/lib/liblp.a '$(DESTDIR)$(LIBDIR)'
	[ ! -e $B/lib/$(LOPACE_SO) ] || install -m 755 $B/lib/$(LOPACE_SO) '$(DESTDIR)$(LIBDIR)'
	install -m 644 lib/lp.h '$(DESTDIR)$(INCDIR)'
	install -m 644 $(VOCABS) $(MODELS) '$(DESTDIR)$(DATADIR)/lopace'
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCDIR)' '' \
		'Name: liblp' 'Description: LLM prompts, stored losslessly' 'Version: $(VERSION)' \
		'Requires.private: libzstd' 'Libs: -L$${libdir} -llp' 'Libs.private: -pthread $(DL_LIBS)' \
		'Cflags: -I$${includedir}' > '$(DESTDIR)$(LIBDIR)/pkgconfig/liblp.pc'
	set -e; for p in $(PAGES); do s=$${p##*.}; n=$${p#man/}; \
		case " $(COMMANDS:%=%.1) " in *" $$n "*) n='$(TOOLPREFIX)'$$n;; esac; \
		install -d '$(DESTDIR)$(MANDIR)/man'$$s; \
		install -m 644 $$p '$(DESTDIR)$(MANDIR)/man'$$s/$$n; done
	scripts/completions/install '$(DESTDIR)$(DATADIR)' '$(TOOLPREFIX)' $(COMMANDS)
	install -d '$(DESTDIR)$(DOCDIR)/prompts' '$(DESTDIR)$(DATADIR)/mime/packages'
	install -m 644 LICENSE '$(DESTDIR)$(DOCDIR)'
	install -m 644 $(PROMPTS) '$(DESTDIR)$(DOCDIR)/prompts'
	install -m 644 scripts/filetypes/magic '$(DESTDIR)$(DATADIR)/lopace'
	install -m 644 scripts/filetypes/lopace.xml '$(DESTDIR)$(DATADIR)/mime/packages'
	@[ -n '$(DESTDIR)' ] || scripts/after-install '$(LIBDIR)' '$(DATADIR)'
	@scripts/other-commands '$(BINDIR)' '$(TOOLPREFIX)' $(COMMANDS)

uninstall: ## remove what install installed, given the same variables
	rm -f $(COMMANDS:%='$(DESTDIR)$(BINDIR)/$(TOOLPREFIX)%') \
		$(patsubst %,'$(DESTDIR)$(LIBDIR)/%',$(SHLIB) $(SHLINK) $(LOPACE_SO) liblp.a pkgconfig/liblp.pc) \
		'$(DESTDIR)$(INCDIR)/lp.h' '$(DESTDIR)$(DOCDIR)/LICENSE' '$(DESTDIR)$(DATADIR)/lopace/magic' \
		'$(DESTDIR)$(DATADIR)/mime/packages/lopace.xml' \
		$(PROMPTS:tests/data/%='$(DESTDIR)$(DOCDIR)/%') \
		$(patsubst $B/vocab/%,'$(DESTDIR)$(DATADIR)/lopace/%',$(VOCABS) $(MODELS))
	set -e; for p in $(PAGES); do s=$${p##*.}; n=$${p#man/}; \
		case " $(COMMANDS:%=%.1) " in *" $$n "*) n='$(TOOLPREFIX)'$$n;; esac; \
		rm -f '$(DESTDIR)$(MANDIR)/man'$$s/$$n; done
	scripts/completions/install --files '$(DESTDIR)$(DATADIR)' '$(TOOLPREFIX)' $(COMMANDS) | \
		while read -r f; do rm -f "$$f"; done
	-rmdir '$(DESTDIR)$(DATADIR)/lopace' '$(DESTDIR)$(DOCDIR)/prompts' '$(DESTDIR)$(DOCDIR)'
	@[ -n '$(DESTDIR)' ] || scripts/after-install '$(LIBDIR)' '$(DATADIR)'

# The server says where its extensions are: PREFIX does not count.
install-postgres uninstall-postgres: postgres-units
	$(PGXS) $(@:%-postgres=%) DESTDIR='$(DESTDIR)'

deb: ## build Debian packages of the commit, into build/deb, and check them with lintian
	@scripts/deps --install deb
	scripts/packaging/make-deb $(VERSION) $(abspath $B/deb)

debcheck: deb ## install build/deb into a clean Debian and use everything there
	scripts/packaging/check-deb $(abspath $B/deb)

dist: ## make a source archive
	git archive --prefix=lopace-$(VERSION)/ -o lopace-$(VERSION).tar.gz HEAD

clean: ## remove the build directory
	rm -rf $B

FORCE:
-include $(shell find $B/obj -name '*.d' 2>/dev/null)
.PHONY: all help units sqlite sqlite-units web-check web-shots postgres postgres-units wheel engines demo check asan tsan memcheck bench bench-tok oracle soak fuzz coverage inject kill cross lint install uninstall install-postgres uninstall-postgres deb debcheck dist clean FORCE
