/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/backup.h"
#include "crypto/hash.h"
#include "fs/backup/disk_backup.h"
#include "fs/backup/resume.h"
#include "fs/util/log.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define THREADS_DEFAULT_MAX 3u		/* each holds a segment of 32 MiB, and 160 MiB is the limit for all */
#define CLOCK_SLACK (25 * 3600)	/* seconds: a clock that was set, a time zone that was mended */
#define TRIES 3				/* a session that a collector ended begins again */

struct backup {
	struct run run;
	const struct backup_options *opts;
	struct vault_session *session;
	struct condemned *condemned;
	struct chunk_index *index;
	struct point *parent, *point;	/* parent NULL: none */
	struct refs_row *parent_refs;
	size_t n_parent_refs;
	uint64_t unread;		/* points after the parent that cannot be read */
	uint64_t total;
	bool unsure;			/* its commit failed; the record stays: the put may still arrive, and has to be
					 * stopped then, and the next backup finds by it what this one stored */
};

static void backup_clear(struct backup *b)
{
	if (b->unsure)
		vault_session_free(b->session);
	else
		vault_session_end(b->session);
	condemned_free(b->condemned);
	chunk_index_free(b->index);
	point_free(b->parent);
	point_free(b->point);
	free(b->parent_refs);
	refs_free(b->run.refs);
	pthread_mutex_destroy(&b->run.lock);
}

typedef int list_points_fn(struct vault *v, const char *vm_id, struct point_name **list, size_t *n, struct error *err);

/* The newest point of the list that can be read; its manifest's name is `object`. */
static int read_newest(struct backup *b, list_points_fn *list_points, char object[192], struct error *err)
{
	AUTO(free) struct point_name *list = NULL;
	size_t n;
	int rc = list_points(b->run.vault, b->run.vm_id, &list, &n, err);

	b->unread = 0;
	while (rc == 0 && n-- && !b->parent) {
		rc = point_read(b->run.vault, &list[n], &b->parent, err);
		if (rc == -EBADMSG && list_points == point_list)
			log_warning("%s cannot be read (%s); the backup does without it", list[n].object, err->text);
		if (rc < 0 && rc != -EBADMSG && rc != -ESTALE)
			return rc;
		if (rc < 0)
			error_clear(err);
		b->unread += rc < 0;
		rc = 0;
		snprintf(object, 192, "%s", list[n].object);
	}
	return rc;
}

/* With the SHA-256 of the stored manifest. */
static int read_parent(struct backup *b, struct error *err)
{
	AUTO(free) void *data = NULL;
	uint8_t sum[SHA256_BYTES];
	char object[192];
	size_t len;
	int rc = read_newest(b, point_list_latest, object, err);

	if (rc == 0 && b->unread) {		/* damaged: the others are looked through, and it is told */
		point_free(TAKE(b->parent));
		rc = read_newest(b, point_list, object, err);
	}
	if (rc < 0 || !b->parent)
		return rc;
	rc = store_settle(vault_store(b->run.vault), object, err);
	if (rc < 0)
		return rc;
	snprintf(b->point->previous, sizeof(b->point->previous), "%s", object);
	rc = store_get_all(vault_store(b->run.vault), object, OBJECT_MAX_BYTES, &data, &len, err);
	if (rc == 0 && (rc = sha256(data, len, sum)) == 0)
		hex_encode(sum, sizeof(sum), b->point->previous_sha256);
	return rc;
}

/* Without its refs a collector would not see what the parent needs: nor may we build on it. */
static void check_parent(struct backup *b)
{
	struct error err = ERROR_INIT;

	if (b->parent && refs_get(vault_store(b->run.vault), b->parent->session, b->parent->refs_sha256,
				  &b->parent_refs, &b->n_parent_refs, &err) < 0) {
		log_warning("the refs of the point before cannot be read (%s): everything is stored again", err.text);
		point_free(TAKE(b->parent));
	}
}

/* Points are told apart and put in order by their seconds: two backups in one
 * second get two.  A clock that went back far is not followed. */
static int64_t time_after(int64_t newest)
{
	int64_t now = time(NULL);
	char text[POINT_TIME_TEXT];

	if (newest < now)
		return now;
	if (newest < now + CLOCK_SLACK)
		return newest + 1;
	point_time_text(newest, text);
	log_warning("the newest point is of %s, which is to come: as long as it is there, latest means that one", text);
	return now;
}

/* What the manifest's name is made of, but for the session. */
static int name_point(struct backup *b, struct error *err)
{
	AUTO(free) struct point_name *list = NULL;
	struct point *p = b->point;
	uint8_t id[(POINT_ID_TEXT - 1) / 2];
	size_t n;
	int rc = point_list_latest(b->run.vault, b->run.vm_id, &list, &n, err);

	if (rc < 0)
		return rc;
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return error_set(err, EIO, "the system gives no random numbers");
	hex_encode(id, sizeof(id), p->id);
	p->time = time_after(n ? list[n - 1].time : 0);
	snprintf(p->vm, sizeof(p->vm), "%s", b->opts->vm);
	memcpy(p->vm_id, b->run.vm_id, VM_ID_TEXT);
	return 0;
}

static int fill_point(struct backup *b, struct error *err)
{
	struct point *p = b->point;

	p->number = (b->parent ? b->parent->number : 0) + b->unread + 1;
	p->retain_until = b->opts->retain_until;
	snprintf(p->proof_words, sizeof(p->proof_words), "no key was given");
	p->vm_config = b->opts->vm_config ? jval_ref(b->opts->vm_config) : NULL;
	return store_now(vault_store(b->run.vault), &p->store_time, err);
}

/* W1. */
static int begin_session(struct backup *b, struct error *err)
{
	char folder[128];
	int rc = name_point(b, err);

	if (rc < 0)
		return rc;
	point_folder_name(b->point, folder, sizeof(folder));
	b->session = vault_session_begin(b->run.vault, "backup", folder, err);
	if (!b->session)
		return err->code ? -err->code : -EIO;
	b->run.session = vault_session_id(b->session);
	memcpy(b->point->session, b->run.session, SESSION_ID_BYTES);
	return 0;
}

/* W1 to W3. */
static int begin(struct backup *b, struct error *err)
{
	int rc;

	b->index = chunk_index_new();
	b->run.refs = refs_new();
	b->point = point_new();
	if (!b->index || !b->run.refs || !b->point)
		return error_set(err, ENOMEM, "out of memory");
	rc = begin_session(b, err);
	if (rc < 0)
		return rc;
	b->condemned = condemned_list(b->run.vault, err);
	if (!b->condemned)
		return err->code ? -err->code : -EIO;
	b->run.condemned = b->condemned;
	b->run.index = b->index;
	rc = read_parent(b, err);
	if (rc == 0)
		rc = fill_point(b, err);
	if (rc < 0)
		return rc;
	check_parent(b);
	return resume_index(&b->run, b->parent_refs, b->n_parent_refs, err);
}

static int tick(void *arg)
{
	struct backup *b = arg;
	struct backup_progress p = { atomic_load(&b->run.read_bytes), b->total, atomic_load(&b->run.new_bytes) };
	struct error err = ERROR_INIT;

	if (vault_session_beat(b->session, &err) < 0)
		log_warning("the sign of life of this backup cannot be renewed: %s", err.text);
	return b->opts->progress ? b->opts->progress(b->opts->arg, &p) : 0;
}

static unsigned threads_of(const struct backup_options *o)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (o->threads)
		return o->threads;
	return n < 1 ? 1 : n > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : (unsigned)n;
}

/* NULL: all is compared. */
static struct pagemap *ask_changes(const struct backup *b, const struct backup_disk *d, const struct point_disk *parent)
{
	struct error why = ERROR_INIT;
	char line[1400];
	struct pagemap *m = !d->changes ? NULL
		: d->changes(d->changes_arg, b->run.vault, b->run.vm_id, d->source, parent, &why);

	if (m)
		log_info("disk %s: what the service says has changed since the point before is read, the rest kept",
			 d->name);
	else if (why.code)
		log_warning("disk %s: all of it is read and compared, since the changes are not known: %s", d->name,
			    error_line(&why, line, sizeof(line)));
	return m;
}

static int store_disk(struct backup *b, const struct backup_disk *d, struct error *err)
{
	const struct point_disk *parent = b->parent ? point_find_disk(b->parent, d->name) : NULL;
	struct point_disk *out = point_add_disk(b->point);
	struct disk_backup job = {
		.run = &b->run, .source = d->source, .threads = threads_of(b->opts),
		.chunk_size = vault_info(b->run.vault)->chunk_size,
	};
	AUTO(pagemap_free) struct pagemap *changed = NULL;
	int rc;

	if (!out)
		return error_set(err, EINVAL, "more than %u disks", POINT_DISKS_MAX);
	if (parent && parent->chunk_size == job.chunk_size)
		job.parent = parent;
	snprintf(out->name, sizeof(out->name), "%s", d->name);
	snprintf(out->source, sizeof(out->source), "%s", d->words ? d->words : "");
	out->vhd = d->vhd;
	snprintf(out->source_version, sizeof(out->source_version), "%s", d->version ? d->version : "");
	job.changed = changed = job.parent ? ask_changes(b, d, job.parent) : NULL;
	rc = disk_backup(&job, tick, b, out, err);
	return rc < 0 ? error_prefix(err, rc, "disk %s", d->name) : 0;
}

/* W4 and W5. */
static int commit(struct backup *b, struct error *err)
{
	struct vault *v = b->run.vault;
	int rc = 0;

	if (b->opts->prove)
		rc = b->opts->prove(b->opts->arg, v, b->point, err);
	if (rc == 0)
		rc = refs_put(b->run.refs, vault_store(v), b->run.session, b->point->refs_sha256, err);
	if (rc < 0)
		return rc;
	rc = point_put(v, b->point, NULL, err);
	b->unsure = rc < 0;
	return rc;
}

static int try_once(struct vault *v, const struct backup_disk *disks, size_t n_disks,
		    const struct backup_options *opts, struct point **out, struct backup_result *result,
		    struct error *err)
{
	__attribute__((cleanup(backup_clear))) struct backup b = { .opts = opts, .run.vault = v };
	int rc;

	pthread_mutex_init(&b.run.lock, NULL);
	for (size_t i = 0; i < n_disks; i++)
		b.total += disks[i].source->size;
	rc = vault_vm_id(v, opts->vm, b.run.vm_id);
	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	rc = begin(&b, err);
	for (size_t i = 0; i < n_disks && rc == 0; i++)
		rc = store_disk(&b, &disks[i], err);
	if (rc == 0)
		rc = commit(&b, err);
	if (rc < 0)
		return rc;
	tick(&b);
	point_object_name(b.point, result->object, sizeof(result->object));
	result->read_bytes = atomic_load(&b.run.read_bytes);
	result->new_bytes = atomic_load(&b.run.new_bytes);
	result->had_parent = b.parent != NULL;
	*out = TAKE(b.point);
	return 0;
}

static int check_disks(const struct backup_disk *disks, size_t n, struct error *err)
{
	if (!n)
		return error_set(err, EINVAL, "a backup needs a disk");
	for (size_t i = 0; i < n; i++) {
		const char *name = disks[i].name;

		if (!*name || strlen(name) >= sizeof(((struct point_disk *)0)->name) || strchr(name, '/') ||
		    *name == '.')
			return error_set(err, EINVAL, "'%s' is no name for a disk", name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(disks[k].name, name))
				return error_set(err, EINVAL, "two disks are named %s", name);
	}
	return 0;
}

int backup_run(struct vault *v, const struct backup_disk *disks, size_t n_disks,
	       const struct backup_options *opts, struct point **out, struct backup_result *result,
	       struct error *err)
{
	int rc = check_disks(disks, n_disks, err);

	if (rc == 0)
		rc = vault_vm_record(v, opts->vm, err);
	for (int i = 0; rc == 0 && i < TRIES; i++) {
		rc = try_once(v, disks, n_disks, opts, out, result, err);
		if (rc != -EEXIST)
			return rc;
		log_warning("this backup was taken for dead and ended by a collection; it begins again");
		if (i + 1 < TRIES) {
			error_clear(err);
			rc = 0;
		}
	}
	return rc;
}
