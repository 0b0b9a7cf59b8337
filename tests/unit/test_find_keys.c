/* SPDX-License-Identifier: Apache-2.0 */
/* From settings to keys, against a key store of this test's own. */
#include "fs/azure/find_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HOST "https://contoso.vault.azure.net/secrets/"

struct row { const char *name, *version, *value, *machine, *type; bool managed, disabled; };

struct shelf {
	struct keystore ks;
	const struct row *row;
	size_t n;
	unsigned got, listed;
};

static void show(const struct row *r, struct keystore_secret *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", r->name);
	snprintf(out->version, sizeof(out->version), "%s", r->version);
	snprintf(out->content_type, sizeof(out->content_type), "%s", r->type ? r->type : "BEK");
	out->tags = jval_object();
	if (r->machine)
		jval_set_text(out->tags, TAG_MACHINE, r->machine);
	out->enabled = !r->disabled;
	out->managed = r->managed;
}

/* Rows of one name: the last is the newest. */
static int shelf_get(struct keystore *ks, const struct key_ref *ref, struct keystore_secret *out, struct error *err)
{
	struct shelf *s = (struct shelf *)ks;

	s->got++;
	for (size_t i = s->n; i-- > 0;) {
		const struct row *r = &s->row[i];

		if (strcmp(r->name, ref->name) || (*ref->version ? strcmp(r->version, ref->version) : r->disabled))
			continue;
		if (r->disabled)
			return error_set(err, EACCES, "the secret is disabled");
		show(r, out);
		out->value = secret_copy(r->value, strlen(r->value));
		return 0;
	}
	return error_set(err, ENOENT, "no such secret");
}

static int shelf_list(struct keystore *ks, keystore_secret_fn *fn, void *arg, struct error *err)
{
	struct shelf *s = (struct shelf *)ks;
	int rc = 0;

	(void)err;
	s->listed++;
	for (size_t i = 0; i < s->n && !rc; i++) {
		struct keystore_secret out;

		show(&s->row[i], &out);
		rc = fn(arg, &out);
		keystore_secret_clear(&out);
	}
	return rc;
}

static void shelf_free(struct keystore *ks)
{
	(void)ks;
}

static const struct keystore_ops ops = { .scheme = "test", .get = shelf_get, .list = shelf_list, .free = shelf_free };

/* What the search over these rows comes to: how many keys, the first one's text, and the words. */
struct result { int rc; size_t n; char first[64]; struct error err, warning; unsigned got, listed; };

static struct result find(const char *json, const struct row *rows, size_t n)
{
	struct shelf shelf = { .row = rows, .n = n };
	struct result out = { .err = ERROR_INIT, .warning = ERROR_INIT };
	AUTO(keystores_free) struct keystores *k = keystores_new();
	AUTO(keyring_free) struct keyring *ring = keyring_new();
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_parse(json, strlen(json), &out.err);

	assert_non_null(s);
	keystore_init(&shelf.ks, &ops, "test");
	assert_int_equal(keystores_add(k, &shelf.ks, NULL), 0);
	out.rc = azure_find_keys(s, k, NULL, ring, &out.err, &out.warning);
	out.n = keyring_count(ring);
	if (out.n) {
		const struct secret *key = keyring_at(ring, 0)->bytes;

		snprintf(out.first, sizeof(out.first), "%.*s", (int)secret_len(key), (const char *)secret_bytes(key));
	}
	out.got = shelf.got;
	out.listed = shelf.listed;
	return out;
}

#define DISK(url) "{\"encryptionSettingsCollection\":{\"enabled\":true,\"encryptionSettings\":[" \
	"{\"diskEncryptionKey\":{\"secretUrl\":\"" url "\"}}]}}"
#define VM "{\"name\":\"vm1\",\"properties\":{\"osProfile\":{\"computerName\":\"host1\"},\"storageProfile\":" \
	"{\"osDisk\":{\"name\":\"os\"}}}}"

static void the_secret_that_is_named_is_fetched_and_nothing_listed(void **state)
{
	static const struct row rows[] = { { .name = "a", .version = "1", .value = "b25l" },
					   { .name = "b", .version = "1", .value = "dHdv" } };
	struct result r = find(DISK(HOST "b/1"), rows, 2);

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.first, "two");
	assert_int_equal(r.listed, 0);
	assert_int_equal(r.warning.code, 0);
}

static void a_version_that_is_gone_is_answered_by_the_newest_and_told(void **state)
{
	static const struct row rows[] = { { .name = "a", .version = "2", .value = "b25l" },
					   { .name = "a", .version = "3", .value = "dHdv" },
					   { .name = "a", .version = "4", .value = "eA==", .disabled = true } };
	struct result r = find(DISK(HOST "a/1"), rows, 3);

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.first, "two");
	assert_non_null(strstr(r.warning.text, "version 1 of the secret is gone"));
}

static void a_vm_without_settings_is_found_by_its_guests_name(void **state)
{
	static const struct row rows[] = {
		{ .name = "other", .version = "1", .value = "eA==", .machine = "host2" },
		{ .name = "os", .version = "1", .value = "b25l", .machine = "HOST1" },
		{ .name = "nobody", .version = "1", .value = "eA==" },
		{ .name = "cert", .version = "1", .value = "eA==", .machine = "host1", .managed = true },
		{ .name = "off", .version = "1", .value = "eA==", .machine = "host1", .disabled = true },
		{ .name = "data", .version = "1", .value = "dHdv", .machine = "host1" },
	};
	struct result r = find(VM, rows, 6), all = find(VM, rows, 1);

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.first, "one");
	assert_int_equal(r.got, 2);
	assert_int_equal(all.n, 1);		/* no secret of this host: any may be it */
}

static void a_secret_that_is_gone_for_good_leads_to_the_tags(void **state)
{
	static const struct row rows[] = { { .name = "new", .version = "1", .value = "b25l" } };
	struct result r = find(DISK(HOST "old/1"), rows, 1), none = find(DISK(HOST "old/1"), rows, 0);

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.first, "one");
	assert_int_equal(r.warning.code, ENOENT);
	assert_int_equal(none.rc, -ENOENT);
}

static void a_refusal_is_told_and_leads_nowhere_else(void **state)
{
	static const struct row rows[] = { { .name = "off", .version = "1", .value = "eA==", .disabled = true },
					   { .name = "cert", .version = "1", .value = "eA==", .managed = true },
					   { .name = "x", .version = "1", .value = "eA==" } };
	struct result off = find(DISK(HOST "off/1"), rows, 3), cert = find(DISK(HOST "cert/1"), rows, 3);

	(void)state;
	assert_int_equal(off.rc, -EACCES);
	assert_int_equal(off.listed, 0);
	assert_int_equal(cert.rc, -ENOTSUP);
	assert_non_null(strstr(cert.err.text, "certificate"));
}

static void one_of_two_is_a_warning(void **state)
{
	static const struct row rows[] = { { .name = "b", .version = "1", .value = "dHdv\r\n" } };
	static const char two[] = "[" DISK(HOST "a/1") "," DISK(HOST "b/1") "]";
	struct result r = find(two, rows, 1);

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.warning.code, ENOENT);
}

static int ask(const char *domain, const char *host)
{
	struct keystore_options o = { .ca_file = "/nonexistent" };
	struct key_ref ref = { .name = "a" };
	struct keystore *ks = keystore_azure_open(domain, &o, NULL);
	struct keystore_secret s = { .name = "" };
	struct error err = ERROR_INIT;
	int rc;

	assert_non_null(ks);
	snprintf(ref.host, sizeof(ref.host), "%s", host);
	rc = ks->ops->get(ks, &ref, &s, &err);
	keystore_free(ks);
	return rc;
}

/* -EACCES comes before anything is sent; what is let through ends at the CA file. */
static void no_host_outside_of_the_clouds_or_the_domain_is_asked(void **state)
{
	(void)state;
	assert_int_not_equal(ask("", "contoso.vault.azure.net"), -EACCES);
	assert_int_not_equal(ask("", "contoso.vault.azure.cn:443"), -EACCES);
	assert_int_equal(ask("", "contoso.vault.azure.net.evil.example"), -EACCES);
	assert_int_equal(ask("", "evilvault.azure.net"), -EACCES);
	assert_int_equal(ask("", "vault.azure.net"), -EACCES);
	assert_int_equal(ask("", "login.microsoftonline.com"), -EACCES);
	assert_int_equal(ask("vault.example", "a.vault.azure.net"), -EACCES);
	assert_int_not_equal(ask("vault.example", "a.vault.example:8443"), -EACCES);
	assert_int_equal(ask("", ""), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_that_is_named_is_fetched_and_nothing_listed),
		cmocka_unit_test(a_version_that_is_gone_is_answered_by_the_newest_and_told),
		cmocka_unit_test(a_vm_without_settings_is_found_by_its_guests_name),
		cmocka_unit_test(a_secret_that_is_gone_for_good_leads_to_the_tags),
		cmocka_unit_test(a_refusal_is_told_and_leads_nowhere_else),
		cmocka_unit_test(one_of_two_is_a_warning),
		cmocka_unit_test(no_host_outside_of_the_clouds_or_the_domain_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
