/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/jobs.h"
#include "fs/util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOTIFY_SECONDS 60

extern char **environ;

int job_begin_for(struct vault *v, const struct job_want *want, struct job_run **run, struct error *err)
{
	*run = job_run_begin(v, want, err);
	if (*run)
		return 0;
	/* Nobody goes without his data because a record cannot be kept. */
	if (want->operation == JOB_RESTORE || want->operation == JOB_VERIFY) {
		if (err->code != EROFS && err->code != EACCES && err->code != EPERM)
			log_warning("no record is kept of this job: %s", err->text);
		error_clear(err);
		return 0;
	}
	if (want->operation != JOB_BACKUP && (err->code == EROFS || err->code == EACCES || err->code == EPERM)) {
		error_clear(err);
		return 0;
	}
	return -err->code;
}

static void tell_better(struct job_run *run, int rc, struct error *err)
{
	int asked = rc == -ECANCELED || rc == -ESTALE ? job_run_check(run) : 0;

	if (asked == -ECANCELED) {
		error_set(err, ECANCELED, "cancelled, as `adebackup jobs cancel` asked");
		error_next(err, "What is stored already is not sent again by the next backup.");
	}
	if (asked == -ESTALE) {
		error_set(err, ESTALE, "this job was taken for dead, after it gave no sign for a quarter of an hour, and ended");
		error_next(err, "adebackup jobs list shows what came after it; start it again if nothing did.");
	}
}

int job_end_for(struct job_run *run, const struct options *o, const struct report *report, int rc,
		struct job_record *ended, struct error *err)
{
	const char *notify = options_get(o, OPT_NOTIFY);
	struct error words = ERROR_INIT;
	struct job_record last;

	if (!run)
		return rc;
	tell_better(run, rc, err);
	if (job_run_end(run, rc, err, &last, &words) < 0)
		report_warning(report, &words);
	if (ended)
		*ended = last;
	error_clear(&words);
	if (notify && job_notify(notify, &last, NOTIFY_SECONDS, &words) < 0)
		report_warning(report, &words);
	return rc;
}

static int write_input(const struct job_record *j)
{
	AUTO(json_decref) json_t *o = job_json(j);
	AUTO(free) char *text = NULL;
	AUTO(fd) int fd = memfd_create("job", MFD_CLOEXEC);

	json_object_set_new(o, "schema", json_integer(1));
	text = json_text(o, 0);
	if (fd < 0 || !text || dprintf(fd, "%s\n", text) < 0 || lseek(fd, 0, SEEK_SET))
		return -1;
	return take_fd(&fd);
}

static int spawn(const char *command, int in, pid_t *pid)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	rc = posix_spawn(pid, "/bin/sh", &actions, &attr, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

int job_notify(const char *command, const struct job_record *j, unsigned seconds, struct error *err)
{
	AUTO(fd) int in = write_input(j);
	struct pollfd p = { .events = POLLIN, .fd = -1 };
	int status = 0, rc;
	pid_t pid;

	if (in < 0)
		return error_set(err, ENOMEM, "--notify: the job cannot be written down");
	rc = spawn(command, in, &pid);
	if (rc)
		return error_set(err, rc, "--notify: cannot start sh: %s", strerror(rc));
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	do {
		rc = p.fd >= 0 ? poll(&p, 1, (int)seconds * 1000) : 1;
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (p.fd >= 0)
		close(p.fd);
	if (rc == 0)
		return error_set(err, ETIMEDOUT, "--notify: the command took longer than %u seconds and was stopped", seconds);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(err, EIO, "--notify: the command failed with %d", WIFEXITED(status) ? WEXITSTATUS(status) :
				 128 + WTERMSIG(status));
	return 0;
}
