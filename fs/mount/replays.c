/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/replays.h"
#include "fs/image/point_disk.h"
#include "fs/util/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct replay {
	struct replay *next;
	pthread_t thread;
	struct replays *all;
	struct blockdev *disk;
	struct trace_row *row;
	size_t n;
};

struct replays {
	pthread_mutex_t lock;		/* guards the list */
	struct replay *first;
	_Atomic bool stop;
};

struct replays *replays_new(struct error *err)
{
	struct replays *r = calloc(1, sizeof(*r));

	if (!r)
		return error_null(err, ENOMEM, "out of memory");
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void replay_free(struct replay *p)
{
	blockdev_unref(p->disk);
	free(p->row);
	free(p);
}

void replays_free(struct replays *r)
{
	if (!r)
		return;
	atomic_store(&r->stop, true);
	while (r->first) {
		struct replay *p = r->first;

		r->first = p->next;
		pthread_join(p->thread, NULL);
		replay_free(p);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *run(void *arg)
{
	struct replay *p = arg;

	point_disk_expect(p->disk, p->row, p->n, &p->all->stop);
	return NULL;
}

static void take_rows(struct replay *p, const struct trace *t, const char *disk, uint32_t chunk_size)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct trace_disk *d = &t->disk[t->row[i].disk];

		if (!strcmp(d->name, disk) && d->chunk_size == chunk_size)
			p->row[p->n++] = t->row[i];
	}
}

/* Under the lock.  The thread takes no signals: they are the program's. */
static bool start(struct replays *r, struct replay *p)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return false;
	p->next = r->first;
	r->first = p;
	return true;
}

void replays_add(struct replays *r, struct blockdev *point_disk, const struct trace *t, const char *disk,
		 uint32_t chunk_size)
{
	struct replay *p = calloc(1, sizeof(*p));
	bool started;

	if (p)
		p->row = calloc(t->n_rows + 1, sizeof(*p->row));
	if (!p || !p->row) {
		blockdev_unref(point_disk);
		free(p);
		return;
	}
	p->all = r;
	p->disk = point_disk;
	take_rows(p, t, disk, chunk_size);
	pthread_mutex_lock(&r->lock);
	started = p->n && start(r, p);
	pthread_mutex_unlock(&r->lock);
	if (!started)
		replay_free(p);
}
