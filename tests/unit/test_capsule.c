/* SPDX-License-Identifier: Apache-2.0 */
/* A capsule gives back the keys that opened something, to its own point alone. */
#include "fs/vault/capsule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t vault_id[VAULT_ID_BYTES] = { 5 };

static struct keyring *two_keys(void)
{
	struct keyring *r = keyring_new();

	assert_int_equal(keyring_add_secret(r, KEY_PASSPHRASE, "/k/LinuxPassPhraseFileName", secret_copy("abc", 3),
					    NULL), 0);
	assert_int_equal(keyring_add_secret(r, KEY_RECOVERY_PASSWORD, "typed", secret_copy("123456", 6), NULL), 0);
	return r;
}

static int make(const struct key_ring *ring, enum capsule_mode mode, struct keyring *keys, struct jval **out)
{
	struct capsule_making how = { .ring = ring, .point_id = "0123456789abcdef", .mode = mode };

	return capsule_make(&how, keys, out, NULL);
}

static void keys_that_opened_something_come_back(void **state)
{
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	AUTO(keyring_free) struct keyring *keys = two_keys(), *back = keyring_new();
	AUTO(jval_free) struct jval *none = NULL, *capsule = NULL;

	(void)state;
	assert_int_equal(make(ring, CAPSULE_SEALED, keys, &none), 0);
	assert_null(none);
	keyring_at(keys, 0)->used = true;
	assert_int_equal(make(ring, CAPSULE_SEALED, keys, &capsule), 0);
	assert_int_equal(capsule_open(ring, "0123456789abcdef", capsule, back, NULL), 0);
	assert_int_equal(keyring_count(back), 1);
	assert_string_equal(keyring_at(back, 0)->name, "LinuxPassPhraseFileName");
	assert_int_equal(keyring_at(back, 0)->kind, KEY_PASSPHRASE);
	assert_memory_equal(secret_bytes(keyring_at(back, 0)->bytes), "abc", 3);
	assert_int_equal(capsule_open(ring, "0123456789abcdef", NULL, back, NULL), 0);
}

static void a_capsule_of_another_point_or_vault_or_a_changed_one_is_refused(void **state)
{
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL), *other = key_ring_new(vault_id, NULL);
	AUTO(keyring_free) struct keyring *keys = two_keys(), *back = keyring_new();
	AUTO(jval_free) struct jval *capsule = NULL, *bad = NULL;

	(void)state;
	keyring_at(keys, 1)->used = true;
	assert_int_equal(make(ring, CAPSULE_SEALED, keys, &capsule), 0);
	assert_int_equal(capsule_open(ring, "1123456789abcdef", capsule, back, NULL), -EBADMSG);
	assert_int_equal(capsule_open(other, "0123456789abcdef", capsule, back, NULL), -EBADMSG);
	for (int i = 0; i < 6; i++) {
		static const char *const change[][2] = { { "kind", "password" }, { "name", "x" }, { "guid", "y" },
							 { "epoch", "2" }, { "salt", "00" }, { "sealed", "00" } };

		bad = jval_copy(capsule);
		assert_int_equal(jval_set_text(jval_at(jval_get(bad, "keys"), 0), change[i][0], change[i][1]), 0);
		assert_int_equal(capsule_open(ring, "0123456789abcdef", bad, back, NULL), -EBADMSG);
		jval_free(TAKE(bad));
	}
	assert_int_equal(keyring_count(back), 0);
}

/* Only what a KEK wraps is kept, and nothing of it opens without the KEK. */
static void wrapped_keys_stay_wrapped(void **state)
{
	static const char id[] = "0123456789abcdef";
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	AUTO(keyring_free) struct keyring *keys = two_keys(), *back = keyring_new();
	static const char kek[] = "https://v.vault.azure.net/keys/k/1";
	struct key_origin *o = key_origin_new();
	struct capsule_opener with = { .ring = ring };
	AUTO(jval_free) struct jval *capsule = NULL, *none = NULL;
	AUTO(free) char *text = NULL;
	struct error err = ERROR_INIT;
	struct jval *list;

	(void)state;
	keyring_at(keys, 0)->used = true;
	assert_int_equal(make(ring, CAPSULE_NONE, keys, &none), 0);
	assert_null(none);
	assert_int_equal(make(ring, CAPSULE_WRAPPED, keys, &none), 0);
	assert_null(none);
	keyring_at(keys, 1)->used = true;
	assert_non_null(o);
	o->wrapped = true;
	snprintf(o->kek_url, sizeof(o->kek_url), "%s", kek);
	snprintf(o->algorithm, sizeof(o->algorithm), "RSA-OAEP");
	o->value = strdup("d3JhcHBlZCBieXRlcw");
	keyring_set_origin(keys, o);
	assert_int_equal(make(ring, CAPSULE_WRAPPED, keys, &capsule), 0);
	list = jval_get(capsule, "keys");
	assert_int_equal(jval_len(list), 1);
	text = jval_print(capsule, false);
	assert_non_null(strstr(text, kek));
	assert_int_equal(capsule_open(ring, id, capsule, back, NULL), 0);
	assert_int_equal(capsule_unwrap(&with, id, capsule, back, &err), -ENOKEY);
	assert_non_null(strstr(err.text, kek));
	assert_int_equal(keyring_count(back), 0);
	assert_int_equal(jval_set_text(jval_at(list, 0), "kek", "https://v.vault.azure.net/keys/evil/1"), 0);
	assert_int_equal(capsule_unwrap(&with, id, capsule, back, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_opened_something_come_back),
		cmocka_unit_test(wrapped_keys_stay_wrapped),
		cmocka_unit_test(a_capsule_of_another_point_or_vault_or_a_changed_one_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
