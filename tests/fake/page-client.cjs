// SPDX-License-Identifier: Apache-2.0
// The official Azure SDK, for tests of page blobs.
//	page-client.cjs create CONTAINER
//	page-client.cjs upload CONTAINER BLOB FILE		(64 KiB pieces of zeros are left out)
//	page-client.cjs write CONTAINER BLOB OFFSET FILE | clear CONTAINER BLOB OFFSET LENGTH
//	page-client.cjs snapshot CONTAINER BLOB			(its time is printed)
//	page-client.cjs ranges CONTAINER BLOB [SNAPSHOT [PREVIOUS]]	(lines: data|clear OFFSET LENGTH)
//	page-client.cjs metadata CONTAINER BLOB NAME VALUE | put CONTAINER BLOB FILE (a block blob)
//	page-client.cjs download CONTAINER BLOB FILE [SNAPSHOT]
//	page-client.cjs sas CONTAINER BLOB PERMISSIONS SECONDS [SNAPSHOT]	(one blob's; printed)
// $BLOB_ENDPOINT, $BLOB_ACCOUNT, $BLOB_KEY say where and who.
'use strict';
const fs = require('node:fs');
const blob = require('@azure/storage-blob');

const { BLOB_ENDPOINT, BLOB_ACCOUNT, BLOB_KEY } = process.env;
const PIECE = 65536, AT_ONCE = 4 << 20;
const who = new blob.StorageSharedKeyCredential(BLOB_ACCOUNT, BLOB_KEY);
const service = new blob.BlobServiceClient(BLOB_ENDPOINT, who, { retryOptions: { maxTries: 6, retryDelayInMs: 50 } });

function pages(c, b, snapshot) {
	const client = service.getContainerClient(c).getPageBlobClient(b);
	return snapshot ? client.withSnapshot(snapshot) : client;
}

const zeros = Buffer.alloc(PIECE);

async function upload(c, b, file) {
	const fd = fs.openSync(file), { size } = fs.fstatSync(fd), client = pages(c, b);
	await client.create(size);
	let held = [], from = 0;
	const flush = async () => {
		const data = Buffer.concat(held);
		if (data.length)
			await client.uploadPages(data, from, data.length);
		held = [];
	};
	for (let at = 0; at < size; at += PIECE) {
		const piece = Buffer.alloc(Math.min(PIECE, size - at));
		fs.readSync(fd, piece, 0, piece.length, at);
		if (piece.equals(zeros.subarray(0, piece.length)) || held.length * PIECE >= AT_ONCE)
			await flush();
		if (piece.equals(zeros.subarray(0, piece.length)))
			continue;
		if (!held.length)
			from = at;
		held.push(piece);
	}
	await flush();
}

async function ranges(c, b, snapshot, previous) {
	const client = pages(c, b, snapshot);
	const list = previous ? client.listPageRangesDiff(0, undefined, previous) : client.listPageRanges();
	for await (const r of list)
		console.log(`${r.isClear ? 'clear' : 'data'} ${r.start} ${r.end - r.start + 1}`);
}

const commands = {
	create: (c) => service.getContainerClient(c).createIfNotExists(),
	upload,
	ranges,
	write(c, b, offset, file) {
		const data = fs.readFileSync(file);
		return pages(c, b).uploadPages(data, Number(offset), data.length);
	},
	clear: (c, b, offset, length) => pages(c, b).clearPages(Number(offset), Number(length)),
	snapshot: async (c, b) => console.log((await pages(c, b).createSnapshot()).snapshot),
	metadata: (c, b, name, value) => pages(c, b).setMetadata({ [name]: value }),
	put: (c, b, file) => service.getContainerClient(c).getBlockBlobClient(b).uploadFile(file),
	download: (c, b, file, snapshot) => pages(c, b, snapshot).downloadToFile(file),
	sas(c, b, permissions, seconds, snapshot) {
		const now = Date.now();
		console.log(blob.generateBlobSASQueryParameters({
			containerName: c,
			blobName: b,
			snapshotTime: snapshot,
			permissions: blob.BlobSASPermissions.parse(permissions),
			startsOn: new Date(now - 3600e3),
			expiresOn: new Date(now + seconds * 1e3),
			protocol: blob.SASProtocol.HttpsAndHttp,
		}, who).toString());
	},
};

const [what, ...args] = process.argv.slice(2);
Promise.resolve(commands[what](...args)).catch((e) => {
	console.error(`${what}: ${e.statusCode ?? ''} ${e.code ?? e.name}: ${e.message}`);
	process.exit(1);
});
