// Parses PowerShell texts: one JSON object {name: text} on stdin, one line "name:line:column: what" for each error.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Parser, Language } from "web-tree-sitter";

const require = createRequire(import.meta.url);
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(require.resolve("tree-sitter-powershell/tree-sitter-powershell.wasm")));

function report(name, node) {
  if (node.isError || node.isMissing) {
    const what = node.isMissing ? `missing ${node.type}` : `cannot be parsed: ${node.text.slice(0, 60).replace(/\s+/g, " ")}`;
    console.log(`${name}:${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${what}`);
    return;
  }
  if (node.hasError) {
    for (const child of node.children) report(name, child);
  }
}

for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const tree = parser.parse(text);
  report(name, tree.rootNode);
  tree.delete();
}
