/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/store_opening.h"
#include "fs/store/address.h"

#include <stdlib.h>

static unsigned seconds(const struct options *o, enum option_id id)
{
	uint64_t s = options_number(o, id, 0);

	return s < 24 * 3600 ? (unsigned)s : 24 * 3600;
}

void store_reach_from(struct store_reach *r, const char *spec, const struct options *o)
{
	const char *bundle = getenv("AWS_CA_BUNDLE");

	r->token = (struct token_options){
		.tenant = options_get(o, OPT_AZURE_TENANT),
		.client_id = options_get(o, OPT_AZURE_CLIENT_ID),
		.object_id = options_get(o, OPT_AZURE_OBJECT_ID),
		.resource_id = options_get(o, OPT_AZURE_RESOURCE_ID),
		.client_secret_file = options_get(o, OPT_AZURE_CLIENT_SECRET_FILE),
		.client_cert_file = options_get(o, OPT_AZURE_CLIENT_CERT),
		.authority = options_get(o, OPT_AZURE_AUTHORITY),
	};
	r->store = (struct store_options){
		.http = {
			.ca_file = options_get(o, OPT_CA_FILE),
			.allow_http = options_has(o, OPT_ALLOW_HTTP),
			.max_requests = (unsigned)options_number(o, OPT_MAX_REQUESTS, 0),
			.max_bandwidth = options_number(o, OPT_MAX_BANDWIDTH, 0),
			.stall_ms = 20000,
		},
		.deadline_ms = seconds(o, OPT_REQUEST_DEADLINE) * 1000,
		.endpoint = options_get(o, OPT_ENDPOINT),
		.sas = options_sas(o, spec),
		.sas_file = options_get(o, OPT_SAS_FILE),
		.account_key_file = options_get(o, OPT_ACCOUNT_KEY_FILE),
		.token_file = options_get(o, OPT_TOKEN_FILE),
		.token = &r->token,
		.s3_credentials_file = options_get(o, OPT_S3_CREDENTIALS_FILE),
		.s3_region = options_get(o, OPT_S3_REGION),
	};
	if (!r->store.http.ca_file && store_kind_of(spec) == STORE_S3 && bundle && *bundle)
		r->store.http.ca_file = bundle;
	if (r->store.http.max_requests > 1024)
		r->store.http.max_requests = 1024;
}

struct store *store_from_options(const char *spec, bool create, const struct options *o, struct error *err)
{
	struct store_reach r;

	store_reach_from(&r, spec, o);
	return store_open_with(spec, create, &r.store, err);
}

bool store_is_remote(const char *spec)
{
	return store_kind_of(spec) != STORE_DIR;
}
