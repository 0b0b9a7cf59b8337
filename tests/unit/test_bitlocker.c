/* SPDX-License-Identifier: Apache-2.0 */
/* BitLocker's boot sector, metadata copies and map; keys are in test_bitlocker_keys.c. */
#include "tests/lib/bitlocker_fixture.h"


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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
