/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mounttable.h"
#include "tools/adebackup/command.h"
#include "tools/lib/files_tree.h"

#include <errno.h>
#include <string.h>

/* 0, or -errno: only what we mounted. */
static int unmount_ours(const char *operand, bool lazily, struct error *err)
{
	AUTO(free) char *dir = mount_dir_resolve(operand, err);
	AUTO(mounttable_free) struct mounttable *t = dir ? mounttable_read(err) : NULL;
	const struct mount_entry *e;
	int rc;

	if (!t)
		return -EIO;
	e = mounttable_find(t, dir);
	if (e && !strcmp(e->type, MOUNT_FSTYPE))
		return unmount_dir(dir, lazily, err);
	if (e && files_tree_is(e))
		return files_tree_remove(dir, NULL, lazily, err);
	if (e)
		rc = error_set(err, EINVAL, "%s is a mount of another kind (%s)", dir, e->type);
	else
		rc = error_set(err, ENOENT, "nothing is mounted at %s", dir);
	error_object(err, "%s", dir);
	error_next(err, "see what is mounted: adebackup mounts");
	return rc;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	int i;

	for (i = 0; i < in->n_operands; i++)
		if (unmount_ours(in->operands[i], options_has(in->options, OPT_LAZY), &err))
			return report_error(in->report, &err);
	return report_result(in->report, NULL);
}

const struct command cmd_umount = {
	.name = "umount",
	.operands = "DIR...",
	.min = 1,
	.max = -1,
	.summary = "undo a mount",
	.text = "Unmounts each DIR. A mount that is in use stays, exit code 11; with --lazy it "
		"leaves the folder at once and ends when its last user has. A mount whose process "
		"has died is cleared away. Of adebackup files, the file systems go with it.",
	.example = "  adebackup umount /mnt",
	.groups = G_UMOUNT,
	.run = run,
};
