/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/lvm_private.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

#define LABEL_SECTORS 4u

static const char mda_magic[] = " LVM2 x[5A%r0N*>";

uint32_t lvm_crc(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = 0xf597a6cf;

	while (len--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

static int parse_label(const uint8_t *s, unsigned sector, struct lvm_label *out)
{
	uint32_t at = le32(s + 20);
	bool metadata = false;

	if (memcmp(s, "LABELONE", 8) || memcmp(s + 24, "LVM2 001", 8))
		return -ENOENT;
	if (le64(s + 8) != sector || lvm_crc(s + 20, LVM_SECTOR - 20) != le32(s + 16) ||
	    at < 32 || at > LVM_SECTOR - 56)
		return -EBADMSG;
	memcpy(out->id, s + at, 32);
	/* two lists of (offset, size), each closed by an offset of 0: data, then metadata */
	for (at += 40; at + 16 <= LVM_SECTOR; at += 16) {
		uint64_t off = le64(s + at);

		if (!off && metadata)
			return 0;
		if (!off)
			metadata = true;
		else if (metadata && out->n_mdas < LVM_AREAS_MAX)
			out->mda[out->n_mdas++] = off;
	}
	return -EBADMSG;
}

int lvm_label_find(struct blockdev *pv, struct lvm_label *out)
{
	int worst = -ENOENT;

	for (unsigned i = 0; i < LABEL_SECTORS && (i + 1) * LVM_SECTOR <= pv->size; i++) {
		uint8_t s[LVM_SECTOR];
		int rc = blockdev_pread(pv, s, LVM_SECTOR, i * LVM_SECTOR);

		if (rc < 0)
			return rc;
		*out = (struct lvm_label){ .n_mdas = 0 };
		rc = parse_label(s, i, out);
		if (rc == 0)
			return 0;
		if (rc == -EBADMSG)
			worst = rc;
	}
	return worst;
}

/* The text lies in a ring that begins behind the header. */
int lvm_area_text(struct blockdev *pv, uint64_t mda, char **text, size_t *len)
{
	uint8_t h[LVM_SECTOR];
	uint64_t size, off, bytes, first;
	AUTO(free) char *buf = NULL;
	int rc = range_fits(mda, LVM_SECTOR, pv->size) ? blockdev_pread(pv, h, LVM_SECTOR, mda) : -EBADMSG;

	if (rc < 0)
		return rc;
	size = le64(h + 32);
	off = le64(h + 40);
	bytes = le64(h + 48);
	if (lvm_crc(h + 4, LVM_SECTOR - 4) != le32(h) || memcmp(h + 4, mda_magic, 16) ||
	    le32(h + 20) != 1 || le64(h + 24) != mda || !range_fits(mda, size, pv->size))
		return -EBADMSG;
	if (!off || le32(h + 60) & 1)
		return -ENODATA;	/* empty, or to be ignored */
	if (size <= LVM_SECTOR || off < LVM_SECTOR || off >= size || !bytes || bytes > LVM_TEXT_MAX ||
	    bytes > size - LVM_SECTOR)
		return -EBADMSG;
	buf = malloc((size_t)bytes);
	if (!buf)
		return -ENOMEM;
	first = bytes < size - off ? bytes : size - off;
	rc = blockdev_pread(pv, buf, (size_t)first, mda + off);
	if (rc == 0)
		rc = blockdev_pread(pv, buf + first, (size_t)(bytes - first), mda + LVM_SECTOR);
	if (rc == 0 && lvm_crc(buf, (size_t)bytes) != le32(h + 56))
		rc = -EBADMSG;
	if (rc < 0)
		return rc;
	*len = (size_t)bytes;
	*text = TAKE(buf);
	return 0;
}
