/* SPDX-License-Identifier: Apache-2.0 */
/* What opens a BitLocker volume: key files, recovery passwords, passwords, clear keys. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "tests/lib/fvevolume.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define RECOVERY_1 "111111-222222-333333-444444-555555-666666-000011-000022"
#define RECOVERY_2 "020449-000088-123453-234564-345675-456786-567897-678689"

static struct secret *text(const char *s)
{
	return secret_copy(s, strlen(s));
}

static struct bek *bek_of(const struct fvew *w, const struct fvew_protector *p, bool long_form)
{
	AUTO(secret_free) struct secret *file = secret_new(FVEW_BEK_MAX);

	secret_truncate(file, fvew_bek(w, p, long_form, secret_data(file)));
	return bek_parse(file, NULL);
}

static struct bitlocker *open_volume(struct fvev *v)
{
	struct reader r = fvev_reader(v);
	struct bitlocker *b = bitlocker_open(&r, NULL);

	assert_non_null(b);
	return b;
}

static void both_forms_of_a_key_file_hold_the_same_key(void **state)
{
	AUTO(bek_free) struct bek *a = NULL, *b = NULL;
	struct fvew_protector *p;
	char guid[GUID_TEXT];
	struct fvew w;

	(void)state;
	fvew_init(&w, 3, 0x8005, 512);
	p = fvew_add_external(&w);
	a = bek_of(&w, p, false);
	b = bek_of(&w, p, true);
	assert_non_null(a);
	assert_non_null(b);
	fvew_guid_text(p->guid, guid);
	assert_string_equal(a->guid, guid);
	assert_string_equal(b->guid, guid);
	assert_true(secret_equal(a->key, b->key));
	assert_memory_equal(secret_bytes(a->key), p->key, 32);
	assert_string_equal(a->volume_guid, "");
	fvew_guid_text(w.volume_guid, guid);
	assert_string_equal(b->volume_guid, guid);
}

static void key_files_cut_short_or_of_another_kind_are_refused(void **state)
{
	uint8_t file[FVEW_BEK_MAX];
	struct error err = ERROR_INIT;
	struct fvew w;
	size_t len;

	(void)state;
	fvew_init(&w, 3, 0x8005, 512);
	len = fvew_bek(&w, fvew_add_external(&w), true, file);
	for (size_t n = 0; n < len; n++) {
		AUTO(secret_free) struct secret *cut = secret_copy(file, n);

		assert_false(bek_detect(file, n));
		assert_null(bek_parse(cut, &err));
		assert_int_equal(err.code, EBADMSG);
		if (n >= 48) {		/* a header that agrees with the cut */
			put_le32(secret_data(cut), (uint32_t)n);
			put_le32(secret_data(cut) + 12, (uint32_t)n);
			assert_null(bek_parse(cut, &err));
			assert_int_equal(err.code, EBADMSG);
		}
	}
	assert_false(bek_detect("LinuxPassPhraseFileName holds text, and text is no key file at all, "
				"whatever its length may be", 96));
}

static void no_byte_of_a_key_file_can_do_harm(void **state)
{
	uint8_t file[FVEW_BEK_MAX];
	struct fvew w;
	size_t len, good = 0;

	(void)state;
	fvew_init(&w, 3, 0x8005, 512);
	len = fvew_bek(&w, fvew_add_external(&w), true, file);
	for (size_t at = 0; at < len; at++)
		for (unsigned v = 0; v < 256; v += 5) {
			AUTO(secret_free) struct secret *s = secret_copy(file, len);
			AUTO(bek_free) struct bek *k = NULL;

			secret_data(s)[at] = (uint8_t)v;
			k = bek_parse(s, NULL);
			good += k != NULL;
			assert_true(!k || (secret_len(k->key) == 32 && strlen(k->guid) == 36));
		}
	assert_true(good > 1000);
}

static void a_key_file_opens_only_the_protector_of_its_guid(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(bek_free) struct bek *first = NULL, *third = NULL, *foreign = NULL;
	struct fvew_protector *p[3], stranger = { .kind = FVEW_EXTERNAL, .guid = { 0xab } };
	struct error err = ERROR_INIT;
	char guid[GUID_TEXT];
	struct fvev v;

	(void)state;
	fvev_init(&v, 0x8005, 512);
	for (int i = 0; i < 3; i++)
		p[i] = fvew_add_external(&v.w);
	fvev_fill(&v);
	b = open_volume(&v);
	first = bek_of(&v.w, p[0], false);
	third = bek_of(&v.w, p[2], true);
	foreign = bek_of(&v.w, &stranger, false);
	for (int i = 0; i < 2; i++) {
		AUTO(volume_free) struct volume *out = NULL;

		assert_int_equal(bitlocker_unlock_bek(b, i ? third : first, &out, &err), 0);
		assert_non_null(out);
	}
	{
		AUTO(volume_free) struct volume *out = NULL;

		assert_int_equal(bitlocker_unlock_bek(b, foreign, &out, &err), -EKEYREJECTED);
		for (int i = 0; i < 3; i++) {
			fvew_guid_text(p[i]->guid, guid);
			assert_non_null(strstr(err.next, guid));
		}
		assert_null(strstr(err.text, "made for volume"));
		snprintf(foreign->volume_guid, GUID_TEXT, "%s", "00000000-0000-0000-0000-000000000000");
		assert_int_equal(bitlocker_unlock_bek(b, foreign, &out, &err), -EKEYREJECTED);
		assert_non_null(strstr(err.text, "made for volume 00000000"));
		memcpy(foreign->guid, first->guid, GUID_TEXT);
		assert_int_equal(bitlocker_unlock_bek(b, foreign, &out, &err), -EKEYREJECTED);
		assert_non_null(strstr(err.text, "has the right GUID but not the key"));
	}
	fvev_release(&v);
}

static void every_recovery_password_and_password_opens_and_others_do_not(void **state)
{
	static const char *const wrong = "000011-000011-000011-000011-000011-000011-000011-000011";
	static const uint8_t utf16[] = { 'p', 0, 0xa3, 0, 0x34, 0xd8, 0x1e, 0xdd };	/* p£𝄞 */
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(secret_free) struct secret *r2 = text(RECOVERY_2), *bad = text(wrong);
	AUTO(secret_free) struct secret *pw = text("p£𝄞"), *no = text("p");
	AUTO(volume_free) struct volume *v1 = NULL, *v2 = NULL, *none = NULL;
	struct error err = ERROR_INIT;
	struct fvev v;

	(void)state;
	fvev_init(&v, 0x8004, 512);
	assert_non_null(fvew_add_recovery(&v.w, RECOVERY_1));
	assert_non_null(fvew_add_recovery(&v.w, RECOVERY_2));
	assert_non_null(fvew_add_password(&v.w, utf16, sizeof(utf16)));
	fvev_fill(&v);
	b = open_volume(&v);
	assert_int_equal(bitlocker_unlock_recovery(b, r2, &v1, &err), 0);
	assert_int_equal(bitlocker_unlock_password(b, pw, &v2, &err), 0);
	assert_int_equal(bitlocker_unlock_recovery(b, bad, &none, &err), -EKEYREJECTED);
	assert_null(strstr(err.text, "000011"));	/* what was typed is not repeated */
	assert_null(strstr(err.next, "000011"));
	assert_int_equal(bitlocker_unlock_password(b, no, &none, &err), -EKEYREJECTED);
	assert_int_equal(bitlocker_unlock_clear(b, &none, &err), -ENOKEY);
	assert_non_null(strstr(err.next, "recovery password"));
	assert_null(none);
	fvev_release(&v);
}

static void a_clear_key_opens_without_being_told_anything(void **state)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL, *damaged = NULL;
	AUTO(volume_free) struct volume *out = NULL, *none = NULL;
	AUTO(secret_free) struct secret *pw = text("x");
	struct error err = ERROR_INIT;
	struct fvev v;

	(void)state;
	fvev_init(&v, 0x8003, 512);
	fvew_add_clear(&v.w);
	fvev_fill(&v);
	b = open_volume(&v);
	assert_int_equal(bitlocker_info(b)->protectors[0].kind, BITLOCKER_CLEAR_KEY);
	assert_int_equal(bitlocker_unlock_clear(b, &out, &err), 0);
	assert_int_equal(bitlocker_unlock_password(b, pw, &none, &err), -EKEYREJECTED);
	assert_non_null(strstr(err.text, "has no password"));
	v.w.protector[0].key[0] ^= 1;		/* the stored key does not fit its datum */
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *p = memmem(fvev_block(&v, i), 2048, v.w.protector[0].key + 1, 31);

		p[-1] ^= 1;
		fvew_reseal(&v.w, fvev_block(&v, i));
	}
	damaged = open_volume(&v);
	assert_int_equal(bitlocker_unlock_clear(damaged, &none, &err), -EBADMSG);
	fvev_release(&v);
}

static void recovery_passwords_are_read_with_dashes_blanks_or_nothing(void **state)
{
	static const char *const good[] = {
		"111111-222222-333333-444444-555555-666666-000011-720885",
		"111111222222333333444444555555666666000011720885\n",
		" 111111 222222 333333 444444 555555 666666 000011 720885\r\n",
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		AUTO(secret_free) struct secret *s = text(good[i]);

		memset(out, 0, sizeof(out));
		assert_int_equal(fve_recovery_parse(s, out, NULL), 0);
		assert_int_equal(le16(out), 10101);
		assert_int_equal(le16(out + 14), 0xffff);
	}
}

static void a_recovery_password_is_found_in_the_page_that_windows_saves(void **state)
{
	static const char page[] = "BitLocker Drive Encryption recovery key\r\n\r\nIdentifier:\r\n\r\n"
		"\t3FD763F9-74C7-4E90-8FA2-1F6A2E2B4E0C\r\n\r\nRecovery Key:\r\n\r\n\t" RECOVERY_1
		"\r\n\r\nIf the above identifier doesn't match the one displayed by your PC, then …\r\n";
	AUTO(secret_free) struct secret *plain = text(page), *wide = NULL, *utf16 = NULL;
	uint8_t out[16];

	(void)state;
	assert_int_equal(fve_recovery_parse(plain, out, NULL), 0);
	assert_int_equal(le16(out), 10101);
	utf16 = fve_utf16_from_utf8(plain, NULL);
	wide = secret_new(secret_len(utf16) + 2);
	memcpy(secret_data(wide), "\xff\xfe", 2);
	memcpy(secret_data(wide) + 2, secret_bytes(utf16), secret_len(utf16));
	memset(out, 0, sizeof(out));
	assert_int_equal(fve_recovery_parse(wide, out, NULL), 0);
	assert_int_equal(le16(out + 14), 2);
	secret_truncate(wide, 3);
	assert_int_equal(fve_recovery_parse(wide, out, NULL), -EINVAL);
	secret_truncate(wide, 2);
	assert_int_equal(fve_recovery_parse(wide, out, NULL), -EINVAL);
}

static void ill_formed_recovery_passwords_are_told_from_wrong_ones(void **state)
{
	static const struct { const char *text, *words; } bad[] = {
		{ "111111-222222-333333-444444-555555-666666-000011", "fewer than 48" },
		{ "111111-222222-333333-444444-555555-666666-000011-000022-000033", "more than 48" },
		{ "111111-222222-333333-444444-555555-666666-000011-00002x", "other than a digit" },
		{ "111111-222222-333333-444445-555555-666666-000011-000022", "group 4 is not" },
		{ "111111-222222-333333-444444-555555-666666-000011-720896", "group 8 is too large" },
		{ "", "fewer than 48" },
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(secret_free) struct secret *s = text(bad[i].text);
		struct error err = ERROR_INIT;

		assert_int_equal(fve_recovery_parse(s, out, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i].words));
	}
}

static void passwords_become_utf16_with_surrogates(void **state)
{
	static const struct { const char *utf8; size_t len; uint8_t want[8]; } t[] = {
		{ "a", 2, { 'a', 0 } },
		{ "\xc2\xa3", 2, { 0xa3, 0 } },
		{ "\xe2\x82\xac", 2, { 0xac, 0x20 } },
		{ "\xf0\x9d\x84\x9e", 4, { 0x34, 0xd8, 0x1e, 0xdd } },
		{ "\xf4\x8f\xbf\xbf", 4, { 0xff, 0xdb, 0xff, 0xdf } },
		{ "", 0, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		AUTO(secret_free) struct secret *in = text(t[i].utf8), *out = NULL;

		out = fve_utf16_from_utf8(in, NULL);
		assert_non_null(out);
		assert_int_equal(secret_len(out), t[i].len);
		assert_memory_equal(secret_bytes(out), t[i].want, t[i].len);
	}
}

static void what_is_not_utf8_is_refused(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xe2\x82", "\xe0\x80\xaf", "\xed\xa0\x80",
		"\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc2z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(secret_free) struct secret *in = text(bad[i]);
		struct error err = ERROR_INIT;

		assert_null(fve_utf16_from_utf8(in, &err));
		assert_int_equal(err.code, EINVAL);
	}
}

static void descriptions_are_safe_to_print(void **state)
{
	static const uint8_t in[] = { 'A', 0, 0x1b, 0, 0xac, 0x20, 0x34, 0xd8, 0x1e, 0xdd,
				      0x34, 0xd8, 'B', 0, 0x1e, 0xdd, 0x9b, 0, 'C', 0, 0, 0, 'D', 0 };
	char out[64], little[6];

	(void)state;
	fve_utf16_to_utf8(in, sizeof(in), out, sizeof(out));
	assert_string_equal(out, "A?\xe2\x82\xac\xf0\x9d\x84\x9e?B??C");
	fve_utf16_to_utf8(in, 7, out, sizeof(out));		/* half a character at the end */
	assert_string_equal(out, "A?\xe2\x82\xac");
	fve_utf16_to_utf8(in, sizeof(in), little, sizeof(little));
	assert_string_equal(little, "A?");
	fve_utf16_to_utf8(in, sizeof(in), little, 1);
	assert_string_equal(little, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_of_a_key_file_hold_the_same_key),
		cmocka_unit_test(key_files_cut_short_or_of_another_kind_are_refused),
		cmocka_unit_test(no_byte_of_a_key_file_can_do_harm),
		cmocka_unit_test(a_key_file_opens_only_the_protector_of_its_guid),
		cmocka_unit_test(every_recovery_password_and_password_opens_and_others_do_not),
		cmocka_unit_test(a_clear_key_opens_without_being_told_anything),
		cmocka_unit_test(recovery_passwords_are_read_with_dashes_blanks_or_nothing),
		cmocka_unit_test(a_recovery_password_is_found_in_the_page_that_windows_saves),
		cmocka_unit_test(ill_formed_recovery_passwords_are_told_from_wrong_ones),
		cmocka_unit_test(passwords_become_utf16_with_surrogates),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(descriptions_are_safe_to_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
