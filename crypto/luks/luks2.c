/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2's two binary headers: LUKS2 On-Disk Format, section 2. */
#include "crypto/luks/luks_private.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>

#define BIN_BYTES 4096u
#define HEADER_MAX (4u << 20)

struct copy {
	uint8_t *bytes;
	uint64_t size, seqid;
};

static void copy_release(struct copy *c)
{
	free(c->bytes);
}

static bool legal_size(uint64_t size)
{
	return is_power_of_two(size) && size >= 16384 && size <= HEADER_MAX;
}

static bool ended(const uint8_t *p, size_t len)
{
	return memchr(p, 0, len) != NULL;
}

/* The checksum covers the whole header with its own field as zeros. */
static int check_sum(uint8_t *h, uint64_t size)
{
	uint8_t stored[64], got[DIGEST_MAX_BYTES];
	const char *alg = (const char *)h + 72;
	size_t n;
	int rc;

	if (!ended(h + 72, 32) || !(n = digest_size(alg)))
		return -ENOTSUP;
	memcpy(stored, h + 448, 64);
	memset(h + 448, 0, 64);
	rc = digest_once(alg, (const void *[]){ h }, (size_t[]){ (size_t)size }, 1, got);
	memcpy(h + 448, stored, 64);
	if (rc < 0)
		return rc;
	return memcmp(got, stored, n) ? -EBADMSG : 0;
}

static int read_copy(const struct reader *r, uint64_t off, const char magic[6], struct copy *c)
{
	uint8_t bin[512];
	int rc = reader_read(r, bin, sizeof(bin), off);

	if (rc < 0)
		return rc;
	if (memcmp(bin, magic, 6) || be16(bin + 6) != 2)
		return -ENOENT;
	c->size = be64(bin + 8);
	c->seqid = be64(bin + 16);
	if (!legal_size(c->size) || be64(bin + 256) != off)
		return -EBADMSG;
	c->bytes = malloc((size_t)c->size);
	if (!c->bytes)
		return -ENOMEM;
	rc = reader_read(r, c->bytes, (size_t)c->size, off);
	return rc < 0 ? rc : check_sum(c->bytes, c->size);
}

static int read_secondary(const struct reader *r, uint64_t first_size, struct copy *c)
{
	if (first_size)
		return read_copy(r, first_size, "SKUL\xba\xbe", c);
	for (uint64_t at = 16384; at <= HEADER_MAX; at *= 2) {
		if (read_copy(r, at, "SKUL\xba\xbe", c) == 0 && c->size == at)
			return 0;
		free(c->bytes);
		*c = (struct copy){ 0 };
	}
	return -ENOENT;
}

static int parse_copy(const struct copy *c, struct luks *l, struct error *err)
{
	const uint8_t *h = c->bytes;
	size_t room = (size_t)c->size - BIN_BYTES, len;
	const uint8_t *end = memchr(h + BIN_BYTES, 0, room);

	if (!end || !ended(h + 24, 48) || !ended(h + 168, 40))
		return error_set(err, EBADMSG, "LUKS2 header: a text field does not end");
	len = (size_t)(end - (h + BIN_BYTES));
	if (h[BIN_BYTES] != '{' || !is_zero(end, room - len))
		return error_set(err, EBADMSG, "LUKS2 header: its JSON is damaged");
	memcpy(l->info.label, h + 24, 48);
	memcpy(l->info.uuid, h + 168, 40);
	l->info.version = 2;
	l->info.header_len = 2 * c->size;
	return luks2_parse_json((const char *)h + BIN_BYTES, len, 2 * c->size, l, err);
}

/* A copy that does not parse is a damaged copy too, when the other one does. */
static int choose(const struct copy *a, int rc_a, const struct copy *b, int rc_b, struct luks *l,
		  struct error *err)
{
	bool b_first = rc_a < 0 || (rc_b == 0 && b->seqid > a->seqid);
	const struct copy *one = b_first ? b : a, *two = b_first ? a : b;
	int rc_two = b_first ? rc_a : rc_b, rc;

	rc = parse_copy(one, l, err);
	l->info.used_secondary = b_first;
	if (rc != -EBADMSG || rc_two < 0)
		return rc;
	memset(l, 0, sizeof(*l));
	error_clear(err);
	rc = parse_copy(two, l, err);
	l->info.used_secondary = !b_first;
	return rc;
}

int luks2_parse(const struct reader *r, struct luks *l, struct error *err)
{
	__attribute__((cleanup(copy_release))) struct copy a = { 0 }, b = { 0 };
	int rc_a = read_copy(r, 0, "LUKS\xba\xbe", &a);
	int rc_b = read_secondary(r, rc_a == 0 ? a.size : 0, &b);

	if (rc_a < 0 && rc_b < 0) {
		if (rc_a == -ENOMEM || rc_a == -EIO)
			return error_set(err, -rc_a, "the LUKS2 header cannot be read");
		return error_set(err, rc_a == -ENOTSUP ? ENOTSUP : EBADMSG,
				 rc_a == -ENOTSUP ? "LUKS2 header: unknown checksum"
						  : "both LUKS2 headers are damaged");
	}
	return choose(&a, rc_a, &b, rc_b, l, err);
}
