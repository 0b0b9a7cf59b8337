/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlock a BitLocker volume in a file and write its plaintext to stdout:
 *	bitlocker-cat IMAGE bek|recovery|password FILE
 *	bitlocker-cat IMAGE clear
 *	bitlocker-cat IMAGE info
 * A test tool on the bare crypto module, without the image stack.
 */
#include "crypto/bitlocker/bitlocker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int file_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	ssize_t n = pread(*(int *)ctx, buf, len, (off_t)off);

	return n == (ssize_t)len ? 0 : -EIO;
}

static struct secret *slurp(const char *path, int trim)
{
	FILE *f = fopen(path, "rb");
	struct secret *s = secret_new(65536);
	size_t n;

	if (!f || !s)
		return NULL;
	n = fread(secret_data(s), 1, 65536, f);
	fclose(f);
	if (trim && n && secret_bytes(s)[n - 1] == '\n')
		n--;
	secret_truncate(s, n);
	return s;
}

static int write_extent(int fd, const struct volume *v, const struct crypt_extent *e)
{
	static uint8_t buf[1 << 20];
	uint32_t unit = sector_cipher_iv_unit(v->cipher);

	for (uint64_t at = 0; at < e->len;) {
		size_t n = e->len - at < sizeof(buf) ? (size_t)(e->len - at) : sizeof(buf);

		if (e->kind == EXTENT_ZERO)
			memset(buf, 0, n);
		else if (file_read(&fd, buf, n, e->src + at) < 0)
			return -EIO;
		if (e->kind == EXTENT_CRYPT && sector_decrypt(v->cipher, buf, n, e->iv + at / unit) < 0)
			return -EIO;
		if (fwrite(buf, 1, n, stdout) != n)
			return -EIO;
		at += n;
	}
	return 0;
}

static void print_info(const struct bitlocker_info *i)
{
	printf("guid %s cipher %s sector %u state %u size %llu encrypted %llu copies %u used %u%s\n",
	       i->guid, i->cipher, i->sector_size, i->state, (unsigned long long)i->volume_size,
	       (unsigned long long)i->encrypted_size, i->copies_valid, i->copy_used,
	       i->copies_differ ? " differ" : "");
	for (size_t k = 0; k < i->n_protectors; k++)
		printf("protector %04x %s\n", i->protectors[k].type, i->protectors[k].guid);
}

static int unlock(struct bitlocker *b, const char *kind, const char *path, struct volume **v,
		  struct error *err)
{
	AUTO(secret_free) struct secret *s = NULL;
	AUTO(bek_free) struct bek *bek = NULL;

	if (!strcmp(kind, "clear"))
		return bitlocker_unlock_clear(b, v, err);
	s = path ? slurp(path, strcmp(kind, "bek") != 0) : NULL;
	if (!s)
		return error_set(err, ENOENT, "no key file");
	if (!strcmp(kind, "recovery"))
		return bitlocker_unlock_recovery(b, s, v, err);
	if (!strcmp(kind, "password"))
		return bitlocker_unlock_password(b, s, v, err);
	bek = bek_parse(s, err);
	return bek ? bitlocker_unlock_bek(b, bek, v, err) : -EBADMSG;
}

int main(int argc, char **argv)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;
	struct reader r = { .read = file_read };
	int fd, rc = 0;

	if (argc < 3 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 2;
	r.ctx = &fd;
	r.size = (uint64_t)lseek(fd, 0, SEEK_END);
	b = bitlocker_open(&r, &err);
	if (b && !strcmp(argv[2], "info")) {
		print_info(bitlocker_info(b));
		return 0;
	}
	if (b)
		rc = unlock(b, argv[2], argc > 3 ? argv[3] : NULL, &v, &err);
	if (!b || rc < 0) {
		fprintf(stderr, "%s [%s] %s\n", err.text, strerror(err.code), err.next);
		return 1;
	}
	for (size_t i = 0; i < v->n_ext && rc == 0; i++)
		rc = write_extent(fd, v, &v->ext[i]);
	return rc ? 1 : 0;
}
