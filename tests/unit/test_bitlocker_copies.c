/* SPDX-License-Identifier: Apache-2.0 */
/* The three metadata copies: which one counts, and what damage to them does. */
#include "tests/lib/bitlocker_fixture.h"

static void the_first_good_copy_is_used_whatever_ails_the_others(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8004, 512);
	fvev_fill(&f.v);
	fvev_block(&f.v, 0)[3] ^= 1;				/* signature */
	assert_opens(&f);
	fvev_block(&f.v, 1)[0x200] ^= 1;			/* checksum */
	assert_opens(&f);
	put_le16(fvev_block(&f.v, 2) + 10, 3);			/* version */
	assert_fails(&f, EBADMSG, "none of the three");
	fvev_block(&f.v, 1)[0x200] ^= 1;
	assert_opens(&f);
	put_le16(fvev_block(&f.v, 1) + 8, 0xffff);		/* size */
	assert_fails(&f, EBADMSG, "does not fit");
	fvev_rewrite_block(&f.v, 1);
	put_le64(f.v.stored + 0xb8, 0x40000 + 512);		/* its place */
	assert_fails(&f, EBADMSG, "no signature");
	teardown(&f);
}

static int failing_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	struct fvev *v = ctx;

	if (off == v->w.block_off[0])
		return -EIO;
	memcpy(buf, v->stored + off, len);
	return 0;
}

static void a_copy_that_cannot_be_read_does_not_stop_the_others(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	struct error err = ERROR_INIT;
	struct fixture f;
	struct reader r = { .read = failing_read, .ctx = &f.v, .size = FVEV_BYTES };

	(void)state;
	setup(&f, 0x8004, 512);
	fvev_fill(&f.v);
	b = bitlocker_open(&r, &err);
	assert_non_null(b);
	assert_int_equal(bitlocker_info(b)->copies_valid, 6);
	assert_int_equal(bitlocker_info(b)->copy_used, 1);
	fvev_block(&f.v, 1)[0] = fvev_block(&f.v, 2)[0] = 0;
	assert_null(bitlocker_open(&r, &err));
	assert_int_equal(err.code, EIO);
	teardown(&f);
}

static void of_differing_copies_the_highest_nonce_counter_counts(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;
	struct fixture f;

	(void)state;
	setup(&f, 0x8004, 512);
	fvev_fill(&f.v);
	f.v.w.encrypted_size = 0x90000;		/* the older copies would give wrong bytes */
	f.v.w.state = FVE_PAUSED;
	f.v.w.nonce_counter = 38;
	fvev_rewrite_block(&f.v, 0);
	f.v.w.nonce_counter = 39;
	fvev_rewrite_block(&f.v, 2);
	assert_opens(&f);
	assert_int_equal(try_open(&f, &b, &v, &err), 0);
	assert_true(bitlocker_info(b)->copies_differ);
	assert_int_equal(bitlocker_info(b)->copy_used, 1);
	assert_int_equal(bitlocker_info(b)->copies_valid, 7);
	teardown(&f);
}

static void equal_copies_do_not_differ(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;
	struct fixture f;

	(void)state;
	setup(&f, 0x8001, 512);
	fvev_fill(&f.v);
	assert_int_equal(try_open(&f, &b, &v, &err), 0);
	assert_false(bitlocker_info(b)->copies_differ);
	assert_int_equal(bitlocker_info(b)->copy_used, 0);
	assert_int_equal(bitlocker_info(b)->n_protectors, 1);
	assert_string_equal(bitlocker_info(b)->cipher, "aes-cbc-elephant-256");
	assert_string_equal(bitlocker_info(b)->description, "ADEBACKUP fixture");
	assert_string_equal(f.bek->volume_guid, bitlocker_info(b)->guid);
	assert_string_equal(sector_cipher_name(v->cipher), bitlocker_info(b)->cipher);
	teardown(&f);
}

/* Change a byte that the checksum covers, and make the checksum right again:
 * only the protected hash can tell. */
static void forge(struct fvev *v, unsigned i, size_t at)
{
	uint8_t *block = fvev_block(v, i);
	size_t len = (size_t)le16(block + 8) * 16;

	block[at] ^= 1;
	put_le32(block + len + 4, fve_crc32(block, len));
}

static void a_copy_with_a_wrong_protected_hash_gives_way_to_another(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;
	struct fixture f;

	(void)state;
	setup(&f, 0x8004, 512);
	fvev_fill(&f.v);
	forge(&f.v, 0, 0x12);			/* encrypted size */
	assert_opens(&f);
	assert_int_equal(try_open(&f, &b, &v, &err), 0);
	assert_int_equal(bitlocker_info(b)->copy_used, 1);
	forge(&f.v, 1, 0x12);
	forge(&f.v, 2, 0x12);
	assert_fails(&f, EBADMSG, "does not have its protected hash");
	teardown(&f);
}

static void an_older_copy_stands_in_only_for_a_volume_that_is_wholly_encrypted(void **state)
{
	for (uint16_t st = FVE_PAUSED; st <= FVE_ENCRYPTED; st++) {
		struct fixture f;

		(void)state;
		setup(&f, 0x8004, 512);
		fvev_fill(&f.v);
		f.v.w.state = st;
		f.v.w.nonce_counter--;
		fvev_rewrite_block(&f.v, 0);
		fvev_rewrite_block(&f.v, 2);
		forge(&f.v, 1, 0x68);			/* the newest: its time */
		if (st == FVE_ENCRYPTED)
			assert_opens(&f);
		else
			assert_fails(&f, EBADMSG, "does not have its protected hash");
		teardown(&f);
	}
}

static void a_missing_protected_hash_is_damage(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8004, 512);
	fvev_fill(&f.v);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *block = fvev_block(&f.v, i), *val = block + (size_t)le16(block + 8) * 16;

		memset(val + 8, 0, 0x50);
	}
	assert_fails(&f, EBADMSG, "protected hash is missing");
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *block = fvev_block(&f.v, i), *val = block + (size_t)le16(block + 8) * 16;

		put_le16(val, 4);
	}
	assert_fails(&f, EBADMSG, "no validation block");
	teardown(&f);
}

/* Every byte of the metadata set to a few values, with checksum and hash made
 * right again: an error or a map that holds, never a read out of bounds. */
static void no_byte_of_the_metadata_can_do_harm(void **state)
{
	static const uint8_t values[] = { 0x00, 0x07, 0x80, 0xff };
	struct fixture f;
	size_t len, opened = 0;

	(void)state;
	setup(&f, 0x8005, 512);
	fvew_add_clear(&f.v.w);
	fvev_fill(&f.v);
	len = (size_t)le16(fvev_block(&f.v, 0) + 8) * 16;
	fvev_block(&f.v, 1)[0] = fvev_block(&f.v, 2)[0] = 0;
	for (size_t at = 8; at < len; at++)
		for (size_t k = 0; k < sizeof(values); k++) {
			AUTO(bitlocker_free) struct bitlocker *b = NULL;
			AUTO(volume_free) struct volume *v = NULL;
			AUTO(volume_free) struct volume *v2 = NULL;
			struct error err = ERROR_INIT;
			uint8_t *byte = fvev_block(&f.v, 0) + at, was = *byte;

			*byte = values[k];
			fvew_reseal(&f.v.w, fvev_block(&f.v, 0));
			opened += try_open(&f, &b, &v, &err) == 0;
			if (b)
				bitlocker_unlock_clear(b, &v2, &err);
			fvev_rewrite_block(&f.v, 0);
			assert_int_equal(*byte, was);
		}
	assert_true(opened > len);	/* most bytes are GUIDs, times and other protectors */
	teardown(&f);
}

static void entries_that_do_not_fit_end_the_walk_with_an_error(void **state)
{
	uint8_t buf[24] = { 0 };
	const uint8_t *p = buf;
	struct fve_entry e;

	(void)state;
	assert_int_equal(fve_entry_next(&p, buf + 24, &e), 0);	/* padding */
	for (uint16_t size = 1; size < 8; size++) {
		put_le16(buf, size);
		assert_int_equal(fve_entry_next(&p, buf + 24, &e), -EBADMSG);
	}
	put_le16(buf, 25);
	assert_int_equal(fve_entry_next(&p, buf + 24, &e), -EBADMSG);
	put_le16(buf, 24);
	assert_int_equal(fve_entry_next(&p, buf + 24, &e), 1);
	assert_int_equal(e.len, 16);
	assert_int_equal(fve_entry_next(&p, buf + 24, &e), 0);
	p = buf;
	assert_int_equal(fve_entry_next(&p, buf + 7, &e), 0);	/* a tail shorter than a header */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_good_copy_is_used_whatever_ails_the_others),
		cmocka_unit_test(a_copy_that_cannot_be_read_does_not_stop_the_others),
		cmocka_unit_test(of_differing_copies_the_highest_nonce_counter_counts),
		cmocka_unit_test(equal_copies_do_not_differ),
		cmocka_unit_test(a_copy_with_a_wrong_protected_hash_gives_way_to_another),
		cmocka_unit_test(an_older_copy_stands_in_only_for_a_volume_that_is_wholly_encrypted),
		cmocka_unit_test(a_missing_protected_hash_is_damage),
		cmocka_unit_test(no_byte_of_the_metadata_can_do_harm),
		cmocka_unit_test(entries_that_do_not_fit_end_the_walk_with_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
