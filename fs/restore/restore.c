/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/restore/restore.h"
#include "crypto/bytes.h"
#include "fs/restore/sweep.h"
#include "fs/restore/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define PIECE (64u << 10)		/* zeros of this size are left out */
#define NOTE_SECONDS 10.0

struct run {
	const struct restore *r;
	struct target *target;
	_Atomic uint64_t read, written;
	_Atomic bool reading, differs;	/* which side failed */
	double noted;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int read_image(struct run *run, void *buf, size_t len, uint64_t off)
{
	int rc = blockdev_pread(run->r->from, buf, len, off);

	if (rc < 0 && !atomic_exchange(&run->reading, true) && run->r->gone)
		run->r->gone(run->r->arg);
	run->read += len;
	return rc;
}

/* The length of what is all zero, or all not, at p. */
static size_t alike(const uint8_t *p, size_t len, bool *zero)
{
	size_t n = 0;

	while (n < len) {
		size_t piece = len - n < PIECE ? len - n : PIECE;
		bool z = is_zero(p + n, piece);

		if (n && z != *zero)
			break;
		*zero = z;
		n += piece;
	}
	return n;
}

static int write_step(void *arg, uint64_t off, uint64_t len, bool hole, void *buf)
{
	struct run *run = arg;
	const uint8_t *p = buf;
	bool zero = false;
	int rc;

	if (hole)
		return target_zero(run->target, off, len);
	rc = read_image(run, buf, len, off);
	while (len && rc == 0) {
		size_t n = alike(p, len, &zero);

		if (!zero) {
			rc = target_write(run->target, p, n, off);
			run->written += n;
		} else if (target_is_device(run->target)) {
			rc = target_zero(run->target, off, n);
		}
		p += n;
		off += n;
		len -= n;
	}
	return rc;
}

static int check_step(void *arg, uint64_t off, uint64_t len, bool hole, void *buf)
{
	uint8_t back[PIECE];
	struct run *run = arg;
	const uint8_t *p = buf;
	int rc = hole ? target_is_zero(run->target, off, len, back) : read_image(run, buf, len, off);

	if (hole) {
		run->differs = run->differs || rc == 0;
		return rc == 0 ? -EBADMSG : rc < 0 ? rc : 0;
	}
	while (len && rc == 0) {
		size_t n = len < PIECE ? (size_t)len : PIECE;

		rc = target_read(run->target, back, n, off);
		if (rc == 0 && memcmp(back, p, n)) {
			run->differs = true;
			rc = -EBADMSG;
		}
		p += n;
		off += n;
		len -= n;
	}
	return rc;
}

static int tick(void *arg, uint64_t done)
{
	struct run *run = arg;
	const struct restore *r = run->r;
	int rc = r->progress ? r->progress(r->arg, done, r->from->size) : 0;

	if (rc || now() - run->noted < NOTE_SECONDS) {
		if (rc)
			target_note(run->target, done);
		return rc;
	}
	run->noted = now();
	return target_note(run->target, done);
}

static int check_tick(void *arg, uint64_t done)
{
	const struct restore *r = ((struct run *)arg)->r;

	return r->progress ? r->progress(r->arg, done, r->from->size) : 0;
}

static int explain(struct run *run, int rc, uint64_t at, const char *verb, struct error *err)
{
	char where[64] = "";

	if (at != UINT64_MAX)
		snprintf(where, sizeof(where), " at offset %" PRIu64, at);
	if (rc == -EINTR) {
		error_set(err, EINTR, "interrupted");
		error_next(err, "The same command with --resume goes on.");
	} else if (run->differs) {
		error_set(err, EBADMSG, "the target holds other bytes than the vault%s", where);
		error_next(err, "The disk or the memory of this host is not to be trusted.");
	} else if (run->reading && rc == -EBADMSG) {
		error_set(err, EBADMSG, "the recovery point is damaged%s", where);
		error_next(err, "`adebackup verify` tells what else is; restore an older point.");
	} else if (run->reading && rc == -ESTALE) {
		error_set(err, ENOENT, "the recovery point has gone from the vault%s: it has expired, or was deleted", where);
		error_next(err, "Restore another point; `adebackup list` shows what there is.");
	} else if (run->reading) {
		error_set(err, -rc, "the vault cannot be read%s: %s", where, strerror(-rc));
		error_next(err, "When the store is there again, the same command with --resume goes on.");
	} else {
		error_set(err, -rc, "cannot %s%s: %s", verb, where, strerror(-rc));
	}
	return rc;
}

static int write_all(struct run *run, uint64_t start, struct restore_result *out, struct error *err)
{
	struct sweep s = { .from = run->r->from, .start = start, .holes = target_is_device(run->target),
			   .threads = run->r->threads, .visit = write_step, .tick = tick, .arg = run };
	double begun = now();
	uint64_t at;
	int rc;

	run->noted = begun;
	/* So that even what is cut at once can be resumed. */
	rc = target_note(run->target, start);
	if (rc < 0)
		return error_set(err, -rc, "cannot note the progress: %s", strerror(-rc));
	rc = sweep_run(&s, &at);
	out->write_seconds = now() - begun;
	if (rc < 0)
		return explain(run, rc, at, "write", err);
	begun = now();
	rc = target_sync(run->target, err);
	out->sync_seconds = now() - begun;
	return rc;
}

static int check_all(struct run *run, struct restore_result *out, struct error *err)
{
	struct sweep s = { .from = run->r->from, .holes = true, .threads = run->r->threads,
			   .visit = check_step, .tick = check_tick, .arg = run };
	double begun = now();
	uint64_t at;
	int rc = sweep_run(&s, &at);

	out->check_seconds = now() - begun;
	return rc < 0 ? explain(run, rc, at, "read back", err) : 0;
}

int restore_run(const struct restore *r, struct restore_result *out, struct error *err)
{
	AUTO(target_free) struct target *t = NULL;
	struct run run = { .r = r };
	int rc;

	*out = (struct restore_result){ 0 };
	t = target_open(r->path, r->from->size, r->what, r->resume, &out->resumed_at, err);
	if (!t)
		return -err->code;
	run.target = t;
	rc = write_all(&run, out->resumed_at, out, err);
	out->read_bytes = run.read;
	out->written_bytes = run.written;
	if (rc == 0 && r->check)
		rc = check_all(&run, out, err);
	if (rc == 0)
		rc = target_finish(t, err);
	if (rc < 0 && !err->object[0])
		error_object(err, "%s", r->path);
	return rc;
}
