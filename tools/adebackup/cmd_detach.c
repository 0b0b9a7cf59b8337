/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/loop.h"
#include "tools/lib/private_dir.h"

#include <errno.h>

static int refuse(const char *device, const char *what, struct error *err)
{
	int rc = error_set(err, EINVAL, "%s: %s", device, what);

	error_object(err, "%s", device);
	error_next(err, "see which devices there are with: losetup --list");
	return rc;
}

/* The device, and, with the last one of it, the mount. */
static int detach(const char *device, struct error *err)
{
	AUTO(free) char *file = NULL, *dir = NULL;
	char name[32];
	int rc;

	if (!loop_whole(device, name))
		return refuse(device, "this is no loop device", err);
	file = loop_file(name, err);
	if (!file)
		return -err->code;
	dir = private_dir_of(file, "attach");
	if (!dir)
		return refuse(device, "adebackup attach did not make this device", err);
	rc = loop_detach(name, err);
	if (rc || loop_any_other(name, dir))
		return rc;
	return private_dir_remove(dir, false, err);
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;

	for (int i = 0; i < in->n_operands; i++)
		if (detach(in->operands[i], &err))
			return report_error(in->report, &err);
	return report_result(in->report, NULL);
}

const struct command cmd_detach = {
	.name = "detach",
	.operands = "DEVICE...",
	.min = 1,
	.max = -1,
	.summary = "take away what attach made",
	.text = "Takes each DEVICE away that adebackup attach made, with its partitions, and what served "
		"it; a partition's name stands for the whole. A device that is in use stays, with all its "
		"partitions, exit code 11. It works as well after the process that served it has died.",
	.example = "  adebackup detach /dev/loop0",
	.groups = 0,
	.run = run,
};
