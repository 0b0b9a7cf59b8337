/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/backupfixture.h"
#include "crypto/hash.h"
#include "fs/image/point_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const names[FIXTURE_DISKS] = { "os", "lun0" };

struct vault *fixture_vault(struct fixture *f)
{
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = f->key };
	struct error err = ERROR_INIT;
	struct vault *v = vault_open(cutstore_share(f->store), &s, &err);

	if (!v && f->store && !*cutstore_cut_name(f->store))
		fail_msg("%s", err.text);
	return v;
}

struct fixture *fixture_new(struct test_random r, uint32_t chunk_size)
{
	return fixture_over(r, chunk_size, store_mem());
}

struct fixture *fixture_over(struct test_random r, uint32_t chunk_size, struct store *taken)
{
	struct vault_info want = { .name = "test", .chunk_size = chunk_size, .conditional_put = true };
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t bytes[32];
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = NULL };
	struct error err = ERROR_INIT;
	struct vault *v = NULL;
	char slot[SLOT_ID_TEXT];

	f->r = r;
	f->threads = 2;
	f->store = cutstore_over(taken);
	test_random_fill(&f->r, bytes, sizeof(bytes));
	s.bytes = f->key = secret_copy(bytes, sizeof(bytes));
	if (vault_init(cutstore_share(f->store), &want, &s, slot, &v, &err) < 0)
		fail_msg("%s", err.text);
	vault_free(v);
	return f;
}

void fixture_free(struct fixture *f)
{
	for (size_t i = 0; i < f->n_points; i++)
		for (size_t k = 0; k < FIXTURE_DISKS; k++)
			free(f->point[i].disk[k].bytes);
	for (size_t k = 0; k < f->n_disks; k++)
		modeldisk_free(f->disk[k]);
	cutstore_free(f->store);
	secret_free(f->key);
	free(f);
}

void fixture_add_disk(struct fixture *f, size_t size, bool tells_holes)
{
	f->disk[f->n_disks++] = modeldisk_new(size, tells_holes);
}

void fixture_remember(struct fixture *f, const char *object)
{
	struct fixture_point *p = &f->point[f->n_points++];

	assert_true(f->n_points <= FIXTURE_POINTS);
	snprintf(p->object, sizeof(p->object), "%s", object);
	for (size_t k = 0; k < f->n_disks; k++) {
		p->disk[k].size = f->disk[k]->size;
		p->disk[k].bytes = malloc(f->disk[k]->size);
		memcpy(p->disk[k].bytes, f->disk[k]->bytes, f->disk[k]->size);
	}
}

int fixture_backup(struct fixture *f, struct error *err)
{
	AUTO(vault_free) struct vault *v = fixture_vault(f);
	AUTO(point_free) struct point *p = NULL;
	struct backup_options o = { .vm = "vm one", .threads = f->threads };
	struct backup_disk d[FIXTURE_DISKS];
	int rc;

	if (!v)
		return -1;
	for (size_t k = 0; k < f->n_disks; k++)
		d[k] = (struct backup_disk){ .name = names[k], .source = modeldisk_open(f->disk[k]), .words = "a model" };
	rc = backup_run(v, d, f->n_disks, &o, &p, &f->last, err);
	for (size_t k = 0; k < f->n_disks; k++)
		blockdev_unref(d[k].source);
	if (rc == 0)
		fixture_remember(f, f->last.object);
	return rc;
}

static void compare_disk(struct vault *v, const struct point *p, size_t k, const uint8_t *want, size_t size)
{
	const struct point_disk *pd = point_find_disk(p, names[k]);
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(8u << 20, NULL);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	AUTO(free) uint8_t *got = malloc(1u << 20);
	struct error err = ERROR_INIT;

	assert_non_null(pd);
	assert_int_equal(pd->size, size);
	bd = point_disk_new(v, p, pd, cache, &err);
	if (!bd)
		fail_msg("%s", err.text);
	for (size_t off = 0; off < size; off += 1u << 20) {
		size_t n = size - off < 1u << 20 ? size - off : 1u << 20;

		if (blockdev_pread(bd, got, n, off) < 0)
			fail_msg("%s of %s cannot be read near offset %zu", names[k], p->id, off);
		if (memcmp(got, want + off, n))
			fail_msg("%s of %s is wrong near offset %zu", names[k], p->id, off);
	}
	blockdev_unref(TAKE(bd));
}

void fixture_forget(struct fixture *f, size_t i)
{
	assert_true(i < f->n_points);
	for (size_t k = 0; k < FIXTURE_DISKS; k++)
		free(f->point[i].disk[k].bytes);
	f->n_points--;
	memmove(&f->point[i], &f->point[i + 1], (f->n_points - i) * sizeof(f->point[0]));
	memset(&f->point[f->n_points], 0, sizeof(f->point[0]));
}

/* "pt/<vm>/<time>-<id>/", whatever session. */
static bool same_point(const char *a, const char *b)
{
	size_t n = (size_t)(strrchr(a, '/') - a);

	return n == (size_t)(strrchr(b, '/') - b) && !strncmp(a, b, n);
}

static void compare_point(struct fixture *f, struct vault *v, const struct point_name *name)
{
	AUTO(point_free) struct point *p = NULL;
	struct error err = ERROR_INIT;
	size_t i = 0;

	while (i < f->n_points && !same_point(f->point[i].object, name->object))
		i++;
	if (i == f->n_points)
		fail_msg("%s was never committed", name->object);
	if (point_read(v, name, &p, &err) < 0)
		fail_msg("%s: %s", name->object, err.text);
	for (size_t k = 0; k < FIXTURE_DISKS; k++)
		if (f->point[i].disk[k].bytes)
			compare_disk(v, p, k, f->point[i].disk[k].bytes, f->point[i].disk[k].size);
}

size_t fixture_check(struct fixture *f)
{
	AUTO(vault_free) struct vault *v = fixture_vault(f);
	AUTO(free) struct point_name *list = NULL;
	struct error err = ERROR_INIT;
	char vm_id[VM_ID_TEXT];
	size_t n;

	assert_int_equal(vault_vm_id(v, "vm one", vm_id), 0);
	if (point_list(v, vm_id, &list, &n, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, f->n_points);
	for (size_t i = 0; i < n; i++)
		compare_point(f, v, &list[i]);
	return n;
}

void fixture_check_newest(struct fixture *f)
{
	AUTO(vault_free) struct vault *v = fixture_vault(f);
	struct point_name name;
	struct error err = ERROR_INIT;

	if (point_find(v, "vm one", "latest", &name, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(same_point(name.object, f->point[f->n_points - 1].object));
	compare_point(f, v, &name);
}

struct found { char (*row)[256]; size_t n; };

static int keep(void *arg, const struct object *o)
{
	struct found *l = arg;

	l->row = realloc(l->row, (l->n + 1) * sizeof(*l->row));
	memcpy(l->row[l->n++], o->name, sizeof(o->name));
	return 0;
}

char (*fixture_list(struct fixture *f, const char *prefix, size_t *n))[256]
{
	AUTO(store_free) struct store *st = cutstore_share(f->store);
	struct found l = { .n = 0 };

	assert_int_equal(store_list(st, prefix, keep, &l, NULL), 0);
	*n = l.n;
	return l.row;
}

static int compare_names(const void *a, const void *b)
{
	return memcmp(a, b, 2 * CHUNK_NAME_BYTES);
}

/* name | base name of each data row, appended to *all. */
static void gather(struct vault *v, const char *name, uint8_t (**all)[2 * CHUNK_NAME_BYTES], size_t *n)
{
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	AUTO(free) void *data = NULL;
	uint8_t id[SEGMENT_ID_BYTES];
	struct segment_info info;
	size_t len, n_rows;

	assert_int_equal(hex_decode(strrchr(name, '/') + 1, id, sizeof(id)), 0);
	assert_int_equal(store_get_all(vault_store(v), name, SEGMENT_STORED_MAX, &data, &len, NULL), 0);
	assert_int_equal(segment_check(data, len, id, &info, NULL), 0);
	if (info.class != SEGMENT_DATA)
		return;
	assert_int_equal(segment_table(vault_ring(v), data, len, id, &rows, &sizes, &n_rows, NULL), 0);
	*all = realloc(*all, (*n + n_rows) * sizeof(**all));
	for (size_t i = 0; i < n_rows; i++, ++*n) {
		memcpy((*all)[*n], rows[i].name, CHUNK_NAME_BYTES);
		memcpy((*all)[*n] + CHUNK_NAME_BYTES, rows[i].base, CHUNK_NAME_BYTES);
	}
}

size_t fixture_stored_twice(struct fixture *f)
{
	AUTO(vault_free) struct vault *v = fixture_vault(f);
	uint8_t (*all)[2 * CHUNK_NAME_BYTES] = NULL;
	size_t n_names, n = 0, twice = 0;
	char (*name)[256] = fixture_list(f, "seg/", &n_names);

	for (size_t i = 0; i < n_names; i++)
		gather(v, name[i], &all, &n);
	if (n)
		qsort(all, n, sizeof(*all), compare_names);
	for (size_t i = 1; i < n; i++)
		twice += !memcmp(all[i], all[i - 1], sizeof(*all));
	free(name);
	free(all);
	return twice;
}
