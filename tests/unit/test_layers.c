/* SPDX-License-Identifier: Apache-2.0 */
/* What single layers promise beyond the conformance suite. */
#include "fs/image/decrypt.h"
#include "fs/image/file.h"
#include "fs/image/mem.h"
#include "fs/image/slice.h"
#include "fs/image/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct blockdev *counting(size_t len)
{
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i / 512 * 3 + i);
	return mem_open(p, len, NULL);
}

static void slice_refuses_a_range_that_overflows(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(slice_open(counting(4096), 4096, 1, &err));
	assert_int_equal(err.code, EINVAL);
	assert_null(slice_open(counting(4096), UINT64_MAX, 2, NULL));
	assert_null(slice_open(NULL, 0, 0, NULL));
}

static void read_across_pieces_returns_each_devices_bytes(void **state)
{
	struct splice_piece pieces[] = { { 3000, zero_open(96, NULL) }, { 512, zero_open(512, NULL) } };
	AUTO(blockdev_unref) struct blockdev *plain = counting(4096);
	AUTO(blockdev_unref) struct blockdev *s =
		splice_open(blockdev_ref(plain), pieces, 2, NULL);
	uint8_t want[4096], got[4096];

	(void)state;
	assert_non_null(s);
	blockdev_pread(plain, want, 4096, 0);
	memset(want + 512, 0, 512);
	memset(want + 3000, 0, 96);
	for (size_t off = 0; off < 4096; off += 97)
		for (size_t len = 1; off + len <= 4096; len = len * 3 + 1) {
			assert_int_equal(blockdev_pread(s, got, len, off), 0);
			assert_memory_equal(got, want + off, len);
		}
	assert_int_equal(blockdev_pread(s, got, 2, 4095), -EINVAL);
}

static void overlapping_pieces_are_refused_and_released(void **state)
{
	struct splice_piece two[] = { { 0, zero_open(1024, NULL) }, { 1023, zero_open(1, NULL) } };
	struct splice_piece past[] = { { 4000, zero_open(97, NULL) } };

	(void)state;
	assert_null(splice_open(counting(4096), two, 2, NULL));
	assert_null(splice_open(counting(4096), past, 1, NULL));
}

struct seen { uint64_t holes, data, next; };

static int see(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct seen *s = arg;

	assert_true(off == s->next && len > 0);
	s->next = off + len;
	*(type == EXTENT_HOLE ? &s->holes : &s->data) += len;
	return 0;
}

static void a_files_holes_are_told_and_its_size_need_not_be_round(void **state)
{
	char path[] = "/tmp/test-layers-XXXXXX";
	int fd = mkstemp(path);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	struct seen s = { .next = 5 };
	char c;

	(void)state;
	assert_int_equal(ftruncate(fd, 1000003), 0);
	assert_int_equal(pwrite(fd, "x", 1, 500000), 1);
	close(fd);
	bd = file_open(path, NULL);
	unlink(path);
	assert_non_null(bd);
	assert_int_equal(bd->size, 1000003);
	assert_int_equal(blockdev_extents(bd, 5, 1000003 - 5, see, &s), 0);
	assert_int_equal(s.next, 1000003);
	assert_true(s.holes > 900000 && s.data > 0);
	assert_int_equal(blockdev_pread(bd, &c, 1, 500000), 0);
	assert_int_equal(c, 'x');
}

static void a_file_cut_short_gives_an_error_not_zeros(void **state)
{
	char path[] = "/tmp/test-layers-XXXXXX", buf[100];
	int fd = mkstemp(path);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	bd = file_open(path, NULL);
	assert_int_equal(ftruncate(fd, 1024), 0);
	unlink(path);
	close(fd);
	assert_int_equal(blockdev_pread(bd, buf, 100, 1000), -EIO);
}

static void folders_and_missing_files_are_refused_by_name(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(file_open("/", &err));
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.object, "/");
	assert_null(file_open("/no/such/file", &err));
	assert_int_equal(err.code, ENOENT);
}

/* One of each kind of row; sectors of 512, moved and in place. */
static struct volume *three_rows(uint64_t size)
{
	AUTO(secret_free) struct secret *key = secret_new(64);
	const struct crypt_extent ext[] = {
		{ 0, 1024, 2048, 4, EXTENT_CRYPT }, { 1024, 1024, 0, 0, EXTENT_ZERO },
		{ 2048, 512, 2048, 0, EXTENT_CLEAR }, { 2560, size - 2560, 2560, 5, EXTENT_CRYPT },
	};

	secret_data(key)[40] = 1;
	return volume_new(sector_cipher_new(SECTOR_XTS_PLAIN64, key, 512, 512, NULL), ext, 4, size,
			  size, NULL);
}

static void decrypt_reads_any_range_as_it_reads_the_whole(void **state)
{
	AUTO(blockdev_unref) struct blockdev *bd = decrypt_open(counting(8192), three_rows(8192), NULL);
	uint8_t whole[8192], part[8192];
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(blockdev_pread(bd, whole, 8192, 0), 0);
	for (size_t off = 0; off < 8192; off += 211)
		for (size_t len = 1; off + len <= 8192; len = len * 2 + 3) {
			assert_int_equal(blockdev_pread(bd, part, len, off), 0);
			assert_memory_equal(part, whole + off, len);
		}
	assert_int_equal(blockdev_extents(bd, 0, 8192, see, &s), 0);
	assert_int_equal(s.holes, 1024);
}

static void decrypt_refuses_a_volume_that_its_container_cannot_hold(void **state)
{
	(void)state;
	assert_null(decrypt_open(counting(4096), three_rows(8192), NULL));
	assert_null(decrypt_open(counting(4096), NULL, NULL));
	assert_null(decrypt_open(NULL, three_rows(8192), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slice_refuses_a_range_that_overflows),
		cmocka_unit_test(read_across_pieces_returns_each_devices_bytes),
		cmocka_unit_test(overlapping_pieces_are_refused_and_released),
		cmocka_unit_test(a_files_holes_are_told_and_its_size_need_not_be_round),
		cmocka_unit_test(a_file_cut_short_gives_an_error_not_zeros),
		cmocka_unit_test(folders_and_missing_files_are_refused_by_name),
		cmocka_unit_test(decrypt_reads_any_range_as_it_reads_the_whole),
		cmocka_unit_test(decrypt_refuses_a_volume_that_its_container_cannot_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
