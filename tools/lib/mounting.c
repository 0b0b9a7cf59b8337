/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/mounting.h"
#include "fs/mount/mounttable.h"
#include "fs/mount/session.h"
#include "fs/net/reload.h"
#include "fs/util/log.h"
#include "tools/lib/daemon.h"
#include "tools/lib/spec_tree.h"
#include "tools/lib/store_opening.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct job {
	const struct mount_request *req;
	const struct report *report;
	char *dir, *source;
	struct daemon daemon;
	struct spec_tree what;
	struct session *session;	/* while it is served */
	bool ready, warned;		/* the hook was called; has warned */
	struct error failed;		/* what the hook came to */
};

/* mount(8) knows no "done with warnings". */
static int end_code(const struct job *j)
{
	return (j->what.opening.warned || j->warned) && !j->report->mount_bits ? EXIT_WARNINGS : EXIT_DONE;
}

static void on_ready(void *arg)
{
	struct job *j = arg;
	const struct mount_hooks *hooks = j->req->hooks;
	json_t *result = json_pack("{s:s,s:s}", "dir", j->dir, "source", j->source);

	j->ready = true;
	if (hooks && hooks->ready(hooks->arg, j->dir, result, &j->warned, &j->failed)) {
		json_decref(result);
		session_end(j->session);
		return;
	}
	if (j->req->verbose)
		printf("%s: %s mounted on %s.\n", j->report->program, j->source, j->dir);
	fflush(stdout);
	report_result(j->report, result);
	if (j->daemon.background)
		log_to_syslog();
	daemon_ready(&j->daemon, end_code(j));
	if (hooks && hooks->ends)
		session_end(j->session);
}

static int serve(struct job *j, struct error *err)
{
	const struct options *o = j->req->options;
	struct session_options opts = {
		.source = j->source,
		.dir = j->dir,
		.kernel_options = options_kernel(o),
		.mount_ns = j->req->mount_ns,
		.allow_other = options_has(o, OPT_ALLOW_OTHER),
		.writable = options_has(o, OPT_OVERLAY),
		.far = store_is_remote(j->source),
		.read_deadline_s = (unsigned)options_number(o, OPT_READ_DEADLINE, 120),
	};
	const struct spec spec = { .source = j->source, .at = j->req->at, .dir = j->dir, .options = o,
				   .report = j->report };
	AUTO(tree_free) struct tree *tree = spec_tree_new(&j->what, &spec, err);
	AUTO(session_free) struct session *s = NULL;
	int rc;

	if (!tree)
		return -EIO;
	if (j->req->fake) {
		if (j->req->verbose)
			printf("%s: %s opens, not mounted.\n", j->report->program, j->source);
		return 0;
	}
	if (j->daemon.background || !isatty(STDIN_FILENO))
		reload_on_sighup();
	s = session_new(tree, &opts, err);
	if (!s)
		return -EIO;
	daemon_outlive_parent(&j->daemon);
	j->session = s;
	rc = session_loop(s, on_ready, j, err);
	if (j->ready && j->req->hooks)
		j->req->hooks->ending(j->req->hooks->arg);
	if (!j->failed.code)
		return rc;
	*err = j->failed;
	return -err->code;
}

/* What the mount table shows: an absolute path, or the address. */
static char *source_name(const char *spec, struct error *err)
{
	char *path = *spec == '/' || store_is_remote(spec) ? strdup(spec) : realpath(spec, NULL);
	int code = errno;

	if (path)
		return path;
	error_null(err, code, "%s: %s", spec, strerror(code));
	error_object(err, "%s", spec);
	return NULL;
}

static char *dir_name(const struct mount_request *req, struct error *err)
{
	char *copy;

	if (!req->mount_ns)
		return mount_dir_resolve(req->dir, err);
	if (*req->dir != '/')
		return error_null(err, EINVAL, "with -N the folder must be an absolute path");
	copy = strdup(req->dir);
	return copy ? copy : error_null(err, ENOMEM, "out of memory");
}

int mounting_run(const struct mount_request *req, const struct report *report)
{
	struct job j = { .req = req, .report = report };
	AUTO(free) char *dir = NULL, *source = NULL;
	struct error err = ERROR_INIT;
	int exit_code = 0, rc;

	source = j.source = source_name(req->spec, &err);
	dir = j.dir = source ? dir_name(req, &err) : NULL;
	if (!dir)
		return report_error(report, &err);
	rc = daemon_start(&j.daemon,
			  !req->fake && !req->foreground && !options_has(req->options, OPT_FOREGROUND),
			  &exit_code, &err);
	if (!rc)
		return exit_code;
	if (rc > 0)
		rc = serve(&j, &err);
	spec_tree_close(&j.what);
	if (rc && req->hooks && req->hooks->failed)
		req->hooks->failed(req->hooks->arg, &err);
	return rc ? report_error(report, &err) : end_code(&j);
}
