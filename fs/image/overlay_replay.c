/* SPDX-License-Identifier: Apache-2.0 */
/* An overlay's log, read again after a crash. */
#include "crypto/bytes.h"
#include "fs/image/overlay_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct replay {
	int fd;
	const struct overlay_layout *at;
	struct overlay_map *map;
	bool place;
	uint8_t *rec;
};

static int read_region(const struct replay *r, uint8_t *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(r->fd, buf, len, (off_t)(r->at->log_off + off));

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

/* The record at off, which must be the one after *id.  1, 0: there is none, or
 * -errno. */
static int next_record(const struct replay *r, uint64_t off, struct overlay_record_id *id, size_t *len)
{
	struct overlay_record_id is;
	int rc;

	if (r->at->log_len - off < OVERLAY_BLOCK)
		return 0;
	rc = read_region(r, r->rec, OVERLAY_BLOCK, off);
	if (rc)
		return rc;
	*len = overlay_record_size(r->rec, &is);
	if (!*len || *len > r->at->log_len - off || is.number != id->number ||
	    (off && memcmp(is.lap, id->lap, sizeof(is.lap))))
		return 0;
	rc = read_region(r, r->rec + OVERLAY_BLOCK, *len - OVERLAY_BLOCK, off + OVERLAY_BLOCK);
	rc = rc ? rc : overlay_record_whole(r->rec, *len);
	memcpy(id->lap, is.lap, sizeof(id->lap));
	id->number++;
	return rc;
}

static int write_block(const struct replay *r, uint64_t block, const uint8_t *data)
{
	size_t done = 0;

	while (done < OVERLAY_BLOCK) {
		uint64_t to = r->at->data_off + block * OVERLAY_BLOCK + done;
		ssize_t n = pwrite(r->fd, data + done, OVERLAY_BLOCK - done, (off_t)to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int apply(const struct replay *r)
{
	uint64_t blocks = (r->at->end - r->at->data_off) / OVERLAY_BLOCK;
	const uint8_t *data = r->rec + OVERLAY_BLOCK;
	int rc = 0;

	for (size_t i = 0; i < overlay_record_entries(r->rec) && !rc; i++) {
		uint64_t block = overlay_record_block(r->rec, i);
		unsigned state = overlay_record_state(r->rec, i);

		if (block >= blocks || (state != OVERLAY_DATA && state != OVERLAY_ZERO))
			return -EBADMSG;
		if (state == OVERLAY_DATA && r->place)
			rc = write_block(r, block, data);
		if (state == OVERLAY_DATA)
			data += OVERLAY_BLOCK;
		if (!rc && r->map)
			rc = overlay_map_set(r->map, block, 1, (enum overlay_state)state);
	}
	return rc;
}

static int failed(int rc, struct error *err)
{
	if (rc != -EBADMSG)
		return error_set(err, -rc, "the overlay's log cannot be replayed: %s", strerror(-rc));
	error_set(err, EBADMSG, "the overlay's log is damaged: it speaks of blocks that do not exist");
	error_next(err, "restore the overlay file from a copy");
	return rc;
}

int overlay_log_replay(int fd, const struct overlay_layout *at, struct overlay_map *map, bool place,
		       size_t *records, struct error *err)
{
	AUTO(free) uint8_t *rec = malloc(OVERLAY_RECORD_MAX);
	struct replay r = { fd, at, map, place, rec };
	struct overlay_record_id id = { .number = 0 };
	uint64_t off = 0;
	size_t len = 0;
	int rc = rec ? 1 : -ENOMEM;

	for (*records = 0; rc > 0; off += len) {
		rc = next_record(&r, off, &id, &len);
		if (rc <= 0)
			break;
		++*records;
		rc = apply(&r);
		rc = rc ? rc : 1;
	}
	return rc < 0 ? failed(rc, err) : 0;
}

static int sync_all(int fd)
{
	int rc;

	do
		rc = fdatasync(fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static int settle(int fd, const struct overlay_layout *at, struct overlay_map *map, struct overlay_log *log)
{
	bool any;
	int rc = overlay_map_take(map, &any);

	rc = rc ? rc : sync_all(fd);
	rc = rc ? rc : overlay_map_write(map, fd, at->map_off);
	rc = rc ? rc : sync_all(fd);
	return rc ? rc : overlay_log_void(log);
}

int overlay_log_settle(int fd, const struct overlay_layout *at, struct overlay_map *map,
		       struct error *err)
{
	AUTO(overlay_log_free) struct overlay_log *log = overlay_log_new(fd, at, err);
	size_t records;
	int rc = log ? overlay_log_replay(fd, at, map, true, &records, err) : -ENOMEM;

	if (rc || !records)
		return rc;
	rc = settle(fd, at, map, log);
	return rc ? failed(rc, err) : 0;
}
