// SPDX-License-Identifier: Apache-2.0
// Parses PowerShell with tree-sitter's grammar:
//   node parse-powershell.mjs NODE_MODULES FILE       what does not parse, a line each; exit code 1 then
//   node parse-powershell.mjs NODE_MODULES FILE TYPE  the text of each node of that type, as JSON
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, file, type] = process.argv.slice(2);
const { Parser, Language } = createRequire(join(modules, 'x'))('web-tree-sitter');
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(join(modules, 'tree-sitter-powershell/tree-sitter-powershell.wasm')));
const tree = parser.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
const wrong = [], found = [];

function visit(node) {
	if (node.isError || node.isMissing)
		wrong.push(`${file}:${node.startPosition.row + 1}: ${node.isMissing ? 'missing ' + node.type : 'unexpected ' + JSON.stringify(node.text.slice(0, 60))}`);
	if (node.type === type)
		found.push(node.text);
	node.children.forEach(visit);
}

visit(tree.rootNode);
console.log(type ? JSON.stringify(found) : wrong.join('\n'));
process.exitCode = wrong.length ? 1 : 0;
