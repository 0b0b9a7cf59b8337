/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed objects and segments: what opens, and that nothing else does. */
#include "fs/vault/object.h"
#include "fs/vault/segment.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t vault_id[VAULT_ID_BYTES] = { 1, 2, 3 };

static void an_object_opens_under_its_name_type_and_vault_alone(void **state)
{
	static const uint8_t other_id[VAULT_ID_BYTES] = { 9 };
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	AUTO(key_ring_free) struct key_ring *other =
		key_ring_load(other_id, key_ring_bytes(ring), NULL);
	AUTO(free) void *data = NULL, *text = NULL;
	size_t len, n;

	(void)state;
	assert_int_equal(object_seal(ring, OBJECT_LOG, "log/1", "{\"a\":1}", 7, &data, &len, NULL), 0);
	assert_int_equal(object_open(ring, OBJECT_LOG, "log/1", data, len, &text, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(text, "{\"a\":1}", 7);
	assert_int_equal(object_open(ring, OBJECT_LOG, "log/2", data, len, &text, &n, NULL), -EBADMSG);
	assert_int_equal(object_open(ring, OBJECT_VM, "log/1", data, len, &text, &n, NULL), -EBADMSG);
	assert_int_equal(object_open(other, OBJECT_LOG, "log/1", data, len, &text, &n, NULL), -EBADMSG);
	assert_int_equal(object_open(NULL, OBJECT_LOG, "log/1", data, len, &text, &n, NULL), -ENOKEY);
}

static void every_flipped_bit_of_an_object_is_found_without_a_key(void **state)
{
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	AUTO(free) void *data = NULL;
	struct object_info info;
	size_t len;

	(void)state;
	assert_int_equal(object_seal(ring, OBJECT_LOG, "log/1", "text", 4, &data, &len, NULL), 0);
	for (size_t bit = 0; bit < len * 8; bit++) {
		((uint8_t *)data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(object_check(data, len, &info, NULL), -EBADMSG);
		((uint8_t *)data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(object_check(data, cut, &info, NULL), -EBADMSG);
	assert_int_equal(object_check(data, len, &info, NULL), 0);
}

struct stored { struct chunk_ref ref[3]; void *data; size_t len; };

/* Three chunks of 16 KiB in one segment. */
static struct stored make_segment(const struct key_ring *ring, struct store *st)
{
	static const uint8_t session[SESSION_ID_BYTES] = { 7 };
	AUTO(segment_writer_free) struct segment_writer *w =
		segment_writer_new(ring, SEGMENT_DATA, session, 5, NULL);
	static uint8_t payload[CHUNK_MIN];
	struct stored s;
	char name[160];

	for (int i = 0; i < 3; i++) {
		uint8_t id[CHUNK_NAME_BYTES] = { (uint8_t)i };

		memset(payload, 'a' + i, sizeof(payload));
		assert_int_equal(segment_writer_add(w, CHUNK_RAW, id, NULL, payload, sizeof(payload),
						    CHUNK_MIN, &s.ref[i]), 0);
	}
	assert_int_equal(segment_writer_put(w, st, NULL), 0);
	segment_name(s.ref[0].segment, name, sizeof(name));
	assert_int_equal(store_get_all(st, name, 1 << 20, &s.data, &s.len, NULL), 0);
	return s;
}

static void a_chunk_opens_at_its_own_place_alone(void **state)
{
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	AUTO(store_free) struct store *st = store_mem();
	struct stored s = make_segment(ring, st);
	AUTO(chunk_opener_free) struct chunk_opener *o = chunk_opener_new(ring);
	uint8_t buf[CHUNK_MIN + 16], chunk[CHUNK_MIN];

	(void)state;
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) {
			memcpy(buf, (uint8_t *)s.data + s.ref[i].off, sizeof(buf));
			assert_int_equal(chunk_open(o, SEGMENT_DATA, &s.ref[k], CHUNK_MIN, buf),
					 i == k ? 0 : -EBADMSG);
		}
	memcpy(buf, (uint8_t *)s.data + s.ref[1].off, sizeof(buf));
	assert_int_equal(chunk_open(o, SEGMENT_MAP, &s.ref[1], CHUNK_MIN, buf), -EBADMSG);
	memcpy(buf, (uint8_t *)s.data + s.ref[1].off, sizeof(buf));
	assert_int_equal(chunk_open(o, SEGMENT_DATA, &s.ref[1], CHUNK_MIN * 2, buf), -EBADMSG);
	memcpy(buf, (uint8_t *)s.data + s.ref[1].off, sizeof(buf));
	assert_int_equal(chunk_open(o, SEGMENT_DATA, &s.ref[1], CHUNK_MIN, buf), 0);
	assert_int_equal(chunk_unpack(CHUNK_RAW, buf, CHUNK_MIN, NULL, chunk, CHUNK_MIN), 0);
	assert_int_equal(chunk[100], 'b');
	free(s.data);
}

static void a_segments_table_tells_its_chunks_and_damage_is_found(void **state)
{
	AUTO(key_ring_free) struct key_ring *ring = key_ring_new(vault_id, NULL);
	struct test_random r = test_random_seeded("a_segments_table");
	AUTO(store_free) struct store *st = store_mem();
	struct stored s = make_segment(ring, st);
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	struct segment_info info;
	size_t n;

	(void)state;
	assert_int_equal(segment_table(ring, s.data, s.len, s.ref[0].segment, &rows, &sizes, &n, NULL), 0);
	assert_int_equal(n, 3);
	for (int i = 0; i < 3; i++) {
		assert_memory_equal(&rows[i], &s.ref[i], sizeof(rows[i]));
		assert_int_equal(sizes[i], CHUNK_MIN);
	}
	for (int i = 0; i < 500; i++) {
		size_t bit = test_random_below(&r, s.len * 8);

		((uint8_t *)s.data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(segment_check(s.data, s.len, s.ref[0].segment, &info, NULL), -EBADMSG);
		((uint8_t *)s.data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	s.ref[0].segment[23] ^= 1;
	assert_int_equal(segment_check(s.data, s.len, s.ref[0].segment, &info, NULL), -EBADMSG);
	free(s.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_opens_under_its_name_type_and_vault_alone),
		cmocka_unit_test(every_flipped_bit_of_an_object_is_found_without_a_key),
		cmocka_unit_test(a_chunk_opens_at_its_own_place_alone),
		cmocka_unit_test(a_segments_table_tells_its_chunks_and_damage_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
