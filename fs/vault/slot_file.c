/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/slot.h"
#include "crypto/hash.h"
#include "fs/keys/keyfile.h"
#include "fs/util/fileio.h"
#include "fs/vault/slot_paper.h"
#include "fs/vault/slot_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define HEAD "adebackup vault key 1\n"
#define HEAD_LEN (sizeof(HEAD) - 1)
#define KEY_BYTES 32u
#define FILE_LEN (HEAD_LEN + 2 * KEY_BYTES + 1)

static int bad_file(const char *path, struct error *err)
{
	error_set(err, EINVAL, "this is no vault key: it does not hold what `adebackup init` writes");
	error_object(err, "%s", path);
	error_next(err, "Name the key file that `adebackup init` or `adebackup key add` made.");
	return -EINVAL;
}

static int file_error(const char *path, int code, const char *what, struct error *err)
{
	error_set(err, code, "the key file cannot be %s: %s", what, strerror(code));
	error_object(err, "%s", path);
	return -code;
}

int slot_key_file_read(const char *path, struct secret **out, struct error *err)
{
	AUTO(secret_free) struct secret *text = NULL, *key = secret_new(KEY_BYTES);
	char hex[2 * KEY_BYTES + 1];
	size_t n;
	int rc = keyfile_load(path, &text, err);

	if (rc < 0)
		return rc == -EBADMSG ? bad_file(path, err) : rc;
	if (!key)
		return error_set(err, ENOMEM, "out of memory");
	if (slot_paper_is(secret_bytes(text), secret_len(text))) {
		rc = slot_paper_parse(secret_bytes(text), secret_len(text), secret_data(key), err);
		if (rc < 0)
			error_object(err, "%s", path);
		else
			*out = TAKE(key);
		return rc;
	}
	keyfile_trim(text);
	n = secret_len(text);
	if (n != HEAD_LEN + 2 * KEY_BYTES || memcmp(secret_bytes(text), HEAD, HEAD_LEN))
		return bad_file(path, err);
	memcpy(hex, secret_bytes(text) + HEAD_LEN, 2 * KEY_BYTES);
	hex[2 * KEY_BYTES] = '\0';
	rc = hex_decode(hex, secret_data(key), KEY_BYTES);
	wipe(hex, sizeof(hex));
	if (rc < 0)
		return bad_file(path, err);
	*out = TAKE(key);
	return 0;
}

int slot_key_file_make(const char *path, struct secret **out, struct error *err)
{
	AUTO(secret_free) struct secret *text = secret_new(FILE_LEN + 1), *key = secret_new(KEY_BYTES);
	AUTO(fd) int fd = -1;
	int rc;

	if (!text || !key)
		return error_set(err, ENOMEM, "out of memory");
	if (getrandom(secret_data(key), KEY_BYTES, 0) != KEY_BYTES)
		return error_set(err, EIO, "the system gives no random numbers");
	memcpy(secret_data(text), HEAD, HEAD_LEN);
	hex_encode(secret_bytes(key), KEY_BYTES, (char *)secret_data(text) + HEAD_LEN);
	secret_data(text)[FILE_LEN - 1] = '\n';
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_error(path, errno, "made", err);
	rc = file_write_all(fd, secret_bytes(text), FILE_LEN);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0)
		rc = file_sync_folder_of(path);
	if (rc < 0) {
		unlink(path);
		return file_error(path, -rc, "written", err);
	}
	*out = TAKE(key);
	return 0;
}

#define SLOTS_MAX 1000u			/* nobody's vault has more */

struct list {
	struct slot_info *all;
	size_t n;
	struct error *err;		/* of the first damaged slot */
	int rc;
};

static int list_one(void *arg, const struct slot_text *t, struct error *err)
{
	struct list *l = arg;
	size_t i = 0;

	while (i < l->n && strcmp(l->all[i].id, t->id))
		i++;
	if (i == SLOTS_MAX)
		return error_set(err, E2BIG, "the vault has more than %u slots", SLOTS_MAX);
	if (i == l->n)
		l->n++;
	else if (l->all[i].epoch >= t->epoch)
		return 0;
	l->all[i] = (struct slot_info){ .kind = t->kek_url[0] ? SLOT_KEK : t->kind, .epoch = t->epoch,
					.for_capsules = t->for_capsules };
	memcpy(l->all[i].kek_url, t->kek_url, sizeof(t->kek_url));
	memcpy(l->all[i].id, t->id, sizeof(t->id));
	memcpy(l->all[i].label, t->label, sizeof(t->label));
	return 0;
}

static int list_failed(void *arg, int rc, const struct error *why)
{
	struct list *l = arg;

	if (!l->rc) {
		l->rc = rc;
		error_copy(l->err, why);
	}
	return rc == -EBADMSG || rc == -ENOTSUP ? 0 : rc;
}

int slot_list(struct store *st, slot_fn *fn, void *arg, struct error *err)
{
	AUTO(free) struct slot_info *all = calloc(SLOTS_MAX, sizeof(*all));
	struct list l = { .all = all, .err = err };
	int rc;

	if (!all)
		return error_set(err, ENOMEM, "out of memory");
	rc = slot_each(st, "slot/", list_one, list_failed, &l, err);
	for (size_t i = 0; i < l.n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return rc ? rc : l.rc;
}
