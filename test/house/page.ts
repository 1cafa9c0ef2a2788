import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

export const readPage = (name: string): Promise<string> => readFile(join(root, name), "utf8");

/** A block between fences, or one that is indented by four spaces; its language where the fence names one. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
}

export const fencedBlocks = (page: string): readonly CodeBlock[] =>
  [...page.matchAll(/^```([a-z]*)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({ language, text }));

/** What lies between single backticks in prose and tables. */
export const inlineCode = (page: string): readonly string[] =>
  [...withoutBlocks(page).matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);

export interface PageLink {
  readonly text: string;
  /** As it is written: a path from the page's folder, an address, or `#a-heading`. */
  readonly to: string;
}

export const linksOf = (page: string): readonly PageLink[] =>
  [...withoutBlocks(page).matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, text = "", to = ""]) => ({
    text: text.replaceAll(/\s+/g, " "),
    to,
  }));

/** The names by which headings can be linked to, as GitHub makes them. */
export const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set(
    [...withoutBlocks(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

/**
 * The prose of a page, one entry a paragraph or list item. Left out are code blocks, pictures made of characters,
 * tables, headings and comments. Of a link its text is left.
 */
export const proseOf = (page: string): readonly string[] => {
  const lines = withoutBlocks(page)
    .replaceAll(/<!--.*?-->/gs, "")
    .replaceAll(/^(?:#|\|).*$/gm, "");
  return lines
    .split(/\n\s*\n|\n(?=\s*(?:-|\d+\.) )/)
    .map((text) => text.replace(/^\s*(?:-|\d+\.) /, "").replaceAll(/\[([^\]]+)\]\([^)]*\)/g, "$1"))
    .map((text) => text.replaceAll(/\s+/g, " ").trim())
    .filter((text) => text !== "");
};

/** A sentence ends with a full stop, a question mark or an exclamation mark before white space, and with its item. */
export const sentencesOf = (prose: string): readonly string[] =>
  prose.split(/(?<=[.!?][)*_”"]{0,3})\s+/).filter((sentence) => wordsOf(sentence) > 0);

/** Words are what white space parts and has a letter or a digit; code counts like other words. */
export const wordsOf = (sentence: string): number =>
  sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

const withoutBlocks = (page: string): string =>
  page.replaceAll(/^ *```.*?^ *```$/gms, "").replaceAll(/(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+/g, "\n");
