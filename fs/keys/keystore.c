/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keystore.h"
#include "fs/net/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct keystores {
	struct keystore **store;
	size_t n;
};

void keystore_secret_clear(struct keystore_secret *s)
{
	secret_free(s->value);
	jval_free(s->tags);
	memset(s, 0, sizeof(*s));
}

const char *keystore_secret_tag(const struct keystore_secret *s, const char *name)
{
	const char *v = jval_get_text(s->tags, name);

	return v && *v ? v : NULL;
}

void keystore_init(struct keystore *ks, const struct keystore_ops *ops, const char *spec)
{
	ks->ops = ops;
	url_show(spec, ks->spec, sizeof(ks->spec));
}

void keystore_free(struct keystore *ks)
{
	if (ks)
		ks->ops->free(ks);
}

struct keystore *keystore_open(const char *spec, const struct keystore_options *o, struct error *err)
{
	if (!strncmp(spec, "local:", 6))
		return keystore_local_open(spec + 6, o->keystore_key, err);
	if (!strncmp(spec, "pem:", 4))
		return keystore_pem_open(spec + 4, o->pin_file, err);
	if (!strncmp(spec, "pkcs11:", 7))
		return keystore_pkcs11_open(spec, o, err);
	if (!strcmp(spec, "azure") || (!strncmp(spec, "azure:", 6) && spec[6]))
		return keystore_azure_open(spec[5] ? spec + 6 : "", o, err);
	if (!strncmp(spec, "https://", 8))
		return keystore_keyvault_open(spec, o, err);
	error_set(err, EINVAL, "unknown kind of key store");
	error_object(err, "%.60s", spec);
	error_next(err, "use local:DIR, https://NAME.vault.azure.net/, azure, pem:FILE, pkcs11:URI or dir:DIR");
	return NULL;
}

struct keystores *keystores_new(void)
{
	return calloc(1, sizeof(struct keystores));
}

void keystores_free(struct keystores *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		keystore_free(k->store[i]);
	free(k->store);
	free(k);
}

int keystores_add(struct keystores *k, struct keystore *taken, struct error *err)
{
	struct keystore **longer;

	if (!taken)
		return err && err->code ? -err->code : -EINVAL;
	longer = reallocarray(k->store, k->n + 1, sizeof(*longer));
	if (!longer) {
		keystore_free(taken);
		return error_set(err, ENOMEM, "no memory");
	}
	k->store = longer;
	k->store[k->n++] = taken;
	return 0;
}

size_t keystores_count(const struct keystores *k)
{
	return k->n;
}

/* How much a refusal tells: the highest is handed to the user. */
static int weight(int code)
{
	switch (code) {
	case 0:
		return 0;
	case ENOTSUP:
		return 1;
	case ENOENT:
		return 2;
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return 3;
	default:
		return 4;
	}
}

static void keep_weightier(struct error *best, const struct error *now)
{
	if (weight(now->code) > weight(best->code))
		error_copy(best, now);
}

static int nothing_found(struct error *err, const struct error *best, const char *what)
{
	if (best->code) {
		error_copy(err, best);
		return -best->code;
	}
	error_set(err, ENOENT, "no key store was named that could hold %s", what);
	error_next(err, "name one with keystore=SPEC");
	return -ENOENT;
}

int keystores_get(struct keystores *k, const struct key_ref *ref, struct keystore_secret *out,
		  struct error *err)
{
	struct error best = ERROR_INIT, now = ERROR_INIT;

	for (size_t i = 0; i < k->n; i++) {
		if (!k->store[i]->ops->get)
			continue;
		if (k->store[i]->ops->get(k->store[i], ref, out, &now) == 0)
			return 0;
		keystore_secret_clear(out);
		keep_weightier(&best, &now);
	}
	return nothing_found(err, &best, "the secret");
}

int keystores_list(struct keystores *k, keystore_secret_fn *fn, void *arg, struct error *err)
{
	for (size_t i = 0; i < k->n; i++) {
		int rc = k->store[i]->ops->list ? k->store[i]->ops->list(k->store[i], fn, arg, err) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

int keystores_unwrap(struct keystores *k, const struct key_ref *key, enum wrap_alg alg,
		     const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	struct error best = ERROR_INIT, now = ERROR_INIT;

	for (size_t i = 0; i < k->n; i++) {
		if (!k->store[i]->ops->unwrap)
			continue;
		if (k->store[i]->ops->unwrap(k->store[i], key, alg, wrapped, len, out, &now) == 0)
			return 0;
		keep_weightier(&best, &now);
	}
	return nothing_found(err, &best, "the key that unwraps");
}

int keystores_public_key(struct keystores *k, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	struct error best = ERROR_INIT, now = ERROR_INIT;

	for (size_t i = 0; i < k->n; i++) {
		if (!k->store[i]->ops->public_key)
			continue;
		if (k->store[i]->ops->public_key(k->store[i], ref, out, &now) == 0)
			return 0;
		keep_weightier(&best, &now);
	}
	return nothing_found(err, &best, "the key");
}

int keystores_backup(struct keystores *k, const char *kind, const struct key_ref *ref, struct secret **blob,
		     struct error *err)
{
	struct error best = ERROR_INIT, now = ERROR_INIT;

	for (size_t i = 0; i < k->n; i++) {
		if (!k->store[i]->ops->backup)
			continue;
		if (k->store[i]->ops->backup(k->store[i], kind, ref, blob, &now) == 0)
			return 0;
		keep_weightier(&best, &now);
	}
	return nothing_found(err, &best, "a backup of it");
}

static ssize_t read_all(int fd, uint8_t *buf, size_t room)
{
	size_t done = 0;
	ssize_t n;

	while (done < room) {
		n = read(fd, buf + done, room - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

struct secret *keyfile_read(const char *path, size_t max, struct error *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(secret_free) struct secret *s = NULL;
	ssize_t n = fd < 0 ? -errno : 0;

	if (fd >= 0) {
		s = secret_new(max + 1);
		n = s ? read_all(fd, secret_data(s), max + 1) : -ENOMEM;
	}
	if (n > 0 && (size_t)n <= max) {
		secret_truncate(s, (size_t)n);
		return TAKE(s);
	}
	if (n < 0)
		error_set(err, (int)-n, "cannot be read: %s", strerror((int)-n));
	else
		error_set(err, EBADMSG, n ? "longer than %zu bytes" : "the file is empty", max);
	error_object(err, "%s", path);
	return NULL;
}
