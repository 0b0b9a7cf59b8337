/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/volumes.h"
#include "fs/image/decrypt.h"
#include "fs/image/fstype.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int device_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	return blockdev_pread(ctx, buf, len, off);
}

struct reader reader_over(struct blockdev *bd)
{
	return (struct reader){ .read = device_read, .ctx = bd, .size = bd->size };
}

void disk_volume_release(struct disk_volume *v)
{
	blockdev_unref(v->plain);
	lvm_free(v->lvm);
	for (size_t i = 0; v->secret_url && i < v->n_protectors; i++)
		free(v->secret_url[i]);
	free(v->secret_url);
	free(v->protectors);
}

void volume_failed(struct disk_volume *v, const struct error *why)
{
	v->why = *why;
	switch (why->code) {
	case ENOKEY:
	case EKEYREJECTED:
	case ENOMEM:			/* says nothing of the disk */
		v->state = DISK_LOCKED;
		break;
	case ENOTSUP:
		v->state = DISK_UNSUPPORTED;
		break;
	default:
		v->state = DISK_DAMAGED;
	}
}

void outcome_note(struct outcome *o, int rc, const struct error *why)
{
	if (o->rc != -ENOKEY && (o->rc != -EKEYREJECTED || rc == -EKEYREJECTED))
		return;
	o->rc = rc;
	o->why = *why;
}

void volume_opened(struct disk_volume *v, struct blockdev *container, struct volume *vol,
		   const char *key_name)
{
	struct error err = ERROR_INIT;

	v->plain = decrypt_open(blockdev_ref(container), vol, &err);
	if (!v->plain) {
		volume_failed(v, &err);
		return;
	}
	v->state = DISK_OPEN;
	error_clear(&v->why);
	v->inside = fstype_detect(v->plain);
	if (!v->inside)
		v->inside = "";
	snprintf(v->opened_by, sizeof(v->opened_by), "%s", key_name);
}

static bool starts_with_zeros(struct blockdev *container)
{
	static const uint8_t zeros[4096];
	uint8_t head[4096];
	size_t n = container->size < sizeof(head) ? (size_t)container->size : sizeof(head);

	return blockdev_pread(container, head, n, 0) == 0 && !memcmp(head, zeros, n);
}

void volume_open(struct disk_volume *v, struct blockdev *container, struct unlock_context *ctx)
{
	const char *what = fstype_detect(container);

	if (!what)
		what = v->is_msr ? "msr" : starts_with_zeros(container) ? "empty" : "";
	v->what = what;
	v->inside = "";
	v->state = DISK_PLAIN;
	if (!strcmp(v->what, "bitlocker"))
		bitlocker_volume_open(v, container, ctx);
	else if (!strcmp(v->what, "luks"))
		luks_volume_open(v, container, container, ctx);
}
