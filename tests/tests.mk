# SPDX-License-Identifier: Apache-2.0
# How the tests are run; what they are made of is in the Makefile.
.PHONY: check check-static check-unit check-asan check-tsan check-fuzz check-e2e

check: test-deps	## all tests; ends with "N passed, N failed, N skipped"
	@tests/run $(TESTS)
check-static check-unit check-asan check-tsan check-fuzz check-e2e: check-%: test-deps	## one kind of tests
	@tests/run $* $(TESTS)


# Single checks of the source, without building or installing.
.PHONY: check-layers check-headers check-size check-banned check-scripts check-manpages
check-layers check-headers check-size check-banned check-scripts check-manpages: check-%:	## one check of the source
	@tests/static/$*

.PHONY: test-deps
test-deps:
	@tools/dev/install-deps test

# Timings: BENCH="images" names suites, BENCH_ARGS goes to tests/bench/run.
.PHONY: bench
bench: bench-deps	## timings against peers; writes tests/bench/RESULTS.md
	@$(MAKE) -s all makers benchers
	@tests/bench/run $(BENCH) $(BENCH_ARGS)

.PHONY: bench-deps
bench-deps:
	@tools/dev/install-deps bench

# The long campaigns; both write to tests/RESULTS.md.
.PHONY: soak fuzz-long
soak: soak-deps	## long campaigns: faults, kills, power cuts; SOAK=… names some
	@$(MAKE) -s all units makers
	@tests/soak/run $(SOAK)
fuzz-long: test-deps	## every fuzz target for its minutes; FUZZ=… names some
	@$(MAKE) -s MODE=fuzz fuzzers
	@tests/fuzz/long $(FUZZ)

.PHONY: soak-deps
soak-deps:
	@tools/dev/install-deps soak

.PHONY: demo
demo:	## the main job from end to end, in under two minutes
	@tools/demo/run
