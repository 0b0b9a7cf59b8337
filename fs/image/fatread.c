/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/fatread.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRY 32u
#define FOLDER_MAX (1u << 20)	/* bytes of a folder that we look through */
#define CLUSTER_MAX (256u << 10)
#define IS_FOLDER 0x10
#define IS_LABEL 0x08		/* volume labels and long names have it */

struct fat {
	struct blockdev *bd;
	unsigned bits;			/* 12, 16, 32 */
	uint32_t sector, cluster;	/* bytes */
	uint64_t table, root, data;	/* bytes; root: of FAT12 and FAT16 */
	uint32_t root_bytes, root_cluster;
	uint32_t clusters;
};

struct entry {
	uint8_t name[11];
	bool folder;
	uint32_t cluster, size;
};

static int fat_open(struct fat *f, struct blockdev *bd)
{
	uint8_t b[512];
	uint32_t reserved, fats, rows, total, per_fat, taken;
	int rc = bd->size < sizeof(b) ? -EBADMSG : blockdev_pread(bd, b, sizeof(b), 0);

	if (rc)
		return rc;
	*f = (struct fat){ .bd = bd, .sector = le16(b + 11) };
	f->cluster = f->sector * b[13];
	reserved = le16(b + 14);
	fats = b[16];
	rows = le16(b + 17);
	total = le16(b + 19) ? le16(b + 19) : le32(b + 32);
	per_fat = le16(b + 22) ? le16(b + 22) : le32(b + 36);
	if (le16(b + 510) != 0xaa55 || f->sector < 512 || f->sector > 4096 ||
	    f->sector & (f->sector - 1) || !b[13] || b[13] & (b[13] - 1) || f->cluster > CLUSTER_MAX ||
	    !reserved || !fats || fats > 4 || !per_fat || per_fat > (1u << 24))
		return -EBADMSG;
	f->table = (uint64_t)reserved * f->sector;
	f->root = f->table + (uint64_t)fats * per_fat * f->sector;
	f->root_bytes = (rows * ENTRY + f->sector - 1) / f->sector * f->sector;
	f->data = f->root + f->root_bytes;
	if (f->data / f->sector >= total)
		return -EBADMSG;
	taken = (uint32_t)(f->data / f->sector);
	f->clusters = (total - taken) / b[13];
	f->bits = f->clusters < 4085 ? 12 : f->clusters < 65525 ? 16 : 32;
	if (f->bits == 32)
		f->root_cluster = le32(b + 44);
	return 0;
}

/* The cluster behind this one, 0 at the end of the chain. */
static int next_cluster(const struct fat *f, uint32_t *cluster)
{
	uint64_t at = f->table + (f->bits == 12 ? *cluster + *cluster / 2 : *cluster * (f->bits / 8ull));
	uint8_t b[4] = { 0 };
	int rc = blockdev_pread(f->bd, b, f->bits == 32 ? 4 : 2, at);
	uint32_t next = f->bits == 32 ? le32(b) & 0x0fffffff : le16(b);

	if (f->bits == 12)
		next = *cluster % 2 ? next >> 4 : next & 0xfff;
	*cluster = next >= 2 && next < f->clusters + 2 ? next : 0;
	return rc;
}

typedef int entry_fn(void *arg, const struct entry *e);

/* 1: the folder ends here. */
static int walk_bytes(const struct fat *f, uint64_t off, uint32_t len, entry_fn *fn, void *arg)
{
	uint8_t b[512];

	for (uint32_t at = 0; at + sizeof(b) <= len; at += sizeof(b)) {
		int rc = blockdev_pread(f->bd, b, sizeof(b), off + at);

		if (rc)
			return rc == -EINVAL ? -EBADMSG : rc;
		for (const uint8_t *p = b; p < b + sizeof(b); p += ENTRY) {
			struct entry e = { .folder = p[11] & IS_FOLDER, .size = le32(p + 28) };

			if (!p[0])
				return 1;
			if (p[0] == 0xe5 || p[11] & IS_LABEL || p[0] == '.')
				continue;
			memcpy(e.name, p, sizeof(e.name));
			e.cluster = (f->bits == 32 ? (uint32_t)le16(p + 20) << 16 : 0) | le16(p + 26);
			rc = fn(arg, &e);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* first 0: the root.  fn's non-zero, or 0. */
static int walk_folder(const struct fat *f, uint32_t first, entry_fn *fn, void *arg)
{
	uint32_t c = first ? first : f->root_cluster, seen = 0;
	int rc = 0;

	if (!first && f->bits != 32)
		rc = walk_bytes(f, f->root, f->root_bytes, fn, arg);
	else if (c < 2 || c >= f->clusters + 2)
		return -EBADMSG;
	else
		while (!rc && c && seen < FOLDER_MAX) {
			rc = walk_bytes(f, f->data + (uint64_t)(c - 2) * f->cluster, f->cluster, fn, arg);
			if (!rc)
				rc = next_cluster(f, &c);
			seen += f->cluster;
		}
	return rc == 1 ? 0 : rc;
}

struct search {
	uint8_t name[11];
	struct entry found;
};

static int match(void *arg, const struct entry *e)
{
	struct search *s = arg;

	if (memcmp(e->name, s->name, sizeof(s->name)))
		return 0;
	s->found = *e;
	return 2;
}

/* "BOOTX64.EFI" as it stands in a folder; false: no such name can. */
static bool pad_name(const char *part, size_t len, uint8_t out[11])
{
	const char *dot = memchr(part, '.', len);
	size_t stem = dot ? (size_t)(dot - part) : len, ext = dot ? len - stem - 1 : 0;

	if (!stem || stem > 8 || ext > 3)
		return false;
	memset(out, ' ', 11);
	memcpy(out, part, stem);
	if (ext)
		memcpy(out + 8, dot + 1, ext);
	return true;
}

/* 1 and the entry, 0, or -errno. */
static int find(const struct fat *f, const char *path, struct entry *out)
{
	*out = (struct entry){ .folder = true };
	while (*path) {
		size_t len = strcspn(path, "/");
		struct search s;
		int rc;

		if (!out->folder || !pad_name(path, len, s.name))
			return 0;
		rc = walk_folder(f, out->cluster, match, &s);
		if (rc != 2)
			return rc;
		*out = s.found;
		path += len + (path[len] == '/');
	}
	return 1;
}

int fat_has_file(struct blockdev *bd, const char *path)
{
	struct fat f;
	struct entry e;
	int rc = fat_open(&f, bd);

	if (!rc)
		rc = find(&f, path, &e);
	return rc == 1 ? !e.folder && e.size : rc;
}

struct each {
	fat_folder_fn *fn;
	void *arg;
};

static int tell_folder(void *arg, const struct entry *e)
{
	const struct each *each = arg;
	char name[12];
	size_t n = 8;

	if (!e->folder || !e->cluster)
		return 0;
	while (n && e->name[n - 1] == ' ')
		n--;
	snprintf(name, sizeof(name), "%.*s", (int)n, (const char *)e->name);
	return each->fn(each->arg, name);
}

int fat_each_folder(struct blockdev *bd, const char *path, fat_folder_fn *fn, void *arg)
{
	struct each each = { .fn = fn, .arg = arg };
	struct fat f;
	struct entry e;
	int rc = fat_open(&f, bd);

	if (!rc)
		rc = find(&f, path, &e);
	if (rc != 1)
		return rc;
	return e.folder ? walk_folder(&f, e.cluster, tell_folder, &each) : 0;
}
