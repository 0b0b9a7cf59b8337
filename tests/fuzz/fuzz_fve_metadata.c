/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One metadata block: input byte 0 picks sector size, container size and
 * whether a second, good copy exists; the rest replaces the first copy.  Its
 * checksum and, under the fixture's master key, its protected hash are made
 * right again, so that the input reaches the walk, the unlocking and the map.
 * What unlocks must be a map that holds inside the container.
 */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "tests/lib/fvevolume.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fvev volume[2];		/* sectors of 512 and 4096 */
static struct bek *bek;

static void make_volumes(void)
{
	for (int i = 0; i < 2; i++) {
		struct fvew_protector *p;
		AUTO(secret_free) struct secret *file = secret_new(FVEW_BEK_MAX);

		fvev_init(&volume[i], 0x8005, i ? 4096 : 512);
		p = fvew_add_external(&volume[i].w);
		fvew_add_clear(&volume[i].w);
		secret_truncate(file, fvew_bek(&volume[i].w, p, true, secret_data(file)));
		fvev_fill(&volume[i]);
		if (!i)
			bek = bek_parse(file, NULL);
	}
}

/* The rows themselves were checked by volume_new(); check that they decrypt. */
static void use_volume(struct volume *v, uint64_t size)
{
	uint8_t sector[4096] = { 0 };
	const struct crypt_extent *last;

	if (!v)
		return;
	last = &v->ext[v->n_ext - 1];
	if (v->size > size || last->off + last->len != v->size ||
	    sector_decrypt(v->cipher, sector, sector_cipher_size(v->cipher), last->iv) < 0)
		abort();
	volume_free(v);
}

static void unlock_all(struct bitlocker *b, uint64_t size)
{
	struct error err = ERROR_INIT;
	struct volume *v = NULL;

	if (bitlocker_unlock_bek(b, bek, &v, &err) < 0 && (v || !err.text[0]))
		abort();
	use_volume(v, size);
	v = NULL;
	if (bitlocker_unlock_clear(b, &v, &err) < 0 && (v || !err.text[0]))
		abort();
	use_volume(v, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t lengths[] = { FVEV_BYTES, 0xe0000, 0x9abcd, 0x58000 };
	struct error err = ERROR_INIT;
	struct bitlocker *b;
	struct reader r;
	struct fvev *v;
	uint8_t *block;

	if (!bek)
		make_volumes();
	if (size < 1 || size > FVEW_BLOCK_BYTES)
		return 0;
	v = &volume[data[0] & 1];
	v->mem.len = lengths[data[0] >> 1 & 3];
	block = fvev_block(v, 0);
	memset(block, 0, FVEW_BLOCK_BYTES);
	memcpy(block, data + 1, size - 1);
	fvew_reseal(&v->w, block);
	fvev_block(v, 1)[0] = data[0] & 8 ? '-' : 0;
	fvev_block(v, 2)[0] = 0;
	r = fvev_reader(v);
	b = bitlocker_open(&r, &err);
	if (!b && (!err.code || !err.text[0]))
		abort();
	if (b)
		unlock_all(b, v->mem.len);
	bitlocker_free(b);
	return 0;
}
