/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/qemu.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX (MACHINE_DISKS_MAX * 8u)
#define AHCI_PORTS 6u

struct qemu_command {
	char *word[WORDS_MAX + 1];
	size_t n;
	bool failed;		/* no memory, or no room */
	size_t ide, sata, scsi;	/* disks on each bus so far */
};

void qemu_command_free(struct qemu_command *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->word[i]);
	free(c);
}

char *const *qemu_command_argv(const struct qemu_command *c)
{
	return c->word;
}

static void add(struct qemu_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct qemu_command *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (c->n == WORDS_MAX || vasprintf(&c->word[c->n], fmt, ap) < 0) {
		c->word[c->n] = NULL;
		c->failed = true;
	} else {
		c->n++;
	}
	va_end(ap);
}

/* In QEMU's option lists a comma in a value is written twice.  malloc'ed. */
static char *escape(struct qemu_command *c, const char *text)
{
	char *out = malloc(2 * strlen(text) + 1), *p = out;

	c->failed |= !out;
	for (; out && *text; text++) {
		*p++ = *text;
		if (*text == ',')
			*p++ = ',';
	}
	if (out)
		*p = '\0';
	return out;
}

/* hv_*: what Windows measures its time by, where the processor is real. */
static void add_processor(struct qemu_command *c, const struct machine *m, enum qemu_accel accel)
{
	bool windows = m->os == MACHINE_WINDOWS && accel == QEMU_KVM;

	add(c, "-accel");
	add(c, accel == QEMU_KVM ? "kvm" : "tcg,thread=multi");
	add(c, "-cpu");
	add(c, "max,la57=off%s", windows ? ",hv_relaxed,hv_vapic,hv_spinlocks=0x1fff,hv_time" : "");
	add(c, "-smp");
	add(c, "%u", m->cpus);
	add(c, "-m");
	add(c, "%llu", (unsigned long long)m->memory_mib);
	add(c, "-rtc");
	add(c, windows ? "base=localtime" : "base=utc");
}

static void add_firmware(struct qemu_command *c, const struct qemu_options *o)
{
	AUTO(free) char *code = escape(c, o->firmware_code), *vars = escape(c, o->firmware_vars);

	add(c, "-drive");
	add(c, "if=pflash,unit=0,format=raw,readonly=on,file=%s", code ? code : "");
	add(c, "-drive");
	add(c, "if=pflash,unit=1,format=raw,file=%s", vars ? vars : "");
}

static void add_controllers(struct qemu_command *c, const struct machine *m)
{
	size_t sata = 0;
	bool scsi = false;

	for (size_t i = 0; i < m->n_disks; i++) {
		scsi |= m->disk[i].bus == MACHINE_BUS_SCSI;
		sata += m->disk[i].bus == MACHINE_BUS_SATA;
	}
	if (scsi) {
		add(c, "-device");
		add(c, "virtio-scsi-pci,id=scsi");
	}
	for (size_t i = 0; i * AHCI_PORTS < sata; i++) {
		add(c, "-device");
		add(c, "ich9-ahci,id=ahci%zu", i);
	}
}

static void add_device(struct qemu_command *c, const struct machine_disk *d)
{
	const char *boot = d->role == MACHINE_OS_DISK ? ",bootindex=0" : "", *id = d->serial;
	size_t n;

	add(c, "-device");
	switch (d->bus) {
	case MACHINE_BUS_IDE:
		n = c->ide++;
		add(c, "ide-hd,drive=%s,serial=%s,model=%s,bus=ide.%zu,unit=%zu%s", id, id, id, n / 2, n % 2, boot);
		return;
	case MACHINE_BUS_SATA:
		n = c->sata++;
		add(c, "ide-hd,drive=%s,serial=%s,model=%s,bus=ahci%zu.%zu%s", id, id, id, n / AHCI_PORTS,
		    n % AHCI_PORTS, boot);
		return;
	default:
		n = c->scsi++;
		add(c, "scsi-hd,drive=%s,serial=%s,product=%s,bus=scsi.0,scsi-id=%zu,lun=0%s", id, id, id, n, boot);
	}
}

/* A disk that fails stops the guest: it must not take an error for its own. */
static void add_disk(struct qemu_command *c, const struct machine_disk *d)
{
	AUTO(free) char *file = escape(c, d->file);

	add(c, "-drive");
	add(c, "if=none,id=%s,format=%s,cache=writeback,discard=unmap,rerror=stop,werror=stop%s,file=%s",
	    d->serial, d->qcow2 ? "qcow2" : "raw", d->read_only ? ",readonly=on" : "", file ? file : "");
	add_device(c, d);
}

static void add_serial(struct qemu_command *c, const struct qemu_options *o)
{
	AUTO(free) char *log = escape(c, o->serial_log ? o->serial_log : "");
	bool keep = o->serial_log != NULL;

	add(c, "-chardev");
	if (o->console == QEMU_CONSOLE_STDIO)
		add(c, "stdio,id=console,mux=on,signal=off%s%s", keep ? ",logfile=" : "", log ? log : "");
	else
		add(c, "null,id=console%s%s", keep ? ",logfile=" : "", log ? log : "");
	add(c, "-serial");
	add(c, "chardev:console");
	if (o->console == QEMU_CONSOLE_STDIO) {
		add(c, "-mon");
		add(c, "chardev=console,mode=readline");
	}
}

static void add_consoles(struct qemu_command *c, const struct qemu_options *o)
{
	static const char *const display[] = { "none", "gtk", "vnc=127.0.0.1:0,to=99" };
	AUTO(free) char *qmp = escape(c, o->qmp_socket ? o->qmp_socket : "");

	add(c, "-device");
	add(c, "VGA");
	add(c, "-display");
	add(c, "%s", display[o->display]);
	add_serial(c, o);
	if (o->qmp_socket) {
		add(c, "-qmp");
		add(c, "unix:%s,server=on,wait=off", qmp ? qmp : "");
	}
	if (o->pid_file) {
		add(c, "-pidfile");
		add(c, "%s", o->pid_file);
	}
}

/* graphics=off: SeaBIOS speaks on the serial line too. */
static void add_machine(struct qemu_command *c, const struct machine *m, const struct qemu_options *o)
{
	add(c, QEMU_PROGRAM);
	add(c, "-name");
	add(c, "%s", m->name);
	add(c, "-nodefaults");
	add(c, "-no-user-config");
	add(c, "-machine");
	add(c, "%s%s", machine_type(m), m->generation == MACHINE_GEN1 ? ",graphics=off" : "");
	add_processor(c, m, o->accel);
	if (m->generation == MACHINE_GEN2)
		add_firmware(c, o);
	add_controllers(c, m);
	for (size_t i = 0; i < m->n_disks; i++)
		add_disk(c, &m->disk[i]);
	add(c, "-nic");
	if (m->network == MACHINE_NET_USER)
		add(c, "user,model=%s", machine_nic(m));
	else
		add(c, "none");
	add_consoles(c, o);
}

struct qemu_command *qemu_command_new(const struct machine *m, const struct qemu_options *o,
				      struct error *err)
{
	AUTO(qemu_command_free) struct qemu_command *c = calloc(1, sizeof(*c));

	if (m->generation == MACHINE_GEN2 && (!o->firmware_code || !o->firmware_vars))
		return error_null(err, EINVAL, "a generation 2 machine needs UEFI firmware");
	if (c)
		add_machine(c, m, o);
	if (!c || c->failed)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(c);
}

static bool is_plain(const char *word)
{
	return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789@%+=:,./_-")] == '\0';
}

static void print_word(FILE *f, const char *word)
{
	if (is_plain(word)) {
		fputs(word, f);
		return;
	}
	putc('\'', f);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", f);
		else
			putc(*word, f);
	putc('\'', f);
}

char *qemu_command_text(const struct qemu_command *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		if (i)
			fputs(c->word[i][0] == '-' ? " \\\n  " : " ", f);
		print_word(f, c->word[i]);
	}
	putc('\n', f);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

/* Among the words behind "flags"; "bugs" may name them too. */
static bool has_flag(const char *cpuinfo, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *line = cpuinfo; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "flags", 5))
			continue;
		for (const char *p = line, *end = strchrnul(line, '\n'); p < end; p += strcspn(p, " \t\n") + 1)
			if (!strncmp(p, flag, len) && strcspn(p, " \t\n") == len)
				return true;
	}
	return false;
}

int qemu_choose_accel(enum qemu_accel_wish wish, int kvm_errno, const char *cpuinfo,
		      enum qemu_accel *accel, const char **why, struct error *err)
{
	bool real = has_flag(cpuinfo, "vmx") || has_flag(cpuinfo, "svm");

	*accel = QEMU_TCG;
	if (wish == QEMU_ACCEL_TCG) {
		*why = "asked for";
	} else if (wish == QEMU_ACCEL_KVM && kvm_errno) {
		error_set(err, ENOTSUP, "KVM was asked for, and /dev/kvm does not open: %s",
			  strerror(kvm_errno));
		error_next(err, kvm_errno == EACCES || kvm_errno == EPERM
			   ? "be in the group kvm, or use --accel tcg" : "use --accel tcg");
		return -ENOTSUP;
	} else if (wish == QEMU_ACCEL_KVM) {
		*accel = QEMU_KVM;
		*why = real ? "asked for" : "asked for, though the processor says neither vmx nor svm";
	} else if (kvm_errno) {
		*why = kvm_errno == ENOENT ? "there is no /dev/kvm" : "/dev/kvm does not open";
	} else if (!real) {
		*why = "the processor says neither vmx nor svm, and a KVM without them cannot be trusted";
	} else {
		*accel = QEMU_KVM;
		*why = "/dev/kvm opens and the processor has virtualisation";
	}
	return 0;
}
