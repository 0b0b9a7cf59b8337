/* SPDX-License-Identifier: Apache-2.0 */
/* The boot sector of a BitLocker volume. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>

/* 4967d63b-2e29-4ad8-8399-f6a339e3d001 and 92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8 as stored */
static const uint8_t id_normal[16] = { 0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
				       0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01 };
static const uint8_t id_eow[16] = { 0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d,
				    0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8 };

#define ID_OFF 0xa0u
#define ID_OFF_TO_GO 0x1a8u

static bool is_id(const uint8_t *p)
{
	return !memcmp(p, id_normal, 16) || !memcmp(p, id_eow, 16);
}

static bool is_to_go(const uint8_t *s)
{
	return !memcmp(s + 3, "MSWIN4.1", 8) && is_id(s + ID_OFF_TO_GO);
}

bool bitlocker_detect(const uint8_t *s)
{
	return !memcmp(s + 3, FVE_SIGNATURE, 8) || is_to_go(s);
}

static int check_sector_size(uint16_t stored, uint32_t *size, struct error *err)
{
	*size = stored ? stored : 512;
	if (*size != 512 && *size != 4096)
		return error_set(err, EBADMSG, "BitLocker boot sector: %u bytes per sector", *size);
	return 0;
}

int fve_boot_parse(const uint8_t s[512], struct fve_boot *boot, struct error *err)
{
	size_t id;
	int rc;

	if (!bitlocker_detect(s))
		return error_set(err, EBADMSG, "not a BitLocker boot sector");
	boot->to_go = is_to_go(s);
	id = boot->to_go ? ID_OFF_TO_GO : ID_OFF;
	if (s[0] == 0xeb && s[1] == 0x52 && !is_id(s + id)) {
		rc = error_set(err, ENOTSUP, "BitLocker volume of Windows Vista (FVE version 1)");
		error_next(err, "Open it with dislocker, or let a later Windows decrypt and encrypt it again.");
		return rc;
	}
	if (!memcmp(s + id, id_eow, 16)) {
		rc = error_set(err, ENOTSUP, "BitLocker volume with encrypt-on-write (EOW): its "
			       "conversion has not finished");
		error_next(err, "Let Windows finish the conversion (manage-bde -status) and take the "
				"disk again.");
		return rc;
	}
	if (memcmp(s + id, id_normal, 16))
		return error_set(err, ENOTSUP, "BitLocker boot sector with an unknown identifier "
				 "(neither Windows 7's nor To Go's)");
	rc = check_sector_size(le16(s + 0x0b), &boot->sector_size, err);
	if (rc < 0)
		return rc;
	for (int i = 0; i < FVE_COPIES; i++)
		boot->block_off[i] = le64(s + id + 16 + 8 * i);
	return 0;
}
