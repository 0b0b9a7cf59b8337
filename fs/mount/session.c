/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/session.h"
#include "fs/mount/flight.h"
#include "fs/mount/mounttable.h"
#include "fs/mount/namespace.h"
#include "fs/mount/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define MAX_THREADS  16
#define FAR_THREADS  40			/* where most of them wait */
#define IDLE_THREADS 10
#define SPARE_THREADS 6			/* for what needs no store, while all others wait for one */
#define READ_AHEAD_KB "1024"
#define FAR_READ_AHEAD_KB "256"		/* what it reads too much has to come over the network */

struct session {
	struct mount_ops ops;
	struct flights *flights;
	struct fuse_session *se;
	char *dir;
	bool handlers, mounted, far;
	unsigned threads;

	/* Where dir is; NULL: here.  A file that we hold would keep the namespace,
	 * and so the mount and us, when its last process has ended: it is closed
	 * once the mount is ready.  What is left there after a signal is a dead
	 * mount.  The lock guards both while the ready thread runs. */
	struct mount_ns *ns;
	bool ns_left;
	pthread_mutex_t ns_lock;

	pthread_t ready_thread;		/* tells `ready`, then ends */
	session_ready_fn *ready;
	void *ready_arg;
};

/* libfuse tells reasons to its log function alone, and while it mounts. */
static __thread char fuse_said[256];

static void hear_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	size_t n;

	if (level > FUSE_LOG_ERR || fuse_said[0])
		return;
	vsnprintf(fuse_said, sizeof(fuse_said), fmt, ap);
	n = strlen(fuse_said);
	if (n && fuse_said[n - 1] == '\n')
		fuse_said[n - 1] = '\0';
}

/* A mount whose daemon died answers everything with ENOTCONN. */
static int clear_dead_mount(const char *dir, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = NULL;
	const struct mount_entry *e;
	mode_t mode;
	int rc = -mount_dir_ask(dir, &mode);

	if (rc && rc != ENOTCONN && rc != ECONNABORTED) {
		error_set(err, rc, "%s: %s", dir, strerror(rc));
		error_object(err, "%s", dir);
		if (rc == ENOENT)
			error_next(err, "make it with: mkdir %s", dir);
		return -rc;
	}
	t = mounttable_read(err);
	if (!t)
		return -EIO;
	e = mounttable_find(t, dir);
	if (rc) {
		if (e && !strcmp(e->type, MOUNT_FSTYPE))
			return unmount_dir(dir, true, err);
		error_set(err, EBUSY, "a dead mount of something else (%s) is in the way at %s",
			  e ? e->type : "unknown", dir);
		error_next(err, "remove it with: umount -l %s", dir);
		return -EBUSY;
	}
	if (e && !strcmp(e->type, MOUNT_FSTYPE)) {
		error_set(err, EBUSY, "%s is already mounted at %s", e->source, dir);
		error_next(err, "use another folder, or first: adebackup umount %s", dir);
		return -EBUSY;
	}
	return S_ISDIR(mode) ? 0 : error_set(err, ENOTDIR, "%s is not a folder", dir);
}

/* fusermount3 would refuse it in words that name no way out. */
static int check_allow_other(const struct session_options *opts, struct error *err)
{
	char line[256];
	bool allowed = false;
	FILE *f;
	int rc;

	if (!opts->allow_other || !geteuid())
		return 0;
	f = fopen("/etc/fuse.conf", "re");
	while (f && fgets(line, sizeof(line), f))
		allowed |= !strncmp(line + strspn(line, " \t"), "user_allow_other", 16);
	if (f)
		fclose(f);
	if (allowed)
		return 0;
	rc = error_set(err, EPERM, "allow_other is not for ordinary users on this machine");
	error_next(err, "as root, put the line user_allow_other into /etc/fuse.conf");
	return rc;
}

/* "fsname=…,subtype=adebackup,default_permissions,ro,…"; NULL: no memory. */
static char *fuse_options(const struct session_options *opts)
{
	AUTO(free) char *name = NULL;
	char *o = NULL;
	int bad;

	if (asprintf(&name, "fsname=%s", opts->source) < 0)
		return name = NULL;
	bad = fuse_opt_add_opt_escaped(&o, name);
	bad |= fuse_opt_add_opt(&o, "subtype=adebackup,default_permissions");
	if (opts->kernel_options && *opts->kernel_options)
		bad |= fuse_opt_add_opt(&o, opts->kernel_options);
	if (opts->allow_other)
		bad |= fuse_opt_add_opt(&o, "allow_other");
	bad |= fuse_opt_add_opt(&o, opts->writable ? "rw" : "ro");
	if (!bad)
		return o;
	free(o);
	return NULL;
}

static struct fuse_session *make_fuse(struct session *s, const struct session_options *opts,
				      struct error *err)
{
	AUTO(free) char *o = fuse_options(opts);
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se = NULL;

	if (o && !fuse_opt_add_arg(&args, "adebackup") && !fuse_opt_add_arg(&args, "-o") &&
	    !fuse_opt_add_arg(&args, o))
		se = fuse_session_new(&args, &mount_fuse_ops, sizeof(mount_fuse_ops), &s->ops);
	fuse_opt_free_args(&args);
	return se ? se : error_null(err, fuse_said[0] ? EINVAL : ENOMEM, "%s",
				    fuse_said[0] ? fuse_said : "out of memory");
}

/* libfuse finds fusermount3 by PATH, which may be empty. */
static void widen_path(void)
{
	const char *path = getenv("PATH");
	AUTO(free) char *wide = NULL;

	if (asprintf(&wide, "%s%s/usr/bin:/bin", path ? path : "", path && *path ? ":" : "") < 0)
		wide = NULL;
	else
		setenv("PATH", wide, 1);
}

static int refuse_mount(const char *dir, struct error *err)
{
	int rc;

	if (access("/dev/fuse", F_OK)) {
		rc = error_set(err, ENOTSUP, "this kernel has no FUSE (/dev/fuse is missing)");
		error_next(err, "load it with: modprobe fuse");
		return rc;
	}
	rc = error_set(err, EPERM, "cannot mount at %s: %s", dir,
		       fuse_said[0] ? fuse_said : "fusermount3 refused");
	if (geteuid() && access("/usr/bin/fusermount3", X_OK) && access("/bin/fusermount3", X_OK))
		error_next(err, "install the package fuse3, or mount as root");
	else if (access("/dev/fuse", R_OK | W_OK))
		error_next(err, "as root: chmod 666 /dev/fuse; or mount as root");
	else if (geteuid())
		error_next(err, "the folder must be yours and writable; or mount as root");
	return rc;
}

static int mount_fuse(struct session *s, const struct session_options *opts, struct error *err)
{
	s->se = make_fuse(s, opts, err);
	if (!s->se)
		return -EINVAL;
	if (fuse_set_signal_handlers(s->se))
		return error_set(err, EINVAL, "cannot set signal handlers");
	s->handlers = true;
	widen_path();
	if (fuse_session_mount(s->se, s->dir))
		return refuse_mount(s->dir, err);
	s->mounted = true;
	return 0;
}

static int mount_there(struct session *s, const struct session_options *opts, struct error *err)
{
	int rc = mount_ns_enter(s->ns, err), back;

	if (rc)
		return rc;
	rc = clear_dead_mount(opts->dir, err);
	if (!rc)
		rc = mount_fuse(s, opts, err);
	back = mount_ns_leave(s->ns, rc ? NULL : err);
	return rc ? rc : back;
}

struct session *session_new(struct tree *tree, const struct session_options *opts,
			    struct error *err)
{
	AUTO(session_free) struct session *s = NULL;

	if (check_allow_other(opts, err))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return error_null(err, ENOMEM, "out of memory");
	pthread_mutex_init(&s->ns_lock, NULL);
	mount_ops_init(&s->ops, tree);
	s->dir = strdup(opts->dir);
	s->far = opts->far;
	s->threads = opts->far ? FAR_THREADS : MAX_THREADS;
	s->flights = s->ops.flights = flights_new(opts->read_deadline_s, s->threads - SPARE_THREADS, err);
	if (!s->flights)
		return NULL;
	if (!s->dir)
		return error_null(err, ENOMEM, "out of memory");
	if (opts->mount_ns && !(s->ns = mount_ns_open(opts->mount_ns, err)))
		return NULL;
	fuse_said[0] = '\0';
	fuse_set_log_func(hear_fuse);
	return mount_there(s, opts, err) ? NULL : TAKE(s);
}

/* From 128 KiB.  Only root may, and it is no matter when it fails. */
static void raise_read_ahead(dev_t dev, const char *kb)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(dev), minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, kb, strlen(kb)) < 0)
		errno = 0;
	close(fd);
}

static void leave_ns_alone(struct session *s)
{
	pthread_mutex_lock(&s->ns_lock);
	s->ns_left = s->ns;
	mount_ns_free(s->ns);
	s->ns = NULL;
	pthread_mutex_unlock(&s->ns_lock);
}

/* The kernel answers a stat only once the daemon has answered the kernel. */
static void *wait_ready(void *arg)
{
	struct session *s = arg;
	struct stat st;

	if (mount_ns_enter(s->ns, NULL) || stat(s->dir, &st))
		return NULL;
	raise_read_ahead(st.st_dev, s->far ? FAR_READ_AHEAD_KB : READ_AHEAD_KB);
	mount_ns_leave(s->ns, NULL);
	leave_ns_alone(s);
	if (s->ready)
		s->ready(s->ready_arg);
	return NULL;
}

static int start_ready_thread(struct session *s, struct error *err)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&s->ready_thread, NULL, wait_ready, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? error_set(err, rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

static void unmount_now(struct session *s)
{
	pthread_mutex_lock(&s->ns_lock);
	if (s->mounted && !s->ns_left && !mount_ns_enter(s->ns, NULL)) {
		fuse_session_unmount(s->se);
		mount_ns_leave(s->ns, NULL);
	}
	s->mounted = false;
	pthread_mutex_unlock(&s->ns_lock);
}

int session_loop(struct session *s, session_ready_fn *ready, void *arg, struct error *err)
{
	struct fuse_loop_config *cfg;
	int rc;

	s->ready = ready;
	s->ready_arg = arg;
	rc = flights_watch(s->flights, err);
	if (!rc)
		rc = start_ready_thread(s, err);
	if (rc)
		return rc;
	cfg = fuse_loop_cfg_create();
	if (cfg) {
		fuse_loop_cfg_set_clone_fd(cfg, 1);
		fuse_loop_cfg_set_max_threads(cfg, s->threads);
		fuse_loop_cfg_set_idle_threads(cfg, IDLE_THREADS);
		rc = fuse_session_loop_mt(s->se, cfg);
		fuse_loop_cfg_destroy(cfg);
	} else {
		rc = -ENOMEM;
	}
	unmount_now(s);		/* also frees a waiting stat */
	pthread_join(s->ready_thread, NULL);
	return rc < 0 ? error_set(err, -rc, "the mount failed: %s", strerror(-rc)) : 0;
}

/* A thread that has answered sees that this is the end; so they are asked something. */
void session_end(struct session *s)
{
	struct statvfs st;

	fuse_session_exit(s->se);
	if (statvfs(s->dir, &st))
		errno = 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->se) {
		unmount_now(s);
		if (s->handlers)
			fuse_remove_signal_handlers(s->se);
		fuse_session_destroy(s->se);
	}
	flights_free(s->flights);
	mount_ops_finish(&s->ops);
	mount_ns_free(s->ns);
	pthread_mutex_destroy(&s->ns_lock);
	free(s->dir);
	free(s);
}
