/* SPDX-License-Identifier: Apache-2.0 */
/* The BEK volume refuses what FAT cannot hold, and reads alike in any pieces; mtools and fsck.fat
 * read it in the end-to-end tests. */
#include "fs/image/bekvol.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void what_does_not_fit_is_refused(void **state)
{
	AUTO(secret_free) struct secret *s = secret_new(1), *large = secret_new(BEKVOL_FILE_MAX + 1);
	struct bekvol_file twice[] = { { "a.BEK", s }, { "A.bek", s } }, slash = { "a/b", s }, empty = { "", s },
			   huge = { "x", large };
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(bekvol_open(twice, 2, &err));
	assert_int_equal(err.code, EINVAL);
	assert_null(bekvol_open(&slash, 1, NULL));
	assert_null(bekvol_open(&empty, 1, NULL));
	assert_null(bekvol_open(&huge, 1, NULL));
}

static void any_range_reads_the_same(void **state)
{
	AUTO(secret_free) struct secret *s = secret_new(1000);
	struct bekvol_file file = { "LinuxPassPhraseFileName", s };
	AUTO(blockdev_unref) struct blockdev *bd = bekvol_open(&file, 1, NULL);
	AUTO(free) uint8_t *all = malloc(BEKVOL_BYTES), *part = malloc(4096);

	(void)state;
	assert_int_equal(blockdev_pread(bd, all, BEKVOL_BYTES, 0), 0);
	for (uint64_t off = 0; off + 4096 <= BEKVOL_BYTES; off += 1777) {
		assert_int_equal(blockdev_pread(bd, part, 4096, off), 0);
		assert_memory_equal(part, all + off, 4096);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(any_range_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
