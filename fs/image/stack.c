/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/stack.h"
#include "fs/image/mem.h"
#include "fs/image/overlay.h"
#include "fs/image/slice.h"
#include "fs/image/splice.h"
#include "fs/image/tablepatch.h"
#include "fs/image/vhd.h"
#include "fs/image/vhdx.h"

#include <errno.h>

struct blockdev *stack_stored(struct blockdev *source, bool vhd, struct error *err)
{
	if (!source || !vhd)
		return source;
	return slice_open(source, 0, source->size - VHD_FOOTER_BYTES, err);
}

struct blockdev *stack_partition(struct blockdev *stored, uint64_t off, uint64_t len,
				 struct error *err)
{
	return slice_open(blockdev_ref(stored), off, len, err);
}

struct blockdev *stack_logical(struct blockdev *pv, const struct lvm *l, const struct lvm_lv *lv,
			       struct error *err)
{
	return lvm_lv_open(pv, l, lv, err);
}

struct blockdev *stack_overlay(struct blockdev *view, struct overlay_file *file, struct error *err)
{
	return overlay_open(view, file, err);
}

struct blockdev *stack_footed(struct blockdev *stored, struct blockdev *source, struct error *err)
{
	struct splice_piece disk = { 0, blockdev_ref(stored) };

	return splice_open(blockdev_ref(source), &disk, 1, err);
}

struct blockdev *stack_vhd(struct blockdev *view, const uint8_t id[16], struct error *err)
{
	return vhd_shell_open(view, id, err);
}

struct blockdev *stack_vhdx(struct blockdev *view, const uint8_t id[16], struct error *err)
{
	return vhdx_shell_open(view, id, err);
}

/* Room for two pieces a volume and the patched table. */
struct pieces {
	struct splice_piece *p;
	size_t n;
};

static void pieces_release(struct pieces *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		blockdev_unref(ps->p[i].dev);
	free(ps->p);
}

static int add_volume(struct pieces *ps, const struct disk_volume *v, struct error *err)
{
	if (v->header_bytes) {
		ps->p[ps->n] = (struct splice_piece){ v->start, zero_open(v->header_bytes, err) };
		if (!ps->p[ps->n].dev)
			return -ENOMEM;
		ps->n++;
	}
	ps->p[ps->n++] = (struct splice_piece){ v->start + v->header_bytes, blockdev_ref(v->plain) };
	return 0;
}

static int add_table(struct pieces *ps, struct blockdev *stored, const struct partition_table *t,
		     const struct disk_volume *vols, size_t n_vols, struct error *err)
{
	AUTO(free) struct table_move *moves = calloc(n_vols + 1, sizeof(*moves));
	size_t n = 0, n_pieces = 0;
	int rc;

	if (!moves)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_vols; i++)
		if (vols[i].plain && vols[i].n && vols[i].header_bytes)
			moves[n++] = (struct table_move){ vols[i].n, vols[i].start + vols[i].header_bytes };
	rc = table_patch(stored, t, moves, n, ps->p + ps->n, &n_pieces, err);
	ps->n += n_pieces;
	return rc;
}

struct blockdev *stack_decrypted(struct blockdev *stored, const struct partition_table *t,
				 const struct disk_volume *vols, size_t n_vols, struct error *err)
{
	__attribute__((cleanup(pieces_release))) struct pieces ps = { 0 };
	struct blockdev *whole;

	if (n_vols == 1 && vols[0].n == 0 && vols[0].plain)
		return blockdev_ref(vols[0].plain);
	ps.p = calloc(2 * n_vols + PARTITIONS_MAX + TABLE_PATCHES_MAX, sizeof(*ps.p));
	if (!ps.p)
		return error_null(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_vols; i++)
		if (vols[i].plain && add_volume(&ps, &vols[i], err) < 0)
			return NULL;
	if (add_table(&ps, stored, t, vols, n_vols, err) < 0)
		return NULL;
	if (!ps.n)
		return blockdev_ref(stored);
	whole = splice_open(blockdev_ref(stored), ps.p, ps.n, err);
	ps.n = 0;		/* taken, also on failure */
	return whole;
}
