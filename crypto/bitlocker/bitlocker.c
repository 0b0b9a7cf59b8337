/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: boot sector, the three copies, what they say. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>

enum bitlocker_protector_kind fve_protector_kind(uint16_t protection)
{
	switch (protection) {
	case 0x0000: return BITLOCKER_CLEAR_KEY;
	case 0x0100: return BITLOCKER_TPM;
	case 0x0200: return BITLOCKER_EXTERNAL_KEY;
	case 0x0400:
	case 0x0500: return BITLOCKER_TPM_PIN;
	case 0x0800: return BITLOCKER_RECOVERY_PASSWORD;
	case 0x1000: return BITLOCKER_SMART_CARD;
	case 0x2000: return BITLOCKER_PASSWORD;
	default: return BITLOCKER_OTHER;
	}
}

static const char *cipher_name(uint16_t method)
{
	static const char *const names[] = {
		"aes-cbc-elephant-128", "aes-cbc-elephant-256", "aes-cbc-128", "aes-cbc-256",
		"aes-xts-128", "aes-xts-256",
	};

	return method >= 0x8000 && method <= 0x8005 ? names[method - 0x8000] : "unknown";
}

void bitlocker_free(struct bitlocker *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_copies; i++)
		fve_block_release(&b->copy[i]);
	free(b->protectors);
	free(b);
}

const struct bitlocker_info *bitlocker_info(const struct bitlocker *b)
{
	return &b->info;
}

/* Good copies in the order of their offsets; then the one with the highest
 * nonce counter to the front when they differ. */
static int read_copies(struct bitlocker *b, const struct reader *r, struct error *err)
{
	struct error why = ERROR_INIT, first = ERROR_INIT;
	size_t best = 0;

	for (unsigned i = 0; i < FVE_COPIES; i++) {
		struct fve_block *c = &b->copy[b->n_copies];
		int rc = fve_block_read(r, b->boot.block_off[i], b->boot.sector_size, c, &why);

		if (rc == 0) {
			if (c->nonce_counter > b->copy[best].nonce_counter)
				best = b->n_copies;
			if (best == b->n_copies)
				b->info.copy_used = i;
			b->info.copies_valid |= 1u << i;
			b->n_copies++;
		} else if (!first.code) {
			first = why;
		}
	}
	if (!b->n_copies) {
		error_copy(err, &first);
		return error_prefix(err, -first.code, "none of the three BitLocker metadata copies is good; "
				    "the first");
	}
	for (size_t i = 1; i < b->n_copies; i++)
		b->info.copies_differ |= b->copy[i].hashed_len != b->copy[0].hashed_len ||
			memcmp(b->copy[i].bytes + FVE_BLOCK_HEADER, b->copy[0].bytes + FVE_BLOCK_HEADER,
			       b->copy[0].hashed_len - FVE_BLOCK_HEADER) != 0;
	if (best) {
		struct fve_block t = b->copy[best];

		memmove(&b->copy[1], &b->copy[0], best * sizeof(t));
		b->copy[0] = t;
	}
	return 0;
}

/* UTF-16LE to UTF-8 for people; what is no text ends it. */
static void text_from_utf16(const uint8_t *p, size_t len, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i + 1 < len && at + 5 < size; i += 2) {
		uint32_t cp = le16(p + i);

		if (cp >= 0xd800 && cp < 0xdc00 && i + 3 < len) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + ((le16(p + i + 2) - 0xdc00u) & 0x3ff);
			i += 2;
		}
		if (!cp || (cp >= 0xd800 && cp < 0xe000))
			break;
		if (cp < 0x80) {
			out[at++] = (char)(cp < 0x20 ? '?' : cp);
		} else if (cp < 0x800) {
			out[at++] = (char)(0xc0 | cp >> 6);
			out[at++] = (char)(0x80 | (cp & 0x3f));
		} else if (cp < 0x10000) {
			out[at++] = (char)(0xe0 | cp >> 12);
			out[at++] = (char)(0x80 | (cp >> 6 & 0x3f));
			out[at++] = (char)(0x80 | (cp & 0x3f));
		} else {
			out[at++] = (char)(0xf0 | cp >> 18);
			out[at++] = (char)(0x80 | (cp >> 12 & 0x3f));
			out[at++] = (char)(0x80 | (cp >> 6 & 0x3f));
			out[at++] = (char)(0x80 | (cp & 0x3f));
		}
	}
	out[at] = '\0';
}

static int read_protectors(struct bitlocker *b, struct error *err)
{
	const struct fve_block *c = &b->copy[0];
	const uint8_t *p = c->entries;
	struct fve_vmk v;
	size_t n = 0;
	int rc;

	while ((rc = fve_vmk_next(&p, c->entries_end, &v)) == 1)
		n++;
	if (rc < 0)
		return error_set(err, EBADMSG, "FVE metadata: an entry does not fit");
	b->protectors = calloc(n ? n : 1, sizeof(*b->protectors));
	if (!b->protectors)
		return error_set(err, ENOMEM, "out of memory");
	for (p = c->entries; b->info.n_protectors < n && fve_vmk_next(&p, c->entries_end, &v) == 1;) {
		struct bitlocker_protector *to = &b->protectors[b->info.n_protectors++];

		to->kind = fve_protector_kind(v.protection);
		to->type = v.protection;
		fve_guid_text(v.guid, to->guid);
	}
	b->info.protectors = b->protectors;
	return 0;
}

static void fill_info(struct bitlocker *b, uint64_t volume_size)
{
	const struct fve_block *c = &b->copy[0];
	const uint8_t *p = c->entries;
	struct fve_entry e;

	fve_guid_text(c->guid, b->info.guid);
	b->info.method = c->method;
	b->info.cipher = cipher_name(c->method);
	b->info.sector_size = b->boot.sector_size;
	b->info.to_go = b->boot.to_go;
	b->info.state = c->state;
	b->info.volume_size = volume_size;
	b->info.encrypted_size = c->encrypted_size;
	while (fve_entry_next(&p, c->entries_end, &e) == 1)
		if (e.type == FVE_ENTRY_DESCRIPTION && e.value == FVE_VALUE_STRING)
			text_from_utf16(e.data, e.len, b->info.description, sizeof(b->info.description));
}

struct bitlocker *bitlocker_open(const struct reader *r, struct error *err)
{
	AUTO(bitlocker_free) struct bitlocker *b = calloc(1, sizeof(*b));
	uint8_t sector[512];
	int rc;

	if (!b)
		return error_null(err, ENOMEM, "out of memory");
	rc = reader_read(r, sector, sizeof(sector), 0);
	if (rc < 0)
		return error_null(err, -rc, "the volume's first sector cannot be read");
	if (fve_boot_parse(sector, &b->boot, err) < 0 || read_copies(b, r, err) < 0 ||
	    read_protectors(b, err) < 0)
		return NULL;
	fill_info(b, r->size - r->size % b->boot.sector_size);
	if (b->info.state == 2 || b->info.state == 5) {
		error_set(err, ENOTSUP, "BitLocker volume in the middle of a conversion step (state %u)",
			  b->info.state);
		error_next(err, "Let Windows attach the volume once and pause or finish the conversion.");
		return NULL;
	}
	return TAKE(b);
}
