import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "./sources.ts";

/** What each file, or folder, reads of others. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

const statement = /^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"(\.[^"]+)"/gm;
const call = /\bimport\("(\.[^"]+)"\)/g;

/** The files that a TypeScript source imports by a relative path, types and `import()` too. */
export const importsIn = (source: string): readonly string[] =>
  [statement, call].flatMap((form) => [...source.matchAll(form)].map(([, path = ""]) => path));

/** Which of the files imports which others. */
export const importGraph = (files: readonly string[]): Graph =>
  new Map(
    files.map((file) => {
      const source = readFileSync(join(root, file), "utf8");
      return [file, new Set(importsIn(source).map((path) => normalize(join(dirname(file), path))))] as const;
    }),
  );

/** The same of groups of files, without what a group reads of itself. */
export const grouped = (graph: Graph, groupOf: (file: string) => string): Graph => {
  const groups = new Map<string, Set<string>>();
  for (const [file, imports] of graph) {
    const group = groupOf(file);
    const others = [...imports].map(groupOf).filter((other) => other !== group);
    groups.set(group, new Set([...(groups.get(group) ?? []), ...others]));
  }
  return groups;
};
