/* SPDX-License-Identifier: Apache-2.0 */
/* A vault opens with each kind of key that has a slot, and with nothing else. */
#include "fs/vault/vault.h"
#include "crypto/hash.h"
#include "crypto/keywrap.h"
#include "fs/vault/object.h"
#include "fs/vault/slot_text.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

/* The same store twice: a vault frees what it is given. */
struct shared { struct store base; struct store *real; };

static int sh_get(struct store *s, const char *n, uint64_t off, void *b, size_t l, size_t *g, struct error *e)
{
	return store_get(((struct shared *)s)->real, n, off, b, l, g, e);
}
static int sh_put(struct store *s, const char *n, const void *d, size_t l, enum put_mode m, struct error *e)
{
	return store_put(((struct shared *)s)->real, n, d, l, m, e);
}
static int sh_stat(struct store *s, const char *n, struct object *o, struct error *e)
{
	return store_stat(((struct shared *)s)->real, n, o, e);
}
static int sh_list(struct store *s, const char *p, object_fn *fn, void *a, struct error *e)
{
	return store_list(((struct shared *)s)->real, p, fn, a, e);
}
static int sh_remove(struct store *s, const char *n, struct error *e)
{
	return store_remove(((struct shared *)s)->real, n, e);
}
static int sh_now(struct store *s, int64_t *t, struct error *e)
{
	return store_now(((struct shared *)s)->real, t, e);
}
static void sh_free(struct store *s) { free(s); }

static const struct store_ops shared_ops = {
	.scheme = "shared", .get = sh_get, .put = sh_put, .stat = sh_stat, .list = sh_list,
	.remove = sh_remove, .now = sh_now, .free = sh_free,
};

static struct store *share(struct store *real)
{
	struct shared *s = calloc(1, sizeof(*s));

	s->base.ops = &shared_ops;
	s->base.conditional_put = real->conditional_put;
	s->real = real;
	return &s->base;
}

static struct secret *bytes_of(const char *text)
{
	return secret_copy(text, strlen(text));
}

static struct secret *key_of(uint8_t seed)
{
	uint8_t k[32];

	memset(k, seed, sizeof(k));
	return secret_copy(k, sizeof(k));
}

static const struct vault_info wanted = { .name = "north", .region = "northeurope", .capsule = CAPSULE_WRAPPED };

static void init_with(struct store *st, const struct slot_secret *s)
{
	AUTO(vault_free) struct vault *v = NULL;
	char id[SLOT_ID_TEXT];
	struct error err = ERROR_INIT;

	assert_int_equal(vault_init(share(st), &wanted, s, id, &v, &err), 0);
	assert_string_equal(vault_info(v)->name, "north");
	assert_true(vault_info(v)->conditional_put);
	assert_int_equal(vault_info(v)->chunk_size, CHUNK_DEFAULT);
}

static void opens(struct store *st, const struct slot_secret *s, int code)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_open(share(st), s, &err);

	assert_int_equal(v ? 0 : err.code, code);
	if (v)
		assert_int_equal(vault_info(v)->capsule, CAPSULE_WRAPPED);
}

static void a_key_file_opens_and_another_is_refused(void **state)
{
	AUTO(store_free) struct store *st = store_mem();
	AUTO(secret_free) struct secret *k = key_of(1), *other = key_of(2);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k }, o = { .kind = SLOT_KEY_FILE, .bytes = other };
	AUTO(vault_free) struct vault *v = NULL;
	struct error err = ERROR_INIT;
	char id[SLOT_ID_TEXT];

	(void)state;
	opens(st, &s, ENOENT);
	init_with(st, &s);
	opens(st, &s, 0);
	opens(st, &o, EKEYREJECTED);
	opens(st, NULL, 0);
	assert_int_equal(vault_init(share(st), &wanted, &s, id, &v, &err), -EEXIST);
}

static void passphrases_and_rsa_keys_open_beside_each_other(void **state)
{
	AUTO(store_free) struct store *st = store_mem();
	AUTO(rsa_key_free) struct rsa_key *rsa = rsa_key_generate(2048, NULL), *rsa2 = rsa_key_generate(2048, NULL);
	AUTO(free) char *pem = rsa_key_public_pem(rsa);
	AUTO(secret_free) struct secret *pass = bytes_of("pass one"), *pass2 = bytes_of("pass two"),
		*wrong = bytes_of("pass three"), *public = bytes_of(pem), *private = rsa_key_private_pem(rsa),
		*stranger = rsa_key_private_pem(rsa2);
	struct slot_secret s1 = { .kind = SLOT_PASSPHRASE, .bytes = pass }, s2 = { .kind = SLOT_PASSPHRASE, .bytes = pass2 },
		bad = { .kind = SLOT_PASSPHRASE, .bytes = wrong }, pub = { .kind = SLOT_RSA, .bytes = public }, priv = { .kind = SLOT_RSA, .bytes = private },
		other = { .kind = SLOT_RSA, .bytes = stranger };
	AUTO(vault_free) struct vault *v = NULL;
	char id[SLOT_ID_TEXT];

	(void)state;
	init_with(st, &s1);
	v = vault_open(share(st), &s1, NULL);
	assert_non_null(v);
	assert_int_equal(slot_put(st, vault_ring(v), &s2, "second", id, NULL), 0);
	assert_int_equal(slot_put(st, vault_ring(v), &pub, "rsa", id, NULL), 0);
	assert_int_equal(slot_put(st, vault_ring(v), &pub, "rsa", id, NULL), -EEXIST);
	opens(st, &s1, 0);
	opens(st, &s2, 0);
	opens(st, &bad, EKEYREJECTED);
	opens(st, &pub, ENOKEY);
	opens(st, &priv, 0);
	opens(st, &other, EKEYREJECTED);
}

static void a_damaged_or_foreign_slot_is_damage_and_not_a_wrong_key(void **state)
{
	AUTO(store_free) struct store *a = store_mem(), *b = store_mem();
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	AUTO(vault_free) struct vault *va = NULL;
	AUTO(free) void *text = NULL, *data = NULL;
	char id[SLOT_ID_TEXT], name[64], *at;
	size_t len;

	(void)state;
	init_with(a, &s);
	assert_int_equal(vault_init(share(b), &wanted, &s, id, &va, NULL), 0);
	slot_object_name(id, 1, name, sizeof(name));
	assert_int_equal(store_get_all(b, name, 1 << 20, &data, &len, NULL), 0);
	assert_int_equal(store_remove(a, name, NULL), 0);
	assert_int_equal(store_put(a, name, data, len, PUT_NEW, NULL), 0);
	opens(a, &s, EBADMSG);		/* the slot of b */
	assert_int_equal(object_get(b, NULL, OBJECT_SLOT, name, &text, &len, NULL), 0);
	at = strstr(text, "\"ring\":\"");
	assert_non_null(at);
	at[10] = at[10] == '0' ? '1' : '0';
	assert_int_equal(store_remove(b, name, NULL), 0);
	assert_int_equal(object_put(b, NULL, OBJECT_SLOT, name, text, len, NULL), 0);
	opens(b, &s, EBADMSG);		/* one digit of the ring */
}

static void a_changed_description_is_found_with_the_keys(void **state)
{
	AUTO(store_free) struct store *st = store_mem();
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	AUTO(free) void *text = NULL;
	size_t len;
	char *at;

	(void)state;
	init_with(st, &s);
	assert_int_equal(object_get(st, NULL, OBJECT_VAULT, "vault", &text, &len, NULL), 0);
	at = strstr(text, "north\"");
	assert_non_null(at);
	*at = 'N';
	assert_int_equal(store_remove(st, "vault", NULL), 0);
	assert_int_equal(object_put(st, NULL, OBJECT_VAULT, "vault", text, len, NULL), 0);
	opens(st, &s, EBADMSG);
}

static int one_vm(void *arg, const char *name, const char *id)
{
	(void)id;
	size_t at = strlen(arg);

	snprintf((char *)arg + at, 256 - at, "%s;", name);
	return 0;
}

static void names_of_vms_are_kept_sealed(void **state)
{
	AUTO(store_free) struct store *st = store_mem();
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	AUTO(vault_free) struct vault *v = NULL;
	char id[SLOT_ID_TEXT], vm[VM_ID_TEXT], all[256] = "";
	uint8_t one[32], two[32];

	(void)state;
	assert_int_equal(vault_init(share(st), &wanted, &s, id, &v, NULL), 0);
	assert_int_equal(vault_vm_record(v, "web 1", NULL), 0);
	assert_int_equal(vault_vm_record(v, "web 1", NULL), 0);
	assert_int_equal(vault_vm_record(v, "a/b", NULL), -EINVAL);
	assert_int_equal(vault_vm_record(v, "..", NULL), -EINVAL);
	assert_int_equal(vault_vm_list(v, one_vm, all, NULL), 0);
	assert_string_equal(all, "web 1;");
	assert_int_equal(vault_vm_id(v, "web 1", vm), 0);
	assert_int_equal(vault_name_key(v, vm, one), 0);
	assert_int_equal(vault_page_key(v, two), 0);
	assert_memory_not_equal(one, two, 32);
}

static void key_files_are_made_private_and_read_back(void **state)
{
	AUTO(secret_free) struct secret *made = NULL, *read = NULL;
	char dir[] = "/tmp/test_vault.XXXXXX", path[64];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(slot_key_file_make(path, &made, NULL), 0);
	assert_int_equal(slot_key_file_make(path, &read, NULL), -EEXIST);
	assert_int_equal(slot_key_file_read(path, &read, NULL), 0);
	assert_true(secret_equal(made, read));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(truncate(path, 40), 0);
	secret_free(TAKE(read));
	assert_int_equal(slot_key_file_read(path, &read, NULL), -EINVAL);
	assert_int_equal(slot_key_file_read("/tmp/no such key", &read, NULL), -ENOENT);
	unlink(path);
	rmdir(dir);
}

/* Two inits at once, one of them between the other's slot and its vault. */
static struct { struct store *real; const struct slot_secret *other; bool done; } race;

static int racing_put(struct store *s, const char *n, const void *d, size_t l, enum put_mode m, struct error *e)
{
	if (!strcmp(n, "vault") && !race.done) {
		race.done = true;
		init_with(race.real, race.other);
	}
	return store_put(((struct shared *)s)->real, n, d, l, m, e);
}

static void of_two_inits_at_once_one_vault_stands_and_opens(void **state)
{
	struct store_ops ops = shared_ops;
	AUTO(secret_free) struct secret *k1 = key_of(1), *k2 = key_of(2);
	struct slot_secret s1 = { .kind = SLOT_KEY_FILE, .bytes = k1 }, s2 = { .kind = SLOT_KEY_FILE, .bytes = k2 };

	(void)state;
	ops.put = racing_put;
	for (int same = 0; same < 2; same++) {
		AUTO(store_free) struct store *st = store_mem();
		AUTO(vault_free) struct vault *v = NULL;
		struct store *racing = share(st);
		struct error err = ERROR_INIT;
		char id[SLOT_ID_TEXT];

		racing->ops = &ops;
		race.real = st;
		race.other = same ? &s1 : &s2;
		race.done = false;
		assert_int_equal(vault_init(racing, &wanted, &s1, id, &v, &err), -EEXIST);
		opens(st, race.other, 0);
		if (!same)
			opens(st, &s1, EKEYREJECTED);
	}
}

static int clear_one(void *arg, const struct object *o)
{
	return store_remove(arg, o->name, NULL);
}

static int clearing_put(struct store *s, const char *n, const void *d, size_t l, enum put_mode m, struct error *e)
{
	if (!strcmp(n, "vault"))
		assert_int_equal(store_list(race.real, "slot/", clear_one, race.real, e), 0);
	return store_put(((struct shared *)s)->real, n, d, l, m, e);
}

static void a_slot_that_another_init_cleared_away_is_put_again(void **state)
{
	struct store_ops ops = shared_ops;
	AUTO(store_free) struct store *st = store_mem();
	AUTO(secret_free) struct secret *k1 = key_of(1);
	struct slot_secret s1 = { .kind = SLOT_KEY_FILE, .bytes = k1 };
	AUTO(vault_free) struct vault *v = NULL;
	struct store *clearing = share(st);
	char id[SLOT_ID_TEXT];

	(void)state;
	ops.put = clearing_put;
	clearing->ops = &ops;
	race.real = st;
	assert_int_equal(vault_init(clearing, &wanted, &s1, id, &v, NULL), 0);
	opens(st, &s1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_inits_at_once_one_vault_stands_and_opens),
		cmocka_unit_test(a_slot_that_another_init_cleared_away_is_put_again),
		cmocka_unit_test(a_key_file_opens_and_another_is_refused),
		cmocka_unit_test(passphrases_and_rsa_keys_open_beside_each_other),
		cmocka_unit_test(a_damaged_or_foreign_slot_is_damage_and_not_a_wrong_key),
		cmocka_unit_test(a_changed_description_is_found_with_the_keys),
		cmocka_unit_test(names_of_vms_are_kept_sealed),
		cmocka_unit_test(key_files_are_made_private_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
