import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import {
  type ObjectChange,
  type ObjectSpec,
  objectChangeSchema,
  objectSpecSchema,
} from "../../core/api/object-spec.ts";
import { configProblems, type KeyAdvice } from "../../gateway/config/problems.ts";
import type { Host } from "../host/host.ts";
import { readYamlFile, type YamlDocument, type YamlFile, yamlDocuments } from "./yaml-file.ts";

/**
 * Reads what is to be made, one YAML document each; `-` is standard input.
 * @throws VisibleError BAD_REQUEST when it can't be read, or naming of each document that is wrong
 *   its number, the field and what is allowed there
 */
export const readObjectFile = async (
  file: string,
  host: Pick<Host, "readInput">,
): Promise<readonly [ObjectSpec, ...ObjectSpec[]]> =>
  parseObjects(await readYamlFile(file, host, { what: "file of objects", hint: "Name a YAML file with -f." }));

/** @throws VisibleError BAD_REQUEST */
export const parseObjects = (file: YamlFile): readonly [ObjectSpec, ...ObjectSpec[]] => {
  const read = documentsOf(file).map(readSpec);
  const problems = read.flatMap((one) => (one.wrong === undefined ? [] : one.wrong));
  if (problems.length > 0) throw refused(file, problems);
  const [first, ...others] = read.flatMap((one) => (one.spec === undefined ? [] : [one.spec]));
  if (first !== undefined) return [first, ...others];
  throw new VisibleError("BAD_REQUEST", `There is nothing to be made in ${file.name}.`, {
    hint: `Write a document for each object, with its kind: ${kinds.join(", ")}. docs/objects.md has them all.`,
  });
};

/** @throws VisibleError BAD_REQUEST when it can't be read, or naming each field that is wrong */
export const readChangeFile = async (file: string, host: Pick<Host, "readInput">): Promise<ObjectChange> => {
  const about = { what: "change", hint: "Name a YAML file with -f." };
  const read = await readYamlFile(file, host, about);
  const [only, ...others] = documentsOf(read);
  if (only === undefined || others.length > 0) {
    throw new VisibleError("BAD_REQUEST", `A change is one document, and ${read.name} has ${others.length + 1}.`, {
      hint: "Change one object at a time.",
    });
  }
  const change = objectChangeSchema.safeParse(only.value);
  if (change.success) return change.data;
  throw refused(read, configProblems(change.error, objectChangeSchema, keyAdvice));
};

/** What is not near by its letters. */
const keyAdvice: KeyAdvice = {
  unknown: {
    cpus: "“vcpu” is what is known here",
    ram: "“memory” is what is known here",
    network: "“switch” is what is known here",
  },
};

const documentsOf = (file: YamlFile): readonly YamlDocument[] => {
  const parsed = yamlDocuments(file.text);
  if ("documents" in parsed) return parsed.documents;
  throw refused(file, [parsed.wrong]);
};

const specSchemas = new Map<string, z.ZodType<ObjectSpec>>(
  objectSpecSchema.options.map((schema) => [schema.shape.kind.value, schema]),
);
const kinds = [...specSchemas.keys()];
const headSchema = z.object({ kind: z.unknown(), name: z.unknown() }).partial();

type ReadSpec =
  | { readonly spec: ObjectSpec; readonly wrong?: undefined }
  | { readonly spec?: undefined; readonly wrong: readonly string[] };

const readSpec = ({ value, line }: YamlDocument, index: number): ReadSpec => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { wrong: [`document ${index + 1} (line ${line}): ${shapeText(value)}`] };
  }
  const { kind, name } = headSchema.safeParse(value).data ?? {};
  const schema = typeof kind === "string" ? specSchemas.get(kind) : undefined;
  const about = schema === undefined ? "" : `, ${kind}${typeof name === "string" ? ` “${shownName(name)}”` : ""}`;
  const where = `document ${index + 1} (line ${line}${about})`;
  if (schema === undefined) return { wrong: [`${where}: kind: ${kindText(kind)}: one of ${kinds.join(", ")}`] };
  const spec = schema.safeParse(value);
  if (spec.success) return { spec: spec.data };
  return { wrong: configProblems(spec.error, schema, keyAdvice).map((problem) => `${where}: ${problem}`) };
};

/** Of what is no document. */
const shapeText = (value: unknown): string =>
  Array.isArray(value)
    ? "it is a list; write each object as a document of its own, after a line with ---"
    : `it has no fields; a document begins with its kind, one of ${kinds.join(", ")}`;

const kindText = (kind: unknown): string =>
  kind === undefined || kind === null ? "missing" : `unknown, “${shownName(String(kind))}”`;

const problemsMax = 20;

const refused = ({ name }: YamlFile, problems: readonly string[]) => {
  const shown = problems.slice(0, problemsMax);
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : [];
  return new VisibleError("BAD_REQUEST", `What is in ${name} is not right:\n  ${[...shown, ...more].join("\n  ")}`, {
    hint: "Correct these fields and try again. Nothing has been changed.",
  });
};
