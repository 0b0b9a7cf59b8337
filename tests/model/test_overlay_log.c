/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of an overlay, as a mount that was killed leaves it: a copy of the
 * file is taken while the overlay is open, and its map and data are wiped, so
 * that only the log can tell.
 */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/image/mem.h"
#include "fs/image/overlay.h"
#include "fs/image/overlay_record.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE (3u << 20)
#define BLOCK OVERLAY_BLOCK

struct fixture {
	char dir[40], path[64], copy[64];
	struct overlay_info info;
	struct overlay_layout at;
	struct blockdev *bd;
	uint8_t flat[SIZE];
};

static struct blockdev *open_at(const struct fixture *f, const char *path)
{
	struct error err = ERROR_INIT;
	struct blockdev *bd = overlay_open(zero_open(SIZE, NULL), overlay_file_use(path, &f->info, &err), &err);

	if (!bd)
		fail_msg("%s", err.text);
	return bd;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->info = (struct overlay_info){ .size = SIZE, .view = "disk.raw", .base = "x", .logged = true };
	assert_int_equal(overlay_layout(&f->info, &f->at), 0);
	snprintf(f->dir, sizeof(f->dir), "/tmp/ade-log-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/o", f->dir);
	snprintf(f->copy, sizeof(f->copy), "%s/copy", f->dir);
	f->bd = open_at(f, f->path);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	blockdev_unref(f->bd);
	unlink(f->path);
	unlink(f->copy);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void put(struct fixture *f, uint8_t byte, size_t off, size_t len)
{
	memset(f->flat + off, byte, len);
	assert_int_equal(blockdev_pwrite(f->bd, f->flat + off, len, off), 0);
}

static void flush(struct fixture *f)
{
	assert_int_equal(blockdev_flush(f->bd), 0);
}

static uint8_t *read_whole(const char *path, size_t len)
{
	uint8_t *all = malloc(len);
	int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, all, len), len);
	close(fd);
	return all;
}

/* f->copy: header and log are as they are now, the rest is zeros. */
static uint8_t *killed(const struct fixture *f)
{
	uint8_t *all = read_whole(f->path, f->at.file_len);

	memset(all + f->at.map_off, 0, f->at.log_off - f->at.map_off);
	return all;
}

static void store(const struct fixture *f, uint8_t *all)
{
	int fd = open(f->copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, all, f->at.file_len), f->at.file_len);
	close(fd);
	free(all);
}

static void check_copy(const struct fixture *f)
{
	struct blockdev *bd = open_at(f, f->copy);
	uint8_t *got = malloc(SIZE);

	assert_int_equal(blockdev_pread(bd, got, SIZE, 0), 0);
	assert_memory_equal(got, f->flat, SIZE);
	free(got);
	blockdev_unref(bd);
}

static void a_flush_of_few_writes_goes_to_the_log_alone(void **state)
{
	struct fixture *f = *state;

	put(f, 1, 0, 4096);
	put(f, 2, 100 * BLOCK + 7, 600);
	flush(f);
	put(f, 3, 0, 512);
	assert_int_equal(blockdev_discard(f->bd, 100 * BLOCK, 2 * BLOCK), 0);
	memset(f->flat + 100 * BLOCK, 0, 2 * BLOCK);
	put(f, 4, SIZE - 5000, 5000);
	flush(f);
	flush(f);	/* has nothing to add */
	store(f, killed(f));
	check_copy(f);
	check_copy(f);	/* all is in its place now */
}

static void what_is_only_read_is_settled_first(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct overlay_look look;
	struct blockdev *bd;
	uint8_t got[4096];

	put(f, 9, 4096, 4096);
	flush(f);
	store(f, killed(f));
	assert_int_equal(overlay_file_look(f->copy, &look, &err), 0);
	assert_int_equal(look.written, 4096);
	bd = overlay_open(zero_open(SIZE, NULL), overlay_file_open(f->copy, OVERLAY_READ, &err), &err);
	assert_non_null(bd);
	assert_int_equal(blockdev_pread(bd, got, sizeof(got), 4096), 0);
	assert_memory_equal(got, f->flat + 4096, sizeof(got));
	blockdev_unref(bd);
}

static void a_torn_record_ends_the_log(void **state)
{
	struct fixture *f = *state;
	uint8_t *all;

	put(f, 1, 0, 4096);
	flush(f);
	put(f, 2, 8192, 8192);
	flush(f);
	all = killed(f);
	all[f->at.log_off + 4 * BLOCK] ^= 1;		/* in the second one's data */
	store(f, all);
	memset(f->flat + 8192, 0, 8192);
	check_copy(f);
}

/* As a cut leaves it that came after the first record of a new lap. */
static void an_older_laps_record_is_not_replayed(void **state)
{
	struct fixture *f = *state;
	uint8_t *old, *all;

	put(f, 1, 0, 4096);
	flush(f);
	put(f, 2, 8192, 4096);
	flush(f);
	old = read_whole(f->path, f->at.file_len);
	blockdev_unref(f->bd);
	f->bd = open_at(f, f->path);
	put(f, 3, 16384, 4096);
	flush(f);
	all = read_whole(f->path, f->at.file_len);
	assert_memory_not_equal(all + f->at.log_off + 8, old + f->at.log_off + 8, 16);
	memcpy(all + f->at.log_off + 2 * BLOCK, old + f->at.log_off + 2 * BLOCK, 2 * BLOCK);
	free(old);
	memset(all + f->at.data_off + 8192, 7, 4096);	/* written since, and not flushed */
	memset(f->flat + 8192, 7, 4096);
	store(f, all);
	check_copy(f);
}

/* Otherwise it would be replayed over what came after it. */
static void a_flush_of_much_voids_the_log(void **state)
{
	struct fixture *f = *state;

	put(f, 1, 0, 4096);
	flush(f);
	put(f, 2, 0, 2 << 20);
	flush(f);
	store(f, read_whole(f->path, f->at.file_len));
	check_copy(f);
	put(f, 3, 4096, 10);
	flush(f);
	store(f, read_whole(f->path, f->at.file_len));
	check_copy(f);
}

static void a_full_log_begins_again(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 300; i++) {
		put(f, (uint8_t)(i + 1), i * 37 % 600 * BLOCK, 3 * BLOCK);
		flush(f);
	}
	store(f, read_whole(f->path, f->at.file_len));
	check_copy(f);
}

static void a_whole_record_of_what_cannot_be_is_refused(void **state)
{
	static const struct { unsigned state; uint64_t block; } bad[] = {
		{ OVERLAY_BASE, 0 }, { 3, 0 }, { OVERLAY_ZERO, SIZE / BLOCK }, { OVERLAY_DATA, UINT64_MAX >> 2 },
	};
	struct fixture *f = *state;
	struct overlay_record_id id = { .number = 0 };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *all = killed(f), *rec = all + f->at.log_off;

		memset(rec, 0, 2 * BLOCK);
		overlay_record_set(rec, 0, bad[i].block, (enum overlay_state)bad[i].state);
		assert_int_equal(overlay_record_seal(rec, bad[i].state == OVERLAY_DATA ? 2 * BLOCK : BLOCK, 1, &id), 0);
		store(f, all);
		assert_null(overlay_open(zero_open(SIZE, NULL), overlay_file_use(f->copy, &f->info, &err), &err));
		assert_int_equal(err.code, EBADMSG);
		assert_null(overlay_file_open(f->copy, OVERLAY_READ, &err));
		assert_int_equal(err.code, EBADMSG);
	}
}

static void a_closed_overlay_keeps_no_log(void **state)
{
	struct fixture *f = *state;
	uint8_t *all;

	put(f, 5, 0, 8192);
	flush(f);
	blockdev_unref(f->bd);
	all = read_whole(f->path, f->at.file_len);
	assert_true(is_zero(all + f->at.log_off, f->at.log_len));
	store(f, all);
	check_copy(f);
	f->bd = open_at(f, f->path);
}

/* Made before there was a log: works, and gets none. */
static void an_overlay_of_version_1_works(void **state)
{
	struct fixture *f = *state;
	struct overlay_info old = f->info;
	uint8_t header[OVERLAY_HEADER_BYTES];
	struct stat st;
	int fd;

	blockdev_unref(f->bd);
	unlink(f->path);
	old.logged = false;
	assert_int_equal(overlay_layout(&old, &f->at), 0);
	assert_int_equal(overlay_header_write(&old, header), 0);
	fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	assert_int_equal(ftruncate(fd, (off_t)f->at.file_len), 0);
	close(fd);
	f->bd = open_at(f, f->path);
	put(f, 1, 0, 5000);
	flush(f);
	put(f, 2, 100000, 700000);
	flush(f);
	store(f, read_whole(f->path, f->at.file_len));
	check_copy(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, f->at.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flush_of_few_writes_goes_to_the_log_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_only_read_is_settled_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_torn_record_ends_the_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_laps_record_is_not_replayed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flush_of_much_voids_the_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_log_begins_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_whole_record_of_what_cannot_be_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_closed_overlay_keeps_no_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_overlay_of_version_1_works, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
