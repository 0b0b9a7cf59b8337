/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_header.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MAGIC "ADEOVERL"
#define VERSION 2u
#define UNLOGGED_VERSION 1u
#define BLOCKS_PER_BYTE 4u
#define ID_OFF 32u
#define VIEW_OFF 64u
#define BASE_OFF 96u
#define MADE_OFF 352u
#define HASH_OFF 360u
#define USED (HASH_OFF + SHA256_BYTES)
#define LOG_SHARE 8u
#define LOG_LEAST (256u << 10)
#define LOG_MOST (16u << 20)

static uint64_t log_bytes(uint64_t size)
{
	uint64_t n = size / LOG_SHARE / OVERLAY_BLOCK * OVERLAY_BLOCK;

	return n < LOG_LEAST ? LOG_LEAST : n > LOG_MOST ? LOG_MOST : n;
}

int overlay_layout(const struct overlay_info *info, struct overlay_layout *out)
{
	uint64_t blocks, size = info->size;

	if (!size || size > INT64_MAX / 2)
		return -EINVAL;
	blocks = (size - 1) / OVERLAY_BLOCK + 1;
	out->map_off = OVERLAY_HEADER_BYTES;
	if (!round_up_u64((blocks - 1) / BLOCKS_PER_BYTE + 1, OVERLAY_BLOCK, &out->map_len))
		return -EINVAL;
	out->data_off = out->map_off + out->map_len;
	out->end = out->data_off + blocks * OVERLAY_BLOCK;
	out->log_off = out->end;
	out->log_len = info->logged ? log_bytes(size) : 0;
	out->file_len = out->end + out->log_len;
	return 0;
}

int overlay_header_write(const struct overlay_info *info, uint8_t *out)
{
	memset(out, 0, OVERLAY_HEADER_BYTES);
	memcpy(out, MAGIC, 8);
	put_le32(out + 8, info->logged ? VERSION : UNLOGGED_VERSION);
	put_le32(out + 12, OVERLAY_BLOCK);
	put_le64(out + 16, info->size);
	out[24] = info->plaintext;
	memcpy(out + ID_OFF, info->id, sizeof(info->id));
	memcpy(out + VIEW_OFF, info->view, strnlen(info->view, sizeof(info->view) - 1));
	memcpy(out + BASE_OFF, info->base, strnlen(info->base, sizeof(info->base) - 1));
	put_le64(out + MADE_OFF, info->made);
	return sha256(out, HASH_OFF, out + HASH_OFF);
}

static int damaged(struct error *err, const char *what)
{
	error_set(err, EBADMSG, "not an overlay, or its header is damaged: %s", what);
	error_next(err, "name another file, or restore this one from a copy");
	return -EBADMSG;
}

/* Zeros to its end, and nothing that moves a terminal's cursor. */
static bool text_is_good(const uint8_t *text, size_t room)
{
	size_t n = strnlen((const char *)text, room);

	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return n < room && is_zero(text + n, room - n);
}

static int check_form(const uint8_t *h, size_t len, struct error *err)
{
	uint8_t digest[SHA256_BYTES];
	int rc;

	if (len < OVERLAY_HEADER_BYTES)
		return damaged(err, "too short");
	if (memcmp(h, MAGIC, 8))
		return damaged(err, "no magic");
	rc = sha256(h, HASH_OFF, digest);
	if (rc)
		return error_set(err, -rc, "SHA-256 of the overlay's header failed");
	if (memcmp(digest, h + HASH_OFF, sizeof(digest)))
		return damaged(err, "wrong checksum");
	if (le32(h + 8) != VERSION && le32(h + 8) != UNLOGGED_VERSION) {
		error_set(err, ENOTSUP, "overlay of version %" PRIu32, le32(h + 8));
		error_next(err, "use a newer adebackup");
		return -ENOTSUP;
	}
	if (le32(h + 12) != OVERLAY_BLOCK || h[24] > 1 || !is_zero(h + 25, 7) ||
	    !is_zero(h + USED, OVERLAY_HEADER_BYTES - USED))
		return damaged(err, "impossible fields");
	return 0;
}

int overlay_header_read(const void *header, size_t len, struct overlay_info *out,
			struct error *err)
{
	const uint8_t *h = header;
	struct overlay_layout layout;
	int rc = check_form(h, len, err);

	if (rc)
		return rc;
	out->size = le64(h + 16);
	out->logged = le32(h + 8) == VERSION;
	if (overlay_layout(out, &layout))
		return damaged(err, "impossible size");
	if (!text_is_good(h + VIEW_OFF, sizeof(out->view)) ||
	    !text_is_good(h + BASE_OFF, sizeof(out->base)))
		return damaged(err, "impossible names");
	out->made = le64(h + MADE_OFF);
	out->plaintext = h[24];
	memcpy(out->id, h + ID_OFF, sizeof(out->id));
	memcpy(out->view, h + VIEW_OFF, sizeof(out->view));
	memcpy(out->base, h + BASE_OFF, sizeof(out->base));
	return 0;
}

static int other_base(const struct overlay_info *have, struct error *err)
{
	error_next(err, "mount what it was made over (%s of %s), or name a new overlay file",
		   have->view, have->base);
	return -EINVAL;
}

int overlay_match(const struct overlay_info *have, const struct overlay_info *want,
		  struct error *err)
{
	if (strcmp(have->view, want->view)) {
		error_set(err, EINVAL, "the overlay was made over %s, not over %s", have->view,
			  want->view);
		error_next(err, "say overlay-view=%s, or name a new overlay file", have->view);
		return -EINVAL;
	}
	if (have->size != want->size) {
		error_set(err, EINVAL, "the overlay is for a disk of %" PRIu64
			  " bytes, this one has %" PRIu64, have->size, want->size);
		return other_base(have, err);
	}
	if (have->plaintext != want->plaintext || memcmp(have->id, want->id, sizeof(want->id))) {
		error_set(err, EINVAL, "the overlay was made over another disk or point, over this "
			  "one with other bytes, or with other volumes of it opened");
		return other_base(have, err);
	}
	return 0;
}
