/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_log.h"
#include "fs/image/overlay_record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#define AHEAD (256u << 10)		/* space is asked for in such steps */

struct overlay_log {
	int fd;
	uint64_t off, len;		/* the region */
	uint64_t end;			/* of the last record in it */
	uint64_t have;			/* space that is ours for sure */
	bool used;
	struct overlay_record_id id;	/* of the next record */
	uint8_t *buf;			/* the record that is being made */
	size_t entries, bytes;
};

struct overlay_log *overlay_log_new(int fd, const struct overlay_layout *at, struct error *err)
{
	AUTO(overlay_log_free) struct overlay_log *l = calloc(1, sizeof(*l));

	if (l)
		l->buf = malloc(OVERLAY_RECORD_MAX);
	if (!l || !l->buf)
		return error_null(err, ENOMEM, "out of memory for the overlay's log");
	l->fd = fd;
	l->off = at->log_off;
	l->len = at->log_len;
	return TAKE(l);
}

void overlay_log_free(struct overlay_log *l)
{
	if (!l)
		return;
	free(l->buf);
	free(l);
}

/* A disk that is full says so here, where nothing is lost yet. */
static bool has_space(struct overlay_log *l, uint64_t end)
{
	uint64_t upto = (end + AHEAD - 1) / AHEAD * AHEAD;

	if (end <= l->have)
		return true;
	if (upto > l->len)
		upto = l->len;
	if (fallocate(l->fd, FALLOC_FL_KEEP_SIZE, (off_t)(l->off + l->have), (off_t)(upto - l->have)) < 0 &&
	    errno != EOPNOTSUPP)
		return false;
	l->have = upto;
	return true;
}

bool overlay_log_begin(struct overlay_log *l, size_t n)
{
	uint64_t most = (n + 1) * (uint64_t)OVERLAY_BLOCK;

	if (n > OVERLAY_LOG_BLOCKS || most > l->len - l->end || !has_space(l, l->end + most))
		return false;
	if (!l->end) {
		l->id.number = 0;
		if (getrandom(l->id.lap, sizeof(l->id.lap), 0) != sizeof(l->id.lap))
			return false;
	}
	memset(l->buf, 0, OVERLAY_BLOCK);
	l->entries = 0;
	l->bytes = OVERLAY_BLOCK;
	return true;
}

uint8_t *overlay_log_add(struct overlay_log *l, uint64_t block, enum overlay_state state)
{
	uint8_t *data = l->buf + l->bytes;

	overlay_record_set(l->buf, l->entries++, block, state);
	if (state == OVERLAY_DATA)
		l->bytes += OVERLAY_BLOCK;
	return data;
}

static int write_synced(struct overlay_log *l, const uint8_t *buf, size_t len, uint64_t off)
{
	while (len) {
		struct iovec all = { (void *)(uintptr_t)buf, len };
		ssize_t n = pwritev2(l->fd, &all, 1, (off_t)(l->off + off), RWF_DSYNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int overlay_log_commit(struct overlay_log *l)
{
	int rc = overlay_record_seal(l->buf, l->bytes, l->entries, &l->id);

	if (rc)
		return rc;
	l->used = true;		/* also if it fails: it may be there all the same */
	rc = write_synced(l, l->buf, l->bytes, l->end);
	if (rc)
		return rc;
	l->end += l->bytes;
	l->id.number++;
	return 0;
}

int overlay_log_void(struct overlay_log *l)
{
	int rc;

	memset(l->buf, 0, OVERLAY_BLOCK);
	rc = write_synced(l, l->buf, OVERLAY_BLOCK, 0);
	if (rc)
		return rc;
	l->end = 0;
	l->used = false;
	return 0;
}

bool overlay_log_used(const struct overlay_log *l)
{
	return l->used;
}

void overlay_log_trim(struct overlay_log *l)
{
	if (fallocate(l->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)l->off, (off_t)l->len) == 0)
		l->have = 0;
}
