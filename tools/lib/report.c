/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int exit_code_for(const struct error *err)
{
	switch (err->code) {
	case 0:
		return EXIT_DONE;
	case EINVAL:
	case EISDIR:
	case ENOTDIR:
		return EXIT_USAGE;
	case ENOENT:
		return EXIT_NOT_FOUND;
	case EBUSY:
	case EEXIST:
		return EXIT_BUSY;
	case EKEYREJECTED:
		return EXIT_WRONG_KEY;
	case ENOKEY:
		return EXIT_KEY_MISSING;
	case EACCES:
	case EPERM:
	case EROFS:
		return EXIT_PERMISSION;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ECONNREFUSED:
	case ECONNRESET:
	case ETIMEDOUT:
		return EXIT_UNREACHABLE;
	case EBADMSG:
		return EXIT_DAMAGED;
	case ENOTSUP:
		return EXIT_UNSUPPORTED;
	case EINTR:
	case ECANCELED:
		return EXIT_INTERRUPTED;
	default:
		return EXIT_OTHER;
	}
}

int mount_bits_for(int exit_code)
{
	switch (exit_code) {
	case EXIT_DONE:
	case EXIT_WARNINGS:
		return 0;
	case EXIT_USAGE:
	case EXIT_PERMISSION:
		return 1;
	case EXIT_INTERRUPTED:
		return 8;
	default:
		return 32;
	}
}

/* "object: " unless the words name it already. */
static const char *object_of(const struct error *err, const char **colon)
{
	bool name = err->object[0] && !strstr(err->text, err->object);

	*colon = name ? ": " : "";
	return name ? err->object : "";
}

static void say(const struct report *r, const char *kind, const struct error *err, int code)
{
	const char *colon, *object = object_of(err, &colon);

	fprintf(stderr, "%s: %s%s%s%s", r->program, kind, object, colon, err->text);
	if (code && r->mount_bits)
		fprintf(stderr, " [%d]", code);
	fputc('\n', stderr);
	if (err->next[0])
		fprintf(stderr, "  next: %s\n", err->next);
}

int report_result(const struct report *r, json_t *members)
{
	AUTO(json_decref) json_t *all = members ? members : json_object();
	AUTO(free) char *text = NULL;

	if (!r->json)
		return EXIT_DONE;
	if (!all || json_object_set_new(all, "schema", json_integer(1)) ||
	    (r->command && json_object_set_new(all, "command", json_string(r->command))))
		return EXIT_OTHER;
	text = json_text(all, 0);
	if (!text)
		return EXIT_OTHER;
	puts(text);
	return fflush(stdout) ? EXIT_OTHER : EXIT_DONE;
}

static void say_json(const struct report *r, const struct error *err, int code)
{
	json_t *all = json_pack("{s:{s:i,s:s,s:s,s:s}}", "error", "code", code, "object", err->object, "text",
				err->text, "next", err->next);

	if (r->beside)
		json_object_update_missing(all, r->beside);
	report_result(r, all);
}

int report_error(const struct report *r, const struct error *err)
{
	int code = exit_code_for(err);

	if (code)
		say(r, "", err, code);
	if (code && r->json)
		say_json(r, err, code);
	if (r->mount_bits)
		return err->code == ENOMEM ? 2 : mount_bits_for(code);
	return code;
}

void report_warning(const struct report *r, const struct error *warning)
{
	if (!r->quiet)
		say(r, "warning: ", warning, 0);
}
