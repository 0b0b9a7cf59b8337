/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files (.BEK): a dataset header and one external-key entry, whose nested
 * entries hold the key and, since Windows 11, the volume's GUID.  Entries are
 * walked, never found by a fixed offset.
 */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>

#define EXTERNAL_KEY_HEADER 24u		/* GUID, FILETIME */

bool bek_detect(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	return len >= FVE_DATASET_HEADER + FVE_ENTRY_HEADER + EXTERNAL_KEY_HEADER &&
	       le32(p) >= FVE_DATASET_HEADER && le32(p) <= len && le32(p + 4) == 1 &&
	       le32(p + 8) == FVE_DATASET_HEADER && le32(p + 12) == le32(p);
}

static int damaged(struct error *err, const char *what)
{
	int rc = error_set(err, EBADMSG, "key file: %s", what);

	error_next(err, "Get the .BEK file again from Key Vault or from the BEK VOLUME disk.");
	return rc;
}

static int take_nested(struct bek *k, const uint8_t *p, const uint8_t *end, struct error *err)
{
	struct fve_entry e;
	int rc;

	while ((rc = fve_entry_next(&p, end, &e)) == 1) {
		if (e.value == FVE_VALUE_GUID && e.type == FVE_ENTRY_VOLUME_GUID && e.len >= 16)
			fve_guid_text(e.data, k->volume_guid);
		if (e.value != FVE_VALUE_KEY || k->key)
			continue;
		if (e.len != 4 + FVE_KEY_BYTES)
			return damaged(err, "its key does not have 256 bits");
		k->key = secret_copy(e.data + 4, FVE_KEY_BYTES);
		if (!k->key)
			return error_set(err, ENOMEM, "out of memory");
	}
	if (rc < 0)
		return damaged(err, "a nested entry does not fit");
	return k->key ? 0 : damaged(err, "no key in it");
}

struct bek *bek_parse(const struct secret *file, struct error *err)
{
	AUTO(bek_free) struct bek *k = calloc(1, sizeof(*k));
	const uint8_t *p = secret_bytes(file), *end;
	struct fve_entry e;
	int rc;

	if (!k)
		return error_null(err, ENOMEM, "out of memory");
	if (!bek_detect(p, secret_len(file))) {
		damaged(err, "not a BitLocker key file (.BEK), or cut short");
		return NULL;
	}
	end = p + le32(p);
	p += FVE_DATASET_HEADER;
	while ((rc = fve_entry_next(&p, end, &e)) == 1) {
		if (e.value != FVE_VALUE_EXTERNAL_KEY || e.len < EXTERNAL_KEY_HEADER)
			continue;
		fve_guid_text(e.data, k->guid);
		if (take_nested(k, e.data + EXTERNAL_KEY_HEADER, e.data + e.len, err) < 0)
			return NULL;
		return TAKE(k);
	}
	damaged(err, rc < 0 ? "an entry does not fit" : "no external key in it");
	return NULL;
}

void bek_free(struct bek *k)
{
	if (!k)
		return;
	secret_free(k->key);
	free(k);
}
