import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, sourceFolders } from "./sources.ts";

/** In the order in which they build on each other. */
const layers = ["core", "pki", "functions", "gateway", "infra", "cli", "bench", "test"];

export const wordsMax = 20;

export interface Folder {
  readonly path: string;
  /** The first sentence of its README.md; undefined where it has none. */
  readonly sentence: string | undefined;
}

/**
 * The first sentence of a text: up to a full stop that ends its paragraph, or that a space follows.
 */
export const firstSentence = (text: string): string | undefined =>
  /^(?:#.*\n+)*([^#\s][\s\S]*?\.)(?=\s|$)/.exec(text.trimStart())?.[1]?.replace(/\s+/g, " ");

/** Every folder that has sources, by layers. */
export const foldersWithSentences = (): readonly Folder[] =>
  [...sourceFolders()]
    .sort((one, other) => layerAt(one) - layerAt(other) || (one < other ? -1 : 1))
    .map((path) => ({ path, sentence: sentenceOf(join(root, path, "README.md")) }));

const layerAt = (path: string): number => layers.indexOf(path.split("/")[0] ?? "");

const sentenceOf = (readme: string): string | undefined =>
  existsSync(readme) ? firstSentence(readFileSync(readme, "utf8")) : undefined;

/** What is wrong with a folder's sentence, and what to do; undefined when nothing is. */
export const problemOf = ({ path, sentence }: Folder): string | undefined => {
  if (sentence === undefined)
    return `${path} has no README.md that begins with a sentence: write what the folder is for`;
  const words = sentence.split(" ").length;
  if (words > wordsMax)
    return `${path}/README.md begins with ${words} words, and ${wordsMax} are the most: ${sentence}`;
  if (sentence.includes("|"))
    return `${path}/README.md begins with a sentence that has a “|”, which ends a table's cell`;
  return undefined;
};

/** The table of ARCHITECTURE.md, a row for each folder. */
export const folderTable = (folders: readonly Folder[]): string => {
  const rows = [["folder", "what it is for"], ...folders.map(({ path, sentence = "" }) => [`\`${path}\``, sentence])];
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(
    ([path = "", sentence = ""]) => `| ${path.padEnd(first ?? 0)} | ${sentence.padEnd(second ?? 0)} |`,
  );
  const rule = `| ${"-".repeat(first ?? 0)} | ${"-".repeat(second ?? 0)} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
};

const marked = /(<!-- folders:.*-->\n)[\s\S]*?(\n<!-- end of folders -->)/;

/**
 * A page with its table made anew.
 * @throws Error when the marks are not there, between which it stands
 */
export const withFolderTable = (page: string, table: string): string => {
  if (!marked.test(page)) throw new Error("ARCHITECTURE.md has lost the marks around its table of folders");
  return page.replace(marked, (_, before: string, after: string) => `${before}\n${table}\n${after}`);
};

export const pageFile = join(root, "ARCHITECTURE.md");
