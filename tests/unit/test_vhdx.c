/* SPDX-License-Identifier: Apache-2.0 */
/* The VHDX shell: checksums, table entries, and reads of any range. */
#include "fs/image/vhdx.h"
#include "crypto/bytes.h"
#include "fs/image/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)
static const uint8_t id[16] = { 1, 2, 3, 4 };

static struct blockdev *counting(size_t len)
{
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i / 512 * 3 + i);
	return vhdx_shell_open(mem_open(p, len, NULL), id, NULL);
}

static uint64_t entry(struct blockdev *bd, uint64_t i)
{
	uint8_t e[8];

	assert_int_equal(blockdev_pread(bd, e, 8, 3 * MIB + 8 * i), 0);
	return le64(e);
}

static void crc32c_gives_the_published_values(void **state)
{
	static const uint8_t zeros[32];

	(void)state;
	assert_int_equal(vhdx_crc32c("123456789", 9, 0), 0xe3069283u);
	assert_int_equal(vhdx_crc32c(zeros, 32, 0), 0x8a9136aau);	/* RFC 3720, B.4 */
	assert_int_equal(vhdx_crc32c(zeros, 0, 32), 0x8a9136aau);
}

/* The checksum at 4 holds over len bytes, itself as zeros. */
static void assert_sealed(struct blockdev *bd, uint64_t off, size_t len, const char *sign)
{
	AUTO(free) uint8_t *p = malloc(len);
	uint32_t want;

	assert_int_equal(blockdev_pread(bd, p, len, off), 0);
	assert_memory_equal(p, sign, 4);
	want = le32(p + 4);
	put_le32(p + 4, 0);
	assert_int_equal(vhdx_crc32c(p, len, len), want);
}

static void headers_and_region_tables_are_sealed(void **state)
{
	AUTO(blockdev_unref) struct blockdev *bd = counting(5000);
	uint8_t b[40];

	(void)state;
	assert_sealed(bd, 64 << 10, 4096, "head");
	assert_sealed(bd, 128 << 10, 4096, "head");
	assert_sealed(bd, 192 << 10, 64 << 10, "regi");
	assert_sealed(bd, 256 << 10, 64 << 10, "regi");
	assert_int_equal(blockdev_pread(bd, b, 40, 2 * MIB + (64 << 10)), 0);
	assert_int_equal(le32(b), VHDX_BLOCK);
	assert_int_equal(le64(b + 8), 5120);
	assert_memory_equal(b + 16, id, 16);
	assert_int_equal(bd->size, vhdx_file_size(5000));
	assert_false(bd->writable);
}

static void sector_bitmaps_stand_after_every_128_blocks(void **state)
{
	AUTO(blockdev_unref) struct blockdev *bd =
		vhdx_shell_open(zero_open(VHDX_MAX_BYTES, NULL), id, NULL);
	uint64_t payload = bd->size - VHDX_MAX_BYTES;

	(void)state;
	assert_int_equal(entry(bd, 0), payload | 6);
	assert_int_equal(entry(bd, 127), (payload + 127ull * VHDX_BLOCK) | 6);
	assert_int_equal(entry(bd, 128), 0);
	assert_int_equal(entry(bd, 129), (payload + 128ull * VHDX_BLOCK) | 6);
	/* 2^21 blocks and 2^14 - 1 bitmaps before the last. */
	assert_int_equal(entry(bd, (1u << 21) + (1u << 14) - 2), (bd->size - VHDX_BLOCK) | 6);
	assert_int_equal(entry(bd, (1u << 21) + (1u << 14) - 1), 0);
}

static void any_range_reads_as_the_whole_does(void **state)
{
	AUTO(blockdev_unref) struct blockdev *bd = counting(70000);
	size_t len = 5 * MIB;
	AUTO(free) uint8_t *whole = malloc(len);
	uint8_t part[777];

	(void)state;
	assert_int_equal(blockdev_pread(bd, whole, len, 0), 0);
	for (size_t off = 3; off + sizeof(part) < len; off += 771) {
		assert_int_equal(blockdev_pread(bd, part, sizeof(part), off), 0);
		assert_memory_equal(part, whole + off, sizeof(part));
	}
	for (size_t i = 0; i < 70000; i++)
		assert_int_equal(whole[4 * MIB + i], (uint8_t)(i / 512 * 3 + i));
	assert_true(is_zero(whole + 4 * MIB + 70000, MIB - 70000));
}

static int add_hole(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	uint64_t *at = arg;

	assert_int_equal(off, at[0]);
	at[0] += len;
	at[1] += type == EXTENT_HOLE ? len : 0;
	return 0;
}

static void holes_stay_holes(void **state)
{
	AUTO(blockdev_unref) struct blockdev *bd = vhdx_shell_open(zero_open(70000, NULL), id, NULL);
	uint64_t at[2] = { 0, 0 };

	(void)state;
	assert_int_equal(blockdev_extents(bd, 0, bd->size, add_hole, at), 0);
	assert_int_equal(at[0], bd->size);
	assert_int_equal(at[1], VHDX_BLOCK);
}

static void what_no_vhdx_holds_is_refused(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(vhdx_shell_open(zero_open(VHDX_MAX_BYTES + 1, NULL), id, &err));
	assert_int_equal(err.code, EINVAL);
	assert_null(vhdx_shell_open(NULL, id, NULL));
	assert_int_equal(vhdx_file_size(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_gives_the_published_values),
		cmocka_unit_test(headers_and_region_tables_are_sealed),
		cmocka_unit_test(sector_bitmaps_stand_after_every_128_blocks),
		cmocka_unit_test(any_range_reads_as_the_whole_does),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(what_no_vhdx_holds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
