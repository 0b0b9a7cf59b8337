// SPDX-License-Identifier: Apache-2.0
// Azure's own client asks the fake metadata service at 169.254.169.254 for the token of each managed identity, as
// "client_id:ID", "object_id:ID", "resource_id:ID" or "own:" on the command line name them, and reads a secret
// with it:  identity-clients.js VAULT SECRET IDENTITY…    Prints a line for each that could.
"use strict";
const { ManagedIdentityCredential } = require("@azure/identity");
const { SecretClient } = require("@azure/keyvault-secrets");

const [vault, secret, ...identities] = process.argv.slice(2);
const names = { client_id: "clientId", object_id: "objectId", resource_id: "resourceId" };

(async () => {
	for (const text of identities) {
		const at = text.indexOf(":");
		const name = names[text.slice(0, at)];
		const options = { retryOptions: { maxRetries: 0 } };
		if (name)
			options[name] = text.slice(at + 1);
		try {
			await new SecretClient(vault, new ManagedIdentityCredential(options)).getSecret(secret);
			console.log("ok " + text);
		} catch (e) {
			console.log(`refused ${text}: ${e.message.split("\n")[0]}`);
		}
	}
})();
