/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of life appear and go; what is condemned is known, or nothing is reused. */
#include "crypto/hash.h"
#include "fs/vault/object.h"
#include "fs/vault/vault_session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER "pt/0123456789abcdef/20261120T020000Z-0123456789abcdef"

static struct vault *new_vault(void)
{
	AUTO(secret_free) struct secret *k = secret_copy("0123456789abcdef0123456789abcdef", 32);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = k };
	struct vault_info want = { .name = "north" };
	struct vault *v = NULL;
	char id[SLOT_ID_TEXT];

	assert_int_equal(vault_init(store_mem(), &want, &s, id, &v, NULL), 0);
	return v;
}

static int count_one(void *arg, const struct object *o)
{
	(void)o;
	++*(int *)arg;
	return 0;
}

static int count(struct vault *v, const char *prefix)
{
	int n = 0;

	assert_int_equal(store_list(vault_store(v), prefix, count_one, &n, NULL), 0);
	return n;
}

static void a_session_shows_while_it_lives_and_after_a_kill(void **state)
{
	AUTO(vault_free) struct vault *v = new_vault();
	struct vault_session *a = vault_session_begin(v, "backup", FOLDER, NULL);
	struct vault_session *b = vault_session_begin(v, "backup", FOLDER, NULL);
	char id[2 * SESSION_ID_BYTES + 1], name[128];
	AUTO(free) char *text = NULL;
	size_t len;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_memory_not_equal(vault_session_id(a), vault_session_id(b), SESSION_ID_BYTES);
	assert_int_equal(count(v, "ses/"), 2);
	hex_encode(vault_session_id(a), SESSION_ID_BYTES, id);
	snprintf(name, sizeof(name), "ses/%s.0", id);
	assert_int_equal(object_get(vault_store(v), vault_ring(v), OBJECT_SESSION, name, (void **)&text, &len, NULL), 0);
	snprintf(name, sizeof(name), FOLDER "/%s", id);		/* who ends it has to know the manifest's name */
	assert_non_null(memmem(text, len, name, strlen(name)));
	assert_int_equal(vault_session_beat(a, NULL), 0);	/* too early for another */
	assert_int_equal(count(v, "ses/"), 2);
	vault_session_end(a);
	assert_int_equal(count(v, "ses/"), 1);
	vault_session_free(b);					/* as a kill leaves it */
	assert_int_equal(count(v, "ses/"), 1);
}

static void a_reader_names_its_point(void **state)
{
	static const char point[] = "pt/0123456789abcdef/20261120T020000Z-0123456789abcdef/0123456789abcdef01234567";
	AUTO(vault_free) struct vault *v = new_vault();
	struct vault_session *r = vault_reader_begin(v, point, NULL);
	char id[2 * SESSION_ID_BYTES + 1], name[64];
	AUTO(free) char *text = NULL;
	size_t len;

	(void)state;
	assert_non_null(r);
	hex_encode(vault_session_id(r), SESSION_ID_BYTES, id);
	snprintf(name, sizeof(name), "rd/%s.0", id);
	assert_int_equal(object_get(vault_store(v), vault_ring(v), OBJECT_READER, name, (void **)&text, &len, NULL), 0);
	assert_non_null(memmem(text, len, point, sizeof(point) - 1));
	assert_int_equal(count(v, "ses/"), 0);
	vault_session_end(r);
	assert_int_equal(count(v, "rd/"), 0);
}

static void condemn(struct vault *v, const char *name, const char *text)
{
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_CONDEMNED, name, text, strlen(text), NULL), 0);
}

static void condemned_segments_of_all_records_are_known(void **state)
{
	AUTO(vault_free) struct vault *v = new_vault();
	AUTO(condemned_free) struct condemned *none = condemned_list(v, NULL), *some = NULL;
	uint8_t id[SEGMENT_ID_BYTES];

	(void)state;
	memset(id, 0x22, sizeof(id));
	assert_false(condemned_has(none, id));
	condemn(v, "cond/1", "{\"segments\":[\"333333333333333333333333333333333333333333333333\","
			     "\"222222222222222222222222222222222222222222222222\"]}");
	condemn(v, "cond/2", "{\"segments\":[\"111111111111111111111111111111111111111111111111\"]}");
	assert_int_equal(store_put(vault_store(v), "cond/1.claim", "x", 1, PUT_NEW, NULL), 0);
	some = condemned_list(v, NULL);
	assert_non_null(some);
	for (int i = 0x11; i <= 0x33; i += 0x11) {
		memset(id, i, sizeof(id));
		assert_true(condemned_has(some, id));
	}
	memset(id, 0x44, sizeof(id));
	assert_false(condemned_has(some, id));
}

static void a_record_that_cannot_be_read_is_an_error_not_an_empty_list(void **state)
{
	static const char *const bad[] = { "{}", "{\"segments\":{}}", "{\"segments\":[\"11\"]}", "{\"segments\":[1]}", "x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(vault_free) struct vault *v = new_vault();
		struct error err = ERROR_INIT;

		condemn(v, "cond/1", bad[i]);
		assert_null(condemned_list(v, &err));
		assert_int_equal(err.code, EBADMSG);
	}
	AUTO(vault_free) struct vault *v = new_vault();
	assert_int_equal(store_put(vault_store(v), "cond/1", "rubbish", 7, PUT_NEW, NULL), 0);
	assert_null(condemned_list(v, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_shows_while_it_lives_and_after_a_kill),
		cmocka_unit_test(a_reader_names_its_point),
		cmocka_unit_test(condemned_segments_of_all_records_are_known),
		cmocka_unit_test(a_record_that_cannot_be_read_is_an_error_not_an_empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
