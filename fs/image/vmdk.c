/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/vmdk.h"
#include "crypto/bytes.h"

#include <stdio.h>

#define HEADS 255u
#define SECTORS 63u
#define NO_PARENT "ffffffff"
#define RESERVED_CID 0xfffffffeu	/* and NO_PARENT: no content's own */

size_t vmdk_descriptor(uint64_t raw_size, const uint8_t id[16], char text[VMDK_TEXT_MAX])
{
	uint64_t sectors = raw_size / VMDK_SECTOR;
	uint32_t cid = le32(id);
	int n;

	if (!sectors || raw_size % VMDK_SECTOR)
		return 0;
	if (cid >= RESERVED_CID)
		cid = 1;
	n = snprintf(text, VMDK_TEXT_MAX,
		     "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=" NO_PARENT "\n"
		     "createType=\"monolithicFlat\"\n\n"
		     "# Extent description\nRW %llu FLAT \"disk.raw\" 0\n\n"
		     "# The Disk Data Base\n#DDB\n\n"
		     "ddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"%llu\"\n"
		     "ddb.geometry.heads = \"%u\"\nddb.geometry.sectors = \"%u\"\n"
		     "ddb.adapterType = \"lsilogic\"\n", cid, (unsigned long long)sectors,
		     (unsigned long long)(sectors / (HEADS * SECTORS)), HEADS, SECTORS);
	return n > 0 && (size_t)n < VMDK_TEXT_MAX ? (size_t)n : 0;
}
