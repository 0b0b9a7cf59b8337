/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_plan.h"
#include "crypto/cleanup.h"
#include "fs/image/file.h"
#include "fs/image/guestos.h"
#include "fs/util/fileio.h"
#include "tools/lib/boot_drivers.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/guest_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEK_MAX (64u << 20)
#define ENCRYPTED_VIEW "encrypted/disk.raw"
#define DECRYPTED_VIEW "disk.raw"

static const struct { const char *code, *vars; } firmwares[] = {
	{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
	{ "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
	{ "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
};

struct gathering {
	struct boot_plan *p;
	const struct options *o;
};

/* A view that a locked volume shuts is refused on opening. */
static int check_view(const char *path, bool decrypted, struct error *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd >= 0)
		return 0;
	if (errno != EACCES || !decrypted)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	rc = error_set(err, ENOKEY, "a volume of this disk is locked, so it cannot be shown decrypted");
	error_next(err, "name its key, or show what opens with --partial");
	return rc;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

static unsigned number_of(const json_t *part)
{
	return (unsigned)json_integer_value(json_object_get(part, "n"));
}

/* Its only file system inside the encrypted volume is named as the guest waits for it. */
static void add_root(struct boot_plan *p, const json_t *part)
{
	struct adapt_volume *v = &p->adapt.volume[p->adapt.n_volumes];

	if (!*text_of(part, "inside") || p->adapt.n_volumes == ADAPT_VOLUMES_MAX)
		return;
	*v = (struct adapt_volume){ .serial = "ade-os", .partition = number_of(part), .mapper = ADAPT_MAPPER,
				    .is_lvm = !strcmp(text_of(part, "inside"), "lvm") };
	p->adapt.n_volumes++;
}

/* Something that the guest can mount as it is: opened by us, or plain. */
static bool is_readable(const json_t *part, const char *inside, bool encrypted)
{
	bool of_use = (guest_has_files(inside) && strcmp(inside, "unknown")) || !strcmp(inside, "lvm");

	return of_use && (!encrypted || !strcmp(text_of(part, "state"), "open"));
}

static void add_data(struct boot_plan *p, const json_t *part, int lun, bool encrypted)
{
	const char *inside = text_of(part, encrypted ? "inside" : "what");
	struct boot_volume *v = &p->data[p->n_data];

	if ((encrypted && !p->decrypted) || p->n_data == ADAPT_VOLUMES_MAX || !is_readable(part, inside, encrypted))
		return;
	*v = (struct boot_volume){ .lun = lun, .partition = number_of(part), .is_lvm = !strcmp(inside, "lvm") };
	snprintf(v->uuid, sizeof(v->uuid), "%s", text_of(part, "uuid"));
	p->n_data++;
}

/* lun: -1: the OS disk. */
static void look_at_volumes(struct boot_plan *p, const json_t *info, int lun)
{
	const json_t *part;
	bool root = false;
	size_t i;

	json_array_foreach(json_object_get(info, "partitions"), i, part) {
		bool encrypted = json_object_get(part, "protectors") != NULL;

		p->encrypted |= encrypted;
		if (lun >= 0) {
			add_data(p, part, lun, encrypted);
			continue;
		}
		p->os_encrypted |= encrypted;
		if (encrypted && p->decrypted && !root)
			add_root(p, part);
		root |= encrypted;
	}
}

static bool disk_place(const char *name, enum machine_role *role, int *lun)
{
	char rest;

	*role = MACHINE_OS_DISK;
	*lun = -1;
	if (!*name || !strcmp(name, "os"))
		return true;
	*role = MACHINE_DATA_DISK;
	return sscanf(name, "lun%d%c", lun, &rest) == 1 && *lun >= 0;
}

static int add_disk(void *arg, const char *dir, const char *name, struct error *err)
{
	const struct gathering *g = arg;
	struct boot_plan *p = g->p;
	AUTO(json_decref) json_t *info = disk_dir_info(dir, err);
	char file[MACHINE_FILE_MAX];
	enum machine_role role;
	int lun, rc;

	if (!info)
		return -err->code;
	if (!disk_place(name, &role, &lun))
		return error_set(err, EINVAL, "the disk %.60s is neither os nor lunN", name);
	snprintf(file, sizeof(file), "%s/%s", dir, p->decrypted ? DECRYPTED_VIEW : ENCRYPTED_VIEW);
	rc = check_view(file, p->decrypted, err);
	if (rc)
		return error_prefix(err, rc, "disk %s", *name ? name : "os");
	look_at_volumes(p, info, lun);
	if (role == MACHINE_OS_DISK) {
		snprintf(p->os_dir, sizeof(p->os_dir), "%s", dir);
		snprintf(p->os_image, sizeof(p->os_image), "%s", file);
	}
	return machine_add_disk(&p->machine, role, lun, file, false, err) ? 0 : -err->code;
}

static int look_at_guest(struct boot_plan *p, struct guestos *g, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *disk = file_open(p->os_image, err);
	AUTO(partitions_free) struct partition_table *t = NULL;
	int rc = disk ? partitions_read(disk, &t, err, NULL) : -err->code;

	return rc ? rc : guestos_look(disk, t, g, err);
}

static bool has_firmware(void)
{
	for (size_t i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]); i++)
		if (!access(firmwares[i].code, R_OK) && !access(firmwares[i].vars, R_OK))
			return true;
	return false;
}

static unsigned by_boot_records(struct boot_plan *p, const struct guestos *g)
{
	unsigned n = guestos_generation(g);

	p->generation_from = n == 2 ? "an EFI loader on the EFI system partition, no BIOS boot code"
			   : n == 1 ? "boot code in the boot sector" : "nothing: the disk has neither boot code nor an EFI loader";
	return n;
}

/* Azure's Linux disks start either way, so a generation 2 VM starts where there is no firmware for it. */
static unsigned by_description(struct boot_plan *p, const struct vm_model *vm, const struct guestos *g)
{
	p->generation_from = "the VM's description";
	if (vm->generation == 1 || !g->bios_code || has_firmware())
		return vm->generation;
	p->generation_from = "boot code in the boot sector; it was of generation 2, for which there is no firmware here";
	return 1;
}

/* What the user says counts more than the VM's description, and that more than the disk. */
static int choose_generation(struct boot_plan *p, const struct options *o, const struct vm_model *vm,
			     struct error *err)
{
	const char *wish = options_get(o, OPT_GENERATION);
	struct guestos g;
	unsigned n;
	int rc = look_at_guest(p, &g, err);

	if (rc)
		return rc;
	p->machine.os = (vm->os ? vm->os == VM_OS_WINDOWS : g.windows) ? MACHINE_WINDOWS : MACHINE_LINUX;
	n = vm->generation ? by_description(p, vm, &g) : by_boot_records(p, &g);
	if (wish) {
		n = *wish == '2' ? 2 : 1;
		p->generation_from = "--generation";
	}
	p->startable = n == 2 ? g.efi_loader : n == 1 && g.bios_code;
	p->machine.generation = n == 2 ? MACHINE_GEN2 : MACHINE_GEN1;
	return 0;
}

static enum machine_bus bus_from(const struct options *o)
{
	const char *bus = options_get(o, OPT_BUS);

	if (!bus || !strcmp(bus, "auto"))
		return MACHINE_BUS_AUTO;
	return !strcmp(bus, "ide") ? MACHINE_BUS_IDE : !strcmp(bus, "sata") ? MACHINE_BUS_SATA : MACHINE_BUS_SCSI;
}

/* Half of this machine's memory is the most that is taken without being told to. */
static void take_described_sizes(struct machine *m, const struct vm_model *vm)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), here = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t most = pages > 0 ? (uint64_t)pages * (uint64_t)page / 2 >> 20 : 0;

	if (vm->memory_mib)
		m->memory_mib = vm->memory_mib < most ? vm->memory_mib : most;
	if (vm->cpus && here > 0)
		m->cpus = vm->cpus < (unsigned)here ? vm->cpus : (unsigned)here;
}

static void take_sizes(struct machine *m, const struct options *o)
{
	const char *network = options_get(o, OPT_NETWORK);

	m->bus = bus_from(o);
	m->memory_mib = options_number(o, OPT_MEMORY, m->memory_mib << 20) >> 20;
	m->cpus = (unsigned)options_number(o, OPT_CPUS, m->cpus);
	m->network = network && !strcmp(network, "user") && !options_has(o, OPT_DRILL) ? MACHINE_NET_USER : MACHINE_NET_NONE;
}

static int choose_firmware(struct boot_plan *p, struct error *err)
{
	if (p->machine.generation == MACHINE_GEN1)
		return 0;
	for (size_t i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]); i++) {
		if (access(firmwares[i].code, R_OK) || access(firmwares[i].vars, R_OK))
			continue;
		p->firmware_code = firmwares[i].code;
		p->firmware_vars = firmwares[i].vars;
		return 0;
	}
	error_set(err, ENOTSUP, "this VM is of generation 2, and there is no UEFI firmware for it here");
	error_next(err, "install the package ovmf");
	return -ENOTSUP;
}

static int choose_accel(struct boot_plan *p, const struct options *o, struct error *err)
{
	const char *name = options_get(o, OPT_ACCEL);
	enum qemu_accel_wish wish = !name || !strcmp(name, "auto") ? QEMU_ACCEL_AUTO
				  : !strcmp(name, "kvm") ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
	AUTO(fd) int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int kvm_errno = kvm < 0 ? errno : 0;
	char text[16384] = "";
	AUTO(fd) int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return qemu_choose_accel(wish, kvm_errno, text, &p->accel, &p->accel_why, err);
}

/* The keys stay in locked memory here, and what the guest writes is forgotten. */
static int copy_bek(struct boot_plan *p, const char *file, struct error *err)
{
	AUTO(fd) int from = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (from < 0 || fstat(from, &st) || st.st_size <= 0 || st.st_size > (off_t)BEK_MAX)
		return error_set(err, errno ? errno : EIO, "%s cannot be read", file);
	p->bek_fd = memfd_create("bek-volume", 0);
	if (p->bek_fd < 0 || ftruncate(p->bek_fd, st.st_size))
		return error_set(err, errno, "no memory for the BEK volume: %s", strerror(errno));
	p->bek_bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED, p->bek_fd, 0);
	if (p->bek_bytes == MAP_FAILED) {
		p->bek_bytes = NULL;
		return error_set(err, errno, "the BEK volume cannot be kept in locked memory: %s", strerror(errno));
	}
	for (off_t at = 0; at < st.st_size && (n = pread(from, (char *)p->bek_bytes + at, (size_t)(st.st_size - at), at)) > 0;)
		at += n;
	return n < 0 ? error_set(err, errno, "%s: %s", file, strerror(errno)) : 0;
}

static int add_bek(struct boot_plan *p, const char *dir, bool for_show, struct error *err)
{
	bool read_only = machine_bus_takes_read_only(machine_bus(&p->machine));
	char file[MACHINE_FILE_MAX];
	int rc;

	if (!p->encrypted || p->decrypted)
		return 0;
	snprintf(file, sizeof(file), "%s/bek-volume.raw", dir);
	rc = open(file, O_RDONLY | O_CLOEXEC);
	if (rc < 0) {
		rc = error_set(err, ENOKEY, "no key opens a volume of this VM, so there is no BEK volume to start it with");
		error_next(err, "name its keys: --keys, --bek, --keystore");
		return rc;
	}
	close(rc);
	if (!read_only && !for_show) {
		rc = copy_bek(p, file, err);
		if (rc)
			return rc;
		snprintf(file, sizeof(file), "/proc/self/fd/%d", p->bek_fd);
	}
	return machine_add_disk(&p->machine, MACHINE_BEK_DISK, -1, file, read_only, err) ? 0 : -err->code;
}

/* The processors and memory that it had, where there are as many here; what the user says counts more. */
static int choose_machine(struct boot_plan *p, const char *dir, const struct options *o, struct error *err)
{
	AUTO(vm_model_free) struct vm_model *vm = disk_dir_vm(dir, err);
	int rc = vm ? choose_generation(p, o, vm, err) : -ENOMEM;

	if (!rc)
		rc = choose_accel(p, o, err);
	if (rc)
		return rc;
	take_described_sizes(&p->machine, vm);
	if (p->accel == QEMU_TCG)
		p->machine.cpus = 1;	/* a second one is emulated by turns and only costs */
	take_sizes(&p->machine, o);
	return 0;
}

static void tell_bus(struct boot_plan *p, const struct drivers *d, enum driver_state found, bool asked,
		     const struct error *why)
{
	const char *wish = asked ? "asked for; " : "";
	char names[128];

	drivers_name(d, p->machine.bus, found, names, sizeof(names));
	if (found == DRIVER_THERE)
		snprintf(p->bus_why, sizeof(p->bus_why), "%sthe guest has %s", wish, names);
	else if (found == DRIVER_MISSING)
		snprintf(p->bus_why, sizeof(p->bus_why), "%sthe guest lacks %s%s", wish, names,
			 asked ? "" : ", and the drivers of any other bus");
	else
		snprintf(p->bus_why, sizeof(p->bus_why), "%sthe guest's drivers are not known: %.150s", wish,
			 why->code ? why->text : "it has no kernel configuration in /boot");
}

/* What is asked for stays; else it is the one that the guest has drivers for. */
static void choose_bus(struct boot_plan *p, const char *work)
{
	bool asked = p->machine.bus != MACHINE_BUS_AUTO;
	struct error why = ERROR_INIT;
	enum driver_state found;
	struct drivers d;

	if (p->machine.os == MACHINE_WINDOWS)
		return;
	boot_drivers_look(p->os_image, work, machine_bus(&p->machine), &d, &why);
	if (!asked)
		p->machine.bus = drivers_choose(&d, p->machine.generation, &found);
	found = drivers_of_bus(&d, p->machine.bus);
	p->bus_lacks = found == DRIVER_MISSING;
	tell_bus(p, &d, found, asked, &why);
}

int boot_plan_make(struct boot_plan *p, const char *dir, const char *name, const char *work,
		   const struct options *o, bool for_show, struct error *err)
{
	struct gathering g = { p, o };
	int rc;

	*p = (struct boot_plan){ .decrypted = options_has(o, OPT_DECRYPTED), .bek_fd = -1 };
	machine_init(&p->machine, name, MACHINE_LINUX, MACHINE_GEN1);
	p->adapt.machine = &p->machine;
	p->adapt.decrypted = p->decrypted;
	rc = disk_dir_each(dir, add_disk, &g, err);
	if (!rc && !p->os_image[0])
		rc = error_set(err, EINVAL, "there is no OS disk to start from");
	if (!rc)
		rc = choose_machine(p, dir, o, err);
	if (p->machine.os == MACHINE_WINDOWS)
		p->adapt.n_volumes = 0;
	if (!rc)
		choose_bus(p, work);
	if (!rc)
		rc = add_bek(p, dir, for_show, err);
	if (!rc)
		rc = machine_settle(&p->machine, err);
	return rc ? rc : choose_firmware(p, err);
}

void boot_plan_release(struct boot_plan *p)
{
	struct stat st;

	if (p->bek_bytes && !fstat(p->bek_fd, &st)) {
		explicit_bzero(p->bek_bytes, (size_t)st.st_size);
		munmap(p->bek_bytes, (size_t)st.st_size);
	}
	if (p->bek_fd >= 0)
		close(p->bek_fd);
	p->bek_bytes = NULL;
	p->bek_fd = -1;
}
