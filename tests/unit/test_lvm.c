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
#define MDA_BYTES 4096u

static const char text[] =
	"vg0 {\nextent_size = 8\nphysical_volumes {\npv0 {\n"
	"id = \"AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA\"\npe_start = 32\npe_count = 12\n}\n}\n"
	"logical_volumes {\nroot {\nstatus = [\"READ\", \"VISIBLE\"]\nsegment_count = 2\n"
	"segment1 {\nstart_extent = 0\nextent_count = 1\ntype = \"striped\"\nstripe_count = 1\n"
	"stripes = [\n\"pv0\", 5\n]\n}\nsegment2 {\nstart_extent = 1\nextent_count = 2\n"
	"type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 0]\n}\n}\n"
	"wide {\nsegment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = 2\n"
	"type = \"striped\"\nstripe_count = 2\nstripes = [\"pv0\", 7, \"pv1\", 0]\n}\n}\n}\n}\n# end\n";

/* off: where in the ring the text begins, bytes from the area's start. */
static uint8_t *build(uint64_t off)
{
	uint8_t *p = malloc(PV_BYTES), *s = p + 512, *h = p + MDA;

	for (size_t i = 0; i < PV_BYTES; i++)
		p[i] = (uint8_t)(i / 4096);
	memset(p, 0, 2 * MDA);
	memcpy(s, "LABELONE", 8);
	put_le64(s + 8, 1);
	put_le32(s + 20, 32);
	memcpy(s + 24, "LVM2 001", 8);
	memset(s + 32, 'A', 32);
	put_le64(s + 72, 16384);
	put_le64(s + 104, MDA);
	put_le32(s + 16, lvm_crc(s + 20, 492));
	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(h + 20, 1);
	put_le64(h + 24, MDA);
	put_le64(h + 32, MDA_BYTES);
	put_le64(h + 40, off);
	put_le64(h + 48, sizeof(text));
	put_le32(h + 56, lvm_crc(text, sizeof(text)));
	put_le32(h, lvm_crc(h + 4, 508));
	for (size_t i = 0; i < sizeof(text); i++)
		h[off + i < MDA_BYTES ? off + i : off + i - MDA_BYTES + 512] = (uint8_t)text[i];
	return p;
}

static void check(uint64_t off)
{
	AUTO(blockdev_unref) struct blockdev *pv = mem_open(build(off), PV_BYTES, NULL);
	AUTO(lvm_free) struct lvm *l = lvm_read(pv, NULL);
	AUTO(blockdev_unref) struct blockdev *lv = NULL;
	uint8_t got[8192];

	assert_non_null(l);
	assert_string_equal(l->vg, "vg0");
	assert_int_equal(l->n_lvs, 2);
	assert_true(l->lv[0].visible);
	lv = lvm_lv_open(blockdev_ref(pv), l, &l->lv[0], NULL);
	assert_non_null(lv);
	assert_int_equal(lv->size, 3 * 4096);
	assert_int_equal(blockdev_pread(lv, got, 8192, 2048), 0);
	assert_int_equal(got[0], 9);
	assert_int_equal(got[2048], 4);
	assert_int_equal(got[8191], 5);
	assert_non_null(strstr(l->lv[1].reason, "striped"));
	assert_null(lvm_lv_open(blockdev_ref(pv), l, &l->lv[1], NULL));
}

static void linear_volumes_are_read_and_striped_ones_refused(void **state)
{
	(void)state;
	check(512);
	check(MDA_BYTES - 100);	/* wraps */
}

static void damage_is_refused(void **state)
{
	static const size_t at[] = { 512 + 40, MDA + 32, MDA + 512 + 20 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *p = build(512);
		AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);
		struct error err = ERROR_INIT;

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
		uint8_t *p = build(512);
		AUTO(blockdev_unref) struct blockdev *pv = mem_open(p, PV_BYTES, NULL);

		put_le64(p + MDA + 48, bad[i]);
		put_le32(p + MDA, lvm_crc(p + MDA + 4, 508));
		assert_null(lvm_read(pv, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear_volumes_are_read_and_striped_ones_refused),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(hostile_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
