/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a command: parsed from its arguments, from -o lists as
 * mount(8) hands them over, and from option files; checked against the one
 * table in option_table.h, so that a value that cannot be meant is refused
 * before anything is opened.
 *
 * An option that is given twice counts the last time, apart from those that
 * may be repeated, which are read with options_nth().
 */
#ifndef ADE_TOOLS_LIB_OPTIONS_H
#define ADE_TOOLS_LIB_OPTIONS_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which commands take an option; a command names its groups. */
enum option_group {
	G_ALL	 = 1 << 0,	/* every command */
	G_KEYS	 = 1 << 1,	/* opens disks */
	G_MOUNT	 = 1 << 2,	/* makes a mount */
	G_UMOUNT = 1 << 3,
	G_VAULT	 = 1 << 4,	/* opens a vault */
	G_NEWVAULT = 1 << 5,	/* makes one */
	G_BACKUP = 1 << 6,
	G_LONG	 = 1 << 7,	/* takes long: threads, progress */
	G_KEYSTORE = 1 << 8,	/* works on key stores */
	G_OBJECT = 1 << 9,	/* makes a key or secret in one */
	G_RESTORE = 1 << 10,
	G_VERIFY = 1 << 12,
	G_POINT	 = 1 << 13,	/* looks at a disk of a recovery point */
	G_ATTACH = 1 << 11,	/* makes block devices */
	G_NEWKEY = 1 << 20,	/* gives a vault one more key */
	G_PUBLIC = 1 << 21,	/* takes the public half of an RSA key */
	G_PAPER	 = 1 << 22,	/* puts a key on paper */
	G_BOOT	 = 1 << 23,	/* starts a VM */
	G_STORES = 1 << 28,	/* names key stores; no command's own: a heading */
	G_CAPSULE = 1 << 29,	/* writes the keys of a point */
	G_PUTBACK = 1 << 25,	/* puts them back into a Key Vault */
	G_CHECK	 = 1 << 30,	/* asks what a Key Vault permits */
	G_REBUILD = 1 << 17,	/* writes down a VM's shell */
	G_EXPORT = 1 << 14,	/* writes an overlay's disk */
	G_SEEN	 = 1 << 26,	/* looks at mounts */
	G_PROGRESS = 1 << 27,	/* takes long, in a thread of its own */
	G_STORE	 = 1 << 24,	/* reaches a store without a vault's key; G_VAULT takes these options too */
	G_PRUNE	 = 1 << 15,	/* lets points expire */
	G_HOLD	 = 1 << 16,	/* holds or releases a point */
	G_JOB	 = 1 << 18,	/* is a job */
	G_RUN	 = 1 << 19,	/* runs policies */
	G_REPORT = 1ull << 38,	/* tells of a vault */
	G_LISTS	 = 1ull << 39,	/* looks at lists of a vault */
	G_POLICY = 1ull << 32,	/* describes a policy */
	G_PROTECT = 1ull << 33,	/* protects VMs */
	G_UNPROTECT = 1ull << 34,
	G_AZURE	 = 1ull << 36,	/* prints Azure's JSON */
	G_SIMULATE = 1ull << 37,
};

enum option_id {
#define OPTION(id, name, value, groups, help) OPT_##id,
#include "tools/lib/option_table.h"
#undef OPTION
	N_OPTIONS
};

struct option_def {
	const char *name, *value;	/* value NULL: a flag */
	uint64_t groups;
	const char *help;
};

extern const struct option_def option_defs[N_OPTIONS];

/* The groups in the order of --help; an option is told under its first. */
struct option_group_def {
	uint64_t group;
	const char *title;	/* "volume keys" */
};

extern const struct option_group_def option_group_defs[];
extern const size_t n_option_group_defs;

/* Index into option_group_defs of the group under which it is told. */
size_t option_home(enum option_id id);

/* One letter that stands for it, or 0. */
char option_letter(enum option_id id);

struct options;
struct spec_secrets;
struct secret;

/* groups: those that the command takes; others are refused by name.
 * NULL: no memory. */
struct options *options_new(uint64_t groups);
void options_free(struct options *o);

/* --name VALUE, --name=VALUE, -q, -o LIST (with G_MOUNT), in any order with
 * operands; "--" ends the options.  argv is reordered: the operands are
 * argv[*first_operand] to argv[argc - 1].  Then reads the option files.
 * 0 or -EINVAL (usage), -ENOENT, … with words. */
int options_parse(struct options *o, int argc, char **argv, int *first_operand,
		  struct error *err);

/* "name=value,flag,…"; a comma in a value is written \, and a backslash \\.
 * mount(8)'s own options are kept for options_kernel().  sloppy: what nobody
 * knows is passed over.  Reads no option file: see options_read_files(). */
int options_parse_list(struct options *o, const char *list, bool sloppy, struct error *err);

/* Read what OPTIONS_FILE names; its options count less than those given. */
int options_read_files(struct options *o, struct error *err);

/* One option, checked.  value NULL: none was written. */
int options_add(struct options *o, const char *name, const char *value, struct error *err);

bool options_has(const struct options *o, enum option_id id);
const char *options_get(const struct options *o, enum option_id id);	/* the last; or NULL */
const char *options_nth(const struct options *o, enum option_id id, size_t n);	/* or NULL */

/* Values that the table declares N, SECONDS (suffixes s m h d), SIZE (bytes,
 * suffixes K M G T), MODE; `otherwise` when not given. */
uint64_t options_number(const struct options *o, enum option_id id, uint64_t otherwise);

/* Values declared USER and GROUP, by name or number.  0 or -ENOENT with words. */
int options_uid(const struct options *o, enum option_id id, unsigned *uid, struct error *err);
int options_gid(const struct options *o, enum option_id id, unsigned *gid, struct error *err);

/* SAS that were cut out of the program's arguments: borrowed for the life of o. */
void options_set_secrets(struct options *o, const struct spec_secrets *secrets);
/* That of this address; NULL: it had none.  Borrowed. */
const struct secret *options_sas(const struct options *o, const char *spec);

/* What of -o is for the kernel: "nosuid,noexec", "" if nothing. */
const char *options_kernel(const struct options *o);

/* The name nearest to a mistyped one among those of `groups`, or NULL. */
const char *option_nearest(const char *typed, uint64_t groups);

/* Bound edits between two words (insert, delete, replace, swap neighbours). */
unsigned edit_distance(const char *a, const char *b);

DEFINE_CLEANUP(struct options *, options_free);

#endif
