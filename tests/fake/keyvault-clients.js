// SPDX-License-Identifier: Apache-2.0
// The official JavaScript clients against tests/fake/keyvault: what they take as right, and what they refuse
// as documented. So the fake is no friend of ours alone.
//	keyvault-clients.js VAULT-URL LOGIN-URL TENANT CONTROL-URL
// App: client "app1" may all; "reader" may get and list alone. Challenge verification is on.
"use strict";
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const dns = require("node:dns");

const lookup = dns.lookup;
dns.lookup = (host, options, done) => host.endsWith(".localhost") ?
	lookup("127.0.0.1", options, done) : lookup(host, options, done);

const { ClientSecretCredential, ClientCertificateCredential } = require("@azure/identity");
const { SecretClient } = require("@azure/keyvault-secrets");
const { KeyClient, CryptographyClient } = require("@azure/keyvault-keys");

const [vault, login, tenant, control] = process.argv.slice(2);
const retryOptions = { maxRetries: 3, retryDelayInMs: 50, maxRetryDelayInMs: 2000 };
const identity = { authorityHost: login, disableInstanceDiscovery: true, retryOptions };

function credential(id, secret, where = tenant) {
	return new ClientSecretCredential(where, id, secret, identity);
}

const owner = credential("app1", "the-s3cret/of+app1"), reader = credential("reader", "r");
const secrets = new SecretClient(vault, owner, { retryOptions });
const keys = new KeyClient(vault, owner, { retryOptions });

async function tell(order) {
	const answer = await fetch(control, { method: "POST", body: JSON.stringify(order) });
	return answer.json();
}

async function refuses(status, code, what, pattern = /./) {
	await assert.rejects(what, (e) => {
		assert.equal(e.statusCode, status, String(e));
		if (code)
			assert.equal(e.code, code);
		assert.match(e.message, pattern);
		return true;
	});
}

async function all(list) {
	const out = [];
	for await (const item of list)
		out.push(item);
	return out;
}

const tests = {
	async "secrets: versions, tags, content type, paging"() {
		const tags = { DiskEncryptionKeyFileName: "LinuxPassPhraseFileName", MachineName: "vm1" };
		const first = await secrets.setSecret("one", "dmFsdWU=", { contentType: "BEK", tags });
		const second = await secrets.setSecret("one", "b3RoZXI=", { enabled: false, contentType: "BEK" });
		assert.notEqual(first.properties.version, second.properties.version);
		const got = await secrets.getSecret("one", { version: first.properties.version });
		assert.equal(got.value, "dmFsdWU=");
		assert.deepEqual(got.properties.tags, tags);
		assert.equal(got.properties.contentType, "BEK");
		assert.equal(got.properties.recoveryLevel, "Recoverable+Purgeable");
		assert.ok(got.properties.createdOn instanceof Date);
		assert.equal((await all(secrets.listPropertiesOfSecretVersions("one"))).length, 2);
		for (let i = 0; i < 60; i++)
			await tell({ do: "secret", name: "many" + i, value: "eA==" });
		assert.equal((await all(secrets.listPropertiesOfSecrets())).length, 61);
		await refuses(403, "Forbidden", secrets.getSecret("one"), /disabled/);
	},
	async "secrets: wrong version, missing name, wrong name"() {
		await refuses(404, "SecretNotFound", secrets.getSecret("one", { version: "0".repeat(32) }));
		await refuses(404, "SecretNotFound", secrets.getSecret("nothing"));
		await refuses(400, undefined, secrets.setSecret("bad_name", "x"));
	},
	async "secrets: soft delete, recover, purge, backup, restore"() {
		await secrets.setSecret("gone", "eA==");
		await (await secrets.beginDeleteSecret("gone", { intervalInMs: 50 })).pollUntilDone();
		assert.ok((await secrets.getDeletedSecret("gone")).properties.deletedOn);
		assert.equal((await all(secrets.listDeletedSecrets())).length, 1);
		await refuses(404, "SecretNotFound", secrets.getSecret("gone"));
		await refuses(409, "Conflict", secrets.setSecret("gone", "eQ=="), /deleted but recoverable/);
		await (await secrets.beginRecoverDeletedSecret("gone", { intervalInMs: 50 })).pollUntilDone();
		assert.equal((await secrets.getSecret("gone")).value, "eA==");
		const blob = await secrets.backupSecret("gone");
		await refuses(409, "Conflict", secrets.restoreSecretBackup(blob));
		await (await secrets.beginDeleteSecret("gone", { intervalInMs: 50 })).pollUntilDone();
		await secrets.purgeDeletedSecret("gone");
		await refuses(404, "SecretNotFound", secrets.getDeletedSecret("gone"));
		await secrets.restoreSecretBackup(blob);
		assert.equal((await secrets.getSecret("gone")).value, "eA==");
		blob[40] ^= 1;
		await refuses(400, "BadParameter", secrets.restoreSecretBackup(blob));
	},
	async "keys: real RSA, every algorithm, both ways, against node's own"() {
		const bek = crypto.randomBytes(156);
		for (const bits of [2048, 3072, 4096]) {
			const key = await keys.createRsaKey("kek" + bits, { keySize: bits });
			const jwk = { kty: "RSA", n: Buffer.from(key.key.n).toString("base64url"),
				e: Buffer.from(key.key.e).toString("base64url") };
			const pub = crypto.createPublicKey({ key: jwk, format: "jwk" });
			const remote = new CryptographyClient(key.id, owner, { retryOptions });
			for (const [alg, how] of [["RSA-OAEP", { oaepHash: "sha1" }], ["RSA-OAEP-256", { oaepHash: "sha256" }],
				["RSA1_5", { padding: crypto.constants.RSA_PKCS1_PADDING }]]) {
				const mine = crypto.publicEncrypt(Object.assign({ key: pub }, how), bek);
				assert.deepEqual(Buffer.from((await remote.unwrapKey(alg, mine)).result), bek, alg + bits);
				const theirs = await remote.wrapKey(alg, bek);
				assert.equal(theirs.result.length, bits / 8);
				assert.deepEqual(Buffer.from((await remote.unwrapKey(alg, theirs.result)).result), bek);
			}
			const mine = crypto.publicEncrypt({ key: pub, oaepHash: "sha1" }, bek);
			await refuses(400, "BadParameter", remote.unwrapKey("RSA-OAEP-256", mine));
			await refuses(400, "BadParameter", remote.unwrapKey("A128KW", mine));
		}
	},
	async "keys: rotation keeps the old version; a wrong version is not found; disabled refuses"() {
		const old = await keys.createRsaKey("rot");
		const wrapped = await new CryptographyClient(old.id, owner).wrapKey("RSA-OAEP", Buffer.from("bek"));
		const now = await keys.createRsaKey("rot");
		assert.notEqual(old.id, now.id);
		assert.equal(Buffer.from((await new CryptographyClient(old.id, owner).unwrapKey("RSA-OAEP", wrapped.result)).result)
			.toString(), "bek");
		await refuses(400, "BadParameter", new CryptographyClient(now.id, owner).unwrapKey("RSA-OAEP", wrapped.result));
		await refuses(404, "KeyNotFound", keys.getKey("rot", { version: "0".repeat(32) }));
		await keys.updateKeyProperties("rot", old.properties.version, { enabled: false });
		await refuses(403, "Forbidden", new CryptographyClient(old.id, owner).unwrapKey("RSA-OAEP", wrapped.result), /disabled/);
	},
	async "keys: soft delete, recover, backup, restore"() {
		await keys.createRsaKey("lost");
		const blob = await keys.backupKey("lost");
		await (await keys.beginDeleteKey("lost", { intervalInMs: 50 })).pollUntilDone();
		await refuses(409, "Conflict", keys.createRsaKey("lost"));
		await (await keys.beginRecoverDeletedKey("lost", { intervalInMs: 50 })).pollUntilDone();
		await (await keys.beginDeleteKey("lost", { intervalInMs: 50 })).pollUntilDone();
		await keys.purgeDeletedKey("lost");
		assert.equal((await keys.restoreKeyBackup(blob)).name, "lost");
	},
	async "permissions: each is refused by name"() {
		const s = new SecretClient(vault, reader, { retryOptions }), k = new KeyClient(vault, reader, { retryOptions });
		const key = await k.getKey("kek2048");
		await s.getSecret("gone");
		await refuses(403, "Forbidden", s.setSecret("x", "y"), /secrets set permission/);
		await refuses(403, "Forbidden", s.backupSecret("gone"), /secrets backup permission/);
		await refuses(403, "Forbidden", k.backupKey("lost"), /keys backup permission/);
		await refuses(403, "Forbidden", new CryptographyClient(key.id, reader).unwrapKey("RSA-OAEP", Buffer.alloc(256)),
			/keys unwrapKey permission/);
	},
	async "tokens: wrong secret, unknown application, wrong tenant, forged, expired"() {
		const with_ = (c) => new SecretClient(vault, c, { retryOptions }).getSecret("gone");
		await assert.rejects(with_(credential("app1", "wrong")), /AADSTS7000215/);
		await assert.rejects(with_(credential("nobody", "x")), /AADSTS700016/);
		await assert.rejects(with_(credential("app1", "the-s3cret/of+app1", "99999999-2222-3333-4444-555555555555")), /AdditionallyAllowedTenants|AADSTS90002/);
		const token = (text) => ({ getToken: async () => ({ token: text, expiresOnTimestamp: Date.now() + 3600000 }) });
		await refuses(401, undefined, with_(token("forged.to.ken")));
		const good = (await owner.getToken("https://vault.fake.localhost/.default")).token;
		await with_(token(good));
		const other = (await owner.getToken("https://storage.azure.com/.default")).token;
		await refuses(401, undefined, with_(token(other)));
		await tell({ do: "set", lifetime: -1 });
		const old = await fetch(`${login}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: new URLSearchParams({
			grant_type: "client_credentials", client_id: "reader", client_secret: "r",
			scope: "https://vault.fake.localhost/.default" }) });
		await tell({ do: "set", lifetime: 3600 });
		await refuses(401, undefined, with_(token((await old.json()).access_token)));
	},
	async "a challenge for another resource is refused by the client"() {
		await tell({ do: "fault", match: "GET .*/secrets/gone", kind: "raw", status: 401, times: 9, body: "{}", headers: {
			"WWW-Authenticate": `Bearer authorization="${login}/${tenant}", resource="https://graph.microsoft.com"` } });
		await assert.rejects(new SecretClient(vault, owner, { retryOptions }).getSecret("gone"), /challenge resource/);
		await tell({ do: "set", faults: [] });
	},
	async "429 with Retry-After is waited for; 503 is tried again"() {
		await tell({ do: "fault", match: "GET .*/secrets/gone", kind: "status", status: 429, headers: { "Retry-After": "1" } });
		const start = Date.now();
		await secrets.getSecret("gone");
		assert.ok(Date.now() - start >= 900);
		await tell({ do: "fault", match: "GET .*/secrets/gone", kind: "status", status: 503 });
		await secrets.getSecret("gone");
	},
	async "a client certificate"() {
		const { certificate, pem } = JSON.parse(process.env.CERTIFICATE);
		await tell({ do: "client", id: "certified", certificate });
		const c = new ClientCertificateCredential(tenant, "certified", { certificate: pem }, identity);
		assert.ok((await new SecretClient(vault, c).getSecret("gone")).value);
	},
};

(async () => {
	await tell({ do: "client", id: "reader", secret: "r", permissions: { secrets: ["get", "list"], keys: ["get", "list"] } });
	let failed = 0;
	for (const [name, test] of Object.entries(tests)) {
		try {
			await test();
			console.log("ok  " + name);
		} catch (e) {
			failed++;
			console.log("FAILED  " + name + "\n" + e.stack);
		}
	}
	console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
})();
