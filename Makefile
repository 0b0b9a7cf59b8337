# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion; all output goes to build/MODE.
#   make            build both commands            make check    all tests
#   make demo       the main job, end to end       make bench    timings against peers
#   make install    PREFIX=/usr DESTDIR=…          make deb      a Debian package
#   make soak       the long campaigns             make help     every target
MODE ?= release
B := build/$(MODE)
CC ?= gcc
PREFIX ?= /usr
VERSION := 0.1.0

PKGS := fuse3 libcrypto libzstd libcurl jansson expat libargon2 ext2fs libp11
ifeq ($(filter help clean deps,$(MAKECMDGOALS)),)
  ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo ok),ok)
    ifneq ($(MAKECMDGOALS),)
      NEED_DEPS := $(filter-out demo check check-% bench soak,$(MAKECMDGOALS))
    else
      NEED_DEPS := all
    endif
    ifneq ($(NEED_DEPS),)
      $(error libraries are missing; as root run: tools/dev/install-deps build)
    endif
  endif
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
	-Wformat=2 -Wundef -Wimplicit-fallthrough $(if $(WERROR),-Werror)
CPPFLAGS_ALL := -I. -I$(B)/gen -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFUSE_USE_VERSION=314 -DADE_VERSION='"$(VERSION)"' \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CPPFLAGS)
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_debug   := -O0 -g
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan    := -O1 -g -fsanitize=thread
OPT_fuzz    := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
ifeq ($(MODE),fuzz)
  CC := $(firstword $(wildcard /usr/bin/clang-14) clang)
endif
CFLAGS_ALL := -std=gnu11 -fPIE -pthread $(WARN) $(OPT_$(MODE)) $(CFLAGS)
LDFLAGS_ALL := -pie -pthread -Wl,-z,relro,-z,now $(OPT_$(MODE)) $(LDFLAGS)
LDLIBS_ALL := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcom_err -lm $(LDLIBS)

LIB_SRC := $(wildcard crypto/*.c crypto/*/*.c fs/*/*.c)
TOOLS_SRC := $(wildcard tools/lib/*.c)
ADEBACKUP_SRC := $(wildcard tools/adebackup/*.c)
MOUNT_SRC := $(wildcard tools/mount.adebackup/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c tests/conform/test_*.c tests/model/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
MAKE_SRC := $(wildcard tests/make/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
TESTLIB_SRC := $(wildcard tests/lib/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
PROGS := $(if $(ADEBACKUP_SRC),$(B)/adebackup) $(if $(MOUNT_SRC),$(B)/mount.adebackup)
UNIT := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
MAKERS := $(patsubst %.c,$(B)/%,$(MAKE_SRC))
BENCHERS := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
FUZZERS := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
REPLAYERS := $(patsubst %.c,$(B)/%.replay,$(FUZZ_SRC))

.DEFAULT_GOAL := all
.PHONY: all help clean units makers benchers fuzzers replayers
all: $(PROGS)	## both commands
units: $(UNIT)	## unit, conformance and model tests (not run)
makers: $(MAKERS)	## fixture generators
benchers: $(BENCHERS)
fuzzers: $(FUZZERS)	## fuzz targets (MODE=fuzz)
replayers: $(REPLAYERS)

# Flags are part of what an object depends on.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL)' | cmp -s - $@ || \
	 echo '$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL)' > $@
.PHONY: FORCE

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libade.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/libtools.a: $(call obj,$(TOOLS_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/adebackup: $(call obj,$(ADEBACKUP_SRC)) $(B)/libtools.a $(B)/libade.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)
$(B)/mount.adebackup: $(call obj,$(MOUNT_SRC)) $(B)/libtools.a $(B)/libade.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

$(B)/tests/lib/libtest.a: $(call obj,$(TESTLIB_SRC))
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcs $@ $^

$(UNIT): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/tests/lib/libtest.a $(B)/libtools.a $(B)/libade.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL) -lcmocka
$(MAKERS) $(BENCHERS): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/tests/lib/libtest.a $(B)/libade.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)
$(FUZZERS): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/tests/lib/libtest.a $(B)/libade.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LDLIBS_ALL)
$(REPLAYERS): $(B)/tests/%.replay: $(B)/obj/tests/%.o $(B)/obj/tests/fuzz/replay.o $(B)/tests/lib/libtest.a $(B)/libade.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

.SECONDARY:
clean:	## remove all output
	rm -rf build
help:	## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

Q := $(if $(V),,@)
-include $(wildcard *.mk tools/*.mk tests/*.mk)
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
