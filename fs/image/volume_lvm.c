/* SPDX-License-Identifier: Apache-2.0 */
/* A volume that turns out to be an LVM physical volume. */
#include "fs/image/fstype.h"
#include "fs/image/stack.h"

#include <errno.h>
#include <string.h>

/* What a logical volume holds; one that reads badly holds nothing we know. */
static void look_inside(struct lvm_lv *lv, const struct lvm *l, struct blockdev *pv)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	const char *what;

	lv->inside = "";
	if (lv->reason[0])
		return;
	bd = stack_logical(blockdev_ref(pv), l, lv, NULL);
	what = bd ? fstype_detect(bd) : NULL;
	if (what)
		lv->inside = what;
}

void volume_read_lvm(struct disk_volume *v, struct blockdev *plain)
{
	v->lvm = lvm_read(plain, &v->lvm_why);
	for (size_t i = 0; v->lvm && i < v->lvm->n_lvs; i++)
		look_inside(&v->lvm->lv[i], v->lvm, plain);
}
