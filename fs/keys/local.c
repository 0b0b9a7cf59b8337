/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/local.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "fs/keys/local_seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define CONFIG "keystore.json"

struct local_store {
	int dirfd;
	struct secret *key;		/* 32 bytes */
	char dir[256];
};

static const char *const kind_dir[] = { [LOCAL_SECRET] = "secrets", [LOCAL_KEY] = "keys" };
static const char *const kind_word[] = { [LOCAL_SECRET] = "secret", [LOCAL_KEY] = "key" };

static struct secret *derive(const struct secret *file, const uint8_t id[LOCAL_ID_BYTES])
{
	static const char info[] = "adebackup keystore 1";
	struct secret *k = secret_new(32);

	if (k && hkdf_sha256(secret_bytes(file), secret_len(file), id, LOCAL_ID_BYTES, info,
			     sizeof(info) - 1, secret_data(k), 32) < 0) {
		secret_free(k);
		return NULL;
	}
	return k;
}

static int make_check(const struct secret *key, char hex[65])
{
	uint8_t mac[32];
	int rc = hmac_sha256(secret_bytes(key), secret_len(key), "commit", 6, mac);

	hex_encode(mac, 32, hex);
	return rc;
}

static int make_key_file(const char *path, struct error *err)
{
	uint8_t raw[32];
	char hex[66];
	ssize_t n = -1;

	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && getrandom(raw, sizeof(raw), 0) == sizeof(raw)) {
		hex_encode(raw, 32, hex);
		hex[64] = '\n';
		n = write(fd, hex, 65);
	}
	wipe(raw, sizeof(raw));
	wipe(hex, sizeof(hex));
	if (n == 65 && fsync(fd) == 0)
		return 0;
	error_set(err, errno ? errno : EIO, "the key file cannot be made: %s", strerror(errno));
	error_object(err, "%s", path);
	return -EIO;
}

static struct secret *read_key_file(const char *path, struct error *err)
{
	struct secret *s = path ? keyfile_read(path, 4096, err) : NULL;

	if (!path) {
		error_set(err, ENOKEY, "the local key store is sealed and no key was named");
		error_next(err, "name its key file with keystore-key=FILE");
	} else if (s && secret_len(s) < 16) {
		secret_free(s);
		error_set(err, EINVAL, "a key file has at least 16 bytes");
		error_object(err, "%s", path);
		return NULL;
	}
	return s;
}

static int write_config(int dirfd, const struct secret *file, struct error *err)
{
	AUTO(jval_free) struct jval *doc = jval_object();
	AUTO(secret_free) struct secret *key = NULL;
	AUTO(free) char *text = NULL;
	uint8_t id[LOCAL_ID_BYTES];
	char id_hex[2 * LOCAL_ID_BYTES + 1], check[65];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return error_set(err, EIO, "no random bytes");
	hex_encode(id, sizeof(id), id_hex);
	key = derive(file, id);
	if (!key || make_check(key, check) < 0 || jval_set_i64(doc, "format", 1) < 0 ||
	    jval_set_text(doc, "id", id_hex) < 0 || jval_set_text(doc, "check", check) < 0 ||
	    !(text = jval_print(doc, true)))
		return error_set(err, ENOMEM, "no memory");
	return local_write_file(dirfd, CONFIG, text, strlen(text), true, err);
}

int local_init(const char *dir, const char *key_file, struct error *err)
{
	AUTO(secret_free) struct secret *file = NULL;
	int rc = 0;

	if (!key_file)
		return error_set(err, EINVAL, "a key file must be named with --keystore-key FILE");
	if (access(key_file, F_OK) < 0 && errno == ENOENT)
		rc = make_key_file(key_file, err);
	if (rc < 0)
		return rc;
	file = read_key_file(key_file, err);
	if (!file)
		return -EINVAL;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	AUTO(fd) int fd = rc ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc && fd < 0)
		rc = -errno;
	if (rc) {
		error_set(err, -rc, "the folder cannot be made: %s", strerror(-rc));
		error_object(err, "%s", dir);
		return rc;
	}
	for (unsigned i = 0; i < 2; i++)
		mkdirat(fd, kind_dir[i], 0700);
	mkdirat(fd, "deleted", 0700);
	mkdirat(fd, "deleted/secrets", 0700);
	mkdirat(fd, "deleted/keys", 0700);
	return write_config(fd, file, err);
}

static int check_config(struct local_store *s, const struct secret *file, struct error *err)
{
	AUTO(free) uint8_t *text = NULL;
	uint8_t id[LOCAL_ID_BYTES];
	char want[65], check[65];
	size_t len;
	int rc;

	text = local_read_file(s->dirfd, CONFIG, &len, err);
	if (!text)
		return -ENOENT;
	rc = local_config_parse(text, len, id, check, err);
	if (rc)
		return rc;
	s->key = derive(file, id);
	if (!s->key || make_check(s->key, want) < 0)
		return error_set(err, ENOMEM, "no memory");
	if (bytes_equal_ct(check, want, 64))
		return 0;
	error_set(err, EKEYREJECTED, "the key file does not open this key store");
	error_next(err, "name the key file that the store was made with: keystore-key=FILE");
	return -EKEYREJECTED;
}

struct local_store *local_open(const char *dir, const char *key_file, struct error *err)
{
	AUTO(local_close) struct local_store *s = calloc(1, sizeof(*s));
	AUTO(secret_free) struct secret *file = NULL;

	if (!s)
		return error_null(err, ENOMEM, "no memory");
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0 || faccessat(s->dirfd, CONFIG, F_OK, 0) < 0) {
		error_set(err, errno, "no local key store here: %s", strerror(errno));
		error_object(err, "%s", dir);
		error_next(err, "make one with: adebackup keystore init %s --keystore-key FILE", dir);
		return NULL;
	}
	file = read_key_file(key_file, err);
	if (!file)
		return NULL;
	if (check_config(s, file, err) < 0) {
		error_object(err, "%s", dir);
		return NULL;
	}
	return TAKE(s);
}

void local_close(struct local_store *s)
{
	if (!s)
		return;
	if (s->dirfd >= 0)
		close(s->dirfd);
	secret_free(s->key);
	free(s);
}

static int64_t now_s(void)
{
	return (int64_t)time(NULL);
}

static bool exists(struct local_store *s, const char *prefix, enum local_kind kind, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s%s/%s", prefix, kind_dir[kind], name);
	return faccessat(s->dirfd, path, F_OK, 0) == 0;
}

static int draw_version(char out[64])
{
	uint8_t raw[16];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return -EIO;
	hex_encode(raw, sizeof(raw), out);
	return 0;
}

static int store(struct local_store *s, enum local_kind kind, const char *name,
		 const char *version, const struct jval *doc, bool is_new, struct error *err)
{
	AUTO(free) uint8_t *sealed = NULL;
	char path[300];
	size_t len;

	snprintf(path, sizeof(path), "%s/%s/%s", kind_dir[kind], name, version);
	sealed = local_seal(s->key, path, doc, &len, err);
	if (!sealed)
		return -EIO;
	return local_write_file(s->dirfd, path, sealed, len, is_new, err);
}

static int set_times(struct jval *doc)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (jval_set_i64(doc, "created", t.tv_sec) < 0 || jval_set_i64(doc, "updated", t.tv_sec) < 0)
		return -ENOMEM;
	return jval_set_i64(doc, "order", (int64_t)t.tv_sec * 1000000000 + t.tv_nsec);
}

int local_put(struct local_store *s, enum local_kind kind, const char *name, const char *version,
	      struct jval *doc, char *version_out, struct error *err)
{
	char drawn[64], folder[200];

	if (!version || !*version) {
		if (draw_version(drawn) < 0)
			return error_set(err, EIO, "no random bytes");
		version = drawn;
	}
	if (!keystore_name_ok(name) || !keystore_name_ok(version) || strlen(version) > 63)
		return error_set(err, EINVAL, "a name has 1 to %d letters, digits and dashes", KEYSTORE_NAME_MAX);
	if (exists(s, "deleted/", kind, name)) {
		error_set(err, EBUSY, "the %s is deleted but can be recovered, its name is taken", kind_word[kind]);
		error_object(err, "%s", name);
		error_next(err, "adebackup keystore recover %s %s", s->dir, name);
		return -EBUSY;
	}
	if (set_times(doc) < 0)
		return error_set(err, ENOMEM, "no memory");
	snprintf(folder, sizeof(folder), "%s/%s", kind_dir[kind], name);
	if (mkdirat(s->dirfd, folder, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "the folder %s cannot be made: %s", folder, strerror(errno));
	if (version_out)
		snprintf(version_out, 64, "%s", version);
	return store(s, kind, name, version, doc, true, err);
}

int local_replace(struct local_store *s, enum local_kind kind, const char *name,
		  const char *version, struct jval *doc, struct error *err)
{
	if (jval_set_i64(doc, "updated", now_s()) < 0)
		return error_set(err, ENOMEM, "no memory");
	return store(s, kind, name, version, doc, false, err);
}

static struct jval *read_object(struct local_store *s, enum local_kind kind, bool deleted,
				const char *name, const char *version, struct error *err)
{
	char path[300], real[320];
	AUTO(free) uint8_t *sealed = NULL;
	struct jval *doc;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s/%s", kind_dir[kind], name, version);
	snprintf(real, sizeof(real), "%s%s", deleted ? "deleted/" : "", path);
	sealed = local_read_file(s->dirfd, real, &len, err);
	if (!sealed)
		return NULL;
	doc = local_unseal(s->key, path, sealed, len, err);
	if (!doc)
		error_object(err, "%s/%s", s->dir, real);
	return doc;
}

/* Picks the newest enabled version. */
struct newest { int64_t order; char version[64]; struct jval *doc; bool any; };

static int keep_newest(struct newest *best, const char *version, struct jval *taken)
{
	int64_t order = 0;

	best->any = true;
	jval_i64(jval_get(taken, "order"), &order);
	if (!jval_bool(jval_get(taken, "enabled"), true) || (best->doc && order <= best->order)) {
		jval_free(taken);
		return 0;
	}
	jval_free(best->doc);
	best->doc = taken;
	best->order = order;
	snprintf(best->version, sizeof(best->version), "%.63s", version);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_object_name(const struct dirent *d)
{
	return keystore_name_ok(d->d_name);
}

static int scan(struct local_store *s, const char *path, struct dirent ***list)
{
	int n = scandirat(s->dirfd, path, list, is_object_name, by_name);

	return n < 0 ? -errno : n;
}

static void free_scan(struct dirent **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

static struct jval *read_newest(struct local_store *s, enum local_kind kind, const char *name,
				char *version_out, struct error *err)
{
	struct newest best = { 0 };
	struct dirent **list = NULL;
	char path[300];
	int n;

	snprintf(path, sizeof(path), "%s/%s", kind_dir[kind], name);
	n = scan(s, path, &list);
	for (int i = 0; i < n; i++) {
		struct jval *doc = read_object(s, kind, false, name, list[i]->d_name, err);

		if (!doc)
			break;
		keep_newest(&best, list[i]->d_name, doc);
	}
	free_scan(list, n);
	if (best.doc && version_out)
		snprintf(version_out, 64, "%s", best.version);
	if (!best.doc && best.any)
		return error_null(err, EACCES, "all versions of the %s are disabled", kind_word[kind]);
	return best.doc;
}

static struct jval *not_here(struct local_store *s, enum local_kind kind, const char *name,
			     struct error *err)
{
	if (exists(s, "deleted/", kind, name)) {
		error_set(err, ENOENT, "the %s is deleted but can be recovered", kind_word[kind]);
		error_next(err, "adebackup keystore recover %s %s", s->dir, name);
	} else {
		error_set(err, ENOENT, "the key store has no such %s", kind_word[kind]);
		error_next(err, "see what it has: adebackup keystore list %s", s->dir);
	}
	error_object(err, "%s", name);
	return NULL;
}

struct jval *local_read(struct local_store *s, enum local_kind kind, const char *name,
			const char *version, char *version_out, struct error *err)
{
	struct error why = ERROR_INIT;
	struct jval *doc;

	if (!keystore_name_ok(name) || (version && *version && !keystore_name_ok(version)))
		return error_null(err, EINVAL, "not a name of a key or secret");
	if (!exists(s, "", kind, name))
		return not_here(s, kind, name, err);
	if (!version || !*version) {
		doc = read_newest(s, kind, name, version_out, &why);
	} else {
		doc = read_object(s, kind, false, name, version, &why);
		if (doc && version_out)
			snprintf(version_out, 64, "%s", version);
	}
	if (doc)
		return doc;
	if (why.code == ENOENT || !why.code) {
		error_set(&why, ENOENT, "the %s has no version %s", kind_word[kind], version ? version : "");
		error_object(&why, "%s", name);
	}
	error_copy(err, &why);
	return NULL;
}

static int move(struct local_store *s, enum local_kind kind, const char *name, bool to_deleted,
		struct error *err)
{
	char live[300], gone[300];
	int rc;

	if (!keystore_name_ok(name))
		return error_set(err, EINVAL, "not a name of a key or secret");
	snprintf(live, sizeof(live), "%s/%s", kind_dir[kind], name);
	snprintf(gone, sizeof(gone), "deleted/%s/%s", kind_dir[kind], name);
	rc = renameat(s->dirfd, to_deleted ? live : gone, s->dirfd, to_deleted ? gone : live);
	if (rc == 0)
		return 0;
	rc = -errno;
	if (rc == -ENOENT)
		error_set(err, ENOENT, "no such %s %s", kind_word[kind],
			  to_deleted ? "in the key store" : "among the deleted ones");
	else
		error_set(err, -rc, "the %s cannot be moved: %s", kind_word[kind], strerror(-rc));
	error_object(err, "%s", name);
	return rc;
}

int local_delete(struct local_store *s, enum local_kind kind, const char *name, struct error *err)
{
	return move(s, kind, name, true, err);
}

int local_recover(struct local_store *s, enum local_kind kind, const char *name, struct error *err)
{
	return move(s, kind, name, false, err);
}

int local_purge(struct local_store *s, enum local_kind kind, const char *name, struct error *err)
{
	struct dirent **list = NULL;
	char path[300], file[600];
	int n;

	if (!keystore_name_ok(name))
		return error_set(err, EINVAL, "not a name of a key or secret");
	snprintf(path, sizeof(path), "deleted/%s/%s", kind_dir[kind], name);
	n = scan(s, path, &list);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
		unlinkat(s->dirfd, file, 0);
	}
	free_scan(list, n);
	if (n < 0 || unlinkat(s->dirfd, path, AT_REMOVEDIR) < 0)
		return error_set(err, errno, "%s cannot be purged: %s", name, strerror(errno));
	return 0;
}

static int each_version(struct local_store *s, enum local_kind kind, bool deleted, const char *name,
			local_fn *fn, void *arg, struct error *err)
{
	struct dirent **list = NULL;
	char path[300];
	int n, rc = 0;

	snprintf(path, sizeof(path), "%s%s/%s", deleted ? "deleted/" : "", kind_dir[kind], name);
	n = scan(s, path, &list);
	for (int i = 0; i < n && !rc; i++) {
		AUTO(jval_free) struct jval *doc = read_object(s, kind, deleted, name, list[i]->d_name, err);

		rc = doc ? fn(arg, kind, name, list[i]->d_name, deleted, doc) : -EBADMSG;
	}
	free_scan(list, n);
	return n < 0 ? n : rc;
}

int local_each(struct local_store *s, enum local_kind kind, bool deleted, local_fn *fn, void *arg,
	       struct error *err)
{
	struct dirent **list = NULL;
	char path[64];
	int n, rc = 0;

	snprintf(path, sizeof(path), "%s%s", deleted ? "deleted/" : "", kind_dir[kind]);
	n = scan(s, path, &list);
	for (int i = 0; i < n && !rc; i++)
		rc = each_version(s, kind, deleted, list[i]->d_name, fn, arg, err);
	free_scan(list, n);
	return n < 0 ? error_set(err, -n, "the key store cannot be listed: %s", strerror(-n)) : rc;
}
