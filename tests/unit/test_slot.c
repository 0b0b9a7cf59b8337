/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a vault come, go and are renewed; a key on paper is a key file. */
#include "fs/vault/object.h"
#include "fs/vault/slot_paper.h"
#include "fs/vault/slot_public.h"
#include "fs/vault/slot_text.h"
#include "fs/vault/vault_rotate.h"
#include "crypto/keywrap.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct secret *key_of(uint8_t seed)
{
	uint8_t k[32];

	memset(k, seed, sizeof(k));
	return secret_copy(k, sizeof(k));
}

static struct vault *new_vault(const struct slot_secret *s, char id[SLOT_ID_TEXT])
{
	struct vault_info want = { .name = "north" };
	struct vault *v = NULL;

	assert_int_equal(vault_init(store_mem(), &want, s, id, &v, NULL), 0);
	return v;
}

/* How many keys the ring has that s opens, or -errno. */
static int opens(struct vault *v, const struct slot_secret *s)
{
	struct key_ring *ring = NULL;
	int rc = slot_open(vault_store(v), vault_info(v)->id, s, &ring, NULL);

	rc = rc ? rc : (int)key_ring_epoch(ring);
	key_ring_free(ring);
	return rc;
}

struct seen { int n; unsigned epoch; char label[128]; };

static int see(void *arg, const struct slot_info *info)
{
	struct seen *s = arg;

	s->n++;
	s->epoch = info->epoch;
	memcpy(s->label, info->label, sizeof(s->label));
	return 0;
}

static struct seen list(struct vault *v, int expected)
{
	struct seen s = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(slot_list(vault_store(v), see, &s, &err), expected);
	return s;
}

static void a_slot_knows_its_key_and_goes_alone(void **state)
{
	AUTO(secret_free) struct secret *k = key_of(1), *k2 = key_of(2), *p = secret_copy("pass", 4);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k }, s2 = { .kind = SLOT_KEY_FILE, .bytes = k2 },
		sp = { .kind = SLOT_PASSPHRASE, .bytes = p };
	char id[SLOT_ID_TEXT], id2[SLOT_ID_TEXT], idp[SLOT_ID_TEXT];
	AUTO(vault_free) struct vault *v = new_vault(&s, id);
	struct store *st = vault_store(v);
	const uint8_t *vid = vault_info(v)->id;

	(void)state;
	assert_int_equal(slot_put(st, vault_ring(v), &s2, "", id2, NULL), 0);
	assert_int_equal(slot_put(st, vault_ring(v), &sp, "", idp, NULL), 0);
	assert_int_equal(slot_matches(st, vid, id, &s, NULL), 0);
	assert_int_equal(slot_matches(st, vid, id2, &s, NULL), -EKEYREJECTED);
	assert_int_equal(slot_matches(st, vid, idp, &s, NULL), -EKEYREJECTED);
	assert_int_equal(slot_matches(st, vid, idp, &sp, NULL), 0);
	assert_int_equal(slot_matches(st, vid, id, &sp, NULL), -EKEYREJECTED);
	assert_int_equal(list(v, 0).n, 3);
	assert_int_equal(slot_remove(st, id, 0, NULL), 0);
	assert_int_equal(opens(v, &s), -EKEYREJECTED);
	assert_int_equal(opens(v, &s2), 1);
	assert_int_equal(opens(v, &sp), 1);
	assert_int_equal(list(v, 0).n, 2);
}

static void a_damaged_slot_hides_no_other(void **state)
{
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	char id[SLOT_ID_TEXT], name[64];
	AUTO(vault_free) struct vault *v = new_vault(&s, id);
	static const char *const other = "0123456789abcdef0123456789abcdef";

	(void)state;
	snprintf(name, sizeof(name), "slot/%s", other);
	assert_int_equal(store_put(vault_store(v), name, "rubbish", 7, PUT_NEW, NULL), 0);
	assert_int_equal(list(v, -EBADMSG).n, 1);
	assert_int_equal(opens(v, &s), 1);
	assert_int_equal(slot_remove(vault_store(v), other, 0, NULL), 0);
	assert_int_equal(list(v, 0).n, 1);
}

static void a_slot_of_another_vault_opens_nothing(void **state)
{
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	char id[SLOT_ID_TEXT], name[64];
	AUTO(vault_free) struct vault *v = new_vault(&s, id), *w = new_vault(&s, id);
	AUTO(free) void *data = NULL;
	size_t len;

	(void)state;
	snprintf(name, sizeof(name), "slot/%s", id);
	assert_int_equal(store_get_all(vault_store(w), name, 1 << 20, &data, &len, NULL), 0);
	assert_int_equal(store_put(vault_store(v), name, data, len, PUT_ANY, NULL), 0);
	assert_int_equal(opens(v, &s), -EBADMSG);
	assert_int_equal(opens(w, &s), 1);
}

static int count_marked(void *arg, const struct slot_text *t, const struct rsa_key *key, struct error *err)
{
	(void)err;
	*(unsigned *)arg += t->for_capsules && key;
	return 0;
}

static void rotating_adds_a_key_that_every_given_secret_opens(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *rsa = rsa_key_generate(2048, NULL);
	AUTO(free) char *pem = rsa_key_public_pem(rsa);
	AUTO(secret_free) struct secret *k = key_of(1), *public = secret_copy(pem, strlen(pem)),
		*private = rsa_key_private_pem(rsa), *words = secret_copy("words", 5);
	struct slot_secret s[] = { { .kind = SLOT_KEY_FILE, .bytes = k }, { .kind = SLOT_PASSPHRASE, .bytes = words } },
		rsa_slot = { .kind = SLOT_RSA, .bytes = public, .for_capsules = true },
		priv = { .kind = SLOT_RSA, .bytes = private };
	char id[SLOT_ID_TEXT], id2[SLOT_ID_TEXT];
	AUTO(vault_free) struct vault *v = new_vault(&s[0], id);
	AUTO(free) void *old = NULL, *text = NULL;
	struct key_ring *ring = NULL;
	struct error err = ERROR_INIT;
	unsigned epoch = 0, marked = 0;
	size_t len, n;

	(void)state;
	assert_int_equal(object_seal(vault_ring(v), OBJECT_LOG, "log/1", "old", 3, &old, &len, NULL), 0);
	assert_int_equal(slot_put(vault_store(v), vault_ring(v), &rsa_slot, "escrow", id, NULL), 0);
	assert_int_equal(slot_put(vault_store(v), vault_ring(v), &s[1], "words", id2, NULL), 0);
	assert_int_equal(vault_rotate(v, s, 1, &epoch, &err), -EBUSY);
	assert_non_null(strstr(err.text, id2));
	assert_int_equal(opens(v, &s[0]), 1);
	assert_int_equal(vault_rotate(v, s, 2, &epoch, &err), 0);
	assert_int_equal(epoch, 2);
	assert_int_equal(opens(v, &s[0]), 2);
	assert_int_equal(opens(v, &priv), 2);
	assert_int_equal(slot_open(vault_store(v), vault_info(v)->id, &s[0], &ring, NULL), 0);
	assert_int_equal(list(v, 0).n, 3);
	assert_int_equal(slot_each_public(vault_store(v), ring, count_marked, &marked, NULL), 0);
	assert_int_equal(marked, 1);
	assert_int_equal(list(v, 0).epoch, 2);
	assert_int_equal(object_open(ring, OBJECT_LOG, "log/1", old, len, &text, &n, NULL), 0);
	key_ring_free(ring);
}

/* What a rotation that was cut leaves: both slots of a key; the newer counts. */
static void a_cut_rotation_is_no_harm(void **state)
{
	AUTO(secret_free) struct secret *k = key_of(1);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	char id[SLOT_ID_TEXT];
	AUTO(vault_free) struct vault *v = new_vault(&s, id);
	AUTO(key_ring_free) struct key_ring *grown = key_ring_grow(vault_ring(v), NULL);

	(void)state;
	assert_int_equal(slot_put(vault_store(v), grown, &s, "new", id, NULL), 0);
	assert_int_equal(opens(v, &s), 2);
	assert_int_equal(list(v, 0).n, 1);
	assert_string_equal(list(v, 0).label, "new");
	assert_int_equal(slot_remove(vault_store(v), id, 2, NULL), 0);
	assert_int_equal(opens(v, &s), 2);
}

static void a_key_on_paper_comes_back_and_mistyped_lines_are_told(void **state)
{
	AUTO(secret_free) struct secret *k = key_of(0x5a), *paper = NULL;
	char typed[1024];
	uint8_t back[PAPER_KEY_BYTES];
	struct error err = ERROR_INIT;
	size_t len;
	char *line;

	(void)state;
	secret_data(k)[9] = 7;
	paper = slot_paper_print(secret_bytes(k), "opens a vault");
	assert_non_null(paper);
	len = secret_len(paper);
	memcpy(typed, secret_bytes(paper), len);
	typed[len] = '\0';
	assert_true(slot_paper_is(typed, len));
	assert_int_equal(slot_paper_parse(typed, len, back, &err), 0);
	assert_memory_equal(back, secret_bytes(k), sizeof(back));
	assert_int_equal(slot_paper_parse(typed, len - 1, back, &err), 0);	/* no line end */
	for (size_t cut = 0; cut + 1 < len; cut++)
		assert_int_equal(slot_paper_parse(typed, cut, back, NULL), -EINVAL);
	line = strstr(typed, "\n2  ");
	assert_non_null(line);
	for (char *p = line + 4; *p != '\n'; p++) {
		char was = *p;

		if (was == ' ')
			continue;
		*p = was == '7' ? '1' : '7';
		assert_int_equal(slot_paper_parse(typed, len, back, &err), -EINVAL);
		assert_non_null(strstr(err.text, "line 2"));
		*p = was;
	}
	line[1] = '3';
	assert_int_equal(slot_paper_parse(typed, len, back, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_knows_its_key_and_goes_alone),
		cmocka_unit_test(a_damaged_slot_hides_no_other),
		cmocka_unit_test(a_slot_of_another_vault_opens_nothing),
		cmocka_unit_test(rotating_adds_a_key_that_every_given_secret_opens),
		cmocka_unit_test(a_cut_rotation_is_no_harm),
		cmocka_unit_test(a_key_on_paper_comes_back_and_mistyped_lines_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
