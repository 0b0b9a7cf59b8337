/* SPDX-License-Identifier: Apache-2.0 */
/* BitLocker's boot sector, metadata copies and map; keys are in test_bitlocker_keys.c. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "tests/lib/fvevolume.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A volume with one external key, and the key. */
struct fixture {
	struct fvev v;
	struct bek *bek;
};

static void setup(struct fixture *f, uint16_t method, uint32_t sector)
{
	AUTO(secret_free) struct secret *file = secret_new(FVEW_BEK_MAX);
	struct fvew_protector *p;

	fvev_init(&f->v, method, sector);
	p = fvew_add_external(&f->v.w);
	secret_truncate(file, fvew_bek(&f->v.w, p, true, secret_data(file)));
	f->bek = bek_parse(file, NULL);
	assert_non_null(f->bek);
}

static void teardown(struct fixture *f)
{
	bek_free(f->bek);
	fvev_release(&f->v);
}

/* Open and unlock; 0 or -errno. */
static int try_open(struct fixture *f, struct bitlocker **b, struct volume **v, struct error *err)
{
	struct reader r = fvev_reader(&f->v);

	*v = NULL;
	*b = bitlocker_open(&r, err);
	return *b ? bitlocker_unlock_bek(*b, f->bek, v, err) : -err->code;
}

static void assert_opens(struct fixture *f)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct reader r = fvev_reader(&f->v);
	struct error err = ERROR_INIT;
	uint8_t *out;

	assert_int_equal(try_open(f, &b, &v, &err), 0);
	assert_int_equal(v->size, FVEV_BYTES);
	out = malloc(FVEV_BYTES);
	assert_int_equal(fvev_decrypt(v, &r, out), 0);
	assert_memory_equal(out, f->v.plain, FVEV_BYTES);
	free(out);
}

static void assert_fails(struct fixture *f, int code, const char *words)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(try_open(f, &b, &v, &err), -code);
	assert_null(v);
	assert_non_null(strstr(err.text, words));
}

static void a_volume_is_known_by_its_signature_or_to_gos_identifier(void **state)
{
	uint8_t s[512] = { 0xeb, 0x58, 0x90 };
	struct fvew w;

	(void)state;
	assert_false(bitlocker_detect(s));
	memcpy(s + 3, "NTFS    ", 8);
	assert_false(bitlocker_detect(s));
	memcpy(s + 3, "MSWIN4.1", 8);		/* a plain FAT32 volume */
	assert_false(bitlocker_detect(s));
	fvew_init(&w, 1, 0x8004, 512);
	fvew_boot(&w, s);
	assert_true(bitlocker_detect(s));
	w.to_go = true;
	fvew_boot(&w, s);
	assert_true(bitlocker_detect(s));
	w.eow = true;
	fvew_boot(&w, s);
	assert_true(bitlocker_detect(s));
}

static void boot_sectors_that_cannot_be_read_are_refused_by_name(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8005, 512);
	fvev_fill(&f.v);
	put_le16(f.v.stored + 0x0b, 1000);
	assert_fails(&f, EBADMSG, "1000 bytes per sector");
	put_le16(f.v.stored + 0x0b, 0);		/* seen in the wild: 512 */
	assert_opens(&f);
	f.v.stored[0xa0] ^= 1;
	assert_fails(&f, ENOTSUP, "unknown identifier");
	f.v.stored[1] = 0x52;
	assert_fails(&f, ENOTSUP, "Vista");
	f.v.w.eow = true;
	fvew_boot(&f.v.w, f.v.stored);
	assert_fails(&f, ENOTSUP, "encrypt-on-write (EOW)");
	f.v.stored[3] = 'X';
	assert_fails(&f, EBADMSG, "not a BitLocker boot sector");
	f.v.mem.len = 511;
	assert_fails(&f, EBADMSG, "cannot be read");
	teardown(&f);
}

static void every_cipher_and_sector_size_gives_the_plaintext(void **state)
{
	(void)state;
	for (uint16_t method = 0x8000; method <= 0x8005; method++)
		for (uint32_t sector = 512; sector <= 4096; sector += 3584) {
			struct fixture f;

			setup(&f, method, sector);
			fvev_fill(&f.v);
			assert_opens(&f);
			teardown(&f);
		}
}

static void a_to_go_volume_moves_more_than_its_boot_sectors(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8004, 512);
	f.v.w.to_go = true;
	f.v.w.backup_len = 0x20200;
	fvev_fill(&f.v);
	assert_opens(&f);
	teardown(&f);
}

static void what_the_conversion_has_not_reached_reads_as_it_is(void **state)
{
	/* behind all metadata; between block and moved boot sectors; before everything; nothing yet */
	static const uint64_t ends[] = { 0xe0000, 0x50000, 0x51000, 0x1000, 0x10000, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		for (uint16_t st = FVE_PAUSED; st <= FVE_SWITCHING; st += 2) {
			struct fixture f;

			setup(&f, 0x8005, 512);
			f.v.w.encrypted_size = ends[i];
			f.v.w.state = st;
			fvev_fill(&f.v);
			assert_opens(&f);
			teardown(&f);
		}
}

static void states_and_sizes_that_contradict_are_refused(void **state)
{
	static const struct { uint16_t state; uint64_t size; int code; const char *words; } t[] = {
		{ FVE_ENCRYPTED, 0, EBADMSG, "none of it" },
		{ FVE_PAUSED, 0x12345, EBADMSG, "the encrypted part" },
		{ FVE_SWITCHING_DIRTY, 0x80000, ENOTSUP, "conversion log" },
		{ FVE_DECRYPTED, 0x80000, ENOTSUP, "decrypted" },
		{ 9, 0x80000, ENOTSUP, "unknown state 9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct fixture f;

		setup(&f, 0x8005, 512);
		fvev_fill(&f.v);
		f.v.w.state = t[i].state;
		f.v.w.encrypted_size = t[i].size;
		for (unsigned k = 0; k < 3; k++)
			fvev_rewrite_block(&f.v, k);
		assert_fails(&f, t[i].code, t[i].words);
		teardown(&f);
	}
}

static void an_unknown_cipher_is_named(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8005, 512);
	fvev_fill(&f.v);
	for (unsigned k = 0; k < 3; k++) {
		put_le16(fvev_block(&f.v, k) + 64 + 0x24, 0x8006);
		fvew_reseal(&f.v.w, fvev_block(&f.v, k));
	}
	assert_fails(&f, ENOTSUP, "0x8006");
	for (unsigned k = 0; k < 3; k++) {	/* a known one, but not the key's */
		put_le16(fvev_block(&f.v, k) + 64 + 0x24, 0x8004);
		fvew_reseal(&f.v.w, fvev_block(&f.v, k));
	}
	assert_fails(&f, EBADMSG, "of another cipher");
	teardown(&f);
}

static void the_map_has_a_row_for_each_oddity(void **state)
{
	static const struct crypt_extent want[] = {
		{ 0, 0x2000, 0x50000, 0x280, EXTENT_CRYPT },
		{ 0x2000, 0x3e000, 0x2000, 0x10, EXTENT_CRYPT },
		{ 0x40000, 0x10000, 0, 0, EXTENT_ZERO },
		{ 0x50000, 0x2000, 0, 0, EXTENT_ZERO },
		{ 0x52000, 0x1e000, 0x52000, 0x290, EXTENT_CRYPT },
		{ 0x70000, 0x10000, 0x70000, 0, EXTENT_CLEAR },
		{ 0x80000, 0x10000, 0, 0, EXTENT_ZERO },
		{ 0x90000, 0x30000, 0x90000, 0, EXTENT_CLEAR },
		{ 0xc0000, 0x10000, 0, 0, EXTENT_ZERO },
		{ 0xd0000, 0x30000, 0xd0000, 0, EXTENT_CLEAR },
	};
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;
	struct fixture f;

	(void)state;
	setup(&f, 0x8005, 512);
	f.v.w.encrypted_size = 0x70000;
	f.v.w.state = FVE_PAUSED;
	fvev_fill(&f.v);
	assert_int_equal(try_open(&f, &b, &v, &err), 0);
	assert_int_equal(v->n_ext, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < v->n_ext; i++) {
		assert_int_equal(v->ext[i].off, want[i].off);
		assert_int_equal(v->ext[i].len, want[i].len);
		assert_int_equal(v->ext[i].kind, want[i].kind);
		assert_int_equal(v->ext[i].src, want[i].src);
		assert_int_equal(v->ext[i].iv, want[i].iv);
	}
	teardown(&f);
}

static void a_cut_image_stops_at_its_end(void **state)
{
	/* in the data, in the third block, in a sector, right behind the boot sectors */
	static const size_t ends[] = { 0xe0000, 0xc8000, 0x9abcd, 0x52000 };
	uint8_t *out = malloc(FVEV_BYTES);

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		for (uint32_t sector = 512; sector <= 4096; sector += 3584) {
			AUTO(bitlocker_free) struct bitlocker *b = NULL;
			AUTO(volume_free) struct volume *v = NULL;
			struct error err = ERROR_INIT;
			struct reader r;
			struct fixture f;

			setup(&f, 0x8005, sector);
			fvev_fill(&f.v);
			f.v.mem.len = ends[i];
			assert_int_equal(try_open(&f, &b, &v, &err), 0);
			assert_int_equal(v->size, ends[i] - ends[i] % sector);
			assert_int_equal(bitlocker_info(b)->volume_size, v->size);
			r = fvev_reader(&f.v);
			assert_int_equal(fvev_decrypt(v, &r, out), 0);
			assert_memory_equal(out, f.v.plain, v->size);
			teardown(&f);
		}
	free(out);
}

static void an_image_without_its_boot_sectors_or_metadata_says_so(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 0x8005, 512);
	fvev_fill(&f.v);
	f.v.mem.len = 0x51e00;
	assert_fails(&f, EBADMSG, "the image ends before the volume's moved boot sectors");
	f.v.mem.len = 0x40100;
	assert_fails(&f, EBADMSG, "none of the three");
	f.v.mem.len = 0x40000;
	assert_fails(&f, EBADMSG, "none of the three");
	teardown(&f);
}

static void places_that_overlap_or_miss_a_sector_are_damage(void **state)
{
	static const struct { uint64_t off1, backup, len; } t[] = {
		{ 0x48000, 0x60000, 0x2000 },		/* two blocks */
		{ 0x80000, 0x48000, 0x2000 },		/* block and boot sectors */
		{ 0x80000, 0x1000, 0x2000 },		/* boot sectors and their own place */
		{ 0x80000, 0x60000, 0x2100 },
		{ 0x80000, 0x60010, 0x2000 },
		{ 0x80010, 0x60000, 0x2000 },
		{ 0x80000, 0x60000, 0 },
		{ 0x80000, 0xfffffffffffff000, 0x2000 },
		{ 0x80000, 0x60000, 0xfffffffffffff000 },
		{ 0xfffffffffffff000, 0x60000, 0x2000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct crypt_extent rows[FVE_MAP_ROWS];
		struct fve_block c = { .state = FVE_ENCRYPTED, .encrypted_size = FVEV_BYTES,
				       .block_off = { 0x40000, t[i].off1, 0xc0000 },
				       .backup_off = t[i].backup, .backup_len = t[i].len };
		size_t n;

		assert_int_equal(fve_map_make(&c, 512, FVEV_BYTES, rows, &n, NULL), -EBADMSG);
	}
}

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
		cmocka_unit_test(a_volume_is_known_by_its_signature_or_to_gos_identifier),
		cmocka_unit_test(boot_sectors_that_cannot_be_read_are_refused_by_name),
		cmocka_unit_test(every_cipher_and_sector_size_gives_the_plaintext),
		cmocka_unit_test(a_to_go_volume_moves_more_than_its_boot_sectors),
		cmocka_unit_test(what_the_conversion_has_not_reached_reads_as_it_is),
		cmocka_unit_test(states_and_sizes_that_contradict_are_refused),
		cmocka_unit_test(an_unknown_cipher_is_named),
		cmocka_unit_test(the_map_has_a_row_for_each_oddity),
		cmocka_unit_test(a_cut_image_stops_at_its_end),
		cmocka_unit_test(an_image_without_its_boot_sectors_or_metadata_says_so),
		cmocka_unit_test(places_that_overlap_or_miss_a_sector_are_damage),
		cmocka_unit_test(the_first_good_copy_is_used_whatever_ails_the_others),
		cmocka_unit_test(a_copy_that_cannot_be_read_does_not_stop_the_others),
		cmocka_unit_test(of_differing_copies_the_highest_nonce_counter_counts),
		cmocka_unit_test(equal_copies_do_not_differ),
		cmocka_unit_test(a_copy_with_a_wrong_protected_hash_gives_way_to_another),
		cmocka_unit_test(a_missing_protected_hash_is_damage),
		cmocka_unit_test(no_byte_of_the_metadata_can_do_harm),
		cmocka_unit_test(entries_that_do_not_fit_end_the_walk_with_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
