/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mounttable.h"
#include "tools/adebackup/command.h"
#include "tools/lib/disk_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* "alive"; "dead": its process is gone; "closed": not ours to look into. */
static const char *life_of(const char *dir)
{
	int rc = mount_dir_ask(dir, NULL);

	if (!rc)
		return "alive";
	return rc == -ENOTCONN || rc == -ECONNABORTED ? "dead" : "closed";
}

/* The encrypted volumes of info.json: [{n, what, state}]. */
static json_t *volumes_of(const json_t *info)
{
	json_t *list = json_array(), *part;
	size_t i;

	json_array_foreach(json_object_get(info, "partitions"), i, part) {
		if (json_object_get(part, "protectors"))	/* encrypted */
			json_array_append_new(list, json_pack("{s:O?,s:O?,s:O?}",
				"n", json_object_get(part, "n"),
				"what", json_object_get(part, "what"),
				"state", json_object_get(part, "state")));
	}
	return list;
}

static json_t *describe(const struct mount_entry *e)
{
	const char *life = life_of(e->dir);
	AUTO(json_decref) json_t *info = strcmp(life, "alive") ? NULL : disk_dir_info(e->dir, NULL);
	json_t *m = json_pack("{s:s,s:s,s:s,s:s}", "dir", e->dir, "source", e->source,
			      "state", life, "options", e->options);

	if (m && info)
		json_object_set_new(m, "volumes", volumes_of(info));
	return m;
}

static size_t count_state(const json_t *volumes, const char *state)
{
	size_t i, n = 0;
	json_t *v;

	json_array_foreach(volumes, i, v) {
		const char *s = json_string_value(json_object_get(v, "state"));

		n += s && !strcmp(s, state);
	}
	return n;
}

static void print_keys(const json_t *volumes)
{
	static const char *const states[] = { "open", "locked", "damaged", "unsupported" };
	const char *comma = "";
	size_t i, n;

	if (!json_array_size(volumes)) {
		printf("  not encrypted\n");
		return;
	}
	printf("  volumes: ");
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		n = count_state(volumes, states[i]);
		if (n)
			printf("%s%zu %s", comma, n, states[i]);
		comma = n ? ", " : comma;
	}
	putchar('\n');
}

static void print_mount(const json_t *m)
{
	const char *dir = json_string_value(json_object_get(m, "dir"));
	const char *state = json_string_value(json_object_get(m, "state"));
	const json_t *volumes = json_object_get(m, "volumes");

	printf("%s\n  source: %s\n", dir, json_string_value(json_object_get(m, "source")));
	if (!strcmp(state, "dead"))
		printf("  dead: its process has ended; clear it with: adebackup umount %s\n", dir);
	else if (!strcmp(state, "closed"))
		printf("  mounted by another user, who did not let you in\n");
	else if (volumes)
		print_keys(volumes);
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(&err);
	AUTO(json_decref) json_t *list = json_array();
	json_t *m;
	size_t i;

	if (!t)
		return report_error(in->report, &err);
	for (i = 0; i < t->n; i++)
		if (!strcmp(t->entries[i].type, MOUNT_FSTYPE))
			json_array_append_new(list, describe(&t->entries[i]));
	if (in->report->json)
		return report_result(in->report, json_pack("{s:O}", "mounts", list));
	json_array_foreach(list, i, m)
		print_mount(m);
	if (!json_array_size(list) && !in->report->quiet)
		printf("nothing is mounted\n");
	return EXIT_DONE;
}

const struct command cmd_mounts = {
	.name = "mounts",
	.operands = "",
	.summary = "what is mounted, from where, and with which volumes open",
	.text = "Lists the mounts of adebackup and mount.adebackup on this machine: the folder, "
		"the source, and how many encrypted volumes its keys opened. A mount whose "
		"process has died is named as dead.",
	.run = run,
};
