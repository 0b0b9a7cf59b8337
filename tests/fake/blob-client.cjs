// SPDX-License-Identifier: Apache-2.0
// The official Azure SDK, for tests: does with containers and blobs what they ask for.
//	blob-client.cjs create CONTAINER | list CONTAINER [PREFIX] | delete CONTAINER BLOB
//	blob-client.cjs get|put CONTAINER BLOB FILE
//	blob-client.cjs getall|putall CONTAINER PREFIX FOLDER
//	blob-client.cjs sas CONTAINER PERMISSIONS SECONDS	(from now; the SAS is printed)
// $BLOB_ENDPOINT, $BLOB_ACCOUNT, $BLOB_KEY say where and who.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const blob = require('@azure/storage-blob');

const { BLOB_ENDPOINT, BLOB_ACCOUNT, BLOB_KEY } = process.env;
const who = new blob.StorageSharedKeyCredential(BLOB_ACCOUNT, BLOB_KEY);
const service = new blob.BlobServiceClient(BLOB_ENDPOINT, who, { retryOptions: { maxTries: 4, retryDelayInMs: 100 } });

function container(name) {
	return service.getContainerClient(name);
}

async function names(name, prefix) {
	const found = [];
	for await (const b of container(name).listBlobsFlat({ prefix }))
		found.push(b);
	return found;
}

function files(folder, below = '') {
	return fs.readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((e) => {
		const at = below ? `${below}/${e.name}` : e.name;
		return e.isDirectory() ? files(folder, at) : [at];
	});
}

const commands = {
	create: (c) => container(c).createIfNotExists(),
	delete: (c, b) => container(c).deleteBlob(b),
	async list(c, prefix) {
		for (const b of await names(c, prefix))
			console.log(`${b.name}\t${b.properties.contentLength}\t${Buffer.from(b.properties.contentMD5 ?? '').toString('hex')}`);
	},
	get: (c, b, file) => container(c).getBlobClient(b).downloadToFile(file),
	put: (c, b, file) => container(c).getBlockBlobClient(b).uploadFile(file),
	async getall(c, prefix, folder) {
		for (const b of await names(c, prefix)) {
			const to = path.join(folder, b.name.slice(prefix.length));
			fs.mkdirSync(path.dirname(to), { recursive: true });
			await container(c).getBlobClient(b.name).downloadToFile(to);
		}
	},
	async putall(c, prefix, folder) {
		for (const f of files(folder))
			await container(c).getBlockBlobClient(prefix + f).uploadFile(path.join(folder, f));
	},
	sas(c, permissions, seconds) {
		const now = Date.now();
		console.log(blob.generateBlobSASQueryParameters({
			containerName: c,
			permissions: blob.ContainerSASPermissions.parse(permissions),
			startsOn: new Date(now - 3600e3),
			expiresOn: new Date(now + seconds * 1e3),
			protocol: blob.SASProtocol.HttpsAndHttp,
		}, who).toString());
	},
};

const [what, ...args] = process.argv.slice(2);
Promise.resolve(commands[what](...args)).catch((e) => {
	console.error(`${what}: ${e.code ?? e.name}: ${e.message}`);
	process.exit(1);
});
