/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/web_changes.h"
#include "fs/backup/parent_map.h"
#include "fs/image/webdisk.h"
#include "fs/util/log.h"
#include "fs/vault/pack.h"

#include <errno.h>
#include <string.h>

#define SAMPLES 16u			/* chunks that are said not to have changed, read all the same */
#define SNAPSHOT "?snapshot="

/* What a list came to. */
struct sum { struct pagemap *map; uint64_t data; bool cleared; };

static int count(void *arg, const struct page_range *r)
{
	struct sum *s = arg;

	s->cleared |= r->clear;
	s->data += r->clear ? 0 : r->len;
	if (s->map)
		pagemap_mark(s->map, r->off, r->len);
	return 0;
}

/* "ADDRESS?snapshot=TIME" of the same blob: TIME; else NULL. */
static const char *earlier_snapshot(const char *parent, const char *address)
{
	size_t n = strcspn(address, "?");

	return strncmp(parent, address, n) || strncmp(parent + n, SNAPSHOT, strlen(SNAPSHOT)) ||
	       !strcmp(parent, address) ? NULL : parent + n + strlen(SNAPSHOT);
}

/* Is it there, and what the point before was made from? */
static int check_earlier(const char *address, const struct store_options *reach, const struct point_disk *parent,
			 struct error *why)
{
	AUTO(store_free) struct store *st = webfile_open(address, reach, why);
	const struct webfile_info *info = st ? webfile_info(st) : NULL;

	if (!info)
		return -ENOENT;
	if (info->size == parent->size && !strcmp(info->version, parent->source_version))
		return 0;
	error_set(why, ESTALE, "the earlier snapshot is not the one that the point before was made from");
	error_object(why, "%s", info->address);
	return -ESTALE;
}

/* "ADDRESS?SAS", for the header. */
static struct secret *whole_url(const struct web_previous *p)
{
	size_t n = strlen(p->address), sas = p->address_reach->sas ? secret_len(p->address_reach->sas) : 0;
	struct secret *url = secret_new(n + sas + 1);

	if (!url)
		return NULL;
	memcpy(secret_data(url), p->address, n);
	secret_data(url)[n] = '?';
	if (sas)
		memcpy(secret_data(url) + n + 1, secret_bytes(p->address_reach->sas), sas);
	return url;
}

static int fill(struct pagemap *m, struct store *file, const struct webfile_diff *since, struct error *why)
{
	uint64_t size = webfile_info(file)->size, from, to;
	struct sum diff = { .map = m }, all = { .map = NULL };
	int rc = webfile_pages(file, 0, size, since, count, &diff, why);

	if (rc == 0 && !diff.cleared && diff.data)
		rc = webfile_pages(file, 0, size, NULL, count, &all, why);
	if (rc < 0)
		return rc;
	if (!diff.cleared && diff.data && diff.data >= all.data)
		return error_set(why, ENOTSUP, "the service sent all pages when it was asked for those that changed");
	for (uint64_t off = 0; off < size; off = to) {
		pagemap_window(m, off, &from, &to);
		pagemap_take(m, off);
		pagemap_filled(m, off, true);
	}
	return 0;
}

/* Is the chunk what the parent's map says?  1 yes, 0 no. */
static int is_as_before(struct blockdev *source, struct parent_map *parent, struct packer *packer, uint8_t *buf,
			uint64_t chunk, uint32_t size)
{
	uint64_t off = chunk * size, left = source->size - off;
	uint8_t name[CHUNK_NAME_BYTES];
	struct map_entry e;
	int rc;

	memset(buf, 0, size);
	rc = blockdev_pread(source, buf, left < size ? (size_t)left : size, off);
	rc = rc ? rc : parent_map_entry(parent, chunk, &e);
	if (rc < 0)
		return rc;
	if (e.ref.kind == CHUNK_ZERO)
		return 1;		/* such a chunk is read by the backup anyhow */
	rc = packer_name(packer, buf, name);
	return rc < 0 ? rc : !chunk_is_zero(buf, size) && !memcmp(name, e.ref.name, sizeof(name));
}

/* Where the next chunk of the source is that holds data and has not changed; UINT64_MAX: none. */
struct next { struct pagemap *m; uint64_t chunk; uint32_t size; };

static int find_kept(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct next *n = arg;

	for (uint64_t c = off / n->size; type == EXTENT_DATA && c <= (off + len - 1) / n->size; c++)
		if (pagemap_is_hole(n->m, c)) {
			n->chunk = c;
			return 1;
		}
	return 0;
}

static struct packer *packer_for(struct vault *v, const char *vm_id, uint32_t size, struct error *why)
{
	uint8_t key[NAME_KEY_BYTES];
	struct packer *p = vault_name_key(v, vm_id, key) < 0 ? NULL : packer_new(key, size, why);

	wipe(key, sizeof(key));
	return p;
}

static int check_samples(struct vault *v, const char *vm_id, struct blockdev *source, const struct point_disk *disk,
			 struct pagemap *m, struct error *why)
{
	uint32_t size = disk->chunk_size;
	AUTO(parent_map_free) struct parent_map *parent = parent_map_new(vault_store(v), vault_ring(v), disk, why);
	AUTO(packer_free) struct packer *packer = parent ? packer_for(v, vm_id, size, why) : NULL;
	AUTO(free) uint8_t *buf = malloc(size);
	uint64_t step = source->size / SAMPLES + 1;
	int rc = 1;

	if (!packer || !buf)
		return -ENOMEM;
	for (uint64_t off = 0; rc == 1 && off < source->size; off += step) {
		struct next n = { m, UINT64_MAX, size };
		uint64_t len = source->size - off < step ? source->size - off : step;

		if (blockdev_extents(source, off, len, find_kept, &n) == 1)
			rc = is_as_before(source, parent, packer, buf, n.chunk, size);
	}
	if (rc == 0)
		return error_set(why, EIO, "a chunk has changed that the service's list of changes does not name");
	return rc < 0 ? error_set(why, -rc, "the list of changes cannot be checked") : 0;
}

static struct pagemap *changes_since(struct vault *v, const char *vm_id, struct blockdev *source,
				     const struct point_disk *parent,
				     const struct webfile_diff *since, struct error *why)
{
	AUTO(pagemap_free) struct pagemap *m = pagemap_new(source->size, parent->chunk_size);

	if (!m)
		return error_null(why, ENOMEM, "out of memory");
	if (fill(m, webdisk_file(source), since, why) < 0 || check_samples(v, vm_id, source, parent, m, why) < 0)
		return NULL;
	return TAKE(m);
}

struct pagemap *web_changes(struct vault *v, const char *vm_id, struct blockdev *source,
			    const struct point_disk *parent, const struct web_previous *p, struct error *why)
{
	const struct webfile_info *info = webdisk_info(source);
	AUTO(secret_free) struct secret *url = NULL;
	struct webfile_diff since = { .snapshot = NULL };

	if (!info || !info->pages || !parent || !*parent->source_version || (!p->address && !strstr(parent->source, SNAPSHOT)))
		return NULL;
	if (parent->size != source->size)
		return error_null(why, EINVAL, "the disk had another size in the point before");
	since.snapshot = p->address ? NULL : earlier_snapshot(parent->source, info->address);
	if (p->address && strcmp(p->address, parent->source))
		return error_null(why, EINVAL, "the point before was not made from %.300s", p->address);
	if (!p->address && !since.snapshot)
		return error_null(why, EINVAL, "the point before was not made from another snapshot of this blob");
	if (check_earlier(parent->source, p->address ? p->address_reach : p->reach, parent, why) < 0)
		return NULL;
	if (p->address && !(since.url = url = whole_url(p)))
		return error_null(why, ENOMEM, "out of memory");
	return changes_since(v, vm_id, source, parent, &since, why);
}
