import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { VisibleError } from "../core/api/errors.ts";
import { type PlanDefinition, planDefinitionSchema } from "../core/api/plan.ts";
import { configProblems } from "../gateway/config-problems.ts";
import type { Host } from "./host.ts";

/**
 * Reads a plan's definition from a YAML (or JSON) file; `-` is standard input.
 * @throws VisibleError BAD_REQUEST when it can't be read, or naming each field that is wrong and what is allowed there
 */
export const readPlanFile = async (file: string, host: Pick<Host, "readInput">): Promise<PlanDefinition> => {
  const name = file === "-" ? "standard input" : file;
  const text = file === "-" ? await host.readInput() : await readText(file);
  return parsePlan(text, name);
};

/** @throws VisibleError BAD_REQUEST */
export const parsePlan = (text: string, name: string): PlanDefinition => {
  const result = planDefinitionSchema.safeParse(yamlIn(text, name));
  if (result.success) return result.data;
  throw refused(name, configProblems(result.error, planDefinitionSchema));
};

const readText = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VisibleError("BAD_REQUEST", `The plan can't be read: ${why}.`, {
      hint: "Name a file that is there with -f, or -f - for standard input.",
      cause,
    });
  });

const yamlIn = (text: string, name: string): unknown => {
  // The parser takes long over a disk image, and quotes it.
  if (text.includes("\0"))
    throw new VisibleError("BAD_REQUEST", `What is in ${name} is no text.`, {
      hint: "Name a plan's YAML file with -f.",
    });
  try {
    return parse(text);
  } catch (error) {
    // The parser's message names line and column in its first line, and shows the place in the following ones.
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw refused(name, [first.replace(/:$/, "")], error);
  }
};

const refused = (name: string, problems: readonly string[], cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The plan in ${name} is not right:\n  ${problems.join("\n  ")}`, {
    hint: "Correct these fields and try again.",
    cause,
  });
