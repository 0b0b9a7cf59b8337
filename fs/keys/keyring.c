/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyring.h"
#include "fs/keys/key_origin.h"
#include "fs/keys/keyfile.h"
#include "crypto/bitlocker/bitlocker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ADE_NAME "LinuxPassPhraseFileName"

struct keyring {
	struct key **key;
	size_t n, room;
};

struct keyring *keyring_new(void)
{
	return calloc(1, sizeof(struct keyring));
}

static void key_free(struct key *k)
{
	secret_free(k->bytes);
	key_origin_free(k->origin);
	free(k);
}
DEFINE_CLEANUP(struct key *, key_free);

void keyring_clear(struct keyring *r)
{
	for (size_t i = 0; i < r->n; i++)
		key_free(r->key[i]);
	free(r->key);
	*r = (struct keyring){ .key = NULL };
}

void keyring_free(struct keyring *r)
{
	if (!r)
		return;
	keyring_clear(r);
	free(r);
}

size_t keyring_count(const struct keyring *r)
{
	return r->n;
}

struct key *keyring_at(struct keyring *r, size_t i)
{
	return r->key[i];
}

struct key *keyring_find_bek(struct keyring *r, const char *guid)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->key[i]->kind == KEY_BEK && !strcasecmp(r->key[i]->guid, guid))
			return r->key[i];
	return NULL;
}

const struct key *keyring_first_unused(const struct keyring *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->key[i]->named && !r->key[i]->used)
			return r->key[i];
	return NULL;
}

static int add(struct keyring *r, enum key_kind kind, const char *name, struct secret *bytes,
	       bool named, struct error *err)
{
	AUTO(secret_free) struct secret *s = bytes;
	AUTO(key_free) struct key *k = calloc(1, sizeof(*k));
	AUTO(bek_free) struct bek *bek = NULL;

	if (!k || !s)
		return error_set(err, ENOMEM, "out of memory");
	k->kind = kind;
	k->named = named;
	snprintf(k->name, sizeof(k->name), "%s", name);
	if (kind == KEY_BEK) {
		bek = bek_parse(s, err);
		if (!bek)
			return -EBADMSG;
		snprintf(k->guid, sizeof(k->guid), "%s", bek->guid);
	}
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct key **more = realloc(r->key, room * sizeof(*more));

		if (!more)
			return error_set(err, ENOMEM, "out of memory");
		r->key = more;
		r->room = room;
	}
	k->bytes = TAKE(s);
	r->key[r->n++] = TAKE(k);
	return 0;
}

int keyring_add_file(struct keyring *r, enum key_kind kind, const char *path, struct error *err)
{
	struct secret *s = NULL;
	int rc = keyfile_load(path, &s, err);

	if (rc < 0)
		return rc;
	if (kind == KEY_RECOVERY_PASSWORD || kind == KEY_PASSWORD)
		keyfile_trim(s);
	rc = add(r, kind, path, s, true, err);
	if (rc < 0)
		error_object(err, "%s", path);
	return rc;
}

static enum key_kind kind_of(const struct secret *s)
{
	return bek_detect(secret_bytes(s), secret_len(s)) ? KEY_BEK : KEY_PASSPHRASE;
}

int keyring_add_bek(struct keyring *r, const char *path, struct error *err)
{
	struct secret *s = NULL;
	int rc = keyfile_load(path, &s, err);

	if (rc < 0)
		return rc;
	rc = add(r, kind_of(s), path, s, true, err);
	if (rc < 0)
		error_object(err, "%s", path);
	return rc;
}

int keyring_add_secret(struct keyring *r, enum key_kind kind, const char *name,
		       struct secret *bytes_taken, struct error *err)
{
	if (kind == KEY_BEK || kind == KEY_PASSPHRASE)
		kind = bytes_taken ? kind_of(bytes_taken) : kind;
	return add(r, kind, name, bytes_taken, false, err);
}

void keyring_set_secret_url(struct keyring *r, const char *url)
{
	struct key *k = r->key[r->n - 1];

	snprintf(k->secret_url, sizeof(k->secret_url), "%s", url);
}

void keyring_set_origin(struct keyring *r, struct key_origin *taken)
{
	struct key *k = r->key[r->n - 1];

	key_origin_free(k->origin);
	k->origin = taken;
}

int keyring_add_all(struct keyring *to, const struct keyring *from, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && rc == 0; i++) {
		const struct key *k = from->key[i];

		rc = add(to, k->kind, k->name, secret_copy(secret_bytes(k->bytes), secret_len(k->bytes)), k->named,
			 err);
		if (rc == 0)
			keyring_set_secret_url(to, k->secret_url);
	}
	return rc;
}

/* ADE's names first, then the rest, each part by name. */
static int by_ade_name(const struct dirent **a, const struct dirent **b)
{
	int x = strncmp((*a)->d_name, ADE_NAME, strlen(ADE_NAME)) != 0;
	int y = strncmp((*b)->d_name, ADE_NAME, strlen(ADE_NAME)) != 0;

	return x != y ? x - y : strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *e)
{
	return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

/* One file of a folder: other things than keys may lie there, so what is no
 * regular file, too large, empty or not to be read is passed over. */
static int add_from_dir(struct keyring *r, int dir, const char *name, struct error *err)
{
	AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO(secret_free) struct secret *s = NULL;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > KEY_FILE_MAX)
		return 0;
	rc = keyfile_load_fd(fd, &s, err);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0 || secret_len(s) == 0)
		return 0;
	rc = add(r, kind_of(s), name, s, false, err);
	s = NULL;
	return rc == -EBADMSG ? 0 : rc;
}

int keyring_add_dir(struct keyring *r, const char *path, struct error *err)
{
	AUTO(fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	int n = dir < 0 ? -1 : scandir(path, &list, not_hidden, by_ade_name), rc = 0;

	if (n < 0) {
		rc = error_set(err, errno, "cannot read the folder of keys: %s", strerror(errno));
		error_object(err, "%s", path);
		return rc;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_from_dir(r, dir, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return rc;
}
