/* SPDX-License-Identifier: Apache-2.0 */
/* The BEK volume holds what it was given, as mtools and fsck.fat see it. */
#include "fs/image/bekvol.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void dump(struct blockdev *bd, const char *path)
{
	AUTO(free) uint8_t *all = malloc(BEKVOL_BYTES);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(blockdev_pread(bd, all, BEKVOL_BYTES, 0), 0);
	assert_int_equal(write(fd, all, BEKVOL_BYTES), BEKVOL_BYTES);
}

/* Shell words in which $V is the image. */
static int run(const char *words, const char *path)
{
	setenv("V", path, 1);
	return system(words);
}

static void foreign_programs_read_it(void **state)
{
	AUTO(secret_free) struct secret *pass = secret_new(172), *bek = secret_new(156), *large = secret_new(BEKVOL_FILE_MAX);
	struct bekvol_file files[] = {
		{ "LinuxPassPhraseFileName", pass }, { "LinuxPassPhraseFileName_1_0", bek },
		{ "6F4C57A8-6DAE-6F9B-3B4A-79A517CEC22A.BEK", large },
	};
	char dir[] = "/tmp/test_bekvol.XXXXXX", path[64];
	AUTO(blockdev_unref) struct blockdev *bd = NULL;

	(void)state;
	memset(secret_data(pass), 'p', 172);
	memset(secret_data(bek), 'b', 156);
	for (size_t i = 0; i < BEKVOL_FILE_MAX; i++)
		secret_data(large)[i] = (uint8_t)(i / 512);
	bd = bekvol_open(files, 3, NULL);
	assert_non_null(bd);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	dump(bd, path);
	assert_int_equal(run("PATH=$PATH:/sbin:/usr/sbin; dd if=$V of=$V.p bs=512 skip=2048 status=none && "
			     "fsck.fat -n $V.p >/dev/null; r=$?; rm -f $V.p; exit $r", path), 0);
	assert_int_equal(run("mlabel -s -i $V@@1M :: | grep -q 'BEK VOLUME'", path), 0);
	assert_int_equal(run("[ $(mtype -i $V@@1M ::LinuxPassPhraseFileName | tr -d p | wc -c) = 0 ]", path), 0);
	assert_int_equal(run("[ $(mtype -i $V@@1M ::LinuxPassPhraseFileName_1_0 | tr -dc b | wc -c) = 156 ]", path), 0);
	assert_int_equal(run("[ $(mtype -i $V@@1M ::6F4C57A8-6DAE-6F9B-3B4A-79A517CEC22A.BEK | wc -c) = 16384 ]", path), 0);
	unlink(path);
	rmdir(dir);
}

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
		cmocka_unit_test(foreign_programs_read_it),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(any_range_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
