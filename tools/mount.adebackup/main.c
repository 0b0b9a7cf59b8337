/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper that mount(8) runs for `mount -t adebackup` and, through a link,
 * for `mount -t fuse.adebackup`:
 *	mount.adebackup SPEC DIR [-sfnv] [-N NS] [-t TYPE.SUBTYPE] [-o OPTIONS]
 */
#include "fs/util/log.h"
#include "tools/lib/help.h"
#include "tools/lib/mounting.h"
#include "tools/lib/process.h"
#include "tools/lib/spec_secrets.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct flags {
	bool sloppy, fake, verbose, foreground, help, version;
	const char *mount_ns;
	const char *lists[64];		/* -o, in order */
	size_t n_lists;
};

static const struct option longs[] = {
	{ "foreground", no_argument, NULL, 'F' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int parse_flags(struct flags *f, int argc, char **argv, struct error *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":sfnvwrhVN:t:o:", longs, NULL)) != -1) {
		switch (c) {
		case 's': f->sloppy = true; break;
		case 'f': f->fake = true; break;
		case 'v': f->verbose = true; break;
		case 'N': f->mount_ns = optarg; break;
		case 'n': case 'w': case 'r': case 't': break;
		case 'F': f->foreground = true; break;
		case 'h': f->help = true; break;
		case 'V': f->version = true; break;
		case 'o':
			if (f->n_lists == sizeof(f->lists) / sizeof(f->lists[0]))
				return error_set(err, EINVAL, "too many -o");
			f->lists[f->n_lists++] = optarg;
			break;
		case ':':
			return error_set(err, EINVAL, "-%c needs a value", optopt);
		default:
			return error_set(err, EINVAL, "there is no option %s", argv[optind - 1]);
		}
	}
	return 0;
}

static int parse(struct flags *f, struct options *o, int argc, char **argv, struct error *err)
{
	int rc = parse_flags(f, argc, argv, err);
	size_t i;

	for (i = 0; i < f->n_lists && !rc; i++)
		rc = options_parse_list(o, f->lists[i], f->sloppy, err);
	if (!rc && f->foreground)
		rc = options_add(o, "foreground", NULL, err);
	if (!rc)
		rc = options_read_files(o, err);
	if (rc || f->help || f->version || argc - optind == 2)
		return rc;
	rc = error_set(err, EINVAL, "needs a SPEC and a DIR");
	error_next(err, "see: mount.adebackup --help");
	return rc;
}

static void print_help(void)
{
	puts("usage: mount.adebackup SPEC DIR [-sfnv] [-N NS] [-t TYPE.SUBTYPE] [-o OPTIONS]\n"
	     "\n"
	     "The helper of mount(8) for disks that Azure Disk Encryption has encrypted. It\n"
	     "returns when the files are there. People use: adebackup mount.\n"
	     "\n"
	     "  -f            check everything, do not mount      -s  pass over unknown options\n"
	     "  -v            say what is done                    -n, -t  accepted\n"
	     "  -N NS         mount in the mount namespace of that file, /proc/PID/ns/mnt\n"
	     "  --foreground  serve from this process             --version\n"
	     "\n"
	     "options, after -o and separated by commas (write \\, for a comma in a value).");
	help_print_options(stdout, G_KEYS | G_VAULT | G_MOUNT | G_ALL, HELP_LIST);
	puts("\nThe options of mount(8) are taken too. See mount.adebackup(8).");
}

int main(int argc, char **argv)
{
	__attribute__((cleanup(spec_secrets_clear_cleanup))) struct spec_secrets secrets = { .n = 0 };
	struct report report = { .program = "mount.adebackup", .mount_bits = true };
	struct mount_request req = { 0 };
	struct error err = ERROR_INIT;
	struct flags f = { 0 };
	int rc = process_init();
	AUTO(options_free) struct options *o = options_new(G_KEYS | G_VAULT | G_MOUNT);

	spec_secrets_take(&secrets, argc, argv);
	log_init("mount.adebackup", LOG_LEVEL_INFO);
	if (rc || !o) {
		error_set(&err, rc ? -rc : ENOMEM, "cannot start: %s", strerror(rc ? -rc : ENOMEM));
		return report_error(&report, &err);
	}
	options_set_secrets(o, &secrets);
	if (parse(&f, o, argc, argv, &err))
		return report_error(&report, &err);
	if (f.version) {
		puts("mount.adebackup " ADE_VERSION);
		return 0;
	}
	if (f.help) {
		print_help();
		return 0;
	}
	report.quiet = options_has(o, OPT_QUIET);
	spec_secrets_warn(&secrets, &report);
	req = (struct mount_request){ .spec = argv[optind], .dir = argv[optind + 1],
				      .options = o, .mount_ns = f.mount_ns,
				      .fake = f.fake, .verbose = f.verbose };
	return mounting_run(&req, &report);
}
