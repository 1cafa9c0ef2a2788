import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./testing.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * What people are told to type: in the sources, whose hints are never all met in
 * tests, and on the pages.
 */
const texts = (): readonly (readonly [file: string, text: string])[] =>
  execFileSync("git", ["ls-files", "*.ts", "*.md"], { cwd: root, encoding: "utf8" })
    .trim()
    .split("\n")
    .filter((file) => !file.endsWith(".test.ts") && file !== "CHANGELOG.md")
    .map((file) => [file, readFileSync(join(root, file), "utf8").replaceAll(/\$\{[^{}]*\}/g, "X")]);

interface Mention {
  readonly where: string;
  readonly words: readonly string[];
}

/** After the program's name in a sentence that is about it. */
const prose = new Set(["again", "is", "itself", "needs", "runs", "that"]);

const inSources = /(?<![/@-])smtx-backup (?!-)([^"`'\n;]+)/g;
const inPages = /(?:`|npx )smtx-backup (?!-)([^`\n#;]+)/g;

const mentions = (): readonly Mention[] =>
  texts().flatMap(([file, text]) =>
    [...text.matchAll(file.endsWith(".md") ? inPages : inSources)].flatMap(({ 1: said = "", index }) => {
      const words = said.split(/\s+/).map((word) => word.replace(/[.,;:)…]+$/, ""));
      const line = text.slice(0, index).split("\n").length;
      return /^[a-z]/.test(said) && !prose.has(words[0] ?? "") ? [{ where: `${file}:${line}: ${said}`, words }] : [];
    }),
  );

interface Usage {
  readonly options: ReadonlySet<string>;
  readonly mandatory: readonly (readonly string[])[];
}

/** Commands whose last word may be left out. */
const shortFor: Readonly<Record<string, string>> = { failover: "failover begin" };

const optionsIn = (help: string) =>
  [...help.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].map(([, short, long]) => [short, long].flatMap((o) => o ?? []));

describe("every command that a hint or a page names", () => {
  const usages = new Map<string, Usage>();
  before(async () => {
    const { stdout } = await run(["--help"]);
    const [, commands = ""] = stdout.split("\nCommands:\n");
    for (const [, path = "", needs = ""] of commands.matchAll(
      /^ {2}([a-z][a-z -]*?)((?: [<[-]\S+| <\S+)*)(?: {2}|$)/gm,
    )) {
      const all = optionsIn((await run([...path.split(" "), "--help"])).stdout);
      const mandatory = [...needs.matchAll(/ (--?[\w-]+)/g)].map(([, name]) =>
        all.find((one) => one.includes(name ?? "")),
      );
      usages.set(path, {
        options: new Set(all.flat()),
        mandatory: mandatory.flatMap((names) => (names ? [names] : [])),
      });
    }
  });

  const pathOf = ({ words }: Mention): string | undefined =>
    [words.slice(0, 2).join(" "), words[0] ?? "", shortFor[words[0] ?? ""] ?? ""].find((path) => usages.has(path));
  const nouns = () => new Set([...usages.keys()].map((path) => path.split(" ")[0]));

  test("is there", () => {
    const all = mentions();
    assert.ok(all.length > 50, `only ${all.length} are found`);
    // A noun alone stands for its help.
    const wrong = all.filter(
      (one) => pathOf(one) === undefined && !(one.words.length === 1 && nouns().has(one.words[0])),
    );
    assert.deepEqual(
      wrong.map(({ where }) => where),
      [],
    );
  });

  test("has the options that are named with it, and all that it can't do without", () => {
    const wrong = mentions().flatMap((one) => {
      const usage = usages.get(pathOf(one) ?? "");
      if (usage === undefined) return [];
      const given = one.words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ""));
      const unknown = given.filter((name) => !usage.options.has(name));
      const missing = usage.mandatory.filter((names) => !names.some((name) => given.includes(name)));
      return unknown.length + missing.length === 0 ? [] : [`${one.where} — unknown: ${unknown}; missing: ${missing}`];
    });
    assert.deepEqual(wrong, []);
  });
});

test("every page that a hint names is there", () => {
  const pages = texts().flatMap(([file, text]) =>
    [...text.matchAll(/\bdocs\/[a-z/-]+\.\w+/g)].map(([page]) => [page, file] as const),
  );
  assert.ok(pages.length > 0);
  const missing = pages.filter(([page]) => !existsSync(join(root, page)));
  assert.deepEqual(missing, []);
});
