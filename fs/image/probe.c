/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/probe.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

#define HEAD_BYTES 512u

static int refuse(struct error *err, const char *name, const char *what, const char *qemu)
{
	error_set(err, ENOTSUP, "this is a %s image, not a raw disk or fixed VHD", what);
	error_next(err, "Make it usable with: qemu-img convert -f %s -O raw %s %s.raw", qemu, name, name);
	error_object(err, "%s", name);
	return -ENOTSUP;
}

static const struct {
	size_t off;
	const char *magic;
	size_t len;
	const char *what, *qemu;
} formats[] = {
	{ 0, "vhdxfile", 8, "VHDX", "vhdx" },
	{ 0, "QFI\xfb", 4, "qcow2", "qcow2" },
	{ 0, "KDMV", 4, "VMDK", "vmdk" },
	{ 0, "COWD", 4, "VMDK", "vmdk" },
	{ 0, "# Disk DescriptorFile", 21, "VMDK", "vmdk" },
	{ 64, "\x7f\x10\xda\xbe", 4, "VDI", "vdi" },
};

static int check_head(const uint8_t *head, size_t len, const char *name, struct error *err)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (formats[i].off + formats[i].len <= len &&
		    !memcmp(head + formats[i].off, formats[i].magic, formats[i].len))
			return refuse(err, name, formats[i].what, formats[i].qemu);
	return 0;
}

/* A dynamic VHD begins with a copy of its footer. */
static int check_vhd(const uint8_t *head, const uint8_t *tail, uint64_t size, const char *name,
		     enum image_format *format, struct vhd_footer *vhd, struct error *err)
{
	struct vhd_footer copy;
	int rc;

	if (vhd_detect(head) && vhd_footer_parse(head, size, &copy, NULL) == 0 &&
	    copy.type != VHD_FIXED)
		return refuse(err, name, copy.type == VHD_DIFFERENCING ? "differencing VHD"
								       : "dynamic VHD", "vpc");
	if (!vhd_detect(tail))
		return 0;
	rc = vhd_footer_parse(tail, size, vhd, err);
	if (rc < 0) {
		error_next(err, "Copy the VHD again from where it came from; if only its footer is wrong, cut "
			   "the last 512 bytes off a copy and use that as a raw image.");
		error_object(err, "%s", name);
		return rc;
	}
	if (vhd->type != VHD_FIXED)
		return refuse(err, name, vhd->type == VHD_DIFFERENCING ? "differencing VHD"
								       : "dynamic VHD", "vpc");
	*format = IMAGE_VHD_FIXED;
	return 0;
}

int image_probe(struct blockdev *bd, const char *name, enum image_format *format,
		struct vhd_footer *vhd, struct error *err)
{
	uint8_t head[HEAD_BYTES] = { 0 }, tail[VHD_FOOTER_BYTES] = { 0 };
	size_t n = bd->size < HEAD_BYTES ? (size_t)bd->size : HEAD_BYTES;
	int rc;

	*format = IMAGE_RAW;
	if (bd->size == 0) {
		error_set(err, EINVAL, "not a disk: the file is empty");
		error_next(err, "Name a raw disk image, a fixed VHD or a block device.");
		error_object(err, "%s", name);
		return -EINVAL;
	}
	rc = blockdev_pread(bd, head, n, 0);
	if (rc == 0 && bd->size > VHD_FOOTER_BYTES)
		rc = blockdev_pread(bd, tail, VHD_FOOTER_BYTES, bd->size - VHD_FOOTER_BYTES);
	if (rc < 0) {
		error_set(err, -rc, "cannot read it: %s", strerror(-rc));
		error_object(err, "%s", name);
		return rc;
	}
	rc = check_head(head, n, name, err);
	return rc < 0 ? rc : check_vhd(head, tail, bd->size, name, format, vhd, err);
}
