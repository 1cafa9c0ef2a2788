import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "node:test";
import { anchorsOf, inlineCode, linksOf, proseOf, readPage, root, sentencesOf, wordsOf } from "./page.ts";

const wordsMean = 20;
const wordsMost = 40;

const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n");
const pages = git("ls-files", "--cached", "--others", "--exclude-standard", "*.md").filter((name) =>
  existsSync(join(root, name || "nowhere")),
);

/** Where a link leads, from the project's folder; undefined for other hosts. */
const targetOf = (page: string, to: string): { file: string; anchor: string | undefined } | undefined => {
  if (/^[a-z]+:/.test(to)) return undefined;
  const [path = "", anchor] = to.split("#");
  return { file: path === "" ? page : normalize(join(dirname(page), path)), anchor };
};

describe("the counting of words", () => {
  test("leaves out code, tables, headings and links' addresses, and takes each item of a list", () => {
    const page =
      "# A heading of five words\n\nOne two. Three `four` [five](six/seven.md)!\n\n    code in here\n\n| a | b |\n\n- six seven\n- eight\n";
    assert.deepEqual(proseOf(page), ["One two. Three `four` five!", "six seven", "eight"]);
    assert.deepEqual(proseOf(page).flatMap(sentencesOf).map(wordsOf), [2, 3, 2, 1]);
  });

  test("takes a sentence in brackets or stars as one, and no point inside a word for an end", () => {
    assert.deepEqual(sentencesOf("**It ends.** See a.b/c.ts now. (So.) Yes?"), [
      "**It ends.**",
      "See a.b/c.ts now.",
      "(So.)",
      "Yes?",
    ]);
  });
});

for (const name of ["README.md", "ARCHITECTURE.md"]) {
  describe(name, () => {
    test(`has ${wordsMean} words a sentence in the mean, or fewer, and none of more than ${wordsMost}`, async () => {
      const sentences = proseOf(await readPage(name)).flatMap(sentencesOf);
      const words = sentences.map(wordsOf);
      const mean = words.reduce((sum, each) => sum + each, 0) / words.length;
      assert.ok(mean <= wordsMean, `${mean.toFixed(1)} words a sentence`);
      assert.deepEqual(
        sentences.filter((sentence) => wordsOf(sentence) > wordsMost),
        [],
      );
    });

    test("says “who” and “what”, and nowhere “whoever”", async () => {
      const prose = proseOf(await readPage(name));
      assert.deepEqual(
        prose.filter((text) => /\bwhoever\b/i.test(text)),
        [],
      );
    });
  });
}

describe("pages", () => {
  for (const name of pages) {
    test(`${name} links to files and headings that are there`, async () => {
      for (const { to } of linksOf(await readPage(name))) {
        const target = targetOf(name, to);
        if (target === undefined) continue;
        assert.ok(existsSync(join(root, target.file)), `${to} is not there`);
        if (target.anchor === undefined || !target.file.endsWith(".md")) continue;
        const anchors = anchorsOf(await readPage(target.file));
        assert.ok(anchors.has(target.anchor), `${to}: no such heading; there are ${[...anchors].join(", ")}`);
      }
    });
  }

  for (const name of pages) {
    test(`${name} names no source file that is not there`, async () => {
      const isSource = (code: string) =>
        /^(?:core|pki|functions|gateway|infra|cli|test|bench)\/[\w./-]+\.\w+$/.test(code);
      const named = inlineCode(await readPage(name)).filter(isSource);
      const places = (file: string) => [join(root, file), join(root, dirname(name), file)];
      assert.deepEqual(
        named.filter((file) => !places(file).some((place) => existsSync(place))),
        [],
      );
    });
  }

  /** Breadth first: the links that lead from the README to a file, one text for each. */
  const wayTo = async (file: string, steps: number): Promise<readonly string[] | undefined> => {
    let ways: readonly { at: string; texts: readonly string[] }[] = [{ at: "README.md", texts: [] }];
    for (let step = 1; step <= steps; step++) {
      const next: { at: string; texts: readonly string[] }[] = [];
      for (const { at, texts } of ways) {
        for (const { text, to } of linksOf(await readPage(at))) {
          const target = targetOf(at, to)?.file;
          if (target === file) return [...texts, text];
          if (target?.endsWith(".md")) next.push({ at: target, texts: [...texts, text] });
        }
      }
      ways = next;
    }
    return undefined;
  };

  for (const [what, file] of [
    ["state machine", "core/run/decide.ts"],
    ["diff", "gateway/transfer/diff/scan.ts"],
    ["frame", "gateway/transfer/frame/frame.ts"],
  ] as const) {
    test(`a reader finds the ${what} from README in three steps, by links that say so`, async () => {
      const way = await wayTo(file, 3);
      assert.ok(way !== undefined, `nothing leads to ${file}`);
      assert.match(way.at(-1) ?? "", new RegExp(what));
    });
  }

  test("README compares with the figures that BENCHMARKS has", async () => {
    const rows = (page: string) =>
      [...page.matchAll(/^\| (.+?) *\|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));
    const measured = rows(await readPage("BENCHMARKS.md"));
    const compared = rows(await readPage("README.md"));
    const tools = ["smtx-backup", "rsync -z", "restic", "borg"];
    const [head = []] = compared.filter((row) => row[0] === "case");
    assert.deepEqual(head.slice(1), tools);
    const figures = compared.filter((row) => row.length === 5 && row.slice(1).every((cell) => /^[\d.]+$/.test(cell)));
    assert.ok(figures.length >= 4);
    for (const [name, ...cells] of figures) {
      const wall = tools.map((tool) => measured.find((row) => row[0] === name && row[1] === tool)?.[2]);
      assert.deepEqual(cells, wall, name);
    }
  });
});
