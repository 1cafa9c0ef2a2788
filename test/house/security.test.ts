import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readPage, root } from "./page.ts";

const page = "docs/security.md";

/** A link with a title: `[shown](FILE "the test's title")`. */
const proofsIn = (text: string): readonly { readonly file: string; readonly title: string }[] =>
  [...text.matchAll(/\[[^\]]+\]\(([^)\s]+\.test\.ts)\s+"([^"]+)"\)/g)].map(([, file = "", title = ""]) => ({
    file: join("docs", file),
    title: title.replaceAll(/\s+/g, " "),
  }));

const bulletsIn = (text: string): readonly string[] =>
  text
    .split(/\n\s*\n|\n(?=- )/)
    .filter((part) => part.startsWith("- "))
    .map((part) => part.replaceAll(/\s+/g, " ").trim());

describe(page, () => {
  test("has a link to a test behind each sentence", async () => {
    const bullets = bulletsIn(await readPage(page));
    assert.ok(bullets.length > 0);
    assert.deepEqual(
      bullets.filter((bullet) => proofsIn(bullet).length === 0),
      [],
    );
  });

  test("names tests that are there", async () => {
    for (const { file, title } of proofsIn(await readPage(page))) {
      const source = await readFile(join(root, file), "utf8");
      assert.ok(source.includes(`"${title}"`) || source.includes(`\`${title}\``), `${file} has no test “${title}”`);
    }
  });
});
