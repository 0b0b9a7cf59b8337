/* SPDX-License-Identifier: Apache-2.0 */
/* A verify that nobody waits for: points expire and their segments go while it reads, which is no damage. */
#include "fs/vault/expire.h"
#include "fs/vault/verify.h"
#include "tests/lib/prunefixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct test_random r;

struct leaving {
	struct vault *v;
	bool marked;
	char name[64][256];
	size_t n;
	unsigned faults;
};

static int keep_name(void *arg, const struct object *o)
{
	struct leaving *l = arg;

	assert_true(l->n < 64);
	snprintf(l->name[l->n++], sizeof(l->name[0]), "%s", o->name);
	return 0;
}

/* All points expire, and what they name is collected before it is read. */
static void go(void *arg)
{
	struct leaving *l = arg;
	struct store *st = vault_store(l->v);

	l->n = 0;
	assert_int_equal(store_list(st, "pt/", keep_name, l, NULL), 0);
	for (size_t i = 0; i < l->n && l->marked; i++)
		assert_int_equal(expire_mark(l->v, l->name[i], NULL), 0);
	l->n = 0;
	assert_int_equal(store_list(st, "seg/", keep_name, l, NULL), 0);
	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(store_remove(st, l->name[i], NULL), 0);
}

static void count(void *arg, const struct verify_fault *f)
{
	struct leaving *l = arg;

	(void)f;
	l->faults++;
}

static unsigned verify_while_leaving(bool marked, bool keys)
{
	struct verify_result result;
	struct leaving l = { .marked = marked };
	struct verify q = { .sample = 1, .fault = count, .arg = &l, .threads = 1 };
	struct world w;

	world_open(&w, &r, 3);
	l.v = fixture_vault(w.f);
	assert_non_null(l.v);
	q.v = keys ? l.v : NULL;
	q.st = vault_store(l.v);
	clockstore_before(w.clock, CLOCK_GET, "seg/", go, &l);
	assert_int_equal(verify_run(&q, &result, NULL), 0);
	assert_int_equal(clockstore_objects(w.clock, "seg/", NULL), 0);
	vault_free(l.v);
	world_close(&w);
	return l.faults;
}

static void what_expired_meanwhile_is_no_damage(void **state)
{
	(void)state;
	assert_int_equal(verify_while_leaving(true, true), 0);
	assert_int_equal(verify_while_leaving(true, false), 0);
}

static void what_merely_went_is(void **state)
{
	(void)state;
	assert_true(verify_while_leaving(false, true) > 0);
	assert_true(verify_while_leaving(false, false) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_expired_meanwhile_is_no_damage),
		cmocka_unit_test(what_merely_went_is),
	};

	r = test_random_seeded("verify_leaving");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
