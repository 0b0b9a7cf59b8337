/* SPDX-License-Identifier: Apache-2.0 */
/* External key files (.BEK): section "BitLocker External Key (BEK) file". */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>

#define BEK_MAX 4096u

bool bek_detect(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	return len >= FVE_DATASET_HEADER && len <= BEK_MAX && le32(p) == len && le32(p + 4) == 1 &&
	       le32(p + 8) == FVE_DATASET_HEADER && le32(p + 12) == len;
}

void bek_free(struct bek *k)
{
	if (!k)
		return;
	secret_free(k->key);
	free(k);
}

/* Properties of the external key entry: the key, and in newer files the GUID
 * of the volume that it was made for. */
static int parse_properties(const uint8_t *p, const uint8_t *end, struct bek *k)
{
	struct fve_entry e;
	int rc;

	while ((rc = fve_entry_next(&p, end, &e)) == 1) {
		if (e.type == FVE_ENTRY_VOLUME_GUID && e.value == FVE_VALUE_GUID && e.len >= 16)
			fve_guid_text(e.data, k->volume_guid);
		if (e.value == FVE_VALUE_KEY && e.len == 4 + 32 && !k->key) {
			k->key = secret_copy(e.data + 4, 32);
			if (!k->key)
				return -ENOMEM;
		}
	}
	return rc;
}

struct bek *bek_parse(const struct secret *file, struct error *err)
{
	AUTO(bek_free) struct bek *k = calloc(1, sizeof(*k));
	const uint8_t *buf = secret_bytes(file), *end = buf + secret_len(file);
	const uint8_t *p = buf + FVE_DATASET_HEADER;
	struct fve_entry e;
	int rc;

	if (!k)
		return error_null(err, ENOMEM, "out of memory");
	if (!bek_detect(buf, secret_len(file)))
		return error_null(err, EBADMSG, "not a BEK file (%zu bytes)", secret_len(file));
	fve_guid_text(buf + 0x10, k->guid);
	while ((rc = fve_entry_next(&p, end, &e)) == 1)
		if (e.type == FVE_ENTRY_STARTUP_KEY && e.value == FVE_VALUE_EXTERNAL_KEY && e.len >= 24)
			break;
	if (rc == 1)
		rc = parse_properties(e.data + 24, e.data + e.len, k);
	if (rc == -ENOMEM)
		return error_null(err, ENOMEM, "out of memory");
	if (rc < 0 || !k->key)
		return error_null(err, EBADMSG, "damaged BEK file: %s",
				  rc < 0 ? "an entry does not fit" : "it holds no key");
	return TAKE(k);
}
