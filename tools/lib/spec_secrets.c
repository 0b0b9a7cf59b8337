/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/spec_secrets.h"

#include <errno.h>
#include <string.h>

static void take(struct spec_secrets *s, char *arg)
{
	char *scheme = strstr(arg, "://"), *query = scheme ? strchr(scheme, '?') : NULL;

	if (!query || (!strncmp(query, "?snapshot=", 10) && !strchr(query, '&')))
		return;
	if (s->n < SPEC_SECRETS_MAX) {
		s->spec[s->n] = arg;
		s->sas[s->n] = secret_copy(query + 1, strlen(query + 1));
		s->n += s->sas[s->n] != NULL;
	}
	wipe(query, strlen(query));
}

void spec_secrets_take(struct spec_secrets *s, int argc, char **argv)
{
	char *vault = getenv("ADEBACKUP_VAULT");

	for (int i = 1; i < argc; i++)
		take(s, argv[i]);
	if (vault)
		take(s, vault);
}

static bool has_signature(const struct secret *s)
{
	return memmem(secret_bytes(s), secret_len(s), "sig=", 4) != NULL;
}

void spec_secrets_warn(const struct spec_secrets *s, const struct report *report)
{
	struct error said = ERROR_INIT;

	if (!s->n)
		return;
	error_set(&said, EPERM, "%s in an address stays in the shell's history, and others may have seen it",
		  has_signature(s->sas[0]) ? "a SAS" : "what stands behind '?'");
	error_object(&said, "%s", s->spec[0]);
	error_next(&said, "put it into a file that only you can read, and name that: sas-file=FILE");
	report_warning(report, &said);
}

/* "os=https://…", "--disk=os=https://…" and the address alone are the same. */
static bool is_spec(const char *arg, const char *spec)
{
	size_t n = strlen(arg), len = strlen(spec);

	return n >= len && !strcmp(arg + n - len, spec) && (n == len || arg[n - len - 1] == '=');
}

const struct secret *spec_secrets_find(const struct spec_secrets *s, const char *spec)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_spec(s->spec[i], spec))
			return s->sas[i];
	return NULL;
}

void spec_secrets_clear(struct spec_secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		secret_free(s->sas[i]);
	s->n = 0;
}
