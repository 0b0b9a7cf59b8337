/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests one after the other, and how many bytes, stand between a
 * mount and its first byte, and between a reader and a cold chunk. */
#include "fs/backup/proof.h"
#include "fs/image/point_disk.h"
#include "fs/mount/populate_vault.h"
#include "fs/store/ahead.h"
#include "fs/vault/map_reader.h"
#include "crypto/bytes.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/slowstore.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define CHUNK 65536u
#define CHUNKS (UINT64_C(60) << 14)	/* 60 GiB */
#define FS_CHUNK 16u			/* where the partition begins */
#define LEAF 777u			/* a full one */
#define FAR_CHUNK (LEAF * 1024u + 333u)
#define ROUND_TRIP_US 40000u	/* long enough for a busy machine to start threads in */

/* A vault behind a link. */
struct world {
	struct slowstore *slow;
	uint8_t far[2 * CHUNK];		/* what lies at FAR_CHUNK */
};

static struct vault *open_vault(struct store *st)
{
	AUTO(secret_free) struct secret *key = secret_new(32);
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = key };
	struct error err = ERROR_INIT;
	struct vault *v;

	memset(secret_data(key), 7, 32);
	v = vault_open(st, &s, &err);
	if (!v)
		fail_msg("%s", err.text);
	return v;
}

/* An MBR, a file system's first bytes, and two chunks of noise. */
static void make_chunks(struct test_random *r, uint8_t *data, struct world *w)
{
	uint8_t *row = data + 446, *sb = data + CHUNK + 1024;

	row[4] = 0x83;
	put_le32(row + 8, FS_CHUNK * CHUNK / 512);
	put_le32(row + 12, 1u << 26);
	put_le16(data + 510, 0xaa55);
	for (unsigned at = 0; at <= 40; at += 4)
		put_le32(sb + at, at == 20 || at == 24 ? 0 : 1);
	put_le16(sb + 56, 0xef53);
	put_le32(sb + 96, 0x2c2);
	test_random_fill(r, data + CHUNK + 4096, CHUNK - 4096);
	test_random_fill(r, w->far, sizeof(w->far));
	memcpy(data + 2 * CHUNK, w->far, sizeof(w->far));
}

/* Every leaf is there, one is full; all but the chunks that are read are names alone. */
static void map_big_disk(struct vault *v, struct test_random *r, const struct written *real, struct point_disk *d)
{
	AUTO(free) struct map_entry *e = calloc(3000, sizeof(*e));
	AUTO(free) uint64_t *number = calloc(3000, sizeof(*number));
	size_t n = 0;

	number[n] = 0, e[n++] = real->entry[0];
	number[n] = FS_CHUNK, e[n++] = real->entry[1];
	for (uint64_t leaf = 0; leaf < CHUNKS / 1024; leaf++)
		for (unsigned i = 0; i < (leaf == LEAF ? 1024u : 1u); i++) {
			uint64_t chunk = leaf * 1024 + i + (leaf == 0 ? 900 : 0);

			number[n] = chunk;
			e[n] = real->entry[0];
			test_random_fill(r, e[n].ref.name, CHUNK_NAME_BYTES);
			e[n].ref.off = (uint32_t)test_random_below(r, 30u << 20);
			e[n].ref.len = 60000 + (uint32_t)test_random_below(r, 5000);
			if (chunk == FAR_CHUNK || chunk == FAR_CHUNK + 1)
				e[n] = real->entry[2 + chunk - FAR_CHUNK];
			n++;
		}
	*d = (struct point_disk){ .name = "os", .size = CHUNKS * CHUNK, .chunk_size = CHUNK, .levels = map_levels(CHUNKS),
				  .has_top = true };
	write_map(v, CHUNKS, CHUNK, number, e, n, &d->top);
	assert_int_equal(d->levels, 2);
}

static void put_point(struct vault *v, const struct point_disk *disk)
{
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(point_free) struct point *p = point_new();
	struct point_disk *d = point_add_disk(p);
	struct backup_disk source = { .name = "os", .words = "a model" };
	struct proof_keys k = { .disks = &source, .n_disks = 1 };
	struct error err = ERROR_INIT;

	*d = *disk;
	snprintf(p->vm, sizeof(p->vm), "vm");
	assert_int_equal(vault_vm_id(v, "vm", p->vm_id), 0);
	snprintf(p->id, sizeof(p->id), "%s", "00112233445566ff");
	memset(p->refs_sha256, '0', 64);
	memset(p->previous_sha256, 0, sizeof(p->previous_sha256));
	p->time = p->store_time = 1793000000;
	p->number = 1;
	assert_non_null(source.source = point_disk_new(v, p, d, cache, NULL));
	if (proof_make(&k, v, p, &err) < 0 || map_keep_top(vault_store(v), d, &err) < 0 || point_put(v, p, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(p->proof_words, "nothing is encrypted; seen: ext4");
	assert_true(d->n_opening > 0);
	blockdev_unref(source.source);
}

static void world_new(struct world *w)
{
	struct test_random r = test_random_seeded("round_trips");
	AUTO(free) uint8_t *data = calloc(4, CHUNK);
	AUTO(vault_free) struct vault *v = NULL;
	struct written real;
	struct point_disk d;

	w->slow = slowstore_new(store_mem(), 0, 0);
	v = test_vault(slowstore_share(w->slow));
	make_chunks(&r, data, w);
	write_disk(v, data, 4 * CHUNK, CHUNK, NULL, &real);
	map_big_disk(v, &r, &real, &d);
	put_point(v, &d);
	written_release(&real);
	slowstore_set_line(w->slow, ROUND_TRIP_US, 0);
	slowstore_reset(w->slow);
}

struct mounted {
	struct vault *v;
	struct chunk_cache *cache;
	struct tree *tree;
};

/* As mount.adebackup opens VAULT VM@latest. */
static void mounted_new(struct mounted *m, struct world *w, bool writable)
{
	static const struct tree_owner owner = { .mode = 0400 };
	struct store *st = store_ahead_new(writable ? slowstore_share(w->slow) : slowstore_share_readonly(w->slow), NULL);
	struct vault_view view = { .vm = "vm", .point = "latest" };
	struct error err = ERROR_INIT;

	populate_vault_expect(&view, st);
	view.vault = m->v = open_vault(st);
	view.cache = m->cache = chunk_cache_new(0, NULL);
	m->tree = populate_vault(&view, &owner, &err);
	if (!m->tree)
		fail_msg("%s", err.text);
}

static void mounted_free(struct mounted *m)
{
	tree_free(m->tree);
	chunk_cache_free(m->cache);
	vault_free(m->v);
}

static struct node *look_up(struct node *folder, const char *name)
{
	struct node *n = node_early(folder, name);
	struct error err = ERROR_INIT;

	if (n)
		return n;
	if (node_fill(folder, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_non_null(n = node_child(folder, name));
	return n;
}

static struct blockdev *open_view(struct mounted *m, const char *folder, const char *name, struct node **node)
{
	struct node *n = look_up(tree_root(m->tree), "os");
	struct error err = ERROR_INIT;
	struct blockdev *bd;

	n = folder ? look_up(n, folder) : n;
	*node = look_up(n, name);
	if (node_open(*node, &bd, &err) < 0)
		fail_msg("%s", err.text);
	return bd;
}

static unsigned first_byte(struct world *w, bool writable, const char *folder)
{
	struct slow_count c;
	struct mounted m;
	struct blockdev *bd;
	struct node *n;
	uint8_t buf[512];

	slowstore_reset(w->slow);
	mounted_new(&m, w, writable);
	bd = open_view(&m, folder, "disk.raw", &n);
	assert_int_equal(blockdev_pread(bd, buf, sizeof(buf), FAR_CHUNK * (uint64_t)CHUNK + 1024), 0);
	assert_memory_equal(buf, w->far + 1024, sizeof(buf));
	c = slowstore_count(w->slow);
	print_message("%s%sdisk.raw: %u requests, %u in a row, %llu bytes\n", writable ? "rd/ written, " : "",
		      folder ? "encrypted/" : "", c.requests, c.in_a_row, (unsigned long long)c.bytes);
	node_close(n, bd);
	mounted_free(&m);
	return c.in_a_row;
}

static void the_first_byte_is_few_round_trips_away(void **state)
{
	struct world w;

	(void)state;
	world_new(&w);
	assert_in_range(first_byte(&w, false, "encrypted"), 1, 4);
	assert_in_range(first_byte(&w, false, NULL), 1, 5);
	assert_in_range(first_byte(&w, true, "encrypted"), 1, 5);
	assert_in_range(first_byte(&w, true, NULL), 1, 6);
	slowstore_free(w.slow);
}

static void a_cold_read_is_a_page_and_a_chunk(void **state)
{
	static const struct { unsigned skip, len; unsigned bytes; } reads[] = { { 0, CHUNK, 128 << 10 }, { 5000, CHUNK, 200 << 10 } };
	struct world w;

	(void)state;
	world_new(&w);
	for (int i = 0; i < 2; i++) {
		AUTO(free) uint8_t *buf = malloc(CHUNK);
		struct slow_count c;
		struct mounted m;
		struct blockdev *bd;
		struct node *n;

		mounted_new(&m, &w, false);
		bd = open_view(&m, "encrypted", "disk.raw", &n);
		slowstore_reset(w.slow);
		assert_int_equal(blockdev_pread(bd, buf, CHUNK, FAR_CHUNK * (uint64_t)CHUNK + reads[i].skip), 0);
		assert_memory_equal(buf, w.far + reads[i].skip, CHUNK);
		c = slowstore_count(w.slow);
		print_message("64 KiB at +%u: %u in a row, %llu bytes\n", reads[i].skip, c.in_a_row, (unsigned long long)c.bytes);
		assert_in_range(c.in_a_row, 1, 2);
		assert_in_range(c.bytes, CHUNK, reads[i].bytes);
		node_close(n, bd);
		mounted_free(&m);
	}
	slowstore_free(w.slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_byte_is_few_round_trips_away),
		cmocka_unit_test(a_cold_read_is_a_page_and_a_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
