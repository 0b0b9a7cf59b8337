/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A LUKS header alone, for tests:
 *	luks-cat FILE			what it is, or why it is refused ("[errno] words")
 *	luks-cat FILE KEYFILE		does the key open it? (data size: the file's)
 */
#include "crypto/luks/luks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static int file_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	ssize_t n = pread(*(int *)ctx, buf, len, (off_t)off);

	return n == (ssize_t)len ? 0 : -EIO;
}

static int try_key(const struct luks *l, const struct reader *r, const char *path, struct error *err)
{
	AUTO(secret_free) struct secret *key = secret_new(1 << 20);
	AUTO(volume_free) struct volume *v = NULL;
	AUTO(fd) int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, secret_data(key), 1 << 20);
	uint64_t data = r->size > luks_info(l)->payload_off ? r->size : luks_info(l)->payload_off + 4096;
	int rc;

	if (n < 0)
		return error_set(err, ENOENT, "no key file");
	secret_truncate(key, (size_t)n);
	rc = luks_unlock(l, r, data, key, 1ull << 30, &v, err);
	if (rc == 0)
		printf("opens\n");
	return rc;
}

int main(int argc, char **argv)
{
	AUTO(luks_free) struct luks *l = NULL;
	struct error err = ERROR_INIT;
	struct reader r = { .read = file_read };
	const struct luks_info *i;
	AUTO(fd) int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0)
		return 2;
	r.ctx = &fd;
	r.size = (uint64_t)lseek(fd, 0, SEEK_END);
	l = luks_open(&r, &err);
	if (l && argc > 2)
		try_key(l, &r, argv[2], &err);
	if (err.code || !l) {
		printf("[%d] %s\n", err.code, err.text);
		return err.code == ENOTSUP ? 3 : 1;
	}
	i = luks_info(l);
	printf("luks%d %s %u bits sector %u payload %llu slots %u uuid %s%s\n", i->version, i->cipher,
	       i->key_bits, i->sector_size, (unsigned long long)i->payload_off, i->n_slots, i->uuid,
	       i->used_secondary ? " secondary" : "");
	return 0;
}
