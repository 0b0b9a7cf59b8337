/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/image/overlay_header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define HASHED 360

static const struct overlay_info info = {
	.size = 12345, .made = 1795600000, .id = { 1, 2, 3 }, .plaintext = true,
	.view = "disk.raw", .base = "osdisk.vhd",
};

static int check(const uint8_t *h, const struct overlay_info *want)
{
	struct error err = ERROR_INIT;
	struct overlay_info have;
	int rc = overlay_header_read(h, OVERLAY_HEADER_BYTES, &have, &err);

	rc = rc ? rc : overlay_match(&have, want, &err);
	assert_int_equal(err.code, -rc);
	assert_true(!rc || (err.text[0] && err.next[0]));
	return rc;
}

static void only_what_it_was_made_over_is_taken(void **state)
{
	struct overlay_info other = info;
	uint8_t h[OVERLAY_HEADER_BYTES];

	(void)state;
	assert_int_equal(overlay_header_write(&info, h), 0);
	other.made = 0;
	other.base[0] = 'x';
	assert_int_equal(check(h, &other), 0);
	other.size++;
	assert_int_equal(check(h, &other), -EINVAL);
	other = info;
	other.id[31] = 1;
	assert_int_equal(check(h, &other), -EINVAL);
	other = info;
	other.plaintext = false;
	assert_int_equal(check(h, &other), -EINVAL);
	other = info;
	other.view[0] = 'x';
	assert_int_equal(check(h, &other), -EINVAL);
}

static void what_was_written_is_read(void **state)
{
	uint8_t h[OVERLAY_HEADER_BYTES];
	struct overlay_info got;

	(void)state;
	memset(&got, 0xee, sizeof(got));
	assert_int_equal(overlay_header_write(&info, h), 0);
	assert_int_equal(overlay_header_read(h, sizeof(h), &got, NULL), 0);
	assert_true(got.size == info.size && got.made == info.made && got.plaintext && !got.logged);
	assert_memory_equal(got.id, info.id, sizeof(info.id));
	assert_string_equal(got.view, info.view);
	assert_string_equal(got.base, info.base);
}

static void mend(uint8_t *h)
{
	assert_int_equal(sha256(h, HASHED, h + HASHED), 0);
}

static void damage_and_hostile_fields_are_seen(void **state)
{
	static const struct { unsigned at; uint8_t byte; } hostile[] = {
		{ 13, 0 }, { 24, 2 }, { 25, 1 }, { 64, 27 }, { 95, 'x' }, { 100, 0 }, { 110, 10 }, { 23, 0xff },
	};
	uint8_t h[OVERLAY_HEADER_BYTES], copy[OVERLAY_HEADER_BYTES];

	(void)state;
	assert_int_equal(overlay_header_write(&info, h), 0);
	for (size_t i = 0; i < sizeof(h); i++) {
		h[i] ^= 0x40;
		assert_int_equal(check(h, &info), -EBADMSG);
		h[i] ^= 0x40;
	}
	assert_int_equal(overlay_header_read(h, sizeof(h) - 1, &(struct overlay_info){ 0 }, NULL), -EBADMSG);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		memcpy(copy, h, sizeof(h));
		copy[hostile[i].at] = hostile[i].byte;
		mend(copy);
		assert_int_equal(check(copy, &info), -EBADMSG);
	}
	for (uint32_t version = 0; version < 5; version++) {
		put_le32(h + 8, version);
		mend(h);
		assert_int_equal(check(h, &info), version == 1 || version == 2 ? 0 : -ENOTSUP);
	}
}

static int layout_of(uint64_t size, bool logged, struct overlay_layout *out)
{
	return overlay_layout(&(struct overlay_info){ .size = size, .logged = logged }, out);
}

static void regions_hold_every_block(void **state)
{
	struct overlay_layout l;

	(void)state;
	assert_int_equal(layout_of(0, false, &l), -EINVAL);
	assert_int_equal(layout_of(UINT64_MAX, true, &l), -EINVAL);
	assert_int_equal(layout_of(1, false, &l), 0);
	assert_int_equal(l.data_off, 8192);
	assert_int_equal(l.end, 12288);
	assert_int_equal(l.file_len, l.end);
	assert_int_equal(layout_of((64ull << 20) + 1, true, &l), 0);
	assert_int_equal(l.map_len, 8192);
	assert_int_equal(l.end, 4096 + 8192 + (64 << 20) + 4096);
	assert_int_equal(l.log_off, l.end);
	assert_int_equal(l.file_len, l.end + (8 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_it_was_made_over_is_taken),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(damage_and_hostile_fields_are_seen),
		cmocka_unit_test(regions_hold_every_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
