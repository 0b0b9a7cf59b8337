/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/local_seal.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "fs/util/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define HEADER 8
#define SALT 32

static const uint8_t magic[HEADER] = { 'A', 'D', 'E', 'K', 'E', 'Y', 1, 0 };
static const uint8_t nonce[GCM_NONCE_BYTES];

static struct gcm *object_cipher(const struct secret *key, const uint8_t salt[SALT])
{
	uint8_t k[GCM_KEY_BYTES];
	struct gcm *g = NULL;

	if (hkdf_sha256(secret_bytes(key), secret_len(key), salt, SALT, "object", 6, k, sizeof(k)) == 0)
		g = gcm_new(k);
	wipe(k, sizeof(k));
	return g;
}

/* magic and name */
static size_t make_aad(const char *name, uint8_t *out, size_t room)
{
	size_t n = strlen(name);

	if (n > room - HEADER)
		return 0;
	memcpy(out, magic, HEADER);
	memcpy(out + HEADER, name, n);
	return HEADER + n;
}

uint8_t *local_seal(const struct secret *key, const char *name, const struct jval *doc, size_t *len,
		    struct error *err)
{
	AUTO(secret_free) struct secret *text = jval_print_secret(doc);
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) uint8_t *out = NULL;
	uint8_t aad[512];
	size_t n = text ? secret_len(text) : 0, aad_len = make_aad(name, aad, sizeof(aad));

	if (!n || n > LOCAL_OBJECT_MAX - HEADER - SALT - GCM_TAG_BYTES || !aad_len)
		return error_null(err, EMSGSIZE, "the object is too large for the key store");
	out = malloc(HEADER + SALT + n + GCM_TAG_BYTES);
	if (!out)
		return error_null(err, ENOMEM, "no memory");
	memcpy(out, magic, HEADER);
	if (getrandom(out + HEADER, SALT, 0) != SALT)
		return error_null(err, EIO, "no random bytes");
	g = object_cipher(key, out + HEADER);
	if (!g || gcm_seal(g, nonce, aad, aad_len, secret_bytes(text), n, out + HEADER + SALT,
			   out + HEADER + SALT + n) < 0)
		return error_null(err, EIO, "sealing failed");
	*len = HEADER + SALT + n + GCM_TAG_BYTES;
	return TAKE(out);
}

struct jval *local_unseal(const struct secret *key, const char *name, const uint8_t *sealed,
			  size_t len, struct error *err)
{
	AUTO(secret_free) struct secret *text = NULL;
	AUTO(gcm_free) struct gcm *g = NULL;
	uint8_t aad[512];
	size_t n, aad_len = make_aad(name, aad, sizeof(aad));

	if (len <= HEADER + SALT + GCM_TAG_BYTES || memcmp(sealed, magic, HEADER) || !aad_len)
		return error_null(err, EBADMSG, "not an object of a key store");
	n = len - HEADER - SALT - GCM_TAG_BYTES;
	text = secret_new(n);
	g = object_cipher(key, sealed + HEADER);
	if (!text || !g)
		return error_null(err, ENOMEM, "no memory");
	if (gcm_open(g, nonce, aad, aad_len, sealed + HEADER + SALT, n, secret_data(text),
		     sealed + HEADER + SALT + n) < 0)
		return error_null(err, EBADMSG, "the object is damaged, or was moved here from another name");
	return jval_parse(secret_bytes(text), n, err);
}

int local_config_parse(const void *text, size_t len, uint8_t id[LOCAL_ID_BYTES], char check[65], struct error *err)
{
	AUTO(jval_free) struct jval *doc = jval_parse(text, len, err);
	const char *id_hex = jval_get_text(doc, "id"), *digits = jval_get_text(doc, "check");
	int64_t format;

	if (!doc || !id_hex || strlen(id_hex) != 2 * LOCAL_ID_BYTES || hex_decode(id_hex, id, LOCAL_ID_BYTES) < 0 ||
	    !digits || strlen(digits) != 64)
		return error_set(err, EBADMSG, "the key store's description is damaged");
	if (!jval_i64(jval_get(doc, "format"), &format) || format != 1)
		return error_set(err, ENOTSUP, "the key store has a newer format than this program");
	memcpy(check, digits, 65);
	return 0;
}

static int write_synced(int fd, const void *data, size_t len)
{
	int rc = file_write_all(fd, data, len);

	return rc < 0 ? rc : fsync(fd) < 0 ? -errno : 0;
}

static int sync_parent(int dirfd, const char *path)
{
	char parent[512];
	const char *slash = strrchr(path, '/');
	int rc;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	AUTO(fd) int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	return rc;
}

int local_write_file(int dirfd, const char *path, const void *data, size_t len, bool exclusive,
		     struct error *err)
{
	char tmp[600];
	uint64_t r;
	int rc = 0;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return error_set(err, EIO, "no random bytes");
	snprintf(tmp, sizeof(tmp), "%s.%016llx.tmp", path, (unsigned long long)r);
	AUTO(fd) int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = -errno;
	if (!rc)
		rc = write_synced(fd, data, len);
	if (!rc && exclusive && linkat(dirfd, tmp, dirfd, path, 0) < 0)
		rc = -errno;
	if (!rc && !exclusive && renameat(dirfd, tmp, dirfd, path) < 0)
		rc = -errno;
	if (fd >= 0 && (rc || exclusive))
		unlinkat(dirfd, tmp, 0);
	if (!rc)
		rc = sync_parent(dirfd, path);
	if (rc) {
		error_set(err, -rc, "cannot be written: %s", strerror(-rc));
		error_object(err, "%s", path);
	}
	return rc;
}

uint8_t *local_read_file(int dirfd, const char *path, size_t *len, struct error *err)
{
	AUTO(fd) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO(free) uint8_t *buf = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_set(err, errno, "cannot be read: %s", strerror(errno));
		error_object(err, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > LOCAL_OBJECT_MAX || st.st_size <= 0) {
		error_set(err, EBADMSG, "not an object of a key store");
		error_object(err, "%s", path);
		return NULL;
	}
	buf = malloc((size_t)st.st_size);
	n = buf ? pread(fd, buf, (size_t)st.st_size, 0) : -1;
	if (n != st.st_size)
		return error_null(err, EIO, "cannot be read whole");
	*len = (size_t)n;
	return TAKE(buf);
}
