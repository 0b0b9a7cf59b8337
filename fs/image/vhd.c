/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/vhd.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

#define COOKIE "conectix"
#define NO_OFFSET UINT64_MAX
#define SECTOR 512u

bool vhd_detect(const uint8_t footer[VHD_FOOTER_BYTES])
{
	return !memcmp(footer, COOKIE, 8);
}

/* One's complement of the sum of all bytes, the checksum field as zeros. */
static uint32_t checksum(const uint8_t f[VHD_FOOTER_BYTES])
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < VHD_FOOTER_BYTES; i++)
		if (i < 64 || i >= 68)
			sum += f[i];
	return ~sum;
}

int vhd_footer_parse(const uint8_t f[VHD_FOOTER_BYTES], uint64_t image_bytes,
		     struct vhd_footer *out, struct error *err)
{
	if (!vhd_detect(f))
		return error_set(err, EBADMSG, "no VHD footer");
	if (checksum(f) != be32(f + 64))
		return error_set(err, EBADMSG, "VHD footer: bad checksum");
	out->type = be32(f + 60);
	out->disk_bytes = be64(f + 48);
	memcpy(out->creator, f + 28, 4);
	out->creator[4] = '\0';
	memcpy(out->id, f + 68, 16);
	if (out->type == VHD_FIXED &&
	    (image_bytes < VHD_FOOTER_BYTES || out->disk_bytes != image_bytes - VHD_FOOTER_BYTES)) {
		error_set(err, EBADMSG, "VHD footer says a disk of %llu bytes, the file holds %llu",
			  (unsigned long long)out->disk_bytes,
			  (unsigned long long)(image_bytes < 512 ? 0 : image_bytes - 512));
		error_next(err, "The file is cut or has grown: copy it again from where it came from.");
		return -EBADMSG;
	}
	return 0;
}

/* The appendix "CHS calculation" of the VHD specification. */
static void geometry(uint64_t bytes, uint8_t chs[4])
{
	uint64_t total = bytes / SECTOR, cyl_heads;
	uint32_t spt, heads;

	if (total > 65535ull * 16 * 255)
		total = 65535ull * 16 * 255;
	if (total >= 65535ull * 16 * 63) {
		spt = 255;
		heads = 16;
		cyl_heads = total / spt;
	} else {
		spt = 17;
		cyl_heads = total / spt;
		heads = (uint32_t)((cyl_heads + 1023) / 1024);
		if (heads < 4)
			heads = 4;
		if (cyl_heads >= (uint64_t)heads * 1024 || heads > 16) {
			spt = 31;
			heads = 16;
			cyl_heads = total / spt;
		}
		if (cyl_heads >= (uint64_t)heads * 1024) {
			spt = 63;
			heads = 16;
			cyl_heads = total / spt;
		}
	}
	put_be16(chs, (uint16_t)(cyl_heads / heads));
	chs[2] = (uint8_t)heads;
	chs[3] = (uint8_t)spt;
}

void vhd_footer_write(uint64_t disk_bytes, const uint8_t id[16], uint8_t f[VHD_FOOTER_BYTES])
{
	memset(f, 0, VHD_FOOTER_BYTES);
	memcpy(f, COOKIE, 8);
	put_be32(f + 8, 2);			/* features: the reserved bit */
	put_be32(f + 12, 0x00010000);
	put_be64(f + 16, NO_OFFSET);
	memcpy(f + 28, "win ", 4);		/* so that readers trust the size, not the geometry */
	put_be32(f + 32, 0x000a0000);
	memcpy(f + 36, "Wi2k", 4);
	put_be64(f + 40, disk_bytes);
	put_be64(f + 48, disk_bytes);
	geometry(disk_bytes, f + 56);
	put_be32(f + 60, VHD_FIXED);
	memcpy(f + 68, id, 16);
	put_be32(f + 64, checksum(f));
}

uint64_t vhd_padded_size(uint64_t size)
{
	uint64_t padded;

	if (!round_up_u64(size, VHD_ALIGN, &padded) || padded > UINT64_MAX - VHD_FOOTER_BYTES)
		return 0;
	return padded;
}

struct vhd_shell {
	struct blockdev bd;
	uint8_t footer[VHD_FOOTER_BYTES];
};

/* Three regions: lower, zeros, footer.  Returns the bytes of the one at off. */
static uint64_t region(const struct blockdev *bd, uint64_t off, int *which)
{
	uint64_t disk = bd->size - VHD_FOOTER_BYTES;

	*which = off < bd->lower->size ? 0 : off < disk ? 1 : 2;
	return (*which == 0 ? bd->lower->size : *which == 1 ? disk : bd->size) - off;
}

static int shell_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct vhd_shell *s = (const struct vhd_shell *)bd;
	uint8_t *p = buf;

	while (len) {
		int which, rc;
		uint64_t run = region(bd, off, &which);
		size_t n = run < len ? (size_t)run : len;

		if (which == 0) {
			rc = blockdev_pread(bd->lower, p, n, off);
			if (rc < 0)
				return rc;
		} else if (which == 1) {
			memset(p, 0, n);
		} else {
			memcpy(p, s->footer + (VHD_FOOTER_BYTES - run), n);
		}
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int shell_pwrite(struct blockdev *bd, const void *buf, size_t len, uint64_t off)
{
	/* Padding and footer are synthesized; only the disk itself can change. */
	if (!range_fits(off, len, bd->lower->size))
		return -ENOSPC;
	return blockdev_pwrite(bd->lower, buf, len, off);
}

static int shell_discard(struct blockdev *bd, uint64_t off, uint64_t len)
{
	if (!range_fits(off, len, bd->lower->size))
		return -ENOSPC;
	return blockdev_discard(bd->lower, off, len);
}

static int shell_flush(struct blockdev *bd)
{
	return blockdev_flush(bd->lower);
}

static int shell_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	while (len) {
		int which, rc;
		uint64_t run = region(bd, off, &which);
		uint64_t n = run < len ? run : len;

		if (which == 0)
			rc = blockdev_extents(bd->lower, off, n, fn, arg);
		else
			rc = fn(arg, off, n, which == 1 ? EXTENT_HOLE : EXTENT_DATA);
		if (rc)
			return rc;
		off += n;
		len -= n;
	}
	return 0;
}

static void shell_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	if (off >= bd->lower->size)
		return;
	if (len > bd->lower->size - off)
		len = bd->lower->size - off;
	blockdev_prefetch(bd->lower, off, len);
}

static const struct blockdev_ops shell_ops = {
	.name = "vhd", .pread = shell_pread, .pwrite = shell_pwrite, .discard = shell_discard,
	.flush = shell_flush, .extents = shell_extents, .prefetch = shell_prefetch,
};

struct blockdev *vhd_shell_open(struct blockdev *lower, const uint8_t id[16], struct error *err)
{
	struct vhd_shell *s = NULL;
	uint64_t padded;

	if (!lower)
		return NULL;
	padded = vhd_padded_size(lower->size);
	if (lower->size && !padded)
		error_set(err, EINVAL, "too large for a VHD");
	else if (!(s = calloc(1, sizeof(*s))))
		error_set(err, ENOMEM, "out of memory");
	if (!s) {
		blockdev_unref(lower);
		return NULL;
	}
	vhd_footer_write(padded, id, s->footer);
	blockdev_init(&s->bd, &shell_ops, lower, padded + VHD_FOOTER_BYTES);
	s->bd.writable = lower->writable;
	return &s->bd;
}
