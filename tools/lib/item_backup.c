/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/item_backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400

bool disk_encryption(const json_t *info, char *out, size_t size)
{
	const json_t *row;
	size_t i, len = 0;

	*out = '\0';
	json_array_foreach(json_object_get(info, "partitions"), i, row) {
		const char *what = json_string_value(json_object_get(row, "what"));
		const char *cipher = json_string_value(json_object_get(row, "cipher"));
		bool bitlocker = what && !strcmp(what, "bitlocker");

		if (!bitlocker && (!what || strncmp(what, "luks", 4)))
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s%s%s", len ? "; " : "", bitlocker ? "BitLocker" : "LUKS",
					cipher && *cipher ? " " : "", cipher ? cipher : "");
		len = len < size ? len : size - 1;
	}
	return *out;
}

int item_backup_take(struct vault *v, const char *vm, struct item *out, struct error *err)
{
	int rc = item_get(v, vm, out, err);

	if (rc == -ENOENT) {
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (out->state == ITEM_DELETED)
		return item_deleted_error(vm, err);
	if (out->state != ITEM_STOPPED)
		return 0;
	error_set(err, EPERM, "protection of the VM '%s' is stopped: it is not backed up", vm);
	error_next(err, "Resume it: adebackup protect VAULT %.100s", vm);
	return -EPERM;
}

/* The words of the disk's info.json as the backup saw it. */
static bool seen_encrypted(const struct point_disk *d, char *words, size_t size)
{
	AUTO(free) char *text = d->info ? jval_print(d->info, false) : NULL;
	AUTO(json_decref) json_t *info = text ? json_parse(text, strlen(text), NULL) : NULL;

	return disk_encryption(info, words, size);
}

static bool note_disk(struct item *it, const struct point_disk *d)
{
	char words[256];
	bool encrypted = seen_encrypted(d, words, sizeof(words));

	for (size_t i = 0; i < it->n_disks; i++) {
		struct item_disk *known = &it->disk[i];
		char *copy;

		if (strcmp(known->name, d->name) || known->encrypted || !encrypted || !(copy = strdup(words)))
			continue;
		free(known->encryption);
		known->encryption = copy;
		known->encrypted = true;
		return true;
	}
	return false;
}

void item_backup_note(struct vault *v, const struct point *p, const struct report *report)
{
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .number = 0 };
	struct error err = ERROR_INIT, warning = ERROR_INIT;
	bool changed = false;

	if (item_get(v, p->vm, &it, NULL) < 0)
		return;		/* it is none, or not to be seen now */
	for (size_t i = 0; i < p->n_disks; i++)
		changed = note_disk(&it, &p->disk[i]) || changed;
	if (!changed)
		return;
	if (item_put(v, &it, 1, &err) < 0 && err.code != EAGAIN) {
		report_warning(report, &err);
		return;
	}
	error_set(&warning, ENOKEY, "encryption was switched on since the VM was protected; backups go on");
	error_object(&warning, "%s", it.vm);
	error_next(&warning, p->proof == PROOF_PROVEN ? "Nothing is to be done: its keys open the point." :
		   "Give the next backups access to its keys: --keystore https://NAME.vault.azure.net/ --vm-config FILE; "
		   "`adebackup keys check` says whether it is there.");
	report_warning(report, &warning);
}

int retain_until_parse(const char *text, int64_t *out, struct error *err)
{
	char whole[32];

	if (strlen(text) == 10) {
		snprintf(whole, sizeof(whole), "%.10sT00:00:00Z", text);
		if (point_time_parse(whole, out) == 0) {
			*out += DAY;
			return 0;
		}
	}
	if (point_time_parse(text, out) == 0)
		return 0;
	error_set(err, EINVAL, "'%.40s' is no time", text);
	error_next(err, "Write it as 2027-01-31 (the last day that is kept), or as 2027-01-31T00:00:00Z.");
	return -EINVAL;
}
