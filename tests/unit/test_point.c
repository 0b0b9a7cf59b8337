/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and refs: what is written is read back, what is not is refused; points are found. */
#include "fs/vault/object.h"
#include "fs/vault/point.h"
#include "fs/vault/refs.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct vault *make_vault(void)
{
	uint8_t bytes[32] = { 3 };
	AUTO(secret_free) struct secret *key = secret_copy(bytes, sizeof(bytes));
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = key };
	struct vault_info want = { .name = "" };
	struct vault *v = NULL;
	char id[SLOT_ID_TEXT];

	assert_int_equal(vault_init(store_mem(), &want, &s, id, &v, NULL), 0);
	return v;
}

static struct point *make_point(struct vault *v, const char *vm, int64_t time, uint8_t seed)
{
	struct point *p = point_new();
	struct point_disk *os, *data;

	snprintf(p->vm, sizeof(p->vm), "%s", vm);
	assert_int_equal(vault_vm_id(v, vm, p->vm_id), 0);
	snprintf(p->id, sizeof(p->id), "%02x34567890abcdef", seed);
	memset(p->session, seed, sizeof(p->session));
	p->time = p->store_time = time;
	p->number = UINT64_MAX;
	p->proof = PROOF_PROVEN;
	snprintf(p->proof_words, sizeof(p->proof_words), "2 volumes, ext4");
	memset(p->refs_sha256, 'a', 64);
	os = point_add_disk(p);
	snprintf(os->name, sizeof(os->name), "os");
	os->size = (64u << 20) * 1024ull + 512;
	os->vhd = true;
	os->chunk_size = CHUNK_DEFAULT;
	os->levels = map_levels(point_disk_chunks(os));
	assert_int_equal(os->levels, 3);
	os->has_top = true;
	os->top = (struct chunk_ref){ .name = { 1 }, .segment = { 2 }, .epoch = 1, .off = 64, .len = 100,
				      .number = 3, .kind = CHUNK_ZSTD };
	os->opening = calloc(2, sizeof(*os->opening));
	os->n_opening = 2;
	os->opening[0] = (struct opening_row){ .chunk = 0, .entry.ref = os->top };
	os->opening[1] = (struct opening_row){ .chunk = 1u << 20, .entry = { .ref = os->top, .base = os->top } };
	os->opening[1].entry.ref.kind = CHUNK_PATCH;
	memcpy(os->opening[1].entry.ref.base, os->top.name, CHUNK_NAME_BYTES);
	data = point_add_disk(p);
	snprintf(data->name, sizeof(data->name), "lun0");
	data->size = 1;
	data->chunk_size = CHUNK_MIN;
	data->levels = 1;
	return p;
}

static void a_manifest_is_read_back_as_it_was_written(void **state)
{
	AUTO(vault_free) struct vault *v = make_vault();
	AUTO(point_free) struct point *p = make_point(v, "web", 1795701286, 1), *back = NULL;
	AUTO(free) char *text = NULL, *again = NULL;

	(void)state;
	assert_int_equal(point_to_json(p, &text, NULL), 0);
	back = point_from_json(text, strlen(text), NULL);
	assert_non_null(back);
	assert_int_equal(point_to_json(back, &again, NULL), 0);
	assert_string_equal(text, again);
	assert_memory_equal(&back->disk[0].top, &p->disk[0].top, sizeof(struct chunk_ref));
	assert_memory_equal(back->disk[0].opening, p->disk[0].opening, 2 * sizeof(struct opening_row));
	assert_true(point_find_disk(back, "lun0") == &back->disk[1]);
	assert_null(point_find_disk(back, "lun1"));
}

/* The text with one place changed. */
static void refused(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	AUTO(free) char *bad = malloc(strlen(text) + strlen(to) + 1);
	struct error err = ERROR_INIT;

	assert_non_null(at);
	snprintf(bad, strlen(text) + strlen(to) + 1, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_null(point_from_json(bad, strlen(bad), &err));
	assert_int_equal(err.code, EBADMSG);
}

static void a_manifest_that_lies_is_refused(void **state)
{
	static const char *const lies[][2] = {
		{ "\"name\":\"os\"", "\"name\":\"..\"" }, { "\"name\":\"os\"", "\"name\":\"a/b\"" },
		{ "\"name\":\"os\"", "\"name\":\"lun0\"" }, { "\"vm\":\"web\"", "\"vm\":\"\"" },
		{ "\"levels\":\"3\"", "\"levels\":\"2\"" }, { "\"levels\":\"3\"", "\"levels\":3" },
		{ "\"length\":\"100\"", "\"length\":\"16\"" }, { "\"length\":\"100\"", "\"length\":\"0100\"" },
		{ "\"offset\":\"64\"", "\"offset\":\"67108864\"" }, { "\"number\":\"3\"", "\"number\":\"8192\"" },
		{ "\"epoch\":\"1\"", "\"epoch\":\"0\"" }, { "\"chunk_size\":\"16384\"", "\"chunk_size\":\"16385\"" },
		{ "\"size\":\"1\"", "\"size\":\"0\"" }, { "\"size\":\"1\"", "\"size\":\"99999999999999999999\"" },
		{ "\"refs_sha256\":\"aa", "\"refs_sha256\":\"AA" }, { "\"number\":\"18", "\"number\":\"-8" },
		{ "\"vm\":\"web\"", "\"vm\":\"web\",\"vm\":\"web\"" }, { "\"opening\":[\"00", "\"opening\":[\"zz" },
	};
	AUTO(vault_free) struct vault *v = make_vault();
	AUTO(point_free) struct point *p = make_point(v, "web", 1795701286, 1);
	AUTO(free) char *text = NULL;

	(void)state;
	assert_int_equal(point_to_json(p, &text, NULL), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		refused(text, lies[i][0], lies[i][1]);
	for (size_t cut = 0; cut < strlen(text); cut += 7)
		assert_null(point_from_json(text, cut, NULL));
}

static void times_are_those_of_the_calendar(void **state)
{
	static const struct { const char *text, *rfc; int64_t time; } t[] = {
		{ "19700101T000000Z", "1970-01-01T00:00:00Z", 0 },
		{ "20000229T235959Z", "2000-03-01T01:59:59+02:00", 951868799 },
		{ "20261120T020000Z", "2026-11-19T21:00:00.5-05:00", 1795140000 },
		{ "21000301T000000Z", "2100-03-01T00:00:00Z", 4107542400 },
	};
	static const char *const bad[] = { "", "20260229T000000Z", "2026-13-01T00:00:00Z", "20261120T020000",
		"2026-11-20T02:00:00", "20261120T246000Z", "2026-11-20", "20261120T020000Zx", "-2026-11-20T02:00:00Z" };
	char text[POINT_TIME_TEXT];
	int64_t time;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		point_time_text(t[i].time, text);
		assert_string_equal(text, t[i].text);
		assert_int_equal(point_time_parse(t[i].text, &time), 0);
		assert_int_equal(time, t[i].time);
		assert_int_equal(point_time_parse(t[i].rfc, &time), 0);
		assert_int_equal(time, t[i].time);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(point_time_parse(bad[i], &time), -EINVAL);
	for (int64_t day = 0; day < 200000; day++) {
		point_time_text(day * 86400 + 1, text);
		assert_int_equal(point_time_parse(text, &time), 0);
		assert_int_equal(time, day * 86400 + 1);
	}
}

static void put(struct vault *v, const char *vm, int64_t time, uint8_t seed)
{
	AUTO(point_free) struct point *p = make_point(v, vm, time, seed);
	char sha[65];

	assert_int_equal(point_put(v, p, sha, NULL), 0);
	assert_int_equal(point_put(v, p, NULL, NULL), -EEXIST);	/* sealed anew: other bytes */
}

static int found(struct vault *v, const char *vm, const char *which, char folder[32])
{
	struct point_name name;
	int rc = point_find(v, vm, which, &name, NULL);

	if (rc == 0)
		memcpy(folder, name.folder, 32);
	return rc;
}

static void points_are_found_by_id_prefix_time_and_as_latest(void **state)
{
	AUTO(vault_free) struct vault *v = make_vault();
	AUTO(free) struct point_name *list = NULL;
	AUTO(point_free) struct point *p = NULL;
	char f[32], name[192];
	size_t n;

	(void)state;
	put(v, "web", 1795140000, 0x11);
	put(v, "web", 1795140000, 0x12);
	put(v, "web", 1795140060, 0x21);
	put(v, "db", 1795140000, 0x31);
	assert_int_equal(found(v, "web", "latest", f), 0);
	assert_string_equal(f, "20261120T020100Z");
	assert_int_equal(found(v, "web", "20261120T020000Z-2", f), 0);
	assert_string_equal(f, "20261120T020000Z-2");
	assert_int_equal(found(v, "web", "2", f), 0);
	assert_int_equal(found(v, "web", "1", f), -EINVAL);
	assert_int_equal(found(v, "web", "1134567890abcdef", f), 0);
	assert_int_equal(found(v, "web", "2026-11-20T02:01:00Z", f), 0);
	assert_int_equal(found(v, "web", "ff", f), -ENOENT);
	assert_int_equal(found(v, "mail", "latest", f), -ENOENT);
	assert_int_equal(point_list(v, NULL, &list, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_int_equal(point_read(v, &list[0], &p, NULL), 0);
	/* A mark takes the point out of all lists. */
	snprintf(name, sizeof(name), "exp/%s", strrchr(list[n - 1].object, '/') + 1);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_EXPIRED, name, "{}", 2, NULL), 0);
	free(TAKE(list));
	assert_int_equal(point_list(v, NULL, &list, &n, NULL), 0);
	assert_int_equal(n, 3);
}

static void a_tombstone_is_no_point(void **state)
{
	AUTO(vault_free) struct vault *v = make_vault();
	AUTO(point_free) struct point *p = make_point(v, "web", 1795140000, 1), *got = NULL;
	AUTO(free) struct point_name *list = NULL;
	struct point_name name = { .folder = "" };
	size_t n;

	(void)state;
	point_object_name(p, name.object, sizeof(name.object));
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_TOMBSTONE, name.object, "{}", 2, NULL), 0);
	assert_int_equal(point_put(v, p, NULL, NULL), -EEXIST);
	assert_int_equal(point_list(v, NULL, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(point_read(v, &name, &got, NULL), -ESTALE);
}

static void refs_count_segments_and_come_back_sorted(void **state)
{
	struct test_random r = test_random_seeded("refs");
	AUTO(store_free) struct store *st = store_mem();
	AUTO(refs_free) struct refs *refs = refs_new();
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t session[SESSION_ID_BYTES] = { 9 }, ids[300][SEGMENT_ID_BYTES];
	char sha[65];
	size_t n, total = 0;

	(void)state;
	for (int i = 0; i < 300; i++)
		for (unsigned k = 0; k < SEGMENT_ID_BYTES; k++)
			ids[i][k] = (uint8_t)test_random_below(&r, 256);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(refs_add(refs, ids[test_random_below(&r, 300)], 1, 7), 0);
	assert_int_equal(refs_put(refs, st, session, sha, NULL), 0);
	assert_int_equal(refs_get(st, session, sha, &rows, &n, NULL), 0);
	assert_int_equal(n, refs_count(refs));
	for (size_t i = 0; i < n; i++) {
		total += rows[i].chunks;
		assert_int_equal(rows[i].bytes, rows[i].chunks * 7);
		assert_true(!i || memcmp(rows[i - 1].segment, rows[i].segment, SEGMENT_ID_BYTES) < 0);
	}
	assert_int_equal(total, 5000);
	sha[0] = sha[0] == '0' ? '1' : '0';
	free(TAKE(rows));
	assert_int_equal(refs_get(st, session, sha, &rows, &n, NULL), -EBADMSG);
	session[0]++;
	assert_int_equal(refs_get(st, session, NULL, &rows, &n, NULL), -ENOENT);
	assert_int_equal(refs_add(refs, ids[0], UINT32_MAX, UINT32_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_is_read_back_as_it_was_written),
		cmocka_unit_test(a_manifest_that_lies_is_refused),
		cmocka_unit_test(times_are_those_of_the_calendar),
		cmocka_unit_test(points_are_found_by_id_prefix_time_and_as_latest),
		cmocka_unit_test(a_tombstone_is_no_point),
		cmocka_unit_test(refs_count_segments_and_come_back_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
