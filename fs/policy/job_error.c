/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How many bytes the UTF-8 character has that begins here; 0: it is none. */
static size_t character(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 :
		   *p >= 0xf0 && *p < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Words may hold names of files, which are any bytes. */
void job_copy_text(char *to, size_t size, const char *from)
{
	const unsigned char *p = (const unsigned char *)from;
	size_t at = 0;

	while (*p) {
		size_t n = character(p);

		if (at + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(to + at, p, n);
		else
			to[at] = '?';
		at += n ? n : 1;
		p += n ? n : 1;
	}
	to[at] = '\0';
}

/* Documented for Azure Backup; what it recommends, in our words. */
static const struct { const char *code, *next; } documented[] = {
	{ "UserErrorKeyVaultPermissionsNotConfigured",
	  "Give this principal get on secrets, and get and unwrapKey on keys: adebackup keys check shows the command." },
	{ "ExtensionSnapshotFailedNoNetwork",
	  "Let this host reach the store, the Key Vault and login.microsoftonline.com by HTTPS; the next run goes on." },
	{ "UserErrorBackupOperationInProgress", "Wait for the other job; adebackup jobs list shows it." },
	{ "UserErrorVmNotInDesirableState", "See that every disk of the VM is there and can be read, then back up again." },
	{ "UserErrorUnsupportedDiskSize", "Leave that disk out of the item." },
	{ "DiskEncryptionInternalError", "Bring the key or secret back: adebackup keys restore-to-keyvault, or name it by --keys." },
	{ "CopyingVHDsFromBackUpVaultTakingLongTime", "Try again; a restore goes on with --resume." },
	{ "UserErrorInstantRpNotFound", "Choose another recovery point: adebackup list." },
	{ "BackUpOperationFailed", "Try again in a few minutes; what is stored already is not sent twice." },
};

static const char *code_of(const struct job_record *j, int code)
{
	bool backup = j->operation == JOB_BACKUP, restore = j->operation == JOB_RESTORE;

	switch (code) {
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ECONNREFUSED:
	case ECONNRESET:
		return "ExtensionSnapshotFailedNoNetwork";
	case ETIMEDOUT:
		return restore ? "CopyingVHDsFromBackUpVaultTakingLongTime" : "ExtensionSnapshotFailedNoNetwork";
	case EBUSY:
		return "UserErrorBackupOperationInProgress";
	case ENOKEY:
	case EKEYREJECTED:
		return "DiskEncryptionInternalError";
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return backup ? "UserErrorVmNotInDesirableState" : restore ? "UserErrorInstantRpNotFound" : "";
	case ESTALE:
		return restore ? "UserErrorInstantRpNotFound" : "BackUpOperationFailed";
	default:
		return backup ? "BackUpOperationFailed" : "";
	}
}

/* "UserErrorX: words": the words' own code. */
static size_t own_code(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]))
		n++;
	return n >= 12 && n < sizeof(((struct job_record *)0)->code) && text[n] == ':' && text[n + 1] == ' ' &&
	       (!strncmp(text, "UserError", 9) || !strncmp(text, "Extension", 9) || !strncmp(text, "BackUp", 6) ||
		!strncmp(text, "DiskEncryption", 14)) ? n : 0;
}

void job_set_error(struct job_record *j, const struct error *err)
{
	size_t own = own_code(err->text);
	const char *words = own ? err->text + own + 2 : err->text;
	bool named = !err->object[0] || strstr(words, err->object);
	char text[sizeof(err->object) + sizeof(err->text) + 3];

	snprintf(j->code, sizeof(j->code), "%s", own ? "" : code_of(j, err->code));
	if (own)
		snprintf(j->code, sizeof(j->code), "%.*s", (int)own, err->text);
	snprintf(text, sizeof(text), "%s%s%s", named ? "" : err->object, named ? "" : ": ", words);
	job_copy_text(j->error.text, sizeof(j->error.text), text);
	job_copy_text(j->error.next, sizeof(j->error.next), err->next);
	for (size_t i = 0; !err->next[0] && i < sizeof(documented) / sizeof(documented[0]); i++)
		if (!strcasecmp(documented[i].code, j->code))
			job_copy_text(j->error.next, sizeof(j->error.next), documented[i].next);
}
