import { findTool } from "./tools.ts";

/** A tool that more is done with than without. */
export interface OptionalTool {
  readonly name: string;
  /** The Debian package that brings it. */
  readonly package: string;
  /** What is not done without it. */
  readonly without: string;
}

/** What is missing of the tools, and how to get it, in two lines; undefined when all are here. */
export const missingText = async (
  tools: readonly OptionalTool[],
  find: (name: string) => Promise<string | undefined> = findTool,
): Promise<string | undefined> => {
  const found = await Promise.all(tools.map(({ name }) => find(name)));
  const missing = tools.filter((_, index) => found[index] === undefined);
  if (missing.length === 0) return undefined;
  const lines = missing.map(({ name, without }) => `${name} is not installed here: without it ${without}.`);
  const packages = [...new Set(missing.map((tool) => tool.package))];
  return [...lines, `To have it all: apt-get install ${packages.join(" ")}`].join("\n");
};
