/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault.h"
#include "crypto/hash.h"
#include "crypto/keywrap.h"
#include "fs/util/json_value.h"
#include "fs/vault/object.h"
#include "fs/vault/slot_text.h"
#include "fs/vault/vault_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define VAULT_OBJECT "vault"

struct vault {
	struct store *store;
	struct key_ring *ring;		/* NULL: opened without keys */
	struct rsa_key *private_key;	/* NULL: not opened by one */
	struct vault_info info;
};

void vault_free(struct vault *v)
{
	if (!v)
		return;
	key_ring_free(v->ring);
	rsa_key_free(v->private_key);
	store_free(v->store);
	free(v);
}

struct store *vault_store(const struct vault *v)
{
	return v->store;
}

const struct key_ring *vault_ring(const struct vault *v)
{
	return v->ring;
}

const struct rsa_key *vault_private_key(const struct vault *v)
{
	return v->private_key;
}

const struct vault_info *vault_info(const struct vault *v)
{
	return &v->info;
}

/* Does the store refuse a name that is taken?  Not what it promises: what it does. */
static int probe(struct store *st, bool *conditional, struct error *err)
{
	char name[64], tail[33];
	uint8_t random[16];
	int rc;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(err, EIO, "the system gives no random numbers");
	hex_encode(random, sizeof(random), tail);
	snprintf(name, sizeof(name), "probe/%s", tail);
	rc = store_put(st, name, "1", 1, PUT_NEW, err);
	if (rc < 0)
		return error_prefix(err, rc, "the store takes no objects");
	rc = store_put(st, name, "2", 1, PUT_NEW, NULL);
	*conditional = rc == -EEXIST && st->conditional_put;
	if (rc < 0 && rc != -EEXIST)
		return error_set(err, -rc, "the store answers a second put in no known way: %s", strerror(-rc));
	return store_remove(st, name, err);
}

/* Another init may be at work: its slot stays once its vault stands. */
static int remove_one(void *arg, const struct object *o)
{
	struct object vault;

	return store_stat(arg, VAULT_OBJECT, &vault, NULL) == -ENOENT ? store_remove(arg, o->name, NULL) : 0;
}

/* -EEXIST when the store holds a vault; the slots of an init that was cut go. */
static int clear_ground(struct store *st, struct error *err)
{
	struct object o;
	int rc = store_stat(st, VAULT_OBJECT, &o, err);

	if (rc == 0) {
		error_set(err, EEXIST, "there is a vault here already");
		error_next(err, "Name another place, or use the vault that is there: `adebackup list`.");
		return -EEXIST;
	}
	if (rc != -ENOENT)
		return rc;
	error_clear(err);
	return store_list(st, "slot/", remove_one, st, err);
}

/* Is the slot there, and this vault's own? */
static bool slot_stands(const struct vault *v, const char *id)
{
	AUTO(slot_text_clear) struct slot_text t = { 0 };
	AUTO(free) void *text = NULL;
	char name[64];
	size_t len;

	slot_object_name(id, 1, name, sizeof(name));
	return object_get(v->store, NULL, OBJECT_SLOT, name, &text, &len, NULL) == 0 &&
	       slot_text_parse(text, len, &t, NULL) == 0 && !memcmp(t.vault_id, v->info.id, VAULT_ID_BYTES);
}

/* Two inits at once: the one whose vault stands sees to its slot, which the
 * other may have cleared away; the other takes its own slot back. */
static int settle(struct vault *v, int rc, const struct slot_secret *first, char slot_id[SLOT_ID_TEXT],
		  struct error *err)
{
	if (rc == -EEXIST && slot_stands(v, slot_id))
		slot_remove(v->store, slot_id, 0, NULL);
	if (rc < 0 || slot_stands(v, slot_id))
		return rc;
	rc = slot_remove(v->store, slot_id, 0, err);
	return rc < 0 ? rc : slot_put(v->store, v->ring, first, "first", slot_id, err);
}

static int write_vault(struct vault *v, const struct slot_secret *first, char slot_id[SLOT_ID_TEXT],
		       struct error *err)
{
	AUTO(free) char *text = NULL;
	int rc = slot_put(v->store, v->ring, first, "first", slot_id, err);

	if (rc < 0)
		return rc;
	text = vault_text_print(&v->info, v->ring);
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	rc = object_put(v->store, NULL, OBJECT_VAULT, VAULT_OBJECT, text, strlen(text), err);
	return settle(v, rc, first, slot_id, err);
}

int vault_init(struct store *st_taken, const struct vault_info *want, const struct slot_secret *first,
	       char slot_id[SLOT_ID_TEXT], struct vault **out, struct error *err)
{
	AUTO(vault_free) struct vault *v = calloc(1, sizeof(*v));
	int rc;

	if (!v) {
		store_free(st_taken);
		return error_set(err, ENOMEM, "out of memory");
	}
	v->store = st_taken;
	v->info = *want;
	if (!v->info.chunk_size)
		v->info.chunk_size = CHUNK_DEFAULT;
	rc = clear_ground(v->store, err);
	if (rc == 0)
		rc = probe(v->store, &v->info.conditional_put, err);
	if (rc == 0)
		rc = store_now(v->store, &v->info.created, err);
	if (rc < 0)
		return rc;
	if (getrandom(v->info.id, VAULT_ID_BYTES, 0) != VAULT_ID_BYTES)
		return error_set(err, EIO, "the system gives no random numbers");
	v->ring = key_ring_new(v->info.id, err);
	if (!v->ring)
		return -EIO;
	rc = write_vault(v, first, slot_id, err);
	if (rc == 0)
		*out = TAKE(v);
	return rc;
}

/* What the store says when it has no object `vault`. */
static int no_vault(int rc, struct error *err)
{
	if (rc != -ENOENT)
		return rc;
	error_set(err, ENOENT, "there is no vault here");
	error_next(err, "`adebackup init` makes one; check the path for a typing error first.");
	return rc;
}

static int open_parts(struct vault *v, const struct slot_secret *secret, struct error *err)
{
	AUTO(free) void *text = NULL;
	size_t len;
	int rc;

	store_expect(v->store, EXPECT_GET, VAULT_OBJECT);
	if (secret)
		slot_expect(v->store, secret);
	rc = no_vault(object_get(v->store, NULL, OBJECT_VAULT, VAULT_OBJECT, &text, &len, err), err);

	if (rc == 0)
		rc = vault_text_parse(text, len, &v->info, err);
	if (rc == 0 && secret)
		rc = slot_open(v->store, v->info.id, secret, &v->ring, err);
	if (rc == 0 && secret)
		rc = vault_text_check(text, len, &v->info, v->ring, err);
	if (rc == 0 && secret && secret->kind == SLOT_RSA) {
		v->private_key = rsa_key_from_pem(secret_bytes(secret->bytes), secret_len(secret->bytes), NULL, err);
		rc = v->private_key ? 0 : -ENOMEM;
	}
	return rc;
}

struct vault *vault_open(struct store *st_taken, const struct slot_secret *secret, struct error *err)
{
	AUTO(vault_free) struct vault *v = calloc(1, sizeof(*v));

	if (!v) {
		store_free(st_taken);
		return error_null(err, ENOMEM, "out of memory");
	}
	v->store = st_taken;
	return open_parts(v, secret, err) < 0 ? NULL : TAKE(v);
}

static int need_ring(const struct vault *v)
{
	return v->ring ? 0 : -ENOKEY;
}

int vault_vm_id(const struct vault *v, const char *vm_name, char id[VM_ID_TEXT])
{
	uint8_t key[32], sum[SHA256_BYTES];
	int rc = need_ring(v);

	if (rc == 0)
		rc = key_ring_derive(v->ring, 1, "list", key);
	if (rc == 0)
		rc = hmac_sha256(key, sizeof(key), vm_name, strlen(vm_name), sum);
	if (rc == 0)
		hex_encode(sum, (VM_ID_TEXT - 1) / 2, id);
	wipe(key, sizeof(key));
	return rc;
}

int vault_name_key(const struct vault *v, const char *vm_id, uint8_t key[32])
{
	char use[8 + VM_ID_TEXT];
	int rc = need_ring(v);

	snprintf(use, sizeof(use), "name %s", vm_id);
	return rc < 0 ? rc : key_ring_derive(v->ring, 1, use, key);
}

int vault_page_key(const struct vault *v, uint8_t key[32])
{
	int rc = need_ring(v);

	return rc < 0 ? rc : key_ring_derive(v->ring, 1, "page", key);
}
