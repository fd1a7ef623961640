# GNU make. `make help` lists the targets.

VERSION := 0.1.0
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
B ?= build

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
ZSTD_CFLAGS := $(shell $(PKG_CONFIG) --cflags libzstd 2>/dev/null)
ZSTD_LIBS := $(shell $(PKG_CONFIG) --libs libzstd 2>/dev/null || echo -lzstd)
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -DLP_VERSION_TEXT='"$(VERSION)"' -Ilib -fPIC \
	-fvisibility=hidden -MMD -MP $(WARN) $(ZSTD_CFLAGS) $(CFLAGS) $(CPPFLAGS)
LIBS = $(ZSTD_LIBS) -lpthread

LIB_OBJ := $(patsubst lib/%.c,$B/obj/lib/%.o,$(wildcard lib/*.c))
COMMANDS := $(filter-out tool,$(patsubst cmd/%.c,%,$(wildcard cmd/*.c)))
ENCODINGS := gpt2 r50k_base p50k_base p50k_edit cl100k_base o200k_base o200k_harmony
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))

.DELETE_ON_ERROR:
.SECONDARY:

all: $(COMMANDS:%=$B/bin/%) $B/lib/liblp.a $(ENCODINGS:%=$B/vocab/%.lpv)

$B/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/lib/liblp.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && $(AR) rcs $@ $^

$B/bin/%: $B/obj/cmd/%.o $B/obj/cmd/tool.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/unit/%: $B/obj/tests/unit/%.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

units: $(UNITS:%=$B/unit/%)

# The builder of vocabularies uses the library's own layout and checks.
$B/vocab/compile: $B/obj/vocab/compile.o $B/lib/liblp.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/vocab/%.lpv: $B/vocab/compile vocab/encodings
	$B/vocab/compile vocab $* $@

clean:
	rm -rf $B

-include $(shell find $B/obj -name '*.d' 2>/dev/null)
.PHONY: all units clean
