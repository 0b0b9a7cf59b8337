/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LVM2 behind its checksums: the input is the start of a physical volume,
 * whose label, first area header and text checksums are mended before it is
 * read, so that the fuzzer gets past them; without a label it is the text
 * alone.
 */
#include "crypto/bytes.h"
#include "fs/image/fstype.h"
#include "fs/image/lvm.h"
#include "fs/image/lvmtext.h"
#include "fs/image/mem.h"

#include <stdlib.h>
#include <string.h>

#define PV_BYTES (1u << 20)
#define MDA 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *pv)
{
	uint8_t *label = pv + 512, *h = pv + MDA;
	uint64_t off = le64(h + 40), bytes = le64(h + 48);

	put_le32(label + 16, lvm_crc(label + 20, 492));
	if (range_fits(off, bytes, PV_BYTES - MDA))
		put_le32(h + 56, lvm_crc(h + off, (size_t)bytes));
	put_le32(h, lvm_crc(h + 4, 508));
}

static void read_all(struct blockdev *pv, const struct lvm *l)
{
	for (size_t i = 0; i < l->n_lvs && i < 64; i++) {
		AUTO(blockdev_unref) struct blockdev *lv = lvm_lv_open(blockdev_ref(pv), l, &l->lv[i], NULL);
		char last;

		if (lv && lv->size) {
			fstype_detect(lv);
			blockdev_pread(lv, &last, 1, lv->size - 1);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(blockdev_unref) struct blockdev *pv = NULL;
	AUTO(lvm_free) struct lvm *l = NULL;
	uint8_t *copy;

	if (size < 1024 || memcmp(data + 512, "LABELONE", 8)) {
		lvmtext_free(lvmtext_parse((const char *)data, size, NULL));
		return 0;
	}
	copy = calloc(1, PV_BYTES);
	memcpy(copy, data, size < PV_BYTES ? size : PV_BYTES);
	mend(copy);
	pv = mem_open(copy, PV_BYTES, NULL);
	l = pv ? lvm_read(pv, NULL) : NULL;
	if (l)
		read_all(pv, l);
	return 0;
}
