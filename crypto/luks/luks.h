/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS1 and LUKS2 headers: parse, say what they are, unlock with a key file's
 * bytes into a struct volume.  The header may lie in front of the data or
 * elsewhere (detached, as on the OS disk of an ADE Linux VM).
 * Format: LUKS1 On-Disk Format 1.2.3; LUKS2 On-Disk Format Specification.
 */
#ifndef ADE_CRYPTO_LUKS_H
#define ADE_CRYPTO_LUKS_H

#include "crypto/volume.h"

#include <stdbool.h>

struct luks_info {
	int version;			/* 1 or 2 */
	char uuid[41];
	char label[49];			/* LUKS2; may be empty */
	char cipher[72];		/* "aes-xts-plain64" */
	unsigned key_bits;		/* of the volume key */
	uint32_t sector_size;
	uint64_t payload_off;		/* bytes; 0 is usual for detached headers */
	uint64_t payload_len;		/* bytes; 0: to the end of the data device */
	uint64_t header_len;		/* bytes that header and key slots span */
	unsigned n_slots;		/* key slots that a passphrase may open */
	bool used_secondary;		/* LUKS2: the first header was damaged or older */
	unsigned long long max_slot_memory;	/* bytes, largest that a slot's KDF asks for */
};

struct luks;

/* Do these first bytes (at least 8) begin a LUKS header?  Of the secondary LUKS2 copy: no. */
bool luks_detect(const uint8_t *buf, size_t len);

/* header: the header's own space (the start of the container, or the header
 * file); borrowed during the call only.
 * NULL: ENOTSUP (unknown version, cipher, KDF; integrity; reencryption under way: by name),
 * EBADMSG (damaged), codes of the reader. */
struct luks *luks_open(const struct reader *header, struct error *err);
void luks_free(struct luks *l);
const struct luks_info *luks_info(const struct luks *l);	/* borrowed */

/* Try the key file's bytes, as they are, on every usable slot.
 * header: as at open.  data_size: bytes of the device that holds the payload
 * (the container; for a detached header the data partition).  The volume's
 * extents are relative to the start of that device.
 * max_kdf_memory: bytes; a slot that asks for more is refused with -ENOTSUP
 * and a text that names the option.
 * 0, -EKEYREJECTED (no slot opens), -EBADMSG (damaged, or data_size cannot hold the payload),
 * -ENOTSUP, -ENOMEM. */
int luks_unlock(const struct luks *l, const struct reader *header, uint64_t data_size,
		const struct secret *key, uint64_t max_kdf_memory,
		struct volume **out, struct error *err);

DEFINE_CLEANUP(struct luks *, luks_free);

#endif
