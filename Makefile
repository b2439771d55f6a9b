# The same targets everywhere. PYTHON chooses the interpreter; the C targets need none.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: help build tiny test slow isa isas ctest san san-c san-python tsan neon fuzz fuzz-programs bench check lint clean

help:
	@echo "build   compile the extension in place"
	@echo "tiny    build, then the tests that take under 5 seconds"
	@echo "test    build, then the Python suite but for the slow tests"
	@echo "slow    build, then the slow tests"
	@echo "isas    the numeric tests on every instruction set that the machine has; isa on ISA = generic, avx2, ..."
	@echo "ctest   the C tests, VARIANT = plain, san, tsan or neon"
	@echo "san     C tests and Python suite under the address and undefined-behaviour sanitizers"
	@echo "tsan    C tests under the thread sanitizer"
	@echo "neon    C tests cross-compiled for aarch64, under qemu-user"
	@echo "fuzz    each fuzzer of tests/fuzz for SECONDS=60: programs (alone: fuzz-programs), graphs, files"
	@echo "bench   every benchmark; writes benchmarks/results/"
	@echo "lint    ruff"
	@echo "check   lint, tests, sanitizers: what must pass before a commit is shared"

build:
	$(PYTHON) setup.py --quiet build_ext --inplace

tiny: build
	$(PYTHON) -m pytest -q tests/test_tiny.py

test: build
	$(PYTHON) -m pytest

slow: build
	$(PYTHON) -m pytest -m slow

# What computes numbers. The best instruction set of the machine has the whole suite; `isas` is about the others.
NUMERIC_TESTS ?= tests/test_tiny.py tests/test_activations.py tests/test_losses.py tests/test_metrics.py \
                 tests/compiler tests/layers tests/ops tests/optimizers tests/training
PYTEST_OPTIONS ?= -q

isa:
	FASTFIT_ISA=$(ISA) $(PYTHON) -m pytest $(PYTEST_OPTIONS) $(NUMERIC_TESTS)

isas: build
	set -e; for isa in $$($(PYTHON) -m tests.isas); do $(MAKE) isa ISA=$$isa; done

bench: build
	$(PYTHON) benchmarks/run.py

lint:
	$(PYTHON) -m ruff check .

check: lint test slow isas san tsan

clean:
	rm -rf build fastfit/_core*.so fastfit/_watch*.so

# ---- C tests: every tests/c/*.c is a program of its own, linked with all of csrc ----

VARIANT ?= plain
CC_plain := $(CC)
CC_san := $(CC)
CC_tsan := $(CC)
CC_neon := aarch64-linux-gnu-gcc
FLAGS_plain := -O2
FLAGS_san := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_neon := -O2 -static
RUN_plain :=
RUN_san := env ASAN_OPTIONS=detect_leaks=1
# The thread sanitizer of older compilers cannot map its shadow at randomised addresses.
RUN_tsan := env TSAN_OPTIONS=halt_on_error=1 setarch -R
RUN_neon := qemu-aarch64

CC_USED := $(CC_$(VARIANT))
C_FLAGS := -std=gnu11 -g $(FLAGS_$(VARIANT)) -ffp-contract=off -fvisibility=hidden -pthread -Wall -Wextra -Werror \
           -Icsrc/include -Icsrc -Itests/c -MMD -MP
OUT := build/ctest-$(VARIANT)

MACHINE := $(if $(filter neon,$(VARIANT)),aarch64,$(subst arm64,aarch64,$(shell uname -m)))
ISAS_x86_64 := avx2 avx512
ISAS_aarch64 := neon
FLAGS_isa_avx2 := -mavx2 -mfma -mf16c
FLAGS_isa_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mf16c -mprefer-vector-width=512
ISA_SOURCES := $(foreach isa,$(ISAS_$(MACHINE)),csrc/kernels/isa_$(isa).c)

C_SOURCES := $(filter-out csrc/kernels/isa_avx2.c csrc/kernels/isa_avx512.c csrc/kernels/isa_neon.c, \
               $(wildcard csrc/*/*.c)) $(ISA_SOURCES)
C_OBJECTS := $(C_SOURCES:%.c=$(OUT)/%.o)
C_TESTS := $(patsubst tests/c/%.c,$(OUT)/%,$(wildcard tests/c/*.c))
# Only programs have threads; kernels alone would take minutes to no purpose.
ifeq ($(VARIANT),tsan)
C_TESTS := $(OUT)/test_program $(OUT)/test_pool
endif

ctest: $(C_TESTS)
	@test -n "$(C_TESTS)" || { echo "tests/c has no tests"; exit 1; }
	@set -e; for test in $(C_TESTS); do echo "== $(VARIANT) $${test##*/}"; $(RUN_$(VARIANT)) ./$$test; done
	@echo "$(words $(C_TESTS)) passed, 0 failed"

# Kept: the objects are inputs of every test program.
.SECONDARY: $(C_OBJECTS)

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC_USED) $(C_FLAGS) $(FLAGS_$(notdir $*)) -c $< -o $@

$(OUT)/%: tests/c/%.c $(C_OBJECTS) Makefile
	@mkdir -p $(@D)
	$(CC_USED) $(C_FLAGS) $< $(C_OBJECTS) -o $@ -lm

$(OUT)/fuzz_programs: tests/fuzz/programs.c $(C_OBJECTS) Makefile
	$(CC_USED) $(C_FLAGS) $< $(C_OBJECTS) -o $@ -lm

-include $(C_OBJECTS:.o=.d) $(C_TESTS:=.d) $(OUT)/fuzz_programs.d

# Mutated programs, under the address and undefined-behaviour sanitizers.
SECONDS ?= 60
SEED ?= 0
fuzz-programs: build
	$(PYTHON) -m tests.fuzz.programs --seconds $(SECONDS) --seed $(SEED)

FUZZERS := $(basename $(notdir $(shell grep -l '^if __name__ == "__main__":' tests/fuzz/*.py)))
fuzz: fuzz-programs
	set -e; for fuzzer in $(filter-out programs,$(FUZZERS)); do $(PYTHON) -m tests.fuzz.$$fuzzer --seconds $(SECONDS) --seed $(SEED); done

tsan:
	$(MAKE) -j$(JOBS) ctest VARIANT=tsan

neon:
	$(MAKE) -j$(JOBS) ctest VARIANT=neon

# ---- sanitizers over the Python suite: a build of its own beside the ordinary one ----

SAN_BASE := build/san
SAN_TESTS ?= tests/test_tiny.py tests/compiler tests/training/test_bad_input.py tests/training/test_same_bits.py \
             tests/training/test_interrupt.py
# The oracle libraries are not instrumented, and slow enough without.
SAN_SELECT ?= not slow

san: san-c san-python

san-c:
	$(MAKE) -j$(JOBS) ctest VARIANT=san

san-python:
	FASTFIT_SANITIZE=address,undefined $(PYTHON) setup.py --quiet build --build-base $(SAN_BASE) --build-lib $(SAN_BASE)/lib
	PYTHONPATH=$(SAN_BASE)/lib \
	FASTFIT_ARENA_GAP=64 ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	$(PYTHON) -P -m pytest -q -p no:cacheprovider -m "$(SAN_SELECT)" $(SAN_TESTS)
