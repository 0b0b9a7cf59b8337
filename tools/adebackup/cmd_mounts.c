/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mounttable.h"
#include "tools/adebackup/command.h"
#include "tools/lib/boot_state.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/mount_files.h"
#include "tools/lib/private_dir.h"
#include "tools/lib/size_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PATIENCE_MS 3000

/* "alive"; "dead": its process is gone; "silent": nothing answers in time; "closed": not ours to look into. */
static const char *life_of(const char *dir)
{
	int rc = mount_dir_ask_within(dir, PATIENCE_MS);

	if (!rc)
		return "alive";
	if (rc == -ETIMEDOUT)
		return "silent";
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

/* Of a live mount of ours: its counts, and with map what of its disks was read. */
static void add_files(json_t *m, const char *dir, bool map)
{
	json_t *stats = mount_files_read(dir, "stats.json", NULL);
	json_t *disks = map ? mount_files_read(dir, "map.json", NULL) : NULL;

	if (stats) {
		json_object_del(stats, "schema");
		json_object_set_new(m, "stats", stats);
	}
	if (disks)
		json_object_set(m, "map", json_object_get(disks, "disks"));
	json_decref(disks);
}

static json_t *describe(const struct mount_entry *e, bool map)
{
	const char *life = life_of(e->dir);
	AUTO(json_decref) json_t *info = strcmp(life, "alive") ? NULL : disk_dir_info(e->dir, NULL);
	json_t *m = json_pack("{s:s,s:s,s:s,s:s}", "dir", e->dir, "source", e->source,
			      "state", life, "options", e->options);

	if (m && info)
		json_object_set_new(m, "volumes", volumes_of(info));
	if (m && !strcmp(life, "alive"))
		add_files(m, e->dir, map);
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

static uint64_t count_of(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

static void print_stats(const json_t *stats)
{
	const json_t *reads = json_object_get(stats, "reads"), *store = json_object_get(stats, "store");
	const json_t *cache = json_object_get(stats, "disk_cache"), *ms = json_object_get(store, "latency_ms");

	printf("  read: %s in %llu reads, %llu failed\n", size_text(count_of(reads, "bytes")).text,
	       (unsigned long long)count_of(reads, "count"), (unsigned long long)count_of(reads, "errors"));
	if (!json_is_object(store))
		return;
	printf("  fetched: %s in %llu requests, %llu tries again, %llu failed, %llu on the way; half took at most %.1f ms, "
	       "99 %% at most %.1f ms\n", size_text(count_of(store, "bytes_fetched")).text,
	       (unsigned long long)count_of(store, "requests"), (unsigned long long)count_of(store, "retries"),
	       (unsigned long long)count_of(store, "errors"), (unsigned long long)count_of(store, "now"),
	       json_number_value(json_object_get(ms, "p50")), json_number_value(json_object_get(ms, "p99")));
	if (json_is_object(cache))
		printf("  disk cache: %s of %s, %s read from it\n", size_text(count_of(cache, "used")).text,
		       size_text(count_of(cache, "limit")).text, size_text(count_of(cache, "hit_bytes")).text);
}

static unsigned columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 40 ? w.ws_col - 14u : 66;
}

/* The cells as so many signs, each the most that its cells have. */
static void print_row(const char *label, const char *cells, const char *over, unsigned width)
{
	size_t n = strlen(cells);

	printf("    %-7s |", label);
	for (unsigned i = 0; i < width; i++) {
		char most = '0', mark = '0';

		for (size_t k = i * n / width; k < (i + 1) * n / width; k++) {
			most = cells[k] > most ? cells[k] : most;
			mark = over && over[k] > mark ? over[k] : mark;
		}
		putchar(mark > '0' ? '#' : most > '0' ? '+' : '.');
	}
	printf("|\n");
}

static void print_map(const json_t *disks)
{
	const json_t *d;
	size_t i;

	json_array_foreach(disks, i, d) {
		const char *read = json_string_value(json_object_get(d, "read"));
		const char *fetched = json_string_value(json_object_get(d, "fetched"));
		const char *near = json_string_value(json_object_get(d, "near"));
		unsigned width = columns();

		if (!read || !fetched || !near || strlen(read) != strlen(fetched))
			continue;
		width = strlen(read) < width ? (unsigned)strlen(read) : width;
		printf("  %s, %s, a sign is %s\n", json_string_value(json_object_get(d, "name")),
		       size_text(count_of(d, "size")).text, size_text(count_of(d, "size") / (width ? width : 1)).text);
		print_row("fetched", fetched, read, width);
		print_row("near", near, near, width);
	}
	if (json_array_size(disks))
		printf("  # read, + fetched ahead of readers, . not fetched; near: # on this machine\n");
}

static void print_mount(const json_t *m)
{
	const char *dir = json_string_value(json_object_get(m, "dir"));
	const char *state = json_string_value(json_object_get(m, "state"));
	const json_t *volumes = json_object_get(m, "volumes");

	printf("%s\n  source: %s\n", dir, json_string_value(json_object_get(m, "source")));
	if (!strcmp(state, "dead"))
		printf("  dead: its process has ended; clear it with: adebackup umount %s\n", dir);
	else if (!strcmp(state, "silent"))
		printf("  does not answer; if its process is not to be waited for, clear it with: adebackup umount --lazy %s\n", dir);
	else if (!strcmp(state, "closed"))
		printf("  mounted by another user, who did not let you in\n");
	else if (volumes)
		print_keys(volumes);
	if (json_object_get(m, "stats"))
		print_stats(json_object_get(m, "stats"));
	print_map(json_object_get(m, "map"));
}

/* root NULL: all mounts. */
static json_t *describe_all(const struct mounttable *t, const char *root, bool map)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->entries[i].type, MOUNT_FSTYPE) && (!root || !strcmp(t->entries[i].dir, root)))
			json_array_append_new(list, describe(&t->entries[i], map));
	return list;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	size_t left = private_dir_sweep(BOOT_DIR);
	AUTO(free) char *root = in->n_operands ? mount_files_root(in->operands[0], &err) : NULL;
	AUTO(mounttable_free) struct mounttable *t = err.code ? NULL : mounttable_read(&err);
	AUTO(json_decref) json_t *list = NULL;
	json_t *m;
	size_t i;

	if (!t)
		return report_error(in->report, &err);
	if (left && !in->report->quiet)
		fprintf(stderr, "cleared: %zu mount%s of a boot that was killed\n", left, left == 1 ? "" : "s");
	list = describe_all(t, root, options_has(in->options, OPT_MAP));
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
	.operands = "[DIR]",
	.max = 1,
	.groups = G_SEEN,
	.summary = "what is mounted, from where, and with which volumes open",
	.text = "Lists the mounts of adebackup and mount.adebackup on this machine: the folder, "
		"the source, and how many encrypted volumes its keys opened. A mount whose "
		"process has died is named as dead; what a boot that was killed left is cleared. Of mounts that you may look into it says what was "
		"read and fetched, how long requests took, and with --map which parts of each disk. DIR: "
		"only the mount that it lies in.",
	.run = run,
};
