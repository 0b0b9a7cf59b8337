/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small sealed records that decide what is kept and what may be reused, with any text in them: whether a point is
 * held, condemned and damaged segments, signs of life.  What cannot be read must hold, and must stop reuse.
 */
#include "fs/policy/job.h"
#include "fs/util/json_value.h"
#include "fs/vault/hold.h"
#include "fs/vault/object.h"
#include "fs/vault/signs.h"
#include "fs/vault/vault_session.h"

#include <stdlib.h>
#include <string.h>

#define POINT "0123456789abcdef-0123456789abcdef"
#define SESSION "0123456789abcdef01234567"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vault *open_vault(void)
{
	struct vault_info want = { .chunk_size = CHUNK_DEFAULT };
	struct secret *key = secret_new(32);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = key };
	char slot[SLOT_ID_TEXT];
	struct vault *v = NULL;

	if (!key || vault_init(store_mem(), &want, &s, slot, &v, NULL) < 0)
		abort();
	secret_free(key);
	return v;
}

static void put(struct vault *v, enum object_type type, const char *name, const void *data, size_t size)
{
	if (object_put(vault_store(v), vault_ring(v), type, name, data, size, NULL) < 0)
		abort();
}

static void try_hold(struct vault *v, const struct jval *doc)
{
	struct hold *list = NULL;
	size_t n;

	if (hold_list(v, &list, &n, NULL) < 0 || n != 1)
		abort();
	if (list->held != jval_bool(jval_get(doc, "held"), true) || strlen(list->reason) >= sizeof(list->reason))
		abort();
	free(list);
}

static void try_condemned(struct vault *v, const struct jval *doc)
{
	AUTO(condemned_free) struct condemned *c = condemned_list(v, NULL);

	if (c && !jval_is_array(jval_get(doc, "segments")))
		abort();
}

static void try_signs(struct vault *v)
{
	struct sign *list = NULL;
	size_t n;

	if (signs_list(v, OBJECT_SESSION, &list, &n, NULL) < 0 || n != 1)
		abort();
	if (list->target[0] && strncmp(list->target, "pt/", 3))
		abort();
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "hold/" POINT ".0", "cond/a", "ses/" SESSION ".0" };
	static struct vault *v;		/* one for all inputs: it is empty again after each */
	AUTO(jval_free) struct jval *doc = jval_parse(data, size, NULL);

	if (!v)
		v = open_vault();
	put(v, OBJECT_HOLD, names[0], data, size);
	put(v, OBJECT_CONDEMNED, names[1], data, size);
	put(v, OBJECT_SESSION, names[2], data, size);
	try_hold(v, doc);
	try_condemned(v, doc);
	try_signs(v);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		store_remove(vault_store(v), names[i], NULL);
	return 0;
}
