/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlocks a BitLocker container with the bare crypto module, without the image
 * stack, and writes its plaintext to stdout or, with zeros as holes, to OUT:
 *
 *	bitlocker-cat IMAGE bek|recovery|password KEYFILE [OUT]
 *	bitlocker-cat IMAGE clear [OUT]
 *	bitlocker-cat IMAGE info
 *
 * Exit codes are adebackup's: 0, 1 other, 2 usage, 12 wrong key, 13 no key,
 * 16 damaged, 17 unsupported.
 */
#include "crypto/bitlocker/bitlocker.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BUF_BYTES (1u << 20)

static int file_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(*(int *)ctx, p, len, (off_t)off);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int complain(const struct error *err)
{
	fprintf(stderr, "bitlocker-cat: %s\n", err->text);
	if (err->next[0])
		fprintf(stderr, "  next: %s\n", err->next);
	switch (err->code) {
	case EKEYREJECTED: return 12;
	case ENOKEY: return 13;
	case EBADMSG: return 16;
	case ENOTSUP: return 17;
	default: return 1;
	}
}

static struct secret *read_file(const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY);
	AUTO(secret_free) struct secret *s = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > 65536)
		return NULL;
	s = secret_new((size_t)st.st_size);
	if (!s || file_read(&fd, secret_data(s), secret_len(s), 0) < 0)
		return NULL;
	return TAKE(s);
}

static int unlock(struct bitlocker *b, const char *how, const char *what, struct volume **v,
		  struct error *err)
{
	AUTO(secret_free) struct secret *s = NULL;
	AUTO(bek_free) struct bek *bek = NULL;

	if (!strcmp(how, "clear"))
		return bitlocker_unlock_clear(b, v, err);
	s = read_file(what);
	if (!s)
		return error_set(err, ENOENT, "%s cannot be read", what);
	if (strcmp(how, "bek") && secret_len(s) && secret_bytes(s)[secret_len(s) - 1] == '\n')
		secret_truncate(s, secret_len(s) - 1);
	if (!strcmp(how, "recovery"))
		return bitlocker_unlock_recovery(b, s, v, err);
	if (!strcmp(how, "password"))
		return bitlocker_unlock_password(b, s, v, err);
	bek = bek_parse(s, err);
	return bek ? bitlocker_unlock_bek(b, bek, v, err) : -EBADMSG;
}

static int fetch(int fd, const struct volume *v, const struct crypt_extent *e, uint64_t at,
		 uint8_t *buf, size_t len)
{
	int rc;

	memset(buf, 0, len);
	if (e->kind == EXTENT_ZERO)
		return 0;
	rc = file_read(&fd, buf, len, e->src + at);
	if (rc < 0 || e->kind == EXTENT_CLEAR)
		return rc;
	return sector_decrypt(v->cipher, buf, len, e->iv + at / sector_cipher_iv_unit(v->cipher));
}

static int emit(const uint8_t *buf, size_t len, uint64_t off, int out)
{
	if (out < 0)
		return fwrite(buf, 1, len, stdout) == len ? 0 : -EIO;
	if (is_zero(buf, len))
		return 0;
	return pwrite(out, buf, len, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

static int copy_volume(int fd, const struct volume *v, int out)
{
	AUTO(secret_free) struct secret *buf = secret_new(BUF_BYTES);
	int rc = 0;

	for (size_t i = 0; i < v->n_ext; i++)
		for (uint64_t at = 0; rc == 0 && at < v->ext[i].len; at += BUF_BYTES) {
			uint64_t left = v->ext[i].len - at;
			size_t len = left < BUF_BYTES ? (size_t)left : BUF_BYTES;

			rc = fetch(fd, v, &v->ext[i], at, secret_data(buf), len);
			if (rc == 0)
				rc = emit(secret_data(buf), len, v->ext[i].off + at, out);
		}
	if (rc == 0 && out >= 0 && ftruncate(out, (off_t)v->size) < 0)
		rc = -errno;
	return rc == 0 && fflush(stdout) ? -EIO : rc;
}

static void print_info(const struct bitlocker_info *i)
{
	printf("guid %s\ndescription %s\ncipher %s\nsector %u\nto_go %d\nstate %u\nsize %llu\n"
	       "encrypted %llu\ncopy_used %u\ncopies_valid %u\ncopies_differ %d\n", i->guid,
	       i->description, i->cipher, i->sector_size, i->to_go, i->state,
	       (unsigned long long)i->volume_size, (unsigned long long)i->encrypted_size,
	       i->copy_used, i->copies_valid, i->copies_differ);
	for (size_t k = 0; k < i->n_protectors; k++)
		printf("protector %04x %s\n", i->protectors[k].type, i->protectors[k].guid);
}

static int run(int fd, uint64_t size, int argc, char **argv)
{
	struct reader r = { .read = file_read, .ctx = &fd, .size = size };
	struct error err = ERROR_INIT;
	AUTO(bitlocker_free) struct bitlocker *b = bitlocker_open(&r, &err);
	AUTO(volume_free) struct volume *v = NULL;
	AUTO(fd) int out = -1;
	bool two = strcmp(argv[2], "clear") && strcmp(argv[2], "info");
	const char *to = argc > 3 + two ? argv[3 + two] : NULL;

	if (!b || (two && argc < 4))
		return b ? 2 : complain(&err);
	if (!strcmp(argv[2], "info")) {
		print_info(bitlocker_info(b));
		return 0;
	}
	if (unlock(b, argv[2], two ? argv[3] : NULL, &v, &err) < 0)
		return complain(&err);
	if (to && (out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
		return 1;
	return copy_volume(fd, v, out) < 0;
}

int main(int argc, char **argv)
{
	AUTO(fd) int fd = -1;
	struct stat st;

	if (argc < 3 || secret_process_init() < 0) {
		fprintf(stderr, "usage: bitlocker-cat IMAGE bek|recovery|password|clear|info [KEYFILE] [OUT]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(argv[1]);
		return 1;
	}
	return run(fd, (uint64_t)st.st_size, argc, argv);
}
