/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/boot_cmd.h"
#include "tools/lib/boot_adapt.h"
#include "tools/lib/boot_names.h"
#include "tools/lib/mounting.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define STEP_MS 250u

static bool talks(const struct boot *b)
{
	return !b->in->report->json && !b->in->report->quiet;
}

static void warn(struct boot *b, const struct error *w)
{
	report_warning(b->in->report, w);
	b->warned = true;
}

/* web01 of web01@latest, or the image's name. */
static void name_vm(struct boot *b)
{
	const char *from = b->in->operands[b->in->n_operands - 1], *slash = strrchr(from, '/');
	const char *vm = options_get(b->in->options, OPT_VM);

	if (b->in->n_operands == 1 && vm)
		from = vm;
	else if (b->in->n_operands == 1 && slash && slash[1])
		from = slash + 1;
	snprintf(b->name, sizeof(b->name), "%.*s", (int)(b->in->n_operands == 2 ? strcspn(from, "@") : strlen(from)), from);
}

/* Names of Azure's disks for a Linux guest, in the overlay; nothing else is ever changed. */
static int adapt(struct boot *b, bool write, struct error *err)
{
	size_t len;
	FILE *f;
	int rc;

	if (b->plan.machine.os == MACHINE_WINDOWS || options_has(b->in->options, OPT_NO_ADAPT))
		return 0;
	rc = boot_names_add(&b->plan, b->state.work, err);
	if (rc)
		return rc;
	f = open_memstream(&b->changes, &len);
	if (!f)
		return error_set(err, ENOMEM, "out of memory");
	rc = boot_adapt(b->plan.os_image, &b->plan.adapt, b->state.work, write, f, err);
	if (fclose(f))
		return error_set(err, ENOMEM, "out of memory");
	if (rc <= 0)
		return rc;
	warn(b, err);
	error_clear(err);
	return 0;
}

/* Beside an overlay that is kept, so that whoever finds it knows. */
static int write_changes(const struct boot *b, struct error *err)
{
	const char *out = options_get(b->in->options, OPT_SNAPSHOT_OUT);
	AUTO(free) char *folder = NULL, *path = NULL;
	struct stat st;
	FILE *f;

	if (!out || !b->changes || !*b->changes)
		return 0;
	if (stat(out, &st) || !S_ISDIR(st.st_mode)) {
		if (asprintf(&path, "%s.CHANGES.txt", out) < 0)
			path = NULL;
	} else if (asprintf(&folder, "%s/rebuild", out) < 0) {
		folder = NULL;
	} else {
		mkdir(folder, 0700);
		if (asprintf(&path, "%s/CHANGES.txt", folder) < 0)
			path = NULL;
	}
	f = path ? fopen(path, "we") : NULL;
	if (!f)
		return error_set(err, path ? errno : ENOMEM, "%s: %s", path ? path : out, strerror(path ? errno : ENOMEM));
	fprintf(f, "What adebackup boot changed in the overlay of %s; the recovery point is as it was.\n\n%s", b->name,
		b->changes);
	return fclose(f) ? error_set(err, errno, "%s: %s", path, strerror(errno)) : 0;
}

static void tell_drivers(struct boot *b)
{
	struct error w = ERROR_INIT;

	if (!b->plan.bus_lacks)
		return;
	error_set(&w, ENOTSUP, "it will not find its disks on the %s bus: %s",
		  machine_bus_name(machine_bus(&b->plan.machine)), b->plan.bus_why);
	error_next(&w, "have the VM make its initramfs for any machine (dracut --no-hostonly, or MODULES=most of "
		       "initramfs-tools) and back it up again; or start another of its kernels from the boot menu");
	warn(b, &w);
}

static int copy_firmware_variables(struct boot *b, struct error *err)
{
	AUTO(fd) int from = -1, to = -1;
	struct stat st;

	if (!b->plan.firmware_vars)
		return 0;
	from = open(b->plan.firmware_vars, O_RDONLY | O_CLOEXEC);
	to = open(b->state.vars, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from < 0 || to < 0 || fstat(from, &st) || sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		return error_set(err, errno, "the firmware's variables cannot be copied: %s", strerror(errno));
	return 0;
}

static enum qemu_display display_from(const struct options *o)
{
	const char *name = options_get(o, OPT_DISPLAY);

	if (!name || !strcmp(name, "none"))
		return QEMU_DISPLAY_NONE;
	return !strcmp(name, "gtk") ? QEMU_DISPLAY_GTK : QEMU_DISPLAY_VNC;
}

static struct qemu_command *compose(struct boot *b, struct error *err)
{
	struct qemu_options q = {
		.accel = b->plan.accel,
		.console = b->in->report->json || b->drill ? QEMU_CONSOLE_LOG : QEMU_CONSOLE_STDIO,
		.display = display_from(b->in->options),
		.firmware_code = b->plan.firmware_code,
		.firmware_vars = b->state.vars,
		.serial_log = b->serial,
		.qmp_socket = b->state.qmp,
	};

	return qemu_command_new(&b->plan.machine, &q, err);
}

static void tell_plan(const struct boot *b)
{
	const struct machine *m = &b->plan.machine;

	fprintf(stderr, "%s: %s, generation %d (%s), %u CPU%s, %llu MiB, %s disks, %s (%s)\n", m->name,
		m->os == MACHINE_LINUX ? "Linux" : "Windows", (int)m->generation, b->plan.generation_from,
		m->cpus, m->cpus == 1 ? "" : "s", (unsigned long long)m->memory_mib,
		b->plan.decrypted ? "decrypted" : b->plan.encrypted ? "encrypted" : "plain",
		b->plan.accel == QEMU_KVM ? "KVM" : "emulation", b->plan.accel_why);
	if (b->plan.bus_why[0])
		fprintf(stderr, "disks on the %s bus (%s)\n", machine_bus_name(machine_bus(m)), b->plan.bus_why);
	if (b->changes && *b->changes)
		fprintf(stderr, "changed in the overlay only:\n%s", b->changes);
}

static int add_plan(const struct boot *b, const struct qemu_command *c, json_t *result)
{
	const struct machine *m = &b->plan.machine;
	json_t *argv = json_array(), *changes = json_array();
	const char *line = b->changes ? b->changes : "";

	for (char *const *w = qemu_command_argv(c); *w; w++)
		json_array_append_new(argv, json_string(*w));
	for (; *line; line += strcspn(line, "\n") + 1)
		json_array_append_new(changes, json_stringn(line, strcspn(line, "\n")));
	json_object_del(result, "dir");
	return json_object_set_new(result, "vm", json_string(m->name)) |
	       json_object_set_new(result, "os", json_string(m->os == MACHINE_LINUX ? "linux" : "windows")) |
	       json_object_set_new(result, "generation", json_integer(m->generation)) |
	       json_object_set_new(result, "generation_from", json_string(b->plan.generation_from)) |
	       json_object_set_new(result, "decrypted", json_boolean(b->plan.decrypted)) |
	       json_object_set_new(result, "bus", json_string(machine_bus_name(machine_bus(m)))) |
	       json_object_set_new(result, "bus_why", json_string(b->plan.bus_why)) |
	       json_object_set_new(result, "accel", json_string(b->plan.accel == QEMU_KVM ? "kvm" : "tcg")) |
	       json_object_set_new(result, "accel_why", json_string(b->plan.accel_why)) |
	       json_object_set_new(result, "argv", argv) | json_object_set_new(result, "changes", changes);
}

json_t *boot_timing(const struct boot *b)
{
	return json_pack("{s:I, s:I, s:I}", "mounted_ms", (json_int_t)(b->mounted - b->began), "prepared_ms",
			 (json_int_t)(b->prepared - b->began), "started_ms",
			 (json_int_t)(b->started ? b->started - b->began : 0));
}

static void tell_silence(struct boot *b)
{
	struct error w = ERROR_INIT;

	error_set(&w, ETIMEDOUT, "the guest has said nothing on its serial line for 60 s, and its kernel has not been heard (%s)",
		  console_stage_name(b->guest.watch.stage));
	error_next(&w, b->plan.accel == QEMU_KVM ? "try --accel tcg; or --display, if it has no serial console"
					       : "look at its screen with --display gtk or vnc; a boot sector may be broken");
	warn(b, &w);
}

static void tell_stop(struct boot *b, bool *told)
{
	struct error w = ERROR_INIT;

	if (*told || !b->guest.io_error[0])
		return;
	*told = true;
	error_set(&w, EIO, "the guest was stopped: %s", b->guest.io_error);
	error_next(&w, "mend the cause, then Ctrl-A C and cont goes on; Ctrl-A X ends it");
	warn(b, &w);
}

/* Until it ends, or a signal asks for that. */
static void attend(struct boot *b)
{
	struct pollfd wake = { .fd = b->state.wake_fd, .events = POLLIN };
	bool told = false;

	while (guest_step(&b->guest, b->state.wake_fd, STEP_MS)) {
		if (poll(&wake, 1, 0) > 0)
			break;
		tell_stop(b, &told);
		if (b->plan.machine.os == MACHINE_LINUX && console_watch_silent(&b->guest.watch, guest_clock_ms()))
			tell_silence(b);
	}
	guest_stop(&b->guest);
}

static int ended(struct boot *b, json_t *result, struct error *err)
{
	int status = b->guest.status;
	bool by_signal = WIFSIGNALED(status) || !b->guest.shut_down;

	if (WIFEXITED(status) && WEXITSTATUS(status))
		return error_set(err, EIO, "QEMU ended with %d", WEXITSTATUS(status));
	if (json_object_set_new(result, "ended", json_string(by_signal ? "stopped" : "shut down")) |
	    json_object_set_new(result, "silent", json_boolean(b->guest.watch.told_silent)) |
	    json_object_set_new(result, "timing", boot_timing(b)))
		return error_set(err, ENOMEM, "out of memory");
	return 0;
}

int boot_start(struct boot *b, const struct qemu_command *c, struct error *err)
{
	struct guest_request r = { .argv = qemu_command_argv(c), .qmp_socket = b->state.qmp,
				   .serial_log = b->serial, .expect = options_get(b->in->options, OPT_EXPECT),
				   .terminal = !b->in->report->json && !b->drill };
	int rc = guest_start(&b->guest, &r, err);

	b->started = b->guest.spawned;
	return rc;
}

static int start_and_attend(struct boot *b, const struct qemu_command *c, json_t *result, struct error *err)
{
	int rc = boot_start(b, c, err);

	if (rc)
		return rc;
	if (talks(b))
		fprintf(stderr, "started after %llu ms (mounted after %llu); Ctrl-A X ends it\n",
			(unsigned long long)(b->started - b->began), (unsigned long long)(b->mounted - b->began));
	attend(b);
	rc = ended(b, result, err);
	guest_close(&b->guest);
	return rc;
}

static int show(struct boot *b, const struct qemu_command *c, json_t *result, struct error *err)
{
	AUTO(free) char *text = qemu_command_text(c);

	if (!text || json_object_set_new(result, "timing", boot_timing(b)))
		return error_set(err, ENOMEM, "out of memory");
	if (!b->in->report->json)
		fputs(text, stdout);
	return 0;
}

static int prepare(struct boot *b, const char *dir, bool dry, struct error *err)
{
	int rc = boot_plan_make(&b->plan, dir, b->name, b->state.work, b->in->options, dry, err);

	if (!rc)
		tell_drivers(b);
	if (!rc && b->drill && !dry)
		rc = drill_check_volumes(b->drill, dir, err);
	if (!rc)
		rc = adapt(b, !dry, err);
	if (!rc && !dry)
		rc = write_changes(b, err);
	if (!rc && !dry)
		rc = copy_firmware_variables(b, err);
	b->prepared = guest_clock_ms();
	return rc;
}

static int on_ready(void *arg, const char *dir, json_t *result, bool *warned, struct error *err)
{
	struct boot *b = arg;
	bool dry = options_has(b->in->options, OPT_DRY_RUN);
	AUTO(qemu_command_free) struct qemu_command *c = NULL;
	int rc;

	boot_state_guard(&b->state);
	b->mounted = guest_clock_ms();
	rc = prepare(b, dir, dry, err);
	c = rc ? NULL : compose(b, err);
	if (!c)
		return rc ? rc : -err->code;
	if (add_plan(b, c, result))
		return error_set(err, ENOMEM, "out of memory");
	if (talks(b))
		tell_plan(b);
	rc = dry ? show(b, c, result, err) : b->drill ? boot_drill(b, c, result, err)
						      : start_and_attend(b, c, result, err);
	*warned = b->warned;
	return rc;
}

static void on_ending(void *arg)
{
	struct boot *b = arg;

	guest_close(&b->guest);
	boot_plan_release(&b->plan);
}

static void on_failed(void *arg, const struct error *why)
{
	struct boot *b = arg;

	if (b->drill)
		boot_drill_failed(b, why);
}

/* What is written goes to a file that is kept, or to one without a name. */
static int choose_overlay(const struct boot *b, struct error *err)
{
	struct options *o = b->in->options;
	const char *out = options_get(o, OPT_SNAPSHOT_OUT);
	struct stat st;
	int rc = out ? vault_is_at(b->in->operands[0], o, err) : 0;
	bool folder = out && (rc > 0 || out[strlen(out) - 1] == '/');

	if (rc < 0)
		return rc;
	if (!out)
		return options_has(o, OPT_OVERLAY) ? 0 : options_add(o, "overlay", "tmp", err);
	if (options_has(o, OPT_OVERLAY))
		return error_set(err, EINVAL, "snapshot-out and overlay say the same: give one");
	if (folder && mkdir(out, 0700) && errno != EEXIST)
		return error_set(err, errno, "%s: %s", out, strerror(errno));
	rc = options_add(o, "overlay", out, err);
	if (!rc && (stat(out, &st) || !S_ISDIR(st.st_mode)) && !options_has(o, OPT_OVERLAY_VIEW))
		rc = options_add(o, "overlay-view", options_has(o, OPT_DECRYPTED) ? "disk.raw" : "encrypted/disk.raw", err);
	return rc;
}

static int begin(struct boot *b, struct error *err)
{
	int rc = choose_overlay(b, err);

	if (!rc && !b->drill && (options_has(b->in->options, OPT_EXPECT) || options_has(b->in->options, OPT_REPORT) ||
				 options_has(b->in->options, OPT_TIMEOUT)))
		rc = error_set(err, EINVAL, "expect, report and timeout belong to --drill");
	if (!rc && !options_has(b->in->options, OPT_DECRYPTED) && !options_has(b->in->options, OPT_BEKVOLUME))
		rc = options_add(b->in->options, "bekvolume", NULL, err);
	if (!rc)
		rc = boot_state_begin(&b->state, err);
	b->serial = options_get(b->in->options, OPT_SERIAL_LOG);
	if (!b->serial)
		b->serial = b->state.serial;
	name_vm(b);
	return rc;
}

static int run(const struct invocation *in)
{
	struct drill drill = { 0 };
	struct boot b = { .in = in, .report = *in->report, .plan = { .bek_fd = -1 }, .guest = { .pid_fd = -1, .log_fd = -1 },
			  .state = { .wake_fd = -1, .base_fd = -1 }, .began = guest_clock_ms(), .code = -1,
			  .drill = options_has(in->options, OPT_DRILL) ? &drill : NULL };
	const struct mount_hooks hooks = { .ready = on_ready, .failed = on_failed, .ending = on_ending, .arg = &b,
					   .ends = true };
	struct mount_request req = { .spec = in->operands[0], .options = in->options, .foreground = true,
				     .at = in->n_operands == 2 ? in->operands[1] : NULL, .hooks = &hooks };
	struct error err = ERROR_INIT;
	int code;

	if (begin(&b, &err)) {
		code = report_error(in->report, &err);
	} else {
		req.dir = b.state.mount;
		code = mounting_run(&req, &b.report);
	}
	boot_state_end(&b.state);
	free(b.changes);
	json_decref(b.report.beside);
	drill_free(&drill);
	return b.code >= 0 && (code == EXIT_DONE || code == EXIT_WARNINGS) ? b.code : code;
}

const struct command cmd_boot = {
	.name = "boot",
	.operands = "SPEC [VM[@POINT]]",
	.min = 1,
	.max = 2,
	.summary = "start the VM of a disk or recovery point",
	.text = "Starts SPEC, a system disk's image, or the VM of a recovery point with all its disks, in QEMU: "
		"encrypted as it was, with the BEK volume as a further disk, or from the decrypted disks with "
		"--decrypted. What it writes goes to an overlay that is gone afterwards, or is kept by "
		"--snapshot-out. The recovery point is never changed. Its serial line is this terminal "
		"(Ctrl-A X ends it), its screen is shown by --display.\n\n"
		"Generation, operating system, memory and processors are those of the VM's description "
		"(--vm-config for an image), as far as this machine has them. Without one the disk's boot "
		"records tell: a boot sector with code is generation 1, an EFI loader alone generation 2 "
		"(needs the package ovmf).\n\n"
		"A Linux guest that Azure Disk Encryption encrypted does not start by itself outside "
		"Azure: it looks for its disks under /dev/disk/azure, whose names Azure's udev rules "
		"give to Hyper-V's disks alone. boot puts a second small initramfs beside its own, in "
		"the overlay, and has its boot loader load both; it gives those names, and when the "
		"disks are decrypted the names of the opened volumes: /dev/mapper/osencrypt, and for data "
		"disks what the guest's crypttab says, whose lines then ask for no key. Each change is told, "
		"and kept as CHANGES.txt beside a kept overlay.\n\n"
		"A disk that fails stops the guest. One that says nothing for 60 s before its kernel is "
		"heard is reported. Without --network user it has no network.\n\n"
		"--drill starts it to see whether it comes up, without network and unattended: the file "
		"systems of all volumes that open are checked by their own programs without repair, then the "
		"serial line is listened to until a login prompt, or what --expect says, appears. Ends with 0 "
		"when it came up and all is clean, whatever was warned of; with 3 when it came up and a file "
		"system could not be checked, as of a volume that stayed locked; else with 1 and the reason.",
	.example = "  adebackup boot osdisk.vhd --keys /keys\n"
		   "  adebackup boot /backup web01@20261120T020000Z --vault-key vault.key --decrypted\n"
		   "  adebackup boot osdisk.vhd --keys /keys --dry-run\n"
		   "  adebackup boot /backup web01 --vault-key vault.key --drill --report drill.html",
	.groups = G_KEYS | G_VAULT | G_MOUNT | G_BOOT,
	.run = run,
};
