import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import packageJson from "../../package.json" with { type: "json" };
import { firstSentence, foldersWithSentences, folderTable, pageFile, problemOf, withFolderTable } from "./folders.ts";
import { isForTests, root, sources } from "./sources.ts";

const folders = foldersWithSentences();

test("every folder of sources has a README.md that says in one short sentence what it is for", () => {
  assert.deepEqual(
    folders.flatMap((folder) => problemOf(folder) ?? []),
    [],
  );
});

test("a folder without a sentence, and one with a long one, are found", () => {
  assert.match(problemOf({ path: "core/x", sentence: undefined }) ?? "", /core\/x has no README\.md/);
  assert.match(problemOf({ path: "core/x", sentence: `${"word ".repeat(20)}word.` }) ?? "", /21 words, and 20/);
  assert.equal(firstSentence("Keeps a.b and\nc. More.\n"), "Keeps a.b and c.");
  assert.equal(firstSentence("# A heading\n\nIts sentence.\n"), "Its sentence.");
  assert.equal(firstSentence("No end"), undefined);
});

test("the table of folders in ARCHITECTURE is made of those sentences", () => {
  assert("docs:folders" in packageJson.scripts);
  const page = readFileSync(pageFile, "utf8");
  assert(
    page === withFolderTable(page, folderTable(folders)),
    "it is out of date; make it anew with: npm run docs:folders",
  );
});

test("the npm package has none of the folders' README.md", () => {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: root,
    encoding: "utf8",
  });
  assert.deepEqual(packed.match(/"[^"]*README\.md"/g), ['"README.md"']);
});

test("every file that a folder's README.md names is in that folder", () => {
  for (const { path } of folders) {
    const text = readFileSync(join(root, path, "README.md"), "utf8");
    for (const [, name = ""] of text.matchAll(/`([a-z-]+\.ts)`/g)) {
      assert(existsSync(join(root, path, name)), `${path}/README.md names ${name}`);
    }
  }
});

/** One idea of many parts. */
const large: Readonly<Record<string, number>> = {
  "core/api": 34,
  "cli/commands": 28,
};
const filesMax = 22;

test("a folder has few enough files to be looked through", () => {
  for (const { path } of folders) {
    const files = sources().filter((file) => file.slice(0, file.lastIndexOf("/")) === path && !isForTests(file));
    const most = large[path] ?? filesMax;
    assert(files.length <= most, `${path} has ${files.length} files, and ${most} are the most: give it rooms`);
  }
});
