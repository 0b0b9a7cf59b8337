/* SPDX-License-Identifier: Apache-2.0 */
/* LVM2 on a handmade physical volume. */
#include "crypto/bytes.h"
#include "fs/image/lvm.h"
#include "fs/image/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define PV_BYTES 65536u
#define MDA 4096u
#define MDA_2 61440u
#define MDA_BYTES 4096u

#define TEXT(seqno, flags, snapshot_key) \
	"vg0 {\nseqno = " seqno "\nextent_size = 8\nphysical_volumes {\npv0 {\n" \
	"id = \"AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA\"\nflags = [" flags "]\n" \
	"pe_start = 32\npe_count = 11\n}\n}\n" \
	"logical_volumes {\nroot {\nstatus = [\"READ\", \"VISIBLE\"]\nsegment_count = 2\n" \
	"segment1 {\nstart_extent = 0\nextent_count = 1\ntype = \"striped\"\nstripe_count = 1\n" \
	"stripes = [\n\"pv0\", 5\n]\n}\nsegment2 {\nstart_extent = 1\nextent_count = 2\n" \
	"type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 0]\n}\n}\n" \
	"wide {\nsegment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = 2\n" \
	"type = \"striped\"\nstripe_count = 2\nstripes = [\"pv0\", 7, \"pv1\", 0]\n}\n}\n" \
	"snap {\nstatus = [\"VISIBLE\"]\nsegment_count = 1\nsegment1 {\nstart_extent = 0\n" \
	"extent_count = 1\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 6]\n}\n}\n" \
	"past {\nstatus = [\"VISIBLE\"]\nsegment_count = 1\nsegment1 {\nstart_extent = 0\n" \
	"extent_count = 2\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 10]\n}\n}\n" \
	"snapshot0 {\nsegment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = 3\n" \
	"type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\n" snapshot_key " = \"snap\"\n}\n}\n" \
	"}\n}\n# end\n"

enum { ROOT, WIDE, SNAP, PAST, SNAPSHOT0, N_LVS };

static const char plain_text[] = TEXT("7", "", "cow_store");

/* off: where in the ring the text begins, bytes from the area's start. */
static void put_area(uint8_t *pv, uint32_t mda, const char *text, uint64_t off)
{
	uint8_t *h = pv + mda;
	size_t len = strlen(text) + 1;

	memset(h, 0, MDA_BYTES);
	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(h + 20, 1);
	put_le64(h + 24, mda);
	put_le64(h + 32, MDA_BYTES);
	put_le64(h + 40, off);
	put_le64(h + 48, len);
	put_le32(h + 56, lvm_crc(text, len));
	put_le32(h, lvm_crc(h + 4, 508));
	for (size_t i = 0; i < len; i++)
		h[off + i < MDA_BYTES ? off + i : off + i - MDA_BYTES + 512] = (uint8_t)text[i];
}

static uint8_t *build(const char *text, uint64_t off)
{
	uint8_t *p = malloc(PV_BYTES), *s = p + 512;

	for (size_t i = 0; i < PV_BYTES; i++)
		p[i] = (uint8_t)(i / 4096);
	memset(p, 0, MDA);
	memcpy(s, "LABELONE", 8);
	put_le64(s + 8, 1);
	put_le32(s + 20, 32);
	memcpy(s + 24, "LVM2 001", 8);
	memset(s + 32, 'A', 32);
	put_le64(s + 72, 16384);
	put_le64(s + 104, MDA);
	put_le64(s + 120, MDA_2);
	put_le32(s + 16, lvm_crc(s + 20, 492));
	put_area(p, MDA, text, off);
	put_area(p, MDA_2, text, 512);
	return p;
}

static void check(uint64_t off)
{
	AUTO(blockdev_unref) struct blockdev *pv = mem_open(build(plain_text, off), PV_BYTES, NULL);
	AUTO(lvm_free) struct lvm *l = lvm_read(pv, NULL);
	AUTO(blockdev_unref) struct blockdev *lv = NULL;
	struct error err = ERROR_INIT;
	uint8_t got[8192];

	assert_non_null(l);
	assert_string_equal(l->vg, "vg0");
	assert_int_equal(l->n_lvs, N_LVS);
	assert_false(l->damaged_copy);
	assert_true(l->lv[ROOT].visible);
	assert_false(l->lv[WIDE].visible);
	lv = lvm_lv_open(blockdev_ref(pv), l, &l->lv[ROOT], NULL);
	assert_non_null(lv);
	assert_int_equal(lv->size, 3 * 4096);
	assert_int_equal(blockdev_pread(lv, got, 8192, 2048), 0);
	assert_int_equal(got[0], 9);
	assert_int_equal(got[2048], 4);
	assert_int_equal(got[8191], 5);
	assert_non_null(strstr(l->lv[WIDE].reason, "striped"));
	assert_non_null(strstr(l->lv[SNAP].reason, "snapshot"));
	assert_non_null(strstr(l->lv[PAST].reason, "past the end"));
	assert_non_null(strstr(l->lv[SNAPSHOT0].reason, "type snapshot"));
	assert_null(lvm_lv_open(blockdev_ref(pv), l, &l->lv[WIDE], &err));
	assert_int_equal(err.code, ENOTSUP);
}

static void linear_volumes_are_read_and_others_refused(void **state)
{
	(void)state;
	check(512);
	check(MDA_BYTES - 100);	/* wraps */
}

static void the_newest_readable_area_counts(void **state)
{
	static const char newer[] = TEXT("8", "", "merging_store");

	(void)state;
	for (int damaged = 0; damaged < 2; damaged++) {
		uint8_t *p = build(plain_text, 512);
		AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);
		AUTO(lvm_free) struct lvm *l = NULL;

		put_area(p, MDA_2, newer, 512);
		p[MDA_2 + 600] ^= (uint8_t)damaged;
		l = lvm_read(pv, NULL);
		assert_non_null(l);
		assert_int_equal(l->damaged_copy, damaged);
		/* in the newer one its snapshot is being merged into root */
		assert_int_equal(l->lv[ROOT].reason[0] != '\0', !damaged);
	}
}

static void a_volume_that_was_missing_is_refused(void **state)
{
	static const char text[] = TEXT("7", "\"MISSING\"", "cow_store");
	AUTO(blockdev_unref) struct blockdev *pv = mem_open(build(text, 512), PV_BYTES, NULL);
	AUTO(lvm_free) struct lvm *l = lvm_read(pv, NULL);

	(void)state;
	assert_non_null(l);
	assert_non_null(strstr(l->lv[ROOT].reason, "missing"));
}

static void a_volume_without_metadata_is_told_apart_from_a_damaged_one(void **state)
{
	uint8_t *p = build(plain_text, 512);
	AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);
	struct error err = ERROR_INIT;

	(void)state;
	memset(p + 512 + 104, 0, 32);
	put_le32(p + 512 + 16, lvm_crc(p + 512 + 20, 492));
	assert_null(lvm_read(pv, &err));
	assert_int_equal(err.code, ENOTSUP);
	memset(p, 0, 2048);
	assert_null(lvm_read(pv, &err));
	assert_int_equal(err.code, ENOENT);
}

static void damage_is_refused(void **state)
{
	static const size_t at[] = { 512 + 40, MDA + 32, MDA + 512 + 20 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *p = build(plain_text, 512);
		AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);
		struct error err = ERROR_INIT;

		p[MDA_2 + 700] ^= 1;
		p[at[i]] ^= 1;
		assert_null(lvm_read(pv, &err));
		assert_int_equal(err.code, EBADMSG);
	}
}

static void hostile_lengths_are_refused(void **state)
{
	static const uint64_t bad[] = { 0, MDA_BYTES, UINT64_MAX, 1u << 21 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t *p = build(plain_text, 512);
		AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);

		p[MDA_2] ^= 1;
		put_le64(p + MDA + 48, bad[i]);
		put_le32(p + MDA, lvm_crc(p + MDA + 4, 508));
		assert_null(lvm_read(pv, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear_volumes_are_read_and_others_refused),
		cmocka_unit_test(the_newest_readable_area_counts),
		cmocka_unit_test(a_volume_that_was_missing_is_refused),
		cmocka_unit_test(a_volume_without_metadata_is_told_apart_from_a_damaged_one),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(hostile_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
