/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/options.h"
#include "tools/lib/mount_options.h"
#include "tools/lib/spec_secrets.h"
#include "tools/lib/values.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const struct option_def option_defs[N_OPTIONS] = {
#define OPTION(id, name, value, groups, help) [OPT_##id] = { name, value, groups, help },
#include "tools/lib/option_table.h"
#undef OPTION
};

const struct option_group_def option_group_defs[] = {
	{ G_BOOT, "the machine" },
	{ G_MOUNT, "the mount" },
	{ G_UMOUNT, "unmounting" },
	{ G_SEEN, "looking at mounts" },
	{ G_ATTACH, "the device" },
	{ G_BACKUP, "backups" },
	{ G_RESTORE, "restores" },
	{ G_EXPORT, "exports" },
	{ G_REBUILD, "the new machine" },
	{ G_VERIFY, "verifying" },
	{ G_PROTECT | G_UNPROTECT, "protected VMs" },
	{ G_POLICY, "policies" },
	{ G_AZURE | G_SIMULATE, "looking at policies" },
	{ G_PRUNE, "expiry" },
	{ G_JOB, "jobs" },
	{ G_RUN, "running policies" },
	{ G_REPORT, "reports" },
	{ G_LONG, "what takes long" },
	{ G_NEWVAULT, "a new vault" },
	{ G_NEWKEY, "a new key of a vault" },
	{ G_PAPER, "a key on paper" },
	{ G_STORE, "vaults in object storage" },
	{ G_STORES, "key stores" },
	{ G_VAULT, "vault keys" },
	{ G_PUBLIC, "RSA keys" },
	{ G_KEYS, "disks and volume keys" },
	{ G_ALL, "every command" },
};

const size_t n_option_group_defs = sizeof(option_group_defs) / sizeof(option_group_defs[0]);

size_t option_home(enum option_id id)
{
	size_t i = 0;

	while (i + 1 < n_option_group_defs &&
	       !(option_group_defs[i].group & option_defs[id].groups))
		i++;
	return i;
}

struct set_option {
	enum option_id id;
	char *value;		/* NULL: a flag */
};

struct options {
	uint64_t groups;
	struct set_option *set;
	size_t n;
	char *kernel;		/* "" at least */
	const struct spec_secrets *secrets;	/* NULL: none */
};

char option_letter(enum option_id id)
{
	switch (id) {
	case OPT_HELP:
		return 'h';
	case OPT_QUIET:
		return 'q';
	case OPT_FOREGROUND:
		return 'f';
	case OPT_LAZY:
		return 'l';
	default:
		return 0;
	}
}

struct options *options_new(uint64_t groups)
{
	struct options *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->groups = groups | G_ALL;
	o->kernel = strdup("");
	if (!o->kernel) {
		free(o);
		return NULL;
	}
	return o;
}

void options_free(struct options *o)
{
	size_t i;

	if (!o)
		return;
	for (i = 0; i < o->n; i++)
		free(o->set[i].value);
	free(o->set);
	free(o->kernel);
	free(o);
}

static int insert(struct options *o, size_t at, enum option_id id, const char *value)
{
	struct set_option *grown = reallocarray(o->set, o->n + 1, sizeof(*grown));
	char *copy = value ? strdup(value) : NULL;

	if (grown)
		o->set = grown;
	if (!grown || (value && !copy)) {
		free(copy);
		return -ENOMEM;
	}
	memmove(&grown[at + 1], &grown[at], (o->n - at) * sizeof(*grown));
	grown[at] = (struct set_option){ .id = id, .value = copy };
	o->n++;
	return 0;
}

/* - and _ are the same. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

static int find(const char *name)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++)
		if (same_name(option_defs[i].name, name))
			return i;
	return -1;
}

static int refuse_unknown(const struct options *o, const char *name, struct error *err)
{
	const char *near = option_nearest(name, o->groups);
	int rc = error_set(err, EINVAL, "there is no option %s", name);

	if (near)
		error_next(err, "did you mean %s?", near);
	else
		error_next(err, "see the options with: --help");
	return rc;
}

static int check_option(const struct options *o, int id, const char *name, const char *value,
			struct error *err)
{
	const struct option_def *def = &option_defs[id];

	if (!(def->groups & o->groups))
		return error_set(err, EINVAL, "the option %s has no meaning here", name);
	if (value && !def->value)
		return error_set(err, EINVAL, "the option %s takes no value", name);
	if (def->value && (!value || !*value))
		return error_set(err, EINVAL, "the option %s needs a value: %s", name, def->value);
	return def->value ? value_check(name, def->value, value, err) : 0;
}

static int add_at(struct options *o, size_t at, const char *name, const char *value,
		  struct error *err)
{
	int id = find(name);
	int rc = id < 0 ? refuse_unknown(o, name, err) : check_option(o, id, name, value, err);

	if (!rc && insert(o, at, (enum option_id)id, value))
		rc = error_set(err, ENOMEM, "out of memory");
	return rc;
}

int options_add(struct options *o, const char *name, const char *value, struct error *err)
{
	return add_at(o, o->n, name, value, err);
}

bool options_has(const struct options *o, enum option_id id)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->set[i].id == id)
			return true;
	return false;
}

const char *options_nth(const struct options *o, enum option_id id, size_t n)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->set[i].id == id && !n--)
			return o->set[i].value;
	return NULL;
}

const char *options_get(const struct options *o, enum option_id id)
{
	size_t i;

	for (i = o->n; i > 0; i--)
		if (o->set[i - 1].id == id)
			return o->set[i - 1].value;
	return NULL;
}

uint64_t options_number(const struct options *o, enum option_id id, uint64_t otherwise)
{
	const char *value = options_get(o, id);
	uint64_t n;

	return value && !value_number(option_defs[id].value, value, &n) ? n : otherwise;
}

int options_uid(const struct options *o, enum option_id id, unsigned *uid, struct error *err)
{
	const char *value = options_get(o, id);

	return value ? value_uid(value, uid, err) : 0;
}

int options_gid(const struct options *o, enum option_id id, unsigned *gid, struct error *err)
{
	const char *value = options_get(o, id);

	return value ? value_gid(value, gid, err) : 0;
}

void options_set_secrets(struct options *o, const struct spec_secrets *secrets)
{
	o->secrets = secrets;
}

const struct secret *options_sas(const struct options *o, const char *spec)
{
	return o->secrets ? spec_secrets_find(o->secrets, spec) : NULL;
}

const char *options_kernel(const struct options *o)
{
	return o->kernel;
}

/* One entry of a -o list, unescaped: "name" or "name=value". */
static int add_entry(struct options *o, char *entry, bool sloppy, struct error *err)
{
	enum mount_option_kind kind = mount_option_kind(entry);
	char *value, *joined;

	if (kind == MOUNT_OPTION_REFUSED)
		return mount_option_refuse(entry, err);
	if (kind == MOUNT_OPTION_KERNEL) {
		if (asprintf(&joined, "%s%s%s", o->kernel, *o->kernel ? "," : "", entry) < 0)
			return error_set(err, ENOMEM, "out of memory");
		free(o->kernel);
		o->kernel = joined;
		return 0;
	}
	if (kind == MOUNT_OPTION_IGNORED)
		return 0;
	value = strchr(entry, '=');
	if (value)
		*value++ = '\0';
	if (sloppy && find(entry) < 0)
		return 0;
	return options_add(o, entry, value, err);
}

/* Cut the first entry off *list into `entry`, which is as long as the list. */
static void next_entry(const char **list, char *entry)
{
	const char *s = *list;

	while (*s && *s != ',') {
		if (*s == '\\' && s[1])
			s++;
		*entry++ = *s++;
	}
	*entry = '\0';
	*list = *s ? s + 1 : s;
}

int options_parse_list(struct options *o, const char *list, bool sloppy, struct error *err)
{
	AUTO(free) char *entry = malloc(strlen(list) + 1);
	int rc = 0;

	if (!entry)
		return error_set(err, ENOMEM, "out of memory");
	while (*list && !rc) {
		next_entry(&list, entry);
		if (*entry)
			rc = add_entry(o, entry, sloppy, err);
	}
	return rc;
}

/* An option file serves many commands: what this one does not take is left. */
static int file_line(struct options *o, size_t *at, char *line, struct error *err)
{
	char *value;
	int id, rc;

	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (value)
		*value++ = '\0';
	id = find(line);
	if (id == OPT_OPTIONS_FILE)
		return error_set(err, EINVAL, "an option file cannot name another one");
	if (id >= 0 && !(option_defs[id].groups & o->groups))
		return 0;
	rc = add_at(o, *at, line, value, err);
	if (!rc)
		++*at;
	return rc;
}

static int read_file(struct options *o, const char *path, struct error *err)
{
	AUTO(free) char *line = NULL;
	size_t cap = 0, at = 0;
	FILE *f = fopen(path, "re");
	int rc = 0, number = 0;

	if (!f) {
		rc = error_set(err, errno, "cannot read the option file %s: %s", path,
			       strerror(errno));
		error_object(err, "%s", path);
		return rc;
	}
	while (!rc && getline(&line, &cap, f) >= 0) {
		number++;
		rc = file_line(o, &at, line, err);
	}
	fclose(f);
	return rc ? error_prefix(err, rc, "%s, line %d", path, number) : 0;
}

int options_read_files(struct options *o, struct error *err)
{
	AUTO(free) char *path = NULL;
	size_t i, n = 0;
	int rc = 0;

	while (options_nth(o, OPT_OPTIONS_FILE, n))
		n++;
	/* Each goes in front of all: from the last to the first, so that of
	 * two files the later one counts. */
	for (i = n; i > 0 && !rc; i--) {
		path = strdup(options_nth(o, OPT_OPTIONS_FILE, i - 1));
		rc = path ? read_file(o, path, err) : error_set(err, ENOMEM, "out of memory");
		free(TAKE(path));
	}
	return rc;
}

/* What getopt_long(3) wants: "oLETTERS" and the long names. */
struct getopt_tables {
	char letters[2 * N_OPTIONS + 8];
	char names[N_OPTIONS][40];
	struct option longs[2 * N_OPTIONS + 1];
};

static void fill_tables(struct getopt_tables *t, uint64_t groups)
{
	size_t n = 0, n_longs = 0, i;
	char *c;

	t->letters[n++] = ':';
	if (groups & G_MOUNT) {
		t->letters[n++] = 'o';
		t->letters[n++] = ':';
	}
	for (i = 0; i < N_OPTIONS; i++) {
		if (!(option_defs[i].groups & groups))
			continue;
		if (option_letter((enum option_id)i))
			t->letters[n++] = option_letter((enum option_id)i);
		snprintf(t->names[i], sizeof(t->names[i]), "%s", option_defs[i].name);
		for (c = t->names[i]; *c; c++)
			*c = *c == '_' ? '-' : *c;
		t->longs[n_longs++] = (struct option){ t->names[i],
			option_defs[i].value ? required_argument : no_argument, NULL,
			256 + (int)i };
	}
	t->letters[n] = '\0';
}

static int take_letter(struct options *o, int c, struct error *err)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++)
		if (option_letter((enum option_id)i) == c && (option_defs[i].groups & o->groups))
			return insert(o, o->n, (enum option_id)i, NULL)
				? error_set(err, ENOMEM, "out of memory") : 0;
	return error_set(err, EINVAL, "there is no option -%c", c);
}

/* getopt said ':' or '?'. */
static int refuse_argument(const struct options *o, int c, const char *word, struct error *err)
{
	char name[64];

	if (strncmp(word, "--", 2))
		return c == ':' ? error_set(err, EINVAL, "the option -%c needs a value", optopt)
				: error_set(err, EINVAL, "there is no option -%c", optopt);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	if (optopt >= 256)
		return check_option(o, optopt - 256, name, c == ':' ? NULL : "", err);
	if (find(name + 2) >= 0 && !(option_defs[find(name + 2)].groups & o->groups))
		return error_set(err, EINVAL, "the option %s has no meaning here", name);
	return refuse_unknown(o, name, err);
}

int options_parse(struct options *o, int argc, char **argv, int *first_operand,
		  struct error *err)
{
	AUTO(free) struct getopt_tables *t = calloc(1, sizeof(*t));
	int c, rc = 0;

	if (!t)
		return error_set(err, ENOMEM, "out of memory");
	fill_tables(t, o->groups);
	optind = 0;
	opterr = 0;
	while (!rc && (c = getopt_long(argc, argv, t->letters, t->longs, NULL)) != -1) {
		if (c >= 256)
			rc = options_add(o, t->names[c - 256], optarg, err);
		else if (c == 'o')
			rc = options_parse_list(o, optarg, false, err);
		else if (c == ':' || c == '?')
			rc = refuse_argument(o, c, argv[optind - 1], err);
		else
			rc = take_letter(o, c, err);
	}
	*first_operand = optind;
	return rc ? rc : options_read_files(o, err);
}
