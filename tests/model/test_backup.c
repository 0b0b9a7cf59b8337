/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups of disks that change at random: every point reads back as the disks
 * were, whatever chunk size, threads and order of edits; a store that stops at
 * any put leaves what was committed as it was, and the next backup goes on
 * from there; damage in the parent costs space.  TEST_SEED repeats a run.
 */
#include "tests/lib/backupfixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SEQUENCES 6u
#define POINTS 5u

static void must_back_up(struct fixture *f)
{
	struct error err = ERROR_INIT;

	if (fixture_backup(f, &err) < 0)
		fail_msg("%s", err.text);
}

static void one_sequence(struct test_random *r)
{
	uint32_t chunk_size = CHUNK_MIN << test_random_below(r, 6);
	struct fixture *f = fixture_new(*r, chunk_size);
	uint64_t new_bytes;

	f->threads = 1 + (unsigned)test_random_below(r, 4);
	fixture_add_disk(f, 17u * 1000 * 1000 + test_random_below(r, 18u << 20), test_random_below(r, 2));
	fixture_add_disk(f, 1 + test_random_below(r, 3u << 20), test_random_below(r, 2));
	for (unsigned i = 0; i < POINTS; i++) {
		for (size_t k = 0; k < f->n_disks; k++)
			modeldisk_change(f->disk[k], r, 1 + (unsigned)test_random_below(r, i ? 30 : 80));
		if (test_random_below(r, 4) == 0)
			modeldisk_resize(f->disk[1], 1 + test_random_below(r, 3u << 20));
		must_back_up(f);
		assert_int_equal(f->last.had_parent, i > 0);
		new_bytes = f->last.new_bytes;
	}
	must_back_up(f);
	if (f->last.new_bytes)
		fail_msg("%llu bytes are new in a backup of what did not change (%llu before)",
			 (unsigned long long)f->last.new_bytes, (unsigned long long)new_bytes);
	assert_int_equal(fixture_check(f), POINTS + 1);
	fixture_free(f);
}

static void every_point_reads_back(void **state)
{
	struct test_random r = test_random_seeded("backup");

	(void)state;
	for (unsigned i = 0; i < SEQUENCES; i++)
		one_sequence(&r);
}

/* Distinct random bytes, so that a chunk that is stored twice is one that was sent twice. */
static struct fixture *large(struct test_random r, unsigned threads)
{
	struct fixture *f = fixture_new(r, CHUNK_MIN);

	f->threads = threads;
	fixture_add_disk(f, 68u << 20, false);
	test_random_fill(&f->r, f->disk[0]->bytes, f->disk[0]->size);
	return f;
}

/* Is it cut at the n-th put of that prefix?  No: it is committed. */
static bool cut_once(struct fixture *f, enum cut_kind kind, const char *prefix, unsigned n)
{
	struct error err = ERROR_INIT;
	char name[256];
	int rc;

	cutstore_cut(f->store, kind, prefix, n);
	rc = fixture_backup(f, &err);
	snprintf(name, sizeof(name), "%s", cutstore_cut_name(f->store));
	cutstore_revive(f->store);
	if ((rc == 0) != !*name)
		fail_msg("the backup says '%s'; cut at '%s'", rc ? err.text : "committed", name);
	/* A manifest whose answer alone was lost is a commit. */
	if (*name && !strcmp(prefix, "pt/") && kind == CUT_AFTER)
		fixture_remember(f, name);
	return *name;
}

struct cut { const char *prefix; unsigned n; };

/* One backup is cut again and again, each time later; what it finished is used. */
static void cut_at(struct fixture *f, enum cut_kind kind, const struct cut *cuts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!cut_once(f, kind, cuts[i].prefix, cuts[i].n))
			fail_msg("no put %u of %s", cuts[i].n, cuts[i].prefix);
	must_back_up(f);
	assert_int_equal(fixture_stored_twice(f), 0);
}

static void cut_and_change(struct test_random r, enum cut_kind kind, unsigned threads)
{
	static const struct cut first[] = {
		{ "ses/", 1 }, { "seg/", 1 }, { "seg/", 1 }, { "seg/", 2 }, { "ref/", 1 }, { "pt/", 1 },
	};
	static const struct cut second[] = { { "ses/", 1 }, { "seg/", 1 }, { "ref/", 1 }, { "pt/", 1 } };
	struct fixture *f = large(r, threads);

	assert_true(cut_once(f, kind, "vm/", 1));
	cut_at(f, kind, first, 6);
	for (size_t off = 0; off < f->disk[0]->size; off += 50000)
		test_random_fill(&f->r, f->disk[0]->bytes + off, 16);
	cut_at(f, kind, second, 4);
	fixture_check(f);
	fixture_free(f);
}

static void goes_on_after_a_cut(void **state)
{
	struct test_random r = test_random_seeded("cuts");

	(void)state;
	cut_and_change(r, CUT_BEFORE, 1);
	cut_and_change(r, CUT_AFTER, 2);
}

static void damage_all(struct fixture *f, const char *prefix)
{
	size_t n;
	char (*name)[256] = fixture_list(f, prefix, &n);

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < 64; k++)
			cutstore_damage(f->store, name[i], test_random_next(&f->r) >> 1);
	free(name);
}

/* Every object of the parent is damaged, and every chunk changes: nothing of the old is needed. */
static void damage_costs_space(void **state)
{
	static const char *const prefix[] = { "seg/", "ref/", "pt/" };
	struct test_random r = test_random_seeded("damage");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = fixture_new(r, CHUNK_MIN);

		fixture_add_disk(f, 20u << 20, false);
		test_random_fill(&f->r, f->disk[0]->bytes, f->disk[0]->size);
		must_back_up(f);
		damage_all(f, prefix[i]);
		for (size_t off = 0; off < f->disk[0]->size; off += CHUNK_MIN)
			f->disk[0]->bytes[off] ^= 1;
		must_back_up(f);
		fixture_check_newest(f);
		fixture_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_point_reads_back),
		cmocka_unit_test(goes_on_after_a_cut),
		cmocka_unit_test(damage_costs_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
