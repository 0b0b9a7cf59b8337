/* SPDX-License-Identifier: Apache-2.0 */
/* Signs requests that come as JSON lines, as tests/fake/s3-client.cjs sign does, for comparison. */
#include "fs/net/aws_sign.h"
#include "fs/net/params.h"
#include "fs/util/json_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct jval *v, const char *name)
{
	const char *t = jval_get_text(v, name);

	return t ? t : "";
}

static int sign_line(const char *line)
{
	AUTO(jval_free) struct jval *v = jval_parse(line, strlen(line), NULL);
	const struct jval *list = jval_get(v, "headers"), *params = jval_get(v, "params");
	const char *key = text_of(v, "secret"), *headers[16];
	AUTO(secret_free) struct secret *secret = secret_copy(key, strlen(key)), *out = NULL;
	struct http_param p[PARAMS_MAX];
	struct aws_sign_request rq = {
		.method = text_of(v, "method"), .host = text_of(v, "host"), .path = text_of(v, "path"),
		.headers = headers, .payload_sha256 = text_of(v, "sha256"), .date = text_of(v, "date"),
		.region = text_of(v, "region"), .service = "s3", .key_id = text_of(v, "id"),
	};
	AUTO(free) char *query = NULL;

	for (size_t i = 0; i < jval_len(list) && i < 16; i++)
		headers[rq.n_headers++] = jval_text(jval_at(list, i));
	for (size_t i = 0; i < jval_len(params) && i < PARAMS_MAX; i++)
		p[i] = (struct http_param){ jval_text(jval_at(jval_at(params, i), 0)), jval_text(jval_at(jval_at(params, i), 1)) };
	query = params_query(p, jval_len(params));
	rq.query = query;
	out = query ? aws_sign_v4(&rq, secret) : NULL;
	if (!out)
		return 1;
	printf("%.*s\n", (int)secret_len(out), (const char *)secret_bytes(out));
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	int rc = secret_process_init();

	while (rc == 0 && getline(&line, &room, stdin) > 0)
		rc = sign_line(line);
	free(line);
	return rc != 0;
}
