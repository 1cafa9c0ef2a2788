import { readFile } from "node:fs/promises";
import { LineCounter, parseAllDocuments } from "yaml";
import { VisibleError } from "../../core/api/errors.ts";
import type { Host } from "../host/host.ts";

/**
 * What a file of YAML (or JSON) is about, for its messages: `plan`, and what to do about a
 * file that can't be read.
 */
export interface About {
  readonly what: string;
  readonly hint: string;
}

export interface YamlFile {
  /** For messages: the file's name, or `standard input`. */
  readonly name: string;
  readonly text: string;
}

/** One document of several, and the line of the file that it begins in. */
export interface YamlDocument {
  readonly line: number;
  readonly value: unknown;
}

const standardInput = "-";

/** `-` is standard input. @throws VisibleError BAD_REQUEST when it can't be read or is no text */
export const readYamlFile = async (
  file: string,
  { readInput }: Pick<Host, "readInput">,
  about: About,
): Promise<YamlFile> => {
  if (file === standardInput) return textOnly({ name: "standard input", text: await readInput() }, about);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VisibleError("BAD_REQUEST", `The ${about.what} can't be read: ${why}.`, {
      hint: "Name a file that is there with -f, or -f - for standard input.",
      cause,
    });
  });
  return textOnly({ name: file, text }, about);
};

/** The parser takes long over a disk image, and quotes it. */
export const textOnly = (file: YamlFile, { hint }: About): YamlFile => {
  if (!file.text.includes("\0")) return file;
  throw new VisibleError("BAD_REQUEST", `What is in ${file.name} is no text.`, { hint });
};

/**
 * All documents of a file that say something.
 * @returns what is wrong where it is no YAML, with line and column
 */
export const yamlDocuments = (text: string): { readonly documents: readonly YamlDocument[] } | { wrong: string } => {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter });
  const documents: YamlDocument[] = [];
  for (const document of parsed) {
    const [error] = document.errors;
    if (error !== undefined) return { wrong: firstLine(error) };
    try {
      const value: unknown = document.toJS();
      const [start = 0] = document.contents?.range ?? [];
      if (value !== null) documents.push({ line: lineCounter.linePos(start).line, value });
    } catch (error) {
      // An alias of nothing, or of too much.
      return { wrong: firstLine(error) };
    }
  }
  return { documents };
};

/**
 * The parser's message names line and column in its first line, and shows the place
 * in the following ones.
 */
export const firstLine = (error: unknown): string => {
  const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return first.replace(/:$/, "");
};
