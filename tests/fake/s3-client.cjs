// SPDX-License-Identifier: Apache-2.0
// The official S3 client, for tests.
//	s3-client.cjs create BUCKET | list BUCKET [PREFIX] | delete BUCKET KEY
//	s3-client.cjs get|put|putnew BUCKET KEY FILE	(putnew: If-None-Match)
//	s3-client.cjs getall|putall BUCKET PREFIX FOLDER
//	s3-client.cjs race BUCKET PREFIX ROUNDS WRITERS	(so many put a new name at once; how many rounds had one winner)
//	s3-client.cjs sign	(requests as JSON lines on stdin; their Authorization headers come out)
// $S3_ENDPOINT, $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_REGION say where and who.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { createHash, createHmac } = require('node:crypto');
const s3 = require('@aws-sdk/client-s3');

const client = new s3.S3Client({ endpoint: process.env.S3_ENDPOINT, forcePathStyle: true, maxAttempts: 4 });
const send = (Command, args) => client.send(new Command(args));

async function names(Bucket, Prefix) {
	const found = [];
	for await (const page of s3.paginateListObjectsV2({ client }, { Bucket, Prefix }))
		found.push(...(page.Contents ?? []));
	return found;
}

function files(folder, below = '') {
	return fs.readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((e) => {
		const at = below ? `${below}/${e.name}` : e.name;
		return e.isDirectory() ? files(folder, at) : [at];
	});
}

async function get(Bucket, Key, file) {
	const r = await send(s3.GetObjectCommand, { Bucket, Key });
	fs.mkdirSync(path.dirname(file), { recursive: true });
	fs.writeFileSync(file, await r.Body.transformToByteArray());
}

const put = (Bucket, Key, file, more) =>
	send(s3.PutObjectCommand, { Bucket, Key, Body: fs.readFileSync(file), ...more });

// Node's own digests under the interface that the signer wants.
class Sha256 {
	constructor(key) { this.h = key ? createHmac('sha256', key) : createHash('sha256'); }
	update(data) { this.h.update(data); }
	async digest() { return new Uint8Array(this.h.digest()); }
}

async function sign() {
	const { SignatureV4 } = require('@smithy/signature-v4');
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const r = JSON.parse(line);
		const signer = new SignatureV4({ service: 's3', region: r.region, sha256: Sha256, uriEscapePath: false,
			applyChecksum: false, credentials: { accessKeyId: r.id, secretAccessKey: r.secret } });
		const headers = Object.fromEntries(r.headers.map((h) => h.split(/:\s*/, 2)));
		const signed = await signer.sign({ method: r.method, protocol: 'https:', hostname: r.host, path: r.path,
			query: Object.fromEntries(r.params), headers: { host: r.host, ...headers } },
		{ signingDate: new Date(r.date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')) });
		console.log(signed.headers.authorization);
	}
}

// "ROUNDS with one winner, ROUNDS with several, ROUNDS with none; REFUSALS"
async function race(Bucket, prefix, rounds, writers) {
	const won = [0, 0, 0], refusals = new Set();
	for (let r = 0; r < Number(rounds); r++) {
		const puts = Array.from({ length: Number(writers) }, (_, i) => send(s3.PutObjectCommand,
			{ Bucket, Key: `${prefix}${r}`, Body: `writer ${i}`, IfNoneMatch: '*' }));
		const done = await Promise.allSettled(puts);
		const winners = done.filter((d) => d.status === 'fulfilled').length;
		done.filter((d) => d.status === 'rejected').forEach((d) => refusals.add(d.reason.name));
		won[winners === 1 ? 0 : winners ? 1 : 2]++;
	}
	console.log(`${won[0]} rounds with one winner, ${won[1]} with several, ${won[2]} with none; refused with ${[...refusals].join(', ') || 'nothing'}`);
}

const commands = {
	race,
	create: (Bucket) => send(s3.CreateBucketCommand, { Bucket }),
	delete: (Bucket, Key) => send(s3.DeleteObjectCommand, { Bucket, Key }),
	async list(bucket, prefix) {
		for (const o of await names(bucket, prefix))
			console.log(`${o.Key}\t${o.Size}`);
	},
	get,
	put,
	putnew: (b, k, f) => put(b, k, f, { IfNoneMatch: '*' }),
	async getall(bucket, prefix, folder) {
		for (const o of await names(bucket, prefix))
			await get(bucket, o.Key, path.join(folder, o.Key.slice(prefix.length)));
	},
	async putall(bucket, prefix, folder) {
		for (const f of files(folder))
			await put(bucket, prefix + f, path.join(folder, f));
	},
	sign,
};

const [what, ...args] = process.argv.slice(2);
Promise.resolve(commands[what](...args)).catch((e) => {
	console.error(`${what}: ${e.name}: ${e.message}`);
	process.exit(1);
});
