import { z } from "zod";
import { documents } from "./documents.ts";

/** The form in which instants are printed. */
export const instantPattern = "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$";

/**
 * The JSON Schema of what a command prints with `--json`. Undefined: the command prints no such
 * document, or is not there.
 * @param path `plan list`
 */
export const jsonSchemaOf = (path: string) => {
  const document = Object.hasOwn(documents, path) ? documents[path] : undefined;
  return document ? printedForm(document) : undefined;
};

/**
 * The same for zod, which refuses what is not in it.
 *
 * @throws {Error} where the command prints no such document
 */
export const printedSchemaOf = (path: string): z.ZodType => {
  const schema = jsonSchemaOf(path);
  if (schema === undefined) throw new Error(`“${path}” has no document`);
  // zod reads what it has written, and has two types for it.
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
};

const printedForm = (schema: z.ZodType) =>
  z.toJSONSchema(schema, {
    override: ({ zodSchema, jsonSchema }) => {
      if (!isInstant(zodSchema)) return;
      delete jsonSchema.format;
      jsonSchema.pattern = instantPattern;
    },
  });

const isInstant = (schema: z.core.$ZodType): boolean =>
  "format" in schema._zod.def && schema._zod.def.format === "datetime";
