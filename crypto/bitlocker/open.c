/* SPDX-License-Identifier: Apache-2.0 */
/* From the container to a struct bitlocker: which metadata copy counts, and what it says. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>

static const struct fve_cipher ciphers[] = {
	{ 0x8000, SECTOR_CBC_ELEPHANT, 128, "aes-cbc-elephant-128" },
	{ 0x8001, SECTOR_CBC_ELEPHANT, 256, "aes-cbc-elephant-256" },
	{ 0x8002, SECTOR_CBC_BITLOCKER, 128, "aes-cbc-128" },
	{ 0x8003, SECTOR_CBC_BITLOCKER, 256, "aes-cbc-256" },
	{ 0x8004, SECTOR_XTS_PLAIN64, 128, "aes-xts-128" },
	{ 0x8005, SECTOR_XTS_PLAIN64, 256, "aes-xts-256" },
};

const struct fve_cipher *fve_cipher_find(uint16_t method)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		if (ciphers[i].method == method)
			return &ciphers[i];
	return NULL;
}

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

static bool same_copy(const struct fve_block *a, const struct fve_block *b)
{
	return a->hashed_len == b->hashed_len && !memcmp(a->bytes, b->bytes, a->hashed_len);
}

/* Put a good copy behind those with the same or a higher nonce counter. */
static void insert_copy(struct bitlocker *b, const struct fve_block *block)
{
	size_t at = b->n_copies++;

	for (; at > 0 && b->copy[at - 1].nonce_counter < block->nonce_counter; at--)
		b->copy[at] = b->copy[at - 1];
	b->copy[at] = *block;
	b->info.copies_valid |= 1u << block->number;
}

static int no_good_copy(int rc, const struct error *why, struct error *err)
{
	rc = error_set(err, -rc, "none of the three BitLocker metadata copies is usable: %s | %s | %s",
		       why[0].text, why[1].text, why[2].text);
	if (rc == -EBADMSG)
		error_next(err, "The image is damaged or incomplete: take it again, or repair the "
				"volume with repair-bde on Windows.");
	return rc;
}

/* An unreadable copy does not matter as long as another one is good. */
static int read_copies(struct bitlocker *b, const struct reader *r, struct error *err)
{
	struct error why[FVE_COPIES] = { ERROR_INIT };
	int rc, worst = -EBADMSG;

	for (unsigned i = 0; i < FVE_COPIES; i++) {
		struct fve_block block;

		rc = fve_block_read(r, b->boot.block_off[i], b->boot.sector_size, &block, &why[i]);
		if (rc == 0) {
			block.number = i;
			insert_copy(b, &block);
		} else if (rc != -EBADMSG) {
			worst = rc;
		}
	}
	if (!b->n_copies)
		return no_good_copy(worst, why, err);
	for (size_t i = 1; i < b->n_copies; i++)
		b->info.copies_differ |= !same_copy(&b->copy[0], &b->copy[i]);
	return 0;
}

static void take_description(struct bitlocker *b)
{
	const uint8_t *p = b->copy[0].entries;
	struct fve_entry e;

	while (fve_entry_next(&p, b->copy[0].entries_end, &e) == 1)
		if (e.type == FVE_ENTRY_DESCRIPTION && e.value == FVE_VALUE_STRING) {
			fve_utf16_to_utf8(e.data, e.len, b->info.description,
					  sizeof(b->info.description));
			return;
		}
}

static int take_protectors(struct bitlocker *b, struct error *err)
{
	const struct fve_block *c = &b->copy[0];
	const uint8_t *p = c->entries;
	struct fve_vmk v;
	size_t n = 0;
	int rc;

	while ((rc = fve_vmk_next(&p, c->entries_end, &v)) == 1)
		n++;
	if (rc < 0)
		return error_set(err, EBADMSG, "BitLocker metadata: a protector does not fit");
	b->protectors = calloc(n ? n : 1, sizeof(*b->protectors));
	if (!b->protectors)
		return error_set(err, ENOMEM, "out of memory");
	p = c->entries;
	for (size_t i = 0; i < n && fve_vmk_next(&p, c->entries_end, &v) == 1; i++) {
		b->protectors[i].kind = fve_protector_kind(v.protection);
		b->protectors[i].type = v.protection;
		fve_guid_text(v.guid, b->protectors[i].guid);
	}
	b->info.protectors = b->protectors;
	b->info.n_protectors = n;
	return 0;
}

static int take_info(struct bitlocker *b, struct error *err)
{
	const struct fve_block *c = &b->copy[0];
	const struct fve_cipher *cipher = fve_cipher_find(c->method);
	struct bitlocker_info *info = &b->info;

	fve_guid_text(c->guid, info->guid);
	info->cipher = cipher ? cipher->name : "unknown";
	info->method = c->method;
	info->sector_size = b->boot.sector_size;
	info->to_go = b->boot.to_go;
	info->state = c->state;
	info->volume_size = b->size - b->size % b->boot.sector_size;
	info->encrypted_size = c->encrypted_size;
	info->copy_used = c->number;
	take_description(b);
	if (!cipher)
		return error_set(err, ENOTSUP, "BitLocker volume with an unknown cipher (method 0x%04x)",
				 c->method);
	return take_protectors(b, err);
}

static int check_state(const struct fve_block *c, struct error *err)
{
	int rc;

	switch (c->state) {
	case FVE_PAUSED:
	case FVE_ENCRYPTED:
	case FVE_SWITCHING:
		return 0;
	case FVE_SWITCHING_DIRTY:
		rc = error_set(err, ENOTSUP, "BitLocker volume in the middle of a conversion step "
			       "(state 2): what its conversion log holds is not applied");
		error_next(err, "Let Windows finish or pause the conversion (manage-bde -pause), shut "
				"it down, and take the disk again.");
		return rc;
	case FVE_DECRYPTED:
		return error_set(err, ENOTSUP, "BitLocker volume that says it is decrypted (state 1)");
	default:
		return error_set(err, ENOTSUP, "BitLocker volume in unknown state %u", c->state);
	}
}

struct bitlocker *bitlocker_open(const struct reader *r, struct error *err)
{
	AUTO(bitlocker_free) struct bitlocker *b = calloc(1, sizeof(*b));
	uint8_t sector[512];
	int rc;

	if (!b)
		return error_null(err, ENOMEM, "out of memory");
	b->size = r->size;
	rc = reader_read(r, sector, sizeof(sector), 0);
	if (rc < 0)
		return error_null(err, -rc, "BitLocker boot sector cannot be read");
	if (fve_boot_parse(sector, &b->boot, err) < 0 || read_copies(b, r, err) < 0 ||
	    take_info(b, err) < 0 || check_state(&b->copy[0], err) < 0)
		return NULL;
	return TAKE(b);
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
