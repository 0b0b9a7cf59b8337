/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/segment_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h needs those above */
#include <cmocka.h>

static void id_of(unsigned n, uint8_t id[SEGMENT_ID_BYTES])
{
	memset(id, 0, SEGMENT_ID_BYTES);
	memcpy(id + SESSION_ID_BYTES, &n, sizeof(n));
}

static void a_key_is_found_for_its_segment_and_epoch_alone(void **state)
{
	AUTO(segment_keys_free) struct segment_keys *k = segment_keys_new();
	uint8_t id[SEGMENT_ID_BYTES], key[GCM_KEY_BYTES] = { 7 }, got[GCM_KEY_BYTES];

	(void)state;
	id_of(5, id);
	assert_false(segment_keys_get(k, 0, id, got));
	segment_keys_put(k, 0, id, key);
	assert_true(segment_keys_get(k, 0, id, got));
	assert_memory_equal(got, key, sizeof(key));
	assert_false(segment_keys_get(k, 1, id, got));
	id[SEGMENT_ID_BYTES - 1] ^= 1;		/* the same place, another segment */
	assert_false(segment_keys_get(k, 0, id, got));
}

static void more_than_it_holds_pushes_out_but_never_mixes_up(void **state)
{
	AUTO(segment_keys_free) struct segment_keys *k = segment_keys_new();
	uint8_t id[SEGMENT_ID_BYTES], key[GCM_KEY_BYTES], got[GCM_KEY_BYTES];
	unsigned found = 0;

	(void)state;
	for (unsigned n = 0; n < 10000; n++) {
		id_of(n, id);
		memset(key, (int)n, sizeof(key));
		segment_keys_put(k, 0, id, key);
	}
	for (unsigned n = 0; n < 10000; n++) {
		id_of(n, id);
		memset(key, (int)n, sizeof(key));
		if (segment_keys_get(k, 0, id, got)) {
			found++;
			assert_memory_equal(got, key, sizeof(key));
		}
	}
	assert_in_range(found, 1, 9999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_found_for_its_segment_and_epoch_alone),
		cmocka_unit_test(more_than_it_holds_pushes_out_but_never_mixes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
