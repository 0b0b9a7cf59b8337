/* SPDX-License-Identifier: Apache-2.0 */
/* Boot traces: noted in order, kept sealed, found again by name, the newest
 * first; and what is no trace is refused. */
#include "fs/vault/trace.h"
#include "fs/vault/object.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void reads_in_a_row_are_one_row(void **state)
{
	AUTO(trace_free) struct trace *t = trace_new("boot", NULL), *back = NULL;
	AUTO(free) char *text = NULL;
	int os = trace_disk(t, "os", 65536), data = trace_disk(t, "lun0", 65536);

	(void)state;
	assert_int_equal(trace_disk(t, "os", 65536), os);
	assert_int_not_equal(os, data);
	for (uint64_t c = 7; c < 17; c++)
		trace_note(t, os, c);
	trace_note(t, data, 17);
	trace_note(t, os, 17);
	trace_note(t, -ENOMEM, 1);
	text = trace_to_json(t);
	assert_non_null(back = trace_from_json(text, strlen(text), NULL));
	assert_string_equal(back->name, "boot");
	assert_int_equal(back->n_disks, 2);
	assert_int_equal(back->n_rows, 3);
	assert_int_equal(back->row[0].chunk, 7);
	assert_int_equal(back->row[0].n, 10);
	assert_string_equal(back->disk[back->row[1].disk].name, "lun0");
	assert_int_equal(back->row[2].chunk, 17);
}

static struct trace *one_chunk(const char *name, uint64_t chunk)
{
	struct trace *t = trace_new(name, NULL);

	trace_note(t, trace_disk(t, "os", 65536), chunk);
	return t;
}

static void the_newest_of_a_name_counts(void **state)
{
	AUTO(vault_free) struct vault *v = test_vault(store_mem());
	AUTO(trace_free) struct trace *a = one_chunk("boot", 1), *b = one_chunk("boot", 2), *c = one_chunk("job", 3);
	AUTO(trace_free) struct trace *nothing = trace_new("boot", NULL), *got = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(trace_put(v, WRITTEN_VM_ID, nothing, NULL), 0);
	assert_null(trace_get(v, WRITTEN_VM_ID, "boot", &err));
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(trace_put(v, WRITTEN_VM_ID, a, NULL), 0);
	assert_int_equal(trace_put(v, WRITTEN_VM_ID, b, NULL), 0);
	assert_int_equal(trace_put(v, WRITTEN_VM_ID, c, NULL), 0);
	/* One that does not open hides no other. */
	assert_int_equal(store_put(vault_store(v), "trace/" WRITTEN_VM_ID ".9", "rubbish", 7, PUT_NEW, NULL), 0);
	assert_non_null(got = trace_get(v, WRITTEN_VM_ID, "boot", NULL));
	assert_int_equal(got->row[0].chunk, 2);
	assert_null(trace_get(v, "ffffffffffffffff", "boot", NULL));
	assert_int_equal(trace_put(v, WRITTEN_VM_ID, a, NULL), 0);
	trace_free(got);
	assert_non_null(got = trace_get(v, WRITTEN_VM_ID, "boot", NULL));
	assert_int_equal(got->row[0].chunk, 1);
}

static void what_is_no_trace_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"name\":\"a\",\"disks\":[],\"reads\":[\"0000010000000000000000000000\"]}",
		"{\"name\":\"../a\",\"disks\":[],\"reads\":[]}",
		"{\"name\":\"a\",\"disks\":[{\"name\":\"os\",\"chunk_size\":\"65537\"}],\"reads\":[]}",
		"{\"name\":\"a\",\"disks\":[{\"name\":\"os\",\"chunk_size\":\"65536\"}],\"reads\":[\"0000000000000000000000000000\"]}",
		"{\"name\":\"a\",\"disks\":[{\"name\":\"os\",\"chunk_size\":\"65536\"}],\"reads\":[\"000001000000ffffffffffffffff\"]}",
		"{\"name\":\"a\",\"disks\":[{\"name\":\"os\",\"chunk_size\":\"65536\"},{\"name\":\"os\",\"chunk_size\":\"65536\"}],"
		"\"reads\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(trace_from_json(bad[i], strlen(bad[i]), NULL));
	assert_null(trace_new("a/b", NULL));
	assert_null(trace_new("", NULL));
	assert_null(trace_new(".a", NULL));
}

static void *note_many(void *arg)
{
	for (uint64_t c = 0; c < 3000; c++)
		trace_note(arg, 0, 2 * c);
	return NULL;
}

static void many_threads_note_and_a_trace_stays_bounded(void **state)
{
	AUTO(trace_free) struct trace *t = trace_new("many", NULL);
	pthread_t thread[4];

	(void)state;
	assert_int_equal(trace_disk(t, "os", 65536), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, note_many, t), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_in_range(t->n_rows, 3000, 12000);
	for (uint64_t c = 0; c < 80000; c++)
		trace_note(t, 0, 2 * c);
	assert_int_equal(t->n_rows, TRACE_ROWS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_a_row_are_one_row),
		cmocka_unit_test(the_newest_of_a_name_counts),
		cmocka_unit_test(what_is_no_trace_is_refused),
		cmocka_unit_test(many_threads_note_and_a_trace_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
