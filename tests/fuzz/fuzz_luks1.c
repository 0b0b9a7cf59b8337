/* SPDX-License-Identifier: Apache-2.0 */
/* A LUKS1 header, and an unlock where its rounds are few enough to be tried. */
#include "crypto/bytes.h"
#include "crypto/luks/luks_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool cheap(const struct luks *l)
{
	for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++)
		if (l->slot[i].usable && l->slot[i].iterations > 10)
			return false;
	return l->n_digests == 0 || l->digest[0].iterations <= 10;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(secret_free) struct secret *pass = secret_copy("pass", 4);
	struct reader_mem m = { data, size };
	struct reader r = reader_from_mem(&m);
	struct error err = ERROR_INIT;
	AUTO(luks_free) struct luks *l = luks_open(&r, &err);
	AUTO(volume_free) struct volume *v = NULL;

	if (!l) {
		if (!err.code || !err.text[0])
			abort();
		return 0;
	}
	if (cheap(l) && luks_unlock(l, &r, size, pass, 1 << 20, &v, &err) == 0 && v->size > size)
		abort();
	return 0;
}
