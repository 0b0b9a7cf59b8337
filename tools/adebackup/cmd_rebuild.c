/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/rebuild.h"
#include "fs/mount/populate_rebuild.h"
#include "fs/util/fileio.h"
#include "tools/adebackup/command.h"
#include "tools/lib/spec_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define IMAGES_DEFAULT "/mnt/adebackup"
#define NOT_WRITTEN ".NOT-WRITTEN.txt"

static const char *const targets[] = { "libvirt", "qemu", "hyperv", "azure" };

static bool is_target(const char *name)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!strcmp(targets[i], name))
			return true;
	return false;
}

/* Of "hyperv.ps1" and of "hyperv.ps1.NOT-WRITTEN.txt": "hyperv"; README: "". */
static const char *target_of(const char *file)
{
	for (int i = 0; i < REBUILD_N_FILES; i++) {
		const char *name = rebuild_file_name(i);

		if (!strncmp(file, name, strlen(name)))
			return rebuild_file_target(i);
	}
	return "";
}

static bool is_wanted(const struct node *n, const char *target)
{
	const char *of = target_of(n->name);

	return !target || !*of || !strcmp(of, target);
}

/* The folder is part of every script: it holds wherever they are run. */
static char *images_path(const char *given, struct error *err)
{
	AUTO(free) char *here = NULL;
	char *path = NULL;

	if (!given || *given == '/')
		path = strdup(given ? given : IMAGES_DEFAULT);
	else if ((here = getcwd(NULL, 0)) && asprintf(&path, "%s/%s", here, given) < 0)
		path = NULL;
	return path ? path : error_null(err, ENOMEM, "out of memory");
}

static struct node *rebuild_node(struct tree *t, const char *spec, struct error *err)
{
	struct node *root = tree_root(t), *n = NULL;
	int rc = node_fill(root, err);

	if (rc == 0)
		n = node_child(root, REBUILD_FOLDER);
	if (rc == 0 && !n) {
		error_set(err, EINVAL, "%s is a vault, which holds many machines", spec);
		error_next(err, "name the VM and, unless the latest is meant, the point: VM@POINT");
	}
	return n && node_fill(n, err) == 0 ? n : NULL;
}

/* What is there is kept: it may have been changed by hand. */
static int write_file(const char *dir, const struct node *n, struct error *err)
{
	AUTO(free) char *path = NULL;
	AUTO(fd) int fd = -1;
	bool script = strlen(n->name) > 3 && !strcmp(n->name + strlen(n->name) - 3, ".sh");
	int rc;

	if (asprintf(&path, "%s/%s", dir, n->name) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, script ? 0777 : 0666);
	rc = fd < 0 ? -errno : file_write_all(fd, n->text, n->size);
	if (rc == 0)
		return 0;
	error_set(err, -rc, "%s: %s", path, strerror(-rc));
	if (rc == -EEXIST)
		error_next(err, "name another folder, or take the file away");
	return rc;
}

static int write_files(const struct node *folder, const char *dir, const char *target, const struct report *report,
		       struct error *err)
{
	int rc = 0;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return error_set(err, errno, "%s: %s", dir, strerror(errno));
	for (size_t i = 0; i < folder->n_children && rc == 0; i++) {
		const struct node *n = folder->children[i];

		if (!is_wanted(n, target))
			continue;
		rc = write_file(dir, n, err);
		if (rc == 0 && !report->json && !report->quiet)
			printf("%s/%s\n", dir, n->name);
	}
	return rc;
}

/* A form that this machine cannot have is said so in a file of that name. */
static bool warn_of_missing(const struct node *folder, const char *target, const struct report *report)
{
	bool warned = false;

	for (size_t i = 0; i < folder->n_children; i++) {
		const struct node *n = folder->children[i];
		struct error why = ERROR_INIT;

		if (!strstr(n->name, NOT_WRITTEN) || !is_wanted(n, target))
			continue;
		error_set(&why, ENOTSUP, "%.*s is not written: %.*s", (int)strcspn(n->name, "N") - 1, n->name,
			  (int)strcspn(n->text, "\n"), n->text);
		report_warning(report, &why);
		warned = true;
	}
	return warned;
}

/* Without --to: the one file that matters, or without a target the words. */
static void print_one(const struct node *folder, const char *target)
{
	for (size_t i = 0; i < folder->n_children; i++) {
		const struct node *n = folder->children[i];
		const char *of = target_of(n->name);

		if (strstr(n->name, NOT_WRITTEN) || strcmp(of, target ? target : ""))
			continue;
		if (!strcmp(n->name, "libvirt.sh") || !strcmp(n->name, "azuredeploy.json"))
			continue;
		fwrite(n->text, 1, n->size, stdout);
	}
	fflush(stdout);
}

static json_t *files_json(const struct node *folder, const char *target)
{
	json_t *list = json_array();

	for (size_t i = 0; i < folder->n_children; i++) {
		const struct node *n = folder->children[i];

		if (is_wanted(n, target))
			json_array_append_new(list, json_pack("{s:s,s:s,s:s%}", "name", n->name, "target",
							      target_of(n->name), "text", n->text, (size_t)n->size));
	}
	return list;
}

static int tell(const struct invocation *in, struct spec_tree *what, const struct node *folder, const char *images,
		struct error *err)
{
	const char *target = options_get(in->options, OPT_TARGET), *to = options_get(in->options, OPT_TO);
	bool warned = warn_of_missing(folder, target, in->report);
	int code;

	if (to && write_files(folder, to, target, in->report, err) < 0)
		return report_error(in->report, err);
	if (!to && !in->report->json)
		print_one(folder, target);
	code = report_result(in->report, json_pack("{s:s,s:o}", "images", images, "files",
						   files_json(folder, target)));
	return code == EXIT_DONE && (warned || what->opening.warned) ? EXIT_WARNINGS : code;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	const char *target = options_get(in->options, OPT_TARGET);
	AUTO(free) char *images = images_path(options_get(in->options, OPT_IMAGES), &err);
	__attribute__((cleanup(spec_tree_close_cleanup))) struct spec_tree what = { 0 };
	const struct spec spec = { .source = in->operands[0], .at = in->n_operands == 2 ? in->operands[1] : NULL,
				   .dir = images, .options = in->options, .report = in->report };
	AUTO(tree_free) struct tree *tree = NULL;
	struct node *folder;

	if (target && !is_target(target)) {
		error_set(&err, EINVAL, "'%.80s' is no target", target);
		error_next(&err, "one of libvirt, qemu, hyperv, azure");
		return report_error(in->report, &err);
	}
	tree = images ? spec_tree_new(&what, &spec, &err) : NULL;
	folder = tree ? rebuild_node(tree, in->operands[0], &err) : NULL;
	return folder ? tell(in, &what, folder, images, &err) : report_error(in->report, &err);
}

const struct command cmd_rebuild = {
	.name = "rebuild",
	.operands = "SPEC [VM[@POINT]]",
	.min = 1,
	.max = 2,
	.summary = "write down how to make the VM again elsewhere",
	.text = "Writes what rebuild/ of a mount holds, of SPEC, a disk image, or of a recovery point of a vault: a "
		"libvirt domain, a QEMU command, a script for Hyper-V, a template and a script for Azure, and "
		"README.txt, which says what is to be done by hand and why. Processors, memory, firmware and "
		"network adapters are those of the VM's description; without one, the disk's boot records and the "
		"readme tell what was assumed.\n\n"
		"With --to the files are written there, those of all targets or of one --target; without, the "
		"script or domain of that target is printed, or README.txt when none is named. Nothing is "
		"started, and no disk is copied.",
	.example = "  adebackup rebuild /backup web1 --vault-key vault.key --to web1-rebuild --images /mnt/web1\n"
		   "  adebackup rebuild osdisk.vhd --keys keys --target hyperv > web1.ps1",
	.groups = G_KEYS | G_VAULT | G_REBUILD,
	.run = run,
};
