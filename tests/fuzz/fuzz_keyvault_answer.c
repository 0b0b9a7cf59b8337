/* SPDX-License-Identifier: Apache-2.0 */
/* What a Key Vault, or who plays one, answers; and what a token says of its bearer. */
#include "fs/keys/keyvault_access.h"
#include "fs/keys/keyvault_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is handed on fits its fields, and a lookup by it names the same secret. */
static void read_secret(const struct jval *v)
{
	struct keystore_secret s;
	struct key_ref again;

	if (keyvault_secret_read(v, &s, NULL) < 0)
		return;
	if (!keystore_name_ok(s.name) || s.value)
		abort();
	if (strlen(s.url) + 1 < sizeof(s.url) && (key_ref_parse(s.url, "secrets", &again, NULL) < 0 || strcmp(again.name, s.name)))
		abort();
	keystore_secret_tag(&s, "MachineName");
	keystore_secret_clear(&s);
}

static void read_key(const struct jval *v)
{
	struct key_ref ref = { .name = "kek1" };
	struct rsa_key *key = NULL;

	if (keyvault_key_read(v, &ref, &key, NULL) == 0 && !key)
		abort();
	rsa_key_free(key);
}

static void read_bytes(const struct jval *v)
{
	static int (*const readers[])(const struct jval *, struct secret **, struct error *) = {
		keyvault_value_read, keyvault_plain_read, keyvault_backup_read,
	};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		struct secret *out = NULL;

		if (readers[i](v, &out, NULL) == 0 && !out)
			abort();
		secret_free(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(jval_free) struct jval *v = jval_parse(data, len, NULL);
	struct keyvault_identity who;
	struct jval *rows;

	keyvault_identity_read((const char *)data, len, &who);
	if (memchr(who.object_id, 0, sizeof(who.object_id)) == NULL || (who.guest && !who.user))
		abort();
	if (!v)
		return 0;
	read_secret(v);
	read_key(v);
	read_bytes(v);
	if (strlen(keyvault_error_code(v)) > len)
		abort();
	rows = jval_get_ci(v, "value");
	for (size_t i = 0; i < jval_len(rows); i++)
		read_secret(jval_at(rows, i));
	return 0;
}
