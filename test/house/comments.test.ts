import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "./page.ts";

const columnsMax = 100;

interface Line {
  readonly number: number;
  readonly text: string;
}

/** The lines of a TypeScript file that are a comment or end with one. */
const commentLines = (source: string): readonly Line[] => {
  let isInBlock = false;
  return source.split("\n").flatMap((text, index) => {
    const begins = text.trimStart();
    const isComment = isInBlock || begins.startsWith("/*") || begins.startsWith("//") || /[;,{}()\]>] \/\/ /.test(text);
    if (begins.startsWith("/*")) isInBlock = true;
    if (text.includes("*/")) isInBlock = false;
    return isComment ? [{ number: index + 1, text }] : [];
  });
};

/** The same of YAML and of a shell's script. */
const hashLines = (source: string): readonly Line[] =>
  source.split("\n").flatMap((text, index) => (/(?:^|\s)# /.test(text) ? [{ number: index + 1, text }] : []));

/** One word, an address for instance, can't be wrapped. */
const isOneWord = ({ text }: Line): boolean => text.replace(/^[\s/*#(]+/, "").split(" ").length === 1;

const tooLong = (lines: readonly Line[]): readonly Line[] =>
  lines.filter((line) => line.text.length > columnsMax && !isOneWord(line));

describe("a comment", () => {
  test(`has at most ${columnsMax} columns with what stands before it, whatever its form`, () => {
    const words = "a word and ".repeat(10);
    const forms = [`// ${words}`, `/** ${words}*/`, `/*\n * ${words}\n */`, `const x = 1; ${"//"} ${words}`];
    for (const source of forms) {
      assert.equal(tooLong(commentLines(source)).length, 1, source);
    }
    assert.equal(tooLong(hashLines(`name: x # ${words}`)).length, 1);
    assert.deepEqual(tooLong(commentLines(`${"//"} https://${"a".repeat(120)}\nconst x = "${words}";`)), []);
  });
});

const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.yaml", "*.yml", ".ci/run"],
  { cwd: root, encoding: "utf8" },
)
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

test(`no comment of the project is wider than ${columnsMax} columns`, async () => {
  assert.ok(files.length > 500);
  const found: string[] = [];
  for (const file of files) {
    const source = await readFile(join(root, file), "utf8");
    const lines = file.endsWith(".ts") ? commentLines(source) : hashLines(source);
    found.push(...tooLong(lines).map(({ number, text }) => `${file}:${number} ${text.trim()}`));
  }
  assert.deepEqual(found, []);
});
