/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_private.h"
#include "fs/util/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int broke(struct overlay *o, int rc)
{
	if (!atomic_exchange(&o->broken, true))
		log_error("overlay %s: cannot be synced (%s); it takes no more writes",
			  o->file->name, strerror(-rc));
	return rc;
}

static int sync_file(struct overlay *o)
{
	int rc;

	do
		rc = fdatasync(o->file->fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? broke(o, -errno) : 0;
}

static int void_log(struct overlay *o)
{
	int rc = o->log && overlay_log_used(o->log) ? overlay_log_void(o->log) : 0;

	return rc ? broke(o, rc) : 0;
}

/* Data and map to their places; then the log has nothing to add. */
static int flush_all(struct overlay *o)
{
	bool changed;
	int rc = overlay_map_take(o->map, &changed);

	o->owed = true;
	if (!rc) {
		rc = sync_file(o);
		if (changed && rc == 0) {
			rc = overlay_map_write(o->map, o->file->fd, o->at.map_off);
			rc = rc ? rc : sync_file(o);
		}
	}
	rc = rc ? rc : void_log(o);
	o->owed = rc;
	return rc;
}

/* No write is half done under the stripe. */
static int log_block(struct overlay *o, uint64_t block)
{
	pthread_mutex_t *stripe = overlay_stripe(o, block * OVERLAY_BLOCK);
	enum overlay_state state;
	uint8_t *to;
	uint64_t run;
	int rc = 0;

	pthread_mutex_lock(stripe);
	state = overlay_map_run(o->map, block, 1, &run);
	if (state != OVERLAY_BASE) {	/* noted, and then not written after all */
		to = overlay_log_add(o->log, block, state);
		if (state == OVERLAY_DATA)
			rc = overlay_read_file(o, to, OVERLAY_BLOCK, block * OVERLAY_BLOCK);
	}
	pthread_mutex_unlock(stripe);
	return rc;
}

static int flush_to_log(struct overlay *o, const uint64_t *block, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = log_block(o, block[i]);
	if (rc) {
		o->owed = true;		/* they are no longer noted */
		return rc;
	}
	rc = overlay_log_commit(o->log);
	return rc ? broke(o, rc) : 0;
}

static int flush_now(struct overlay *o)
{
	uint64_t block[OVERLAY_LOG_BLOCKS];
	size_t n;
	bool few = overlay_recent_take(&o->recent, block, OVERLAY_LOG_BLOCKS, &n);

	if (!o->log || !few || o->owed)
		return flush_all(o);
	if (!n)
		return 0;
	return overlay_log_begin(o->log, n) ? flush_to_log(o, block, n) : flush_all(o);
}

/* Who waited while another's flush began after his question needs none. */
int overlay_flush(struct blockdev *bd)
{
	struct overlay *o = (struct overlay *)bd;
	uint64_t ticket = atomic_fetch_add(&o->asked, 1) + 1, upto;
	int rc = 0;

	if (o->file->temporary)
		return 0;
	pthread_mutex_lock(&o->flushing);
	if (atomic_load(&o->broken)) {
		rc = -EIO;
	} else if (o->flushed < ticket) {
		upto = atomic_load(&o->asked);
		rc = flush_now(o);
		if (!rc)
			o->flushed = upto;
	}
	pthread_mutex_unlock(&o->flushing);
	return rc;
}

int overlay_flush_last(struct overlay *o)
{
	int rc = overlay_flush(&o->bd);

	if (rc || !o->log || !overlay_log_used(o->log))
		return rc;
	rc = flush_all(o);
	if (!rc)
		overlay_log_trim(o->log);
	return rc;
}
