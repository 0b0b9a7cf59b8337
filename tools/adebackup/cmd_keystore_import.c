/* SPDX-License-Identifier: Apache-2.0 */
/* keystore init, import-secret, import-key, create-key, rotate: what puts something in. */
#include "crypto/base64.h"
#include "fs/keys/bek_fetch.h"
#include "tools/adebackup/keystore_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MAX 25600	/* Key Vault's own limit */

extern const struct command cmd_keystore_init, cmd_keystore_import_secret, cmd_keystore_import_key,
	cmd_keystore_create_key, cmd_keystore_rotate;

static int run_init(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	int rc = local_init(in->operands[0], options_get(in->options, OPT_KEYSTORE_KEY), &err);

	if (rc == -EEXIST) {
		error_set(&err, EBUSY, "there is a key store already");
		error_object(&err, "%s", in->operands[0]);
	}
	return rc ? report_error(in->report, &err) : report_result(in->report, NULL);
}

const struct command cmd_keystore_init = {
	.name = "keystore init", .operands = "DIR", .min = 1, .max = 1,
	.summary = "make a local key store",
	.text = "Makes DIR a key store for secrets and RSA keys, sealed by the file that "
		"--keystore-key names. A file that does not exist is made with 32 random bytes. "
		"Keep a copy of it elsewhere: without it nothing in the store can be read.",
	.example = "  adebackup keystore init /etc/adebackup/keys --keystore-key keystore.key",
	.groups = G_KEYSTORE, .run = run_init,
};

/* The text of a secret, as Key Vault would hold it. */
static char *text_value(const struct secret *file)
{
	size_t n = secret_len(file);

	while (n && strchr("\r\n", secret_bytes(file)[n - 1]))
		n--;
	return strndup((const char *)secret_bytes(file), n);
}

static struct rsa_key *load_kek(struct local_store *s, const char *name, char *version,
				struct error *err)
{
	AUTO(jval_free) struct jval *doc = local_read(s, LOCAL_KEY, name, NULL, version, err);
	const char *pem = jval_get_text(doc, "pem");

	return pem ? rsa_key_from_pem(pem, strlen(pem), NULL, err) : NULL;
}

static int set_kek_tags(struct jval *doc, const char *kek, const char *version, const char *alg)
{
	struct jval *tags = jval_get(doc, "tags");
	char url[300];

	snprintf(url, sizeof(url), "https://local.keystore/keys/%s/%s", kek, version);
	if (!jval_get_text(doc, "contentType") && jval_set_text(doc, "contentType", "Wrapped BEK") < 0)
		return -ENOMEM;
	if (!jval_get_text(tags, TAG_KEK_URL) && jval_set_text(tags, TAG_KEK_URL, url) < 0)
		return -ENOMEM;
	return jval_set_text(tags, TAG_ALGORITHM, alg);
}

static char *wrapped_value(const struct invocation *in, struct local_store *s,
			   const struct secret *file, struct jval *doc, struct error *err)
{
	const char *kek = options_get(in->options, OPT_WRAP_WITH);
	const char *name = options_get(in->options, OPT_ALGORITHM);
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	uint8_t wrapped[RSA_MAX_BYTES];
	enum wrap_alg alg = WRAP_RSA_OAEP;
	char version[64] = "", *text;
	size_t len;

	if (name && wrap_alg_parse(name, &alg) < 0)
		return error_null(err, EINVAL, "unknown algorithm %s", name);
	key = load_kek(s, kek, version, err);
	if (!key || rsa_key_wrap(key, alg, secret_bytes(file), secret_len(file), wrapped, &len, err) < 0)
		return NULL;
	text = malloc(BASE64_CHARS(len) + 1);
	if (!text || set_kek_tags(doc, kek, version, wrap_alg_name(alg)) < 0) {
		free(text);
		return error_null(err, ENOMEM, "no memory");
	}
	base64_encode(wrapped, len, BASE64_URL, text);
	return text;
}

static char *plain_value(const struct secret *file, struct jval *doc, struct error *err)
{
	char *text = malloc(BASE64_CHARS(secret_len(file)) + 1);

	if (!text || (!jval_get_text(doc, "contentType") && jval_set_text(doc, "contentType", "BEK") < 0)) {
		free(text);
		return error_null(err, ENOMEM, "no memory");
	}
	base64_encode(secret_bytes(file), secret_len(file), BASE64_STD, text);
	return text;
}

static int import_secret(const struct invocation *in, struct local_store *s, char *version,
			 struct error *err)
{
	const struct options *o = in->options;
	AUTO(jval_free) struct jval *doc = keystore_cmd_object(in, err);
	AUTO(secret_free) struct secret *file = doc ? keyfile_read(in->operands[2], SECRET_MAX, err) : NULL;
	char *text;
	int rc;

	if (!file)
		return -EINVAL;
	if (options_has(o, OPT_WRAP_WITH) && !options_has(o, OPT_KEY_FILE))
		return error_set(err, EINVAL, "--wrap-with goes with --key-file");
	if (options_has(o, OPT_WRAP_WITH))
		text = wrapped_value(in, s, file, doc, err);
	else
		text = options_has(o, OPT_KEY_FILE) ? plain_value(file, doc, err) : text_value(file);
	if (!text)
		return -ENOMEM;
	rc = jval_set_text(doc, "value", text);
	wipe(text, strlen(text));
	free(text);
	if (rc)
		return error_set(err, EINVAL, "a secret is UTF-8 text; for a key file say --key-file");
	return local_put(s, LOCAL_SECRET, in->operands[1], options_get(o, OPT_VERSION), doc, version, err);
}

static int run_import_secret(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	char version[64] = "";
	int rc = s ? import_secret(in, s, version, &err) : -EIO;

	return keystore_cmd_end(in, rc, LOCAL_SECRET, in->operands[1], version, &err);
}

const struct command cmd_keystore_import_secret = {
	.name = "keystore import-secret", .operands = "DIR NAME FILE", .min = 3, .max = 3,
	.summary = "put a secret into a local key store",
	.text = "FILE holds the value as Key Vault gives it (base64 of the key file, or the wrapped "
		"key). With --key-file it is a .BEK or passphrase file itself and is encoded here, "
		"with --wrap-with KEY wrapped too. NAME is the name that the secret has in Key Vault, "
		"for Windows disks the GUID of the protector.",
	.example = "  adebackup keystore import-secret DIR B3284AAA-… key.BEK --key-file --wrap-with kek1 "
		   "--tag DiskEncryptionKeyFileName=B3284AAA-….BEK --keystore-key FILE",
	.groups = G_KEYSTORE | G_OBJECT, .run = run_import_secret,
};

/* Takes key. */
static int put_key(const struct invocation *in, struct local_store *s, struct rsa_key *key,
		   struct jval *doc, char *version, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *k = key;
	AUTO(secret_free) struct secret *pem = k ? rsa_key_private_pem(k) : NULL;
	char *text;
	int rc;

	if (!k)
		return -EINVAL;
	if (!pem)
		return error_set(err, ENOKEY, "this is the public half of a key, the private one is needed");
	text = strndup((const char *)secret_bytes(pem), secret_len(pem));
	rc = text ? jval_set_text(doc, "pem", text) : -ENOMEM;
	if (text)
		wipe(text, strlen(text));
	free(text);
	if (rc)
		return error_set(err, ENOMEM, "no memory");
	return local_put(s, LOCAL_KEY, in->operands[1], options_get(in->options, OPT_VERSION), doc,
			 version, err);
}

static unsigned bits_from(const struct invocation *in)
{
	const char *text = options_get(in->options, OPT_BITS);

	return text ? (unsigned)strtoul(text, NULL, 10) : 3072;
}

static struct rsa_key *key_for(const struct invocation *in, struct error *err)
{
	AUTO(secret_free) struct secret *pem = NULL;

	if (in->n_operands < 3)
		return rsa_key_generate(bits_from(in), err);
	pem = keyfile_read(in->operands[2], RSA_MAX_PEM, err);
	return pem ? rsa_key_from_pem(secret_bytes(pem), secret_len(pem), NULL, err) : NULL;
}

static int run_put_key(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	AUTO(jval_free) struct jval *doc = s ? keystore_cmd_object(in, &err) : NULL;
	char version[64] = "";
	int rc = doc ? put_key(in, s, key_for(in, &err), doc, version, &err) : -EIO;

	return keystore_cmd_end(in, rc, LOCAL_KEY, in->operands[1], version, &err);
}

const struct command cmd_keystore_import_key = {
	.name = "keystore import-key", .operands = "DIR NAME PEM", .min = 3, .max = 3,
	.summary = "put an RSA key into a local key store",
	.text = "PEM is a private RSA key, the KEK of disks. Give it the name and with "
		"--object-version the version of the Key Vault key, so that secrets find it.",
	.example = "  adebackup keystore import-key DIR kek1 kek1.pem --keystore-key FILE",
	.groups = G_KEYSTORE | G_OBJECT, .run = run_put_key,
};

const struct command cmd_keystore_create_key = {
	.name = "keystore create-key", .operands = "DIR NAME", .min = 2, .max = 2,
	.summary = "make a new RSA key in a local key store",
	.text = "A name that exists gets a new version; secrets wrapped by an older one keep opening.",
	.example = "  adebackup keystore create-key DIR kek1 --bits 3072 --keystore-key FILE",
	.groups = G_KEYSTORE | G_OBJECT, .run = run_put_key,
};

static int rotate(const struct invocation *in, struct local_store *s, char *version,
		  struct error *err)
{
	AUTO(jval_free) struct jval *old = local_read(s, LOCAL_KEY, in->operands[1], NULL, NULL, err);
	AUTO(jval_free) struct jval *doc = old ? jval_copy(old) : NULL;
	struct rsa_key *key = doc ? rsa_key_generate(bits_from(in), err) : NULL;

	return key ? put_key(in, s, key, doc, version, err) : -EIO;
}

static int run_rotate(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	char version[64] = "";
	int rc = s ? rotate(in, s, version, &err) : -EIO;

	return keystore_cmd_end(in, rc, LOCAL_KEY, in->operands[1], version, &err);
}

const struct command cmd_keystore_rotate = {
	.name = "keystore rotate", .operands = "DIR NAME", .min = 2, .max = 2,
	.summary = "make a new version of a key",
	.text = "Makes a new RSA key under NAME with the tags of the newest one. Older versions stay "
		"and keep unwrapping what they wrapped.",
	.example = "  adebackup keystore rotate DIR kek1 --keystore-key FILE",
	.groups = G_KEYSTORE | G_OBJECT, .run = run_rotate,
};
