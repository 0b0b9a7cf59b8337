/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_state.h"
#include "crypto/cleanup.h"
#include "fs/mount/mounttable.h"
#include "tools/lib/private_dir.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static void remove_all(struct boot_state *s)
{
	const char *const files[] = { s->qmp, s->serial, s->vars, s->screen };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i])
			unlink(files[i]);
	if (s->mount) {
		unmount_dir(s->mount, true, NULL);
		rmdir(s->mount);
	}
	if (s->work)
		rmdir(s->work);
	if (s->base)
		rmdir(s->base);
}

static void fill(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
}

/* Before the guest there is nothing to be careful with. */
static void leave_at_once(struct boot_state *s)
{
	if (s->has_terminal)
		tcsetattr(0, TCSANOW, &s->terminal);
	remove_all(s);
	_exit(130);
}

static void *watch(void *arg)
{
	struct boot_state *s = arg;
	const uint64_t one = 1;
	sigset_t signals;
	int n;

	fill(&signals);
	while (!sigwait(&signals, &n) && !atomic_load(&s->finished)) {
		if (!atomic_load(&s->guarded))
			leave_at_once(s);
		if (write(s->wake_fd, &one, sizeof(one)) < 0)
			return NULL;
	}
	return NULL;
}

static char *name(const char *base, const char *last)
{
	char *out;

	return asprintf(&out, "%s/%s", base, last) < 0 ? NULL : out;
}

static int make_folders(struct boot_state *s, struct error *err)
{
	private_dir_sweep(BOOT_DIR);
	s->base = private_dir_any(BOOT_DIR, err);
	if (!s->base)
		return -err->code;
	s->base_fd = private_dir_own(s->base, err);
	if (s->base_fd < 0)
		return s->base_fd;
	s->mount = name(s->base, "mnt");
	s->work = name(s->base, "work");
	s->qmp = name(s->base, "qmp");
	s->serial = name(s->base, "serial.log");
	s->vars = name(s->base, "vars.fd");
	s->screen = name(s->base, "screen.png");
	if (!s->mount || !s->work || !s->qmp || !s->serial || !s->vars || !s->screen)
		return error_set(err, ENOMEM, "out of memory");
	if (mkdir(s->mount, 0700) || mkdir(s->work, 0700))
		return error_set(err, errno, "%s: %s", s->base, strerror(errno));
	return 0;
}

int boot_state_begin(struct boot_state *s, struct error *err)
{
	sigset_t signals;
	int rc;

	*s = (struct boot_state){ .wake_fd = eventfd(0, EFD_CLOEXEC), .base_fd = -1 };
	rc = s->wake_fd < 0 ? error_set(err, errno, "eventfd: %s", strerror(errno)) : make_folders(s, err);
	if (rc)
		return rc;
	s->has_terminal = !tcgetattr(0, &s->terminal);
	fill(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	rc = pthread_create(&s->watcher, NULL, watch, s);
	if (rc)
		return error_set(err, rc, "cannot start a thread: %s", strerror(rc));
	s->watching = true;
	return 0;
}

void boot_state_guard(struct boot_state *s)
{
	atomic_store(&s->guarded, true);
}

void boot_state_end(struct boot_state *s)
{
	if (s->watching) {
		atomic_store(&s->finished, true);
		pthread_kill(s->watcher, SIGTERM);
		pthread_join(s->watcher, NULL);
	}
	if (s->has_terminal)
		tcsetattr(0, TCSANOW, &s->terminal);
	remove_all(s);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->base_fd >= 0)
		close(s->base_fd);
	free(s->base);
	free(s->mount);
	free(s->work);
	free(s->qmp);
	free(s->serial);
	free(s->vars);
	free(s->screen);
	*s = (struct boot_state){ .wake_fd = -1, .base_fd = -1 };
}
