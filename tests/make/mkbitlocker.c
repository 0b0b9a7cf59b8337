/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkbitlocker [OPTIONS] PLAIN OUT: encrypts a volume image into a BitLocker
 * volume.  The metadata goes to places where PLAIN holds zeros, so that the
 * volume's plaintext is PLAIN, byte for byte.  A fixture generator: keys follow
 * from --seed, so nothing it makes is a secret.
 */
#include "crypto/bytes.h"
#include "crypto/sector.h"
#include "tests/lib/fvewriter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUF_BYTES (1u << 20)
#define ALIGN 4096u			/* of the metadata's places: a cluster */

struct job {
	struct fvew w;
	const char *plain, *out;
	const char *bek_dir[FVEW_MAX_PROTECTORS];	/* by protector; NULL: no key file */
	bool bek_long[FVEW_MAX_PROTECTORS];
	uint32_t nonce[3];
	bool print_keys, stale, bad_crc[3], bad_signature[3], bad_hash[3];
	uint64_t size, encrypted;
	int in_fd, out_fd;
};

enum { OPT_CIPHER = 256, OPT_SECTOR, OPT_BEK, OPT_BEK_LONG, OPT_RECOVERY, OPT_PASSWORD, OPT_CLEAR,
       OPT_ENCRYPTED, OPT_STATE, OPT_NONCE, OPT_STALE, OPT_BREAK, OPT_EOW, OPT_TO_GO, OPT_SEED,
       OPT_PRINT_KEYS, OPT_HELP };

static const struct option options[] = {
	{ "cipher", 1, NULL, OPT_CIPHER }, { "sector", 1, NULL, OPT_SECTOR },
	{ "bek", 1, NULL, OPT_BEK }, { "bek-long", 1, NULL, OPT_BEK_LONG },
	{ "recovery", 1, NULL, OPT_RECOVERY }, { "password", 1, NULL, OPT_PASSWORD },
	{ "clear", 0, NULL, OPT_CLEAR }, { "encrypted-up-to", 1, NULL, OPT_ENCRYPTED },
	{ "state", 1, NULL, OPT_STATE }, { "nonce", 1, NULL, OPT_NONCE },
	{ "stale", 0, NULL, OPT_STALE }, { "break", 1, NULL, OPT_BREAK },
	{ "eow", 0, NULL, OPT_EOW }, { "to-go", 0, NULL, OPT_TO_GO }, { "seed", 1, NULL, OPT_SEED },
	{ "print-keys", 0, NULL, OPT_PRINT_KEYS }, { "help", 0, NULL, OPT_HELP }, { NULL, 0, NULL, 0 },
};

static const char usage_text[] =
"usage: mkbitlocker [OPTIONS] PLAIN OUT\n"
"  --cipher NAME          aes-xts-256 (default), aes-xts-128, aes-cbc-256, aes-cbc-128,\n"
"                         aes-cbc-elephant-256, aes-cbc-elephant-128\n"
"  --sector 512|4096\n"
"  --bek DIR              an external key; writes DIR/{GUID}.BEK of 156 bytes (repeatable)\n"
"  --bek-long DIR         the same, 180 bytes\n"
"  --recovery DIGITS      111111-222222-… (repeatable)\n"
"  --password TEXT        UTF-8\n"
"  --clear                a clear key\n"
"  --encrypted-up-to N    the rest is as it was: a paused conversion\n"
"  --state N              with it: 3 (default) or 5; 2 has a conversion log in Windows\n"
"  --nonce A,B,C          next-nonce counters of the three copies, which then differ\n"
"  --stale                with it: all but the highest copy tell a wrong encrypted size\n"
"  --break crcN|signatureN|hashN   damage copy N (1..3; repeatable)\n"
"  --eow  --to-go         kinds of boot sector\n"
"  --seed N               all keys and GUIDs follow from it (default 1)\n"
"  --print-keys           also print the keys, in hex, for tests that look for them\n"
"One protector at least.  Key files and GUIDs are printed.\n";

static int complain(const char *what)
{
	fprintf(stderr, "mkbitlocker: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	return -1;
}

static uint16_t method_of(const char *name)
{
	static const char *const names[] = { "aes-cbc-elephant-128", "aes-cbc-elephant-256",
					     "aes-cbc-128", "aes-cbc-256", "aes-xts-128",
					     "aes-xts-256" };

	for (uint16_t i = 0; i < 6; i++)
		if (!strcmp(names[i], name))
			return 0x8000 + i;
	return 0;
}

static enum sector_mode mode_of(uint16_t method)
{
	return method < 0x8002 ? SECTOR_CBC_ELEPHANT :
	       method < 0x8004 ? SECTOR_CBC_BITLOCKER : SECTOR_XTS_PLAIN64;
}

/* UTF-8 of a test, taken to be well-formed, to UTF-16LE. */
static size_t to_utf16(const char *text, uint8_t *out)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = 0;

	while (*p) {
		uint32_t c = *p++;
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (more)
			c &= 0x3fu >> more;
		while (more--)
			c = c << 6 | (*p++ & 0x3f);
		if (c > 0xffff) {
			put_le16(out + n, (uint16_t)(0xd7c0 + (c >> 10)));
			n += 2;
			c = 0xdc00 | (c & 0x3ff);
		}
		put_le16(out + n, (uint16_t)c);
		n += 2;
	}
	return n;
}

static bool parse_break(struct job *j, const char *text)
{
	static const char *const words[] = { "crc", "signature", "hash" };
	bool *flags[] = { j->bad_crc, j->bad_signature, j->bad_hash };

	for (int i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);

		if (!strncmp(text, words[i], len) && text[len] >= '1' && text[len] <= '3')
			return flags[i][text[len] - '1'] = true;
	}
	return false;
}

static bool add_external(struct job *j, const char *dir, bool long_form)
{
	j->bek_dir[j->w.n_protectors % FVEW_MAX_PROTECTORS] = dir;
	j->bek_long[j->w.n_protectors % FVEW_MAX_PROTECTORS] = long_form;
	return fvew_add_external(&j->w) != NULL;
}

static bool add_password(struct job *j, const char *text)
{
	uint8_t wide[1024];

	return strlen(text) < sizeof(wide) / 2 && fvew_add_password(&j->w, wide, to_utf16(text, wide));
}

/* Cipher, sector and seed are needed before anything is drawn from the seed. */
static bool first_pass(struct job *j, int argc, char **argv)
{
	uint16_t method = 0x8005;
	uint32_t sector = 512;
	uint64_t seed = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == OPT_CIPHER)
			method = method_of(optarg);
		else if (c == OPT_SECTOR)
			sector = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == OPT_SEED)
			seed = strtoull(optarg, NULL, 0);
		else if (c == '?' || c == OPT_HELP)
			return false;
	}
	fvew_init(&j->w, seed, method, sector);
	return method && (sector == 512 || sector == 4096);
}

static bool take_option(struct job *j, int c)
{
	switch (c) {
	case OPT_BEK: return add_external(j, optarg, false);
	case OPT_BEK_LONG: return add_external(j, optarg, true);
	case OPT_RECOVERY: return fvew_add_recovery(&j->w, optarg) != NULL;
	case OPT_PASSWORD: return add_password(j, optarg);
	case OPT_CLEAR: return fvew_add_clear(&j->w) != NULL;
	case OPT_ENCRYPTED:
		j->encrypted = strtoull(optarg, NULL, 0);
		if (j->w.state == 4)
			j->w.state = 3;
		return true;
	case OPT_STATE: return (j->w.state = (uint16_t)strtoul(optarg, NULL, 10)) > 0;
	case OPT_NONCE:
		return sscanf(optarg, "%u,%u,%u", &j->nonce[0], &j->nonce[1], &j->nonce[2]) == 3;
	case OPT_STALE: return j->stale = true;
	case OPT_BREAK: return parse_break(j, optarg);
	case OPT_EOW: return j->w.eow = true;
	case OPT_TO_GO: return j->w.to_go = true;
	case OPT_PRINT_KEYS: return j->print_keys = true;
	default: return true;
	}
}

static int parse(struct job *j, int argc, char **argv)
{
	bool ok = first_pass(j, argc, argv);
	int c;

	j->encrypted = UINT64_MAX;
	optind = 1;
	while (ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		ok = take_option(j, c);
	if (!ok || argc - optind != 2 || !j->w.n_protectors) {
		fputs(usage_text, stderr);
		return -1;
	}
	j->plain = argv[optind];
	j->out = argv[optind + 1];
	return 0;
}

static bool all_zero(int fd, uint64_t off, size_t len, uint8_t *buf)
{
	return pread(fd, buf, len, (off_t)off) == (ssize_t)len && is_zero(buf, len);
}

/* The first zeros of that length from `from` on, not before `least`. */
static uint64_t find_zeros(const struct job *j, uint64_t from, uint64_t least, size_t len, uint8_t *buf)
{
	if (from < least)
		from = least;
	for (from += -from % ALIGN; from + len <= j->size; from += ALIGN)
		if (all_zero(j->in_fd, from, len, buf))
			return from;
	return 0;
}

static int place_metadata(struct job *j, uint8_t *buf)
{
	uint64_t least = j->w.backup_len;

	for (unsigned i = 0; i < 3; i++) {
		j->w.block_off[i] = find_zeros(j, j->size / 4 * (i + 1), least, FVEW_BLOCK_BYTES, buf);
		if (!j->w.block_off[i])
			return complain("not enough zeros in the plaintext for three metadata blocks");
		least = j->w.block_off[i] + FVEW_BLOCK_BYTES;
		if (i)
			continue;
		j->w.backup_off = find_zeros(j, least, least, j->w.backup_len, buf);
		if (!j->w.backup_off)
			return complain("not enough zeros in the plaintext for the boot sectors");
		least = j->w.backup_off + j->w.backup_len;
	}
	return 0;
}

/* Plaintext [src, src + len) to dst, encrypted for that place if it lies before `encrypted`. */
static int convert(struct job *j, const struct sector_cipher *c, uint64_t src, uint64_t dst,
		   size_t len, uint8_t *buf)
{
	size_t crypt = dst >= j->encrypted ? 0 :
		       j->encrypted - dst < len ? (size_t)(j->encrypted - dst) : len;

	if (pread(j->in_fd, buf, len, (off_t)src) != (ssize_t)len)
		return complain(j->plain);
	if (sector_encrypt(c, buf, crypt, dst / j->w.sector_size) < 0)
		return complain("encryption failed");
	if (!crypt && is_zero(buf, len))
		return 0;
	return pwrite(j->out_fd, buf, len, (off_t)dst) == (ssize_t)len ? 0 : complain(j->out);
}

static int write_data(struct job *j, uint8_t *buf)
{
	AUTO(secret_free) struct secret *key = secret_new(64);
	AUTO(sector_cipher_free) struct sector_cipher *c = NULL;

	secret_truncate(key, fvew_cipher_key(&j->w, secret_data(key)));
	c = sector_cipher_new(mode_of(j->w.method), key, j->w.sector_size, j->w.sector_size, NULL);
	if (!c || ftruncate(j->out_fd, (off_t)j->size) < 0)
		return complain(j->out);
	for (uint64_t off = 0; off < j->size; off += BUF_BYTES) {
		uint64_t left = j->size - off;

		if (convert(j, c, off, off, left < BUF_BYTES ? (size_t)left : BUF_BYTES, buf) < 0)
			return -1;
	}
	return convert(j, c, 0, j->w.backup_off, (size_t)j->w.backup_len, buf);
}

static void damage(const struct job *j, unsigned i, uint8_t *block)
{
	size_t validation = (size_t)le16(block + 8) * 16;

	if (j->bad_signature[i])
		block[3] ^= 1;
	if (j->bad_crc[i])
		block[validation + 4] ^= 1;
	if (j->bad_hash[i])
		block[validation + 8 + 8 + 12 + 3] ^= 1;	/* in the datum's tag */
}

static int write_metadata(struct job *j, uint8_t *buf)
{
	char words[32];
	uint32_t best = 0;

	for (unsigned i = 0; i < 3; i++)
		if (j->nonce[i] > best)
			best = j->nonce[i];
	for (unsigned i = 0; i < 3; i++) {
		j->w.encrypted_size = j->encrypted;
		if (best) {
			snprintf(words, sizeof(words), "copy %u", i + 1);
			j->w.description = words;
			j->w.nonce_counter = j->nonce[i];
			if (j->stale && j->nonce[i] < best)
				j->w.encrypted_size = j->encrypted / 2 & ~4095ull;
		}
		fvew_block(&j->w, buf);
		damage(j, i, buf);
		if (pwrite(j->out_fd, buf, FVEW_BLOCK_BYTES, (off_t)j->w.block_off[i]) != FVEW_BLOCK_BYTES)
			return complain(j->out);
	}
	fvew_boot(&j->w, buf);
	return pwrite(j->out_fd, buf, 512, 0) == 512 ? 0 : complain(j->out);
}

static void print_hex(const char *name, const uint8_t *bytes, size_t len)
{
	printf("%s ", name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

static void print_keys(const struct job *j)
{
	print_hex("fvek", j->w.fvek, fvew_fvek_bytes(&j->w));
	print_hex("vmk", j->w.vmk, sizeof(j->w.vmk));
	for (size_t i = 0; i < j->w.n_protectors; i++)
		print_hex("protector-key", j->w.protector[i].key, sizeof(j->w.protector[i].key));
}

static int write_key_files(const struct job *j)
{
	char guid[37], path[4096];
	uint8_t bek[FVEW_BEK_MAX];

	fvew_guid_text(j->w.volume_guid, guid);
	printf("volume %s\n", guid);
	if (j->print_keys)
		print_keys(j);
	for (size_t i = 0; i < j->w.n_protectors; i++) {
		size_t len = fvew_bek(&j->w, &j->w.protector[i], j->bek_long[i], bek);
		AUTO(fd) int fd = -1;

		fvew_guid_text(j->w.protector[i].guid, guid);
		printf("protector %d %s\n", j->w.protector[i].kind, guid);
		if (!j->bek_dir[i])
			continue;
		snprintf(path, sizeof(path), "%s/%s.BEK", j->bek_dir[i], guid);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, bek, len) != (ssize_t)len)
			return complain(path);
		printf("bek %s\n", path);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct job j = { .in_fd = -1, .out_fd = -1 };
	static uint8_t buf[BUF_BYTES];
	struct stat st;

	if (parse(&j, argc, argv) < 0)
		return 2;
	j.in_fd = open(j.plain, O_RDONLY);
	if (j.in_fd < 0 || fstat(j.in_fd, &st) < 0)
		return complain(j.plain) < 0;
	j.size = (uint64_t)st.st_size;
	if (j.size % j.w.sector_size || j.size < 1u << 20)
		return complain("the plaintext must be whole sectors and at least 1 MiB") < 0;
	if (j.encrypted > j.size)
		j.encrypted = j.size;
	j.out_fd = open(j.out, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (j.out_fd < 0)
		return complain(j.out) < 0;
	if (place_metadata(&j, buf) < 0 || write_data(&j, buf) < 0 || write_metadata(&j, buf) < 0)
		return 1;
	return write_key_files(&j) < 0;
}
