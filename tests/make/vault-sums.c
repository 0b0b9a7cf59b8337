/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every disk of every point of a vault reads as:
 *	vault-sums VAULT KEYFILE
 * prints "MANIFEST DISK SHA256" for each; fails at the first that cannot be read.
 */
#include "crypto/hash.h"
#include "fs/image/point_disk.h"

#include <stdio.h>
#include <string.h>

static int print_disk(struct vault *v, const char *object, const struct point *p, const struct point_disk *d,
		      struct chunk_cache *cache, struct error *err)
{
	static uint8_t buf[1 << 20], sum[SHA256_BYTES];
	AUTO(blockdev_unref) struct blockdev *bd = point_disk_new(v, p, d, cache, err);
	AUTO(sha256_free) struct sha256 *h = sha256_new();
	char text[2 * SHA256_BYTES + 1];
	int rc = bd && h ? 0 : -1;

	for (uint64_t off = 0; rc == 0 && off < bd->size; off += sizeof(buf)) {
		size_t n = bd->size - off < sizeof(buf) ? (size_t)(bd->size - off) : sizeof(buf);

		rc = blockdev_pread(bd, buf, n, off);
		if (rc < 0)
			return error_set(err, -rc, "disk %s cannot be read at %llu", d->name,
					 (unsigned long long)off);
		rc = sha256_update(h, buf, n);
	}
	if (rc == 0 && (rc = sha256_final(h, sum)) == 0) {
		hex_encode(sum, sizeof(sum), text);
		printf("%s %s %s\n", object, d->name, text);
	}
	return rc;
}

static int print_point(struct vault *v, const struct point_name *name, struct chunk_cache *cache,
		       struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	int rc = point_read(v, name, &p, err);

	for (size_t i = 0; rc == 0 && i < p->n_disks; i++)
		rc = print_disk(v, name->object, p, &p->disk[i], cache, err);
	if (rc < 0)
		fprintf(stderr, "%s: %s: %s\n", name->object, err->object, err->text);
	return rc;
}

int main(int argc, char **argv)
{
	AUTO(secret_free) struct secret *key = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	AUTO(chunk_cache_free) struct chunk_cache *cache = NULL;
	AUTO(free) struct point_name *list = NULL;
	struct error err = ERROR_INIT;
	struct slot_secret s = { .kind = SLOT_KEY_FILE };
	size_t n = 0;
	int rc;

	if (argc != 3)
		return 2;
	rc = slot_key_file_read(argv[2], &key, &err);
	s.bytes = key;
	if (rc == 0)
		v = vault_open(store_open(argv[1], false, &err), &s, &err);
	cache = chunk_cache_new(0, &err);
	rc = v && cache ? point_list(v, NULL, &list, &n, &err) : -1;
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = print_point(v, &list[i], cache, &err);
	return rc < 0;
}
