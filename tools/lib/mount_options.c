/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/mount_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct mount_option { const char *name; enum mount_option_kind kind; };

/* A name with = at its end takes a value. */
static const struct mount_option table[] = {
	{ "nosuid", MOUNT_OPTION_KERNEL },	{ "nodev", MOUNT_OPTION_KERNEL },
	{ "noexec", MOUNT_OPTION_KERNEL },	{ "exec", MOUNT_OPTION_KERNEL },
	{ "noatime", MOUNT_OPTION_KERNEL },	{ "atime", MOUNT_OPTION_KERNEL },
	{ "nodiratime", MOUNT_OPTION_KERNEL },	{ "diratime", MOUNT_OPTION_KERNEL },
	{ "relatime", MOUNT_OPTION_KERNEL },	{ "norelatime", MOUNT_OPTION_KERNEL },
	{ "strictatime", MOUNT_OPTION_KERNEL },	{ "nostrictatime", MOUNT_OPTION_KERNEL },
	{ "sync", MOUNT_OPTION_KERNEL },	{ "async", MOUNT_OPTION_KERNEL },
	{ "dirsync", MOUNT_OPTION_KERNEL },	{ "context=", MOUNT_OPTION_KERNEL },
	{ "fscontext=", MOUNT_OPTION_KERNEL },	{ "defcontext=", MOUNT_OPTION_KERNEL },
	{ "rootcontext=", MOUNT_OPTION_KERNEL },
	/* The tree decides whether it can be written to; device files and
	 * set-user-id bits do not occur in it. */
	{ "rw", MOUNT_OPTION_IGNORED },		{ "ro", MOUNT_OPTION_IGNORED },
	{ "suid", MOUNT_OPTION_IGNORED },	{ "dev", MOUNT_OPTION_IGNORED },
	{ "lazytime", MOUNT_OPTION_IGNORED },	{ "nolazytime", MOUNT_OPTION_IGNORED },
	{ "defaults", MOUNT_OPTION_IGNORED },	{ "_netdev", MOUNT_OPTION_IGNORED },
	{ "nofail", MOUNT_OPTION_IGNORED },	{ "fail", MOUNT_OPTION_IGNORED },
	{ "auto", MOUNT_OPTION_IGNORED },	{ "noauto", MOUNT_OPTION_IGNORED },
	{ "user", MOUNT_OPTION_IGNORED },	{ "user=", MOUNT_OPTION_IGNORED },
	{ "nouser", MOUNT_OPTION_IGNORED },	{ "users", MOUNT_OPTION_IGNORED },
	{ "nousers", MOUNT_OPTION_IGNORED },	{ "owner", MOUNT_OPTION_IGNORED },
	{ "noowner", MOUNT_OPTION_IGNORED },	{ "group", MOUNT_OPTION_IGNORED },
	{ "nogroup", MOUNT_OPTION_IGNORED },	{ "silent", MOUNT_OPTION_IGNORED },
	{ "loud", MOUNT_OPTION_IGNORED },	{ "comment=", MOUNT_OPTION_IGNORED },
	{ "uhelper=", MOUNT_OPTION_IGNORED },	{ "helper=", MOUNT_OPTION_IGNORED },
	{ "default_permissions", MOUNT_OPTION_IGNORED },	/* always on */
	{ "remount", MOUNT_OPTION_REFUSED },	{ "bind", MOUNT_OPTION_REFUSED },
	{ "rbind", MOUNT_OPTION_REFUSED },	{ "move", MOUNT_OPTION_REFUSED },
	{ "loop", MOUNT_OPTION_REFUSED },	{ "loop=", MOUNT_OPTION_REFUSED },
};

enum mount_option_kind mount_option_kind(const char *entry)
{
	size_t len = strcspn(entry, "="), i;

	if (!strncmp(entry, "x-", 2) || !strncmp(entry, "X-", 2))
		return MOUNT_OPTION_IGNORED;
	if (entry[len] == '=')
		len++;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == len && !strncmp(table[i].name, entry, len))
			return table[i].kind;
	return MOUNT_OPTION_OTHER;
}

int mount_option_refuse(const char *entry, struct error *err)
{
	int rc = error_set(err, EINVAL, "the mount option %.64s does not work here", entry);

	if (!strncmp(entry, "remount", 7))
		error_next(err, "unmount and mount again with the options that you want");
	else if (!strncmp(entry, "loop", 4))
		error_next(err, "leave it out: image files are opened as they are");
	return rc;
}
