/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/audit.h"
#include "fs/net/url.h"
#include "fs/util/json_value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

struct audit {
	int fd;
	char program[64], user[64], reason[256];
};

static void who(char *out, size_t room)
{
	const char *sudo = getenv("SUDO_USER");

	if (sudo && geteuid() == 0)
		snprintf(out, room, "uid %u (sudo %.32s)", (unsigned)getuid(), sudo);
	else
		snprintf(out, room, "uid %u", (unsigned)getuid());
}

struct audit *audit_open(const char *program, const char *file, const char *reason,
			 struct error *err)
{
	AUTO(audit_close) struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return error_null(err, ENOMEM, "no memory");
	a->fd = -1;
	snprintf(a->program, sizeof(a->program), "%s", program);
	snprintf(a->reason, sizeof(a->reason), "%s", reason ? reason : "");
	who(a->user, sizeof(a->user));
	if (!file)
		return TAKE(a);
	a->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (a->fd >= 0)
		return TAKE(a);
	error_set(err, errno, "the audit file cannot be written: %s", strerror(errno));
	error_object(err, "%s", file);
	return NULL;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

static int to_file(struct audit *a, const char *when, const char *action, const char *object,
		   const char *with, int rc)
{
	AUTO(jval_free) struct jval *line = jval_object();
	AUTO(free) char *text = NULL, *whole = NULL;
	ssize_t n;
	int len;

	if (jval_set_text(line, "time", when) < 0 || jval_set_text(line, "program", a->program) < 0 ||
	    jval_set_text(line, "user", a->user) < 0 || jval_set_text(line, "action", action) < 0 ||
	    jval_set_text(line, "object", object) < 0 || jval_set_text(line, "with", with ? with : "") < 0 ||
	    jval_set_text(line, "reason", a->reason) < 0 ||
	    jval_set_text(line, "result", rc ? strerror(-rc) : "ok") < 0 ||
	    !(text = jval_print(line, false)) || (len = asprintf(&whole, "%s\n", text)) < 0)
		return -ENOMEM;
	n = write(a->fd, whole, (size_t)len);
	return n == len ? 0 : n < 0 ? -errno : -ENOSPC;
}

int audit_note(struct audit *a, const char *action, const char *object, const char *with, int rc)
{
	char when[32], shown[300], by[300] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (!a)
		return 0;
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	url_show(object, shown, sizeof(shown));
	if (with)
		url_show(with, by, sizeof(by));
	syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s: audit: %s %s%s%s by %s, %s%s%s", a->program, action, shown,
	       *by ? " with " : "", by, a->user, rc ? strerror(-rc) : "ok", *a->reason ? ", reason: " : "",
	       a->reason);
	return a->fd < 0 ? 0 : to_file(a, when, action, shown, by, rc);
}
