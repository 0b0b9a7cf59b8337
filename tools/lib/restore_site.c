/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/restore_site.h"
#include "fs/azure/vm_site.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int refuse(const char *what, const char *from, const char *to, const char *option, struct error *err)
{
	error_set(err, ENOTSUP, "the VM was in the %s %s, the restore is for %s: Azure restores encrypted VMs into their own alone",
		  what, from, to);
	error_next(err, "%s restores all the same; in Azure the Key Vault there must hold the keys "
		   "(adebackup keys restore-to-keyvault).", option);
	return -ENOTSUP;
}

int restore_site_check(const struct vault *v, const struct point *p, const struct options *o, struct error *err)
{
	const struct vault_info *info = vault_info(v);
	const char *region = options_get(o, OPT_REGION), *subscription = options_get(o, OPT_SUBSCRIPTION);
	struct vm_site site;
	const char *from;

	vm_site_take(p->vm_config, &site);
	from = *site.region ? site.region : info->region;
	if (region && *from && !vm_region_is(from, region) && !options_has(o, OPT_CROSS_REGION))
		return refuse("region", from, region, "--cross-region", err);
	from = *site.subscription ? site.subscription : info->subscription;
	if (subscription && *from && strcasecmp(from, subscription) && !options_has(o, OPT_CROSS_SUBSCRIPTION))
		return refuse("subscription", from, subscription, "--cross-subscription", err);
	return 0;
}
